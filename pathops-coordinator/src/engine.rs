//! The embedded engine: drives one run of a machine from the journal.
//!
//! Intent before the call: an operation is in the journal before it is performed. Outcome after: its outcome, the new
//! state and the operations that follow are one transaction. After a crash the open operations are performed again with
//! the same keys, so each of them looks before it acts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{AbortHandle, Abortable, Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use pathops_core::adapter::{Clock, Created, Journal, Lease, OpId, OpenOp, Seq, Transition};
use pathops_core::flow::{Event, Machine};
use pathops_core::{Error, ErrorKind, IdempotencyKey, OpContext, Result, RunId};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::retry::with_retry;

/// How long a lease lasts without being renewed.
const LEASE: Duration = Duration::from_secs(30);

/// How often it is looked whether a lease is free.
const TURN: Duration = Duration::from_millis(100);

/// Performs commands: the calls of adapters.
#[async_trait]
pub trait Performer<M: Machine>: Send + Sync {
    /// Performs `command` and says how it ended. It may be called again with the same context after a crash; what it did
    /// before, it finds and does not do again.
    ///
    /// # Errors
    /// Where nothing can be said of the command itself: a store is full, a system stays out of reach. The run then stops
    /// as it is, and goes on with this very operation when it is driven again.
    async fn perform(&self, cx: &OpContext, command: &M::Command) -> Result<M::Outcome>;
}

/// Something that happened in a run, for a host that wants to show it. Nothing depends on it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a, M: Machine> {
    /// An operation is being performed, for the first time or again after a restart.
    Began {
        /// Which.
        op: OpId,
        /// What.
        command: &'a M::Command,
    },
    /// It has ended, and that is in the journal.
    Ended {
        /// Which.
        op: OpId,
        /// What.
        command: &'a M::Command,
        /// How.
        outcome: &'a M::Outcome,
        /// The state after it.
        state: &'a M::State,
    },
    /// The run stands still because of what is wrong around it; it goes on when it is driven again.
    Stopped {
        /// What is wrong.
        error: &'a Error,
    },
}

/// What a host is told.
pub type Observer<M> = Arc<dyn for<'a> Fn(&RunId, &Progress<'a, M>) + Send + Sync>;

/// Drives runs of one machine.
pub struct Engine<M: Machine> {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    performer: Arc<dyn Performer<M>>,
    observer: Observer<M>,
    owner: String,
}

impl<M: Machine> std::fmt::Debug for Engine<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({}, as {})", M::NAME, self.owner)
    }
}

/// A run in memory.
struct Active<M: Machine> {
    id: RunId,
    seq: Seq,
    state: M::State,
    open: BTreeMap<OpId, (M::Command, AbortHandle)>,
    last_op: OpId,
}

impl<M: Machine> Engine<M> {
    /// An engine that keeps its runs in `journal` and takes leases as `owner`, a name that no other engine has.
    #[must_use]
    pub fn new(
        journal: Arc<dyn Journal>,
        clock: Arc<dyn Clock>,
        performer: Arc<dyn Performer<M>>,
        observer: Observer<M>,
        owner: String,
    ) -> Self {
        Self { journal, clock, performer, observer, owner }
    }

    /// The name that it takes leases under.
    #[must_use]
    pub(crate) fn owner(&self) -> &str {
        &self.owner
    }

    /// Takes the right to write to `run`. It is renewed by taking it again.
    ///
    /// # Errors
    /// `Conflict` where another engine drives the run; what the journal answers.
    async fn lease(&self, run: &RunId) -> Result<Lease> {
        self.acquire(run.as_str()).await?.ok_or_else(|| {
            let error = Error::new(ErrorKind::Conflict, "drive a run").on(run);
            error.because("another engine drives it").advise("stop that one, or wait until its lease has expired")
        })
    }

    /// Takes the lease `name`; held by another engine, it is `None`.
    ///
    /// # Errors
    /// What the journal answers.
    pub(crate) async fn acquire(&self, name: &str) -> Result<Option<Lease>> {
        let cx = self.context(name, "lease");
        with_retry(&*self.clock, || self.journal.acquire(&cx, name, &self.owner, self.clock.now(), LEASE)).await
    }

    /// Takes the lease `name`, once no other engine has it: for what one engine may do at a time. Whoever takes too
    /// long over it may find that another one has taken it meanwhile; the journal then refuses what they write under it.
    ///
    /// # Errors
    /// What the journal answers.
    pub async fn turn(&self, name: &str) -> Result<Lease> {
        loop {
            if let Some(lease) = self.acquire(name).await? {
                return Ok(lease);
            }
            self.clock.sleep(TURN).await;
        }
    }

