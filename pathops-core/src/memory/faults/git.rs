//! Faults between a Git host and its callers.

use async_trait::async_trait;

use super::{Call, Faulty};
use crate::adapter::{
    BranchProtection, Check, Comment, Commit, Comparison, EventCursor, Merge, MergeableBranch, NewCheck, NewCommit,
    NewPullRequest, Owners, PullRequest, PullRequestUpdate, Review, Scm, ScmCapabilities, ScmEvent, SourceTree,
};
use crate::error::Result;
use crate::id::{BranchName, CommitId, PullRequestNumber, RepoId, RepoPath, TreeId};
use crate::op::OpContext;
use crate::policy::CommitStatus;

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Scm for Faulty<dyn Scm> {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn capabilities(&self) -> ScmCapabilities {
        self.inner.capabilities()
    }

    async fn branch_head(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName) -> Result<Option<CommitId>> {
        self.through(Call::read("read a branch").on(repo), || self.inner.branch_head(cx, repo, branch)).await
    }

    async fn create_branch(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName, at: &CommitId) -> Result<()> {
        self.through(Call::write("create a branch").on(repo), || self.inner.create_branch(cx, repo, branch, at)).await
    }

    async fn delete_branch(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName, expected: &CommitId) -> Result<()> {
        self.through(Call::write("delete a branch").on(repo), || self.inner.delete_branch(cx, repo, branch, expected)).await
    }

    async fn commit(&self, cx: &OpContext, repo: &RepoId, new: &NewCommit) -> Result<CommitId> {
        self.through(Call::write("commit to a branch").on(repo), || self.inner.commit(cx, repo, new)).await
    }

    async fn read_commit(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId) -> Result<Commit> {
        self.through(Call::read("read a commit").on(repo), || self.inner.read_commit(cx, repo, commit)).await
    }

    async fn log<'a>(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        base: Option<&'a CommitId>,
        head: &CommitId,
        limit: usize,
    ) -> Result<Vec<Commit>> {
        self.through(Call::read("list commits").on(repo), || self.inner.log(cx, repo, base, head, limit)).await
    }

    async fn read_file(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>> {
        self.through(Call::read("read a file").on(repo), || self.inner.read_file(cx, repo, commit, path)).await
    }

    async fn tree_at(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<Option<TreeId>> {
        self.through(Call::read("read a folder's tree").on(repo), || self.inner.tree_at(cx, repo, commit, path)).await
    }

    async fn read_tree(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<SourceTree> {
        self.through(Call::read("read a folder's files").on(repo), || self.inner.read_tree(cx, repo, commit, path)).await
    }

    async fn code_owners(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, paths: &[RepoPath]) -> Result<Owners> {
        self.through(Call::read("read who owns files").on(repo), || self.inner.code_owners(cx, repo, commit, paths)).await
    }

    async fn compare(&self, cx: &OpContext, repo: &RepoId, base: &CommitId, head: &CommitId) -> Result<Comparison> {
        self.through(Call::read("compare commits").on(repo), || self.inner.compare(cx, repo, base, head)).await
    }

    async fn open_pull_request(&self, cx: &OpContext, repo: &RepoId, new: &NewPullRequest) -> Result<PullRequest> {
        self.through(Call::write("open a pull request").on(repo), || self.inner.open_pull_request(cx, repo, new)).await
    }

    async fn pull_request(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<PullRequest> {
        self.through(Call::read("read a pull request").on(repo), || self.inner.pull_request(cx, repo, number)).await
    }

    async fn pull_requests_from(&self, cx: &OpContext, repo: &RepoId, head: &BranchName) -> Result<Vec<PullRequest>> {
        self.through(Call::read("list pull requests").on(repo), || self.inner.pull_requests_from(cx, repo, head)).await
    }

    async fn update_pull_request(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        update: &PullRequestUpdate,
    ) -> Result<()> {
        let call = Call::write("update a pull request").on(repo);
        self.through(call, || self.inner.update_pull_request(cx, repo, number, update)).await
    }

    async fn close_pull_request(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<()> {
        self.through(Call::write("close a pull request").on(repo), || self.inner.close_pull_request(cx, repo, number)).await
    }

    async fn reviews(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<Vec<Review>> {
        self.through(Call::read("read reviews").on(repo), || self.inner.reviews(cx, repo, number)).await
    }

    async fn comments(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<Vec<Comment>> {
        self.through(Call::read("read comments").on(repo), || self.inner.comments(cx, repo, number)).await
    }

    async fn put_comment(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        marker: &str,
        body: &str,
    ) -> Result<u64> {
        self.through(Call::write("write a comment").on(repo), || self.inner.put_comment(cx, repo, number, marker, body)).await
    }

    async fn post_status(&self, cx: &OpContext, repo: &RepoId, status: CommitStatus) -> Result<()> {
        self.through(Call::write("post a status").on(repo), || self.inner.post_status(cx, repo, status.again())).await
    }

    async fn report_check(&self, cx: &OpContext, repo: &RepoId, check: &NewCheck) -> Result<()> {
        self.through(Call::write("report a check").on(repo), || self.inner.report_check(cx, repo, check)).await
    }

    async fn checks(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId) -> Result<Vec<Check>> {
        self.through(Call::read("read checks").on(repo), || self.inner.checks(cx, repo, commit)).await
    }

    async fn protection(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName) -> Result<BranchProtection> {
        self.through(Call::read("read branch protection").on(repo), || self.inner.protection(cx, repo, branch)).await
    }

    async fn events(&self, cx: &OpContext, after: EventCursor, limit: usize) -> Result<Vec<ScmEvent>> {
        self.through(Call::read("read events"), || self.inner.events(cx, after, limit)).await
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl Merge for Faulty<dyn Merge> {
    async fn merge(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        head: &CommitId,
        branch: &MergeableBranch,
    ) -> Result<CommitId> {
        let call = Call::write("merge a pull request").on(repo);
        self.through(call, || self.inner.merge(cx, repo, number, head, branch)).await
    }
}
