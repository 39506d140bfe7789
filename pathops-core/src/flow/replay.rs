use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::adapter::{Entry, OpId, OpenOp, Run, Seq, SignalNumber};
use crate::flow::{Event, EventOf, Machine, Shell, Step};

/// A run made once more by its machine, from what the journal says happened.
///
/// A machine is a function, so it makes the same of the same. Where it does not, the journal was changed, or the machine is
/// another one than the one that drove the run. Commands are compared whole, with everything in them that the machine reads, and
/// not only by their kind; and so is the state at the end.
///
/// ```
/// use pathops_core::adapter::{Entry, Run};
/// use pathops_core::flow::{Divergence, Machine, Replay};
///
/// fn check<M: Machine>(entries: &[Entry], run: &Run) -> Result<M::State, Divergence> {
///     let mut replay = Replay::<M>::new();
///     for entry in entries {
///         replay.follow(entry)?;
///     }
///     replay.finish(run)
/// }
/// ```
pub struct Replay<M: Machine>(Shell<M>);

impl<M: Machine> Default for Replay<M> {
    fn default() -> Self {
        Self(Shell::new())
    }
}

impl<M: Machine> fmt::Debug for Replay<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Replay({}, after transition {})", M::NAME, self.0.seq().0)
    }
}

impl<M: Machine> Replay<M> {
    /// Before the first transition.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the transition of the next entry, and compares what it opened and closed. Entries are given one after the other,
    /// from the first one on.
    ///
    /// # Errors
    /// The first thing that is not as the machine makes it. Nothing that follows can be judged then.
    pub fn follow(&mut self, entry: &Entry) -> Result<(), Divergence> {
        self.made(entry).map(|step| drop(self.0.take(step))).map_err(|difference| Divergence { seq: entry.seq, difference })
    }

    /// The state after the last entry, where the run is stored as the machine leaves it.
    ///
    /// # Errors
    /// What of the state, of the open operations or of the end is not as the machine makes it.
    pub fn finish(self, run: &Run) -> Result<M::State, Divergence> {
        let at = |difference| Divergence { seq: run.seq, difference };
        if run.machine != M::NAME {
            return Err(at(Difference::Machine { stored: run.machine.clone() }));
        }
        of_this_format::<M>(run.format).map_err(at)?;
        let shell = self.0;
        if run.seq != shell.seq() {
            return Err(at(Difference::Missing { expected: Seq(shell.seq().0 + 1) }));
        }
        let state = shell.state().ok_or_else(|| at(Difference::NotStarted))?;
        same("state", &run.state, state).map_err(at)?;
        for OpenOp { op, command } in &run.open {
            let made = shell.open().get(op).ok_or_else(|| at(Difference::NotOpen { op: *op }))?;
            same(&format!("command of operation {}", op.0), command, made).map_err(at)?;
        }
        if let Some(op) = shell.open().keys().find(|op| !run.open.iter().any(|open| open.op == **op)) {
            return Err(at(Difference::Lost { op: *op }));
        }
        if run.heard != shell.heard() {
            return Err(at(Difference::Heard { stored: run.heard, machine: shell.heard() }));
        }
        if run.ended != shell.has_ended() {
            return Err(at(Difference::End { stored: run.ended }));
        }
        Ok(state.clone())
    }

    /// The transition of an entry, as the machine makes it, where that is what the entry says.
    fn made(&self, entry: &Entry) -> Result<Step<M>, Difference> {
        let next = Seq(self.0.seq().0 + 1);
        if entry.seq != next {
            return Err(Difference::Missing { expected: next });
        }
        of_this_format::<M>(entry.format)?;
        let event: EventOf<M> = read("event", &entry.event)?;
        match (&event, entry.closes) {
            (Event::Done { .. }, _) if self.0.state().is_none() => return Err(Difference::NotStarted),
            (Event::Done { op, .. }, closes) if closes != Some(*op) => return Err(Difference::NotOpen { op: *op }),
            (Event::Started(_), Some(_)) => return Err(Difference::StartedTwice),
            (Event::Heard { number, .. }, Some(_)) => {
                return Err(Difference::Heard { stored: *number, machine: self.0.heard() });
            }
            _ => {}
        }
        let step = self.0.step(entry.at, &event)?;
        let mut made = step.opens().iter();
        for OpenOp { op, command } in &entry.opens {
            let (_, made) = made.next().filter(|(made, _)| made == op).ok_or(Difference::NotMade { op: *op })?;
            same(&format!("command of operation {}", op.0), command, made)?;
        }
        match made.next() {
            None => Ok(step),
            Some((op, _)) => Err(Difference::Lost { op: *op }),
        }
    }
}

