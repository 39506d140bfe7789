//! The in-memory forge as a fixture of the kit.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::adapter::{BranchProtection, Merge, ReviewState, Scm, ScmCapabilities, SourceFile};
use pathops_core::conformance::merge::{MergeFixture, MergeWorld};
use pathops_core::conformance::scm::{People, ScmFixture, ScmWorld};
use pathops_core::memory::{ManualClock, MemoryForge};
use pathops_core::{BranchName, CommitId, PersonId, Principal, PullRequestNumber, RepoId, Result, UnixMillis};

/// Puts something between an adapter and the cases.
pub(crate) type Wrap<T> = Arc<dyn Fn(&MemoryForge, Arc<T>) -> Arc<T> + Send + Sync>;

/// A forge, with something between its adapters and the cases.
#[derive(Clone)]
pub(crate) struct Memory {
    pub(crate) offers: ScmCapabilities,
    pub(crate) scm: Wrap<dyn Scm>,
    pub(crate) merge: Wrap<dyn Merge>,
}

impl Memory {
    /// Nothing in between.
    pub(crate) fn plain(offers: ScmCapabilities) -> Self {
        Self { offers, scm: Arc::new(|_, scm| scm), merge: Arc::new(|_, merge| merge) }
    }

    fn world(&self, forge: &MemoryForge) -> ScmWorld {
        let scm = || (self.scm)(forge, forge.scm(Principal::System));
        ScmWorld {
            scm: scm(),
            restarted: scm(),
            people: Arc::new(Visitors(forge.clone())),
            repo: repo(),
            missing: "shop/missing".parse().unwrap(),
            guard: Box::new(()),
        }
    }
}

pub(crate) fn repo() -> RepoId {
    "shop/orders-src".parse().unwrap()
}

/// A forge with one repository, whose branch `main` has two files.
pub(crate) fn forge(offers: ScmCapabilities) -> MemoryForge {
    let clock = ManualClock::new(UnixMillis(1_790_000_000_000));
    let forge = MemoryForge::new(Arc::new(clock)).with_capabilities(offers);
    let file = |text: &str| SourceFile { bytes: text.as_bytes().to_vec(), executable: false };
    let files = [("README.md", "# Orders\n"), ("src/a.txt", "a\n")].map(|(path, text)| (path.parse().unwrap(), file(text)));
    forge.create_repo(&repo(), &BTreeMap::from([("main".parse().unwrap(), files.into())])).unwrap();
    forge
}

#[async_trait]
impl ScmFixture for Memory {
    async fn fresh(&self) -> ScmWorld {
        self.world(&forge(self.offers))
    }
}

#[async_trait]
impl MergeFixture for Memory {
    async fn fresh(&self) -> MergeWorld {
        let forge = forge(self.offers);
        let merge = || (self.merge)(&forge, forge.merger(Principal::System));
        MergeWorld { merge: merge(), restarted: merge(), host: self.world(&forge) }
    }
}

/// The people in front of the forge.
#[derive(Debug)]
struct Visitors(MemoryForge);

#[async_trait]
impl People for Visitors {
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
        self.0.person(who.clone()).review(repo, number, commit, state, "")
    }

    async fn comment(&self, who: &PersonId, repo: &RepoId, number: PullRequestNumber, body: &str) -> Result<()> {
        self.0.person(who.clone()).comment(repo, number, body)
    }

    async fn merge(&self, who: &PersonId, repo: &RepoId, number: PullRequestNumber, head: &CommitId) -> Result<CommitId> {
        self.0.person(who.clone()).merge(repo, number, head)
    }

    async fn protect(&self, repo: &RepoId, branch: &BranchName, rules: BranchProtection) -> Result<()> {
        self.0.protect(repo, branch, rules)
    }
}
