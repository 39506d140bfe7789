//! The fake of GitHub, and the adapter before it. People act on its web pages, where PathOps never is.

use std::sync::Arc;

use async_trait::async_trait;
use pathops_adapters::github::{GitHub, GitHubConfig};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{BranchProtection, Merge, ReviewState, Scm};
use pathops_core::project::Project;
use pathops_core::{BranchName, Error, ErrorKind, PersonId, RepoId, Result};
use pathops_fakes::github::{APP_ID, APP_KEY, Fake};

use super::{Calls, GitHost, Reviewed};
use crate::Failure;
use crate::place::Place;
use crate::setup;

pub(super) struct FakeGitHub {
    fake: Fake<SystemClock>,
    github: GitHub,
}

impl FakeGitHub {
    /// Starts it on 127.0.0.1. It ends with the runtime.
    pub(super) async fn start(place: &Place, project: &Project) -> std::result::Result<Self, Failure> {
        let fake = Fake::start(SystemClock, None).await;
        for (repo, _) in setup::repositories(project)? {
            fake.host(repo.as_str(), &place.repository(repo));
        }
        let of = project.id.clone();
        // Builds are reported as check runs, which only an App may write.
        let config = GitHubConfig::app(APP_ID, APP_KEY).at(fake.web()).projects(move |_| Some(of.clone()));
        Ok(Self { fake, github: GitHub::new(config, Arc::new(SystemClock))? })
    }
}

#[async_trait]
impl GitHost for FakeGitHub {
    fn scm(&self) -> Arc<dyn Scm> {
        self.github.scm()
    }

    fn merger(&self) -> Arc<dyn Merge> {
        self.github.merger()
    }

    async fn protect(&self, repo: &RepoId, branch: &BranchName, rules: BranchProtection) -> Result<()> {
        self.fake.protect(repo.as_str(), branch.as_str(), rules);
        Ok(())
    }

    async fn review(&self, who: &PersonId, at: Reviewed<'_>, state: ReviewState, _text: &str) -> Result<()> {
        let state = match state {
            ReviewState::Approved => "APPROVED",
            ReviewState::ChangesRequested => "CHANGES_REQUESTED",
            ReviewState::Commented => "COMMENTED",
            ReviewState::Dismissed => "DISMISSED",
        };
        self.fake.review(who.as_str(), at.repo.as_str(), at.number.0, at.head.as_str(), state);
        Ok(())
    }

    async fn merge(&self, who: &PersonId, at: Reviewed<'_>) -> Result<()> {
        let merged = self.fake.merge(who.as_str(), at.repo.as_str(), at.number.0, at.head.as_str());
        merged.map(|_| ()).map_err(|(status, words)| {
            let kind = if status == 405 { ErrorKind::Denied } else { ErrorKind::Conflict };
            Error::new(kind, "merge a pull request").on(format!("{}{}", at.repo, at.number)).because(words)
        })
    }

    fn calls(&self, project: &Project) -> Option<Calls> {
        let usage = self.github.usage();
        let desired_state = project.units.values().map(|unit| self.fake.counted(unit.desired_state.as_str())).sum();
        Some(Calls { counted: usage.calls, not_modified: usage.not_modified, desired_state })
    }
}
