//! Entering a stage: the command that belongs to it, from what is known.

use std::collections::BTreeMap;

use pathops_core::adapter::Observation;
use pathops_core::evidence::Occasion;
use pathops_core::lifecycle::ArtifactLifecycle;
use pathops_core::policy::{DependencyState, GitState, MergeBy, Shown};
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{CommitId, Digest, RepoPath, UnitId, UnixMillis};

use crate::change_set::{
    Combination, Command, Decided, Failure, Progress, PullRequestRef, Role, Scope, Stage, State, TakeBack, announcement,
    glass_incident,
};

/// Puts the unit into `stage` and gives the command that ends it. `None` where the stage has no operation, or where
/// what it needs is not known, which the order of the stages excludes; the unit then stops.
pub(super) fn enter(state: &mut State, unit: &UnitId, stage: Stage, at: UnixMillis) -> Option<Command> {
    let (works, merges) = (state.by_person(unit), state.start.preflight_merge.of(unit) == MergeBy::People);
    let progress = state.units.get_mut(unit)?;
    let by_people = if stage == Stage::PreflightMerge { merges || progress.merged_by_people } else { works };
    progress.limited = state.start.limits.enter(stage, progress.limited, by_people, at);
    let command = {
        let progress = state.units.get(unit)?;
        Context { state, progress, scope: scope(state, unit)? }.command(stage)
    };
    let progress = state.units.get_mut(unit)?;
    progress.stage = if command.is_some() { stage } else { Stage::Stopped };
    if command.is_none() {
        progress.limited = None;
        let reason = format!("what {unit} needs to go on is not known");
        state.failure.get_or_insert_with(|| Failure { unit: unit.clone(), stage, reason });
    }
    command
}

/// Waits for somebody who has something of the unit tried again, for as long as it says.
pub(super) fn await_retry(state: &State, unit: &UnitId) -> Option<Command> {
    let (given_up, limited) = (state.awaits_retry(unit)?, state.units.get(unit)?.limited?);
    let (attempt, reason, until) = (given_up.attempt, given_up.reason.clone(), limited.until);
    Some(Command::AwaitRetry { scope: scope(state, unit)?, attempt, reason, until })
}

/// What a unit got to production as, and the decision that it got there by.
pub(crate) struct Promoted<'s> {
    pub(crate) scope: Scope,
    pub(crate) combination: Combination,
    pub(crate) pull_request: PullRequestRef,
    pub(crate) shown: Shown,
    pub(crate) merged: &'s CommitId,
    pub(crate) granted: &'s Decided,
}

/// `None` where it is not there.
pub(crate) fn promoted<'s>(state: &'s State, unit: &UnitId) -> Option<Promoted<'s>> {
    let progress = state.units.get(unit)?;
    let (granted, merged) = (progress.last.as_ref().filter(|_| !progress.restored)?, &progress.production.as_ref()?.commit);
    let context = Context { state, progress, scope: scope(state, unit)? };
    let (combination, pull_request) = (context.combination()?, context.pull_request(Role::Production)?);
    let shown = progress.shown.clone().unwrap_or_else(Shown::nothing);
    Some(Promoted { scope: context.scope, combination, pull_request, shown, merged, granted })
}

/// What operations of a unit are about; `None` where it is not there.
pub(crate) fn scope(state: &State, unit: &UnitId) -> Option<Scope> {
    let start = &state.start;
    Some(Scope {
        change_set: start.change_set.clone(),
        project: start.project.clone(),
        meta_repo: start.meta_repo.clone(),
        unit: start.units.get(unit)?.clone(),
        sponsor: start.request.requested_by.clone(),
        co_sponsors: start.carries.iter().map(|carried| carried.requested_by.clone()).collect(),
        by_agent: !state.by_person(unit),
        title: start.request.title.clone(),
        at: start.at,
    })
}

struct Context<'s> {
    state: &'s State,
    progress: &'s Progress,
    scope: Scope,
}