/// Where a journal and the machine part.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("transition {}: {difference}", .seq.0)]
pub struct Divergence {
    /// The first transition that is not as the machine makes it.
    pub seq: Seq,
    /// What of it.
    pub difference: Difference,
}

/// What is not as the machine makes it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Difference {
    /// A transition is missing, or comes twice.
    #[error("transition {} was to come here", .expected.0)]
    Missing {
        /// The one that was to come.
        expected: Seq,
    },
    /// Another machine drove the run.
    #[error("the run is of the machine `{stored}`")]
    Machine {
        /// Which.
        stored: String,
    },
    /// It is written in another format than the machine's.
    #[error("it is of format {stored}, and the machine of format {machine}")]
    Format {
        /// The format it is written in.
        stored: u32,
        /// That of the machine.
        machine: u32,
    },
    /// It cannot be read.
    #[error("the {what} cannot be read: {why}")]
    Unreadable {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
    /// The run begins with something else than its start.
    #[error("the run was not started")]
    NotStarted,
    /// The run is started once more.
    #[error("the run is started a second time")]
    StartedTwice,
    /// An operation ends, or is to be done, that is not open.
    #[error("operation {} is not open there", .op.0)]
    NotOpen {
        /// Which.
        op: OpId,
    },
    /// The journal opens an operation that the machine does not ask for.
    #[error("operation {} is in the journal, and the machine does not ask for it", .op.0)]
    NotMade {
        /// Which.
        op: OpId,
    },
    /// The machine asks for an operation that the journal does not open.
    #[error("the machine asks for operation {}, which is not in the journal", .op.0)]
    Lost {
        /// Which.
        op: OpId,
    },
    /// It hears another signal than the next one.
    #[error("it has heard signal {}, and signal {} is its turn", .stored.0, .machine.0)]
    Heard {
        /// The one that is stored.
        stored: SignalNumber,
        /// The one whose turn it is.
        machine: SignalNumber,
    },
    /// Something is another one.
    #[error("the {what} is another one than the machine makes, at `{pointer}`")]
    Other {
        /// What.
        what: String,
        /// The first place that differs, as a JSON pointer (RFC 6901).
        pointer: String,
    },
    /// The journal has ended the run and the machine has not, or the other way round.
    #[error("{}", if *.stored { "it has ended, and the machine goes on" } else { "it goes on, and the machine has ended" })]
    End {
        /// Whether it has ended in the journal.
        stored: bool,
    },
}

fn of_this_format<M: Machine>(stored: u32) -> Result<(), Difference> {
    if (M::OLDEST..=M::FORMAT).contains(&stored) { Ok(()) } else { Err(Difference::Format { stored, machine: M::FORMAT }) }
}

fn read<T: DeserializeOwned>(what: &str, value: &Value) -> Result<T, Difference> {
    T::deserialize(value).map_err(|error| Difference::Unreadable { what: what.to_owned(), why: error.to_string() })
}

/// Compared as the machine reads it: that a member is missing which stands for its default makes no difference.
fn same<T: crate::flow::Wire>(what: &str, stored: &Value, made: &T) -> Result<(), Difference> {
    let read: T = read(what, stored)?;
    if read == *made {
        return Ok(());
    }
    let value = |it: &T| serde_json::to_value(it).unwrap_or(Value::Null);
    Err(Difference::Other { what: what.to_owned(), pointer: first_difference(&value(&read), &value(made)) })
}

/// The first place at which two values differ.
fn first_difference(one: &Value, other: &Value) -> String {
    let inside = match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let names = one.keys().chain(other.keys().filter(|name| !one.contains_key(*name)));
            names
                .filter(|name| one.get(*name) != other.get(*name))
                .min()
                .map(|name| (name.replace('~', "~0").replace('/', "~1"), one.get(name), other.get(name)))
        }
        (Value::Array(one), Value::Array(other)) => {
            let place = (0..one.len().max(other.len())).find(|place| one.get(*place) != other.get(*place));
            place.map(|place| (place.to_string(), one.get(place), other.get(place)))
        }
        _ => None,
    };
    match inside {
        Some((name, Some(one), Some(other))) => format!("/{name}{}", first_difference(one, other)),
        Some((name, ..)) => format!("/{name}"),
        None => String::new(),
    }
}
