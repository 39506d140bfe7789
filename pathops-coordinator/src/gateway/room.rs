//! How many bytes of bodies there may be at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
pub(super) struct Room {
    taken: Arc<AtomicUsize>,
    limit: usize,
}

/// A part of the room, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    taken: Arc<AtomicUsize>,
    limit: usize,
    bytes: usize,
}

impl Room {
    pub(super) fn new(limit: usize) -> Self {
        Self { taken: Arc::default(), limit }
    }

    /// A place for nothing yet.
    pub(super) fn place(&self) -> Place {
        Place { taken: self.taken.clone(), limit: self.limit, bytes: 0 }
    }
}

impl Place {
    /// Takes so many bytes more, where there is room for them.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let more = |taken: usize| taken.checked_add(bytes).filter(|sum| *sum <= self.limit);
        let grown = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok();
        if grown {
            self.bytes += bytes;
        }
        grown
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
