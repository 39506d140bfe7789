//! Driving one run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use futures_util::FutureExt as _;
use futures_util::future::{AbortHandle, Abortable, BoxFuture, Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use pathops_core::adapter::{Lease, OpId, OpenOp, Run, Seq, Signal};
use pathops_core::flow::{AnyEvent, Course, Engine as _, Event, Hosted};
use pathops_core::{Error, ErrorKind, OpContext, Result, RunId, UnixMillis};
use serde_json::Value;

use crate::engine::active::{Active, Doing};
use crate::engine::{Embedded, LEASE, context};
use crate::retry::with_retry;
use crate::runs::operation_key;

/// What came of a try.
enum Came {
    Outcome(Result<Value>),
    Held(Result<()>),
    /// It was given up.
    Nothing,
}

type Trying = BoxFuture<'static, (OpId, u64, Came)>;

/// What is being done of the open operations of a run.
#[derive(Default)]
struct Tries {
    under_way: FuturesUnordered<Trying>,
    ended: VecDeque<(OpId, u64, Came)>,
}

impl Tries {
    /// The next that ends; while there is none, it waits.
    async fn next(&mut self) -> (OpId, u64, Came) {
        poll_fn(|cx| {
            self.poll(cx);
            self.ended.pop_front().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Makes a call while they go on. One of them may be in the middle of a call of the same store, and would keep it from this one for
    /// ever if it stood still meanwhile.
    async fn beside<T>(&mut self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        poll_fn(|cx| {
            self.poll(cx);
            call.as_mut().poll(cx)
        })
        .await
    }

    fn poll(&mut self, cx: &mut std::task::Context<'_>) {
        while let Poll::Ready(Some(ended)) = self.under_way.poll_next_unpin(cx) {
            self.ended.push_back(ended);
        }
    }
}

impl Embedded {
    /// Takes the right to write to `run`. It is renewed by taking it again.
    pub(super) async fn lease(&self, run: &RunId) -> Result<Lease> {
        self.acquire(run.as_str()).await?.ok_or_else(|| {
            let error = Error::new(ErrorKind::Conflict, "drive a run").on(run);
            error.because("another engine drives it").advise("stop that one, or wait until its lease has expired")
        })
    }

    /// Drives a run to its end, under a lease of it; where the engine drains, as far as it has come.
    pub(super) async fn drive_under(&self, machine: &Arc<dyn Hosted>, run: &RunId, lease: Lease) -> Result<Run> {
        let mut begun = BTreeSet::new();
        let driven = self.drive_on(machine, run, lease, &mut begun).await;
        if let Err(error) = &driven {
            machine.stopped(run, error);
            if error.kind() == ErrorKind::Conflict && !begun.is_empty() {
                self.late(machine, run, &begun).await;
            }
        }
        driven
    }

    /// Another host has taken the run over while this one was doing something of it, and may have come to the end of that without it.
    async fn late(&self, machine: &Arc<dyn Hosted>, run: &RunId, begun: &BTreeSet<OpId>) {
        // What was on its way when it was let go of arrives first.
        self.clock.sleep(LEASE / 10).await;
        let (Ok(entries), Ok(Some(stored))) = (self.entries(run, Seq(0), usize::MAX).await, self.load(run).await) else { return };
        let is_over = |op: &OpId| begun.contains(op) && stored.open.iter().all(|open| open.op != *op);
        let over: Vec<_> = entries.into_iter().flat_map(|entry| entry.opens).filter(|it| is_over(&it.op)).collect();
        for OpenOp { op, command } in over {
            if let Err(error) = machine.late(&operation(run, op).part("late"), &command, &stored).await {
                tracing::warn!(run = %run, op = op.0, error = %error, "what was done too late may be left there");
            }
        }
    }

    /// What it has begun and not seen the end of is in `begun`.
    async fn drive_on(
        &self,
        machine: &Arc<dyn Hosted>,
        run: &RunId,
        mut lease: Lease,
        begun: &mut BTreeSet<OpId>,
    ) -> Result<Run> {
        let bell = self.bells.of(run);
        let mut active = self.active(machine, run).await?;
        let (mut tries, mut listens, mut listened) = (Tries::default(), true, self.clock.now());
        loop {
            // Another process may have told it something, and what it said of that may be lost.
            if listens || bell.has_rung() || self.clock.now() >= listened + LEASE / 3 {
                tries.beside(self.hear(&mut lease, &mut active)).await?;
                (listens, listened) = (false, self.clock.now());
            }
            if active.shell.has_ended() {
                break;
            }
            let drains = self.drains();
            if drains {
                active.let_go();
            }
            self.attend(machine, &mut active, &tries, begun)?;
            if drains && !active.is_at_work() {
                break;
            }
            if active.doing.is_empty() {
                let error = Error::new(ErrorKind::Unexpected, "drive a run").on(run);
                return Err(error.because("it has nothing left to do and has not ended"));
            }
            // The right to drive is kept up while everybody waits: no other engine performs the same operations.
            let (came, renews) = match select(pin!(tries.next()), select(self.clock.sleep(LEASE / 3), pin!(bell.rung()))).await {
                Either::Left((came, _)) => (Some(came), false),
                Either::Right((Either::Left(_), _)) => (None, true),
                Either::Right((Either::Right(_), _)) => (None, false),
            };
            if renews {
                lease = tries.beside(self.lease(run)).await?;
            }
            let Some((op, attempt, came)) = came else {
                listens = true;
                continue;
            };
            let Some(doing) = active.doing.get_mut(&op).filter(|doing| doing.is(attempt)) else { continue };
            match came {
                Came::Nothing => {}
                Came::Held(held) => {
                    held?;
                    *doing = Doing::Held;
                }
                Came::Outcome(outcome) => {
                    let event = Event::Done { op, outcome: outcome? };
                    tries.beside(self.renew(&mut lease, run)).await?;
                    tries.beside(self.append(&lease, &mut active, self.clock.now(), event)).await?;
                    active.doing.remove(&op);
                    begun.remove(&op);
                }
            }
        }
        self.release(&lease).await?;
        active.shell.stored()
    }

    /// Where it does not last much longer.
    async fn renew(&self, lease: &mut Lease, run: &RunId) -> Result<()> {
        if self.clock.now() + LEASE / 3 > lease.expires_at {
            *lease = self.lease(run).await?;
        }
        Ok(())
    }

    /// Takes up what the run was told and has not heard.
    async fn hear(&self, lease: &mut Lease, active: &mut Active) -> Result<()> {
        const PAGE: usize = 64;
        let run = active.id.clone();
        while !active.shell.has_ended() {
            let told = self.told(&run, active.shell.heard(), PAGE).await?;
            if told.is_empty() {
                return Ok(());
            }
            for Signal { number, told, .. } in told {
                if active.shell.has_ended() {
                    break;
                }
                self.renew(lease, &run).await?;
                self.append(lease, active, self.clock.now(), Event::Heard { number, told }).await?;
            }
        }
        Ok(())
    }

    /// Sees to each open operation: begins what may go on, holds what may not, and gives up what nobody waits for any more.
    fn attend(
        &self,
        machine: &Arc<dyn Hosted>,
        active: &mut Active,
        tries: &Tries,
        performed: &mut BTreeSet<OpId>,
    ) -> Result<()> {
        let Active { id, shell, doing: all } = active;
        for (op, course) in shell.courses() {
            let doing = all.entry(op).or_default();
            match (course, &*doing) {
                (_, Doing::Dropping { .. })
                | (Course::Perform, Doing::Performing { .. })
                | (Course::Hold, Doing::Holding { .. } | Doing::Held) => continue,
                (Course::Perform, _) if self.drains() => continue,
                _ => doing.abort(),
            }
            let (attempt, machine, command) =
                (self.attempts.fetch_add(1, Ordering::Relaxed), Arc::clone(machine), shell.command(op)?);
            let (perform, hold) = (operation(id, op), operation(id, op).part("hold"));
            let (future, begun) = match course {
                Course::Drop => {
                    let dropped = shell.dropped()?;
                    let dropping = async move { Came::Outcome(machine.hold(&hold, &command).await.map(|()| dropped)) };
                    (async move { (op, attempt, dropping.await) }.boxed(), Doing::Dropping { attempt })
                }
                Course::Perform => {
                    machine.began(id, op, &command);
                    performed.insert(op);
                    let performing = async move { Came::Outcome(machine.perform(&perform, &command).await) };
                    let (future, abort) = try_it(op, attempt, performing);
                    (future, Doing::Performing { attempt, abort })
                }
                Course::Hold => {
                    let holding = async move { Came::Held(machine.hold(&hold, &command).await) };
                    let (future, abort) = try_it(op, attempt, holding);
                    (future, Doing::Holding { attempt, abort })
                }
            };
            *doing = begun;
            tries.under_way.push(future);
        }
        Ok(())
    }

    async fn active(&self, machine: &Arc<dyn Hosted>, run: &RunId) -> Result<Active> {
        let stored = self.load(run).await?.ok_or_else(|| Error::new(ErrorKind::NotFound, "load a run").on(run))?;
        let cx = context(run.as_str(), "load");
        let last_op = with_retry(&*self.clock, || Box::pin(self.last_op(&cx, run, stored.seq))).await?;
        let doing = stored.open.iter().map(|open| (open.op, Doing::Nothing)).collect::<BTreeMap<_, _>>();
        Ok(Active { id: run.clone(), shell: machine.resume(&stored, last_op)?, doing })
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

    /// Journals what happened and what follows from it, and takes that up.
    async fn append(&self, lease: &Lease, active: &mut Active, at: UnixMillis, event: AnyEvent) -> Result<()> {
        let (expected, transition) = (active.shell.seq(), active.shell.make(at, &event)?);
        let cx = context(active.id.as_str(), "append");
        with_retry(&*self.clock, || self.journal.append(&cx, lease, &active.id, expected, &transition)).await?;
        active.shell.take(true);
        active.doing.extend(transition.opens.iter().map(|open| (open.op, Doing::Nothing)));
        Ok(())
    }
}

/// What an operation is performed under: always the same key.
fn operation(run: &RunId, op: OpId) -> OpContext {
    OpContext::new(operation_key(run, op))
}

/// A try that can be given up.
fn try_it(op: OpId, attempt: u64, trying: impl Future<Output = Came> + Send + 'static) -> (Trying, AbortHandle) {
    let (abort, registration) = AbortHandle::new_pair();
    let trying = Abortable::new(trying, registration);
    (async move { (op, attempt, trying.await.unwrap_or(Came::Nothing)) }.boxed(), abort)
}
