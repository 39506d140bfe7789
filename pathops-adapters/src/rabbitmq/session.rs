//! A place in the line of a queue, which is left when its subscriber neither asks nor acknowledges.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::Channel;
use lapin::message::Delivery;
use pathops_core::{Error, ErrorKind, Result};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};

use super::error::failed;
use super::link::{Link, Place};
use crate::held::now;

const OPERATION: &str = "wait for an event";

/// A message, and the channel that it is acknowledged on.
pub(super) struct Delivered {
    pub(super) channel: Channel,
    pub(super) delivery: Delivery,
}

impl Delivered {
    /// What came on a channel that is closed was given back.
    pub(super) fn is_given_back(&self) -> bool {
        self.delivery.acker.poisoned()
    }
}

impl fmt::Debug for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivered").field("delivery", &self.delivery.delivery_tag).finish_non_exhaustive()
    }
}

/// The subscriber's end. What is at the other end closes the channel when this is dropped, or when the lease is over.
#[derive(Debug)]
pub(super) struct Session {
    lease: Lease,
    messages: mpsc::Receiver<Result<Delivered>>,
}

/// Until when the place in the line is kept. `None`: the subscriber is asking.
#[derive(Debug)]
pub(super) struct Lease {
    until: watch::Sender<Option<Instant>>,
    ack_within: Duration,
}

impl Lease {
    /// Keeps it for as long again.
    pub(super) fn extend(&self) {
        self.until.send_replace(Some(now() + self.ack_within));
    }
}

/// Keeps the place for as long as it is asked, and then for as long as an event may be held.
struct Asking<'a>(&'a Lease);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.extend();
    }
}

impl Session {
    /// Lines up. What was begun is never dropped halfway: it would leave a consumer that nobody knows.
    pub(super) fn begin(link: Arc<Link>, place: Place, ack_within: Duration) -> Self {
        let (until, lease) = watch::channel(None);
        let (tell, messages) = mpsc::channel(1);
        tokio::spawn(keep(link, place, lease, tell));
        Self { lease: Lease { until, ack_within }, messages }
    }

    pub(super) fn lease(&self) -> &Lease {
        &self.lease
    }

    /// The next message, or nothing where the place in the line was given up.
    pub(super) async fn next(&mut self) -> Option<Result<Delivered>> {
        self.lease.until.send_replace(None);
        let _asking = Asking(&self.lease);
        self.messages.recv().await
    }

    /// Gives back what is not acknowledged, and makes room. Where this is dropped, it is done all the same.
    pub(super) async fn end(mut self) {
        drop(self.lease);
        while self.messages.recv().await.is_some() {}
    }
}

async fn keep(link: Arc<Link>, place: Place, mut lease: watch::Receiver<Option<Instant>>, tell: mpsc::Sender<Result<Delivered>>) {
    let begun = async {
        let channel = link.channel(OPERATION).await?;
        let consumer = place.consume(&channel).await.map_err(|e| failed(OPERATION, e).on(&place.topic))?;
        Ok((channel, consumer))
    };
    let (channel, mut consumer) = match begun.await {
        Ok(begun) => begun,
        Err(error) => return drop(tell.send(Err(error)).await),
    };
    loop {
        let message = tokio::select! {
            message = consumer.next() => message,
            () = over(&mut lease) => break,
        };
        let ended =
            || Error::new(ErrorKind::Unavailable, OPERATION).on(&place.topic).because("the server ended the subscription");
        let message = match message {
            Some(Ok(delivery)) => Ok(Delivered { channel: channel.clone(), delivery }),
            Some(Err(error)) => Err(failed(OPERATION, error).on(&place.topic)),
            None => Err(ended()),
        };
        let last = message.is_err();
        if tell.send(message).await.is_err() || last {
            break;
        }
    }
    // In one step it gives back what is not acknowledged and lets the next one of the line in: to cancel first would let that one
    // have what comes after.
    channel.close(200, "".into()).await.ok();
    drop(tell);
}

/// Until the subscriber is gone, or has not been heard of for too long.
async fn over(lease: &mut watch::Receiver<Option<Instant>>) {
    loop {
        let until = *lease.borrow_and_update();
        let changed = match until {
            None => lease.changed().await,
            Some(until) => match timeout_at(until, lease.changed()).await {
                Ok(changed) => changed,
                Err(_) => return,
            },
        };
        if changed.is_err() {
            return;
        }
    }
}
