//! The transitions: what a unit does next, and what it waits for.

use std::collections::BTreeMap;

use pathops_core::UnitId;
use pathops_core::adapter::{Observation, Readiness};
use pathops_core::project::Rollback;

use crate::change_set::enter::enter;
use crate::change_set::{
    Command, Comment, End, Failure, Outcome, Progress, Role, Stage, Start, State, comment, headline, incidents, record,
};

pub(super) fn start(start: &Start) -> (State, Vec<Command>) {
    let new = |stage| Progress {
        stage,
        pull_requests: BTreeMap::new(),
        built: None,
        before: None,
        production_before: None,
        last_good: None,
        preflight: None,
        production: None,
        restored: false,
        merged_by_people: false,
        observation: None,
        evidence: Vec::new(),
        payloads: Vec::new(),
        snapshots: Vec::new(),
        first: None,
        last: None,
        shown: None,
        not_promotable: None,
        problem: None,
    };
    let units = start.units.keys().map(|unit| (unit.clone(), new(first(start, unit)))).collect();
    let comment = Comment::default();
    let mut state =
        State { start: start.clone(), units, failure: None, comment, recording: 0, end: None, remarks: Vec::new(), ended: false };
    let ids: Vec<UnitId> = state.units.keys().cloned().collect();
    let mut commands: Vec<Command> = ids.iter().filter_map(|unit| enter(&mut state, unit, first(start, unit))).collect();
    commands.push(record_now(&mut state));
    (state, commands)
}

/// A component has no source repository: it starts at its desired state.
fn first(start: &Start, unit: &UnitId) -> Stage {
    if start.units.get(unit).is_some_and(|unit| unit.source().is_some()) {
        Stage::AnnouncingSource
    } else {
        Stage::AnnouncingPreflight
    }
}

pub(super) fn step(mut state: State, command: &Command, outcome: &Outcome) -> (State, Vec<Command>) {
    let mut commands = Vec::new();
    match (command, command.unit().cloned()) {
        (Command::Comment { .. }, _) => state.comment.editing = false,
        (Command::Record { .. }, _) => recorded(&mut state, outcome),
        (_, Some(unit)) => commands.extend(unit_step(&mut state, &unit, outcome)),
        (_, None) => {}
    }
    commands.extend(advance(&mut state));
    commands.extend(speak(&mut state));
    state.ended = state.end.is_some() && state.recording == 0 && !state.comment.editing;
    (state, commands)
}

/// What follows for one unit from the outcome of its open operation.
fn unit_step(state: &mut State, unit: &UnitId, outcome: &Outcome) -> Option<Command> {
    let mut progress = state.units.remove(unit)?;
    let next = transition(state, unit, &mut progress, outcome);
    state.units.insert(unit.clone(), progress);
    match next {
        Next::Do(stage) => enter(state, unit, stage),
        Next::Rest(stage) => {
            set_stage(state, unit, stage);
            None
        }
        Next::Fail(reason) => fail(state, unit, reason),
    }
}

/// What a unit does after an outcome.
enum Next {
    /// Enter a stage that has an operation.
    Do(Stage),
    /// Enter a stage that waits for others.
    Rest(Stage),
    /// It has failed.
    Fail(String),
}

