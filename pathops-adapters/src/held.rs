//! The one event that a subscriber of a broker holds, and calls that end in time.

use std::time::Duration;

use pathops_core::adapter::Event;
use pathops_core::{Effect, Error, ErrorKind, EventId, OpContext, Result};
use tokio::time::Instant;

/// The event that a subscriber was given last, with what the broker knows it by.
#[derive(Debug)]
pub(crate) struct Held<M> {
    given: Option<Given<M>>,
    ack_within: Duration,
}

#[derive(Debug)]
struct Given<M> {
    event: Event,
    message: M,
    until: Instant,
    acknowledged: bool,
}

impl<M> Held<M> {
    pub(crate) fn new(ack_within: Duration) -> Self {
        Self { given: None, ack_within }
    }

    /// Holds an event from now on.
    pub(crate) fn hold(&mut self, event: Event, message: M) -> Event {
        self.given = Some(Given { event: event.clone(), message, until: now() + self.ack_within, acknowledged: false });
        event
    }

    /// What is held still, for as long again. What was not acknowledged in time is somebody else's.
    pub(crate) fn again(&mut self) -> Option<(&Event, &M)> {
        let given = self.given.as_mut().filter(|it| !it.acknowledged && it.until > now())?;
        given.until = now() + self.ack_within;
        Some((&given.event, &given.message))
    }

    /// What is to be acknowledged, or nothing where it was.
    pub(crate) fn to_ack(&self, id: &EventId) -> Result<Option<&M>> {
        match self.given.as_ref().filter(|it| it.event.id() == id) {
            Some(given) => Ok((!given.acknowledged).then_some(&given.message)),
            None => Err(not_held("acknowledge an event", id)),
        }
    }

    pub(crate) fn acknowledged(&mut self) {
        if let Some(given) = &mut self.given {
            given.acknowledged = true;
        }
    }

    /// What is to be given back.
    pub(crate) fn to_nack(&self, id: &EventId) -> Result<&M> {
        let given = self.given.as_ref().filter(|it| it.event.id() == id && !it.acknowledged);
        given.map(|it| &it.message).ok_or_else(|| not_held("give back an event", id))
    }

    /// Holds nothing any more.
    pub(crate) fn clear(&mut self) {
        self.given = None;
    }
}

#[expect(clippy::disallowed_methods, reason = "it measures how long a broker waits, which knows no virtual time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// An event that this subscriber does not hold.
pub(crate) fn not_held(operation: &'static str, id: &EventId) -> Error {
    let reason = "it is not held, or was not acknowledged in time and went to another subscriber";
    Error::new(ErrorKind::Conflict, operation).on(id).because(reason)
}

/// A call in the time that the caller gives. `effect` is what it may have had when the time was over.
#[expect(clippy::disallowed_methods, reason = "it waits for a server, which knows no virtual time")]
pub(crate) async fn in_time<T>(
    cx: &OpContext,
    operation: &'static str,
    effect: Effect,
    working: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(timeout) = cx.timeout() else { return working.await };
    let late = || Error::new(ErrorKind::Timeout, operation).because("it was not done in time").with_effect(effect);
    tokio::time::timeout(timeout, working).await.unwrap_or_else(|_| Err(late()))
}
