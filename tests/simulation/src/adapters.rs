//! The adapters of the simulated host, but for its runtime signals, seen through the [`Lens`]. This is also where bugs are planted: each wrapper does
//! what its trait asks for, unless the one bug of the run is its own.

mod forge;
mod others;
mod store;
mod webhooks;

use std::sync::Arc;

use crate::lens::Lens;

pub(crate) use others::WatchedClock;
pub(crate) use webhooks::Sender;

/// An adapter, with the lens in front of it.
#[derive(Debug)]
pub(crate) struct Watched<T: ?Sized> {
    inner: Arc<T>,
    lens: Arc<Lens>,
}

impl<T: ?Sized> Watched<T> {
    pub(crate) fn new(inner: Arc<T>, lens: &Arc<Lens>) -> Arc<Self> {
        Arc::new(Self { inner, lens: lens.clone() })
    }
}
