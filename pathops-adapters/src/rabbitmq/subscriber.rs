//! Who is told, by a queue.

use std::time::Duration;

use async_trait::async_trait;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use lapin::types::AMQPValue;
use pathops_core::adapter::{Event, Subscriber, Subscription};
use pathops_core::{Effect, Error, ErrorKind, EventId, OpContext, Result, Topic};

use super::error::failed;
use super::link::Link;
use super::{ID, LANE, RabbitMq, TRACE};
use crate::held::{Held, in_time, not_held, now};

/// How long an event is held that nobody else could be given.
const FOR_GOOD: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[derive(Debug)]
pub(super) struct RabbitMqSubscriber {
    bus: RabbitMq,
    topic: Topic,
    subscription: Subscription,
    link: Option<Link>,
    held: Held<Delivery>,
}

impl RabbitMqSubscriber {
    pub(super) fn new(bus: RabbitMq, topic: Topic, mut subscription: Subscription) -> Self {
        if subscription.name.is_none() {
            subscription.ack_within = FOR_GOOD;
        }
        let held = Held::new(subscription.ack_within);
        Self { bus, topic, subscription, link: None, held }
    }

    /// Makes the queue where it is not there, and listens to it.
    pub(super) async fn begin(&mut self) -> Result<()> {
        self.held.clear();
        self.link = None;
        self.link = Some(Link::new(&self.bus, &self.topic, &self.subscription).await?);
        Ok(())
    }

    async fn wait(&mut self) -> Result<Event> {
        const OPERATION: &str = "wait for an event";
        if !self.link.as_ref().is_some_and(Link::holds) {
            self.begin().await?;
        }
        let not_there = || Error::new(ErrorKind::Unexpected, OPERATION).on(&self.topic);
        let link = self.link.as_mut().ok_or_else(not_there)?;
        if let Some((event, _)) = self.held.again() {
            link.hold_until(Some(now() + self.subscription.ack_within));
            return Ok(event.clone());
        }
        let Some(delivery) = link.next().await.filter(|_| link.holds()) else {
            self.link = None;
            let lost = Error::new(ErrorKind::Unavailable, OPERATION).on(&self.topic);
            return Err(lost.because("the connection was lost, or the queue was taken away").advise("ask again"));
        };
        link.hold_until(Some(now() + self.subscription.ack_within));
        match event(&self.topic, &delivery) {
            Some(event) => Ok(self.held.hold(event, delivery)),
            None => {
                link.hold_until(None);
                delivery.acker.ack(BasicAckOptions::default()).await.map_err(|e| failed("pass over a message", e))?;
                let reason = "a message of this topic is no event that PathOps has published";
                Err(Error::new(ErrorKind::Corrupt, OPERATION).on(&self.topic).because(reason))
            }
        }
    }

    /// The link over which the event that is held came, as long as that is so.
    fn holding(&self, operation: &'static str, id: &EventId) -> Result<&Link> {
        self.link.as_ref().filter(|link| link.holds()).ok_or_else(|| not_held(operation, id))
    }
}

fn event(topic: &Topic, delivery: &Delivery) -> Option<Event> {
    let headers = delivery.properties.headers().as_ref()?.inner();
    let text = |name: &str| match headers.get(name)? {
        AMQPValue::LongString(text) => std::str::from_utf8(text.as_bytes()).ok(),
        _ => None,
    };
    let (id, lane) = (text(ID)?.parse().ok()?, text(LANE)?.parse().ok()?);
    let event = Event::new(id, topic.clone(), lane, delivery.data.clone()).ok()?;
    Some(event.with_trace_parent(text(TRACE)))
}

#[async_trait]
impl Subscriber for RabbitMqSubscriber {
    async fn next(&mut self, cx: &OpContext) -> Result<Event> {
        in_time(cx, "wait for an event", Effect::None, self.wait()).await
    }

    async fn ack(&mut self, cx: &OpContext, id: &EventId) -> Result<()> {
        const OPERATION: &str = "acknowledge an event";
        let Some(delivery) = self.held.to_ack(id)? else { return Ok(()) };
        // What comes next, comes when this has been said.
        self.holding(OPERATION, id)?.hold_until(None);
        let told = async { delivery.acker.ack(BasicAckOptions::default()).await.map_err(|_| not_held(OPERATION, id)) };
        in_time(cx, OPERATION, Effect::Unknown, told).await?;
        self.held.acknowledged();
        Ok(())
    }

    async fn nack(&mut self, cx: &OpContext, id: &EventId) -> Result<()> {
        const OPERATION: &str = "give back an event";
        let delivery = self.held.to_nack(id)?;
        self.holding(OPERATION, id)?.hold_until(None);
        let again = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        let told = async { delivery.acker.nack(again).await.map_err(|_| not_held(OPERATION, id)) };
        in_time(cx, OPERATION, Effect::Unknown, told).await?;
        self.held.clear();
        Ok(())
    }
}