fn transition(state: &State, unit: &UnitId, progress: &mut Progress, outcome: &Outcome) -> Next {
    use Stage as S;
    let is_app = state.start.units.get(unit).is_some_and(|unit| unit.source().is_some());
    match (progress.stage, outcome) {
        (S::AnnouncingSource, Outcome::Opened(opened)) => {
            progress.pull_requests.insert(Role::Source, opened.clone());
            Next::Do(S::AnnouncingPreflight)
        }
        (S::AnnouncingPreflight, Outcome::Opened(opened)) => {
            progress.pull_requests.insert(Role::Preflight, opened.clone());
            Next::Do(S::Working)
        }
        (S::Working, Outcome::Pushed { head, .. }) => {
            let role = if is_app { Role::Source } else { Role::Preflight };
            if let Some(pull_request) = progress.pull_requests.get_mut(&role) {
                pull_request.head = head.clone();
            }
            if is_app { Next::Do(S::Building) } else { Next::Rest(S::Built) }
        }
        (S::Building | S::Rebuilding, Outcome::Built { built, evidence, log, .. }) => {
            progress.built = Some(built.clone());
            progress.payloads.push(log.clone());
            progress.evidence.extend(evidence.iter().cloned());
            if progress.stage == S::Building { Next::Do(S::SourceReview) } else { Next::Rest(S::Built) }
        }
        (S::Building | S::Rebuilding, Outcome::BuildFailed { reason, evidence, log }) => {
            progress.payloads.push(log.clone());
            progress.evidence.extend(evidence.iter().cloned());
            Next::Fail(reason.clone())
        }
        (S::SourceReview, Outcome::Pushed { head, .. }) => {
            if let Some(pull_request) = progress.pull_requests.get_mut(&Role::Source) {
                pull_request.head = head.clone();
            }
            Next::Do(S::Building)
        }
        (S::SourceReview, Outcome::Merged { state: merged, .. }) => match &mut progress.built {
            // What was tested is what was merged, unless the branch had moved on in the meantime.
            Some(built) if built.source.tree == merged.tree => {
                built.source.commit = merged.commit.clone();
                Next::Rest(S::Built)
            }
            _ => {
                if let Some(pull_request) = progress.pull_requests.get_mut(&Role::Source) {
                    pull_request.head = merged.commit.clone();
                }
                Next::Do(S::Rebuilding)
            }
        },
        (S::Staging, Outcome::Staged { head, before, last_good }) => {
            if let Some(pull_request) = progress.pull_requests.get_mut(&Role::Preflight) {
                pull_request.head = head.clone();
            }
            progress.before = Some(before.clone());
            progress.last_good = last_good.clone();
            Next::Do(S::PreflightMerge)
        }
        (S::PreflightMerge, Outcome::NeedsPeople) => {
            progress.merged_by_people = true;
            Next::Do(S::PreflightMerge)
        }
        (S::PreflightMerge, Outcome::Merged { state, .. }) => {
            progress.preflight = Some(state.clone());
            Next::Do(S::PreflightDeploy)
        }
        (S::PreflightDeploy | S::ProductionDeploy | S::RecoveryDeploy | S::RestoreDeploy, Outcome::Observed(observation)) => {
            observed(progress, observation)
        }
        (S::PreflightEvidence, Outcome::Collected { evidence, snapshot }) => {
            collected(progress, evidence, snapshot);
            Next::Rest(S::Tested)
        }
        (S::ProductionEvidence, Outcome::Collected { evidence, snapshot }) => {
            collected(progress, evidence, snapshot);
            Next::Rest(S::Live)
        }
        (S::FailureEvidence, Outcome::Collected { evidence, snapshot }) => {
            collected(progress, evidence, snapshot);
            // What was tried in preflight is decided about, so that the refusal names its evidence.
            let tried = progress.preflight.is_some() && progress.first.is_none();
            if tried { Next::Do(S::Judging) } else { Next::Rest(S::Stopped) }
        }
        (S::Judging, Outcome::Granted(decided) | Outcome::Refused(decided)) => {
            decide(progress, decided, false);
            Next::Rest(S::Stopped)
        }
        (S::RecoveryEvidence, Outcome::Collected { evidence, snapshot }) => {
            collected(progress, evidence, snapshot);
            back_in_preflight(progress)
        }
        (S::Deciding, Outcome::Granted(decided)) => {
            decide(progress, decided, false);
            Next::Rest(S::Decided)
        }
        (S::Promoting, Outcome::Granted(decided)) => {
            decide(progress, decided, true);
            Next::Do(S::ProductionMerge)
        }
        (S::Deciding | S::Promoting | S::ProductionMerge, Outcome::Refused(decided)) => {
            decide(progress, decided, progress.stage != S::Deciding);
            Next::Fail(decided.decision.summary())
        }
        (S::Proposing, Outcome::Proposed { pull_request, before, shown }) => {
            progress.pull_requests.insert(Role::Production, pull_request.clone());
            progress.production_before = Some(before.clone());
            progress.shown = Some(shown.clone());
            Next::Rest(S::Proposed)
        }
        (S::Promoting | S::ProductionMerge | S::RestorePromoting | S::RestoreMerge, Outcome::Shown(shown)) => {
            progress.shown = Some(shown.clone());
            Next::Do(progress.stage)
        }
        // Merged while it was being decided: the status of an earlier grant stood.
        (S::Promoting | S::ProductionMerge, Outcome::Merged { state, .. }) => {
            progress.production = Some(state.clone());
            Next::Do(S::ProductionDeploy)
        }
        (S::Promoting | S::ProductionMerge | S::RestorePromoting | S::RestoreMerge, Outcome::Unproven { state, reason }) => {
            progress.production = Some(state.clone());
            Next::Fail(reason.clone())
        }
        // Granted anew, after it had been taken back or the head had moved.
        (S::ProductionMerge | S::RestoreMerge, Outcome::Granted(decided)) => {
            decide(progress, decided, true);
            Next::Do(progress.stage)
        }
        (
            S::Deciding | S::Promoting | S::ProductionMerge | S::RestorePromoting | S::RestoreMerge,
            Outcome::Refreshed { evidence },
        ) => {
            progress.evidence.extend(evidence.iter().cloned());
            Next::Do(progress.stage)
        }
        (S::Closing, Outcome::Settled { merged }) => {
            // What people merged in the meantime is taken up: nothing is called back that is not.
            for (role, state) in merged {
                match role {
                    Role::Preflight => drop(progress.preflight.get_or_insert_with(|| state.clone())),
                    Role::Production => drop(progress.production.get_or_insert_with(|| state.clone())),
                    Role::Source | Role::Recovery | Role::Restore => {}
                }
            }
            Next::Rest(S::Closed)
        }
        (S::Reverting, Outcome::Opened(opened)) => {
            progress.pull_requests.insert(Role::Recovery, opened.clone());
            Next::Do(S::RecoveryMerge)
        }
        (S::RecoveryMerge, Outcome::Merged { state, .. }) => {
            progress.preflight = Some(state.clone());
            match &progress.before {
                Some(before) if before.runs => Next::Do(S::RecoveryDeploy),
                _ => back_in_preflight(progress),
            }
        }
        (S::RestoreProposing, Outcome::Proposed { pull_request, shown, .. }) => {
            progress.pull_requests.insert(Role::Restore, pull_request.clone());
            progress.shown = Some(shown.clone());
            Next::Do(S::RestorePromoting)
        }
        (S::RestorePromoting, Outcome::Granted(decided)) => {
            decide(progress, decided, true);
            Next::Do(S::RestoreMerge)
        }
        (S::RestorePromoting | S::RestoreMerge, Outcome::Refused(decided)) => {
            decide(progress, decided, true);
            Next::Fail(format!("what was in production before may not go back there: {}", decided.decision.summary()))
        }
        (S::RestorePromoting | S::RestoreMerge, Outcome::Merged { state, .. }) => {
            progress.production = Some(state.clone());
            progress.restored = true;
            Next::Do(S::RestoreDeploy)
        }
        (S::RestoreEvidence, Outcome::Collected { evidence, snapshot }) => {
            collected(progress, evidence, snapshot);
            Next::Rest(S::Recovered)
        }
        (_, Outcome::Dropped) => Next::Rest(S::Stopped),
        (_, Outcome::Closed { by }) => Next::Fail(format!("{by} closed the pull request without merging it")),
        (_, Outcome::Failed { reason }) => Next::Fail(reason.clone()),
        (stage, other) => Next::Fail(format!("{stage:?} does not end with {other:?}")),
    }
}

