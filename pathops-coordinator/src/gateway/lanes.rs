//! Handling what waits: one delivery of a lane at a time, several lanes at once.

use std::fmt::Debug;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{Either, select};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use pathops_core::adapter::{Claim, Settlement, StoredDelivery};
use pathops_core::{Effect, Error, ErrorKind, IdempotencyKey, OpContext, Result, Retry};

use super::{Gateway, cx};

/// How often it is looked for what others have admitted, and for what is due again.
const PACE: Duration = Duration::from_secs(1);
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// What is done about deliveries.
#[async_trait]
pub trait DeliveryHandler: Debug + Send + Sync {
    /// Looks at what a delivery hints at, and does what is to be done. It is called at least once for each, with the same key in
    /// `cx` each time: what it did before, it finds and does not do again.
    ///
    /// # Errors
    /// What may pass is tried again, later each time. What says that another try is no use, and that nothing has happened, makes
    /// a dead letter at once.
    async fn handle(&self, cx: &OpContext, delivery: &StoredDelivery) -> Result<()>;
}

/// What one look at the inbox led to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// So many deliveries were handled.
    pub handled: usize,
    /// So many are tried again later.
    pub later: usize,
    /// So many are dead letters.
    pub dead: usize,
    /// Of so many nobody knows: somebody else has taken them, or the inbox was out of reach. They are handled again.
    pub lost: usize,
}

impl Turn {
    fn count(&mut self, settled: Option<&Settlement>) {
        match settled {
            Some(Settlement::Handled) => self.handled += 1,
            Some(Settlement::Later(_)) => self.later += 1,
            Some(Settlement::Dead(_)) => self.dead += 1,
            None => self.lost += 1,
        }
    }

    /// Whether there was anything to do.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        *self == Self::default()
    }
}

/// Does something while what runs goes on: one of those may hold what this waits for, the connection of a store for example.
async fn beside<T>(running: &mut FuturesUnordered<impl Future>, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    while !running.is_empty() {
        if let Either::Left((done, _)) = select(work.as_mut(), running.next()).await {
            return done;
        }
    }
    work.await
}

impl Gateway {
    /// Handles what is due now, [`Limits::lanes_at_once`](super::Limits::lanes_at_once) lanes at most, one delivery of each.
    ///
    /// # Errors
    /// What the inbox answers; then nothing was claimed.
    ///
    /// # Cancel safety
    /// What is being handled is handled again when its claim has expired.
    pub async fn turn(&self, handler: &dyn DeliveryHandler) -> Result<Turn> {
        let claims = self.claim(self.limits.lanes_at_once).await?;
        let mut running: FuturesUnordered<_> = claims.into_iter().map(|claim| self.handle(handler, claim)).collect();
        let mut turn = Turn::default();
        while let Some(settled) = running.next().await {
            turn.count(settled.as_ref());
        }
        Ok(turn)
    }

    /// Handles what comes until `end`, and then finishes what is being handled. A store that is out of reach is waited for until
    /// `end`, and not beyond it.
    ///
    /// # Cancel safety
    /// As [`Gateway::turn`].
    pub async fn run(&self, handler: Arc<dyn DeliveryHandler>, end: impl Future<Output = ()>) {
        let (mut end, mut running) = (pin!(end), FuturesUnordered::new());
        loop {
            let rung = self.bell.times();
            let claims = match select(&mut end, pin!(self.next(&mut running))).await {
                Either::Left(_) => break,
                Either::Right((claims, _)) => claims,
            };
            running.extend(claims.into_iter().map(|claim| self.handle(&*handler, claim)));
            let news = async {
                let quiet = async { drop(select(pin!(self.bell.after(rung)), self.clock.sleep(PACE)).await) };
                match running.len() {
                    0 => quiet.await,
                    full if full >= self.limits.lanes_at_once => drop(running.next().await),
                    _ => drop(select(running.next(), pin!(quiet)).await),
                }
            };
            if let Either::Left(_) = select(&mut end, pin!(news)).await {
                break;
            }
        }
        while running.next().await.is_some() {}
    }

    /// What is to be handled next, beside what runs. Dropped half way, what was claimed is claimed again when that has expired.
    async fn next(&self, running: &mut FuturesUnordered<impl Future>) -> Vec<Claim> {
        beside(running, self.drain()).await;
        let free = self.limits.lanes_at_once.saturating_sub(running.len());
        match beside(running, self.claim(free)).await {
            Ok(claims) => claims,
            Err(error) => {
                tracing::warn!(%error, "the inbox is out of reach");
                Vec::new()
            }
        }
    }

    async fn claim(&self, limit: usize) -> Result<Vec<Claim>> {
        if limit == 0 {
            return Ok(Vec::new());
        }
        // A little longer than a try takes, so that a claim lasts until its end is told.
        let ttl = self.limits.handle_within + self.limits.handle_within / 4;
        self.store.inbox.claim(&cx("claim"), self.clock.now(), ttl, limit).await
    }

    /// How it ended, where that could be told.
    async fn handle(&self, handler: &dyn DeliveryHandler, claim: Claim) -> Option<Settlement> {
        let it = &claim.delivery.delivery;
        let key = IdempotencyKey::new(format!("webhook/{}/{}", it.source, it.key));
        let context = OpContext::new(key).with_timeout(self.limits.handle_within);
        let handling = handler.handle(&context, &claim.delivery);
        let ended = match select(handling, self.clock.sleep(self.limits.handle_within)).await {
            Either::Left((ended, _)) => ended,
            Either::Right(_) => Err(Error::new(ErrorKind::Timeout, "handle a delivery").on(&it.key)),
        };
        let settlement = self.settlement(&claim, ended);
        match self.store.inbox.settle(&cx("settle"), &claim, &settlement).await {
            Ok(()) => Some(settlement),
            Err(error) => {
                tracing::warn!(source = %it.source, key = %it.key, %error, "a delivery is handled again: its end was not stored");
                None
            }
        }
    }

    fn settlement(&self, claim: &Claim, ended: Result<()>) -> Settlement {
        let Err(error) = ended else { return Settlement::Handled };
        let (attempts, key) = (claim.delivery.attempts.saturating_add(1), &claim.delivery.delivery.key);
        let is_final = (error.retry(), error.effect()) == (Retry::Never, Effect::None);
        if is_final || attempts >= self.limits.attempts {
            tracing::error!(%key, attempts, %error, "a delivery is a dead letter");
            return Settlement::Dead(error.to_string());
        }
        tracing::info!(%key, attempts, %error, "a delivery is tried again");
        let doubled = FIRST_WAIT * 2_u32.saturating_pow(attempts.min(16) - 1);
        let wait = match error.retry() {
            Retry::After(wait) => wait,
            _ => doubled.min(LONGEST_WAIT),
        };
        Settlement::Later(self.clock.now() + wait)
    }
}
