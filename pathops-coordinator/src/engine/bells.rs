//! Who drives a run in this process is told at once that it was told something.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use futures_util::task::AtomicWaker;
use pathops_core::RunId;

/// The bells of the runs that are being driven.
#[derive(Clone, Debug, Default)]
pub(super) struct Bells(Arc<Mutex<BTreeMap<RunId, Arc<Bell>>>>);

#[derive(Debug, Default)]
struct Bell {
    has_rung: AtomicBool,
    waker: AtomicWaker,
}

/// The bell of a run, for as long as somebody hears it.
#[derive(Debug)]
pub(super) struct Heard {
    bells: Bells,
    run: RunId,
    bell: Arc<Bell>,
}

impl Bells {
    pub(super) fn of(&self, run: &RunId) -> Heard {
        let bell = Arc::new(Bell::default());
        self.all().insert(run.clone(), bell.clone());
        Heard { bells: Self(self.0.clone()), run: run.clone(), bell }
    }

    /// Nothing happens where nobody drives the run: whoever does next looks by themselves.
    pub(super) fn ring(&self, run: &RunId) {
        if let Some(bell) = self.all().get(run) {
            bell.has_rung.store(true, Ordering::Release);
            bell.waker.wake();
        }
    }

    /// Everybody who drives a run looks.
    pub(super) fn ring_all(&self) {
        for bell in self.all().values() {
            bell.has_rung.store(true, Ordering::Release);
            bell.waker.wake();
        }
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<RunId, Arc<Bell>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    /// Whether it has rung since this was asked last.
    pub(super) fn has_rung(&self) -> bool {
        self.bell.has_rung.swap(false, Ordering::AcqRel)
    }

    /// Until it rings.
    pub(super) async fn rung(&self) {
        poll_fn(|cx| {
            self.bell.waker.register(cx.waker());
            if self.has_rung() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        let mut all = self.bells.all();
        // Somebody else may drive the run by now.
        if all.get(&self.run).is_some_and(|bell| Arc::ptr_eq(bell, &self.bell)) {
            all.remove(&self.run);
        }
    }
}
