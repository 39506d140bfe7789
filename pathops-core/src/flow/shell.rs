use std::collections::BTreeMap;
use std::fmt;

use crate::adapter::{OpId, OpenOp, Run, Seq, SignalNumber, Transition};
use crate::error::{Error, ErrorKind, Result};
use crate::flow::{Difference, Event, Machine};
use crate::id::RunId;
use crate::time::UnixMillis;

/// What happens to a run of `M`.
pub type EventOf<M> = Event<<M as Machine>::Start, <M as Machine>::Outcome, <M as Machine>::Signal>;

/// A run of a machine in memory: its state, its open operations, and what it has heard.
///
/// Nothing else numbers operations and transitions, and nothing else knows which are open, so every engine does that alike. A transition
/// is made first ([`Shell::step`]), then written down by the engine, and only then the run's own ([`Shell::take`]).
pub struct Shell<M: Machine> {
    state: Option<M::State>,
    open: BTreeMap<OpId, M::Command>,
    seq: Seq,
    last_op: OpId,
    heard: SignalNumber,
}

/// A transition that was made and is not the run's yet.
pub struct Step<M: Machine> {
    state: M::State,
    opens: Vec<(OpId, M::Command)>,
    closes: Option<OpId>,
    hears: Option<SignalNumber>,
}

/// What is to be done of an open operation as things stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It is performed.
    Perform,
    /// It is not performed, and stays open: what is being done of it is dropped as by a crash, and it is seen to that nothing comes of it.
    Hold,
    /// It is given up: nobody waits for its outcome.
    Drop,
}

impl<M: Machine> Default for Shell<M> {
    fn default() -> Self {
        Self { state: None, open: BTreeMap::new(), seq: Seq(0), last_op: OpId(0), heard: SignalNumber(0) }
    }
}

impl<M: Machine> fmt::Debug for Shell<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shell({}, after transition {}, {} open)", M::NAME, self.seq.0, self.open.len())
    }
}

impl<M: Machine> fmt::Debug for Step<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Step({}, opens {})", M::NAME, self.opens.len())
    }
}

impl<M: Machine> Shell<M> {
    /// A run before its start.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A run as it is stored. `last_op` is the greatest number that an operation of it ever had.
    ///
    /// # Errors
    /// `Invalid` where it is of another machine or of a format that this one does not read; `Corrupt` where it cannot be read.
    pub fn resume(run: &Run, last_op: OpId) -> Result<Self> {
        if run.machine != M::NAME || !(M::OLDEST..=M::FORMAT).contains(&run.format) {
            let (stored, format, name) = (&run.machine, run.format, M::NAME);
            let why = format!(
                "it is a `{stored}` of format {format}, and this engine drives `{name}` of the formats {} to {}",
                M::OLDEST,
                M::FORMAT
            );
            return Err(Error::new(ErrorKind::Invalid, "load a run").on(&run.id).because(why));
        }
        let command = |OpenOp { op, command }: &OpenOp| Ok((*op, decode(command)?));
        Ok(Self {
            state: Some(decode(&run.state)?),
            open: run.open.iter().map(command).collect::<Result<_>>()?,
            seq: run.seq,
            last_op,
            heard: run.heard,
        })
    }

    /// The transition that follows from an event, as of `at`. Nothing changes before it is taken.
    ///
    /// # Errors
    /// An event that cannot happen to the run as it stands: an outcome of what is not open, a signal whose turn it is not, a second start.
    pub fn step(&self, at: UnixMillis, event: &EventOf<M>) -> Result<Step<M>, Difference> {
        let (mut closes, mut hears) = (None, None);
        let (state, commands) = match (event, self.state.clone()) {
            (Event::Started(start), None) => M::start(start),
            (Event::Done { op, outcome }, Some(state)) => {
                closes = Some(*op);
                M::step(state, self.open.get(op).ok_or(Difference::NotOpen { op: *op })?, outcome, at)
            }
            (Event::Heard { number, told }, Some(state)) => {
                let next = SignalNumber(self.heard.0 + 1);
                if *number != next {
                    return Err(Difference::Heard { stored: *number, machine: next });
                }
                hears = Some(next);
                M::hear(state, told, at)
            }
            (Event::Started(_), Some(_)) => return Err(Difference::StartedTwice),
            (Event::Done { .. } | Event::Heard { .. }, None) => return Err(Difference::NotStarted),
        };
        let opens = (self.last_op.0 + 1..).map(OpId).zip(commands).collect();
        Ok(Step { state, opens, closes, hears })
    }

