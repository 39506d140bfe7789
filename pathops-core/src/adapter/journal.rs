use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Result;
use crate::id::RunId;
use crate::op::OpContext;
use crate::time::UnixMillis;

/// The number of a transition in its run: 1 for the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub u64);

/// An operation of a run: a command that was issued and whose outcome is awaited. Numbers are never used twice in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpId(pub u64);

/// The number of a signal among those of its run: 1 for the first, and none is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SignalNumber(pub u64);

/// Something that a run was told from outside, as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    /// Its number.
    pub number: SignalNumber,
    /// When it was told.
    pub at: UnixMillis,
    /// What was told, as the machine reads it.
    pub told: Value,
}

/// An operation that is still to be done: intent, journaled before the call (I6).
///
/// Waiting for an instant is an operation like any other, so a timer needs no table of its own: it is open until
/// its time has come, and a restart finds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenOp {
    /// Its number.
    pub op: OpId,
    /// What to do, as the machine wrote it.
    pub command: Value,
}

/// One step of a run, stored whole or not at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// The version of the machine's state, event and command format.
    pub format: u32,
    /// When it was made.
    pub at: UnixMillis,
    /// What happened.
    pub event: Value,
    /// The state after it.
    pub state: Value,
    /// The operation whose outcome this is, which ends it.
    pub closes: Option<OpId>,
    /// The signal that is heard by it: the one after the last that the run has heard.
    pub hears: Option<SignalNumber>,
    /// Operations to be done from now on.
    pub opens: Vec<OpenOp>,
    /// Whether the run ends here: nothing can follow.
    pub ends: bool,
}

/// A stored transition, without the state (which only the last one has).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number.
    pub seq: Seq,
    /// The format of event and commands.
    pub format: u32,
    /// When it was made.
    pub at: UnixMillis,
    /// What happened.
    pub event: Value,
    /// The operation that it ended.
    pub closes: Option<OpId>,
    /// The operations that it opened.
    pub opens: Vec<OpenOp>,
}

/// A run as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Which machine drives it.
    pub machine: String,
    /// The number of the last transition.
    pub seq: Seq,
    /// The format of the state.
    pub format: u32,
    /// The state after it.
    pub state: Value,
    /// What is still to be done, in the order of the numbers.
    pub open: Vec<OpenOp>,
    /// The last signal that it has heard; 0 for none.
    pub heard: SignalNumber,
    /// Whether it has ended.
    pub ended: bool,
}

/// Which runs are listed. What is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Those of this machine.
    pub machine: Option<String>,
    /// Those that have ended, or those that have not.
    pub ended: Option<bool>,
    /// Those in the [archive](Journal::archive) instead of the others.
    pub archived: bool,
}

impl RunFilter {
    /// The runs of `machine`.
    #[must_use]
    pub fn of(machine: impl Into<String>) -> Self {
        Self { machine: Some(machine.into()), ended: None, archived: false }
    }

    /// Of these, the ones that have not ended.
    #[must_use]
    pub fn open(self) -> Self {
        Self { ended: Some(false), ..self }
    }
}

/// Whether a run was made by this call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// It is new.
    New,
    /// It was there already, with the same first transition; nothing changed.
    Existing,
}

/// The right to write to runs, until it expires or somebody else has taken it over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// What it is for.
    pub name: String,
    /// Who holds it.
    pub owner: String,
    /// Higher than that of every earlier holder. The journal refuses writes under an older one.
    pub fence: u64,
    /// Until when.
    pub expires_at: UnixMillis,
}

/// What a journal can do beyond the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalCapabilities {
    /// What was acknowledged survives the end of the process.
    pub durable: bool,
    /// Several processes may use it at once.
    pub shared: bool,
    /// [`Journal::woken`] ends by itself where there is something to claim.
    pub wakes: bool,
}

