//! Having a task done: by an agent on a copy without any credential, or by a person.

use pathops_core::adapter::{AgentTask, NewCommit, PullRequestState};
use pathops_core::lifecycle::Change;
use pathops_core::{CommitId, Error, ErrorKind, OpContext, RepoPath, Result, UnixMillis};

use crate::activity::Services;
use crate::activity::announce::message;
use crate::change_set::{Outcome, PullRequestRef, Role, Scope};
use crate::gate::{GateLimits, objections};

impl Services {
    /// Waits until somebody has pushed to the branch since it was last looked at, or has merged what is there.
    pub(super) async fn human_work(
        &self,
        cx: &OpContext,
        pull_request: &PullRequestRef,
        folders: &[RepoPath],
        until: Option<UnixMillis>,
    ) -> Result<Outcome> {
        let PullRequestRef { repo, number, head, .. } = pull_request;
        let root = RepoPath::root();
        let folder = folders.first().unwrap_or(&root);
        let pushed = self.poll_pull_request(cx, pull_request, until, || {
            Box::pin(async move {
                let now = self.scm.pull_request(cx, repo, *number).await?;
                let read = Some(Change::prove(repo, &now).into());
                match now.state {
                    PullRequestState::Closed { by } => Ok(Some(Outcome::Closed { by })),
                    _ if now.head != *head => Ok(Some(Outcome::Pushed { head: now.head, read })),
                    PullRequestState::Merged { by, commit, .. } => {
                        let state = self.restored_state(cx, repo, &commit, folder).await?;
                        Ok(Some(Outcome::Merged { state, by, decided: None, read }))
                    }
                    PullRequestState::Open => Ok(None),
                }
            })
        });
        Ok(pushed.await?.unwrap_or(Outcome::Overdue))
    }

    pub(super) async fn agent_work(
        &self,
        cx: &OpContext,
        scope: &Scope,
        pull_request: &PullRequestRef,
        objective: &str,
        patch: &str,
        allowed: &[RepoPath],
    ) -> Result<Outcome> {
        let PullRequestRef { repo, branch, head: announced, .. } = pull_request;
        let head = self.head(cx, repo, branch).await?;
        if head != *announced {
            return self.pushed(cx, pull_request, head).await;
        }
        let base = self.scm.read_tree(cx, repo, announced, &RepoPath::root()).await?;
        let task = AgentTask {
            change_set: scope.change_set.clone(),
            unit: scope.unit.id.clone(),
            sponsor: scope.sponsor.clone(),
            objective: objective.to_owned(),
            patch: Some(patch.to_owned()),
            base,
            wall_limit: self.pace.agent_limit,
        };
        let run = self.agent.run(cx, &task).await?;
        let objections = objections(&run.changes, &GateLimits::within(allowed.to_vec()), &self.redactor);
        if !objections.is_empty() {
            let error = Error::new(ErrorKind::Denied, "publish an agent's work").on(format!("{repo}@{branch}"));
            return Err(error.because(objections.join("; ")));
        }
        let role = if scope.unit.source().is_some() { Role::Source } else { Role::Preflight };
        let new = NewCommit {
            branch: branch.clone(),
            expected_head: announced.clone(),
            message: message(scope, &scope.title, role),
            author: self.author(scope),
            at: scope.at,
            changes: run.changes,
        };
        let head = self.scm.commit(&cx.part("publish"), repo, &new).await?;
        self.pushed(cx, pull_request, head).await
    }

    async fn pushed(&self, cx: &OpContext, pull_request: &PullRequestRef, head: CommitId) -> Result<Outcome> {
        let PullRequestRef { repo, number, .. } = pull_request;
        let now = self.scm.pull_request(cx, repo, *number).await?;
        Ok(Outcome::Pushed { head, read: Some(Change::prove(repo, &now).into()) })
    }
}
