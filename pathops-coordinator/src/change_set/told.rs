//! What people tell a change set while it is under way.

use pathops_core::UnixMillis;
use pathops_core::lifecycle::{HumanDecision, Recorded};
use serde::{Deserialize, Serialize};

use crate::change_set::step::{advance_and_speak, remark};
use crate::change_set::{Command, State};

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
}

/// What follows from it. What comes too late is noted, and changes nothing else.
pub(super) fn hear(mut state: State, told: &Told, at: UnixMillis) -> (State, Vec<Command>) {
    let who = |by: &Recorded<HumanDecision>| by.get().person.clone();
    match told {
        Told::Cancel(by) if state.end.is_some() => remark(&mut state, format!("{} cancelled it after it had ended", who(by))),
        Told::Cancel(by) => {
            state.cancelled.get_or_insert_with(|| Box::new(by.clone()));
            // Nothing of it is to stay where it is.
            state.paused = None;
        }
        Told::Pause(by) if state.end.is_some() => remark(&mut state, format!("{} paused it after it had ended", who(by))),
        Told::Pause(by) => drop(state.paused.get_or_insert_with(|| Box::new(by.clone()))),
        Told::Resume(_) => state.paused = None,
    }
    let commands = advance_and_speak(&mut state, at);
    (state, commands)
}
