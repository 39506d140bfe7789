//! The Git host of the project: the embedded forge, or the fake of a vendor's that the example starts itself. Whoever hosts them,
//! the repositories are bare ones in the folder of the run, where CI and the reconciler look for them.

#[cfg(feature = "github")]
mod github;
#[cfg(feature = "gitlab")]
mod gitlab;

use std::sync::Arc;

use async_trait::async_trait;
use clap::ValueEnum;
use pathops_adapters::local_forge::LocalForge;
use pathops_core::adapter::{BranchProtection, Merge, ReviewState, Scm};
use pathops_core::project::Project;
use pathops_core::{BranchName, CommitId, PersonId, Principal, PullRequestNumber, RepoId, Result};
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::place::Place;

/// Which Git host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Choice {
    /// The embedded forge.
    #[default]
    Local,
    /// A fake of GitHub; needs `--features github`.
    #[value(name = "github")]
    GitHub,
    /// A fake of GitLab; needs `--features gitlab`.
    #[value(name = "gitlab")]
    GitLab,
}

impl Choice {
    /// Refuses one that was not built in.
    pub(crate) fn check(self) -> std::result::Result<(), Failure> {
        let (name, feature, is_there) = match self {
            Choice::Local => return Ok(()),
            Choice::GitHub => ("GitHub", "github", cfg!(feature = "github")),
            Choice::GitLab => ("GitLab", "gitlab", cfg!(feature = "gitlab")),
        };
        if is_there {
            return Ok(());
        }
        Err(format!("this program was built without {name}: build it with `--features {feature}`").into())
    }
}

/// A Git host, as PathOps sees it and as people do.
#[async_trait]
pub(crate) trait GitHost: Send + Sync {
    /// What PathOps may do.
    fn scm(&self) -> Arc<dyn Scm>;

    /// And what it may do where it is let merge.
    fn merger(&self) -> Arc<dyn Merge>;

    /// Sets what a branch asks of pull requests, as who owns the repository does.
    async fn protect(&self, repo: &RepoId, branch: &BranchName, rules: BranchProtection) -> Result<()>;

    /// Somebody reviews an open pull request at the head that they looked at.
    async fn review(&self, who: &PersonId, at: Reviewed<'_>, state: ReviewState, text: &str) -> Result<()>;

    /// Somebody merges it; `Denied` as long as its branch asks for more.
    async fn merge(&self, who: &PersonId, at: Reviewed<'_>) -> Result<()>;

    /// What this run has asked of its API, where it has one.
    fn calls(&self, _project: &Project) -> Option<Calls> {
        None
    }
}

/// A pull request, at a head.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reviewed<'a> {
    pub(crate) repo: &'a RepoId,
    pub(crate) number: PullRequestNumber,
    pub(crate) head: &'a CommitId,
}

/// Calls of a host's API.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Calls {
    /// Those that were answered with something new.
    pub(crate) counted: u64,
    /// Those that were answered with "not modified", which GitHub does not hold against its limit, and GitLab does.
    pub(crate) not_modified: u64,
    /// Of those with something new, those about repositories of desired state.
    pub(crate) desired_state: u64,
}

/// The host, with the repositories of the project that lie in `place`.
pub(crate) async fn open(
    choice: Choice,
    place: &Place,
    forge: &LocalForge,
    project: &Project,
) -> std::result::Result<Arc<dyn GitHost>, Failure> {
    choice.check()?;
    #[cfg(feature = "github")]
    if choice == Choice::GitHub {
        return Ok(Arc::new(github::FakeGitHub::start(place, project).await?));
    }
    #[cfg(feature = "gitlab")]
    if choice == Choice::GitLab {
        return Ok(Arc::new(gitlab::FakeGitLab::start(place, project).await?));
    }
    let _ = (place, project);
    Ok(Arc::new(forge.clone()))
}

#[async_trait]
impl GitHost for LocalForge {
    fn scm(&self) -> Arc<dyn Scm> {
        LocalForge::scm(self, Principal::System)
    }

    fn merger(&self) -> Arc<dyn Merge> {
        LocalForge::merger(self, Principal::System)
    }

    async fn protect(&self, repo: &RepoId, branch: &BranchName, rules: BranchProtection) -> Result<()> {
        LocalForge::protect(self, repo, branch, rules).await
    }

    async fn review(&self, who: &PersonId, at: Reviewed<'_>, state: ReviewState, text: &str) -> Result<()> {
        self.person(who.clone()).review(at.repo, at.number, state, at.head, text).await
    }

    async fn merge(&self, who: &PersonId, at: Reviewed<'_>) -> Result<()> {
        self.person(who.clone()).merge(at.repo, at.number, at.head).await.map(|_| ())
    }
}