fn observed(progress: &mut Progress, observation: &Observation) -> Next {
    progress.observation = Some(observation.clone());
    match (progress.stage, &observation.readiness) {
        (Stage::PreflightDeploy, Readiness::Ready) => Next::Do(Stage::PreflightEvidence),
        (Stage::ProductionDeploy, Readiness::Ready) => Next::Do(Stage::ProductionEvidence),
        (Stage::RecoveryDeploy, Readiness::Ready) => Next::Do(Stage::RecoveryEvidence),
        (Stage::RestoreDeploy, Readiness::Ready) => Next::Do(Stage::RestoreEvidence),
        (_, readiness) => Next::Fail(super::explain(readiness, &observation.jobs)),
    }
}

/// Preflight is what it was. Where production was touched, it goes back to the same combination, by the same rule: with
/// evidence, an approval and a grant.
fn back_in_preflight(progress: &Progress) -> Next {
    let (Some(_), Some(production)) = (&progress.production, &progress.production_before) else {
        return Next::Rest(Stage::Recovered);
    };
    let tried = progress.before.as_ref().and_then(|before| before.artifact);
    match &progress.last_good {
        _ if !production.runs => Next::Fail("production ran nothing before, so there is no combination to go back to".to_owned()),
        Some(good) if good.artifact == production.artifact && tried == production.artifact => Next::Do(Stage::RestoreProposing),
        _ => Next::Fail("what was in production before is not what preflight went back to; people have to decide".to_owned()),
    }
}

