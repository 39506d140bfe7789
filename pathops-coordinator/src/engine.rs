//! The embedded engine: drives one run of a machine from the journal.
//!
//! Intent before the call: an operation is in the journal before it is performed. Outcome after: its outcome, the new
//! state and the operations that follow are one transaction. After a crash the open operations are performed again with
//! the same keys, so each of them looks before it acts.
//!
//! What a run is told from outside is stored before it is acknowledged, and is heard once, in its turn, before anything new is begun.

mod active;
mod bells;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use futures_util::future::{AbortHandle, Abortable, BoxFuture, Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use pathops_core::adapter::{Clock, Created, Journal, Lease, OpId, OpenOp, Seq, Signal, SignalNumber, Transition};
use pathops_core::flow::{Event, Machine};
use pathops_core::{Error, ErrorKind, IdempotencyKey, OpContext, Result, RunId, UnixMillis};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::engine::active::{Active, Doing, Open};
pub(crate) use crate::engine::bells::Bells;
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

    /// Sees to it that nothing comes of `command` while it is not performed, or any more, after what was being done of it was dropped:
    /// what it lets others do is taken back. It may be called again. [`Performer::perform`] gives it again.
    ///
    /// # Errors
    /// As [`Performer::perform`]; then the run stops as it is.
    async fn hold(&self, cx: &OpContext, command: &M::Command) -> Result<()>;
}

/// Something that happened in a run, for a host that wants to show it. Nothing depends on it.
#[derive(Debug)]
#[non_exhaustive]
pub enum Progress<'a, M: Machine> {
    /// An operation is being performed, for the first time, or again after a restart or after it was held.
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
    /// It has heard something that it was told, and that is in the journal.
    Heard {
        /// What.
        event: &'a Event<M::Start, M::Outcome, M::Signal>,
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
    bells: Bells,
    attempts: AtomicU64,
    drains: AtomicBool,
}

impl<M: Machine> std::fmt::Debug for Engine<M> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({}, as {})", M::NAME, self.owner)
    }
}

/// What came of a try.
enum Came<M: Machine> {
    Outcome(Result<M::Outcome>),
    Held(Result<()>),
    /// It was given up.
    Nothing,
}

