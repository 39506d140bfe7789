//! The production pull request, and the grant that makes it mergeable.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use pathops_core::adapter::{CheckSource, CheckState, PullRequest, PullRequestState, PullRequestUpdate, Review};
use pathops_core::lifecycle::{ArtifactLifecycle, Change, Granted, Proven};
use pathops_core::policy::{CommitStatus, Decision, DecisionRecord, PROMOTION_CONTEXT, PromotionGrant, Shown, decide};
use pathops_core::project::EnvironmentTarget;
use pathops_core::{
    BranchName, CommitId, Digest, Error, ErrorKind, IdError, OpContext, Principal, RepoId, Result, StatusContext, UnixMillis,
};

use crate::activity::Services;
use crate::activity::announce::{Ground, Opening, message};
use crate::activity::collect::about;
use crate::activity::prove::unproved;
use crate::change_set::{Combination, Command, Decided, Outcome, Passed, PullRequestRef, Role, Scope, title};
use crate::desired_state::promotion;

/// A production pull request that is being decided about.
#[derive(Clone, Copy)]
pub(crate) struct Candidate<'c> {
    pub(crate) scope: &'c Scope,
    pub(crate) role: Role,
    pub(crate) target: &'c EnvironmentTarget,
    pub(crate) preflight: &'c EnvironmentTarget,
    pub(crate) combination: &'c Combination,
    pub(crate) pull_request: &'c PullRequestRef,
    pub(crate) shown: &'c Shown,
    /// The commit that it was merged as; else what merging it would give is looked at.
    pub(crate) merged: Option<&'c CommitId>,
}

/// How many looks one after the other may fail before a success is taken back, or may not show one before it is posted anew:
/// some seconds, at the usual pace.
const PATIENCE: u32 = 8;

/// What was tried in vain since people have been waited for.
#[derive(Default)]
struct InVain {
    /// Looks one after the other that failed.
    failed: AtomicU32,
    /// Looks that did not show the success that was posted.
    unseen: AtomicU32,
}

/// A decision that passes as it did when its success was posted, and the artifact with a grant of it.
struct Standing {
    record: DecisionRecord,
    granted: Proven<Granted>,
    artifact: ArtifactLifecycle,
}

/// One look at a production pull request.
enum Look {
    /// People or time are missing; which.
    Wait(String),
    /// It moved while it was looked at: the next look tells.
    Moved,
    /// The status is a success that was posted before, and it still would be.
    Stands(Box<Standing>),
    /// The status is a success, which was posted just now.
    Posted(Box<Passed>),
    /// It cannot pass any more.
    Refused(Box<DecisionRecord>),
    /// The policy is another one than the pull request shows.
    Another(Box<Decision>),
    /// Evidence has become too old.
    Stale,
    /// It is over.
    Over(Box<Outcome>),
}

impl Services {
    /// Opens a production pull request: exactly what was tested, with the decision in its description.
    pub(super) async fn propose(&self, cx: &OpContext, command: &Command) -> Result<Outcome> {
        let Command::Propose { scope, role, target, preflight, combination, decided, reviewers } = command else {
            return Err(Error::new(ErrorKind::Unexpected, "propose a promotion"));
        };
        let repo = &scope.unit.desired_state;
        let (verb, decision, policy) = match decided {
            Some(decided) => ("Promote", decided.decision.to_markdown(), decided.decision.policy),
            None => {
                let project = self.project(cx, &scope.meta_repo).await?;
                let why = "This is what was there before: the way back.\n";
                ("Restore", why.to_owned(), project.policy.digest())
            }
        };
        let base = match self.ground(cx, scope, repo, *role, &target.branch, reviewers).await? {
            Ground::Opened(pull_request) => {
                // On the way back it may have been opened under another policy, before a restart.
                let shown = decided.as_ref().map_or_else(Shown::nothing, |_| from_its_beginning(policy));
                return self.proposed(cx, scope, target, pull_request, shown).await;
            }
            Ground::Branch(commit) => commit,
        };
        let tested = self.scm.read_tree(cx, repo, &combination.tested.commit, &preflight.path).await?;
        let current = self.scm.read_tree(cx, repo, &base, &target.path).await?;
        let changes = promotion(&tested, &preflight.path, &current, &target.path)
            .map_err(|error| Error::new(ErrorKind::Invalid, "propose a promotion").on(repo).because(error))?;
        let subject = format!("{verb} {} in {}", scope.unit.id, target.environment);
        let opening = Opening {
            role: *role,
            base: target.branch.clone(),
            title: title(&scope.title, &scope.unit.id, *role, target),
            body: self.body(scope, combination, preflight, target, &decision),
            reviewers: reviewers.clone(),
            message: message(scope, &subject, *role),
            changes,
        };
        let pull_request = self.open(cx, scope, repo, base, opening).await?;
        self.proposed(cx, scope, target, pull_request, from_its_beginning(policy)).await
    }

