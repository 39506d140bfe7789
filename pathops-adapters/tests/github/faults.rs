//! What can go wrong between here and GitHub, and what GitHub is like beyond the kit.

mod answers;
mod limits;
mod meta;
mod places;
mod size;
mod trust;

use std::sync::Arc;

use libtest_mimic::{Failed, Trial};
use pathops_adapters::github::GitHub;
use pathops_core::adapter::{CheckState, FileChange, NewCommit, NewPullRequest, PullRequest, PullRequestMeta, Scm, SourceFile};
use pathops_core::policy::CommitStatus;
use pathops_core::{CommitId, Effect, Error, ErrorKind, IdempotencyKey, OpContext, Principal, RepoId, Result, UnixMillis};

use crate::world::{By, Fake, REPO, shop};

pub(crate) fn trials() -> Vec<Trial> {
    let mut all = answers::trials();
    all.extend(limits::trials());
    all.extend(meta::trials());
    all.extend(places::trials());
    all.extend(size::trials());
    all.extend(trust::trials());
    all
}

/// The server, the adapter, and one repository.
pub(crate) struct Shop {
    fake: Fake,
    github: GitHub,
    scm: Arc<dyn Scm>,
    repo: RepoId,
}

impl Shop {
    async fn new(by: By) -> Self {
        let fake = shop().await;
        let github = by.github(&fake);
        Self { scm: github.scm(), github, fake, repo: REPO.parse().unwrap() }
    }

    /// An adapter that has not seen what the other one did.
    fn restarted(&self) -> Arc<dyn Scm> {
        By::Token.github(&self.fake).scm()
    }

    async fn head(&self, branch: &str) -> CommitId {
        self.scm.branch_head(&cx("read"), &self.repo, &branch.parse().unwrap()).await.unwrap().unwrap()
    }

    async fn branch(&self, name: &str) {
        let head = self.head("main").await;
        self.scm.create_branch(&cx(name), &self.repo, &name.parse().unwrap(), &head).await.unwrap();
    }

    async fn request(&self, branch: &str, changes: Vec<FileChange>) -> NewCommit {
        NewCommit {
            branch: branch.parse().unwrap(),
            expected_head: self.head(branch).await,
            message: format!("Change {branch}\n"),
            author: Principal::System,
            at: UnixMillis(1_790_000_000_000),
            changes,
        }
    }

    async fn commit(&self, branch: &str, changes: Vec<FileChange>) -> Result<CommitId> {
        self.scm.commit(&cx("commit"), &self.repo, &self.request(branch, changes).await).await
    }

    /// A branch with one change, and what to open from it.
    async fn proposed(&self, name: &str) -> NewPullRequest {
        self.branch(name).await;
        self.commit(name, vec![write("src/b.txt", name)]).await.unwrap();
        NewPullRequest {
            title: format!("From {name}"),
            body: "Words.\n".to_owned(),
            head: name.parse().unwrap(),
            base: "main".parse().unwrap(),
            author: Principal::Human("alice".parse().unwrap()),
            reviewers: Vec::new(),
            meta: PullRequestMeta::default(),
        }
    }

    async fn opened(&self, name: &str) -> PullRequest {
        let new = self.proposed(name).await;
        self.scm.open_pull_request(&cx(name), &self.repo, &new).await.unwrap()
    }

    async fn read(&self, pull: &PullRequest) -> PullRequest {
        self.scm.pull_request(&cx("read"), &self.repo, pull.number).await.unwrap()
    }
}

/// A test with a shop of its own, on a runtime of its own. In the end every exchange must have been as GitHub describes it.
fn trial<F>(name: &str, by: By, test: impl Fn(Arc<Shop>) -> F + Send + Sync + 'static) -> Trial
where
    F: Future<Output = ()>,
{
    let run = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let shop = Arc::new(Shop::new(by).await);
            test(shop.clone()).await;
            shop.fake.check();
        });
        Ok::<(), Failed>(())
    };
    Trial::test(name, run)
}

/// The tests of a module, by the names of their functions.
macro_rules! cases {
    ($by:expr; $($test:ident),+ $(,)?) => {
        vec![$(crate::faults::trial(concat!("faults::", stringify!($test)), $by, $test)),+]
    };
}
use cases;

fn cx(key: &str) -> OpContext {
    OpContext::new(IdempotencyKey::new(key))
}

fn write(path: &str, text: &str) -> FileChange {
    bytes(path, text.as_bytes())
}

fn bytes(path: &str, bytes: &[u8]) -> FileChange {
    FileChange { path: path.parse().unwrap(), file: Some(SourceFile { bytes: bytes.to_vec(), executable: false }) }
}

fn remove(path: &str) -> FileChange {
    FileChange { path: path.parse().unwrap(), file: None }
}

fn status(commit: &CommitId, context: &str, state: CheckState) -> CommitStatus {
    CommitStatus::new(commit.clone(), context.parse().unwrap(), state, "words").unwrap()
}

#[track_caller]
fn is(error: &Error, kind: ErrorKind, effect: Effect) {
    assert_eq!((error.kind(), error.effect()), (kind, effect), "{error:?}");
}
