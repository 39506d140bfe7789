//! The workflow of one change set, as a pure state machine.
//!
//! Each unit goes through [`Stage`]s of its own; what they wait for together (the waves of the deploy order, all tests
//! before any decision, a failure anywhere) is decided in one place, `advance`. After a failure nothing new is begun;
//! what was begun comes to its end, and then everything that reached preflight is reverted in the rollback order.

mod command;
mod enter;
mod flags;
mod lifecycles;
mod limits;
mod record;
mod recovery;
mod release;
mod render;
mod rescue;
mod state;
mod step;
mod told;
mod transition;

pub use command::*;
pub(crate) use enter::{Promoted, promoted, scope};
pub use flags::Flag;
pub use limits::*;
use record::glass_incident;
pub use record::*;
pub(crate) use recovery::landed;
pub use recovery::{Landed, PassedOver, Recovery, TakeBack};
pub use release::*;
pub use render::*;
pub use rescue::{GivenUp, Reset};
pub use state::*;
pub use told::Told;

pub(crate) use step::source_stays;
pub(crate) use transition::merged_early;

use pathops_core::UnixMillis;
use pathops_core::flow::Machine;

/// The machine that drives change sets.
#[derive(Clone, Copy, Debug)]
pub struct ChangeSet;

impl Machine for ChangeSet {
    const NAME: &'static str = "change-set";
    /// 4: change sets are told things. 5: steps have limits, and there are recoveries. 6: change sets have [flags](Flag), which say from then
    /// on what is new.
    const FORMAT: u32 = 6;
    const OLDEST: u32 = 3;
    type Start = Start;
    type Signal = Told;
    type Outcome = Outcome;
    type Command = Command;
    type State = State;

    fn start(start: &Start) -> (State, Vec<Command>) {
        step::start(start)
    }

    fn step(state: State, command: &Command, outcome: &Outcome, at: UnixMillis) -> (State, Vec<Command>) {
        step::step(state, command, outcome, at)
    }

    fn hear(state: State, told: &Told, at: UnixMillis) -> (State, Vec<Command>) {
        told::hear(state, told, at)
    }

    /// While it is paused, it only says so.
    fn goes_on(state: &State, command: &Command) -> bool {
        state.paused.is_none() || matches!(command, Command::Comment { .. } | Command::Record { .. })
    }

    fn wants(state: &State, command: &Command) -> bool {
        match command {
            // Waiting to write again what is not so any more.
            Command::Comment { failures: 1.., .. } => state.comment.said == headline(state),
            Command::AwaitRetry { scope, attempt, .. } => rescue::is_awaited(state, &scope.unit.id, *attempt),
            // A recovery goes nowhere else, and waits for its turn even so.
            Command::AwaitTurn { .. } => !state.is_called_off(),
            _ if rescue::lets_go(state, command) => false,
            _ => !state.is_stopped() || !command.only_waits(),
        }
    }

    fn waits(command: &Command) -> bool {
        command.waits()
    }

    fn dropped() -> Outcome {
        Outcome::Dropped
    }

    fn has_ended(state: &State) -> bool {
        state.ended
    }
}
