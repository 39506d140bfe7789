//! GitHub: the conformance kit, by a token and as an App, and what can go wrong, on a server of our own that is held against
//! GitHub's description of its API.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]
#![expect(clippy::print_stderr, reason = "a skip is told")]

mod description;
mod faults;
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Trial};
use pathops_core::adapter::ScmCapabilities;
use pathops_core::conformance::{merge, scm};
use world::By;

fn main() -> ExitCode {
    let mut offers = ScmCapabilities::default();
    (offers.branch_protection, offers.reviewers, offers.title_max_chars) = (true, true, Some(256));
    (offers.team_reviewers, offers.drafts, offers.labels, offers.assignees) = (true, true, true, true);
    offers.code_owners = true;
    let mut by_token = scm::trials(Arc::new(By::Token), offers);
    by_token.extend(merge::trials(Arc::new(By::Token)));
    offers.check_runs = true;
    let mut by_app = scm::trials(Arc::new(By::App), offers);
    by_app.extend(merge::trials(Arc::new(By::App)));
    let named = |trials: Vec<Trial>, by| trials.into_iter().map(move |trial| trial.with_kind(by));
    let trials = named(by_token, "token").chain(named(by_app, "app")).chain(faults::trials()).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
