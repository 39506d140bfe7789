//! A step that could not be done is tried again where people want that, and a unit goes back to an earlier step.
//!
//! Nothing is passed over by it: what is done again is done whole, by another operation with a key of its own, and all evidence that
//! there is still counts. What an operation before brings too late is no outcome any more.

use pathops_core::lifecycle::{HumanDecision, Recorded};
use pathops_core::{UnitId, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::change_set::enter::{await_retry, enter};
use crate::change_set::limits::{Limited, LimitedStep};
use crate::change_set::step::{fail, remark, set_stage};
use crate::change_set::{Command, Flag, Outcome, Progress, Role, Stage, State, label};

/// That something of a unit could not be done, and that it waits to be tried again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GivenUp {
    /// How many times something of the unit was given up, this one included.
    pub attempt: u32,
    /// Why it could not be done.
    pub reason: String,
    /// Whether it waits.
    pub waits: bool,
    /// Who had it tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Recorded<HumanDecision>>,
}

/// That a unit goes back to an earlier step, once what is being done of it has ended or is let go of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reset {
    /// Where it goes back to.
    pub to: Stage,
    /// Who wants that.
    pub by: Recorded<HumanDecision>,
}

impl State {
    /// Whether something of a unit waits to be tried again.
    #[must_use]
    pub fn awaits_retry(&self, unit: &UnitId) -> Option<&GivenUp> {
        self.units.get(unit)?.given_up.as_deref().filter(|it| it.waits)
    }

    /// Why nothing of a unit is tried again; `None` where it is, when people want that.
    #[must_use]
    pub fn objection_to_retry(&self, unit: &UnitId) -> Option<String> {
        let progress = self.units.get(unit);
        match progress {
            _ if self.end.is_some() => Some("it has ended".to_owned()),
            None => Some(format!("it does not change `{unit}`")),
            Some(progress) if self.stops_before(progress.stage) => Some("it stops, and goes back".to_owned()),
            Some(_) if self.awaits_retry(unit).is_none() => Some(format!("nothing of `{unit}` waits to be tried again")),
            Some(_) => None,
        }
    }

    /// Why a unit does not go back to a step; `None` where it does, when people want that. What people have merged and what is proposed for
    /// production is not undone by it: for that a change set is cancelled or taken back.
    #[must_use]
    pub fn objection_to_reset(&self, unit: &UnitId, to: Stage) -> Option<String> {
        match self.units.get(unit) {
            Some(progress) => self.objection_to_reset_from(progress.stage, unit, to),
            None => Some(format!("it does not change `{unit}`")),
        }
    }

    fn objection_to_reset_from(&self, from: Stage, unit: &UnitId, to: Stage) -> Option<String> {
        let Some((last, later)) = last_before(to) else {
            return Some("that is no step to go back to: those are building, rebuilding and preflight-deploy".to_owned());
        };
        let is_built = self.workplace(unit) == Role::Source;
        Some(match to {
            _ if self.end.is_some() => "it has ended".to_owned(),
            _ if self.is_stopped() => "it goes back already".to_owned(),
            _ if !self.start.flags.contains(&Flag::Rescue) => "it began under a version that could not do that".to_owned(),
            Stage::Building | Stage::Rebuilding if !is_built => format!("nothing of `{unit}` is built"),
            _ if from < to => "it has not come as far".to_owned(),
            _ if from > last => later.to_owned(),
            _ => return None,
        })
    }

    /// Whether what is not done yet at `stage` is not done any more.
    fn stops_before(&self, stage: Stage) -> bool {
        self.is_stopped() && stage <= Stage::Judging
    }
}

/// The last stage from which a unit may go back to a step, and what keeps it from that later.
fn last_before(to: Stage) -> Option<(Stage, &'static str)> {
    match to {
        Stage::Building => Some((Stage::SourceReview, "its source was merged, and stays so: what was merged can be built again")),
        Stage::Rebuilding => Some((Stage::Built, "what was built is on its way into preflight already")),
        Stage::PreflightDeploy => Some((Stage::Decided, "it is proposed for production: cancel the change set instead")),
        _ => None,
    }
}

