//! The host as PathOps sees it: the adapter traits, for one credential.

use async_trait::async_trait;

use super::merge::Merging;
use super::repository::Repository;
use super::{MemoryForge, objects, pulls};
use crate::adapter::{
    BranchProtection, Check, CheckSource, Comment, Commit, Comparison, EventCursor, Merge, MergeableBranch, NewCheck, NewCommit,
    NewPullRequest, Owners, PullRequest, PullRequestUpdate, Review, Scm, ScmCapabilities, ScmEvent, SourceTree,
};
use crate::code_owners::{CodeOwners, CodeOwnersForm};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{BranchName, CommitId, PullRequestNumber, RepoId, RepoPath, TreeId};
use crate::op::OpContext;
use crate::policy::CommitStatus;
use crate::principal::Principal;

/// The most that [`Scm::read_tree`] reads: 64 MiB.
const TREE_MAX_BYTES: usize = 64 << 20;

/// Someone who may use the host.
#[derive(Debug)]
pub(super) struct Credential {
    pub(super) forge: MemoryForge,
    pub(super) principal: Principal,
}

#[async_trait]
impl Scm for Credential {
    fn name(&self) -> &'static str {
        "memory-forge"
    }

    fn capabilities(&self) -> ScmCapabilities {
        self.forge.capabilities
    }

    async fn branch_head(&self, _: &OpContext, repo: &RepoId, branch: &BranchName) -> Result<Option<CommitId>> {
        self.forge.read("read a branch", repo, |repository| Ok(repository.branches.get(branch).cloned()))
    }

    async fn create_branch(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName, at: &CommitId) -> Result<()> {
        let change = |repository: &mut Repository| repository.create_branch(branch, at);
        self.forge.once(cx, "create a branch", repo, &(branch, at), change)
    }

    async fn delete_branch(&self, cx: &OpContext, repo: &RepoId, branch: &BranchName, expected: &CommitId) -> Result<()> {
        let change = |repository: &mut Repository| repository.delete_branch(branch, expected);
        self.forge.once(cx, "delete a branch", repo, &(branch, expected), change)
    }

    async fn commit(&self, _: &OpContext, repo: &RepoId, new: &NewCommit) -> Result<CommitId> {
        self.forge.write("commit to a branch", repo, |repository| repository.add_commit(new))
    }

    async fn read_commit(&self, _: &OpContext, repo: &RepoId, commit: &CommitId) -> Result<Commit> {
        const OPERATION: &str = "read a commit";
        self.forge.read(OPERATION, repo, |repository| Ok(repository.commit(OPERATION, commit)?.0.clone()))
    }

    async fn log<'a>(
        &self,
        _: &OpContext,
        repo: &RepoId,
        base: Option<&'a CommitId>,
        head: &CommitId,
        limit: usize,
    ) -> Result<Vec<Commit>> {
        const OPERATION: &str = "list commits";
        self.forge.read(OPERATION, repo, |repository| {
            for id in base.into_iter().chain([head]) {
                repository.commit(OPERATION, id)?;
            }
            let commits = repository.objects.log(base, head);
            if commits.len() > limit {
                let reason = format!("there are {} commits, and {limit} are allowed", commits.len());
                return Err(Error::new(ErrorKind::Invalid, OPERATION).on(head).because(reason));
            }
            Ok(commits)
        })
    }

    async fn read_file(&self, _: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>> {
        const OPERATION: &str = "read a file";
        self.forge.read(OPERATION, repo, |repository| {
            let (_, files) = repository.commit(OPERATION, commit)?;
            Ok(files.get(path).map(|file| file.bytes.clone()))
        })
    }

    async fn tree_at(&self, _: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<Option<TreeId>> {
        const OPERATION: &str = "read a folder's tree";
        self.forge.read(OPERATION, repo, |repository| {
            let (commit, files) = repository.commit(OPERATION, commit)?;
            if *path == RepoPath::root() {
                return Ok(Some(commit.tree.clone()));
            }
            let is_folder = objects::below(files, path).next().is_some();
            Ok(is_folder.then(|| objects::tree_id(files, path)))
        })
    }

    async fn read_tree(&self, _: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<SourceTree> {
        const OPERATION: &str = "read a folder's files";
        self.forge.read(OPERATION, repo, |repository| {
            let (_, files) = repository.commit(OPERATION, commit)?;
            let bytes: usize = objects::below(files, path).map(|(_, file)| file.bytes.len()).sum();
            if bytes > TREE_MAX_BYTES {
                let reason = format!("they have {bytes} bytes, and {TREE_MAX_BYTES} are allowed");
                return Err(Error::new(ErrorKind::Invalid, OPERATION).on(path).because(reason));
            }
            Ok(objects::below(files, path).map(|(path, file)| (path.clone(), file.clone())).collect())
        })
    }

    async fn code_owners(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, paths: &[RepoPath]) -> Result<Owners> {
        if !self.forge.capabilities.code_owners {
            return Err(Error::unsupported("read who owns files"));
        }
        let file = CodeOwners::read(self, cx, repo, commit, CodeOwnersForm::GitHub).await?;
        let group = repo.as_str().split_once('/').map(|(group, _)| group);
        Ok(Owners::named(file.of_all(paths), group, |name| name.parse().ok()))
    }

    async fn compare(&self, _: &OpContext, repo: &RepoId, base: &CommitId, head: &CommitId) -> Result<Comparison> {
        const OPERATION: &str = "compare commits";
        self.forge.read(OPERATION, repo, |repository| {
            repository.commit(OPERATION, base)?;
            repository.commit(OPERATION, head)?;
            Ok(repository.objects.compare(base, head))
        })
    }

    async fn open_pull_request(&self, cx: &OpContext, repo: &RepoId, new: &NewPullRequest) -> Result<PullRequest> {
        const OPERATION: &str = "open a pull request";
        let offered = self.forge.capabilities;
        pulls::refuse_beyond(offered, OPERATION, Some(&new.title), new.lacks(offered))?;
        self.forge.write(OPERATION, repo, |repository| repository.open_pull(cx.key(), repo, new))
    }

    async fn pull_request(&self, _: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<PullRequest> {
        const OPERATION: &str = "read a pull request";
        self.forge.read(OPERATION, repo, |repository| Ok(repository.pull(OPERATION, number)?.request.clone()))
    }

    async fn pull_requests_from(&self, _: &OpContext, repo: &RepoId, head: &BranchName) -> Result<Vec<PullRequest>> {
        self.forge.read("list pull requests", repo, |repository| {
            let requests = repository.pulls.iter().map(|pull| &pull.request);
            Ok(requests.filter(|request| request.head_branch == *head).cloned().collect())
        })
    }

    async fn update_pull_request(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        update: &PullRequestUpdate,
    ) -> Result<()> {
        const OPERATION: &str = "update a pull request";
        let offered = self.forge.capabilities;
        pulls::refuse_beyond(offered, OPERATION, update.title.as_deref(), update.lacks(offered))?;
        let change = |repository: &mut Repository| repository.update_pull(number, update);
        self.forge.once(cx, OPERATION, repo, &(number, update), change)
    }

    async fn close_pull_request(&self, cx: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<()> {
        let change = |repository: &mut Repository| repository.close_pull(number, &self.principal);
        self.forge.once(cx, "close a pull request", repo, &number, change)
    }

    async fn reviews(&self, _: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<Vec<Review>> {
        const OPERATION: &str = "read reviews";
        self.forge.read(OPERATION, repo, |repository| Ok(repository.pull(OPERATION, number)?.reviews.clone()))
    }

    async fn comments(&self, _: &OpContext, repo: &RepoId, number: PullRequestNumber) -> Result<Vec<Comment>> {
        const OPERATION: &str = "read comments";
        self.forge.read(OPERATION, repo, |repository| Ok(repository.pull(OPERATION, number)?.comments.clone()))
    }

    async fn put_comment(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        marker: &str,
        body: &str,
    ) -> Result<u64> {
        const OPERATION: &str = "write a comment";
        pulls::refuse_marker(marker)?;
        let change = |repository: &mut Repository| repository.put_comment(number, &self.principal, marker, body);
        self.forge.once(cx, OPERATION, repo, &(number, marker, body), change)?;
        let id = self.forge.read(OPERATION, repo, |repository| repository.marked_comment(number, &self.principal, marker))?;
        id.ok_or_else(|| Error::new(ErrorKind::Unexpected, OPERATION).on(number).because("the comment is gone"))
    }

    async fn post_status(&self, cx: &OpContext, repo: &RepoId, status: CommitStatus) -> Result<()> {
        const OPERATION: &str = "post a status";
        self.forge.read(OPERATION, repo, |repository| repository.commit(OPERATION, status.commit()).map(drop))?;
        if let Some(grant) = status.grant() {
            self.forge.use_grant(grant, cx.key())?;
        }
        let check = Check {
            name: status.context().to_string(),
            source: CheckSource::Status,
            state: status.state(),
            description: status.description().to_owned(),
            by: self.principal.clone(),
        };
        let change = |repository: &mut Repository| repository.report(OPERATION, status.commit(), check);
        self.forge.once(cx, OPERATION, repo, &status, change)
    }

    async fn report_check(&self, cx: &OpContext, repo: &RepoId, new: &NewCheck) -> Result<()> {
        const OPERATION: &str = "report a check";
        if !self.forge.capabilities.check_runs {
            return Err(Error::unsupported(OPERATION));
        }
        let check = Check {
            name: new.name().to_owned(),
            source: CheckSource::CheckRun,
            state: new.state(),
            description: new.summary().to_owned(),
            by: self.principal.clone(),
        };
        let change = |repository: &mut Repository| repository.report(OPERATION, new.commit(), check);
        self.forge.once(cx, OPERATION, repo, new, change)
    }

    async fn checks(&self, _: &OpContext, repo: &RepoId, commit: &CommitId) -> Result<Vec<Check>> {
        const OPERATION: &str = "read checks";
        self.forge.read(OPERATION, repo, |repository| {
            repository.commit(OPERATION, commit)?;
            Ok(repository.checks(commit).cloned().collect())
        })
    }

    async fn protection(&self, _: &OpContext, repo: &RepoId, branch: &BranchName) -> Result<BranchProtection> {
        const OPERATION: &str = "read branch protection";
        if !self.forge.capabilities.branch_protection {
            return Err(Error::unsupported(OPERATION));
        }
        self.forge.read(OPERATION, repo, |repository| Ok(repository.protection.get(branch).cloned().unwrap_or_default()))
    }

    async fn events(&self, _: &OpContext, after: EventCursor, limit: usize) -> Result<Vec<ScmEvent>> {
        if !self.forge.capabilities.events {
            return Err(Error::unsupported("read events"));
        }
        let state = self.forge.lock();
        Ok(state.events.iter().filter(|event| event.cursor > after).take(limit).cloned().collect())
    }
}

#[async_trait]
impl Merge for Credential {
    async fn merge(
        &self,
        _: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        head: &CommitId,
        branch: &MergeableBranch,
    ) -> Result<CommitId> {
        const OPERATION: &str = "merge a pull request";
        let merging = Merging { number, head, by: &self.principal, at: self.forge.clock.now() };
        self.forge.write(OPERATION, repo, |repository| {
            let base = &repository.pull(OPERATION, number)?.request.base;
            if base != branch.name() {
                let reason = format!("it is for the branch `{base}`, not `{}`", branch.name());
                return Err(Error::new(ErrorKind::Denied, OPERATION).on(number).because(reason));
            }
            repository.merge(&merging)
        })
    }
}
