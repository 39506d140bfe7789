//! An event bus on RabbitMQ, 3.10 or later.
//!
//! Events go to one direct exchange (`pathops`, unless [`RabbitMqConfig::exchange`] says otherwise) with their topic as the routing
//! key. A subscription with a name is the durable queue `<exchange>.<topic>.<name>`, and one without is a queue that the server takes
//! away when nobody has asked for a minute. Both are made by who subscribes. The user needs the rights to configure, write and read
//! what begins with the name of the exchange.
//!
//! Queues have one active consumer, who has one message under way: whoever else subscribed under the name waits behind it. It makes
//! room when its subscriber has neither asked nor acknowledged in the time for which an event may be held, by closing its channel:
//! the server puts back what was not acknowledged where it was, and turns to the next one. Where a process hangs, its connection ends
//! when the server has not heard of it for about half a minute.
//!
//! When an event is published, the server has written it to the disk. How far a subscription has got, and that there is one, is written
//! a moment later: what was acknowledged just before the server is killed may come again, and a subscription that was made in the
//! seconds before may miss what is published until its subscriber asks again. The server does not know an id again: what is published twice is
//! told twice.
//!
//! Queues are of the type that the virtual host makes by default, classic ones where nobody has said otherwise. RabbitMQ 4 drops what
//! was given back twenty times from a quorum queue: set `delivery-limit` to -1 by a policy there.
//!
//! The connection is encrypted where the address begins with `amqps://`. It is made again by the next call when it was lost.

mod config;
mod error;
mod link;
mod session;
mod subscriber;

pub use config::RabbitMqConfig;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use lapin::BasicProperties;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable, LongString};
use pathops_core::adapter::{Event, EventBus, EventBusCapabilities, Subscriber, Subscription};
use pathops_core::{Effect, Error, ErrorKind, OpContext, Result, Topic};

use crate::held::in_time;
use error::{failed, unconfirmed};
use link::{Link, Place};
use subscriber::RabbitMqSubscriber;

/// Where the parts of an event are that are not its payload.
const ID: &str = "PathOps-Event";
const LANE: &str = "PathOps-Lane";
const TRACE: &str = "traceparent";

/// A message that is written to the disk.
const PERSISTENT: u8 = 2;

/// An event bus on RabbitMQ. Any number of processes on any machines may use it at once.
///
/// ```no_run
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use pathops_adapters::rabbitmq::{RabbitMq, RabbitMqConfig};
/// use pathops_core::adapter::{EventBus as _, Subscription};
/// use pathops_core::{IdempotencyKey, OpContext};
/// let config = RabbitMqConfig::new("amqps://rabbitmq.example.org").with_user("pathops", "a-password");
/// let bus = RabbitMq::connect(&config).await?;
/// let cx = OpContext::new(IdempotencyKey::new("billing"));
/// let subscription = Subscription::named("billing".parse().unwrap());
/// let mut subscriber = bus.subscribe(&cx, &"webhooks".parse().unwrap(), &subscription).await?;
/// let event = subscriber.next(&cx).await?;
/// subscriber.ack(&cx, event.id()).await?;
/// # Ok::<(), pathops_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct RabbitMq {
    link: Arc<Link>,
}

impl RabbitMq {
    /// The longest time for which an event may be held: the server ends the channel of who holds one for half an hour, and one may
    /// lie as long before it is taken.
    pub const MAX_ACK_WITHIN: Duration = Duration::from_secs(15 * 60);

    /// Connects, and makes the exchange where it is not there.
    ///
    /// # Errors
    /// `Invalid` for what is no address, no name of an exchange or no certificate, and where the exchange is there in another form;
    /// `Denied` for wrong credentials or missing rights; `NotFound` where there is no such virtual host; `Unavailable` where no
    /// server answers within ten seconds. No message holds a password.
    pub async fn connect(config: &RabbitMqConfig) -> Result<Self> {
        let link = Link::new(config)?;
        link.publisher().await?;
        Ok(Self { link: Arc::new(link) })
    }

    async fn send(&self, event: &Event) -> Result<()> {
        const OPERATION: &str = "publish an event";
        let publisher = self.link.publisher().await?;
        let (exchange, topic) = (self.link.exchange(), event.topic().as_str().into());
        let (options, properties) = (BasicPublishOptions::default(), self.properties(event));
        let failed = |e| failed(OPERATION, e).on(event.id());
        let sent = publisher.basic_publish(exchange, topic, options, event.payload(), properties).await.map_err(failed)?;
        let told = sent.await.map_err(|e| unconfirmed(OPERATION, e).on(event.id()))?;
        if told.is_ack() {
            return Ok(());
        }
        let refused = Error::new(ErrorKind::Unavailable, OPERATION).on(event.id()).because("a queue could not take it");
        Err(refused.with_effect(Effect::Unknown).advise("see the log of the server"))
    }

    fn properties(&self, event: &Event) -> BasicProperties {
        let mut headers = FieldTable::default();
        let mut say = |name: &str, value: &str| {
            headers.insert(name.into(), AMQPValue::LongString(LongString::from(value)));
        };
        say(ID, event.id().as_str());
        say(LANE, event.lane().as_str());
        if let Some(trace) = event.trace_parent() {
            say(TRACE, trace);
        }
        let kept = self.link.kept_millis().to_string();
        BasicProperties::default().with_headers(headers).with_delivery_mode(PERSISTENT).with_expiration(kept.into())
    }
}

#[async_trait]
impl EventBus for RabbitMq {
    fn name(&self) -> &'static str {
        "rabbitmq"
    }

    fn capabilities(&self) -> EventBusCapabilities {
        let mut capabilities = EventBusCapabilities::default();
        (capabilities.durable, capabilities.shared) = (true, true);
        capabilities
    }

    async fn publish(&self, cx: &OpContext, event: &Event) -> Result<()> {
        in_time(cx, "publish an event", Effect::Unknown, self.send(event)).await
    }

    async fn subscribe(&self, cx: &OpContext, topic: &Topic, subscription: &Subscription) -> Result<Box<dyn Subscriber>> {
        const OPERATION: &str = "subscribe to a topic";
        let ack_within = subscription.ack_within;
        if ack_within > Self::MAX_ACK_WITHIN {
            let reason = format!(
                "events may be held for {} s, and {} s were asked for",
                Self::MAX_ACK_WITHIN.as_secs(),
                ack_within.as_secs()
            );
            return Err(Error::new(ErrorKind::Invalid, OPERATION).on(topic).because(reason));
        }
        let place = Place::new(&self.link, topic, subscription)?;
        in_time(cx, OPERATION, Effect::Unknown, async {
            let channel = self.link.channel(OPERATION).await?;
            place.make(&channel).await.map_err(|e| failed(OPERATION, e).on(topic))
        })
        .await?;
        Ok(Box::new(RabbitMqSubscriber::new(self.link.clone(), place, ack_within)))
    }
}
