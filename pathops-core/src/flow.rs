//! Workflow logic as pure state machines.
//!
//! A machine never waits, calls or looks at a clock: [`Machine::step`] takes what happened and says what to do next.
//! An engine journals the transition and only then runs the commands (intent before the call), and feeds their
//! outcomes back (outcome after). A state plus its open operations is everything a run is, so a restart simply goes on.
//!
//! * [`Machine`] is the logic, and [`Performer`] makes the calls.
//! * [`Shell`] is a run in memory, the same for all engines; [`Replay`] compares one with what was stored.
//! * [`Hosted`] is a machine and its performer with the types left out, and [`Engine`] keeps and drives runs of such.

mod engine;
mod hosted;
mod perform;
mod replay;
mod shell;

pub use engine::*;
pub use hosted::*;
pub use perform::*;
pub use replay::*;
pub use shell::*;

use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::adapter::{OpId, SignalNumber};
use crate::time::UnixMillis;

/// What a machine's state, events and commands are: plain data that can be stored and compared.
pub trait Wire: Serialize + DeserializeOwned + Clone + Debug + PartialEq + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Clone + Debug + PartialEq + Send + Sync + 'static> Wire for T {}

/// Something that happened to a run.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event<S, O, T> {
    /// It was started with this.
    Started(S),
    /// It was told this from outside.
    Heard {
        /// Which signal.
        number: SignalNumber,
        /// What.
        told: T,
    },
    /// An operation ended with this outcome.
    Done {
        /// Which.
        op: OpId,
        /// How.
        outcome: O,
    },
}

/// A workflow as a pure function: deterministic, total, and the same on every machine.
pub trait Machine: Send + Sync + 'static {
    /// The name of the machine in the journal.
    const NAME: &'static str;
    /// The version of start, outcome, signal, command and state. Raised when an earlier version would read a stored one and take it for
    /// something else.
    const FORMAT: u32;
    /// The oldest version that is read, which makes the same transitions as when it was written.
    const OLDEST: u32;
    /// What a run begins with.
    type Start: Wire;
    /// What an operation answers.
    type Outcome: Wire;
    /// What it is told from outside, at any time.
    type Signal: Wire;
    /// What is to be done outside.
    type Command: Wire;
    /// Everything that the machine knows of the run.
    type State: Wire;

    /// The first state and the first commands.
    fn start(start: &Self::Start) -> (Self::State, Vec<Self::Command>);

    /// The state after `command` ended with `outcome`, which the journal has as of `at`, and what to do next. An outcome
    /// that does not matter any more changes nothing.
    fn step(
        state: Self::State,
        command: &Self::Command,
        outcome: &Self::Outcome,
        at: UnixMillis,
    ) -> (Self::State, Vec<Self::Command>);

    /// The state after it was told something, which the journal has as of `at`, and what to do next. What does not matter any more
    /// changes nothing.
    fn hear(state: Self::State, told: &Self::Signal, at: UnixMillis) -> (Self::State, Vec<Self::Command>);

    /// Whether an open `command` is performed as things stand. One that is not stays open: what is being done of it is dropped as by a
    /// crash, and it is performed again, with the same key, as soon as it may.
    fn goes_on(state: &Self::State, command: &Self::Command) -> bool;

    /// Whether the outcome of an open `command` still matters. Where it does not, the engine stops waiting for it and
    /// feeds [`Machine::dropped`] instead. Only for commands that wait: an effect that was begun is always brought to its end.
    fn wants(state: &Self::State, command: &Self::Command) -> bool;

    /// Whether `command` waits for others, for as long as that takes. An engine that drains lets go of it at any moment, and waits for
    /// all others to end.
    fn waits(command: &Self::Command) -> bool;

    /// The outcome of a command that is not wanted any more.
    fn dropped() -> Self::Outcome;

    /// Whether the run has ended. A run with no open operation that has not ended is stuck, which is a defect.
    fn has_ended(state: &Self::State) -> bool;
}