impl Context<'_> {
    fn command(&self, stage: Stage) -> Option<Command> {
        let progress = self.progress;
        match stage {
            Stage::AnnouncingSource => Some(self.announce(Role::Source, None)),
            Stage::AnnouncingPreflight => Some(self.announce(Role::Preflight, Some(self.preflight()))),
            Stage::Working => self.work(),
            Stage::Building | Stage::Rebuilding => self.build(),
            Stage::SourceReview => self.await_merge(Role::Source, RepoPath::root()),
            Stage::Staging => self.stage(),
            Stage::PreflightMerge => self.merge_preflight(),
            Stage::PreflightDeploy => self.observe(self.preflight(), progress.preflight.as_ref(), progress.built_artifact()),
            Stage::RecoveryDeploy => self.observe(self.preflight(), progress.preflight.as_ref(), progress.artifact_before()),
            Stage::ProductionDeploy | Stage::RestoreDeploy => {
                self.observe(self.production(), progress.production.as_ref(), progress.production_artifact())
            }
            Stage::PreflightEvidence => self.collect(stage, self.preflight(), Occasion::Deployed),
            Stage::ProductionEvidence => self.collect(stage, self.production(), Occasion::Deployed),
            Stage::FailureEvidence => {
                let target = if self.progress.production.is_some() { self.production() } else { self.preflight() };
                self.collect(stage, target, Occasion::Failed)
            }
            Stage::RecoveryEvidence => self.collect(stage, self.preflight(), Occasion::Recovered),
            Stage::RecoveryFailureEvidence => self.collect(stage, self.preflight(), Occasion::Failed),
            Stage::RestoreFailureEvidence => self.collect(stage, self.production(), Occasion::Failed),
            Stage::Deciding => self.decide(true),
            Stage::Judging => self.decide(false),
            Stage::Proposing => self.propose(),
            Stage::Promoting => self.promote(Role::Production, false),
            Stage::RestoreProposing => self.propose_restore(),
            Stage::RestorePromoting => self.promote(Role::Restore, false),
            Stage::RestoreMerge => self.promote(Role::Restore, true),
            Stage::RestoreEvidence => self.collect(stage, self.production(), Occasion::Recovered),
            Stage::ProductionMerge => self.promote(Role::Production, true),
            Stage::Closing | Stage::RestoreClosing => Some(self.close()),
            Stage::Reverting => self.revert(),
            Stage::RecoveryMerge => self.await_merge(Role::Recovery, self.preflight().path),
            Stage::Queued
            | Stage::Built
            | Stage::Tested
            | Stage::Decided
            | Stage::Proposed
            | Stage::Live
            | Stage::Stopped
            | Stage::Closed
            | Stage::Recovered
            | Stage::LeftToPeople => None,
        }
    }

    fn until(&self) -> Option<UnixMillis> {
        self.progress.limited.map(|limited| limited.until)
    }

    fn preflight(&self) -> EnvironmentTarget {
        self.state.start.environments.preflight.clone()
    }

    fn production(&self) -> EnvironmentTarget {
        self.state.start.environments.production.clone()
    }

    fn pull_request(&self, role: Role) -> Option<PullRequestRef> {
        self.progress.pull_requests.get(&role).cloned()
    }

    fn announce(&self, role: Role, target: Option<EnvironmentTarget>) -> Command {
        let body = announcement(self.state, &self.scope, role);
        let reviewers = if role == Role::Source { self.state.start.reviewers.clone() } else { Vec::new() };
        Command::Announce { scope: self.scope.clone(), role, target, reviewers, body }
    }

    fn work(&self) -> Option<Command> {
        let workplace = self.state.workplace(&self.scope.unit.id);
        let pull_request = self.pull_request(workplace)?;
        let task = self.state.start.plan.tasks.iter().find(|task| task.unit == self.scope.unit.id)?;
        let allowed = match workplace {
            Role::Source => RepoPath::root(),
            _ => self.preflight().path,
        };
        let (objective, patch) = (task.objective.clone(), task.patch.clone());
        let (scope, allowed, until) = (self.scope.clone(), vec![allowed], self.until());
        Some(Command::Work { scope, pull_request, objective, patch, allowed, until })
    }

    fn build(&self) -> Option<Command> {
        let PullRequestRef { repo, head, base_commit, .. } = self.pull_request(Role::Source)?;
        Some(Command::Build { scope: self.scope.clone(), repo, commit: head, base: base_commit, until: self.until() })
    }

    fn await_merge(&self, role: Role, path: RepoPath) -> Option<Command> {
        let pull_request = self.pull_request(role)?;
        Some(Command::AwaitMerge { scope: self.scope.clone(), role, pull_request, path, until: self.until() })
    }

    fn stage(&self) -> Option<Command> {
        let (target, pull_request) = (self.preflight(), self.pull_request(Role::Preflight)?);
        Some(Command::Stage { target, pull_request, built: self.progress.built.clone(), scope: self.scope.clone() })
    }

    fn merge_preflight(&self) -> Option<Command> {
        let target = self.preflight();
        match self.state.start.preflight_merge.of(&self.scope.unit.id) {
            MergeBy::Pathops if self.progress.merged_by_people => self.await_merge(Role::Preflight, target.path),
            MergeBy::People => self.await_merge(Role::Preflight, target.path),
            MergeBy::Pathops => self.pull_request(Role::Preflight).map(|pull_request| Command::MergePreflight {
                scope: self.scope.clone(),
                target,
                pull_request,
            }),
        }
    }

    fn observe(&self, target: EnvironmentTarget, desired: Option<&GitState>, artifact: Option<Digest>) -> Option<Command> {
        Some(Command::Observe {
            target,
            desired: desired?.clone(),
            artifact,
            settle_millis: self.state.start.settle_millis,
            scope: self.scope.clone(),
        })
    }

    fn collect(&self, stage: Stage, target: EnvironmentTarget, occasion: Occasion) -> Option<Command> {
        let newest = self.progress.pull_requests.values().next_back()?;
        let in_production = target.kind == EnvironmentKind::Production && occasion != Occasion::Failed;
        let deployed = |observation: &&Observation| occasion != Occasion::Failed || observation.tree.is_some();
        Some(Command::Collect {
            target,
            occasion,
            began: self.progress.deploying_since,
            observation: self.progress.observation.as_ref().filter(deployed).cloned(),
            problem: if occasion == Occasion::Failed { self.progress.problem.clone() } else { None },
            head: newest.head.clone(),
            evidence: self.progress.evidence.clone(),
            payloads: self.progress.payloads.clone(),
            approved: in_production.then(|| self.pull_request(self.way_to_production())).flatten(),
            incident: in_production.then(|| glass_incident(self.state, &self.scope.unit.id)).flatten(),
            // On the way back it is about what was there before.
            artifact: if stage > Stage::Judging { &self.progress.again } else { &self.progress.artifact }.clone().map(Box::new),
            scope: self.scope.clone(),
        })
    }

    fn way_to_production(&self) -> Role {
        if self.progress.restored { Role::Restore } else { Role::Production }
    }

    fn combination(&self) -> Option<Combination> {
        let built = self.progress.built.as_ref();
        Some(Combination {
            artifact: built.map(|built| built.artifact.digest),
            source: built.map(|built| built.source.clone()),
            source_in_production: self.last_good_source(),
            source_pull_request: self.pull_request(Role::Source),
            preflight_pull_request: self.pull_request(Role::Preflight)?,
            tested: self.progress.preflight.clone()?,
            evidence: self.progress.evidence.clone(),
            dependencies: self.dependencies(),
        })
    }

    /// How far the units are that this one depends on, where the change set changes them.
    fn dependencies(&self) -> BTreeMap<UnitId, DependencyState> {
        let state = |progress: &Progress| match progress.stage {
            Stage::Live => DependencyState::Live,
            stage if stage > Stage::Live => DependencyState::Failed,
            _ => DependencyState::Pending,
        };
        let changed = |unit: &UnitId| self.state.units.get(unit).map(|progress| (unit.clone(), state(progress)));
        self.scope.unit.depends_on.iter().filter_map(changed).collect()
    }

    fn decide(&self, wait: bool) -> Option<Command> {
        Some(Command::Decide {
            scope: self.scope.clone(),
            combination: self.combination()?,
            preflight: self.preflight(),
            settle_millis: self.state.start.settle_millis,
            wait,
            until: self.until(),
            artifact: self.progress.artifact.clone().map(Box::new)?,
        })
    }

    fn last_good_source(&self) -> Option<CommitId> {
        let source = self.progress.last_good.as_ref()?.source.as_ref()?;
        Some(source.commit.clone())
    }

    /// What was in production before, as it was tried in preflight once more.
    fn restored(&self) -> Option<Combination> {
        let last_good = self.progress.last_good.as_ref()?;
        Some(Combination {
            artifact: last_good.artifact,
            source: last_good.source.clone(),
            source_in_production: self.last_good_source(),
            source_pull_request: None,
            preflight_pull_request: self.pull_request(Role::Recovery)?,
            tested: self.progress.preflight.clone()?,
            evidence: last_good.evidence.iter().chain(&self.progress.evidence).cloned().collect(),
            dependencies: BTreeMap::new(),
        })
    }

    fn propose_restore(&self) -> Option<Command> {
        Some(Command::Propose {
            role: Role::Restore,
            target: self.production(),
            preflight: self.preflight(),
            combination: self.restored()?,
            decided: None,
            reviewers: self.state.start.reviewers.clone(),
            scope: self.scope.clone(),
        })
    }

    fn propose(&self) -> Option<Command> {
        Some(Command::Propose {
            role: Role::Production,
            target: self.production(),
            preflight: self.preflight(),
            combination: self.combination()?,
            decided: Some(Box::new(self.progress.first.clone()?)),
            reviewers: self.state.start.reviewers.clone(),
            scope: self.scope.clone(),
        })
    }

    fn promote(&self, role: Role, until_merged: bool) -> Option<Command> {
        let (combination, artifact): (_, &Option<ArtifactLifecycle>) = match role {
            Role::Restore => (self.restored()?, &self.progress.again),
            _ => (self.combination()?, &self.progress.artifact),
        };
        Some(Command::Promote {
            role,
            target: self.production(),
            preflight: self.preflight(),
            combination,
            pull_request: self.pull_request(role)?,
            shown: self.progress.shown.clone().unwrap_or_else(Shown::nothing),
            settle_millis: self.state.start.settle_millis,
            until_merged,
            until: self.until(),
            artifact: artifact.clone().map(Box::new)?,
            scope: self.scope.clone(),
        })
    }

    fn close(&self) -> Command {
        let folder = |role: Role| match role {
            Role::Source => RepoPath::root(),
            Role::Preflight | Role::Recovery => self.preflight().path,
            Role::Production | Role::Restore => self.production().path,
        };
        let pull_requests = self.progress.pull_requests.iter();
        let pull_requests = pull_requests.map(|(role, pull_request)| (*role, pull_request.clone(), folder(*role))).collect();
        Command::Close { pull_requests, scope: self.scope.clone() }
    }

    fn revert(&self) -> Option<Command> {
        let failed = self.state.failure.as_ref().map(|failure| format!("{}: {}", failure.unit, failure.reason));
        let cancelled = || {
            let by = self.state.cancelled.as_ref()?.get();
            Some(match &self.state.superseded_by {
                Some(newer) => format!("`{newer}` takes its place; {} {}", by.person, by.reason),
                None => format!("{} cancelled the change set: {}", by.person, by.reason),
            })
        };
        let taken_back = || {
            let TakeBack { change_set, by } = &self.state.start.recovery.as_ref()?.asked;
            Some(format!("{} takes `{change_set}` back: {}", by.get().person, by.get().reason))
        };
        let reason = taken_back().or(failed).or_else(cancelled).unwrap_or_default();
        let (before, merged) = (self.progress.before.clone()?, self.progress.preflight.clone()?);
        Some(Command::Revert {
            target: self.preflight(),
            before,
            merged,
            reason,
            reviewers: self.state.start.reviewers.clone(),
            scope: self.scope.clone(),
        })
    }
}
