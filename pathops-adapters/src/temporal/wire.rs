//! What is stored on the server: inputs, signals and records, all of them JSON.

use std::collections::BTreeMap;

use pathops_core::adapter::{Entry, OpId, Run, Seq, Signal, SignalNumber};
use pathops_core::{Digest, Error, ErrorKind, Result, RunId, UnixMillis};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use temporalio_common::protos::temporal::api::common::v1::{Memo, Payload};

/// The workflow type of every run.
pub(super) const RUN: &str = "pathops.run";

/// The workflow type of a turn. Nobody runs it: it is there as long as somebody has the turn.
pub(super) const TURN: &str = "pathops.turn";

/// The member of an execution's memo that has its [`Record`].
pub(super) const RECORD: &str = "PathOpsRecord";

/// The version of all that is stored.
const FORMAT: u32 = 1;

/// The version that something is written in; what a newer one has written is refused.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Format;

impl Serialize for Format {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_u32(FORMAT)
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            FORMAT => Ok(Self),
            other => {
                Err(serde::de::Error::custom(format_args!("it is of format {other}, and this version reads format {FORMAT}")))
            }
        }
    }
}

/// What a workflow execution begins with.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Input {
    format: u32,
    /// After how many transitions it goes on in a new execution, at the latest.
    pub(super) roll_after: Option<u64>,
    pub(super) from: From,
}

/// Where a workflow execution begins.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum From {
    /// At the start of the run.
    Start(Begin),
    /// Before it: the run was told something that it hears once it is started.
    Early,
    /// Where the execution before it ended.
    Checkpoint(Box<Checkpoint>),
}

/// The start of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Begin {
    pub(super) machine: String,
    pub(super) start: Value,
    pub(super) at: UnixMillis,
}

/// Starts a run that was told something before. The first one counts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Begun {
    #[serde(default)]
    pub(super) format: Format,
    pub(super) begin: Begin,
    /// The run as it stands until somebody drives it.
    pub(super) record: Record,
}

/// Tells a run something.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Told {
    #[serde(default)]
    pub(super) format: Format,
    pub(super) key: String,
    pub(super) at: UnixMillis,
    pub(super) told: Value,
}

/// A run between two executions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    pub(super) run: Run,
    pub(super) last_op: OpId,
    pub(super) begun: Digest,
    pub(super) told: Numbers,
    /// The executions before, from the first one on.
    pub(super) earlier: Vec<Earlier>,
}

/// An execution that has gone on in another one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Earlier {
    /// What the server calls it.
    pub(super) execution: String,
    /// Its last transition.
    pub(super) seq: Seq,
    /// The last signal that came while it ran.
    pub(super) signal: SignalNumber,
}

/// The run as it stands, which is in the memo of its execution, so that it is read without any worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(default)]
    pub(super) format: Format,
    /// What it was started with.
    pub(super) begun: Digest,
    pub(super) run: Run,
    /// What happened since the record before this one.
    pub(super) entries: Vec<Entry>,
}

/// What an activity is given.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    #[serde(default)]
    pub(super) format: Format,
    pub(super) machine: String,
    pub(super) run: RunId,
    /// What the operation is performed under.
    pub(super) key: String,
    pub(super) command: Value,
    /// Whether it waits for others, so that it may be let go of at any moment.
    pub(super) waits: bool,
}

impl Task {
    pub(super) fn new(machine: String, run: &RunId, op: OpId, command: Value, waits: bool) -> Self {
        Self { format: Format, machine, run: run.clone(), key: format!("{run}/op-{}", op.0), command, waits }
    }

    /// Which operation it is.
    pub(super) fn op(&self) -> Option<OpId> {
        self.key.rsplit_once("/op-").and_then(|(_, op)| op.parse().ok()).map(OpId)
    }
}

/// Signals are numbered in the order in which they come, each key once.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Numbers(BTreeMap<String, SignalNumber>);

impl Input {
    pub(super) fn new(from: From, roll_after: Option<u64>) -> Self {
        Self { format: FORMAT, roll_after, from }
    }

    /// Refuses what a newer version has written.
    pub(super) fn check(&self) -> Result<()> {
        if self.format == FORMAT {
            return Ok(());
        }
        let why = format!("it is written in format {}, and this version reads format {FORMAT}", self.format);
        Err(Error::new(ErrorKind::Invalid, "read a run").because(why))
    }
}

impl Checkpoint {
    /// The run as it stands before anything happens in the next execution.
    pub(super) fn record(&self) -> Record {
        Record { format: Format, begun: self.begun, run: self.run.clone(), entries: Vec::new() }
    }
}

impl Numbers {
    /// The next number, where `key` is new.
    pub(super) fn number(&mut self, key: &str) -> Option<SignalNumber> {
        if self.0.contains_key(key) {
            return None;
        }
        let number = SignalNumber(self.last().0 + 1);
        self.0.insert(key.to_owned(), number);
        Some(number)
    }

    pub(super) fn knows(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The last number that was given.
    pub(super) fn last(&self) -> SignalNumber {
        SignalNumber(u64::try_from(self.0.len()).unwrap_or(u64::MAX))
    }
}

impl Told {
    pub(super) fn numbered(self, number: SignalNumber) -> Signal {
        Signal { number, at: self.at, told: self.told }
    }
}

/// One number for a start.
pub(super) fn begun(machine: &str, start: &Value) -> Digest {
    canonical(&Value::from(vec![Value::from(machine), start.clone()]))
}

/// One number for a value, whatever the order of the members of its objects.
pub(super) fn canonical(value: &Value) -> Digest {
    let canonical = serde_json_canonicalizer::to_vec(value).unwrap_or_else(|_| value.to_string().into_bytes());
    Digest::of(&canonical)
}

/// The record in a memo.
pub(super) fn record(memo: Option<&Memo>) -> Result<Option<Record>> {
    memo.and_then(|memo| memo.fields.get(RECORD)).map(read).transpose()
}

/// Reads what is stored.
pub(super) fn read<T: serde::de::DeserializeOwned>(payload: &Payload) -> Result<T> {
    serde_json::from_slice(&payload.data).map_err(|error| {
        let why = format!("what the server has of it does not fit this version: {error}");
        Error::new(ErrorKind::Corrupt, "read a run").because(why).with_source(error)
    })
}
