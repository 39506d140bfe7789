//! GitLab: the conformance kit, and what can go wrong, on a server of our own that is held against answers that GitLab gave.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]
#![expect(clippy::print_stderr, reason = "a skip is told")]

mod faults;
mod recorded;
mod world;

use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::Arguments;
use pathops_core::adapter::ScmCapabilities;
use pathops_core::conformance::{merge, scm};
use world::Shops;

fn main() -> ExitCode {
    let mut offers = ScmCapabilities::default();
    (offers.branch_protection, offers.reviewers, offers.title_max_chars) = (true, true, Some(255));
    (offers.drafts, offers.labels, offers.assignees) = (true, true, true);
    offers.code_owners = true;
    offers.draft_marks = &["draft:", "[draft]", "(draft)"];
    let mut trials = scm::trials(Arc::new(Shops), offers);
    trials.extend(merge::trials(Arc::new(Shops)));
    trials.extend(faults::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
