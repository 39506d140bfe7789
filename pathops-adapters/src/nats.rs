//! An event bus on NATS JetStream, 2.10 or later.
//!
//! All events are in one stream (`pathops`, unless [`NatsConfig::stream`] says otherwise), each under the subject
//! `<stream>.<topic>`. The stream is made by the first who connects, in files, and taken as it is where it is there: to change it,
//! change it on the server. A subscription with a name is the durable consumer `<topic>_<name>`, which has one event under way at a
//! time. Event ids are `Nats-Msg-Id`s, by which the server knows an event again for ten minutes.
//!
//! When an event is published, the server has it in its files, which it writes through to the disk every two minutes: against a loss
//! of power, set `sync_interval: always` there, or have three replicas. How far a subscription has got is written a moment later:
//! what was acknowledged just before the server is killed may come again.
//!
//! The connection is encrypted where the address begins with `tls://`. It is made again by itself when it is lost.

mod config;
mod error;
mod subscriber;

pub use config::NatsConfig;

use std::time::Duration;

use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::stream::{Config, StorageType, Stream};
use async_nats::jetstream::{self, Context};
use async_nats::{Client, HeaderMap};
use async_trait::async_trait;
use pathops_core::adapter::{Event, EventBus, EventBusCapabilities, Subscriber, Subscription};
use pathops_core::{Effect, Error, ErrorKind, OpContext, Result, Topic};

use crate::held::in_time;
use error::{not_connected, unavailable};
use subscriber::NatsSubscriber;

/// Where the parts of an event are that are not its payload.
const ID: &str = "PathOps-Event";
const LANE: &str = "PathOps-Lane";
const TRACE: &str = "traceparent";

/// How long the server knows an id again.
const KNOWN: Duration = Duration::from_secs(600);

/// An event bus on NATS. Any number of processes on any machines may use it at once.
///
/// ```no_run
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use pathops_adapters::nats::{Nats, NatsConfig};
/// use pathops_core::adapter::{EventBus as _, Subscription};
/// use pathops_core::{IdempotencyKey, OpContext};
/// let bus = Nats::connect(&NatsConfig::new("tls://nats.example.org:4222").with_user("pathops", "a-password")).await?;
/// let cx = OpContext::new(IdempotencyKey::new("billing"));
/// let subscription = Subscription::named("billing".parse().unwrap());
/// let mut subscriber = bus.subscribe(&cx, &"webhooks".parse().unwrap(), &subscription).await?;
/// let event = subscriber.next(&cx).await?;
/// subscriber.ack(&cx, event.id()).await?;
/// # Ok::<(), pathops_core::Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct Nats {
    client: Client,
    context: Context,
    stream: Stream,
    name: String,
}

impl Nats {
    /// Connects, and makes the stream where it is not there.
    ///
    /// # Errors
    /// `Invalid` for what is no address or no name of a stream; `Denied` for wrong credentials; `Unavailable` where no server answers,
    /// or it has no JetStream. No message holds a password.
    pub async fn connect(config: &NatsConfig) -> Result<Self> {
        let name = Topic::parse(&config.stream).map_err(|e| Error::new(ErrorKind::Invalid, "connect to NATS").because(e))?;
        let client = config.options().connect(config.addresses()?).await.map_err(not_connected)?;
        let context = jetstream::new(client.clone());
        let wanted = Config {
            name: name.to_string(),
            subjects: vec![format!("{name}.*")],
            storage: StorageType::File,
            max_age: config.kept,
            duplicate_window: KNOWN.min(config.kept),
            num_replicas: config.replicas,
            ..Config::default()
        };
        let stream = context.get_or_create_stream(wanted).await.map_err(|e| unavailable("make the stream of events", e))?;
        Ok(Self { client, context, stream, name: name.to_string() })
    }

    async fn send(&self, event: &Event) -> Result<()> {
        const OPERATION: &str = "publish an event";
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", format!("{}/{}", event.topic(), event.id()));
        headers.insert(ID, event.id().as_str());
        headers.insert(LANE, event.lane().as_str());
        if let Some(trace) = event.trace_parent() {
            headers.insert(TRACE, trace);
        }
        let subject = format!("{}.{}", self.name, event.topic());
        let sent = self.context.publish_with_headers(subject, headers, event.payload().to_vec().into()).await;
        let answer = sent.map_err(|e| unavailable(OPERATION, e).on(event.id()))?.await;
        answer.map(drop).map_err(|e| match e.kind() {
            PublishErrorKind::StreamNotFound => {
                let reason = "no server answers for the stream of events";
                Error::new(ErrorKind::Unavailable, OPERATION).on(event.id()).because(reason).with_source(e)
            }
            PublishErrorKind::MaxPayloadExceeded => {
                let reason = "the server takes no messages of its size";
                let refused = Error::new(ErrorKind::Invalid, OPERATION).on(event.id()).because(reason).with_source(e);
                refused.advise("set `max_payload` of the server to 1 MB or more")
            }
            _ => unavailable(OPERATION, e).on(event.id()).with_effect(Effect::Unknown),
        })
    }
}

#[async_trait]
impl EventBus for Nats {
    fn name(&self) -> &'static str {
        "nats"
    }

    fn capabilities(&self) -> EventBusCapabilities {
        let mut capabilities = EventBusCapabilities::default();
        (capabilities.durable, capabilities.shared, capabilities.deduplicates) = (true, true, true);
        capabilities
    }

    async fn publish(&self, cx: &OpContext, event: &Event) -> Result<()> {
        in_time(cx, "publish an event", Effect::Unknown, self.send(event)).await
    }

    async fn subscribe(&self, cx: &OpContext, topic: &Topic, subscription: &Subscription) -> Result<Box<dyn Subscriber>> {
        let mut subscriber = NatsSubscriber::new(self.clone(), topic.clone(), subscription.clone());
        in_time(cx, "subscribe to a topic", Effect::Unknown, subscriber.begin()).await?;
        Ok(Box::new(subscriber))
    }
}