/// Where runs live: their transitions, their open operations and the leases that guard them.
///
/// A transition is one transaction: event, new state, ended operation and new operations are there together or
/// not at all. Entries are never changed or deleted; those of a run that has ended may move to the archive with it.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait Journal: Debug + Send + Sync + 'static {
    /// The adapter's name, for example `sqlite`.
    fn name(&self) -> &'static str;

    /// What this journal offers.
    fn capabilities(&self) -> JournalCapabilities;

    /// Takes the lease `name` for `owner`, for `ttl` from `now`. Free, expired or held by the same owner: a new,
    /// higher fence. Held by somebody else: `None`.
    ///
    /// # Errors
    /// `StorageFull`, `Unavailable`, `Timeout`, `Corrupt`.
    async fn acquire(&self, cx: &OpContext, name: &str, owner: &str, now: UnixMillis, ttl: Duration) -> Result<Option<Lease>>;

    /// Gives a lease back: writes under it are refused from then on. One that is not held any more is no error.
    ///
    /// # Errors
    /// As [`Journal::acquire`].
    async fn release(&self, cx: &OpContext, lease: &Lease) -> Result<()>;

    /// Takes, for `owner` and for `ttl` from `now`, the leases of at most `limit` runs of `machine` that have not ended and that
    /// nobody holds: free ones and expired ones, each with a higher fence. The lease of a run has the run's id as its name.
    /// Of several who claim at once each gets others. What it costs does not grow with how many runs there are, where the
    /// journal is `durable`. Where its answer is lost, what was claimed is free again when it has expired.
    ///
    /// # Errors
    /// As [`Journal::acquire`].
    async fn claim(
        &self,
        cx: &OpContext,
        machine: &str,
        owner: &str,
        now: UnixMillis,
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>>;

    /// Gives the leases of all runs of `machine` that `owner` holds back, as [`Journal::release`] does with one: for a worker
    /// that ends, and for one that begins, since what an earlier one of its name held is held by nobody.
    ///
    /// # Errors
    /// As [`Journal::acquire`].
    async fn surrender(&self, cx: &OpContext, machine: &str, owner: &str) -> Result<()>;

    /// Ends when there may be something new: a run was made, or its lease was given back, by this process or, where the journal is
    /// `shared`, by another one; or, with its name, a run was told something by another process. It may end for nothing, and may miss
    /// what happens before it waits or while the store is out of reach, and a lease that expires is nothing that happens: who waits
    /// looks by themselves from time to time, too. Where the journal does not declare `wakes`, it never ends. It may be dropped at any
    /// moment.
    async fn woken(&self) -> Option<RunId>;

    /// Stores a signal for a run under the key of `cx`, and gives its number. Telling the same under the same key again gives the same
    /// number and changes nothing. The run need not have begun: it hears what it was told before. After `Ok` the signal survives a
    /// crash. A run that ends meanwhile does not hear it.
    ///
    /// # Errors
    /// `AlreadyExists` where the run was told something else under that key; `Invalid` where it has ended; and as
    /// [`Journal::acquire`].
    async fn tell(&self, cx: &OpContext, run: &RunId, at: UnixMillis, told: &Value) -> Result<SignalNumber>;

    /// At most `limit` signals of a run after `after`, in order; none where there are no more, or no such run.
    ///
    /// # Errors
    /// As [`Journal::load`].
    async fn told(&self, cx: &OpContext, run: &RunId, after: SignalNumber, limit: usize) -> Result<Vec<Signal>>;

    /// Makes a run with its first transition.
    ///
    /// # Errors
    /// `AlreadyExists` where the run exists with another machine or first event; `Conflict` where the fence is old;
    /// `Invalid` for a transition that closes an operation or hears a signal; and as [`Journal::acquire`].
    async fn create(&self, cx: &OpContext, lease: &Lease, run: &RunId, machine: &str, first: &Transition) -> Result<Created>;

    /// Adds a transition after `expected`, the last one the caller has seen, and returns its number.
    /// Adding the very transition that is there already as the next one returns its number and changes nothing,
    /// so a lost answer is settled by asking again.
    ///
    /// # Errors
    /// `Conflict` where the run has moved on or the fence is old; `NotFound`; `Invalid` where the run has ended, the
    /// operation it closes is not open, one that it opens was used before, or the signal it hears is not the next one that the
    /// run was told; and as [`Journal::acquire`]. With every error that has no unknown effect, nothing has changed.
    async fn append(&self, cx: &OpContext, lease: &Lease, run: &RunId, expected: Seq, transition: &Transition) -> Result<Seq>;

    /// The run as it stands, or `None`.
    ///
    /// # Errors
    /// `Corrupt`, `Unavailable`, `Timeout`.
    async fn load(&self, cx: &OpContext, run: &RunId) -> Result<Option<Run>>;

    /// At most `limit` runs whose id comes after `after`, in the order of their ids, byte by byte.
    ///
    /// # Errors
    /// As [`Journal::load`].
    async fn runs<'a>(&self, cx: &OpContext, filter: &RunFilter, after: Option<&'a RunId>, limit: usize) -> Result<Vec<RunId>>;

    /// At most `limit` entries after `after`, in order.
    ///
    /// # Errors
    /// `NotFound` for an unknown run; and as [`Journal::load`].
    async fn entries(&self, cx: &OpContext, run: &RunId, after: Seq, limit: usize) -> Result<Vec<Entry>>;

    /// Moves at most `limit` runs whose last transition ended them before an instant to the archive, and names them; fewer are the last
    /// ones. Each is moved whole, with its entries and signals, or not at all. Where the journal is `durable`, what a transition, a claim
    /// and a list of the others cost does not grow with what is in the archive.
    ///
    /// A run in the archive answers as one that has ended: it is read as before, nothing follows it, it is told nothing, and no other one is
    /// ever made of its name. Only lists leave it out, unless [`RunFilter::archived`] asks for it. Nothing comes back from there.
    ///
    /// Where the answer is lost, ask again: those that were moved are not named a second time.
    ///
    /// # Errors
    /// As [`Journal::acquire`].
    async fn archive(&self, cx: &OpContext, ended_before: UnixMillis, limit: usize) -> Result<Vec<RunId>>;
}
