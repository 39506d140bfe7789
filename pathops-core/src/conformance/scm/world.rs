//! What the cases share: short ways to bring a repository into a state.

use std::fmt::Display;
use std::str::FromStr;

use super::ScmWorld;
use crate::adapter::{FileChange, NewCommit, NewPullRequest, PullRequest, PullRequestMeta, SourceFile};
use crate::conformance::case::Answer as _;
use crate::id::{BranchName, CommitId, PullRequestNumber};
use crate::op::{IdempotencyKey, OpContext};
use crate::principal::Principal;
use crate::time::UnixMillis;

/// The date of all commits here, in whole seconds as Git keeps it.
pub(crate) const DATE: UnixMillis = UnixMillis(1_790_000_000_000);

/// A context with this key.
pub(crate) fn cx(key: &str) -> OpContext {
    OpContext::new(IdempotencyKey::new(format!("conformance/{key}")))
}

/// An identifier.
pub(crate) fn id<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|why: T::Err| why.to_string())
}

/// A file with this text.
pub(crate) fn write(path: &str, text: &str) -> Result<FileChange, String> {
    Ok(FileChange { path: id(path)?, file: Some(SourceFile { bytes: text.as_bytes().to_vec(), executable: false }) })
}

/// No file.
pub(crate) fn remove(path: &str) -> Result<FileChange, String> {
    Ok(FileChange { path: id(path)?, file: None })
}

/// A commit with these changes.
pub(crate) fn new_commit(branch: &BranchName, on: &CommitId, changes: Vec<FileChange>) -> NewCommit {
    NewCommit {
        branch: branch.clone(),
        expected_head: on.clone(),
        message: "Change\n\nPathOps-Change-Set: conformance\n".to_owned(),
        author: Principal::System,
        at: DATE,
        changes,
    }
}

/// A pull request from `head` into `base`.
pub(crate) fn new_pull(head: &BranchName, base: &str) -> Result<NewPullRequest, String> {
    Ok(NewPullRequest {
        title: format!("From {head}"),
        body: "A description.\n".to_owned(),
        head: head.clone(),
        base: id(base)?,
        author: Principal::System,
        reviewers: Vec::new(),
        meta: PullRequestMeta::default(),
    })
}

impl ScmWorld {
    /// Where a branch is.
    pub(crate) async fn head(&self, branch: &str) -> Result<Option<CommitId>, String> {
        self.scm.branch_head(&cx("read"), &self.repo, &id(branch)?).await.works()
    }

    /// Where `main` is.
    pub(crate) async fn main(&self) -> Result<CommitId, String> {
        self.head("main").await?.ok_or_else(|| "the fixture's repository has no branch `main`".to_owned())
    }

    /// Makes a branch where `main` is.
    pub(crate) async fn branch(&self, name: &str) -> Result<BranchName, String> {
        let (branch, at) = (id(name)?, self.main().await?);
        self.scm.create_branch(&cx(&format!("branch/{name}")), &self.repo, &branch, &at).await.works()?;
        Ok(branch)
    }

    /// Commits one file to a branch.
    pub(crate) async fn push(&self, branch: &BranchName, path: &str, text: &str) -> Result<CommitId, String> {
        let head = self.head(branch.as_str()).await?.ok_or_else(|| format!("the branch `{branch}` is gone"))?;
        let new = new_commit(branch, &head, vec![write(path, text)?]);
        self.scm.commit(&cx(&format!("push/{branch}/{path}/{text}")), &self.repo, &new).await.works()
    }

    /// Makes a branch with one commit that changes one file, and opens a pull request from it into `main`.
    pub(crate) async fn proposal(&self, name: &str, path: &str, text: &str) -> Result<PullRequest, String> {
        let branch = self.branch(name).await?;
        self.push(&branch, path, text).await?;
        self.open(&branch).await
    }

    /// Opens a pull request into `main`.
    pub(crate) async fn open(&self, branch: &BranchName) -> Result<PullRequest, String> {
        let new = new_pull(branch, "main")?;
        self.scm.open_pull_request(&cx(&format!("open/{branch}")), &self.repo, &new).await.works()
    }

    /// A pull request as it stands.
    pub(crate) async fn pull(&self, number: PullRequestNumber) -> Result<PullRequest, String> {
        self.scm.pull_request(&cx("read"), &self.repo, number).await.works()
    }

    /// A file's text at a commit.
    pub(crate) async fn text(&self, commit: &CommitId, path: &str) -> Result<Option<String>, String> {
        let bytes = self.scm.read_file(&cx("read"), &self.repo, commit, &id(path)?).await.works()?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }
}
