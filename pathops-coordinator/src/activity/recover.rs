//! The way back: closing what has become pointless, and reverting what was merged.

use std::collections::BTreeMap;

use pathops_core::adapter::{CheckState, PullRequestState};
use pathops_core::project::EnvironmentTarget;
use pathops_core::{OpContext, PersonId, RepoPath, Result};

use crate::activity::Services;
use crate::activity::announce::{Opening, message};
use crate::change_set::{Before, Outcome, PullRequestRef, Role, Scope};
use crate::desired_state::difference;

impl Services {
    /// Closes the pull requests that are still open, and takes back what was granted: from here on nothing of them can
    /// be merged. Says which turned out to be merged.
    pub(super) async fn close(&self, cx: &OpContext, pull_requests: &[(Role, PullRequestRef, RepoPath)]) -> Result<Outcome> {
        let mut merged = BTreeMap::new();
        for (role, PullRequestRef { repo, number, .. }, path) in pull_requests {
            let now = self.scm.pull_request(cx, repo, *number).await?;
            if let PullRequestState::Merged { commit, .. } = &now.state {
                merged.insert(*role, self.git_state(cx, repo, commit, path).await?);
                continue;
            }
            if self.posted(cx, repo, &now.head).await? == Some(CheckState::Success) {
                self.post(cx, repo, &now.head, CheckState::Failure, "the change set was refused").await?;
            }
            if now.state == PullRequestState::Open {
                self.scm.close_pull_request(cx, repo, *number).await?;
            }
        }
        Ok(Outcome::Settled { merged })
    }

    /// Opens a pull request after which the environment's folder is, file by file, what it was before.
    pub(super) async fn revert(
        &self,
        cx: &OpContext,
        scope: &Scope,
        target: &EnvironmentTarget,
        before: &Before,
        reason: &str,
        reviewers: &[PersonId],
    ) -> Result<Outcome> {
        let repo = &scope.unit.desired_state;
        let head = self.head(cx, repo, &target.branch).await?;
        let now = self.scm.read_tree(cx, repo, &head, &target.path).await?;
        let wanted = match before.tree {
            Some(_) => self.scm.read_tree(cx, repo, &before.commit, &target.path).await?,
            None => Default::default(),
        };
        let subject = format!("Revert {} in {} to what it was", scope.unit.id, target.environment);
        let body = format!("{subject} before change set `{}` (commit `{}`).\n\nWhy: {reason}\n", scope.change_set, before.commit);
        let opening = Opening {
            role: Role::Recovery,
            base: target.branch.clone(),
            title: subject.clone(),
            body: self.redactor.redact_text(&body),
            reviewers: reviewers.to_vec(),
            message: message(scope, &subject, Role::Recovery),
            changes: difference(&now, &wanted),
        };
        Ok(Outcome::Opened(self.open(cx, scope, repo, opening).await?))
    }
}
