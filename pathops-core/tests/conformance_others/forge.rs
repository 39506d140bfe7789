//! A forge with one repository, and a clock on which sleeping lets time pass.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{Clock, FileChange, NewCommit, Scm, SourceFile, SourceTree};
use pathops_core::memory::{Faults, ManualClock, MemoryForge};
use pathops_core::{BranchName, CommitId, IdempotencyKey, OpContext, Principal, RepoId, RepoPath, TreeId, UnixMillis};

/// Nobody drives the clock of a single case: whoever sleeps moves it.
#[derive(Clone, Debug)]
pub(crate) struct SelfMoving(pub(crate) ManualClock);

#[async_trait]
impl Clock for SelfMoving {
    fn now(&self) -> UnixMillis {
        self.0.now()
    }

    async fn sleep(&self, duration: Duration) {
        self.0.advance(duration);
    }
}

/// Faults that never strike. Each fixture hands its adapter on through them, so that what forwards is under test too.
pub(crate) fn no_faults() -> Arc<Faults> {
    Arc::new(Faults::new(0, Arc::new(ManualClock::new(UnixMillis(0)))))
}

#[derive(Clone, Debug)]
pub(crate) struct Forge {
    pub(crate) clock: SelfMoving,
    pub(crate) scm: Arc<dyn Scm>,
    pub(crate) repo: RepoId,
    pub(crate) branch: BranchName,
}

pub(crate) fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

pub(crate) fn file(text: &str) -> SourceFile {
    SourceFile { bytes: text.as_bytes().to_vec(), executable: false }
}

pub(crate) fn path(text: &str) -> RepoPath {
    text.parse().unwrap()
}

impl Forge {
    /// A repository with a README on its branch.
    pub(crate) fn new(repo: &str, branch: &str) -> Self {
        let clock = SelfMoving(ManualClock::new("2026-11-22T12:00:00Z".parse().unwrap()));
        let forge = MemoryForge::new(Arc::new(clock.clone()));
        let (repo, branch) = (repo.parse().unwrap(), BranchName::parse(branch).unwrap());
        let files = SourceTree::from([(path("README.md"), file("read me\n"))]);
        forge.create_repo(&repo, &BTreeMap::from([(branch.clone(), files)])).unwrap();
        Self { clock, scm: forge.scm(Principal::System), repo, branch }
    }

    pub(crate) async fn head(&self) -> CommitId {
        self.scm.branch_head(&cx(), &self.repo, &self.branch).await.unwrap().unwrap()
    }

    /// Writes these files in one commit.
    pub(crate) async fn commit(&self, files: &[(&str, String)]) -> CommitId {
        self.clock.0.advance(Duration::from_secs(1));
        let change = |(name, text): &(&str, String)| FileChange { path: path(name), file: Some(file(text)) };
        let new = NewCommit {
            branch: self.branch.clone(),
            expected_head: self.head().await,
            message: "Change files".to_owned(),
            author: Principal::System,
            at: self.clock.now(),
            changes: files.iter().map(change).collect(),
        };
        self.scm.commit(&cx(), &self.repo, &new).await.unwrap()
    }

    pub(crate) async fn tree(&self, commit: &CommitId, folder: &RepoPath) -> TreeId {
        self.scm.tree_at(&cx(), &self.repo, commit, folder).await.unwrap().unwrap()
    }
}