/// Whether an operation of a unit at this stage is tried again where it could not be done. Not one that may have let people merge into
/// production, nor what looks after that or closes it: what was granted would stand meanwhile. And the way back does not depend on how
/// well a failure is documented.
fn is_tried_again(stage: Stage) -> bool {
    use Stage as S;
    let forth = [S::Promoting, S::ProductionMerge, S::ProductionDeploy, S::ProductionEvidence, S::Closing];
    let back = [S::RestorePromoting, S::RestoreMerge, S::RestoreClosing, S::RestoreDeploy, S::RestoreEvidence];
    let granting = forth.contains(&stage) || back.contains(&stage);
    let documenting = matches!(stage, S::FailureEvidence | S::Judging | S::RecoveryFailureEvidence | S::RestoreFailureEvidence);
    is_at_work(stage) && !granting && !documenting
}

/// Whether a unit at this stage has an operation open.
fn is_at_work(stage: Stage) -> bool {
    use Stage as S;
    let resting =
        [S::Queued, S::Built, S::Tested, S::Decided, S::Proposed, S::Live, S::Stopped, S::Closed, S::Recovered, S::LeftToPeople];
    !resting.contains(&stage)
}

/// Something could not be done: waits for somebody who has it tried again. `None` where nobody is waited for.
pub(super) fn give_up(state: &mut State, unit: &UnitId, reason: &str, at: UnixMillis) -> Option<Command> {
    let patience = state.start.limits.retry.filter(|_| state.start.flags.contains(&Flag::Rescue))?;
    let stage = state.units.get(unit)?.stage;
    if !is_tried_again(stage) || state.stops_before(stage) {
        return None;
    }
    let progress = state.units.get_mut(unit)?;
    let attempt = progress.given_up.as_ref().map_or(0, |before| before.attempt) + 1;
    progress.given_up = Some(Box::new(GivenUp { attempt, reason: reason.to_owned(), waits: true, again: None }));
    progress.limited = Some(Limited { step: LimitedStep::Retry, until: at + patience });
    progress.problem = Some(reason.to_owned());
    await_retry(state, unit)
}

/// People have it tried again.
pub(super) fn try_again(state: &mut State, unit: &UnitId, by: &Recorded<HumanDecision>, at: UnixMillis) -> Option<Command> {
    let HumanDecision { person, reason, .. } = by.get();
    if let Some(why) = state.objection_to_retry(unit) {
        remark(state, format!("{unit}: {person} wanted it to be tried again: {why}"));
        return None;
    }
    remark(state, format!("{unit}: {person} had it tried again: {reason}"));
    let progress = state.units.get_mut(unit)?;
    if let Some(given_up) = &mut progress.given_up {
        (given_up.waits, given_up.again) = (false, Some(by.clone()));
    }
    (progress.limited, progress.problem) = (None, None);
    let stage = progress.stage;
    enter(state, unit, stage, at)
}

/// People have a unit go back.
pub(super) fn reset(
    state: &mut State,
    unit: &UnitId,
    to: Stage,
    by: &Recorded<HumanDecision>,
    at: UnixMillis,
) -> Option<Command> {
    let HumanDecision { person, reason, .. } = by.get();
    if let Some(why) = state.objection_to_reset(unit, to) {
        remark(state, format!("{unit}: {person} wanted it to go back to where it {}: {why}", label(to)));
        return None;
    }
    remark(state, format!("{unit}: {person} had it go back to where it {}: {reason}", label(to)));
    let progress = state.units.get_mut(unit)?;
    if is_at_work(progress.stage) {
        progress.reset = Some(Box::new(Reset { to, by: by.clone() }));
        return None;
    }
    go_back(state, unit, to, at)
}

