//! GitLab behind the trait of the core: each method hands its work to the module that knows the part of the API.

use std::fmt::Display;
use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::adapter::{
    BranchProtection, Check, Comment, Commit, Comparison, Merge, MergeableBranch, NewCommit, NewPullRequest, Owners, PullRequest,
    PullRequestUpdate, Review, Scm, ScmCapabilities, SourceTree,
};
use pathops_core::policy::CommitStatus;
use pathops_core::{
    BranchName, CodeOwners, CodeOwnersForm, CommitId, Effect, OpContext, PullRequestNumber, RepoId, RepoPath, Result, TreeId,
};

use super::client::{Call, Client};
use super::errors::short;
use super::{branches, checks, commits, contents, draft, merge, people, protection, pull_requests, reviews};

#[derive(Debug)]
pub(super) struct GitLabScm(pub(super) Arc<Client>);

impl GitLabScm {
    fn call<'a>(&'a self, repo: &'a RepoId, operation: &'static str, at: impl Display) -> Call<'a> {
        self.0.about(repo, operation, format_args!("{repo}{at}"))
    }

    fn on_branch<'a>(&'a self, repo: &'a RepoId, operation: &'static str, branch: &BranchName) -> Call<'a> {
        self.call(repo, operation, format_args!("@{branch}"))
    }

    fn on_commit<'a>(&'a self, repo: &'a RepoId, operation: &'static str, commit: &CommitId) -> Call<'a> {
        self.call(repo, operation, format_args!("@{}", short(commit)))
    }
}

/// GitLab asks people for a review, and no teams.
pub(super) fn capabilities() -> ScmCapabilities {
    let mut capabilities = ScmCapabilities::default();
    capabilities.branch_protection = true;
    capabilities.reviewers = true;
    capabilities.drafts = true;
    capabilities.labels = true;
    capabilities.assignees = true;
    capabilities.code_owners = true;
    capabilities.title_max_chars = Some(pull_requests::TITLE_MAX_CHARS);
    capabilities.draft_marks = draft::MARKS;
    capabilities
}

