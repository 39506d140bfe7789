//! The steps: what follows from an outcome, and what the units wait for together.

use std::collections::BTreeMap;

use pathops_core::lifecycle::{self, ChangeSetLifecycle};
use pathops_core::project::Rollback;
use pathops_core::{UnitId, UnixMillis};

use crate::change_set::enter::enter;
use crate::change_set::lifecycles::{follow, rule_out};
use crate::change_set::recovery::as_landed;
use crate::change_set::rescue::{awaited, give_up, instead};
use crate::change_set::transition::{Next, Work, transition};
use crate::change_set::{
    Carried, Command, Comment, End, Failure, Outcome, Progress, Role, Stage, Start, State, TakeBack, comment, headline,
    incidents, record, releases,
};

pub(super) fn start(start: &Start) -> (State, Vec<Command>) {
    let mut state = declared(start);
    let mut commands = match await_turn(start) {
        Some(wait) => vec![wait],
        None => begin(&mut state, start.at),
    };
    commands.push(record_now(&mut state, start.at));
    if start.recovery.is_some() {
        commands.extend(advance_and_speak(&mut state, start.at));
    }
    (state, commands)
}

fn declared(start: &Start) -> State {
    let new = |unit: &UnitId| Progress {
        stage: first(start, unit),
        pull_requests: BTreeMap::new(),
        built: None,
        before: None,
        production_before: None,
        last_good: None,
        preflight: None,
        production: None,
        restored: false,
        merged_by_people: false,
        limited: None,
        deploying_since: None,
        observation: None,
        evidence: Vec::new(),
        payloads: Vec::new(),
        snapshots: Vec::new(),
        first: None,
        last: None,
        shown: None,
        artifact: None,
        replaced: Vec::new(),
        again: None,
        app: start.apps.get(unit).cloned(),
        problem: None,
        given_up: None,
        reset: None,
    };
    // While it has to wait, nobody knows what there will be to take back.
    let recovery = start.recovery.as_ref().filter(|_| start.turn.is_none());
    let begun = |unit: &UnitId| match recovery.and_then(|recovery| recovery.landed.get(unit)) {
        Some(landed) => as_landed(new(unit), landed),
        None => new(unit),
    };
    let units = start.units.keys().map(|unit| (unit.clone(), begun(unit))).collect();
    let lifecycle = ChangeSetLifecycle::declared(lifecycle::ChangeSet {
        id: start.change_set.clone(),
        units: start.units.keys().cloned().collect(),
        preflight: start.environments.preflight.environment.clone(),
        production: start.environments.production.environment.clone(),
    });
    State {
        start: start.clone(),
        units,
        lifecycle,
        failure: None,
        cancelled: None,
        superseded_by: None,
        paused: None,
        comment: Comment::default(),
        recording: 0,
        end: None,
        remarks: Vec::new(),
        ended: false,
    }
}

fn await_turn(Start { change_set, meta_repo, request, turn, recovery, at, .. }: &Start) -> Option<Command> {
    let (change_set, meta_repo, request) = (change_set.clone(), meta_repo.clone(), request.clone());
    let take_back = recovery.as_ref().map(|recovery| Box::new(recovery.asked.clone()));
    Some(Command::AwaitTurn { change_set, meta_repo, request, turn: turn.clone()?, take_back, at: *at })
}

/// Begins the work on every unit. Of a recovery there is none: it goes back at once.
fn begin(state: &mut State, at: UnixMillis) -> Vec<Command> {
    if let Some(recovery) = &state.start.recovery {
        recovery.remarks().into_iter().for_each(|text| remark(state, text));
        return Vec::new();
    }
    let ids: Vec<(UnitId, Stage)> = state.units.iter().map(|(unit, progress)| (unit.clone(), progress.stage)).collect();
    ids.iter().filter_map(|(unit, stage)| enter(state, unit, *stage, at)).collect()
}

