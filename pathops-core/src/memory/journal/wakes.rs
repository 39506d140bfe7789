//! Those who wait for something to claim, or for what runs are told.

use std::collections::BTreeMap;
use std::task::{Context, Poll, Waker};

use crate::id::RunId;

/// How many of the runs that were told something are remembered: who waits longer looks by themselves.
const REMEMBERED: u64 = 1_024;

/// How often something has happened, and who is told when it happens again.
#[derive(Default)]
pub(super) struct Wakes {
    pub(super) count: u64,
    told: BTreeMap<u64, RunId>,
    waiting: Vec<Waker>,
}

impl Wakes {
    pub(super) fn wake(&mut self) {
        self.count += 1;
        self.told.remove(&self.count.saturating_sub(REMEMBERED));
        self.waiting.drain(..).for_each(Waker::wake);
    }

    /// Something has happened to this run.
    pub(super) fn wake_for(&mut self, run: &RunId) {
        self.told.insert(self.count + 1, run.clone());
        self.wake();
    }

    /// Ready where more has happened than `seen`, with the run that it has happened to, where it is one.
    pub(super) fn poll(&mut self, seen: u64, cx: &Context<'_>) -> Poll<Option<RunId>> {
        if self.count > seen {
            return Poll::Ready(self.told.get(&(seen + 1)).cloned());
        }
        if !self.waiting.iter().any(|waiting| waiting.will_wake(cx.waker())) {
            self.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
