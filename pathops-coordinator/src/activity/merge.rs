//! Merging: waiting for people, and merging into preflight where policy lets PathOps do it.

use pathops_core::adapter::{CommitAuthor, MergeableBranch, PullRequestState};
use pathops_core::lifecycle::Change;
use pathops_core::policy::GitState;
use pathops_core::project::EnvironmentTarget;
use pathops_core::{CommitId, Error, ErrorKind, IdError, OpContext, Principal, RepoId, RepoPath, Result, UnixMillis};

use crate::activity::Services;
use crate::activity::facts::MAX_COMMITS;
use crate::change_set::{Outcome, PullRequestRef, Role, Scope};
use crate::waits::GIT_HOST;

/// Git's name for a folder without files.
const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

impl Services {
    /// Waits until people have merged or closed a pull request; for the source, also until they have pushed more to it,
    /// which has to be built and tested again.
    pub(super) async fn await_merge(
        &self,
        cx: &OpContext,
        role: Role,
        pull_request: &PullRequestRef,
        path: &RepoPath,
        until: Option<UnixMillis>,
    ) -> Result<Outcome> {
        let PullRequestRef { repo, number, head, .. } = pull_request;
        let merged = self.poll_pull_request(cx, pull_request, until, || {
            Box::pin(async move {
                let now = self.scm.pull_request(cx, repo, *number).await?;
                let read = Some(Change::prove(repo, &now).into());
                match now.state {
                    PullRequestState::Merged { by, commit, .. } => {
                        let state = match role {
                            Role::Recovery => self.restored_state(cx, repo, &commit, path).await?,
                            _ => self.git_state(cx, repo, &commit, path).await?,
                        };
                        Ok(Some(Outcome::Merged { state, by, decided: None, read }))
                    }
                    PullRequestState::Closed { by } => Ok(Some(Outcome::Closed { by })),
                    PullRequestState::Open if role == Role::Source && now.head != *head => {
                        Ok(Some(Outcome::Pushed { head: now.head, read }))
                    }
                    PullRequestState::Open => Ok(None),
                }
            })
        });
        Ok(merged.await?.unwrap_or(Outcome::Overdue))
    }

    /// Merges what PathOps and its agents have made. Where a person has pushed to the branch too, or rewritten it, a
    /// person merges it: nobody has looked at that yet.
    pub(super) async fn merge_preflight(
        &self,
        cx: &OpContext,
        scope: &Scope,
        target: &EnvironmentTarget,
        pull_request: &PullRequestRef,
    ) -> Result<Outcome> {
        let PullRequestRef { repo, number, head, base_commit, .. } = pull_request;
        if self.pushed_since(cx, pull_request).await? {
            return Ok(Outcome::NeedsPeople);
        }
        if !self.all_ours(cx, scope, repo, base_commit, head).await? {
            return Ok(Outcome::NeedsPeople);
        }
        let branch = MergeableBranch::of(target).ok_or_else(|| {
            Error::new(ErrorKind::Denied, "merge a pull request").on(format!("{repo}{number}")).because("only people merge there")
        })?;
        let commit = match self.merge.merge(cx, repo, *number, head, &branch).await {
            Err(error) if error.kind() == ErrorKind::Conflict && self.pushed_since(cx, pull_request).await? => {
                return Ok(Outcome::NeedsPeople);
            }
            merged => merged?,
        };
        let state = self.git_state(cx, repo, &commit, &target.path).await?;
        // The host may take a while to show it.
        let merged = self.poll(self.tries(cx, GIT_HOST), || {
            Box::pin(async move {
                let now = self.scm.pull_request(cx, repo, *number).await?;
                Ok(Some(now).filter(|it| matches!(it.state, PullRequestState::Merged { .. })))
            })
        });
        let read = Some(Change::prove(repo, &merged.await?).into());
        Ok(Outcome::Merged { state, by: Principal::System, decided: None, read })
    }

    /// Whether PathOps and its agents have made everything since `base`.
    pub(super) async fn all_ours(
        &self,
        cx: &OpContext,
        scope: &Scope,
        repo: &RepoId,
        base: &CommitId,
        head: &CommitId,
    ) -> Result<bool> {
        let commits = self.scm.log(cx, repo, Some(base), head, MAX_COMMITS).await?;
        let ours = [Principal::System, Principal::Agent { agent: self.agent.agent(), sponsor: scope.sponsor.clone() }];
        let by_us = |author: &CommitAuthor| author.principal.as_ref().is_some_and(|principal| ours.contains(principal));
        Ok(commits.len() < MAX_COMMITS && commits.iter().flat_map(|commit| &commit.authors).all(by_us))
    }

    /// Whether somebody has pushed to an open pull request since its head was written down.
    async fn pushed_since(&self, cx: &OpContext, pull_request: &PullRequestRef) -> Result<bool> {
        let now = self.scm.pull_request(cx, &pull_request.repo, pull_request.number).await?;
        Ok(now.head != pull_request.head && now.state == PullRequestState::Open)
    }

    /// As [`Services::git_state`], where the folder may be gone again because it was not there before.
    pub(super) async fn restored_state(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        commit: &CommitId,
        path: &RepoPath,
    ) -> Result<GitState> {
        let invalid = |error| Error::new(ErrorKind::Unexpected, "name the empty tree").because(error);
        match self.scm.tree_at(cx, repo, commit, path).await? {
            Some(tree) => Ok(GitState { commit: commit.clone(), tree }),
            None => Ok(GitState { commit: commit.clone(), tree: EMPTY_TREE.parse().map_err(|error: IdError| invalid(error))? }),
        }
    }

    /// A commit with the tree of a folder in it.
    pub(super) async fn git_state(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, path: &RepoPath) -> Result<GitState> {
        let tree = self.scm.tree_at(cx, repo, commit, path).await?;
        let tree = tree.ok_or_else(|| {
            Error::new(ErrorKind::NotFound, "read a folder")
                .on(format!("{repo}:{path}"))
                .because(format!("commit {commit} has no such folder"))
        })?;
        Ok(GitState { commit: commit.clone(), tree })
    }
}