    async fn proposed(
        &self,
        cx: &OpContext,
        scope: &Scope,
        target: &EnvironmentTarget,
        pull_request: PullRequestRef,
        shown: Shown,
    ) -> Result<Outcome> {
        let before = self.before(cx, scope, &pull_request.repo, &pull_request.base_commit, target).await?;
        Ok(Outcome::Proposed { pull_request, before, shown })
    }

    /// Decides for the head as it is, again and again: posts the required status with a grant, and takes it back when what
    /// it rests on is gone. Ends with the first grant, or when people have merged or closed the pull request.
    pub(super) async fn promote(&self, cx: &OpContext, command: &Command) -> Result<Outcome> {
        let Command::Promote {
            scope,
            role,
            target,
            preflight,
            combination,
            pull_request,
            shown,
            settle_millis,
            until_merged,
            until,
            artifact,
        } = command
        else {
            return Err(Error::new(ErrorKind::Unexpected, "promote to production"));
        };
        let (settle, in_vain) = (Duration::from_millis(*settle_millis), &InVain::default());
        let candidate = &Candidate { scope, role: *role, target, preflight, combination, pull_request, shown, merged: None };
        let look = self.poll_pull_request(cx, pull_request, *until, || {
            Box::pin(async move {
                Ok(match self.look(cx, candidate, artifact, in_vain).await? {
                    Look::Moved => None,
                    Look::Wait(_) if !*until_merged => None,
                    Look::Stands(_) if *until_merged => None,
                    look => Some(look),
                })
            })
        });
        let look = match look.await? {
            Some(look) => look,
            None => {
                // Nobody merges it any more by what it was granted. What was merged or closed before that counts.
                self.withhold(cx, command).await?;
                let now = self.scm.pull_request(cx, &pull_request.repo, pull_request.number).await?;
                let Some(over) = self.over(cx, candidate, &now).await? else { return Ok(Outcome::Overdue) };
                over
            }
        };
        match look {
            Look::Over(outcome) => self.decide_about_merge(cx, candidate, artifact, *outcome).await,
            Look::Stale => self.look_again(cx, scope, preflight, combination, settle).await,
            Look::Refused(record) => {
                Ok(Outcome::Refused(Box::new(self.state_decision(cx, scope, combination, *record, None).await?)))
            }
            Look::Posted(passed) => Ok(Outcome::Granted(passed)),
            Look::Stands(standing) => {
                let Standing { record, granted, artifact } = *standing;
                let decided = self.state_decision(cx, scope, combination, record, Some(&granted)).await?;
                Ok(Outcome::Granted(Box::new(Passed { decided, artifact })))
            }
            Look::Another(decision) => self.show(cx, candidate, &decision).await,
            Look::Wait(reason) => Ok(Outcome::TakenBack { reason }),
            Look::Moved => Err(Error::new(ErrorKind::Unexpected, "wait for an approval")),
        }
    }

