//! The forge behind the traits of the core: each method hands its work to a thread that may block.

use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::adapter::{
    BranchProtection, Check, Comment, Commit, Comparison, EventCursor, Merge, MergeableBranch, NewCheck, NewCommit,
    NewPullRequest, Owners, PullRequest, PullRequestUpdate, Review, Scm, ScmCapabilities, ScmEvent, SourceTree,
};
use pathops_core::policy::CommitStatus;
use pathops_core::{
    BranchName, CodeOwners, CodeOwnersForm, CommitId, OpContext, Principal, PullRequestNumber, RepoId, RepoPath, Result, TreeId,
};

use super::attempt::{Attempt, short};
use super::pulls::TITLE_MAX_CHARS;
use super::repo::Forge;

/// The forge as a Git host, for one principal.
#[derive(Debug)]
pub(super) struct LocalScm {
    pub(super) forge: Arc<Forge>,
    pub(super) principal: Principal,
}

fn on_branch(operation: &'static str, repo: &RepoId, branch: &BranchName) -> Attempt {
    Attempt::new(operation, format_args!("{repo}@{branch}"))
}

fn on_commit(operation: &'static str, repo: &RepoId, commit: &CommitId) -> Attempt {
    Attempt::new(operation, format_args!("{repo}@{}", short(commit)))
}

fn on_pull(operation: &'static str, repo: &RepoId, number: PullRequestNumber) -> Attempt {
    Attempt::new(operation, format_args!("{repo}{number}"))
}

/// Everything but teams, which a forge without accounts knows nothing of.
pub(super) fn capabilities() -> ScmCapabilities {
    let mut capabilities = ScmCapabilities::default();
    capabilities.check_runs = true;
    capabilities.branch_protection = true;
    capabilities.events = true;
    capabilities.reviewers = true;
    capabilities.drafts = true;
    capabilities.labels = true;
    capabilities.assignees = true;
    capabilities.code_owners = true;
    capabilities.title_max_chars = Some(TITLE_MAX_CHARS);
    capabilities
}

