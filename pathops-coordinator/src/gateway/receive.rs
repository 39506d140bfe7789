//! From a request to an answer.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use pathops_core::adapter::{Admitted, Busy, Delivery, WebhookRequest};
use pathops_core::{Digest, Error, ErrorKind, Result, UnixMillis, WebhookSourceName};

use super::batch::Arrival;
use super::room::Place;
use super::{Answer, Gateway, Store};

impl Gateway {
    /// Checks a request, stores it, and says what to answer. `headers` are those of the request, each as often as it came.
    ///
    /// # Cancel safety
    /// Dropped, it may be stored or not; the sender, who got no answer, sends it again or is swept for.
    pub async fn receive(&self, source: &WebhookSourceName, headers: &[(&str, &[u8])], body: Vec<u8>) -> Answer {
        let mut place = self.room.place();
        let Some(law) = self.law(source) else { return Answer::NoSource };
        if !place.grow(body.len()) {
            return Answer::Busy(law.busy, full());
        }
        self.receive_at(source, headers, body, place, self.clock.now()).await
    }

    /// The same of a body for which there is room already, of a request that began `at` that instant.
    pub(super) async fn receive_at(
        &self,
        name: &WebhookSourceName,
        headers: &[(&str, &[u8])],
        body: Vec<u8>,
        _place: Place,
        at: UnixMillis,
    ) -> Answer {
        let Some(source) = self.sources.get(name) else { return Answer::NoSource };
        let law = source.law();
        let delivery = match source.receive(&WebhookRequest::new(headers, &body, at)) {
            Ok(delivery) => delivery,
            Err(rejection) => {
                tracing::warn!(source = %name, %rejection, "a webhook was refused");
                return Answer::Rejected(rejection);
            }
        };
        // What reading took is gone. A clock that was set back does not make the sender wait longer.
        let left = law.answer_within.saturating_sub(self.clock.now().since(at));
        match self.store_within(left * 4 / 5, delivery, body, at).await {
            Ok(admitted) => {
                self.bell.ring();
                Answer::Stored(admitted)
            }
            Err(error) => {
                tracing::error!(source = %name, %error, "a webhook could not be stored");
                Answer::Busy(after(law.busy, &error), error)
            }
        }
    }

    /// Stores it before the sender loses its patience, in the spool where it cannot be stored where it belongs.
    async fn store_within(&self, patience: Duration, delivery: Delivery, body: Vec<u8>, at: UnixMillis) -> Result<Admitted> {
        let Some(spool) = &self.spool else { return self.in_time(patience, self.store.keep(delivery, body, at)).await };
        // One half of the time is for each.
        let stored = self.in_time(patience / 2, self.store.keep(delivery.clone(), body.clone(), at)).await;
        match stored {
            Err(error) if error.kind() != ErrorKind::Invalid => {
                tracing::warn!(%error, "a webhook goes to the spool");
                self.in_time(patience / 2, spool.keep(delivery, body, at)).await
            }
            stored => stored,
        }
    }

    async fn in_time<T>(&self, patience: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
        match select(pin!(work), self.clock.sleep(patience)).await {
            Either::Left((done, _)) => done,
            Either::Right(_) => {
                let late = Error::new(ErrorKind::Timeout, "store a delivery");
                Err(late.because("it took longer than its sender waits"))
            }
        }
    }
}

impl Store {
    /// Stores body and delivery, in this order, so that what is in the inbox has a body. The name of a delivery is not signed by all
    /// senders: one that says something else under a name that is taken is another one.
    pub(super) async fn keep(&self, delivery: Delivery, body: Vec<u8>, received_at: UnixMillis) -> Result<Admitted> {
        match self.store(Arrival { delivery, body, received_at }).await? {
            (Admitted::Taken, mut beside) => {
                beside.delivery.key = beside.delivery.key.with_body(&Digest::of(&beside.body));
                self.store(beside).await.map(|(admitted, _)| admitted)
            }
            (admitted, _) => Ok(admitted),
        }
    }

    /// Stores what a sweep has found. What its sender had sent under that name is the same, though not in the same bytes.
    pub(super) async fn take(&self, delivery: Delivery, body: Vec<u8>, received_at: UnixMillis) -> Result<Admitted> {
        match self.store(Arrival { delivery, body, received_at }).await? {
            (Admitted::Taken, _) => Ok(Admitted::Known),
            (admitted, _) => Ok(admitted),
        }
    }

    async fn store(&self, arrival: Arrival) -> Result<(Admitted, Arrival)> {
        self.batch.store(&*self.blobs, &*self.inbox, arrival).await
    }
}

pub(super) fn full() -> Error {
    let full = Error::new(ErrorKind::Unavailable, "receive a webhook");
    full.because("bodies that are on their way take up all the room there is").advise("allow for more `bytes_in_flight`")
}

/// A store that says when to come again is heeded.
fn after(busy: Busy, error: &Error) -> Busy {
    match error.retry() {
        pathops_core::Retry::After(wait) if busy.retry_after.is_some() => Busy { retry_after: Some(wait), ..busy },
        _ => busy,
    }
}
