//! The way back: closing what has become pointless, and reverting what was merged.

use std::collections::BTreeMap;

use pathops_core::adapter::{CheckState, PullRequestState, SourceTree};
use pathops_core::{Error, ErrorKind, OpContext, RepoPath, Result};

use crate::activity::announce::{Ground, Opening, message};
use crate::activity::{Services, moved, says_nothing};
use crate::change_set::{Command, Outcome, PullRequestRef, Role, Scope, source_stays, title};
use crate::desired_state::{difference, movable};

impl Services {
    /// Closes the pull requests that are still open, takes back what was granted, and then deletes the branches: from here on nothing of
    /// them can be merged. Says which turned out to be merged, and what is left.
    ///
    /// Of a way to production the status is a failure in the end, whatever it was: a success that was on its way when the change set
    /// stopped would let the same commit be merged by another pull request.
    pub(super) async fn close(
        &self,
        cx: &OpContext,
        scope: &Scope,
        pull_requests: &[(Role, PullRequestRef, RepoPath)],
    ) -> Result<Outcome> {
        let (mut merged, mut closed, mut left) = (BTreeMap::new(), Vec::new(), Vec::new());
        for (role, pull_request, path) in pull_requests {
            let PullRequestRef { repo, number, url, .. } = pull_request;
            let now = self.scm.pull_request(cx, repo, *number).await?;
            if let PullRequestState::Merged { commit, .. } = &now.state {
                merged.insert(*role, self.restored_state(cx, repo, commit, path).await?);
                // Only desired state goes back.
                left.extend((*role == Role::Source).then(|| source_stays(url)));
                continue;
            }
            let posted = self.posted(cx, repo, &now.head).await?;
            let leads_to_production = matches!(role, Role::Production | Role::Restore);
            if posted == Some(CheckState::Success) || leads_to_production && posted != Some(CheckState::Failure) {
                self.post(cx, repo, &now.head, CheckState::Failure, "the change set has stopped").await?;
            }
            if now.state == PullRequestState::Open {
                // Merged in this very moment: the next look finds that.
                self.scm.close_pull_request(cx, repo, *number).await.map_err(moved)?;
            }
            closed.push((*role, pull_request));
        }
        for (_, pull_request) in &closed {
            left.extend(self.delete_branch(cx, scope, pull_request).await?);
        }
        // Without their branches nothing more is opened; what somebody opened beside them before is closed now.
        for (role, pull_request) in closed {
            self.sweep_branch(cx, scope, &pull_request.repo, role, Some(pull_request), false).await?;
        }
        Ok(Outcome::Settled { merged, left })
    }

    /// Deletes the branch of a closed pull request, and says why one is left. A branch is no reason to fail.
    async fn delete_branch(&self, cx: &OpContext, scope: &Scope, closed: &PullRequestRef) -> Result<Option<String>> {
        let why = match self.delete_ours(cx, scope, closed).await {
            Ok(true) => return Ok(None),
            Ok(false) => "people have pushed to it".to_owned(),
            Err(error) if says_nothing(&error) => return Err(error),
            Err(error) => self.redactor.redact_text(&error.to_string()),
        };
        Ok(Some(format!("the branch `{}` of {} stays: {why}", closed.branch, closed.repo)))
    }

    /// Deletes a branch on which everything is ours and in the closed pull request, which keeps it: what people make is for them to throw
    /// away. Whether it is gone.
    async fn delete_ours(&self, cx: &OpContext, scope: &Scope, closed: &PullRequestRef) -> Result<bool> {
        let PullRequestRef { repo, number, branch, base_commit, .. } = closed;
        let Some(head) = self.scm.branch_head(cx, repo, branch).await? else { return Ok(true) };
        let is_kept = self.scm.pull_request(cx, repo, *number).await?.head == head;
        // Ours has a commit at least: where it seems to have none, people have rewritten it.
        if !is_kept || head == *base_commit || !self.all_ours(cx, scope, repo, base_commit, &head).await? {
            return Ok(false);
        }
        // With a key of its own: people may make what is deleted once more.
        let once = cx.part(&format!("delete/{:032x}", self.ids.fresh()));
        self.scm.delete_branch(&once, repo, branch, &head).await.map(|()| true)
    }

    /// Opens a pull request after which the environment's folder is, file by file, what it was before; apart from its own
    /// settings, which no change set moves. What somebody else has changed there since is not overwritten.
    pub(super) async fn revert(&self, cx: &OpContext, command: &Command) -> Result<Outcome> {
        let Command::Revert { scope, target, before, merged, reason, reviewers } = command else {
            return Err(Error::new(ErrorKind::Unexpected, "revert a change"));
        };
        let (repo, path) = (&scope.unit.desired_state, &target.path);
        let head = match self.ground(cx, scope, repo, Role::Recovery, &target.branch, reviewers).await? {
            Ground::Opened(pull_request) => return Ok(Outcome::Opened(pull_request)),
            Ground::Branch(commit) => commit,
        };
        let now = movable(&self.scm.read_tree(cx, repo, &head, path).await?, path);
        let put = movable(&self.scm.read_tree(cx, repo, &merged.commit, path).await?, path);
        let wanted = match before.tree {
            Some(_) => movable(&self.scm.read_tree(cx, repo, &before.commit, path).await?, path),
            None => SourceTree::new(),
        };
        if now != put && now != wanted {
            let error = Error::new(ErrorKind::Conflict, "revert a change").on(format!("{repo}:{path}"));
            return Err(error.because("somebody has changed it since; people have to decide what stays"));
        }
        let subject = title(&scope.title, &scope.unit.id, Role::Recovery, target);
        let body = format!("{subject} before change set `{}` (commit `{}`).\n\nWhy: {reason}\n", scope.change_set, before.commit);
        let opening = Opening {
            role: Role::Recovery,
            base: target.branch.clone(),
            title: subject.clone(),
            body: self.redactor.redact_text(&body),
            reviewers: reviewers.clone(),
            message: message(scope, &subject, Role::Recovery),
            changes: difference(&now, &wanted),
        };
        Ok(Outcome::Opened(self.open(cx, scope, repo, head, opening).await?))
    }
}
