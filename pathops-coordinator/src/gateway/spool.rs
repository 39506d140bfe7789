//! From the spool to where deliveries belong.

use std::time::Duration;

use pathops_core::adapter::{Settlement, StoredDelivery};
use pathops_core::{Error, ErrorKind, Result};

use super::{Gateway, Store, cx};

/// How long what could not be taken out of the spool stays there at least.
const PAUSE: Duration = Duration::from_secs(1);

impl Gateway {
    /// Takes what is in the spool to where it belongs, as long as that works.
    ///
    /// They are claimed one at a time: a store that hangs keeps nobody's claim waiting but that of one.
    pub(super) async fn drain(&self) {
        let Some(spool) = &self.spool else { return };
        for _ in 0..self.limits.lanes_at_once {
            let claimed = spool.inbox.claim(&cx("spool"), self.clock.now(), self.limits.handle_within, 1).await;
            let claim = match claimed.map(|claims| claims.into_iter().next()) {
                Ok(Some(claim)) => claim,
                Ok(None) => return,
                Err(error) => return tracing::warn!(%error, "the spool is out of reach"),
            };
            let taken = self.unspool(spool, &claim.delivery).await;
            let out_of_reach = taken.as_ref().is_err_and(|it| matches!(it.kind(), ErrorKind::Unavailable | ErrorKind::Timeout));
            let settlement = taken.unwrap_or_else(|error| {
                tracing::warn!(%error, "a delivery stays in the spool");
                Settlement::Later(self.clock.now() + PAUSE)
            });
            if let Err(error) = spool.inbox.settle(&cx("spool"), &claim, &settlement).await {
                return tracing::warn!(%error, "a delivery is taken from the spool again: its end was not stored");
            }
            if out_of_reach {
                return;
            }
        }
    }

    /// What the spool is to be told of it. Without its body it is no use to try again.
    async fn unspool(&self, spool: &Store, it: &StoredDelivery) -> Result<Settlement> {
        let StoredDelivery { delivery, body, received_at, .. } = it;
        let missing = || Error::new(ErrorKind::Corrupt, "read a body in the spool").on(body).because("it is not there");
        let bytes = match spool.blobs.get(&cx("spool"), body).await.and_then(|bytes| bytes.ok_or_else(missing)) {
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                let (source, key) = (&delivery.source, &delivery.key);
                tracing::error!(%source, %key, %error, "a delivery in the spool is a dead letter");
                return Ok(Settlement::Dead(error.to_string()));
            }
            read => read?,
        };
        self.store.keep(delivery.clone(), bytes, *received_at).await?;
        Ok(Settlement::Handled)
    }
}