    /// Takes the leases of at most `limit` runs that have not ended and that no engine drives, to be driven by
    /// [`Engine::drive_under`].
    ///
    /// # Errors
    /// What the journal answers.
    pub async fn claim(&self, limit: usize) -> Result<Vec<Lease>> {
        let cx = self.context(M::NAME, "claim");
        let claim = || self.journal.claim(&cx, M::NAME, &self.owner, self.clock.now(), LEASE, limit);
        with_retry(&*self.clock, claim).await
    }

    /// Gives back the leases of all runs that this engine, or an earlier one of its name, drives: others go on with them at
    /// once. What this one still does is not journaled any more.
    ///
    /// # Errors
    /// What the journal answers.
    pub async fn surrender(&self) -> Result<()> {
        let cx = self.context(M::NAME, "surrender");
        with_retry(&*self.clock, || self.journal.surrender(&cx, M::NAME, &self.owner)).await
    }

    /// Ends when there may be something new to claim, and where the journal does not tell, never.
    pub async fn woken(&self) {
        self.journal.woken().await;
    }

    /// Gives a lease back.
    ///
    /// # Errors
    /// What the journal answers.
    pub async fn release(&self, lease: &Lease) -> Result<()> {
        let cx = self.context(&lease.name, "release");
        with_retry(&*self.clock, || self.journal.release(&cx, lease)).await
    }

    /// Makes a run, under a lease that is held. Making it again with the same start changes nothing.
    ///
    /// # Errors
    /// `AlreadyExists` where a run of that id began with something else; `Conflict` where another engine has taken the
    /// lease; what the journal answers.
    pub async fn create(&self, lease: &Lease, run: &RunId, start: &M::Start) -> Result<()> {
        let (state, commands) = M::start(start);
        let event = Event::<M::Start, M::Outcome>::Started(start.clone());
        let opens = number::<M>(OpId(0), &commands)?;
        let first = Transition {
            format: M::FORMAT,
            at: self.clock.now(),
            event: encode(&event)?,
            state: encode(&state)?,
            closes: None,
            opens,
            ends: M::has_ended(&state),
        };
        let cx = self.context(run.as_str(), "create");
        let created: Created = with_retry(&*self.clock, || self.journal.create(&cx, lease, run, M::NAME, &first)).await?;
        tracing::info!(run = %run, ?created, "run created");
        Ok(())
    }

    /// Drives a run to its end and returns the last state. Dropping the future stops at once, as a crash would; driving
    /// the run again goes on from there.
    ///
    /// # Errors
    /// `NotFound` for an unknown run; `Conflict` where another engine drives it or has taken it over; `Invalid` where it
    /// is of another machine or a newer format; `Unexpected` where it has nothing left to do and has not ended; what the
    /// journal answers; and where an operation cannot go on, what is in its way.
    pub async fn drive(&self, run: &RunId) -> Result<M::State> {
        self.observed(run, async { self.drive_on(run, self.lease(run).await?).await }).await
    }

    /// As [`Engine::drive`], under a lease of the run that was taken before.
    ///
    /// # Errors
    /// As [`Engine::drive`].
    pub async fn drive_under(&self, run: &RunId, lease: Lease) -> Result<M::State> {
        self.observed(run, self.drive_on(run, lease)).await
    }

    async fn observed(&self, run: &RunId, driving: impl Future<Output = Result<M::State>>) -> Result<M::State> {
        let driven = driving.await;
        if let Err(error) = &driven {
            (self.observer)(run, &Progress::Stopped { error });
        }
        driven
    }

    async fn drive_on(&self, run: &RunId, mut lease: Lease) -> Result<M::State> {
        let mut active = self.load(run).await?;
        let mut running = FuturesUnordered::new();
        for (op, (command, handle)) in &mut active.open {
            let (future, abort) = self.begin(run, *op, command.clone());
            *handle = abort;
            running.push(future);
        }
        while !M::has_ended(&active.state) {
            for (command, abort) in active.open.values() {
                if !M::wants(&active.state, command) {
                    abort.abort();
                }
            }
            if running.is_empty() {
                let error = Error::new(ErrorKind::Unexpected, "drive a run").on(run);
                return Err(error.because("it has nothing left to do and has not ended"));
            }
            // The right to drive is kept up while everybody waits: no other engine performs the same operations.
            let (op, performed) = match select(running.next(), self.clock.sleep(LEASE / 3)).await {
                Either::Left((Some(ended), _)) => ended,
                Either::Left((None, _)) => continue,
                Either::Right(_) => {
                    lease = self.lease(run).await?;
                    continue;
                }
            };
            // An operation that was dropped while its outcome was under way has been closed already.
            let Some((command, _)) = active.open.remove(&op) else { continue };
            let outcome = performed?;
            if self.clock.now() + LEASE / 3 > lease.expires_at {
                lease = self.lease(run).await?;
            }
            for (op, command) in self.settle(&lease, &mut active, op, &command, outcome).await? {
                let (future, abort) = self.begin(run, op, command.clone());
                active.open.insert(op, (command, abort));
                running.push(future);
            }
        }
        self.release(&lease).await?;
        Ok(active.state)
    }