/// Its turn has come, or never will.
fn turn(state: &mut State, outcome: &Outcome, at: UnixMillis) -> Vec<Command> {
    if let Outcome::Turn(planned) = outcome
        && !state.is_called_off()
    {
        let State { start, units, lifecycle, .. } = declared(planned);
        // What it has waited for stays on record.
        let (turn, flags) = (state.start.turn.take(), std::mem::take(&mut state.start.flags));
        (state.start, state.units, state.lifecycle) = (Start { turn, flags, ..start }, units, lifecycle);
        for Carried { change_set, title, .. } in state.start.carries.clone() {
            remark(state, format!("it carries `{change_set}`, too: {title}"));
        }
        let mut commands = begin(state, at);
        commands.push(record_now(state, at));
        return commands;
    }
    if let (Outcome::Failed { reason }, Some(unit)) = (outcome, state.units.keys().next().cloned()) {
        let reason = format!("it could not begin when its turn had come: {reason}");
        // What was to be taken back is still there.
        if state.start.recovery.is_some() && state.cancelled.is_none() {
            let ids: Vec<UnitId> = state.units.keys().cloned().collect();
            ids.iter().for_each(|unit| leave_to_people(state, unit, reason.clone()));
        }
        state.failure.get_or_insert(Failure { unit, stage: Stage::Queued, reason });
    }
    let waited = state.units.values_mut().filter(|progress| progress.stage == Stage::Queued);
    waited.for_each(|progress| progress.stage = Stage::Stopped);
    Vec::new()
}

/// A component has no source repository: it starts at its desired state.
fn first(start: &Start, unit: &UnitId) -> Stage {
    if start.turn.is_some() {
        Stage::Queued
    } else if start.recovery.is_some() {
        Stage::Live
    } else if start.units.get(unit).is_some_and(|unit| unit.source().is_some()) {
        Stage::AnnouncingSource
    } else {
        Stage::AnnouncingPreflight
    }
}

pub(super) fn step(mut state: State, command: &Command, outcome: &Outcome, at: UnixMillis) -> (State, Vec<Command>) {
    let mut commands = Vec::new();
    match (command, command.unit().cloned()) {
        (Command::AwaitTurn { .. }, _) => commands.extend(turn(&mut state, outcome, at)),
        (Command::Comment { .. }, _) => commented(&mut state, outcome),
        (Command::Record { .. }, _) => recorded(&mut state, outcome),
        (Command::AwaitRetry { attempt, .. }, Some(unit)) => commands.extend(awaited(&mut state, &unit, *attempt, at)),
        (_, Some(unit)) => commands.extend(unit_step(&mut state, &unit, outcome, at)),
        (_, None) => {}
    }
    commands.extend(advance_and_speak(&mut state, at));
    (state, commands)
}

/// What the units do together, as things stand, and what is said about it.
pub(super) fn advance_and_speak(state: &mut State, at: UnixMillis) -> Vec<Command> {
    follow(state, at);
    let mut commands = advance(state, at);
    commands.extend(speak(state));
    state.ended = state.end.is_some() && state.recording == 0 && !state.comment.editing;
    commands
}

/// What follows for one unit from the outcome of its open operation.
fn unit_step(state: &mut State, unit: &UnitId, outcome: &Outcome, at: UnixMillis) -> Option<Command> {
    let mut progress = state.units.remove(unit)?;
    let work = Work { at: state.workplace(unit), by_person: state.by_person(unit) };
    let next = transition(work, &mut progress, outcome, at);
    if matches!(next, Next::Do(Stage::PreflightDeploy | Stage::ProductionDeploy | Stage::RecoveryDeploy | Stage::RestoreDeploy)) {
        progress.deploying_since = Some(at);
        // What was seen of the one before says nothing of this one.
        progress.observation = None;
    }
    state.units.insert(unit.clone(), progress);
    if let Outcome::Settled { left, .. } = outcome {
        left.iter().for_each(|text| remark(state, format!("{unit}: {text}")));
    }
    // Earlier versions left it out of what is left.
    if let (Some(_), Outcome::Settled { merged, .. }) = (&state.cancelled, outcome)
        && merged.contains_key(&Role::Source)
        && let Some(source) = state.units.get(unit).and_then(|it| it.pull_requests.get(&Role::Source))
    {
        let text = source_stays(&source.url);
        remark(state, format!("{unit}: {text}"));
    }
    if let Outcome::Built { remarks, .. } = outcome {
        remarks.iter().for_each(|text| remark(state, format!("{unit}: {text}")));
    }
    let came_to = match &next {
        Next::Do(stage) | Next::Rest(stage) => Some(*stage),
        Next::Fail(_) => None,
    };
    if let Some(back) = instead(state, unit, outcome, came_to, at) {
        return Some(back);
    }
    match next {
        // What was begun has come to its end, and nothing else is begun: it goes back from where it is.
        Next::Do(stage) if state.cancelled.is_some() && stage < Stage::FailureEvidence => {
            set_stage(state, unit, Stage::Stopped);
            None
        }
        // Nobody waits for it any more.
        _ if state.cancelled.is_some() && matches!(outcome, Outcome::Overdue) => {
            set_stage(state, unit, Stage::Stopped);
            None
        }
        Next::Do(stage) => enter(state, unit, stage, at),
        Next::Rest(stage) => {
            set_stage(state, unit, stage);
            None
        }
        Next::Fail(reason) => {
            let given_up = matches!(outcome, Outcome::Failed { .. }).then(|| give_up(state, unit, &reason, at)).flatten();
            given_up.or_else(|| fail(state, unit, reason, at))
        }
    }
}