#[async_trait]
impl Scm for GitLabScm {
    fn name(&self) -> &'static str {
        "gitlab"
    }

    fn capabilities(&self) -> ScmCapabilities {
        capabilities()
    }

    async fn branch_head(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName) -> Result<Option<CommitId>> {
        let call = self.on_branch(repo, "read a branch", branch);
        call.within(cx, Effect::None, branches::head(&call, branch)).await
    }

    async fn create_branch(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName, at: &CommitId) -> Result<()> {
        let call = self.on_branch(repo, "create a branch", branch);
        call.within(cx, Effect::Unknown, branches::create(&call, branch, at)).await
    }

    async fn delete_branch(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName, expected: &CommitId) -> Result<()> {
        let call = self.on_branch(repo, "delete a branch", branch);
        call.within(cx, Effect::Unknown, branches::delete(&call, branch, expected)).await
    }

    async fn commit(&self, cx: &OpContext, repo: &RepoId, new: &NewCommit) -> Result<CommitId> {
        let call = self.on_branch(repo, "commit to a branch", &new.branch);
        call.within(cx, Effect::Unknown, commits::commit(&call, new)).await
    }

    async fn read_commit(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId) -> Result<Commit> {
        let call = self.on_commit(repo, "read a commit", commit);
        call.within(cx, Effect::None, commits::read(&call, commit)).await
    }

    async fn log<'a>(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        base: Option<&'a CommitId>,
        head: &CommitId,
        limit: usize,
    ) -> Result<Vec<Commit>> {
        let call = self.on_commit(repo, "list commits", head);
        call.within(cx, Effect::None, commits::log(&call, base, head, limit)).await
    }

    async fn read_file(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>> {
        let call = self.on_commit(repo, "read a file", commit);
        call.within(cx, Effect::None, contents::read_file(&call, commit, path)).await
    }

    async fn tree_at(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<Option<TreeId>> {
        let call = self.on_commit(repo, "read a folder", commit);
        call.within(cx, Effect::None, contents::tree_at(&call, commit, path)).await
    }

    async fn read_tree(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<SourceTree> {
        let call = self.on_commit(repo, "read all files of a folder", commit);
        call.within(cx, Effect::None, contents::read_tree(&call, commit, path)).await
    }

    async fn code_owners(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, paths: &[RepoPath]) -> Result<Owners> {
        let file = CodeOwners::read(self, cx, repo, commit, CodeOwnersForm::GitLab).await?;
        Ok(Owners::named(file.of_all(paths), None, people::person))
    }

    async fn compare(&self, cx: &OpContext, repo: &RepoId, base: &CommitId, head: &CommitId) -> Result<Comparison> {
        let call = self.on_commit(repo, "compare commits", head);
        call.within(cx, Effect::None, commits::compare(&call, base, head)).await
    }

    async fn open_pull_request(&self, cx: &OpContext, repo: &RepoId, new: &NewPullRequest) -> Result<PullRequest> {
        let call = self.on_branch(repo, "open a pull request", &new.head);
        call.within(cx, Effect::Unknown, pull_requests::open(&call, cx.key(), new)).await
    }

    async fn pull_request(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<PullRequest> {
        let call = self.call(repo, "read a pull request", number);
        call.within(cx, Effect::None, pull_requests::read(&call, number)).await
    }

    async fn pull_requests_from(&self, cx: &OpContext, repo: &RepoId, head: &BranchName) -> Result<Vec<PullRequest>> {
        let call = self.on_branch(repo, "list pull requests", head);
        call.within(cx, Effect::None, pull_requests::from(&call, head)).await
    }

    async fn update_pull_request(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        update: &PullRequestUpdate,
    ) -> Result<()> {
        let call = self.call(repo, "change a pull request", number);
        call.within(cx, Effect::Unknown, pull_requests::update(&call, number, update)).await
    }

    async fn close_pull_request(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<()> {
        let call = self.call(repo, "close a pull request", number);
        call.within(cx, Effect::Unknown, pull_requests::close(&call, number)).await
    }

    async fn reviews(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<Vec<Review>> {
        let call = self.call(repo, "read the reviews of a pull request", number);
        call.within(cx, Effect::None, reviews::reviews(&call, number)).await
    }

    async fn comments(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<Vec<Comment>> {
        let call = self.call(repo, "read the comments of a pull request", number);
        call.within(cx, Effect::None, reviews::comments(&call, number)).await
    }

    async fn put_comment(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        marker: &str,
        body: &str,
    ) -> Result<u64> {
        let call = self.call(repo, "comment on a pull request", number);
        call.within(cx, Effect::Unknown, reviews::put_comment(&call, number, marker, body)).await
    }

    async fn post_status(&self, cx: &OpContext, repo: &RepoId, status: CommitStatus) -> Result<()> {
        let call = self.on_commit(repo, "post a status", status.commit());
        call.within(cx, Effect::Unknown, checks::post_status(&call, cx.key(), &status)).await
    }

    async fn checks(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId) -> Result<Vec<Check>> {
        let call = self.on_commit(repo, "read checks", commit);
        call.within(cx, Effect::None, checks::checks(&call, commit)).await
    }

    async fn protection(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName) -> Result<BranchProtection> {
        let call = self.on_branch(repo, "read branch protection", branch);
        call.within(cx, Effect::None, protection::protection(&call, branch)).await
    }
}

#[derive(Debug)]
pub(super) struct GitLabMerge(pub(super) Arc<Client>);

#[async_trait]
impl Merge for GitLabMerge {
    async fn merge(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        head: &CommitId,
        branch: &MergeableBranch,
    ) -> Result<CommitId> {
        let call = self.0.about(repo, "merge a pull request", format_args!("{repo}{number}"));
        call.within(cx, Effect::Unknown, merge::merge(&call, number, head, branch)).await
    }
}
