//! The one event that a subscriber holds, and calls that end in time.

use std::time::Duration;

use async_nats::jetstream::Message;
use pathops_core::adapter::Event;
use pathops_core::{Effect, Error, ErrorKind, EventId, OpContext, Result};
use tokio::time::Instant;

/// The event that a subscriber was given last, with its message.
#[derive(Debug)]
pub(super) struct Held {
    given: Option<Given>,
    ack_within: Duration,
}

#[derive(Debug)]
struct Given {
    event: Event,
    message: Message,
    until: Instant,
    acknowledged: bool,
}

impl Held {
    pub(super) fn new(ack_within: Duration) -> Self {
        Self { given: None, ack_within }
    }

    /// Holds an event from now on.
    pub(super) fn hold(&mut self, event: Event, message: Message) -> Event {
        self.given = Some(Given { event: event.clone(), message, until: now() + self.ack_within, acknowledged: false });
        event
    }

    /// What is held still, for as long again. What was not acknowledged in time is somebody else's.
    pub(super) fn again(&mut self) -> Option<(&Event, &Message)> {
        let given = self.given.as_mut().filter(|it| !it.acknowledged && it.until > now())?;
        given.until = now() + self.ack_within;
        Some((&given.event, &given.message))
    }

    /// What is to be acknowledged, or nothing where it was.
    pub(super) fn to_ack(&self, id: &EventId) -> Result<Option<&Message>> {
        match self.given.as_ref().filter(|it| it.event.id() == id) {
            Some(given) => Ok((!given.acknowledged).then_some(&given.message)),
            None => Err(not_held("acknowledge an event", id)),
        }
    }

    pub(super) fn acknowledged(&mut self) {
        if let Some(given) = &mut self.given {
            given.acknowledged = true;
        }
    }

    /// What is to be given back.
    pub(super) fn to_nack(&self, id: &EventId) -> Result<&Message> {
        let given = self.given.as_ref().filter(|it| it.event.id() == id && !it.acknowledged);
        given.map(|it| &it.message).ok_or_else(|| not_held("give back an event", id))
    }

    /// Holds nothing any more.
    pub(super) fn clear(&mut self) {
        self.given = None;
    }
}

#[expect(clippy::disallowed_methods, reason = "it measures how long a broker waits, which knows no virtual time")]
pub(super) fn now() -> Instant {
    Instant::now()
}

/// An event that this subscriber does not hold.
pub(super) fn not_held(operation: &'static str, id: &EventId) -> Error {
    let reason = "it is not held, or was not acknowledged in time and went to another subscriber";
    Error::new(ErrorKind::Conflict, operation).on(id).because(reason)
}

/// A call in the time that the caller gives. `effect` is what it may have had when the time was over.
#[expect(clippy::disallowed_methods, reason = "it waits for a server, which knows no virtual time")]
pub(super) async fn in_time<T>(
    cx: &OpContext,
    operation: &'static str,
    effect: Effect,
    working: impl Future<Output = Result<T>>,
) -> Result<T> {
    let Some(timeout) = cx.timeout() else { return working.await };
    let late = || Error::new(ErrorKind::Timeout, operation).because("it was not done in time").with_effect(effect);
    tokio::time::timeout(timeout, working).await.unwrap_or_else(|_| Err(late()))
}
