//! Tells those who wait for deliveries, in this process, that there are some.

use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

#[derive(Debug, Default)]
pub(super) struct Bell(Mutex<Rung>);

#[derive(Debug, Default)]
struct Rung {
    times: u64,
    waiting: Vec<Waker>,
}

impl Bell {
    fn rung(&self) -> MutexGuard<'_, Rung> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often it has rung.
    pub(super) fn times(&self) -> u64 {
        self.rung().times
    }

    pub(super) fn ring(&self) {
        let waiting = {
            let mut rung = self.rung();
            rung.times += 1;
            std::mem::take(&mut rung.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Ends once it has rung more often than `times`.
    pub(super) async fn after(&self, times: u64) {
        poll_fn(|cx| {
            let mut rung = self.rung();
            if rung.times > times {
                return Poll::Ready(());
            }
            if !rung.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                rung.waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}