    /// Takes up a transition. The command of the operation that it closes comes back.
    pub fn take(&mut self, step: Step<M>) -> Option<M::Command> {
        let Step { state, opens, closes, hears } = step;
        let closed = closes.and_then(|op| self.open.remove(&op));
        self.state = Some(state);
        self.seq = Seq(self.seq.0 + 1);
        self.heard = hears.unwrap_or(self.heard);
        self.last_op = opens.last().map_or(self.last_op, |(op, _)| *op);
        self.open.extend(opens);
        closed
    }

    /// The state, once it was started.
    #[must_use]
    pub fn state(&self) -> Option<&M::State> {
        self.state.as_ref()
    }

    /// The operations that are open.
    #[must_use]
    pub fn open(&self) -> &BTreeMap<OpId, M::Command> {
        &self.open
    }

    /// The number of its last transition; 0 before the first.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// The greatest number that an operation of it ever had.
    #[must_use]
    pub fn last_op(&self) -> OpId {
        self.last_op
    }

    /// The last signal that it has heard; 0 for none.
    #[must_use]
    pub fn heard(&self) -> SignalNumber {
        self.heard
    }

    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.state.as_ref().is_some_and(M::has_ended)
    }

    /// What is to be done of an operation as things stand; `None` where it is not open.
    #[must_use]
    pub fn course(&self, op: OpId) -> Option<Course> {
        let (state, command) = (self.state.as_ref()?, self.open.get(&op)?);
        Some(match (M::wants(state, command), M::goes_on(state, command)) {
            (false, _) => Course::Drop,
            (true, true) => Course::Perform,
            (true, false) => Course::Hold,
        })
    }

    /// The run as it is stored.
    ///
    /// # Errors
    /// `Invalid` before its start; `Unexpected` where a value of the machine is no JSON.
    pub fn stored(&self, id: &RunId) -> Result<Run> {
        let state = self.state.as_ref();
        let state = state.ok_or_else(|| Error::new(ErrorKind::Invalid, "store a run").on(id).because("it was not started"))?;
        Ok(Run {
            id: id.clone(),
            machine: M::NAME.to_owned(),
            seq: self.seq,
            format: M::FORMAT,
            state: encode(state)?,
            open: self.open.iter().map(|(op, command)| open_op(*op, command)).collect::<Result<_>>()?,
            heard: self.heard,
            ended: M::has_ended(state),
        })
    }
}

impl<M: Machine> Step<M> {
    /// The operations that it opens.
    #[must_use]
    pub fn opens(&self) -> &[(OpId, M::Command)] {
        &self.opens
    }

    /// The transition as it is stored, with the event that it follows from.
    ///
    /// # Errors
    /// `Unexpected` where a value of the machine is no JSON.
    pub fn stored(&self, at: UnixMillis, event: &impl serde::Serialize) -> Result<Transition> {
        Ok(Transition {
            format: M::FORMAT,
            at,
            event: encode(event)?,
            state: encode(&self.state)?,
            closes: self.closes,
            hears: self.hears,
            opens: self.opens.iter().map(|(op, command)| open_op(*op, command)).collect::<Result<_>>()?,
            ends: M::has_ended(&self.state),
        })
    }
}

fn open_op(op: OpId, command: &impl serde::Serialize) -> Result<OpenOp> {
    Ok(OpenOp { op, command: encode(command)? })
}

pub(super) fn encode(value: &impl serde::Serialize) -> Result<serde_json::Value> {
    serde_json::to_value(value).map_err(|error| Error::new(ErrorKind::Unexpected, "write a run down").with_source(error))
}

pub(super) fn decode<T: serde::de::DeserializeOwned>(value: &serde_json::Value) -> Result<T> {
    T::deserialize(value).map_err(|error| {
        let reason = format!("what is stored of it does not fit this version: {error}");
        Error::new(ErrorKind::Corrupt, "read a run").because(reason).with_source(error)
    })
}
