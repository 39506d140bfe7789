//! The workflow of one change set, as a pure state machine.
//!
//! Each unit goes through [`Stage`]s of its own; what they wait for together (the waves of the deploy order, all tests
//! before any decision, a failure anywhere) is decided in one place, `advance`. After a failure nothing new is begun;
//! what was begun comes to its end, and then everything that reached preflight is reverted in the rollback order.

mod command;
mod enter;
mod lifecycles;
mod record;
mod release;
mod render;
mod state;
mod step;
mod transition;

pub use command::*;
pub(crate) use enter::{Promoted, promoted};
use record::glass_incident;
pub use record::*;
pub use release::*;
pub use render::*;
pub use state::*;

pub(crate) use transition::merged_early;

use pathops_core::UnixMillis;
use pathops_core::flow::Machine;

/// The machine that drives change sets.
#[derive(Clone, Copy, Debug)]
pub struct ChangeSet;

impl Machine for ChangeSet {
    const NAME: &'static str = "change-set";
    const FORMAT: u32 = 3;
    type Start = Start;
    type Outcome = Outcome;
    type Command = Command;
    type State = State;

    fn start(start: &Start) -> (State, Vec<Command>) {
        step::start(start)
    }

    fn step(state: State, command: &Command, outcome: &Outcome, at: UnixMillis) -> (State, Vec<Command>) {
        step::step(state, command, outcome, at)
    }

    fn wants(state: &State, command: &Command) -> bool {
        match command {
            // Waiting to write again what is not so any more.
            Command::Comment { failures: 1.., .. } => state.comment.said == headline(state),
            _ => state.failure.is_none() || !command.only_waits(),
        }
    }

    fn dropped() -> Outcome {
        Outcome::Dropped
    }

    fn has_ended(state: &State) -> bool {
        state.ended
    }
}
