//! The end of a cancelled change set: nothing of it stays on the Git host but what is on record.

use pathops_core::adapter::PullRequestState;
use pathops_core::{BranchName, ChangeSetId, Effect, OpContext, RepoId, Result, Retry};

use crate::activity::{Services, moved, says_nothing};
use crate::change_set::Outcome;

impl Services {
    /// Deletes branches. One that cannot be deleted keeps the others from nothing; it is told.
    pub(super) async fn tidy(
        &self,
        cx: &OpContext,
        change_set: &ChangeSetId,
        why: &str,
        branches: &[(RepoId, BranchName)],
    ) -> Result<Outcome> {
        let mut left = Vec::new();
        for (repo, branch) in branches {
            match self.remove(cx, change_set, why, repo, branch).await {
                Err(error) if error.retry() == Retry::Never && error.effect() == Effect::None && !says_nothing(&error) => {
                    left.push(self.redactor.redact_text(&format!("`{branch}` of {repo}: {error}")));
                }
                removed => removed?,
            }
        }
        Ok(Outcome::Tidied { left })
    }

    /// The branch first: then nothing can be opened from it any more, and what was opened late is found. A request that is
    /// still on its way may do no more harm than to make the branch again.
    async fn remove(
        &self,
        cx: &OpContext,
        change_set: &ChangeSetId,
        why: &str,
        repo: &RepoId,
        branch: &BranchName,
    ) -> Result<()> {
        if let Some(tip) = self.scm.branch_head(cx, repo, branch).await? {
            // With a key of its own: it may have been made again.
            let once = cx.part(&format!("branch/{:032x}", self.ids.fresh()));
            self.scm.delete_branch(&once, repo, branch, &tip).await.map_err(moved)?;
        }
        for found in self.scm.pull_requests_from(cx, repo, branch).await? {
            if found.state == PullRequestState::Open {
                let reference = self.reference(cx, repo, branch, &found).await?;
                self.comment(cx, change_set, std::slice::from_ref(&reference), why).await?;
                self.scm.close_pull_request(cx, repo, found.number).await?;
            }
        }
        Ok(())
    }
}