#[async_trait]
impl Scm for LocalScm {
    fn name(&self) -> &'static str {
        "local-forge"
    }

    fn capabilities(&self) -> ScmCapabilities {
        capabilities()
    }

    async fn branch_head(&self, _: &OpContext, repo: &RepoId, branch: &BranchName) -> Result<Option<CommitId>> {
        let attempt = on_branch("read a branch", repo, branch);
        let branch = branch.clone();
        self.forge.reading(attempt, repo, move |repo| repo.branch_head(&branch)).await
    }

    async fn create_branch(&self, _: &OpContext, repo: &RepoId, branch: &BranchName, at: &CommitId) -> Result<()> {
        let attempt = on_branch("create a branch", repo, branch);
        let (branch, at) = (branch.clone(), at.clone());
        self.forge.writing(attempt, repo, move |writer| writer.create_branch(&branch, &at)).await
    }

    async fn delete_branch(&self, _: &OpContext, repo: &RepoId, branch: &BranchName, expected: &CommitId) -> Result<()> {
        let attempt = on_branch("delete a branch", repo, branch);
        let (branch, expected) = (branch.clone(), expected.clone());
        self.forge.writing(attempt, repo, move |writer| writer.delete_branch(&branch, &expected)).await
    }

    async fn commit(&self, _: &OpContext, repo: &RepoId, new: &NewCommit) -> Result<CommitId> {
        let attempt = on_branch("commit to a branch", repo, &new.branch);
        let new = new.clone();
        self.forge.writing(attempt, repo, move |writer| writer.commit(&new)).await
    }

    async fn read_commit(&self, _: &OpContext, repo: &RepoId, commit: &CommitId) -> Result<Commit> {
        let attempt = on_commit("read a commit", repo, commit);
        let commit = commit.clone();
        self.forge.reading(attempt, repo, move |repo| repo.read_commit(&commit)).await
    }

    async fn log<'a>(
        &self,
        _: &OpContext,
        repo: &RepoId,
        base: Option<&'a CommitId>,
        head: &CommitId,
        limit: usize,
    ) -> Result<Vec<Commit>> {
        let attempt = on_commit("list commits", repo, head);
        let (base, head) = (base.cloned(), head.clone());
        self.forge.reading(attempt, repo, move |repo| repo.log(base.as_ref(), &head, limit)).await
    }

    async fn read_file(&self, _: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>> {
        let attempt = on_commit("read a file", repo, commit);
        let (commit, path) = (commit.clone(), path.clone());
        self.forge.reading(attempt, repo, move |repo| repo.read_file(&commit, &path)).await
    }

    async fn tree_at(&self, _: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<Option<TreeId>> {
        let attempt = on_commit("read a folder", repo, commit);
        let (commit, path) = (commit.clone(), path.clone());
        self.forge.reading(attempt, repo, move |repo| repo.tree_at(&commit, &path)).await
    }

    async fn read_tree(&self, _: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<SourceTree> {
        let attempt = on_commit("read the files of a folder", repo, commit);
        let (commit, path) = (commit.clone(), path.clone());
        self.forge.reading(attempt, repo, move |repo| repo.read_tree(&commit, &path)).await
    }

    async fn code_owners(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, paths: &[RepoPath]) -> Result<Owners> {
        let file = CodeOwners::read(self, cx, repo, commit, CodeOwnersForm::GitHub).await?;
        Ok(Owners::named(file.of_all(paths), None, |name| name.parse().ok()))
    }

    async fn compare(&self, _: &OpContext, repo: &RepoId, base: &CommitId, head: &CommitId) -> Result<Comparison> {
        let attempt = on_commit("compare commits", repo, head);
        let (base, head) = (base.clone(), head.clone());
        self.forge.reading(attempt, repo, move |repo| repo.compare(&base, &head)).await
    }

    async fn open_pull_request(&self, cx: &OpContext, repo: &RepoId, new: &NewPullRequest) -> Result<PullRequest> {
        let attempt = on_branch("open a pull request", repo, &new.head);
        let (key, new) = (cx.key().clone(), new.clone());
        self.forge.writing(attempt, repo, move |writer| writer.open_pull_request(&key, &new)).await
    }

    async fn pull_request(&self, _: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<PullRequest> {
        let attempt = on_pull("read a pull request", repo, number);
        self.forge.reading(attempt, repo, move |repo| repo.pull_request(number)).await
    }

    async fn pull_requests_from(&self, _: &OpContext, repo: &RepoId, head: &BranchName) -> Result<Vec<PullRequest>> {
        let attempt = on_branch("read the pull requests from a branch", repo, head);
        let head = head.clone();
        self.forge.reading(attempt, repo, move |repo| repo.pull_requests_from(&head)).await
    }

    async fn update_pull_request(
        &self,
        _: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        update: &PullRequestUpdate,
    ) -> Result<()> {
        let attempt = on_pull("update a pull request", repo, number);
        let update = update.clone();
        self.forge.writing(attempt, repo, move |writer| writer.update_pull_request(number, &update)).await
    }

    async fn close_pull_request(&self, _: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<()> {
        let attempt = on_pull("close a pull request", repo, number);
        let by = self.principal.clone();
        self.forge.writing(attempt, repo, move |writer| writer.close_pull_request(number, &by)).await
    }

    async fn reviews(&self, _: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<Vec<Review>> {
        let attempt = on_pull("read reviews", repo, number);
        self.forge.reading(attempt, repo, move |repo| Ok(repo.pull_record(number)?.reviews)).await
    }

    async fn comments(&self, _: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<Vec<Comment>> {
        let attempt = on_pull("read comments", repo, number);
        self.forge.reading(attempt, repo, move |repo| Ok(repo.pull_record(number)?.comments)).await
    }

    async fn put_comment(
        &self,
        _: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        marker: &str,
        body: &str,
    ) -> Result<u64> {
        let attempt = on_pull("comment on a pull request", repo, number);
        let (by, marker, body) = (self.principal.clone(), marker.to_owned(), body.to_owned());
        self.forge.writing(attempt, repo, move |writer| writer.put_comment(number, &by, &marker, &body)).await
    }

    async fn post_status(&self, cx: &OpContext, repo: &RepoId, status: CommitStatus) -> Result<()> {
        let attempt = on_commit("post a status", repo, status.commit());
        let (key, by) = (cx.key().clone(), self.principal.clone());
        self.forge.writing(attempt, repo, move |writer| writer.post_status(&key, &by, &status)).await
    }

    async fn report_check(&self, cx: &OpContext, repo: &RepoId, check: &NewCheck) -> Result<()> {
        let attempt = on_commit("report a check", repo, check.commit());
        let (key, by, check) = (cx.key().clone(), self.principal.clone(), check.clone());
        self.forge.writing(attempt, repo, move |writer| writer.report_check(&key, &by, &check)).await
    }

    async fn checks(&self, _: &OpContext, repo: &RepoId, commit: &CommitId) -> Result<Vec<Check>> {
        let attempt = on_commit("read checks", repo, commit);
        let commit = commit.clone();
        self.forge.reading(attempt, repo, move |repo| repo.checks(&commit)).await
    }

    async fn protection(&self, _: &OpContext, repo: &RepoId, branch: &BranchName) -> Result<BranchProtection> {
        let attempt = on_branch("read branch protection", repo, branch);
        let branch = branch.clone();
        self.forge.reading(attempt, repo, move |repo| Ok(repo.protection_of(&branch)?.unwrap_or_default())).await
    }

    async fn events(&self, _: &OpContext, after: EventCursor, limit: usize) -> Result<Vec<ScmEvent>> {
        let attempt = Attempt::new("read events", format_args!("after {}", after.0));
        self.forge.blocking(move |forge| forge.feed.read(&attempt, after, limit)).await
    }
}

/// Merging on the forge, for one principal.
#[derive(Debug)]
pub(super) struct LocalMerge {
    pub(super) forge: Arc<Forge>,
    pub(super) principal: Principal,
}

#[async_trait]
impl Merge for LocalMerge {
    async fn merge(
        &self,
        _: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        head: &CommitId,
        branch: &MergeableBranch,
    ) -> Result<CommitId> {
        let attempt = on_pull("merge a pull request", repo, number);
        let (head, by, branch) = (head.clone(), self.principal.clone(), branch.name().clone());
        self.forge.writing(attempt, repo, move |writer| writer.merge(number, &head, &by, Some(&branch))).await
    }
}
