//! The way back: closing what has become pointless, and reverting what was merged.

use std::collections::BTreeMap;

use pathops_core::adapter::{CheckState, PullRequestState, SourceTree};
use pathops_core::{Error, ErrorKind, OpContext, Result};

use crate::activity::Services;
use crate::activity::announce::{Ground, Opening, branch_for, message};
use crate::change_set::{Command, Outcome, PullRequestRef, Role, title};
use crate::desired_state::{difference, movable};

impl Services {
    /// Closes the pull requests that are still open, those too of which nothing was known, and takes back what was granted:
    /// from here on nothing of them can be merged. Says which turned out to be merged.
    pub(super) async fn close(&self, cx: &OpContext, command: &Command) -> Result<Outcome> {
        let Command::Close { scope, pull_requests, cancelled, unknown } = command else {
            return Err(Error::new(ErrorKind::Unexpected, "close pull requests"));
        };
        let (mut merged, mut found) = (BTreeMap::new(), Vec::new());
        for (role, repo, path) in unknown {
            let branch = branch_for(scope, *role)?;
            if let Some(open) = self.scm.pull_requests_from(cx, repo, &branch).await?.pop() {
                let reference = self.reference(cx, repo, &branch, &open).await?;
                let why = cancelled.as_deref().unwrap_or_default();
                self.comment(cx, &scope.change_set, std::slice::from_ref(&reference), why).await?;
                found.push((*role, reference, path.clone()));
            }
        }
        let refused = if cancelled.is_some() { "the change set was cancelled" } else { "the change set was refused" };
        for (role, PullRequestRef { repo, number, .. }, path) in pull_requests.iter().chain(&found) {
            let now = self.scm.pull_request(cx, repo, *number).await?;
            if let PullRequestState::Merged { commit, .. } = &now.state {
                merged.insert(*role, self.restored_state(cx, repo, commit, path).await?);
                continue;
            }
            if self.posted(cx, repo, &now.head).await? == Some(CheckState::Success) {
                self.post(cx, repo, &now.head, CheckState::Failure, refused).await?;
            }
            if now.state == PullRequestState::Open {
                self.scm.close_pull_request(cx, repo, *number).await?;
            }
        }
        let found = found.into_iter().map(|(role, reference, _)| (role, reference)).collect();
        Ok(Outcome::Settled { merged, found })
    }

    /// Opens a pull request after which the environment's folder is, file by file, what it was before; apart from its own
    /// settings, which no change set moves. What somebody else has changed there since is not overwritten.
    pub(super) async fn revert(&self, cx: &OpContext, command: &Command) -> Result<Outcome> {
        let Command::Revert { scope, target, before, merged, reason, reviewers } = command else {
            return Err(Error::new(ErrorKind::Unexpected, "revert a change"));
        };
        let (repo, path) = (&scope.unit.desired_state, &target.path);
        let head = match self.ground(cx, scope, repo, Role::Recovery, &target.branch).await? {
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