fn collected(
    progress: &mut Progress,
    evidence: &[pathops_evidence::EvidenceRecord],
    snapshot: &pathops_evidence::EvidenceRecord,
) {
    progress.evidence.extend(evidence.iter().cloned());
    progress.snapshots.push(snapshot.clone());
}

fn decide(progress: &mut Progress, decided: &super::Decided, last: bool) {
    progress.evidence.push(decided.record.clone());
    let slot = if last { &mut progress.last } else { &mut progress.first };
    *slot = Some(decided.clone());
}

/// Notes a failure. The first one stops the change set; a snapshot is taken of each unit that reached an environment.
fn fail(state: &mut State, unit: &UnitId, reason: String) -> Option<Command> {
    let progress = state.units.get_mut(unit)?;
    let stage = progress.stage;
    progress.problem = Some(reason.clone());
    progress.not_promotable.get_or_insert_with(|| reason.clone());
    state.failure.get_or_insert_with(|| Failure { unit: unit.clone(), stage, reason });
    // The way back does not depend on how well the failure is documented.
    if matches!(stage, Stage::FailureEvidence | Stage::Judging) {
        progress.stage = Stage::Stopped;
        let remark =
            format!("{unit}: what is known of the failure is incomplete: {}", progress.problem.clone().unwrap_or_default());
        state.remarks.push(remark);
        return None;
    }
    let recovering = stage > Stage::Judging;
    match () {
        () if recovering => progress.stage = Stage::LeftToPeople,
        // Nothing of it is anywhere yet: there is nothing to collect.
        () if progress.pull_requests.is_empty() => progress.stage = Stage::Stopped,
        () => return enter(state, unit, Stage::FailureEvidence),
    }
    None
}

/// What the units wait for together.
fn advance(state: &mut State) -> Vec<Command> {
    if state.end.is_some() {
        return Vec::new();
    }
    if state.failure.is_some() {
        return recover(state);
    }
    let waves = state.waves();
    let mut commands = Vec::new();
    for (index, wave) in waves.iter().enumerate() {
        let earlier = |state: &State, done: Stage| waves.iter().take(index).flatten().all(|unit| stage(state, unit) >= done);
        for unit in wave {
            let next = match stage(state, unit) {
                Stage::Built if earlier(state, Stage::Tested) => Stage::Staging,
                Stage::Tested if all(state, Stage::Tested) => Stage::Deciding,
                Stage::Decided if all(state, Stage::Decided) => Stage::Proposing,
                Stage::Proposed if earlier(state, Stage::Live) => Stage::Promoting,
                _ => continue,
            };
            commands.extend(enter(state, unit, next));
        }
    }
    if all(state, Stage::Live) {
        state.end = Some(End::Live);
        commands.push(record_now(state));
    }
    commands
}