    async fn load(&self, run: &RunId) -> Result<Active<M>> {
        let operation = "load a run";
        let cx = self.context(run.as_str(), "load");
        let stored = with_retry(&*self.clock, || self.journal.load(&cx, run)).await?;
        let stored = stored.ok_or_else(|| Error::new(ErrorKind::NotFound, operation).on(run))?;
        if stored.machine != M::NAME || stored.format != M::FORMAT {
            let why = format!(
                "it is a `{}` of format {}, and this engine drives `{}` of format {}",
                stored.machine,
                stored.format,
                M::NAME,
                M::FORMAT
            );
            return Err(Error::new(ErrorKind::Invalid, operation).on(run).because(why));
        }
        let entries = with_retry(&*self.clock, || Box::pin(self.last_op(&cx, run, stored.seq))).await?;
        let mut open = BTreeMap::new();
        for OpenOp { op, command } in stored.open {
            open.insert(op, (decode(&command)?, AbortHandle::new_pair().0));
        }
        Ok(Active { id: run.clone(), seq: stored.seq, state: decode(&stored.state)?, open, last_op: entries })
    }

    /// The greatest operation number that was ever used: numbers only grow, so the newest transition that opened any has it.
    async fn last_op(&self, cx: &OpContext, run: &RunId, seq: Seq) -> Result<OpId> {
        const PAGE: u64 = 64;
        let mut end = seq.0;
        while end > 0 {
            let after = end.saturating_sub(PAGE);
            let limit = usize::try_from(end - after).unwrap_or(usize::MAX);
            let entries = self.journal.entries(cx, run, Seq(after), limit).await?;
            if let Some(op) = entries.iter().flat_map(|entry| &entry.opens).map(|open| open.op).max() {
                return Ok(op);
            }
            end = after;
        }
        Ok(OpId(0))
    }

    /// Journals an outcome and what follows from it; gives the operations that are new.
    async fn settle(
        &self,
        lease: &Lease,
        active: &mut Active<M>,
        op: OpId,
        command: &M::Command,
        outcome: M::Outcome,
    ) -> Result<Vec<(OpId, M::Command)>> {
        let at = self.clock.now();
        let (state, commands) = M::step(active.state.clone(), command, &outcome, at);
        let opens = number::<M>(active.last_op, &commands)?;
        let event = Event::<M::Start, M::Outcome>::Done { op, outcome: outcome.clone() };
        let transition = Transition {
            format: M::FORMAT,
            at,
            event: encode(&event)?,
            state: encode(&state)?,
            closes: Some(op),
            opens,
            ends: M::has_ended(&state),
        };
        let cx = self.context(active.id.as_str(), "append");
        active.seq = with_retry(&*self.clock, || self.journal.append(&cx, lease, &active.id, active.seq, &transition)).await?;
        active.state = state;
        (self.observer)(&active.id, &Progress::Ended { op, command, outcome: &outcome, state: &active.state });
        let new: Vec<_> = transition.opens.iter().map(|open| open.op).zip(commands).collect();
        active.last_op = new.last().map_or(active.last_op, |(op, _)| *op);
        Ok(new)
    }

    fn begin(
        &self,
        run: &RunId,
        op: OpId,
        command: M::Command,
    ) -> (impl Future<Output = (OpId, Result<M::Outcome>)> + use<M>, AbortHandle) {
        (self.observer)(run, &Progress::Began { op, command: &command });
        let cx = OpContext::new(IdempotencyKey::new(format!("{run}/op-{}", op.0)));
        let performer = Arc::clone(&self.performer);
        let (abort, registration) = AbortHandle::new_pair();
        let performing = Abortable::new(async move { performer.perform(&cx, &command).await }, registration);
        (async move { (op, performing.await.unwrap_or_else(|_| Ok(M::dropped()))) }, abort)
    }

    fn context(&self, name: &str, what: &str) -> OpContext {
        OpContext::new(IdempotencyKey::new(format!("{name}/{what}")))
    }
}

fn number<M: Machine>(last: OpId, commands: &[M::Command]) -> Result<Vec<OpenOp>> {
    (last.0 + 1..).zip(commands).map(|(op, command)| Ok(OpenOp { op: OpId(op), command: encode(command)? })).collect()
}

fn encode(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|error| Error::new(ErrorKind::Unexpected, "write a run down").with_source(error))
}

fn decode<T: DeserializeOwned>(value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|error| {
        let reason = format!("what the journal holds does not fit this version: {error}");
        Error::new(ErrorKind::Corrupt, "read a run").because(reason).with_source(error)
    })
}