    async fn look(
        &self,
        cx: &OpContext,
        candidate: &Candidate<'_>,
        artifact: &ArtifactLifecycle,
        in_vain: &InVain,
    ) -> Result<Look> {
        let PullRequestRef { repo, number, .. } = candidate.pull_request;
        let now = self.scm.pull_request(cx, repo, *number).await?;
        if let Some(over) = self.over(cx, candidate, &now).await? {
            return Ok(over);
        }
        let (policy, facts) = match self.facts(cx, candidate.scope, candidate.combination, Some(candidate)).await {
            Ok(read) => read,
            Err(error) => {
                let many = in_vain.failed.fetch_add(1, Ordering::Relaxed) >= PATIENCE;
                // What is taken back now is no success that does not show yet.
                in_vain.unseen.store(PATIENCE, Ordering::Relaxed);
                return self.take_back(cx, repo, &now.head, error, many).await;
            }
        };
        in_vain.failed.store(0, Ordering::Relaxed);
        let (decision, grant) = decide(&policy, &facts, self.clock.now(), self.ids.fresh());
        if candidate.shown.policy != policy.digest() {
            return Ok(Look::Another(Box::new(decision)));
        }
        let posted = self.posted(cx, repo, &now.head).await?;
        match grant {
            // Posted before: the decision still is what it was.
            Some(grant) if posted == Some(CheckState::Success) => {
                in_vain.unseen.store(0, Ordering::Relaxed);
                let standing = Standing {
                    record: DecisionRecord::new(&policy, &facts, decision),
                    granted: Granted::prove(&grant),
                    artifact: self.promotable(artifact, &grant)?,
                };
                Ok(Look::Stands(Box::new(standing)))
            }
            // Posted before, and the host does not show it yet: posting again and again would not make it faster.
            Some(_) if is_granted(artifact, &now.head) && in_vain.unseen.fetch_add(1, Ordering::Relaxed) < PATIENCE => {
                Ok(Look::Moved)
            }
            Some(grant) => {
                let artifact = self.promotable(artifact, &grant)?;
                let decided = self.post_grant(cx, candidate, grant).await?;
                Ok(Look::Posted(Box::new(Passed { decided, artifact })))
            }
            // Merged or closed while the facts were read: they are about what was before that.
            None if self.scm.pull_request(cx, repo, *number).await?.state != PullRequestState::Open => Ok(Look::Moved),
            None => {
                let outlook = self.outlook(&policy, &facts, &decision);
                let waits = outlook.can_wait || outlook.needs_newer_evidence;
                let state = if waits { CheckState::Pending } else { CheckState::Failure };
                if posted != Some(state) {
                    self.post(cx, repo, &now.head, state, &decision.summary()).await?;
                }
                Ok(match waits {
                    false => Look::Refused(Box::new(DecisionRecord::new(&policy, &facts, decision))),
                    true if outlook.needs_newer_evidence => Look::Stale,
                    true => Look::Wait(decision.summary()),
                })
            }
        }
    }

    /// Shows the policy as it is now to those who approve: what they said under the one before does not count any more.
    async fn show(&self, cx: &OpContext, candidate: &Candidate<'_>, decision: &Decision) -> Result<Outcome> {
        let PullRequestRef { repo, number, .. } = candidate.pull_request;
        let now = self.scm.pull_request(cx, repo, *number).await?;
        if self.posted(cx, repo, &now.head).await? == Some(CheckState::Success) {
            self.post(cx, repo, &now.head, CheckState::Pending, "the policy has changed").await?;
        }
        let body =
            self.body(candidate.scope, candidate.combination, candidate.preflight, candidate.target, &decision.to_markdown());
        let update = PullRequestUpdate { body: Some(body), ..PullRequestUpdate::default() };
        self.scm.update_pull_request(&cx.part("show"), repo, *number, &update).await?;
        Ok(Outcome::Shown(Shown { policy: decision.policy, since: self.clock.now() }))
    }

    fn body(
        &self,
        scope: &Scope,
        combination: &Combination,
        preflight: &EnvironmentTarget,
        target: &EnvironmentTarget,
        decision: &str,
    ) -> String {
        let before = combination.source_pull_request.iter().chain([&combination.preflight_pull_request]);
        let before: Vec<_> = before.map(|it| format!("[{}{}]({})", it.repo, it.number, it.url)).collect();
        let body = format!(
            "{}\n\nMoves exactly what was tested in {} (commit `{}`) to {}. It came there by {}.\n\n{decision}",
            scope.title,
            preflight.environment,
            combination.tested.commit,
            target.environment,
            before.join(" and "),
        );
        self.redactor.redact_text(&body)
    }

    /// Whether people have merged or closed it.
    async fn over(&self, cx: &OpContext, candidate: &Candidate<'_>, now: &PullRequest) -> Result<Option<Look>> {
        Ok(match &now.state {
            PullRequestState::Open => None,
            PullRequestState::Closed { by } => Some(Look::Over(Box::new(Outcome::Closed { by: by.clone() }))),
            PullRequestState::Merged { by, commit, .. } => Some(self.merged(cx, candidate, by, commit, now).await?),
        })
    }

    /// What people merged has to be what was granted: the head with the status, and nothing that came from elsewhere.
    async fn merged(
        &self,
        cx: &OpContext,
        candidate: &Candidate<'_>,
        by: &Principal,
        commit: &CommitId,
        now: &PullRequest,
    ) -> Result<Look> {
        let (repo, path) = (&candidate.pull_request.repo, &candidate.target.path);
        let (state, head) = (self.git_state(cx, repo, commit, path).await?, &now.head);
        let unproven =
            |state, reason: &str| Ok(Look::Over(Box::new(Outcome::Unproven { state, reason: format!("{by} merged {reason}") })));
        if self.posted(cx, repo, head).await? != Some(CheckState::Success) {
            return unproven(state, "a head that no grant stood behind");
        }
        if self.git_state(cx, repo, head, path).await?.tree != state.tree {
            return unproven(state, "onto a branch that had moved on: what is there now was not decided about");
        }
        let read = Some(Change::prove(repo, now).into());
        Ok(Look::Over(Box::new(Outcome::Merged { state, by: by.clone(), decided: None, read })))
    }

