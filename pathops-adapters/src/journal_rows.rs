//! The journal in a database: what its rows hold, and why a transition is not taken, whichever database it is.

use std::collections::BTreeSet;
use std::num::TryFromIntError;

use pathops_core::adapter::{Entry, Lease, OpId, OpenOp, Run, Seq, Signal, SignalNumber, Transition};
use pathops_core::{Error, ErrorKind, Result, RunId, UnixMillis};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::Call;

/// A transition as it is stored.
pub(crate) struct Record {
    pub(crate) format: i64,
    pub(crate) at: i64,
    pub(crate) ends: bool,
    pub(crate) event: String,
    pub(crate) state: String,
    pub(crate) closes: Option<i64>,
    pub(crate) hears: Option<i64>,
    pub(crate) opens: String,
    /// The operations that it opens, as a database takes them that has lists.
    #[cfg(feature = "postgres")]
    pub(crate) ops: Vec<i64>,
    #[cfg(feature = "postgres")]
    pub(crate) commands: Vec<String>,
}

impl Record {
    pub(crate) fn new(call: &Call, transition: &Transition) -> Result<Self> {
        let opens = &transition.opens;
        let mut seen = BTreeSet::new();
        if let Some(twice) = opens.iter().find(|open| !seen.insert(open.op)) {
            return Err(call.refused(ErrorKind::Invalid, format!("it opens operation {} twice", twice.op.0)));
        }
        opens.iter().try_for_each(|open| op_number(call, open.op).map(drop))?;
        Ok(Self {
            format: transition.format.into(),
            at: transition.at.0,
            ends: transition.ends,
            event: text(call, &transition.event)?,
            state: text(call, &transition.state)?,
            closes: transition.closes.map(|op| op_number(call, op)).transpose()?,
            hears: transition.hears.map(|signal| stored(signal.0)),
            opens: text(call, opens)?,
            #[cfg(feature = "postgres")]
            ops: opens.iter().map(|open| stored(open.op.0)).collect(),
            #[cfg(feature = "postgres")]
            commands: opens.iter().map(|open| text(call, &open.command)).collect::<Result<_>>()?,
        })
    }

    /// Whether this very transition is what is stored with its number. Of all but the last, the state is not kept to compare.
    pub(crate) fn is_stored_as(&self, row: &StoredRow) -> bool {
        let (seq, format, at, event, closes, opens, last, state, ended) = row;
        let same_end = if last > seq { !self.ends } else { *ended == self.ends && same(&self.state, state) };
        let same_numbers = (*format, *at, *closes) == (self.format, self.at, self.closes);
        same_numbers && same(&self.event, event) && same(&self.opens, opens) && same_end
    }

    /// Whether a run that is there began with it.
    pub(crate) fn is_beginning_of(&self, machine: &str, (stored_machine, event): &(String, String)) -> bool {
        machine == stored_machine && same(&self.event, event)
    }
}

/// Why a transition is not taken.
pub(crate) enum Refusal {
    /// The lease is not held any more.
    Fence,
    /// There is no such run.
    Unknown,
    /// There is another run of that name.
    Exists,
    /// The last transition is not the one that was expected, but this one.
    Moved(i64),
    Ended,
    NotOpen(i64),
    Used(i64),
    /// It hears another signal than the next one that the run was told.
    Unheard(i64),
}

impl Refusal {
    pub(crate) fn error(&self, call: &Call, lease: &Lease, expected: Seq) -> Error {
        match self {
            Self::Fence => {
                let Lease { name, owner, fence, .. } = lease;
                let reason = format!("`{owner}` does not hold the lease `{name}` with fence {fence} any more");
                call.refused(ErrorKind::Conflict, reason).advise("take the lease again and load the run")
            }
            Self::Unknown => call.refused(ErrorKind::NotFound, "there is no such run"),
            Self::Exists => call.refused(ErrorKind::AlreadyExists, "the run exists with another machine or first event"),
            Self::Moved(last) => {
                let reason = format!("its last transition is {last}, not {}", expected.0);
                call.refused(ErrorKind::Conflict, reason).advise("load the run and decide again")
            }
            Self::Ended => call.refused(ErrorKind::Invalid, "the run has ended"),
            Self::NotOpen(op) => call.refused(ErrorKind::Invalid, format!("it closes operation {op}, which is not open")),
            Self::Unheard(signal) => {
                call.refused(ErrorKind::Invalid, format!("it hears signal {signal}, which is not the next one that it was told"))
            }
            Self::Used(op) => call.refused(ErrorKind::Invalid, format!("it opens operation {op}, which was used before")),
        }
    }
}

