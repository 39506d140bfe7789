//! What every Git host adapter must do.
//!
//! ```no_run
//! # use std::sync::Arc;
//! # use pathops_core::adapter::ScmCapabilities;
//! # use pathops_core::conformance::scm::{ScmFixture, trials};
//! # fn conforms(my_fixture: Arc<dyn ScmFixture>, my_capabilities: ScmCapabilities) -> std::process::ExitCode {
//! // in the `main` of a test without a harness:
//! let trials = trials(my_fixture, my_capabilities);
//! libtest_mimic::run(&libtest_mimic::Arguments::from_args(), trials).exit_code()
//! # }
//! ```

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::case::{Case, Fresh, into_trials};
use crate::adapter::{BranchProtection, ReviewState, Scm, ScmCapabilities};
use crate::error::Result;
use crate::id::{BranchName, CommitId, PersonId, PullRequestNumber, RepoId};

mod authors;
mod branches;
pub(super) mod checks;
mod commits;
mod grant;
mod log;
mod meta;
mod optional;
mod pull_requests;
mod reading;
mod talk;
mod unknown;
pub(super) mod world;

/// A Git host and what surrounds it, for one case.
#[derive(Debug)]
pub struct ScmWorld {
    /// The adapter under test.
    pub scm: Arc<dyn Scm>,
    /// Another one for the same host with the same credential, as after a restart.
    pub restarted: Arc<dyn Scm>,
    /// What people do there.
    pub people: Arc<dyn People>,
    /// An unprotected repository with the branch `main`, which holds `README.md` and `src/a.txt`. Where teams can be asked
    /// for a review, its owner has the teams `platform` and `security`.
    pub repo: RepoId,
    /// A repository that does not exist.
    pub missing: RepoId,
    /// Dropping it removes what was made.
    pub guard: Box<dyn Any + Send>,
}

/// What people do on a Git host, and the traits under test cannot.
#[async_trait]
pub trait People: Debug + Send + Sync + 'static {
    /// Two people whom the host knows; neither is behind the credential of the adapter.
    fn names(&self) -> [PersonId; 2];

    /// A person reviews a pull request, at a commit that they looked at.
    async fn review(
        &self,
        who: &PersonId,
        repo: &RepoId,
        number: PullRequestNumber,
        commit: &CommitId,
        state: ReviewState,
    ) -> Result<()>;

    /// A person writes a comment.
    async fn comment(&self, who: &PersonId, repo: &RepoId, number: PullRequestNumber, body: &str) -> Result<()>;

    /// A person merges a pull request, with a merge commit.
    async fn merge(&self, who: &PersonId, repo: &RepoId, number: PullRequestNumber, head: &CommitId) -> Result<CommitId>;

    /// An administrator protects a branch.
    async fn protect(&self, repo: &RepoId, branch: &BranchName, rules: BranchProtection) -> Result<()>;
}

/// Makes worlds.
#[async_trait]
pub trait ScmFixture: Send + Sync + 'static {
    /// A fresh world that no other case sees. It panics where there can be none: that is a defect of the set-up.
    async fn fresh(&self) -> ScmWorld;
}

/// The cases for an adapter with these capabilities.
#[must_use]
pub fn cases(capabilities: ScmCapabilities) -> Vec<Case<ScmWorld>> {
    let mut all = branches::cases();
    all.extend(commits::cases());
    all.extend(authors::cases());
    all.extend(log::cases());
    all.extend(reading::cases());
    all.extend(pull_requests::cases());
    all.extend(talk::cases());
    all.extend(checks::cases());
    all.extend(grant::cases());
    all.extend(unknown::cases());
    all.extend(optional::cases(capabilities));
    all.extend(meta::cases(capabilities));
    all
}

/// The cases as trials. `capabilities` is what the adapter is meant to declare, written down by its author.
#[must_use]
pub fn trials(fixture: Arc<dyn ScmFixture>, capabilities: ScmCapabilities) -> Vec<Trial> {
    into_trials(cases(capabilities), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn ScmFixture>) -> Fresh<ScmWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}
