use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use crate::adapter::{
    Created, Entry, Journal, JournalCapabilities, Lease, Run, RunFilter, Seq, Signal, SignalNumber, Transition,
};
use crate::error::{Error, ErrorKind, Result};
use crate::id::RunId;
use crate::op::{IdempotencyKey, OpContext};
use crate::time::UnixMillis;

mod lease;
mod record;
mod wakes;

use lease::Leases;
use record::Record;
use wakes::Wakes;

/// A write that a [`MemoryJournal`] is about to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalWrite {
    /// How many writes were tried before it, over all clones. Taking and giving back a lease are writes too.
    pub ordinal: u64,
}

/// What happens to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// It is made.
    Proceed,
    /// It is not made, and ends in `Unavailable`.
    FailBefore,
    /// It is made, and its answer is lost: it ends in `Timeout`, with an unknown effect.
    FailAfter,
}

type Hook = Arc<dyn Fn(JournalWrite) -> Interrupt + Send + Sync>;

/// A journal in memory. Clones share what is in it, so an engine that is "restarted" with a clone finds its runs.
#[derive(Clone, Default)]
pub struct MemoryJournal {
    interrupt: Option<Hook>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    writes: u64,
    leases: Leases,
    runs: BTreeMap<RunId, Record>,
    told: BTreeMap<RunId, Vec<Told>>,
    wakes: Wakes,
}

/// A signal, and the key that it was told under.
struct Told {
    key: IdempotencyKey,
    signal: Signal,
}

impl State {
    /// The open runs of `machine`.
    fn of(&self, machine: &str) -> impl Iterator<Item = &RunId> {
        self.runs.iter().filter(move |(_, record)| record.is_open(machine)).map(|(run, _)| run)
    }

    /// Those that nobody holds, at most `limit`.
    fn free(&self, machine: &str, now: UnixMillis, limit: usize) -> Vec<RunId> {
        self.of(machine).filter(|run| self.leases.is_free(run.as_str(), now)).take(limit).cloned().collect()
    }
}

impl MemoryJournal {
    /// An empty journal.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty journal that asks `hook` before each write: how a crash is planned at any one of them.
    #[must_use]
    pub fn with_interrupt(hook: Arc<dyn Fn(JournalWrite) -> Interrupt + Send + Sync>) -> Self {
        Self { interrupt: Some(hook), state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a write, or what the hook makes of it.
    fn write<R>(&self, operation: &'static str, make: impl FnOnce(&mut State) -> Result<R>) -> Result<R> {
        let ordinal = {
            let mut state = self.state();
            state.writes += 1;
            state.writes - 1
        };
        let interrupt = self.interrupt.as_ref().map_or(Interrupt::Proceed, |hook| hook(JournalWrite { ordinal }));
        let interrupted = |kind, reason| Error::new(kind, operation).on(format!("journal write {ordinal}")).because(reason);
        match interrupt {
            Interrupt::Proceed => make(&mut self.state()),
            Interrupt::FailBefore => Err(interrupted(ErrorKind::Unavailable, "it was interrupted before it was made")),
            Interrupt::FailAfter => {
                let _lost = make(&mut self.state());
                Err(interrupted(ErrorKind::Timeout, "its answer was lost"))
            }
        }
    }
}

impl fmt::Debug for MemoryJournal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("MemoryJournal").field("runs", &state.runs.len()).field("writes", &state.writes).finish_non_exhaustive()
    }
}