/// `seq`, `format`, `at`, `event`, `closes`, `opens` of an entry.
pub(crate) type EntryRow = (i64, i64, i64, String, Option<i64>, String);

/// An entry; and of its run the number of the last one, the state after that, and whether it has ended.
pub(crate) type StoredRow = (i64, i64, i64, String, Option<i64>, String, i64, String, bool);

pub(crate) fn entry(call: &Call, (seq, format, at, event, closes, opens): EntryRow) -> Result<Entry> {
    Ok(Entry {
        seq: Seq(number(call, "the sequence number of an entry", seq)?),
        format: number(call, "the format of an entry", format)?,
        at: UnixMillis(at),
        event: json(call, "an event", &event)?,
        closes: closes.map(|op| number(call, "the number of an operation", op)).transpose()?.map(OpId),
        opens: json(call, "the list of opened operations", &opens)?,
    })
}

/// `machine`, `seq`, `format`, `state`, `ended`, `heard` of a run.
pub(crate) type RunRow = (String, i64, i64, String, bool, i64);

/// `number`, `at`, `told` of a signal.
pub(crate) type SignalRow = (i64, i64, String);

pub(crate) fn signal(call: &Call, (seq, at, told): SignalRow) -> Result<Signal> {
    let number = SignalNumber(number(call, "the number of a signal", seq)?);
    Ok(Signal { number, at: UnixMillis(at), told: json(call, "a signal", &told)? })
}

/// The number of a signal that is there under a key, where the run was told the same.
pub(crate) fn told_again(call: &Call, told: &Value, (seq, known): &(i64, String)) -> Result<SignalNumber> {
    if json::<Value>(call, "a signal", known)? == *told {
        return number(call, "the number of a signal", *seq).map(SignalNumber);
    }
    Err(call.refused(ErrorKind::AlreadyExists, "it was told something else under that key"))
}

/// A run and its open operations, which come by their numbers.
pub(crate) fn run(call: &Call, id: &RunId, row: RunRow, ops: impl IntoIterator<Item = (i64, String)>) -> Result<Run> {
    let (machine, seq, format, state, ended, heard) = row;
    let open = ops.into_iter().map(|(op, command)| {
        let op = OpId(number(call, "the number of an operation", op)?);
        Ok(OpenOp { op, command: json(call, "a command", &command)? })
    });
    Ok(Run {
        id: id.clone(),
        machine,
        seq: Seq(number(call, "the sequence number", seq)?),
        format: number(call, "the format of the state", format)?,
        state: json(call, "the state", &state)?,
        open: open.collect::<Result<_>>()?,
        heard: SignalNumber(number(call, "the number of a signal", heard)?),
        ended,
    })
}

pub(crate) fn run_ids(call: &Call, rows: Vec<String>) -> Result<Vec<RunId>> {
    rows.into_iter().map(|id| RunId::parse(id).map_err(|e| call.corrupt("the id of a run", e))).collect()
}

pub(crate) fn lease(call: &Call, name: impl Into<String>, owner: &str, fence: i64, expires_at: UnixMillis) -> Result<Lease> {
    let fence = number(call, "a fence", fence)?;
    Ok(Lease { name: name.into(), owner: owner.to_owned(), fence, expires_at })
}

/// A number as databases keep it. Fences and sequence numbers count up from 1, so none that this adapter gave out is capped.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// How many rows at most.
pub(crate) fn limited(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// The numbers of databases have a sign, so the upper half of an operation's range cannot be kept.
fn op_number(call: &Call, op: OpId) -> Result<i64> {
    i64::try_from(op.0).map_err(|e| call.refused(ErrorKind::Invalid, "an operation's number is above 2^63 - 1").with_source(e))
}

pub(crate) fn number<T: TryFrom<i64, Error = TryFromIntError>>(call: &Call, what: &str, value: i64) -> Result<T> {
    T::try_from(value).map_err(|e| call.corrupt(what, e))
}

pub(crate) fn text(call: &Call, value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| call.refused(ErrorKind::Invalid, "a value is no JSON").with_source(e))
}

fn json<T: DeserializeOwned>(call: &Call, what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| call.corrupt(what, e))
}

/// Whether two texts are the same JSON, in whatever order they name the members of an object.
fn same(one: &str, other: &str) -> bool {
    let read = |text| serde_json::from_str::<Value>(text).ok();
    one == other || read(one).is_some_and(|value| read(other) == Some(value))
}
