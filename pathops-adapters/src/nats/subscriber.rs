//! Who is told, by a consumer of the stream that has one event under way at a time.

use std::time::Duration;

use async_nats::jetstream::consumer::pull::{Batch, Config};
use async_nats::jetstream::consumer::{AckPolicy, DeliverPolicy, PullConsumer};
use async_nats::jetstream::{AckKind, Message};
use async_trait::async_trait;
use futures_util::StreamExt as _;
use pathops_core::adapter::{Event, Subscriber, Subscription};
use pathops_core::{Effect, Error, ErrorKind, EventId, OpContext, Result, Topic};
use tokio::time::Instant;

use super::error::unavailable;
use super::{ID, LANE, Nats, TRACE};
use crate::held::{Held, in_time, now};

/// How long one question for the next event stands, at most. After a lost connection, as long is waited.
const ASK: Duration = Duration::from_secs(5);

/// How long a consumer without a name is there when nobody asks, at least.
const IDLE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct NatsSubscriber {
    bus: Nats,
    topic: Topic,
    subscription: Subscription,
    consumer: Option<PullConsumer>,
    held: Held<Message>,
    /// A question that was asked, and when: what comes of it after its wait was dropped is not lost.
    asked: Option<Asked>,
}

struct Asked {
    answers: Batch,
    at: Instant,
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").field("at", &self.at).finish_non_exhaustive()
    }
}

impl NatsSubscriber {
    pub(super) fn new(bus: Nats, topic: Topic, subscription: Subscription) -> Self {
        let held = Held::new(subscription.ack_within);
        Self { bus, topic, subscription, consumer: None, held, asked: None }
    }

    /// Makes the consumer where it is not there.
    pub(super) async fn begin(&mut self) -> Result<()> {
        let ack_within = self.subscription.ack_within;
        let config = Config {
            durable_name: self.subscription.name.as_ref().map(|name| format!("{}_{name}", self.topic)),
            filter_subject: format!("{}.{}", self.bus.name, self.topic),
            deliver_policy: DeliverPolicy::New,
            ack_policy: AckPolicy::Explicit,
            ack_wait: ack_within,
            max_ack_pending: 1,
            // One without a name goes away by itself. One with a name stays.
            inactive_threshold: if self.subscription.name.is_none() { IDLE.max(ack_within * 2) } else { Duration::ZERO },
            ..Config::default()
        };
        let made = self.bus.stream.create_consumer(config).await;
        self.consumer = Some(made.map_err(|e| unavailable("subscribe to a topic", e).on(&self.topic))?);
        Ok(())
    }

    async fn wait(&mut self) -> Result<Event> {
        const OPERATION: &str = "wait for an event";
        if let Some((event, message)) = self.held.again() {
            let event = event.clone();
            message.ack_with(AckKind::Progress).await.map_err(|e| unavailable(OPERATION, e))?;
            return Ok(event);
        }
        loop {
            // What an old question brought may be somebody else's by now.
            let fresh = |asked: &Asked| now().duration_since(asked.at) < self.subscription.ack_within;
            self.asked = self.asked.take().filter(fresh);
            let asked = match &mut self.asked {
                Some(asked) => asked,
                None => {
                    let answers = self.ask().await?;
                    self.asked.insert(Asked { answers, at: now() })
                }
            };
            let answer = asked.answers.next().await;
            self.asked = None;
            match answer {
                Some(Ok(message)) => return self.take(message).await,
                Some(Err(e)) => {
                    // It may have gone with the server that had it.
                    self.consumer = None;
                    return Err(unavailable(OPERATION, e).on(&self.topic));
                }
                None => {}
            }
        }
    }

    async fn ask(&mut self) -> Result<Batch> {
        if self.consumer.is_none() {
            self.begin().await?;
        }
        let stands = ASK.min(self.subscription.ack_within);
        let not_there = || Error::new(ErrorKind::Unexpected, "wait for an event").on(&self.topic);
        let consumer = self.consumer.as_ref().ok_or_else(not_there)?;
        let answers = consumer.batch().max_messages(1).expires(stands).messages().await;
        answers.map_err(|e| unavailable("wait for an event", e).on(&self.topic))
    }

    async fn take(&mut self, message: Message) -> Result<Event> {
        match event(&self.topic, &message) {
            Some(event) => Ok(self.held.hold(event, message)),
            None => {
                message.double_ack_with(AckKind::Term).await.map_err(|e| unavailable("pass over a message", e))?;
                let reason = "a message of this topic is no event that PathOps has published";
                Err(Error::new(ErrorKind::Corrupt, "wait for an event").on(&self.topic).because(reason))
            }
        }
    }
}

fn event(topic: &Topic, message: &Message) -> Option<Event> {
    let headers = message.headers.as_ref()?;
    let text = |name: &str| headers.get(name).map(|value| value.as_str());
    let (id, lane) = (text(ID)?.parse().ok()?, text(LANE)?.parse().ok()?);
    let event = Event::new(id, topic.clone(), lane, message.payload.to_vec()).ok()?;
    Some(event.with_trace_parent(text(TRACE)))
}

#[async_trait]
impl Subscriber for NatsSubscriber {
    async fn next(&mut self, cx: &OpContext) -> Result<Event> {
        in_time(cx, "wait for an event", Effect::None, self.wait()).await
    }

    async fn ack(&mut self, cx: &OpContext, id: &EventId) -> Result<()> {
        const OPERATION: &str = "acknowledge an event";
        let Some(message) = self.held.to_ack(id)? else { return Ok(()) };
        let told = async {
            let unknown = |e| unavailable(OPERATION, e).on(id).with_effect(Effect::Unknown);
            message.double_ack().await.map_err(unknown)
        };
        in_time(cx, OPERATION, Effect::Unknown, told).await?;
        self.held.acknowledged();
        Ok(())
    }

    async fn nack(&mut self, cx: &OpContext, id: &EventId) -> Result<()> {
        const OPERATION: &str = "give back an event";
        let message = self.held.to_nack(id)?;
        let told = async {
            message.ack_with(AckKind::Nak(None)).await.map_err(|e| unavailable(OPERATION, e).on(id))?;
            let unknown = |e| unavailable(OPERATION, e).on(id).with_effect(Effect::Unknown);
            self.bus.client.flush().await.map_err(unknown)
        };
        in_time(cx, OPERATION, Effect::Unknown, told).await?;
        self.held.clear();
        Ok(())
    }
}
