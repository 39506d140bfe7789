//! What came before is handled once more, and what never came is found.

use std::fmt::Debug;

use async_trait::async_trait;
use pathops_core::adapter::{Admitted, Delivery, InboxQuery, StoredDelivery};
use pathops_core::{Error, ErrorKind, OpContext, Result, UnixMillis};

use super::{Gateway, cx};

/// Compares with the truth, for what a sender did not send, or sent while nobody listened.
#[async_trait]
pub trait Sweep: Debug + Send + Sync {
    /// What has happened since, as deliveries: with the key and the lane that the sender's own would have where that is known,
    /// and else with a key that is the same for the same state of the same thing. What had come already is known by its key and
    /// changes nothing, so it may tell too much; it may not tell too little.
    ///
    /// # Errors
    /// What the system answers; nothing is then taken.
    async fn happened(&self, cx: &OpContext, since: UnixMillis) -> Result<Vec<Delivery>>;
}

/// What a sweep led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// So many things have happened.
    pub happened: usize,
    /// So many of them were new here.
    pub missed: usize,
}

impl Gateway {
    /// The first `limit` deliveries that the query finds, which are handled once more; with `dry_run` nothing changes.
    /// What waits already goes on waiting. The numbers of the last one and a further call lead through all of them.
    ///
    /// # Errors
    /// What the inbox answers.
    pub async fn replay(&self, query: &InboxQuery, limit: usize, dry_run: bool) -> Result<Vec<StoredDelivery>> {
        let found = self.store.inbox.find(&cx("replay"), query, limit).await?;
        if !dry_run && !found.is_empty() {
            let numbers: Vec<_> = found.iter().map(|it| it.number).collect();
            self.store.inbox.replay(&cx("replay"), &numbers).await?;
            self.bell.ring();
        }
        Ok(found)
    }

    /// Asks the truth what has happened since, and takes what had not come.
    ///
    /// # Errors
    /// What the sweep or the store answers. What was taken before is kept; sweeping again does no harm.
    pub async fn sweep(&self, sweep: &dyn Sweep, since: UnixMillis) -> Result<Swept> {
        let mut swept = Swept::default();
        for delivery in sweep.happened(&cx("sweep"), since).await? {
            swept.happened += 1;
            let no_json = |e| Error::new(ErrorKind::Unexpected, "write hints down").with_source(e);
            let body = serde_json::to_vec(&delivery.hints).map_err(no_json)?;
            if self.store.take(delivery, body, self.clock.now()).await? == Admitted::New {
                swept.missed += 1;
            }
        }
        if swept.missed > 0 {
            self.bell.ring();
        }
        Ok(swept)
    }
}
