//! An event bus on RabbitMQ.
//!
//! Events go to one durable exchange (`pathops`, unless [`RabbitMq::with_exchange`] says otherwise) with their topic as the routing
//! key. A subscription with a name is a durable queue `<exchange>.<topic>.<name>`, which tells one of its subscribers at a time (a
//! single active consumer); another one takes its place when it goes, or does not acknowledge in time. Exchange and queues are made
//! where they are not there. What nobody has subscribed to is dropped by the server. A queue whose subscribers never come back grows:
//! delete it, or bound such queues by a policy of the server.
//!
//! The server does not know an event again: one that is published again is told again. The connection is encrypted where the address
//! begins with `amqps://`, and the certificates are those that the machine trusts. One that was lost is made again by the next call.

mod connection;
mod error;
mod link;
mod subscriber;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Confirmation};
use pathops_core::adapter::{Event, EventBus, EventBusCapabilities, Subscriber, Subscription};
use pathops_core::{Effect, Error, ErrorKind, OpContext, Result, Topic};

use crate::held::in_time;
use connection::Connected;
use error::{failed, unsettled};
use subscriber::RabbitMqSubscriber;

/// Where the parts of an event are that are not its payload.
const ID: &str = "pathops-event";
const LANE: &str = "pathops-lane";
const TRACE: &str = "traceparent";

/// An event bus on RabbitMQ. Any number of processes on any machines may use it at once.
///
/// ```no_run
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use pathops_adapters::rabbitmq::RabbitMq;
/// use pathops_core::adapter::{EventBus as _, Subscription};
/// use pathops_core::{IdempotencyKey, OpContext};
/// let bus = RabbitMq::connect("amqps://pathops:a-password@rabbitmq.example.org/production").await?;
/// let cx = OpContext::new(IdempotencyKey::new("billing"));
/// let subscription = Subscription::named("billing".parse().unwrap());
/// let mut subscriber = bus.subscribe(&cx, &"webhooks".parse().unwrap(), &subscription).await?;
/// let event = subscriber.next(&cx).await?;
/// subscriber.ack(&cx, event.id()).await?;
/// # Ok::<(), pathops_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct RabbitMq {
    connected: Arc<Connected>,
    exchange: Topic,
}

impl RabbitMq {
    /// Connects to the server and virtual host of this address: `amqps://user:password@host/vhost`, or `amqp://…` without encryption.
    ///
    /// # Errors
    /// `Invalid` for no such address; `Denied` for wrong credentials; `Unavailable` where no server answers. No message holds the
    /// password.
    pub async fn connect(address: &str) -> Result<Self> {
        let exchange =
            Topic::parse("pathops").map_err(|e| Error::new(ErrorKind::Unexpected, "connect to RabbitMQ").because(e))?;
        let connected = Arc::new(Connected::new(address)?);
        connected.channel().await?;
        Ok(Self { connected, exchange })
    }

    /// Publishes to the exchange of this name.
    #[must_use]
    pub fn with_exchange(self, exchange: Topic) -> Self {
        Self { exchange, ..self }
    }

    async fn send(&self, event: &Event) -> Result<()> {
        const OPERATION: &str = "publish an event";
        let channel = self.connected.publisher(&self.exchange).await.map_err(|e| e.on(event.id()))?;
        let mut headers = FieldTable::default();
        let mut header = |name: &str, value: &str| {
            headers.insert(name.into(), AMQPValue::LongString(value.into()));
        };
        header(ID, event.id().as_str());
        header(LANE, event.lane().as_str());
        if let Some(trace) = event.trace_parent() {
            header(TRACE, trace);
        }
        // 2: to the disk.
        let properties = BasicProperties::default().with_delivery_mode(2).with_headers(headers);
        let (exchange, topic) = (self.exchange.as_str().into(), event.topic().as_str().into());
        let sent = channel.basic_publish(exchange, topic, BasicPublishOptions::default(), event.payload(), properties);
        let confirmed = sent.await.map_err(|e| unsettled(OPERATION, e).on(event.id()))?;
        match confirmed.await.map_err(|e| failed(OPERATION, e).on(event.id()).with_effect(Effect::Unknown))? {
            Confirmation::Ack(_) => Ok(()),
            _ => {
                let refused = Error::new(ErrorKind::Unavailable, OPERATION).on(event.id()).with_effect(Effect::Unknown);
                Err(refused.because("the server of RabbitMQ could not keep it"))
            }
        }
    }
}

impl fmt::Debug for RabbitMq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RabbitMq").field("exchange", &self.exchange).finish_non_exhaustive()
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
        let mut subscriber = RabbitMqSubscriber::new(self.clone(), topic.clone(), subscription.clone());
        in_time(cx, "subscribe to a topic", Effect::Unknown, subscriber.begin()).await?;
        Ok(Box::new(subscriber))
    }
}
