//! Those who wait for something to claim.

use std::task::{Context, Poll, Waker};

/// How often something has happened, and who is told when it happens again.
#[derive(Default)]
pub(super) struct Wakes {
    pub(super) count: u64,
    waiting: Vec<Waker>,
}

impl Wakes {
    pub(super) fn wake(&mut self) {
        self.count += 1;
        self.waiting.drain(..).for_each(Waker::wake);
    }

    /// Ready where more has happened than `seen`.
    pub(super) fn poll(&mut self, seen: u64, cx: &Context<'_>) -> Poll<()> {
        if self.count > seen {
            return Poll::Ready(());
        }
        if !self.waiting.iter().any(|waiting| waiting.will_wake(cx.waker())) {
            self.waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}