    /// Decides about what people have merged already, where no grant for that head is on record: it was merged between the
    /// status and the journal, or by a status of somebody else.
    async fn decide_about_merge(
        &self,
        cx: &OpContext,
        candidate: &Candidate<'_>,
        artifact: &ArtifactLifecycle,
        outcome: Outcome,
    ) -> Result<Outcome> {
        let Outcome::Merged { state, by, read, .. } = outcome else { return Ok(outcome) };
        let PullRequestRef { repo, number, .. } = candidate.pull_request;
        let head = self.scm.pull_request(cx, repo, *number).await?.head;
        if is_granted(artifact, &head) {
            return Ok(Outcome::Merged { state, by, decided: None, read });
        }
        let candidate = &Candidate { merged: Some(&state.commit), ..*candidate };
        let (policy, facts) = self.facts(cx, candidate.scope, candidate.combination, Some(candidate)).await?;
        let (decision, grant) = decide(&policy, &facts, self.clock.now(), self.ids.fresh());
        let Some(grant) = grant else {
            let reason = format!("{by} merged it before a decision was on record, and {}", decision.summary());
            return Ok(Outcome::Unproven { state, reason });
        };
        let artifact = self.promotable(artifact, &grant)?;
        let record = DecisionRecord::new(&policy, &facts, decision);
        let granted = Granted::prove(&grant);
        let decided = self.state_decision(cx, candidate.scope, candidate.combination, record, Some(&granted)).await?;
        Ok(Outcome::Merged { state, by, decided: Some(Box::new(Passed { decided, artifact })), read })
    }

    fn promotable(&self, artifact: &ArtifactLifecycle, grant: &PromotionGrant) -> Result<ArtifactLifecycle> {
        artifact.promotable(grant, self.clock.now()).map_err(|error| unproved(&artifact.subject().unit, &error))
    }

    /// Looks at preflight once more, where evidence of it has become too old.
    pub(super) async fn look_again(
        &self,
        cx: &OpContext,
        scope: &Scope,
        preflight: &EnvironmentTarget,
        combination: &Combination,
        settle: Duration,
    ) -> Result<Outcome> {
        // A policy that wants evidence newer than it can be must not keep the machine busy.
        self.clock.sleep(self.pace.longest).await;
        let observed = self.observe(cx, scope, preflight, &combination.tested, combination.artifact, settle).await?;
        let Outcome::Observed(observation) = observed else { return Ok(observed) };
        let subject = about(scope, preflight, &observation);
        match subject.filter(|_| observation.tree.as_ref() == Some(&combination.tested.tree)) {
            Some(subject) => {
                Ok(Outcome::Refreshed { evidence: self.sign_observation(cx, scope, preflight, &observation, &subject).await? })
            }
            None => Ok(Outcome::Failed { reason: "preflight does not run any more what was tested there".to_owned() }),
        }
    }

    /// Makes sure that production cannot be merged without the status that a grant posts (I1), where the host can tell.
    pub(crate) async fn require_promotion(&self, cx: &OpContext, repo: &RepoId, target: &EnvironmentTarget) -> Result<()> {
        let invalid = |error| Error::new(ErrorKind::Invalid, "post the promotion status").on(repo).because(error);
        let context = StatusContext::parse(PROMOTION_CONTEXT).map_err(|error: IdError| invalid(error))?;
        self.require_status(cx, repo, &target.branch, &context).await
    }

    /// Makes sure that a branch cannot be merged into without this status, where the host can tell.
    pub(crate) async fn require_status(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        branch: &BranchName,
        context: &StatusContext,
    ) -> Result<()> {
        if !self.scm.capabilities().branch_protection {
            return Ok(());
        }
        let rules = self.scm.protection(cx, repo, branch).await?;
        if rules.required_checks.contains(context) {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Denied, "rely on a required status").on(format!("{repo}@{branch}"));
        Err(error
            .because(format!("the branch can be merged without the status `{context}`"))
            .advise("let its protection require that status"))
    }

