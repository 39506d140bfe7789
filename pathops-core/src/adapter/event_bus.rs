use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::error::{Error, ErrorKind, Result};
use crate::id::{EventId, Lane, SubscriptionName, Topic};
use crate::op::OpContext;

/// Something that has happened, as an [`EventBus`] tells of it.
///
/// ```
/// use pathops_core::adapter::Event;
/// let event = |bytes: usize| {
///     let (id, topic, lane) = ("github/4f1c".parse()?, "webhooks".parse()?, "repo/shop/orders".parse()?);
///     Ok::<_, pathops_core::IdError>(Event::new(id, topic, lane, vec![b'x'; bytes]))
/// };
/// assert_eq!(event(2)?.unwrap().payload(), b"xx");
/// let refused = event(Event::MAX_PAYLOAD_BYTES + 1)?.unwrap_err();
/// assert_eq!(refused.kind(), pathops_core::ErrorKind::Invalid);
/// # Ok::<_, pathops_core::IdError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    id: EventId,
    topic: Topic,
    lane: Lane,
    payload: Vec<u8>,
    trace_parent: Option<String>,
}

impl Event {
    /// The most bytes of a payload: as much as every bus carries without being set up for it.
    pub const MAX_PAYLOAD_BYTES: usize = 256 << 10;

    /// The longest `traceparent` that is handed on, in bytes.
    const MAX_TRACE_BYTES: usize = 128;

    /// An event of `topic`. Those of one `lane` come in the order in which they were published.
    ///
    /// # Errors
    /// `Invalid` where the payload has more than [`Event::MAX_PAYLOAD_BYTES`].
    pub fn new(id: EventId, topic: Topic, lane: Lane, payload: Vec<u8>) -> Result<Self> {
        if payload.len() > Self::MAX_PAYLOAD_BYTES {
            let reason = format!("its payload has {} bytes, and {} are allowed", payload.len(), Self::MAX_PAYLOAD_BYTES);
            let refused = Error::new(ErrorKind::Invalid, "make an event").on(id).because(reason);
            return Err(refused.advise("put it into the blob store, and publish its digest"));
        }
        Ok(Self { id, topic, lane, payload, trace_parent: None })
    }

    /// Hands on the W3C `traceparent` of what the event came of. One that is none is left out, as the standard has it.
    #[must_use]
    pub fn with_trace_parent(mut self, trace_parent: Option<&str>) -> Self {
        let fits = |it: &&str| (1..=Self::MAX_TRACE_BYTES).contains(&it.len()) && it.bytes().all(|b| b.is_ascii_graphic());
        self.trace_parent = trace_parent.filter(fits).map(str::to_owned);
        self
    }

    /// What it is called.
    #[must_use]
    pub fn id(&self) -> &EventId {
        &self.id
    }

    /// What it is about.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// What it is in order about.
    #[must_use]
    pub fn lane(&self) -> &Lane {
        &self.lane
    }

    /// What it says. The bus does not look at it.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The W3C `traceparent` of what it came of.
    #[must_use]
    pub fn trace_parent(&self) -> Option<&str> {
        self.trace_parent.as_deref()
    }
}

/// What an event bus can do beyond the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventBusCapabilities {
    /// What was published, and how far each named subscription has got, survives the end of the process, and of the server.
    pub durable: bool,
    /// Several processes may use it at once.
    pub shared: bool,
    /// What is published again under its id, soon after, is told once. Without it, it is told once more.
    pub deduplicates: bool,
}

/// Who is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The subscription that is kept under this name, from when somebody first subscribed under it, and goes on where it was. All
    /// who subscribe under it share its events: each event goes to one of them. `None`: one that tells what is published from now
    /// on, and ends with its subscriber.
    pub name: Option<SubscriptionName>,
    /// How long an event may be held. One that is not acknowledged by then is given to whoever asks next under the name.
    pub ack_within: Duration,
}

impl Subscription {
    /// How long an event may be held, where nobody says otherwise.
    pub const ACK_WITHIN: Duration = Duration::from_secs(30);

    /// The one that is kept under a name.
    #[must_use]
    pub fn named(name: SubscriptionName) -> Self {
        Self { name: Some(name), ack_within: Self::ACK_WITHIN }
    }

    /// One that ends with its subscriber.
    #[must_use]
    pub fn ephemeral() -> Self {
        Self { name: None, ack_within: Self::ACK_WITHIN }
    }

    /// Lets an event be held so long.
    #[must_use]
    pub fn with_ack_within(self, ack_within: Duration) -> Self {
        Self { ack_within, ..self }
    }
}

/// Tells other processes, and a host's own listeners, of what has happened.
///
/// It is a way to be told, and never the truth: that is in the journal, the inbox and the systems that events come from. Whoever
/// has to know all of it reads there, and lets the bus tell when to look.
///
/// * **At least once.** A named subscription is told of all that is published after it was first made, for as long as the bus
///   keeps events. An event may come twice: its id tells.
/// * **In order within a lane.** An event comes when those before it in its lane are acknowledged, and not before. One that cannot
///   be handled is acknowledged, too, and written down elsewhere: what is given back holds up its lane.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait EventBus: Debug + Send + Sync + 'static {
    /// The adapter's name, for example `nats`.
    fn name(&self) -> &'static str;

    /// What this bus offers.
    fn capabilities(&self) -> EventBusCapabilities;

    /// Publishes `event`, and returns once the bus has it as safely as its capabilities say. What was published and is not there
    /// any more is not told: there need not be anybody who is told.
    ///
    /// # Errors
    /// `Denied`, `StorageFull`, `RateLimited`; `NotFound` where the bus has no such topic and makes none; `Unavailable` and
    /// `Timeout`, with an unknown effect where it may have been published: publish it again under its id.
    async fn publish(&self, cx: &OpContext, event: &Event) -> Result<()>;

    /// Subscribes to `topic`. What is published once this has returned is told.
    ///
    /// # Errors
    /// `Invalid` where the bus cannot hold events for just so long; `Denied`, `NotFound`, `Unavailable`, `Timeout`.
    async fn subscribe(&self, cx: &OpContext, topic: &Topic, subscription: &Subscription) -> Result<Box<dyn Subscriber>>;
}

/// One who is told, and who holds one event at a time. Dropping it gives back what it holds, at the latest when the time is over for
/// which that may be held.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait Subscriber: Debug + Send + 'static {
    /// Waits for the next event, and holds it. Where one is held that was not acknowledged, and still may be, it comes again.
    ///
    /// Where the connection is lost, this fails, and is called again, after a while, to go on where the subscription was. One without a name may
    /// miss what was published meanwhile.
    ///
    /// # Cancel safety
    /// An event that is given to nobody is not lost: it comes at the next call, or to another one when it would have had to be
    /// acknowledged.
    ///
    /// # Errors
    /// `Timeout` where nothing came in the time of `cx`; `Unavailable`, `Denied`, `NotFound`; `Corrupt` for what no adapter of
    /// PathOps has published, which is passed over.
    async fn next(&mut self, cx: &OpContext) -> Result<Event>;

    /// Says that the event that is held was handled: it does not come again. Saying it again changes nothing.
    ///
    /// # Errors
    /// `Conflict` where it is not held, or not any more: it may come again. `Unavailable`, `Timeout`: say it again.
    async fn ack(&mut self, cx: &OpContext, id: &EventId) -> Result<()>;

    /// Gives back the event that is held: it comes again, to this one or to another one of the name.
    ///
    /// # Errors
    /// As [`Subscriber::ack`].
    async fn nack(&mut self, cx: &OpContext, id: &EventId) -> Result<()>;
}