/// Whether an open operation is let go of because its unit is to go back.
pub(super) fn lets_go(state: &State, command: &Command) -> bool {
    let progress = command.unit().and_then(|unit| state.units.get(unit));
    // A build that is let go of would go on beside the next one.
    let ends = matches!(command, Command::Build { .. });
    progress.is_some_and(|progress| progress.reset.is_some()) && command.waits() && !ends
}

/// Whether it is still waited for somebody who has it tried again.
pub(super) fn is_awaited(state: &State, unit: &UnitId, attempt: u32) -> bool {
    let stops = |progress: &Progress| progress.reset.is_some() || state.stops_before(progress.stage);
    state.awaits_retry(unit).is_some_and(|it| it.attempt == attempt) && !state.units.get(unit).is_some_and(stops)
}

/// Nobody had it tried again, or nobody waits for that any more.
pub(super) fn awaited(state: &mut State, unit: &UnitId, attempt: u32, at: UnixMillis) -> Option<Command> {
    // It was tried again meanwhile.
    let reason = state.awaits_retry(unit).filter(|it| it.attempt == attempt)?.reason.clone();
    let progress = state.units.get_mut(unit)?;
    let (stage, reset) = (progress.stage, progress.reset.take());
    let is_early = progress.limited.is_some_and(|limited| limited.until > at);
    if let Some(to) = reset.map(|reset| reset.to).filter(|to| state.objection_to_reset(unit, *to).is_none()) {
        return go_back(state, unit, to, at);
    }
    if is_early && !state.stops_before(stage) {
        // It was paused meanwhile.
        return await_retry(state, unit);
    }
    stop_waiting(state.units.get_mut(unit)?);
    if state.stops_before(stage) {
        set_stage(state, unit, Stage::Stopped);
        return None;
    }
    fail(state, unit, reason, at)
}

/// What follows from an outcome leads back instead, where people want that and it still may. `came_to` is where it would go.
pub(super) fn instead(
    state: &mut State,
    unit: &UnitId,
    outcome: &Outcome,
    came_to: Option<Stage>,
    at: UnixMillis,
) -> Option<Command> {
    let progress = state.units.get_mut(unit)?;
    let (stage, reset) = (progress.stage, progress.reset.take()?);
    let from = if *outcome == Outcome::Dropped { Some(stage) } else { came_to };
    let why = match from {
        Some(from) => state.objection_to_reset_from(from, unit, reset.to),
        None => Some("it has failed".to_owned()),
    };
    match why {
        None => go_back(state, unit, reset.to, at),
        Some(why) => {
            remark(state, format!("{unit}: it does not go back to where it {}: {why}", label(reset.to)));
            // What was let go of for that is done again, unless it stops.
            if *outcome == Outcome::Dropped && !state.is_stopped() { enter(state, unit, stage, at) } else { None }
        }
    }
}

fn go_back(state: &mut State, unit: &UnitId, to: Stage, at: UnixMillis) -> Option<Command> {
    let progress = state.units.get_mut(unit)?;
    stop_waiting(progress);
    (progress.limited, progress.problem) = (None, None);
    match to {
        // Where it is being built as it was merged, the head is that already, and what was built is what had been tested before.
        Stage::Rebuilding if progress.stage == Stage::Built => {
            let merged = progress.built.as_ref().map(|built| built.source.commit.clone());
            if let (Some(merged), Some(source)) = (merged, progress.pull_requests.get_mut(&Role::Source)) {
                source.head = merged;
            }
        }
        Stage::PreflightDeploy => {
            // What it was decided by counts as evidence, and not as a decision any more.
            if let Some(before) = progress.artifact.take() {
                progress.replaced.push(before.not_promotable("it is tried in preflight once more", at).unwrap_or(before));
            }
            (progress.first, progress.observation, progress.deploying_since) = (None, None, Some(at));
        }
        _ => {}
    }
    enter(state, unit, to, at)
}

fn stop_waiting(progress: &mut Progress) {
    if let Some(given_up) = &mut progress.given_up {
        given_up.waits = false;
    }
}