    /// Redeems the grant against facts that are read at the moment of the write, and signs the decision that was made over
    /// them: no success is posted that no decision is on record for.
    async fn post_grant(&self, cx: &OpContext, candidate: &Candidate<'_>, grant: PromotionGrant) -> Result<Decided> {
        let repo = &candidate.pull_request.repo;
        self.require_promotion(cx, repo, candidate.target).await?;
        let (policy, facts) = self.facts(cx, candidate.scope, candidate.combination, Some(candidate)).await?;
        let (key, granted) = (cx.part(&grant.id().to_string()), Granted::prove(&grant));
        let (decision, status) = grant.redeem(&policy, &facts, self.clock.now()).map_err(|why| {
            let error = Error::new(ErrorKind::Conflict, "use a promotion grant").on(repo);
            error.because(why).with_retry(pathops_core::Retry::Backoff)
        })?;
        let record = DecisionRecord::new(&policy, &facts, decision);
        let decided = self.state_decision(cx, candidate.scope, candidate.combination, record, Some(&granted)).await?;
        // Writing it down takes a while, and what was pushed or said meanwhile was not decided about.
        let number = candidate.pull_request.number;
        let now = self.scm.pull_request(cx, repo, number).await?;
        let said = |reviews: &[Review]| reviews.iter().map(|it| (it.commit.clone(), it.state, it.at)).collect::<Vec<_>>();
        let decided_on = facts.facts().readings.proposal.as_ref().map_or(Vec::new(), |it| said(&it.reviews));
        if now.head != *status.commit()
            || now.state != PullRequestState::Open
            || said(&self.scm.reviews(cx, repo, number).await?) != decided_on
        {
            let error =
                Error::new(ErrorKind::Conflict, "use a promotion grant").on(repo).because("the pull request has moved on");
            return Err(error.with_retry(pathops_core::Retry::Backoff));
        }
        self.scm.post_status(&key, repo, status).await?;
        Ok(decided)
    }

    /// While nobody can decide, nothing may be merged: what is wrong for good, or too many times one after the other, leaves no
    /// success standing.
    async fn take_back(&self, cx: &OpContext, repo: &RepoId, head: &CommitId, error: Error, many: bool) -> Result<Look> {
        let for_good = matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Corrupt | ErrorKind::NotFound | ErrorKind::Denied);
        if (for_good || many) && self.posted(cx, repo, head).await? == Some(CheckState::Success) {
            self.post(cx, repo, head, CheckState::Pending, "nobody can decide about it now").await?;
        }
        Err(error)
    }

    /// Takes back what was granted to the ways to production that nobody decides about for now, or any more: nobody can merge them.
    /// Everything else lets nobody do anything. It is posted whatever stands there: a success may still be on its way.
    pub(super) async fn withhold(&self, cx: &OpContext, command: &Command) -> Result<()> {
        let ways: Vec<_> = match command {
            Command::Promote { pull_request, .. } => vec![pull_request],
            Command::Close { pull_requests, .. } => {
                let to_production = pull_requests.iter().filter(|(role, ..)| matches!(role, Role::Production | Role::Restore));
                to_production.map(|(_, pull_request, _)| pull_request).collect()
            }
            _ => Vec::new(),
        };
        for PullRequestRef { repo, number, .. } in ways {
            let now = self.scm.pull_request(cx, repo, *number).await?;
            if now.state == PullRequestState::Open {
                self.post(cx, repo, &now.head, CheckState::Pending, "the change set is paused or has stopped").await?;
            }
        }
        Ok(())
    }

    /// Posts what is no success. Each post has a key of its own: the same word may be needed again after another one.
    pub(super) async fn post(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        head: &CommitId,
        state: CheckState,
        description: &str,
    ) -> Result<()> {
        let invalid =
            |why: &dyn std::fmt::Display| Error::new(ErrorKind::Invalid, "post the promotion status").on(repo).because(why);
        let context = StatusContext::parse(PROMOTION_CONTEXT).map_err(|error| invalid(&error))?;
        let status = CommitStatus::new(head.clone(), context, state, description).map_err(|error| invalid(&error))?;
        let key = cx.part(&format!("{head}/{state}/{:032x}", self.ids.fresh()));
        self.scm.post_status(&key, repo, status).await
    }

    pub(super) async fn posted(&self, cx: &OpContext, repo: &RepoId, head: &CommitId) -> Result<Option<CheckState>> {
        let checks = self.scm.checks(cx, repo, head).await?;
        Ok(checks
            .into_iter()
            .find(|check| check.source == CheckSource::Status && check.name == PROMOTION_CONTEXT)
            .map(|check| check.state))
    }
}

/// Whatever a clock says: no review of a pull request is older than itself.
fn from_its_beginning(policy: Digest) -> Shown {
    Shown { policy, since: UnixMillis(0) }
}

/// Whether a grant for that head is on record.
fn is_granted(artifact: &ArtifactLifecycle, head: &CommitId) -> bool {
    artifact.grant().is_some_and(|granted| granted.get().head.as_ref() == Some(head))
}
