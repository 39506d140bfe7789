//! The production pull request, and the grant that makes it mergeable.

use pathops_core::adapter::{CheckSource, CheckState, PullRequestState};
use pathops_core::policy::{CommitStatus, Decision, PROMOTION_CONTEXT, PromotionGrant, VerifiedFacts, decide, grant_binding};
use pathops_core::project::EnvironmentTarget;
use pathops_core::{CommitId, Error, ErrorKind, OpContext, RepoId, Result, StatusContext};

use crate::activity::Services;
use crate::activity::announce::{Opening, message};
use crate::change_set::{Combination, Command, Outcome, PullRequestRef, Scope};
use crate::desired_state::promotion;

/// One look at a production pull request.
enum Look {
    Wait,
    Closed(Outcome),
    Refused(Decision),
    Granted(Decision),
}

impl Services {
    /// Opens a production pull request: exactly what was tested, with the decision in its description.
    pub(super) async fn propose(&self, cx: &OpContext, command: &Command) -> Result<Outcome> {
        let Command::Propose { scope, role, target, preflight, combination, decided, reviewers } = command else {
            return Err(Error::new(ErrorKind::Unexpected, "propose a promotion"));
        };
        let repo = &scope.unit.desired_state;
        let base = self.head(cx, repo, &target.branch).await?;
        let tested = self.scm.read_tree(cx, repo, &combination.tested.commit, &preflight.path).await?;
        let current = self.scm.read_tree(cx, repo, &base, &target.path).await?;
        let changes = promotion(&tested, &preflight.path, &current, &target.path)
            .map_err(|error| Error::new(ErrorKind::Invalid, "propose a promotion").on(repo).because(error))?;
        let (verb, decision) = match decided {
            Some(decided) => ("Promote", decided.decision.to_markdown()),
            None => ("Restore", "This is what was there before: the way back after a failure in production.\n".to_owned()),
        };
        let body = format!(
            "{}\n\nMoves exactly what was tested in {} (commit `{}`) to {}.\n\n{decision}",
            scope.title, preflight.environment, combination.tested.commit, target.environment,
        );
        let subject = format!("{verb} {} in {}", scope.unit.id, target.environment);
        let opening = Opening {
            role: *role,
            base: target.branch.clone(),
            title: format!("{subject}: {}", scope.title),
            body: self.redactor.redact_text(&body),
            reviewers: reviewers.clone(),
            message: message(scope, &subject, *role),
            changes,
        };
        let pull_request = self.open(cx, scope, repo, opening).await?;
        let before = self.before(cx, scope, repo, &pull_request.base_commit, target).await?;
        Ok(Outcome::Proposed { pull_request, before })
    }

    /// Waits for what is missing, decides for the head as it is, and posts the required status.
    pub(super) async fn promote(
        &self,
        cx: &OpContext,
        scope: &Scope,
        target: &EnvironmentTarget,
        preflight: &EnvironmentTarget,
        combination: &Combination,
        pull_request: &PullRequestRef,
    ) -> Result<Outcome> {
        let look = self
            .poll(|| {
                Box::pin(async move {
                    match self.look(cx, scope, target, preflight, combination, pull_request).await? {
                        Look::Wait => Ok(None),
                        look => Ok(Some(look)),
                    }
                })
            })
            .await?;
        match look {
            Look::Closed(outcome) => Ok(outcome),
            Look::Refused(decision) => {
                Ok(Outcome::Refused(Box::new(self.state_decision(cx, scope, combination, decision).await?)))
            }
            Look::Granted(decision) => {
                Ok(Outcome::Granted(Box::new(self.state_decision(cx, scope, combination, decision).await?)))
            }
            Look::Wait => Err(Error::new(ErrorKind::Unexpected, "wait for an approval")),
        }
    }

