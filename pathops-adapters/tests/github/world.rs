//! The fake with a shop in it, and the adapter before it.

use std::sync::Arc;

use async_trait::async_trait;
use pathops_adapters::github::{GitHub, GitHubConfig};
use pathops_core::adapter::{BranchProtection, ReviewState};
use pathops_core::conformance::merge::{MergeFixture, MergeWorld};
use pathops_core::conformance::scm::{People, ScmFixture, ScmWorld};
use pathops_core::memory::ManualClock;
use pathops_core::{BranchName, CommitId, PersonId, PullRequestNumber, RepoId, Result, UnixMillis};
use pathops_fakes::github::{APP_ID, APP_KEY, Hosted, Merging, Who};

use crate::description::Description;

pub(crate) const REPO: &str = "shop/web-gitops";
pub(crate) const TOKEN: &str = "ghp_secret-of-the-tests";

/// The server, whose clock the tests wind.
pub(crate) type Fake = pathops_fakes::github::Fake<ManualClock>;

/// By what the adapter speaks to it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    Token,
    App,
}

/// Where an exchange is not as GitHub describes its API, the case fails.
#[derive(Debug)]
struct Checked(Fake);

impl Drop for Checked {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.0.check();
        }
    }
}

impl By {
    pub(crate) fn github(self, fake: &Fake) -> GitHub {
        let config = match self {
            By::Token => GitHubConfig::token(TOKEN),
            By::App => GitHubConfig::app(APP_ID, APP_KEY),
        };
        GitHub::new(config.at(fake.web()), Arc::new(fake.clock())).unwrap()
    }
}

/// The server with one repository and nobody but the adapter's account.
pub(crate) async fn shop() -> Fake {
    let fake = Fake::start(ManualClock::new(UnixMillis(1_795_348_800_000)), Description::official()).await;
    let mut state = fake.state();
    state.tokens.insert(TOKEN.to_owned(), Who { login: "pathops-bot".to_owned(), is_app: false, only: None });
    let hosted = Hosted::new(42, REPO, &[("README.md", "Read me.\n"), ("src/a.txt", "a\n")]);
    state.repos.insert(REPO.to_owned(), hosted);
    drop(state);
    fake
}

impl By {
    fn world(self, fake: Fake, [github, restarted]: [&GitHub; 2]) -> ScmWorld {
        ScmWorld {
            scm: github.scm(),
            restarted: restarted.scm(),
            people: Arc::new(ThePeople(fake.clone())),
            repo: REPO.parse().unwrap(),
            missing: "shop/none".parse().unwrap(),
            guard: Box::new(Checked(fake)),
        }
    }
}

#[async_trait]
impl ScmFixture for By {
    async fn fresh(&self) -> ScmWorld {
        let fake = shop().await;
        let [github, restarted] = [self.github(&fake), self.github(&fake)];
        self.world(fake, [&github, &restarted])
    }
}

#[async_trait]
impl MergeFixture for By {
    async fn fresh(&self) -> MergeWorld {
        let fake = shop().await;
        let [github, restarted] = [self.github(&fake), self.github(&fake)];
        let host = self.world(fake, [&github, &restarted]);
        MergeWorld { merge: github.merger(), restarted: restarted.merger(), host }
    }
}

/// What people do on the web pages.
#[derive(Debug)]
struct ThePeople(Fake);

#[async_trait]
impl People for ThePeople {
    fn names(&self) -> [PersonId; 2] {
        ["alice", "bob"].map(|name| name.parse().unwrap())
    }

    async fn review(
        &self,
        who: &PersonId,
        repo: &RepoId,
        number: PullRequestNumber,
        commit: &CommitId,
        state: ReviewState,
    ) -> Result<()> {
        let said = match state {
            ReviewState::Approved => "APPROVED",
            ReviewState::ChangesRequested => "CHANGES_REQUESTED",
            ReviewState::Commented => "COMMENTED",
            ReviewState::Dismissed => "DISMISSED",
        };
        let mut state = self.0.state();
        let (id, at) = (state.number(), pathops_core::adapter::Clock::now(&self.0.clock()));
        state.repo(repo.as_str()).review(who.as_str(), number.0, commit.as_str(), said, id, at);
        Ok(())
    }

    async fn comment(&self, who: &PersonId, repo: &RepoId, number: PullRequestNumber, body: &str) -> Result<()> {
        let mut state = self.0.state();
        let id = state.number();
        state.repo(repo.as_str()).comment(who.as_str(), number.0, id, body);
        Ok(())
    }

    async fn merge(&self, who: &PersonId, repo: &RepoId, number: PullRequestNumber, head: &CommitId) -> Result<CommitId> {
        let at = pathops_core::adapter::Clock::now(&self.0.clock());
        let mut state = self.0.state();
        let hosted = state.repo(repo.as_str());
        let merged = hosted.merge(who.as_str(), number.0, Merging::Commit, at);
        assert!(hosted.contains(&merged, head.as_str()), "another head was merged");
        Ok(merged.parse().unwrap())
    }

    async fn protect(&self, repo: &RepoId, branch: &BranchName, rules: BranchProtection) -> Result<()> {
        self.0.state().repo(repo.as_str()).protections.insert(branch.to_string(), rules);
        Ok(())
    }
}
