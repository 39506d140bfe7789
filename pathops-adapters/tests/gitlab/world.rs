//! The fake with a shop in it, and the adapter before it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pathops_adapters::gitlab::{GitLab, GitLabConfig};
use pathops_core::adapter::{BranchProtection, Clock as _, ReviewState};
use pathops_core::conformance::merge::{MergeFixture, MergeWorld};
use pathops_core::conformance::scm::{People, ScmFixture, ScmWorld};
use pathops_core::memory::ManualClock;
use pathops_core::{BranchName, CommitId, PersonId, PullRequestNumber, RepoId, Result, UnixMillis};
use pathops_fakes::gitlab::{Hosted, Merging};

use crate::recorded;

pub(crate) const REPO: &str = "shop/web-gitops";
pub(crate) const TOKEN: &str = "glpat-secret-of-the-tests";
pub(crate) const BOT: &str = "project_42_bot_1f";

/// The server, whose clock the tests wind.
pub(crate) type Fake = pathops_fakes::gitlab::Fake<ManualClock>;

pub(crate) fn gitlab(fake: &Fake) -> GitLab {
    GitLab::new(GitLabConfig::at(fake.web(), TOKEN), Arc::new(fake.clock())).unwrap()
}

/// The server with one project.
pub(crate) async fn shop() -> Fake {
    let fake = Fake::start(ManualClock::new(UnixMillis(1_795_348_800_000))).await;
    let mut state = fake.state();
    state.users =
        [(BOT, true), ("alice", false), ("bob", false), ("renovate", true)].map(|(name, bot)| (name.to_owned(), bot)).to_vec();
    state.tokens.insert(TOKEN.to_owned(), BOT.to_owned());
    let hosted = Hosted::new(42, REPO, &[("README.md", "Read me.\n"), ("src/a.txt", "a\n")]);
    state.projects.insert(REPO.to_owned(), hosted);
    drop(state);
    fake
}

/// Where an answer is not as GitLab's are, the case fails.
#[derive(Debug)]
struct Checked(Fake);

impl Drop for Checked {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            recorded::check(&self.0);
        }
    }
}

/// Makes shops.
#[derive(Debug)]
pub(crate) struct Shops;

fn world(fake: Fake, [gitlab, restarted]: [&GitLab; 2]) -> ScmWorld {
    ScmWorld {
        scm: gitlab.scm(),
        restarted: restarted.scm(),
        people: Arc::new(ThePeople(fake.clone())),
        repo: REPO.parse().unwrap(),
        missing: "shop/none".parse().unwrap(),
        guard: Box::new(Checked(fake)),
    }
}

#[async_trait]
impl ScmFixture for Shops {
    async fn fresh(&self) -> ScmWorld {
        let fake = shop().await;
        let both = [gitlab(&fake), gitlab(&fake)];
        world(fake, both.each_ref())
    }
}

#[async_trait]
impl MergeFixture for Shops {
    async fn fresh(&self) -> MergeWorld {
        let fake = shop().await;
        let both = [gitlab(&fake), gitlab(&fake)];
        let host = world(fake, both.each_ref());
        MergeWorld { merge: both[0].merger(), restarted: both[1].merger(), host }
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
        said: ReviewState,
    ) -> Result<()> {
        // GitLab shows nobody another commit than the head.
        self.0.review(who.as_str(), repo.as_str(), number.0, commit.as_str(), said).unwrap();
        // Nobody pushes in the same instant: then nobody could tell what was reviewed.
        self.0.clock().advance(Duration::from_secs(1));
        Ok(())
    }

    async fn comment(&self, who: &PersonId, repo: &RepoId, number: PullRequestNumber, body: &str) -> Result<()> {
        let at = self.0.clock().now();
        let mut state = self.0.state();
        let id = state.number();
        state.project(repo.as_str()).pulls.get_mut(&number.0).unwrap().comment(id, who.as_str(), body, at);
        Ok(())
    }

    async fn merge(&self, who: &PersonId, repo: &RepoId, number: PullRequestNumber, head: &CommitId) -> Result<CommitId> {
        let at = self.0.clock().now();
        let mut state = self.0.state();
        let hosted = state.project(repo.as_str());
        let merged = hosted.merge(who.as_str(), number.0, Merging::Commit, at);
        assert!(hosted.contains(&merged, head.as_str()), "another head was merged");
        Ok(merged.parse().unwrap())
    }

    async fn protect(&self, repo: &RepoId, branch: &BranchName, rules: BranchProtection) -> Result<()> {
        self.0.protect(repo.as_str(), branch.as_str(), rules);
        Ok(())
    }
}
