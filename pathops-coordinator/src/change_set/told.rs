//! What people tell a change set while it is under way.

use pathops_core::lifecycle::{HumanDecision, Recorded};
use pathops_core::policy::Supersession;
use pathops_core::{ChangeSetId, UnitId, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::change_set::rescue::{reset, try_again};
use crate::change_set::step::{advance_and_speak, remark};
use crate::change_set::{Command, Stage, State};
use crate::turn::may_be_in_production;

/// What a change set is told, by whom and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Told {
    /// It is not wanted any more: nothing new is begun, and what is there of it is taken back.
    Cancel(Recorded<HumanDecision>),
    /// Nothing more is done for it until it is resumed, and nobody can merge it into production by what it was granted.
    Pause(Recorded<HumanDecision>),
    /// It goes on where it stood.
    Resume(Recorded<HumanDecision>),
    /// What could not be done is tried again.
    Retry {
        /// Of which unit.
        unit: UnitId,
        /// Who wants that.
        by: Recorded<HumanDecision>,
    },
    /// A unit goes back to an earlier step.
    Reset {
        /// Which.
        unit: UnitId,
        /// Which step.
        to: Stage,
        /// Who wants that.
        by: Recorded<HumanDecision>,
    },
    /// A newer one takes its place: it is cancelled, as far as it gives way.
    Superseded {
        /// The newer one.
        by: ChangeSetId,
        /// What the policy says of the two.
        supersession: Supersession,
        /// Who asked for the newer one.
        asked: Recorded<HumanDecision>,
    },
}

/// What follows from it. What comes too late is noted, and changes nothing else.
pub(super) fn hear(mut state: State, told: &Told, at: UnixMillis) -> (State, Vec<Command>) {
    let who = |by: &Recorded<HumanDecision>| by.get().person.clone();
    let mut commands = Vec::new();
    match told {
        Told::Cancel(by) if state.end.is_some() => remark(&mut state, format!("{} cancelled it after it had ended", who(by))),
        Told::Cancel(by) if state.start.recovery.is_some() && !state.is_queued() => {
            remark(&mut state, format!("{} cancelled it while it was going back: that comes to its end", who(by)));
        }
        Told::Cancel(by) => {
            // What somebody does not want is not done as part of another one either.
            if state.superseded_by.take().is_some() {
                state.cancelled = None;
            }
            state.cancelled.get_or_insert_with(|| Box::new(by.clone()));
            // Nothing of it is to stay where it is.
            resume(&mut state, by.get().at);
        }
        Told::Pause(by) if state.end.is_some() => remark(&mut state, format!("{} paused it after it had ended", who(by))),
        Told::Pause(by) => drop(state.paused.get_or_insert_with(|| Box::new(by.clone()))),
        Told::Resume(by) => resume(&mut state, by.get().at),
        Told::Retry { unit, by } => commands.extend(try_again(&mut state, unit, by, at)),
        Told::Reset { unit, to, by } => commands.extend(reset(&mut state, unit, *to, by, at)),
        Told::Superseded { by, supersession, asked } => give_way(&mut state, by, *supersession, asked),
    }
    commands.extend(advance_and_speak(&mut state, at));
    (state, commands)
}

/// Goes on. Nobody was asked for anything while it was paused.
fn resume(state: &mut State, at: UnixMillis) {
    let Some(paused) = state.paused.take() else { return };
    let stood = at.since(paused.get().at);
    for limited in state.units.values_mut().filter_map(|progress| progress.limited.as_mut()) {
        limited.prolong(stood);
    }
}

/// Is cancelled for a newer one, unless it has come too far for that, or people have paused it.
fn give_way(state: &mut State, newer: &ChangeSetId, supersession: Supersession, asked: &Recorded<HumanDecision>) {
    if state.end.is_some() || state.is_stopped() {
        return;
    }
    let why_not = match supersession {
        _ if state.paused.is_some() => Some("this one is paused"),
        Supersession::FirstCome => Some("each has its turn"),
        Supersession::Batch | Supersession::Latest => (!state.is_queued()).then_some("this one is under way"),
        Supersession::Supersede => may_be_in_production(state).then_some("something of this one may be in production"),
    };
    match why_not {
        Some(why) => remark(state, format!("`{newer}` would take its place (`{supersession}`), and waits instead: {why}")),
        None => {
            state.cancelled = Some(Box::new(asked.clone()));
            state.superseded_by = Some(newer.clone());
        }
    }
}
