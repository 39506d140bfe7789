//! Equal reads at the same time are one call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};

use super::{Answer, Trouble};

pub(super) type Landed = Result<Arc<Answer>, Trouble>;
type Flight = Shared<BoxFuture<'static, Landed>>;
/// What is read, and how many writes there had been.
type Place = (String, u64);

/// Reads that are on their way. Whoever waits for one keeps it going; nobody else does.
#[derive(Debug, Default)]
pub(super) struct Flights(Mutex<HashMap<Place, WeakShared<BoxFuture<'static, Landed>>>>);

impl Flights {
    /// The read that is on its way there already, or a new one; and which of the two.
    pub(super) fn board(&self, place: Place, start: impl FnOnce() -> BoxFuture<'static, Landed>) -> (Flight, bool) {
        let mut flights = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let under_way = flights.get(&place).and_then(WeakShared::upgrade).filter(|flight| flight.peek().is_none());
        if let Some(flight) = under_way {
            return (flight, true);
        }
        let flight = start().shared();
        flights.retain(|_, flight| flight.upgrade().is_some());
        if let Some(weak) = flight.downgrade() {
            flights.insert(place, weak);
        }
        (flight, false)
    }
}
