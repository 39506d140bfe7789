use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::Delivery;
use crate::digest::Digest;
use crate::error::Result;
use crate::id::{DeliveryKey, WebhookSourceName};
use crate::op::OpContext;
use crate::time::UnixMillis;

/// The number of a delivery in its inbox: the later it was admitted to its lane, the higher.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DeliveryNumber(pub u64);

/// A delivery that is to be stored, whose body is in the blob store already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// What came.
    pub delivery: Delivery,
    /// The bytes as they came.
    pub body: Digest,
    /// When.
    pub received_at: UnixMillis,
}

/// What became of a delivery that was to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admitted {
    /// It is stored, and waits to be handled.
    New,
    /// It was there already; nothing has changed.
    Known,
    /// Its key belongs to a delivery with another body; nothing has changed.
    Taken,
}

/// Where a delivery has got to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is to be handled.
    Waiting,
    /// It was handled.
    Handled,
    /// It could not be handled and is not tried again by itself: a dead letter, with the reason.
    Dead(String),
}

/// A delivery as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDelivery {
    /// Its number.
    pub number: DeliveryNumber,
    /// What came.
    pub delivery: Delivery,
    /// The bytes as they came, in the blob store.
    pub body: Digest,
    /// When.
    pub received_at: UnixMillis,
    /// How often it was tried without success, since it was admitted or replayed.
    pub attempts: u32,
    /// Where it has got to.
    pub state: DeliveryState,
}

/// The right to handle one delivery, and with it its lane, until it expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The first of its lane that waits.
    pub delivery: StoredDelivery,
    /// Higher than that of every earlier claim of the lane. The inbox refuses to settle under an older one.
    pub fence: u64,
    /// Until when.
    pub expires_at: UnixMillis,
}

/// How handling ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It worked.
    Handled,
    /// It did not work, and is tried again at this instant or later; until then its lane waits.
    Later(UnixMillis),
    /// It did not work and will not, for this reason; its lane goes on.
    Dead(String),
}

/// Which deliveries. What is `None` holds for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InboxQuery {
    /// Of this source.
    pub source: Option<WebhookSourceName>,
    /// With this key.
    pub key: Option<DeliveryKey>,
    /// Received at this instant or later.
    pub from: Option<UnixMillis>,
    /// Received before this instant.
    pub to: Option<UnixMillis>,
    /// Dead letters only.
    pub dead: bool,
    /// After this number.
    pub after: Option<DeliveryNumber>,
}

impl InboxQuery {
    /// Whether it is one of them.
    #[must_use]
    pub fn matches(&self, it: &StoredDelivery) -> bool {
        self.source.as_ref().is_none_or(|source| *source == it.delivery.source)
            && self.key.as_ref().is_none_or(|key| *key == it.delivery.key)
            && self.from.is_none_or(|from| it.received_at >= from)
            && self.to.is_none_or(|to| it.received_at < to)
            && (!self.dead || matches!(it.state, DeliveryState::Dead(_)))
            && self.after.is_none_or(|after| it.number > after)
    }
}

/// What an inbox can do beyond the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct InboxCapabilities {
    /// What was acknowledged survives the end of the process.
    pub durable: bool,
    /// Several processes may use it at once.
    pub shared: bool,
}

/// Where deliveries wait between the moment in which their sender is told that they have come and that in which they are handled.
///
/// Deliveries of one lane of one source are handled one after another, in the order in which they were admitted; those of others
/// beside them. Handling is at least once: what is claimed and not settled is claimed again when the claim has expired.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait Inbox: Debug + Send + Sync + 'static {
    /// The adapter's name, for example `sqlite`.
    fn name(&self) -> &'static str;

    /// What this inbox offers.
    fn capabilities(&self) -> InboxCapabilities;

    /// Stores deliveries, each once by source and key, and says of each what became of it, in their order. All of it is one
    /// transaction: after an error without an unknown effect, none of them is there.
    ///
    /// # Errors
    /// `StorageFull`, `Unavailable`, `Timeout`, `Corrupt`.
    async fn admit(&self, cx: &OpContext, deliveries: &[NewDelivery]) -> Result<Vec<Admitted>>;

    /// Takes, for `ttl` from `now`, the first waiting delivery of at most `limit` lanes that nobody holds and that need not wait,
    /// those first that have waited longest. Of several who claim at once each gets others. What it costs does not grow with how
    /// many deliveries there are, where the inbox is `durable`. Where its answer is lost, what was claimed is free again when it
    /// has expired.
    ///
    /// # Errors
    /// As [`Inbox::admit`].
    async fn claim(&self, cx: &OpContext, now: UnixMillis, ttl: Duration, limit: usize) -> Result<Vec<Claim>>;

    /// Says how handling ended, and gives the lane back. Saying it again changes nothing.
    ///
    /// # Errors
    /// `Conflict` where the lane was claimed again since; and as [`Inbox::admit`].
    async fn settle(&self, cx: &OpContext, claim: &Claim, settlement: &Settlement) -> Result<()>;

    /// At most `limit` deliveries, in the order of their numbers.
    ///
    /// # Errors
    /// `Corrupt`, `Unavailable`, `Timeout`.
    async fn find(&self, cx: &OpContext, query: &InboxQuery, limit: usize) -> Result<Vec<StoredDelivery>>;

    /// Lets those of these deliveries that do not wait wait to be handled once more, and answers how many those are. Numbers that
    /// there are not are passed over.
    ///
    /// # Errors
    /// As [`Inbox::admit`].
    async fn replay(&self, cx: &OpContext, numbers: &[DeliveryNumber]) -> Result<u64>;
}
