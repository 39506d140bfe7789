//! The fake of GitLab, and the adapter before it. People act on its web pages, where PathOps never is.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pathops_adapters::gitlab::{GitLab, GitLabConfig};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{BranchProtection, Merge, ReviewState, Scm};
use pathops_core::project::Project;
use pathops_core::{BranchName, Error, ErrorKind, PersonId, RepoId, Result};
use pathops_fakes::gitlab::Fake;

use super::{Calls, GitHost, Reviewed};
use crate::Failure;
use crate::place::Place;
use crate::setup;

pub(super) struct FakeGitLab {
    fake: Fake<SystemClock>,
    gitlab: GitLab,
}

impl FakeGitLab {
    /// Starts it on 127.0.0.1. It ends with the runtime.
    pub(super) async fn start(place: &Place, project: &Project) -> std::result::Result<Self, Failure> {
        let fake = Fake::start(SystemClock).await;
        // One for all repositories, which are those of a group.
        let token = fake.access_token();
        project.people.keys().for_each(|person| fake.person(&user_name(person)));
        for (repo, _) in setup::repositories(project)? {
            fake.host(repo.as_str(), &place.repository(repo));
        }
        let of = project.id.clone();
        // The people here approve no page that they opened before.
        let config = GitLabConfig::at(fake.web(), token).projects(move |_| Some(of.clone())).pages_settle_in(Duration::ZERO);
        Ok(Self { fake, gitlab: GitLab::new(config, Arc::new(SystemClock))? })
    }
}

/// The name of a person's account, as the adapter has it.
fn user_name(person: &PersonId) -> String {
    person.as_str().replace("---", ".").replace("--", "_")
}

#[async_trait]
impl GitHost for FakeGitLab {
    fn scm(&self) -> Arc<dyn Scm> {
        self.gitlab.scm()
    }

    fn merger(&self) -> Arc<dyn Merge> {
        self.gitlab.merger()
    }

    async fn protect(&self, repo: &RepoId, branch: &BranchName, rules: BranchProtection) -> Result<()> {
        self.fake.protect(repo.as_str(), branch.as_str(), rules);
        Ok(())
    }

    async fn review(&self, who: &PersonId, at: Reviewed<'_>, state: ReviewState, _text: &str) -> Result<()> {
        let reviewed = self.fake.review(&user_name(who), at.repo.as_str(), at.number.0, at.head.as_str(), state);
        reviewed.map_err(|refusal| refused("review a merge request", at, refusal))
    }

    async fn merge(&self, who: &PersonId, at: Reviewed<'_>) -> Result<()> {
        let merged = self.fake.merge(&user_name(who), at.repo.as_str(), at.number.0, at.head.as_str());
        merged.map(|_| ()).map_err(|refusal| refused("merge a merge request", at, refusal))
    }

    fn calls(&self, project: &Project) -> Option<Calls> {
        let usage = self.gitlab.usage();
        let desired_state = project.units.values().map(|unit| self.fake.counted(unit.desired_state.as_str())).sum();
        Some(Calls { counted: usage.calls, not_modified: usage.not_modified, desired_state })
    }
}

fn refused(operation: &'static str, at: Reviewed<'_>, (status, words): (u16, String)) -> Error {
    let kind = if status == 405 { ErrorKind::Denied } else { ErrorKind::Conflict };
    Error::new(kind, operation).on(format!("{}{}", at.repo, at.number)).because(words)
}