/// Once everything that was begun has ended: first nothing of it can be merged any more, and then back, one unit after
/// the other, in the rollback order.
fn recover(state: &mut State) -> Vec<Command> {
    use Stage as S;
    let resting = [S::Built, S::Tested, S::Decided, S::Proposed, S::Live, S::Stopped, S::Closed, S::Recovered, S::LeftToPeople];
    let begun = |progress: &Progress| !resting.contains(&progress.stage);
    if state.units.values().any(begun) {
        return Vec::new();
    }
    let order: Vec<UnitId> = state.waves().into_iter().rev().flatten().collect();
    let open: Vec<UnitId> =
        order.iter().filter(|unit| !matches!(stage(state, unit), S::Closed | S::Recovered | S::LeftToPeople)).cloned().collect();
    if !open.is_empty() {
        let reason = state.failure.as_ref().map(|failure| format!("{} failed", failure.unit)).unwrap_or_default();
        for progress in state.units.values_mut() {
            progress.not_promotable.get_or_insert_with(|| reason.clone());
        }
        return open.iter().filter_map(|unit| enter(state, unit, S::Closing)).collect();
    }
    for unit in order {
        if stage(state, &unit) == S::Closed {
            match way_back(state, &unit) {
                Next::Do(stage) => return enter(state, &unit, stage).into_iter().collect(),
                Next::Rest(stage) => set_stage(state, &unit, stage),
                Next::Fail(reason) => leave_to_people(state, &unit, reason),
            }
        }
    }
    let whole = state.units.values().all(|progress| progress.stage == S::Recovered);
    state.end = Some(if whole { End::Recovered } else { End::Incomplete });
    vec![record_now(state)]
}

/// How a unit whose pull requests are closed goes back.
fn way_back(state: &State, unit: &UnitId) -> Next {
    let (Some(progress), Some(declared)) = (state.units.get(unit), state.start.units.get(unit)) else {
        return Next::Rest(Stage::Recovered);
    };
    match (&progress.preflight, &progress.before) {
        (None, _) => Next::Rest(Stage::Recovered),
        (Some(_), _) if declared.rollback == Rollback::ForwardOnly => {
            Next::Fail("it is declared forward-only: a fix has to follow".to_owned())
        }
        (Some(_), None) => {
            Next::Fail("it was merged into preflight before anything was staged, so what was there is not known".to_owned())
        }
        (Some(_), Some(_)) => Next::Do(Stage::Reverting),
    }
}

fn leave_to_people(state: &mut State, unit: &UnitId, reason: String) {
    if let Some(progress) = state.units.get_mut(unit) {
        progress.problem = Some(reason);
        progress.stage = Stage::LeftToPeople;
    }
}

fn recorded(state: &mut State, outcome: &Outcome) {
    state.recording = state.recording.saturating_sub(1);
    if let Outcome::Failed { reason } = outcome {
        state.remarks.push(format!("the record could not be written: {reason}"));
    }
}

/// Edits the status comments when the headline has changed and no edit is under way.
fn speak(state: &mut State) -> Option<Command> {
    let headline = headline(state);
    let announced = state.units.values().all(|progress| progress.stage > Stage::AnnouncingPreflight);
    if state.comment.editing || state.comment.said == headline || !announced {
        return None;
    }
    state.comment = Comment { said: headline, editing: true };
    let pull_requests = state.units.values().flat_map(|progress| progress.pull_requests.values().cloned()).collect();
    Some(Command::Comment { change_set: state.start.change_set.clone(), pull_requests, body: comment(state) })
}

fn stage(state: &State, unit: &UnitId) -> Stage {
    state.units.get(unit).map_or(Stage::Stopped, |progress| progress.stage)
}

fn set_stage(state: &mut State, unit: &UnitId, stage: Stage) {
    if let Some(progress) = state.units.get_mut(unit) {
        progress.stage = stage;
    }
}

fn all(state: &State, done: Stage) -> bool {
    state.units.values().all(|progress| progress.stage >= done)
}

fn record_now(state: &mut State) -> Command {
    state.recording += 1;
    let Start { change_set, meta_repo, at, .. } = &state.start;
    Command::Record {
        change_set: change_set.clone(),
        meta_repo: meta_repo.clone(),
        at: *at,
        files: record(state),
        once: incidents(state),
    }
}