type Trying<M> = BoxFuture<'static, (OpId, u64, Came<M>)>;

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
        let (bells, attempts, drains) = (Bells::default(), AtomicU64::new(0), AtomicBool::new(false));
        Self { journal, clock, performer, observer, owner, bells, attempts, drains }
    }

    /// Rings these when a run is told something, for whoever else tells runs of this process.
    pub(crate) fn with_bells(self, bells: Bells) -> Self {
        Self { bells, ..self }
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

    /// Begins nothing any more, for good. What is being done comes to its end and is journaled; what [`Machine::waits`] is let go of. Then
    /// whoever drives a run gets it as it stands.
    pub fn drain(&self) {
        self.drains.store(true, Ordering::Release);
        self.bells.ring_all();
    }

    /// Whether it begins nothing any more.
    #[must_use]
    pub fn drains(&self) -> bool {
        self.drains.load(Ordering::Acquire)
    }

    /// Ends when there may be something new to claim, and where the journal does not tell, never. A run that was told something by
    /// another process hears it meanwhile.
    pub async fn woken(&self) {
        while let Some(run) = self.journal.woken().await {
            self.bells.ring(&run);
        }
    }

    /// Tells a run something, under a key of who tells it; whoever drives it hears it before anything new is begun. It need not have
    /// begun. When this returns it survives a crash; telling it again under the same key changes nothing.
    ///
    /// # Errors
    /// `AlreadyExists` where something else was told under that key; `Invalid` where the run has ended; what the journal answers.
    pub async fn tell(&self, run: &RunId, key: &IdempotencyKey, told: &M::Signal) -> Result<()> {
        let (cx, at) = (OpContext::new(key.clone()), self.clock.now());
        with_retry(&*self.clock, || tell(&*self.journal, &self.bells, &cx, run, at, told).boxed()).await
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
        let event = Event::<M::Start, M::Outcome, M::Signal>::Started(start.clone());
        let opens = number::<M>(OpId(0), &commands)?;
        let first = Transition {
            format: M::FORMAT,
            at: self.clock.now(),
            event: encode(&event)?,
            state: encode(&state)?,
            closes: None,
            hears: None,
            opens,
            ends: M::has_ended(&state),
        };
        let cx = self.context(run.as_str(), "create");
        let created: Created = with_retry(&*self.clock, || self.journal.create(&cx, lease, run, M::NAME, &first)).await?;
        tracing::info!(run = %run, ?created, "run created");
        Ok(())
    }

    /// Drives a run to its end and returns the last state; where the engine drains, as far as it has come. Dropping the future stops at
    /// once, as a crash would; driving the run again goes on from there.
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
        let bell = self.bells.of(run);
        let mut active = self.load(run).await?;
        let (mut trying, mut listens, mut listened) = (FuturesUnordered::new(), true, self.clock.now());
        loop {
            // Another process may have told it something, and what it said of that may be lost.
            if listens || bell.has_rung() || self.clock.now() >= listened + LEASE / 3 {
                self.hear(&mut lease, &mut active).await?;
                (listens, listened) = (false, self.clock.now());
            }
            if M::has_ended(&active.state) {
                break;
            }
            let drains = self.drains();
            if drains {
                active.let_go();
            }
            self.attend(&mut active, &trying);
            if drains && !active.is_at_work() {
                break;
            }
            if active.open.is_empty() {
                let error = Error::new(ErrorKind::Unexpected, "drive a run").on(run);
                return Err(error.because("it has nothing left to do and has not ended"));
            }
            let next = async {
                match trying.next().await {
                    Some(came) => came,
                    None => std::future::pending().await,
                }
            };
            // The right to drive is kept up while everybody waits: no other engine performs the same operations.
            let (op, attempt, came) = match select(pin!(next), select(self.clock.sleep(LEASE / 3), pin!(bell.rung()))).await {
                Either::Left((came, _)) => came,
                Either::Right((Either::Left(_), _)) => {
                    lease = self.lease(run).await?;
                    listens = true;
                    continue;
                }
                Either::Right((Either::Right(_), _)) => {
                    listens = true;
                    continue;
                }
            };
            if !active.open.get(&op).is_some_and(|open| open.doing.is(attempt)) {
                continue;
            }
            match came {
                Came::Nothing => {}
                Came::Held(held) => {
                    held?;
                    active.open.entry(op).and_modify(|open| open.doing = Doing::Held);
                }
                Came::Outcome(outcome) => {
                    let outcome = outcome?;
                    self.renew(&mut lease, run).await?;
                    self.settle(&lease, &mut active, op, outcome).await?;
                }
            }
        }
        self.release(&lease).await?;
        Ok(active.state)
    }

    /// Where it does not last much longer.
    async fn renew(&self, lease: &mut Lease, run: &RunId) -> Result<()> {
        if self.clock.now() + LEASE / 3 > lease.expires_at {
            *lease = self.lease(run).await?;
        }
        Ok(())
    }

    /// Takes up what the run was told and has not heard.
    async fn hear(&self, lease: &mut Lease, active: &mut Active<M>) -> Result<()> {
        const PAGE: usize = 64;
        let (cx, run) = (self.context(active.id.as_str(), "hear"), active.id.clone());
        while !M::has_ended(&active.state) {
            let heard = active.heard;
            let told = with_retry(&*self.clock, || self.journal.told(&cx, &run, heard, PAGE)).await?;
            if told.is_empty() {
                return Ok(());
            }
            for Signal { number, told, .. } in told {
                if M::has_ended(&active.state) {
                    break;
                }
                self.renew(lease, &run).await?;
                let (at, told): (_, M::Signal) = (self.clock.now(), decode(&told)?);
                let made = M::hear(active.state.clone(), &told, at);
                let event = Event::Heard { number, told };
                self.append(lease, active, at, &event, None, Some(number), made).await?;
                active.heard = number;
                (self.observer)(&run, &Progress::Heard { event: &event, state: &active.state });
            }
        }
        Ok(())
    }

    /// Sees to each open operation: begins what may go on, holds what may not, and gives up what nobody waits for any more.
    fn attend(&self, active: &mut Active<M>, trying: &FuturesUnordered<Trying<M>>) {
        let Active { id, state, open, .. } = active;
        for (op, Open { command, doing }) in open.iter_mut() {
            let attempt = || self.attempts.fetch_add(1, Ordering::Relaxed);
            match (M::wants(state, command), M::goes_on(state, command), &*doing) {
                (false, _, Doing::Dropping { .. })
                | (true, true, Doing::Performing { .. })
                | (true, false, Doing::Holding { .. } | Doing::Held) => {}
                (true, true, _) if self.drains() => {}
                (false, ..) => {
                    doing.abort();
                    let (op, attempt, performer, of) = (*op, attempt(), Arc::clone(&self.performer), command.clone());
                    let cx = operation(id, op).part("hold");
                    let dropping = async move { Came::Outcome(performer.hold(&cx, &of).await.map(|()| M::dropped())) };
                    *doing = Doing::Dropping { attempt };
                    trying.push(async move { (op, attempt, dropping.await) }.boxed());
                }
                (true, true, _) => {
                    doing.abort();
                    (self.observer)(id, &Progress::Began { op: *op, command });
                    let (attempt, performer, of, cx) =
                        (attempt(), Arc::clone(&self.performer), command.clone(), operation(id, *op));
                    let performing = async move { Came::Outcome(performer.perform(&cx, &of).await) };
                    let (future, abort) = try_it(*op, attempt, performing);
                    *doing = Doing::Performing { attempt, abort };
                    trying.push(future);
                }
                (true, false, _) => {
                    doing.abort();
                    let (attempt, performer, of) = (attempt(), Arc::clone(&self.performer), command.clone());
                    let cx = operation(id, *op).part("hold");
                    let holding = async move { Came::Held(performer.hold(&cx, &of).await) };
                    let (future, abort) = try_it(*op, attempt, holding);
                    *doing = Doing::Holding { attempt, abort };
                    trying.push(future);
                }
            }
        }
    }

    async fn load(&self, run: &RunId) -> Result<Active<M>> {
        let operation = "load a run";
        let cx = self.context(run.as_str(), "load");
        let stored = with_retry(&*self.clock, || self.journal.load(&cx, run)).await?;
        let stored = stored.ok_or_else(|| Error::new(ErrorKind::NotFound, operation).on(run))?;
        if stored.machine != M::NAME || !(M::OLDEST..=M::FORMAT).contains(&stored.format) {
            let why = format!(
                "it is a `{}` of format {}, and this engine drives `{}` of the formats {} to {}",
                stored.machine,
                stored.format,
                M::NAME,
                M::OLDEST,
                M::FORMAT
            );
            return Err(Error::new(ErrorKind::Invalid, operation).on(run).because(why));
        }
        let entries = with_retry(&*self.clock, || Box::pin(self.last_op(&cx, run, stored.seq))).await?;
        let mut open = BTreeMap::new();
        for OpenOp { op, command } in stored.open {
            open.insert(op, Open { command: decode(&command)?, doing: Doing::Nothing });
        }
        let (state, heard) = (decode(&stored.state)?, stored.heard);
        Ok(Active { id: run.clone(), seq: stored.seq, state, open, last_op: entries, heard })
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

    /// Journals an outcome and what follows from it.
    async fn settle(&self, lease: &Lease, active: &mut Active<M>, op: OpId, outcome: M::Outcome) -> Result<()> {
        let Some(Open { command, .. }) = active.open.remove(&op) else { return Ok(()) };
        let at = self.clock.now();
        let made = M::step(active.state.clone(), &command, &outcome, at);
        let event = Event::Done { op, outcome };
        self.append(lease, active, at, &event, Some(op), None, made).await?;
        if let Event::Done { outcome, .. } = &event {
            (self.observer)(&active.id, &Progress::Ended { op, command: &command, outcome, state: &active.state });
        }
        Ok(())
    }

    /// Journals a transition, and takes up what it opens.
    #[expect(clippy::too_many_arguments, reason = "they are what a transition is made of")]
    async fn append(
        &self,
        lease: &Lease,
        active: &mut Active<M>,
        at: UnixMillis,
        event: &EventOf<M>,
        closes: Option<OpId>,
        hears: Option<SignalNumber>,
        (state, commands): (M::State, Vec<M::Command>),
    ) -> Result<()> {
        let opens = number::<M>(active.last_op, &commands)?;
        let ends = M::has_ended(&state);
        let transition =
            Transition { format: M::FORMAT, at, event: encode(event)?, state: encode(&state)?, closes, hears, opens, ends };
        let cx = self.context(active.id.as_str(), "append");
        active.seq = with_retry(&*self.clock, || self.journal.append(&cx, lease, &active.id, active.seq, &transition)).await?;
        active.state = state;
        for (OpenOp { op, .. }, command) in transition.opens.iter().zip(commands) {
            active.open.insert(*op, Open { command, doing: Doing::Nothing });
            active.last_op = *op;
        }
        Ok(())
    }

    fn context(&self, name: &str, what: &str) -> OpContext {
        OpContext::new(IdempotencyKey::new(format!("{name}/{what}")))
    }
}

type EventOf<M> = Event<<M as Machine>::Start, <M as Machine>::Outcome, <M as Machine>::Signal>;

/// What an operation is performed under: always the same key.
fn operation(run: &RunId, op: OpId) -> OpContext {
    OpContext::new(IdempotencyKey::new(format!("{run}/op-{}", op.0)))
}

/// A try that can be given up.
fn try_it<M: Machine>(
    op: OpId,
    attempt: u64,
    trying: impl Future<Output = Came<M>> + Send + 'static,
) -> (Trying<M>, AbortHandle) {
    let (abort, registration) = AbortHandle::new_pair();
    let trying = Abortable::new(trying, registration);
    (async move { (op, attempt, trying.await.unwrap_or(Came::Nothing)) }.boxed(), abort)
}

/// Tells a run something, and rings for whoever drives it in this process.
pub(crate) async fn tell(
    journal: &dyn Journal,
    bells: &Bells,
    cx: &OpContext,
    run: &RunId,
    at: UnixMillis,
    told: &(impl Serialize + Sync),
) -> Result<()> {
    journal.tell(cx, run, at, &encode(told)?).await?;
    bells.ring(run);
    Ok(())
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
