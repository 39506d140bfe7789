//! What was done too late: by a host that was taken for dead, and was not, after another one had taken its run over.
//!
//! Such a host is kept from the journal by its lease, and from nothing else: what it was in the middle of, it goes on with. On the Git
//! host that may be a branch and a pull request that nobody knows of, or a success for what is closed. Whoever comes too late notices that
//! when it is refused to write down what it did, and then sweeps up; anybody may do so later.

use pathops_core::adapter::{CheckState, PullRequest, PullRequestState};
use pathops_core::{BranchName, CommitId, OpContext, RepoId, Result, UnitId};

use crate::activity::announce::branch_for;
use crate::activity::{Services, moved};
use crate::change_set::{PullRequestRef, Role, Scope, State, scope};

const ROLES: [Role; 5] = [Role::Source, Role::Preflight, Role::Production, Role::Recovery, Role::Restore];

impl Services {
    /// Takes back what was done of a unit and its change set does not know of, and says what that was. It looks at the branches that are
    /// named after the change set, and leaves alone what people have put there, and what the change set may still come to.
    pub(crate) async fn sweep(&self, cx: &OpContext, state: &State, unit: &UnitId) -> Result<Vec<String>> {
        let (Some(scope), Some(progress)) = (scope(state, unit), state.units.get(unit)) else { return Ok(Vec::new()) };
        let mut swept = Vec::new();
        for role in ROLES {
            let repo = match (role, scope.unit.source()) {
                (Role::Source, None) => continue,
                (Role::Source, Some(source)) => source,
                _ => &scope.unit.desired_state,
            };
            let known = progress.pull_requests.get(&role);
            // While nothing is known of it, it may be about to be opened.
            if known.is_some() || state.ended {
                swept.extend(self.sweep_branch(cx, &scope, repo, role, known, state.ended).await?);
            }
        }
        Ok(swept)
    }

    /// The same of one branch, whose pull request the change set knows, or none.
    pub(super) async fn sweep_branch(
        &self,
        cx: &OpContext,
        scope: &Scope,
        repo: &RepoId,
        role: Role,
        known: Option<&PullRequestRef>,
        is_over: bool,
    ) -> Result<Vec<String>> {
        let (branch, mut swept) = (branch_for(scope, role)?, Vec::new());
        let is_known = |it: &PullRequest| known.is_some_and(|known| known.number == it.number);
        let all = self.scm.pull_requests_from(cx, repo, &branch).await?.into_iter();
        let (late, left): (Vec<_>, Vec<_>) = all.partition(|it| it.state == PullRequestState::Open && !is_known(it));
        for late in late {
            if self.is_ours(cx, scope, repo, &branch, &late.head).await? {
                self.scm.close_pull_request(cx, repo, late.number).await.map_err(moved)?;
                swept.push(format!("the pull request {}", late.url));
            }
        }
        let is_closed = |it: &PullRequest| matches!(it.state, PullRequestState::Closed { .. });
        let leads_to_production = matches!(role, Role::Production | Role::Restore);
        if let Some(PullRequest { head, url, .. }) = left.iter().find(|it| leads_to_production && is_known(it) && is_closed(it))
            && self.posted(cx, repo, head).await? == Some(CheckState::Success)
        {
            self.post(cx, repo, head, CheckState::Failure, "the change set has stopped").await?;
            swept.push(format!("the success of {url}"));
        }
        if is_over && left.iter().all(is_closed) && self.sweep_head(cx, scope, repo, &branch).await? {
            swept.push(format!("the branch `{branch}` of {repo}"));
        }
        Ok(swept)
    }

    /// Deletes a branch of which nothing is merged and nothing is open any more, where everything on it is ours. Whether it was there.
    async fn sweep_head(&self, cx: &OpContext, scope: &Scope, repo: &RepoId, branch: &BranchName) -> Result<bool> {
        let Some(head) = self.scm.branch_head(cx, repo, branch).await? else { return Ok(false) };
        if !self.is_ours(cx, scope, repo, branch, &head).await? {
            return Ok(false);
        }
        let once = cx.part(&format!("delete/{:032x}", self.ids.fresh()));
        self.scm.delete_branch(&once, repo, branch, &head).await.map_err(moved).map(|()| true)
    }

    /// Whether a branch begins with the commit by which the change set declares itself, and nobody else has put anything on it.
    async fn is_ours(&self, cx: &OpContext, scope: &Scope, repo: &RepoId, branch: &BranchName, head: &CommitId) -> Result<bool> {
        match self.first_commit(cx, repo, branch, head).await? {
            Some((base, _)) => self.all_ours(cx, scope, repo, &base, head).await,
            None => Ok(false),
        }
    }
}
