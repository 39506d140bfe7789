//! The event gateway: a webhook is checked, stored and only then acknowledged; and handled afterwards, at least once.
//!
//! ```text
//! request ─► size ─► who sent it ─► body to the blobs ─► inbox ─► 202
//!                                                          │
//!             dead letters ◄─ tries ◄─ handler ◄─ lanes ◄──┘ ◄── sweeps, replays
//! ```
//!
//! * **Nothing that was acknowledged is lost.** The answer is given once body and delivery are stored ([`Inbox`]). Where they cannot
//!   be stored in time, the sender is told so in the way that makes it send again, by its [`SenderLaw`]; for senders that never do,
//!   a host gives a spool ([`Gateway::with_spool`]) and sweeps ([`Gateway::sweep`]).
//! * **In order where it matters.** Deliveries of one lane (a repository, an application, a group of alerts) are handled one after
//!   another, those of others beside them, up to [`Limits::lanes_at_once`].
//! * **At least once.** What a process was at when it ended is handled again. A handler is given the same
//!   [`IdempotencyKey`] each time, by which its effects happen once (I6).
//! * **A hint and no more** (I7). What a delivery says is where to look; a handler reads the truth from the system itself. So an
//!   old delivery, a replayed one and one that a sweep made are the same to it.
//! * **Bounded.** Bodies that are on their way take [`Limits::bytes_in_flight`] at most; what is beyond is told to come later.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use pathops_core::adapter::{BlobStore, Clock, Inbox, SenderLaw, WebhookSource};
use pathops_core::{IdempotencyKey, OpContext, WebhookSourceName};

mod answer;
mod batch;
mod bell;
#[cfg(feature = "tower")]
mod http;
mod lanes;
mod publish;
mod receive;
mod replay;
mod room;
mod spool;

pub use answer::Answer;
#[cfg(feature = "tower")]
pub use http::WebhookService;
pub use lanes::{DeliveryHandler, Turn};
pub use publish::PublishesEvents;
pub use replay::{Sweep, Swept};

use batch::Batch;
use bell::Bell;
use room::Room;

/// What a gateway keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of bodies that are being received or stored at any time. While they are stored, 8 MiB of them, or a single one that
    /// is larger, are in memory more than once.
    pub bytes_in_flight: usize,
    /// The most deliveries that are handled at any time.
    pub lanes_at_once: usize,
    /// How long one try of a handler may take.
    pub handle_within: Duration,
    /// How often a delivery is tried before it is a dead letter.
    pub attempts: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes_in_flight: 128 << 20, lanes_at_once: 16, handle_within: Duration::from_secs(60), attempts: 8 }
    }
}

/// Receives webhooks and hands them to a handler.
pub struct Gateway {
    sources: BTreeMap<WebhookSourceName, Arc<dyn WebhookSource>>,
    store: Store,
    spool: Option<Store>,
    clock: Arc<dyn Clock>,
    limits: Limits,
    room: Room,
    bell: Bell,
}

/// Where deliveries and their bodies are kept.
struct Store {
    inbox: Arc<dyn Inbox>,
    blobs: Arc<dyn BlobStore>,
    batch: Batch,
}

impl Gateway {
    /// A gateway without any source, with the [`Limits`] of default.
    #[must_use]
    pub fn new(inbox: Arc<dyn Inbox>, blobs: Arc<dyn BlobStore>, clock: Arc<dyn Clock>) -> Self {
        let limits = Limits::default();
        Self {
            sources: BTreeMap::new(),
            store: Store { inbox, blobs, batch: Batch::default() },
            spool: None,
            clock,
            limits,
            room: Room::new(limits.bytes_in_flight),
            bell: Bell::default(),
        }
    }

    /// Takes the webhooks of `source`, too; in the place of an earlier one of its name.
    #[must_use]
    pub fn with_source(mut self, source: Arc<dyn WebhookSource>) -> Self {
        self.sources.insert(source.name().clone(), source);
        self
    }

    /// Where deliveries are kept while the inbox or the blobs are out of reach: on the machine itself, for example. What is there
    /// comes into the inbox as soon as that is back.
    #[must_use]
    pub fn with_spool(mut self, inbox: Arc<dyn Inbox>, blobs: Arc<dyn BlobStore>) -> Self {
        self.spool = Some(Store { inbox, blobs, batch: Batch::default() });
        self
    }

    /// Keeps to these limits.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        (self.limits, self.room) = (limits, Room::new(limits.bytes_in_flight));
        self
    }

    /// How the sender of a source wants to be treated, where there is such a source.
    #[must_use]
    pub fn law(&self, source: &WebhookSourceName) -> Option<SenderLaw> {
        self.sources.get(source).map(|source| source.law())
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("sources", &self.sources.keys()).field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// How long a store may take for one call.
const STORE_WITHIN: Duration = Duration::from_secs(30);

/// The context of something that the gateway itself does. All that it does may be done again.
fn cx(what: &str) -> OpContext {
    OpContext::new(IdempotencyKey::new(format!("gateway/{what}"))).with_timeout(STORE_WITHIN)
}
