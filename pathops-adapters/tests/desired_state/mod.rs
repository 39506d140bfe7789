//! A desired-state repository of one unit in one environment, which the tests of GitOps controllers have in common.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{Clock as _, FileChange, NewCommit, Scm, SourceFile, SourceTree};
use pathops_core::conformance::gitops::{Committed, Desired, DesiredState};
use pathops_core::memory::MemoryForge;
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{BranchName, CommitId, Digest, IdempotencyKey, OpContext, Principal, RepoId, RepoPath, UnitId};

pub(crate) fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

pub(crate) fn unit() -> UnitId {
    "orders".parse().unwrap()
}

pub(crate) fn target() -> EnvironmentTarget {
    EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight)
}

pub(crate) fn repo() -> RepoId {
    "shop/orders-gitops".parse().unwrap()
}

/// A desired-state repository.
#[derive(Clone, Debug)]
pub(crate) struct Git {
    pub(crate) scm: Arc<dyn Scm>,
}

fn file(text: &str) -> SourceFile {
    SourceFile { bytes: text.as_bytes().to_vec(), executable: false }
}

impl Git {
    pub(crate) fn new() -> Self {
        let forge = MemoryForge::new(Arc::new(SystemClock));
        let files = SourceTree::from([("README.md".parse().unwrap(), file("read me\n"))]);
        forge.create_repo(&repo(), &BTreeMap::from([(target().branch, files)])).unwrap();
        Self { scm: forge.scm(Principal::System) }
    }

    pub(crate) async fn head(&self) -> CommitId {
        self.scm.branch_head(&cx(), &repo(), &target().branch).await.unwrap().unwrap()
    }

    pub(crate) async fn write(&self, files: &[(RepoPath, String)]) -> CommitId {
        let branch: BranchName = target().branch;
        let change = |(path, text): &(RepoPath, String)| FileChange { path: path.clone(), file: Some(file(text)) };
        let new = NewCommit {
            branch,
            expected_head: self.head().await,
            message: "Change files".to_owned(),
            author: Principal::System,
            at: SystemClock.now(),
            changes: files.iter().map(change).collect(),
        };
        self.scm.commit(&cx(), &repo(), &new).await.unwrap()
    }
}

fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

#[async_trait]
impl DesiredState for Git {
    async fn commit(&self, desired: Desired) -> Committed {
        let fate = match desired {
            Desired::Healthy { version } => format!("version {version}"),
            other => format!("{other:?}"),
        };
        let within = |name: &str| target().path.join(name).unwrap();
        let commit = if desired == Desired::Unchanged {
            self.write(&[("README.md".parse().unwrap(), format!("{}\n", self.head().await))]).await
        } else {
            self.write(&[(within("desired"), fate.clone()), (within("image"), digest(&fate).to_string())]).await
        };
        let tree = self.scm.tree_at(&cx(), &repo(), &commit, &target().path).await.unwrap().unwrap();
        let image = self.scm.read_file(&cx(), &repo(), &commit, &within("image")).await.unwrap().unwrap();
        let artifact = Some(String::from_utf8(image).unwrap().parse().unwrap());
        Committed { commit, tree, artifact }
    }
}