#[async_trait]
impl Journal for MemoryJournal {
    fn name(&self) -> &'static str {
        "memory-journal"
    }

    fn capabilities(&self) -> JournalCapabilities {
        JournalCapabilities { wakes: true, ..JournalCapabilities::default() }
    }

    async fn acquire(&self, _: &OpContext, name: &str, owner: &str, now: UnixMillis, ttl: Duration) -> Result<Option<Lease>> {
        self.write("take a lease", |state| Ok(state.leases.acquire(name, owner, now, ttl)))
    }

    async fn release(&self, _: &OpContext, lease: &Lease) -> Result<()> {
        self.write("give a lease back", |state| {
            state.leases.release(lease);
            state.wakes.wake();
            Ok(())
        })
    }

    async fn claim(
        &self,
        _: &OpContext,
        machine: &str,
        owner: &str,
        now: UnixMillis,
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>> {
        // Looking is no write, as it is none in a database.
        if self.state().free(machine, now, limit).is_empty() {
            return Ok(Vec::new());
        }
        self.write("claim runs", |state| {
            let free = state.free(machine, now, limit);
            Ok(free.iter().filter_map(|run| state.leases.acquire(run.as_str(), owner, now, ttl)).collect())
        })
    }

    async fn surrender(&self, _: &OpContext, machine: &str, owner: &str) -> Result<()> {
        self.write("surrender runs", |state| {
            let runs: Vec<RunId> = state.of(machine).cloned().collect();
            runs.iter().for_each(|run| state.leases.surrender(run.as_str(), owner));
            state.wakes.wake();
            Ok(())
        })
    }

    async fn woken(&self) -> Option<RunId> {
        let seen = self.state().wakes.count;
        poll_fn(|cx| self.state().wakes.poll(seen, cx)).await
    }

    async fn tell(&self, cx: &OpContext, run: &RunId, at: UnixMillis, told: &Value) -> Result<SignalNumber> {
        self.write("tell a run", |state| {
            let refused = |kind, why| Err(Error::new(kind, "tell a run").on(run).because(why));
            let signals = state.told.entry(run.clone()).or_default();
            match signals.iter().find(|it| it.key == *cx.key()) {
                Some(known) if known.signal.told == *told => return Ok(known.signal.number),
                Some(_) => return refused(ErrorKind::AlreadyExists, "it was told something else under that key"),
                None => {}
            }
            if state.runs.get(run).is_some_and(Record::ended) {
                return refused(ErrorKind::Invalid, "the run has ended");
            }
            let number = SignalNumber(u64::try_from(signals.len()).unwrap_or(u64::MAX) + 1);
            signals.push(Told { key: cx.key().clone(), signal: Signal { number, at, told: told.clone() } });
            state.wakes.wake_for(run);
            Ok(number)
        })
    }

    async fn told(&self, _: &OpContext, run: &RunId, after: SignalNumber, limit: usize) -> Result<Vec<Signal>> {
        let state = self.state();
        let signals = state.told.get(run).into_iter().flatten().map(|it| &it.signal);
        Ok(signals.filter(|signal| signal.number > after).take(limit).cloned().collect())
    }

    async fn create(&self, _: &OpContext, lease: &Lease, run: &RunId, machine: &str, first: &Transition) -> Result<Created> {
        self.write("create a run", |state| {
            state.leases.check(lease, "create a run", run)?;
            match state.runs.get(run) {
                Some(record) if record.began_with(machine, first) => Ok(Created::Existing),
                Some(_) => Err(Error::new(ErrorKind::AlreadyExists, "create a run")
                    .on(run)
                    .because("a run of that name began with another machine or event")),
                None => {
                    state.runs.insert(run.clone(), Record::begin(run, machine, first)?);
                    state.wakes.wake();
                    Ok(Created::New)
                }
            }
        })
    }

    async fn append(&self, _: &OpContext, lease: &Lease, run: &RunId, expected: Seq, transition: &Transition) -> Result<Seq> {
        self.write("add a transition", |state| {
            state.leases.check(lease, "add a transition", run)?;
            let told = state.told.get(run).map_or(0, Vec::len);
            let record = state.runs.get_mut(run).ok_or_else(|| unknown(run, "add a transition"))?;
            record.append(run, expected, transition, SignalNumber(u64::try_from(told).unwrap_or(u64::MAX)))
        })
    }

    async fn load(&self, _: &OpContext, run: &RunId) -> Result<Option<Run>> {
        Ok(self.state().runs.get(run).and_then(|record| record.load(run)))
    }

    async fn runs<'a>(&self, _: &OpContext, filter: &RunFilter, after: Option<&'a RunId>, limit: usize) -> Result<Vec<RunId>> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let state = self.state();
        let runs = state.runs.range::<RunId, _>((from, Bound::Unbounded));
        Ok(runs.filter(|(_, record)| record.is_in(filter)).map(|(run, _)| run.clone()).take(limit).collect())
    }

    async fn entries(&self, _: &OpContext, run: &RunId, after: Seq, limit: usize) -> Result<Vec<Entry>> {
        let state = self.state();
        let record = state.runs.get(run).ok_or_else(|| unknown(run, "read a run's entries"))?;
        Ok(record.entries(after, limit))
    }

    async fn archive(&self, _: &OpContext, ended_before: UnixMillis, limit: usize) -> Result<Vec<RunId>> {
        self.write("archive runs", |state| {
            let moved = state.runs.iter_mut().filter_map(|(run, record)| record.archive(ended_before).then(|| run.clone()));
            Ok(moved.take(limit).collect())
        })
    }
}

fn unknown(run: &RunId, operation: &'static str) -> Error {
    Error::new(ErrorKind::NotFound, operation).on(run).because("there is no such run")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::error::Effect;

    /// Creates a run as the second write, after taking a lease, with `interrupt` planned for it.
    async fn created(interrupt: Interrupt) -> (Result<Created>, Option<Run>, u64) {
        let (cx, run) = (OpContext::new(IdempotencyKey::new("test")), RunId::parse("run-1").unwrap());
        let last = Arc::new(AtomicU64::new(0));
        let seen = last.clone();
        let journal = MemoryJournal::with_interrupt(Arc::new(move |write| {
            seen.store(write.ordinal, Ordering::Relaxed);
            if write.ordinal == 1 { interrupt } else { Interrupt::Proceed }
        }));
        let lease = journal.acquire(&cx, "engine", "one", UnixMillis(0), Duration::from_secs(1)).await.unwrap().unwrap();
        let first = Transition {
            format: 1,
            at: UnixMillis(0),
            event: Value::Null,
            state: Value::Null,
            closes: None,
            hears: None,
            opens: Vec::new(),
            ends: false,
        };
        let answer = journal.clone().create(&cx, &lease, &run, "machine", &first).await;
        (answer, journal.load(&cx, &run).await.unwrap(), last.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn a_write_is_made_or_interrupted_as_planned() {
        let (answer, run, ordinal) = created(Interrupt::Proceed).await;
        assert_eq!((answer.unwrap(), run.is_some(), ordinal), (Created::New, true, 1));

        let (answer, run, _) = created(Interrupt::FailBefore).await;
        assert_eq!((answer.unwrap_err().effect(), run), (Effect::None, None));

        let (answer, run, _) = created(Interrupt::FailAfter).await;
        assert_eq!((answer.unwrap_err().effect(), run.is_some()), (Effect::Unknown, true));
    }
}
