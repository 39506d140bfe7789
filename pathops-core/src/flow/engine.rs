use std::fmt;

use async_trait::async_trait;
use serde_json::Value;

use crate::adapter::{Created, Entry, Lease, Run, RunFilter, Seq, Signal, SignalNumber};
use crate::digest::Digest;
use crate::error::Result;
use crate::flow::{Hosted, Machines};
use crate::id::RunId;
use crate::op::IdempotencyKey;
use crate::policy::canonical_digest;
use crate::time::UnixMillis;

/// Keeps runs and drives them, and survives the end of the process at any moment.
///
/// A transition happens once. An operation is performed at least once, each time under the same key, `{run}/op-{number}`, and its outcome
/// counts once. What a run is told is heard once, in the order in which it was told, before anything new is begun. All of them follow
/// [`AnyShell`](crate::flow::AnyShell), so that every engine makes the same of the same.
///
/// An engine knows no machine of its own: a host gives it those that it has ([`Machines`]). What fails only for a while is waited out
/// in here.
#[async_trait]
pub trait Engine: fmt::Debug + Send + Sync + 'static {
    /// Its name, for example `embedded`.
    fn name(&self) -> &'static str;

    /// The turn to do what one host may do at a time, once nobody else has it. Whoever takes too long over it may find that
    /// somebody else has taken it meanwhile.
    ///
    /// # Errors
    /// What the store answers.
    async fn turn(&self, name: &str) -> Result<Lease>;

    /// Gives a turn back. One that is not held any more is no error.
    ///
    /// # Errors
    /// What the store answers.
    async fn release(&self, turn: &Lease) -> Result<()>;

    /// Starts a run, in a turn that is held; it is listed from then on. Starting it again with the same changes nothing.
    ///
    /// # Errors
    /// `AlreadyExists` where a run of that id began with something else; `Conflict` where somebody else has taken the turn; `Corrupt` where
    /// `start` is none of the machine's; what the store answers.
    async fn start(&self, turn: &Lease, machine: &dyn Hosted, run: &RunId, start: &Value) -> Result<Created>;

    /// Tells a run something, under a key of who tells it. It need not have been started. When this returns it survives a crash. Told again
    /// under the same key, the first counts. A run that ends meanwhile does not hear it.
    ///
    /// # Errors
    /// `AlreadyExists` where the run was told something else under that key, as far as the engine knows that at once; `Invalid` where it has
    /// ended; what the store answers.
    async fn tell(&self, key: &IdempotencyKey, run: &RunId, told: &Value) -> Result<()>;

    /// The run as it stands, or `None` where it was not started.
    ///
    /// # Errors
    /// `Corrupt` where it cannot be read; what the store answers.
    async fn load(&self, run: &RunId) -> Result<Option<Run>>;

    /// At most `limit` signals of a run after `after`, in order; none where there are no more, or no such run.
    ///
    /// # Errors
    /// As [`Engine::load`].
    async fn told(&self, run: &RunId, after: SignalNumber, limit: usize) -> Result<Vec<Signal>>;

    /// At most `limit` entries of a run after `after`, in order.
    ///
    /// # Errors
    /// `NotFound` for an unknown run; and as [`Engine::load`].
    async fn entries(&self, run: &RunId, after: Seq, limit: usize) -> Result<Vec<Entry>>;

    /// At most `limit` runs whose id comes after `after`, in the order of their ids, byte by byte.
    ///
    /// # Errors
    /// As [`Engine::load`].
    async fn runs<'a>(&self, filter: &RunFilter, after: Option<&'a RunId>, limit: usize) -> Result<Vec<RunId>>;

    /// Moves at most `limit` runs that ended before an instant to the archive, and names them; fewer are the last ones. What was archived is
    /// loaded and told as before, and lists leave it out, unless the filter asks for it
    /// ([`Journal::archive`](crate::adapter::Journal::archive)).
    ///
    /// # Errors
    /// `Unsupported` where what keeps the runs does that by itself; what the store answers.
    async fn archive(&self, ended_before: UnixMillis, limit: usize) -> Result<Vec<RunId>>;

    /// Drives a run to its end, and returns it; where the engine drains, as far as it has come. Others may be driven meanwhile.
    /// Dropping the future stops at once, as a crash would.
    ///
    /// # Errors
    /// `NotFound` for an unknown run; `Conflict` where another host drives it; `Invalid` where no machine of the host reads it; where an
    /// operation cannot go on and the engine does not wait that out, what is in its way; what the store answers.
    async fn drive(&self, machines: &Machines, run: &RunId) -> Result<Run>;

    /// Drives every run of these machines that has not ended, new ones too, until it is dropped or drained. It is cancelled by dropping it,
    /// which loses nothing; [`Engine::end`] afterwards lets others go on at once.
    ///
    /// # Errors
    /// Where the store cannot say which runs there are.
    async fn run(&self, machines: &Machines) -> Result<()>;

    /// Says that this host drives nothing any more, or nothing yet: others go on at once with what it drove. It is tried once, since whoever
    /// stops does not wait for a store that is out of reach.
    ///
    /// # Errors
    /// What the store answers.
    async fn end(&self, machines: &Machines) -> Result<()>;

    /// Begins nothing any more, for good. What is being done comes to its end; what [waits](crate::flow::Machine::waits) is let go of. Then
    /// [`Engine::run`] and [`Engine::drive`] end.
    fn drain(&self);
}

/// One number for all that happened to a run and all that was to be done for it: two engines that made the same of the same have the same.
/// When it happened is not in it.
#[must_use]
pub fn digest<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> Digest {
    let begun = Digest::of(b"");
    entries.into_iter().fold(begun, |digest, Entry { seq, format, event, closes, opens, at: _ }| {
        canonical_digest(&(digest, seq, format, event, closes, opens))
    })
}