/// What people are told of a source that was merged before its change set went back.
pub(crate) fn source_stays(url: &str) -> String {
    format!("its source was merged ({url}) and stays as it is; a revert there is up to people")
}

/// Notes a failure. The first one stops the change set; a snapshot is taken of each unit that reached an environment, and of each
/// deployment on the way back.
pub(super) fn fail(state: &mut State, unit: &UnitId, reason: String, at: UnixMillis) -> Option<Command> {
    let progress = state.units.get_mut(unit)?;
    let stage = progress.stage;
    if matches!(stage, Stage::RecoveryFailureEvidence | Stage::RestoreFailureEvidence) {
        progress.stage = Stage::LeftToPeople;
        remark(state, format!("{unit}: what is known of the failed way back is incomplete: {reason}"));
        return None;
    }
    progress.problem = Some(reason.clone());
    progress.limited = None;
    rule_out(progress, &reason, at);
    state.failure.get_or_insert_with(|| Failure { unit: unit.clone(), stage, reason });
    // The way back does not depend on how well the failure is documented.
    if matches!(stage, Stage::FailureEvidence | Stage::Judging) {
        progress.stage = Stage::Stopped;
        let problem = progress.problem.clone().unwrap_or_default();
        remark(state, format!("{unit}: what is known of the failure is incomplete: {problem}"));
        return None;
    }
    let recovering = stage > Stage::Judging;
    match stage {
        Stage::RecoveryDeploy => return enter(state, unit, Stage::RecoveryFailureEvidence, at),
        Stage::RestoreDeploy => return enter(state, unit, Stage::RestoreFailureEvidence, at),
        _ if recovering => progress.stage = Stage::LeftToPeople,
        // Nothing of it is anywhere yet: there is nothing to collect.
        _ if progress.pull_requests.is_empty() => progress.stage = Stage::Stopped,
        _ => return enter(state, unit, Stage::FailureEvidence, at),
    }
    None
}

/// What the units wait for together.
fn advance(state: &mut State, at: UnixMillis) -> Vec<Command> {
    if state.end.is_some() {
        return Vec::new();
    }
    if state.is_stopped() {
        return recover(state, at);
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
            commands.extend(enter(state, unit, next, at));
        }
    }
    if all(state, Stage::Live) {
        state.end = Some(End::Live);
        commands.push(record_now(state, at));
    }
    commands
}