    async fn look(
        &self,
        cx: &OpContext,
        scope: &Scope,
        target: &EnvironmentTarget,
        preflight: &EnvironmentTarget,
        combination: &Combination,
        pull_request: &PullRequestRef,
    ) -> Result<Look> {
        let PullRequestRef { repo, number, .. } = pull_request;
        let now = self.scm.pull_request(cx, repo, *number).await?;
        if let PullRequestState::Closed { by } = now.state {
            return Ok(Look::Closed(Outcome::Closed { by }));
        }
        let (policy, facts) = self.facts(cx, scope, combination, Some((pull_request, target, preflight))).await?;
        let (decision, grant) = decide(&policy, &facts, self.clock.now(), self.ids.fresh());
        let posted = self.posted(cx, repo, &now.head).await?;
        match grant {
            // Posted by an attempt whose answer was lost, or merged already: the status stands.
            Some(_) if posted == Some(CheckState::Success) => Ok(Look::Granted(decision)),
            Some(grant) => {
                self.post_grant(cx, repo, grant, scope, combination, (pull_request, target, preflight)).await?;
                Ok(Look::Granted(decision))
            }
            None => {
                let waits = decision.can_wait();
                let state = if waits { CheckState::Pending } else { CheckState::Failure };
                if posted != Some(state) {
                    self.post(cx, repo, &now.head, state, &decision.summary()).await?;
                }
                Ok(if waits { Look::Wait } else { Look::Refused(decision) })
            }
        }
    }

    /// Makes sure that production cannot be merged without the status that a grant posts (I1), where the host can tell.
    pub(crate) async fn require_status(&self, cx: &OpContext, repo: &RepoId, target: &EnvironmentTarget) -> Result<()> {
        if !self.scm.capabilities().branch_protection {
            return Ok(());
        }
        let rules = self.scm.protection(cx, repo, &target.branch).await?;
        if rules.required_checks.iter().any(|check| check.as_str() == PROMOTION_CONTEXT) {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Denied, "promote to production").on(format!("{repo}@{}", target.branch));
        Err(error
            .because(format!("the branch can be merged without the status `{PROMOTION_CONTEXT}`"))
            .advise("let its protection require that status"))
    }

    /// Redeems the grant against facts that are read once more, at the moment of the write.
    async fn post_grant(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        grant: PromotionGrant,
        scope: &Scope,
        combination: &Combination,
        production: (&PullRequestRef, &EnvironmentTarget, &EnvironmentTarget),
    ) -> Result<()> {
        self.require_status(cx, repo, production.1).await?;
        let (policy, facts): (_, VerifiedFacts) = self.facts(cx, scope, combination, Some(production)).await?;
        let void = |why: &dyn std::fmt::Display| {
            Error::new(ErrorKind::Conflict, "use a promotion grant")
                .on(repo)
                .because(why)
                .with_retry(pathops_core::Retry::Backoff)
        };
        let binding = grant_binding(&policy, facts.facts()).ok_or_else(|| void(&"the pull request is gone"))?;
        let key = cx.part(&grant.id().to_string());
        let status = grant.redeem(&binding, self.clock.now()).map_err(|error| void(&error))?;
        self.scm.post_status(&key, repo, status).await
    }

    async fn post(&self, cx: &OpContext, repo: &RepoId, head: &CommitId, state: CheckState, description: &str) -> Result<()> {
        let invalid =
            |why: &dyn std::fmt::Display| Error::new(ErrorKind::Invalid, "post the promotion status").on(repo).because(why);
        let context = StatusContext::parse(PROMOTION_CONTEXT).map_err(|error| invalid(&error))?;
        let status = CommitStatus::new(head.clone(), context, state, description).map_err(|error| invalid(&error))?;
        self.scm.post_status(&cx.part(&format!("{head}/{state}")), repo, status).await
    }

    async fn posted(&self, cx: &OpContext, repo: &RepoId, head: &CommitId) -> Result<Option<CheckState>> {
        let checks = self.scm.checks(cx, repo, head).await?;
        Ok(checks
            .into_iter()
            .find(|check| check.source == CheckSource::Status && check.name == PROMOTION_CONTEXT)
            .map(|check| check.state))
    }
}
