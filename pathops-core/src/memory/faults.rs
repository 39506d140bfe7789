//! Seeded faults: a wrapper around any adapter that refuses, fails, waits, repeats or loses the answer.
//!
//! [`Faults`] decides which calls are hit, by their number, so a run can be repeated from its seed; one value can stand
//! behind the wrappers of many adapters. [`Faulty`] wraps one adapter and implements the same trait.

use std::future::Future;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::adapter::Clock;
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::id::RepoId;

mod git;
mod others;

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is refused for good, as `Denied`, and nothing happens.
    Refuse,
    /// It fails for now, as `Unavailable`, and nothing happens.
    Flaky,
    /// It starts only after this time has passed on the clock.
    Slow(Duration),
    /// A write is made twice; the second answer is given. Reads are spared.
    Twice,
    /// It never arrives, and ends in `Timeout`: a write's effect is unknown, though there is none.
    LoseRequest,
    /// It is made, but ends in `Timeout`: a write's effect is unknown, though it is there.
    LoseAnswer,
}

/// Which calls are hit. Calls are counted from 1, over everything that shares the [`Faults`].
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// Every one.
    Always,
    /// The one with this number.
    Call(u64),
    /// The write with this number among the writes.
    Write(u64),
    /// So many of a thousand, chosen by the seed.
    PerMille(u16),
    /// Those about a repository of which this is true.
    Repo(fn(&RepoId) -> bool),
}

/// A call that was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Its number among all calls.
    pub call: u64,
    /// What it was to do, as a phrase that completes "failed to …".
    pub operation: &'static str,
    /// What went wrong.
    pub fault: Fault,
}

/// The plan of what goes wrong, and the record of what did.
#[derive(Debug)]
pub struct Faults {
    seed: u64,
    clock: Arc<dyn Clock>,
    rules: Vec<(Fault, When)>,
    stopped: AtomicBool,
    calls: AtomicU64,
    writes: AtomicU64,
    hits: Mutex<Vec<Hit>>,
}

impl Faults {
    /// No faults yet. The same seed and the same calls give the same faults; `clock` is what slow calls wait on.
    #[must_use]
    pub fn new(seed: u64, clock: Arc<dyn Clock>) -> Self {
        Self {
            seed,
            clock,
            rules: Vec::new(),
            stopped: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            hits: Mutex::default(),
        }
    }

    /// Adds a fault. Of several that hit one call, the one added first counts.
    #[must_use]
    pub fn with(mut self, fault: Fault, when: When) -> Self {
        self.rules.push((fault, when));
        self
    }

    /// From now on nothing goes wrong; calls are still counted.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// From now on things go wrong again.
    pub fn go_on(&self) {
        self.stopped.store(false, Ordering::Relaxed);
    }

    /// How many calls were made.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// How many of them were writes. A walk over [`When::Write`] is complete once it is past this number.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// The calls that were hit, in their order.
    #[must_use]
    pub fn hits(&self) -> Vec<Hit> {
        self.hits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Counts the call and says what goes wrong with it.
    fn strike(&self, call: &Call<'_>) -> Option<Fault> {
        let number = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        let write = call.write.then(|| self.writes.fetch_add(1, Ordering::Relaxed) + 1);
        if self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let hit = |(place, (fault, when)): (u64, &(Fault, When))| {
            let spared = *fault == Fault::Twice && !call.write;
            let hit = match when {
                When::Always => true,
                When::Call(n) => *n == number,
                When::Write(n) => Some(*n) == write,
                When::PerMille(share) => mix(self.seed ^ mix(number ^ mix(place))) % 1000 < u64::from(*share),
                When::Repo(meant) => call.repo.is_some_and(meant),
            };
            (hit && !spared).then_some(*fault)
        };
        let fault = (0..).zip(&self.rules).find_map(hit)?;
        let hit = Hit { call: number, operation: call.operation, fault };
        self.hits.lock().unwrap_or_else(PoisonError::into_inner).push(hit);
        Some(fault)
    }
}

/// One step of SplitMix64: a small generator that is the same everywhere.
fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A call that is about to be made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    operation: &'static str,
    write: bool,
    repo: Option<&'a RepoId>,
}

impl<'a> Call<'a> {
    /// A call that changes nothing; `operation` completes "failed to …".
    pub(crate) fn read(operation: &'static str) -> Self {
        Self { operation, write: false, repo: None }
    }

    /// A call that changes something.
    pub(crate) fn write(operation: &'static str) -> Self {
        Self { operation, write: true, repo: None }
    }

    /// The repository that it is about.
    pub(crate) fn on(self, repo: &'a RepoId) -> Self {
        Self { repo: Some(repo), ..self }
    }

    fn error(&self, kind: ErrorKind, reason: &str) -> Error {
        let error = Error::new(kind, self.operation).because(reason);
        let error = if self.write { error } else { error.with_effect(Effect::None) };
        match self.repo {
            Some(repo) => error.on(repo),
            None => error,
        }
    }
}

/// An adapter with faults. It implements the trait of what it wraps.
#[derive(Debug)]
pub struct Faulty<T: ?Sized> {
    pub(crate) inner: Arc<T>,
    faults: Arc<Faults>,
}

impl<T: ?Sized + Send + Sync> Faulty<T> {
    /// `inner`, with `faults` between it and its callers.
    #[must_use]
    pub fn new(inner: Arc<T>, faults: Arc<Faults>) -> Self {
        Self { inner, faults }
    }

    /// Makes the call through the faults: not at all, once or twice.
    pub(crate) async fn through<R, F>(&self, call: Call<'_>, make: impl Fn() -> F + Send) -> Result<R>
    where
        R: Send,
        F: Future<Output = Result<R>> + Send,
    {
        match self.faults.strike(&call) {
            None => make().await,
            Some(Fault::Refuse) => Err(call.error(ErrorKind::Denied, "a planned fault refuses it")),
            Some(Fault::Flaky) => Err(call.error(ErrorKind::Unavailable, "a planned fault keeps it from getting through")),
            Some(Fault::Slow(wait)) => {
                self.faults.clock.sleep(wait).await;
                make().await
            }
            Some(Fault::Twice) => {
                let _first = make().await;
                make().await
            }
            Some(Fault::LoseRequest) => Err(call.error(ErrorKind::Timeout, "a planned fault lost the request")),
            Some(Fault::LoseAnswer) => {
                let _lost = make().await;
                Err(call.error(ErrorKind::Timeout, "a planned fault lost the answer"))
            }
        }
    }
}

#[cfg(test)]
mod tests;
