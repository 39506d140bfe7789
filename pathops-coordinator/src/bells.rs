//! Who waits in this process is told at once that there may be something to look at.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use futures_util::task::AtomicWaker;

/// Bells by what they ring for: a run that is being driven, a deployment that is waited for.
#[derive(Debug)]
pub(crate) struct Bells<K>(Arc<Mutex<BTreeMap<K, Arc<Bell>>>>);

impl<K> Default for Bells<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

#[derive(Debug, Default)]
struct Bell {
    has_rung: AtomicBool,
    waker: AtomicWaker,
}

/// A bell, for as long as somebody hears it.
#[derive(Debug)]
pub(crate) struct Heard<K: Ord> {
    bells: Bells<K>,
    what: K,
    bell: Arc<Bell>,
}

impl<K: Ord + Clone> Bells<K> {
    /// The bell for it. Of several who wait for the same, the last one hears it.
    pub(crate) fn of(&self, what: &K) -> Heard<K> {
        let bell = Arc::new(Bell::default());
        self.all().insert(what.clone(), bell.clone());
        Heard { bells: Self(self.0.clone()), what: what.clone(), bell }
    }
}

impl<K: Ord> Bells<K> {
    /// Whether somebody hears it. Nothing happens where nobody waits: whoever does next looks by themselves.
    pub(crate) fn ring(&self, what: &K) -> bool {
        let all = self.all();
        let Some(bell) = all.get(what) else { return false };
        bell.has_rung.store(true, Ordering::Release);
        bell.waker.wake();
        true
    }

    /// Everybody looks.
    pub(crate) fn ring_all(&self) {
        for bell in self.all().values() {
            bell.has_rung.store(true, Ordering::Release);
            bell.waker.wake();
        }
    }

    fn all(&self) -> std::sync::MutexGuard<'_, BTreeMap<K, Arc<Bell>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Ord> Heard<K> {
    /// Whether it has rung since this was asked last.
    pub(crate) fn has_rung(&self) -> bool {
        self.bell.has_rung.swap(false, Ordering::AcqRel)
    }

    /// Until it rings.
    pub(crate) async fn rung(&self) {
        poll_fn(|cx| {
            self.bell.waker.register(cx.waker());
            if self.has_rung() { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

impl<K: Ord> Drop for Heard<K> {
    fn drop(&mut self) {
        let mut all = self.bells.all();
        // Somebody else may wait by now.
        if all.get(&self.what).is_some_and(|bell| Arc::ptr_eq(bell, &self.bell)) {
            all.remove(&self.what);
        }
    }
}