/// Once everything that was begun has ended: first nothing of it can be merged any more, and then back, one unit after
/// the other, in the rollback order.
fn recover(state: &mut State, at: UnixMillis) -> Vec<Command> {
    use Stage as S;
    let resting = [S::Built, S::Tested, S::Decided, S::Proposed, S::Live, S::Stopped, S::Closed, S::Recovered, S::LeftToPeople];
    let begun = |progress: &Progress| !resting.contains(&progress.stage);
    if state.units.values().any(begun) {
        return Vec::new();
    }
    let order: Vec<UnitId> = state.start.plan.rollback.iter().flatten().cloned().collect();
    let open: Vec<UnitId> =
        order.iter().filter(|unit| !matches!(stage(state, unit), S::Closed | S::Recovered | S::LeftToPeople)).cloned().collect();
    if !open.is_empty() {
        let reason = match (&state.failure, &state.cancelled) {
            (Some(failure), _) => format!("{} failed", failure.unit),
            (None, None) => state.start.recovery.as_ref().map(|it| taken_back(&it.asked)).unwrap_or_default(),
            (None, by) => match (&state.superseded_by, by) {
                (Some(newer), _) => format!("`{newer}` took its place"),
                (None, by) => by.as_ref().map(|by| format!("{} cancelled the change set", by.get().person)).unwrap_or_default(),
            },
        };
        for progress in state.units.values_mut() {
            rule_out(progress, &reason, at);
        }
        return open.iter().filter_map(|unit| enter(state, unit, S::Closing, at)).collect();
    }
    for unit in order {
        if stage(state, &unit) == S::Closed {
            match way_back(state, &unit) {
                Next::Do(stage) => return enter(state, &unit, stage, at).into_iter().collect(),
                Next::Rest(stage) => set_stage(state, &unit, stage),
                Next::Fail(reason) => leave_to_people(state, &unit, reason),
            }
        }
    }
    let whole = state.units.values().all(|progress| progress.stage == S::Recovered);
    let untouched = state.units.values().all(|progress| progress.preflight.is_none() && progress.production.is_none());
    state.end = Some(match state.cancelled {
        Some(_) if whole && untouched && state.failure.is_none() => End::Cancelled,
        _ if whole => End::Recovered,
        _ => End::Incomplete,
    });
    vec![record_now(state, at)]
}

/// Why what a change set brought is not promotable once that is taken back.
fn taken_back(TakeBack { by, .. }: &TakeBack) -> String {
    format!("{} takes it back: {}", by.get().person, by.get().reason)
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
        remark(state, format!("the record could not be written: {reason}"));
    }
}

/// Notes something for people, once.
pub(super) fn remark(state: &mut State, text: String) {
    if !state.remarks.contains(&text) {
        state.remarks.push(text);
    }
}

/// How often status comments that cannot be written are tried again.
const COMMENT_TRIES: u32 = 5;

fn commented(state: &mut State, outcome: &Outcome) {
    let comment = &mut state.comment;
    comment.editing = false;
    match outcome {
        Outcome::Failed { .. } if comment.failures < COMMENT_TRIES => {
            comment.failures += 1;
            comment.said.clear();
        }
        // Given up: until there is something new to say.
        Outcome::Failed { reason } => {
            comment.failures = 0;
            remark(state, format!("a status comment could not be written: {reason}"));
        }
        // There is something new to say.
        Outcome::Dropped => comment.said.clear(),
        _ => comment.failures = 0,
    }
}

/// Edits the status comments when the headline has changed and no edit is under way.
fn speak(state: &mut State) -> Option<Command> {
    let headline = headline(state);
    let announced = state.units.values().all(|progress| progress.stage > Stage::AnnouncingPreflight);
    if state.comment.editing || state.comment.said == headline || !announced {
        return None;
    }
    state.comment = Comment { said: headline, editing: true, ..state.comment };
    let pull_requests = state.units.values().flat_map(|progress| progress.pull_requests.values().cloned()).collect();
    let failures = state.comment.failures;
    Some(Command::Comment { change_set: state.start.change_set.clone(), pull_requests, body: comment(state), failures })
}

fn stage(state: &State, unit: &UnitId) -> Stage {
    state.units.get(unit).map_or(Stage::Stopped, |progress| progress.stage)
}

pub(super) fn set_stage(state: &mut State, unit: &UnitId, stage: Stage) {
    if let Some(progress) = state.units.get_mut(unit) {
        (progress.stage, progress.limited) = (stage, None);
    }
}

fn all(state: &State, done: Stage) -> bool {
    state.units.values().all(|progress| progress.stage >= done)
}

fn record_now(state: &mut State, at: UnixMillis) -> Command {
    follow(state, at);
    state.recording += 1;
    let Start { change_set, meta_repo, at, .. } = &state.start;
    Command::Record {
        change_set: change_set.clone(),
        meta_repo: meta_repo.clone(),
        at: *at,
        files: record(state),
        once: incidents(state),
        apps: state.units.values().filter_map(|progress| progress.app.clone()).collect(),
        releases: releases(state),
    }
}
