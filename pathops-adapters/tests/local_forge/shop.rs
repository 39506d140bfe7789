//! A forge with one repository, and short ways to work on it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use pathops_adapters::local_forge::{ForgeConfig, LocalForge};
use pathops_core::adapter::{
    EventCursor, FileChange, NewCommit, NewPullRequest, PullRequest, PullRequestMeta, ReviewState, Scm, ScmEvent, SourceFile,
    SourceTree,
};
use pathops_core::memory::ManualClock;
use pathops_core::{BranchName, CommitId, IdempotencyKey, OpContext, Principal, RepoId, Result, UnixMillis};

const NOON: UnixMillis = UnixMillis(1_795_348_800_000);

/// The forge, and the repository `shop/web-gitops` with `README.md` and `src/a.txt` on `main`.
pub(crate) struct Shop {
    pub(crate) folder: PathBuf,
    pub(crate) forge: LocalForge,
    pub(crate) scm: Arc<dyn Scm>,
    pub(crate) repo: RepoId,
    pub(crate) main: BranchName,
    guard: Option<Arc<tempfile::TempDir>>,
}

/// An open pull request, and where its base was.
pub(crate) struct Proposal {
    pub(crate) request: PullRequest,
    pub(crate) before: CommitId,
}

impl Shop {
    pub(crate) async fn new() -> Self {
        let guard = Arc::new(tempfile::tempdir().unwrap());
        let shop = Self { guard: Some(guard.clone()), ..Self::open_at(guard.path()) };
        let file = |text: &str| SourceFile { bytes: text.as_bytes().to_vec(), executable: false };
        let files = [("README.md", "hello\n"), ("src/a.txt", "a\n")].map(|(path, text)| (path.parse().unwrap(), file(text)));
        let branches = [(shop.main.clone(), SourceTree::from(files))];
        shop.forge.create_repository(&shop.repo, &shop.main, &branches, "Begin", &Principal::System).await.unwrap();
        shop
    }

    /// A forge that is there, opened as another process does it.
    pub(crate) fn open_at(folder: &Path) -> Self {
        let config = ForgeConfig { root: folder.to_owned() };
        let forge = LocalForge::open(config, Arc::new(ManualClock::new(NOON))).unwrap();
        let (repo, main) = ("shop/web-gitops".parse().unwrap(), "main".parse().unwrap());
        Self { folder: folder.to_owned(), scm: forge.scm(Principal::System), forge, repo, main, guard: None }
    }

    pub(crate) fn reopened(&self) -> Self {
        Self { guard: self.guard.clone(), ..Self::open_at(&self.folder) }
    }

    pub(crate) fn bare(&self) -> PathBuf {
        self.forge.repository_path(&self.repo)
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.bare().with_extension("forge")
    }

    pub(crate) async fn head(&self, branch: &str) -> CommitId {
        self.scm.branch_head(&cx("read"), &self.repo, &branch.parse().unwrap()).await.unwrap().unwrap()
    }

    pub(crate) async fn commit(&self, branch: &str, changes: Vec<FileChange>) -> Result<CommitId> {
        let new = NewCommit {
            branch: branch.parse().unwrap(),
            expected_head: self.head(branch).await,
            message: format!("Change {branch}\n"),
            author: Principal::System,
            at: NOON,
            changes,
        };
        self.scm.commit(&cx("commit"), &self.repo, &new).await
    }

    /// A branch off `main` with one changed file, and a pull request of alice from it.
    pub(crate) async fn proposal(&self, name: &str, path: &str, text: &str) -> Proposal {
        let (head, before): (BranchName, _) = (name.parse().unwrap(), self.head("main").await);
        self.scm.create_branch(&cx(name), &self.repo, &head, &before).await.unwrap();
        self.commit(name, vec![write(path, text)]).await.unwrap();
        let new = NewPullRequest {
            title: format!("From {name}"),
            body: String::new(),
            head,
            base: self.main.clone(),
            author: Principal::Human("alice".parse().unwrap()),
            reviewers: Vec::new(),
            meta: PullRequestMeta::default(),
        };
        let request = self.scm.open_pull_request(&cx(name), &self.repo, &new).await.unwrap();
        Proposal { request, before }
    }

    pub(crate) async fn review(&self, who: &str, pull: &Proposal, state: ReviewState) -> Result<()> {
        let PullRequest { number, head, .. } = &pull.request;
        self.forge.person(who.parse().unwrap()).review(&self.repo, *number, state, head, "").await
    }

    pub(crate) async fn merge(&self, who: &str, pull: &PullRequest) -> Result<CommitId> {
        self.forge.person(who.parse().unwrap()).merge(&self.repo, pull.number, &pull.head).await
    }

    pub(crate) async fn events(&self) -> Vec<ScmEvent> {
        self.scm.events(&cx("read"), EventCursor::default(), usize::MAX).await.unwrap()
    }

    /// A fresh clone with `branch` checked out.
    pub(crate) fn clone_at(&self, branch: &str) -> PathBuf {
        let clone = self.folder.join(format!("clone-of-{branch}"));
        git(&self.folder, &["clone", "--quiet", "--branch", branch, self.bare().to_str().unwrap(), clone.to_str().unwrap()]);
        clone
    }

    /// Commits everything in a clone and pushes it. Returns the commit.
    pub(crate) fn push_all(&self, clone: &Path, branch: &str) -> String {
        git(clone, &["add", "--all"]);
        git(clone, &["commit", "--quiet", "--message", "Pushed"]);
        git(clone, &["push", "--quiet", "origin", &format!("HEAD:{branch}")]);
        git(clone, &["rev-parse", "HEAD"])
    }

    /// Changes one file with nothing but Git.
    pub(crate) fn plain_push(&self, branch: &str, path: &str, text: &str) -> String {
        let clone = self.clone_at(branch);
        fs::write(clone.join(path), text).unwrap();
        self.push_all(&clone, branch)
    }
}

pub(crate) fn cx(key: &str) -> OpContext {
    OpContext::new(IdempotencyKey::new(key))
}

pub(crate) fn write(path: &str, text: &str) -> FileChange {
    let file = SourceFile { bytes: text.as_bytes().to_vec(), executable: false };
    FileChange { path: path.parse().unwrap(), file: Some(file) }
}

pub(crate) fn remove(path: &str) -> FileChange {
    FileChange { path: path.parse().unwrap(), file: None }
}

/// What `git` prints, without the line's end. It sees nobody's configuration.
pub(crate) fn git(folder: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(folder).args(["-c", "user.name=Carol", "-c", "user.email=carol@people.invalid"]).args(args);
    command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
}
