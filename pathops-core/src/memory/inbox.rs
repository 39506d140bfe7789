use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::adapter::{
    Admitted, Claim, DeliveryNumber, DeliveryState, Inbox, InboxCapabilities, InboxQuery, NewDelivery, Settlement, StoredDelivery,
};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{Lane, WebhookSourceName};
use crate::op::OpContext;
use crate::time::UnixMillis;

/// An inbox in memory. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct MemoryInbox(Arc<Mutex<Stored>>);

#[derive(Debug, Default)]
struct Stored {
    deliveries: BTreeMap<DeliveryNumber, StoredDelivery>,
    lanes: BTreeMap<(WebhookSourceName, Lane), LaneState>,
}

#[derive(Debug, Default)]
struct LaneState {
    fence: u64,
    /// When it may be claimed next: at once, when a try is due, or when a claim expires. `None`: nothing waits.
    due: Option<UnixMillis>,
}

impl MemoryInbox {
    /// An empty inbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stored {
    fn admit(&mut self, new: &NewDelivery) -> Admitted {
        let same = |it: &&StoredDelivery| (&it.delivery.source, &it.delivery.key) == (&new.delivery.source, &new.delivery.key);
        if let Some(known) = self.deliveries.values().find(same) {
            return if known.body == new.body { Admitted::Known } else { Admitted::Taken };
        }
        let number = DeliveryNumber(self.deliveries.last_key_value().map_or(0, |(last, _)| last.0) + 1);
        let NewDelivery { delivery, body, received_at } = new.clone();
        let lane = self.lane(&delivery.source, &delivery.lane);
        lane.due = lane.due.or(Some(received_at));
        let stored = StoredDelivery { number, delivery, body, received_at, attempts: 0, state: DeliveryState::Waiting };
        self.deliveries.insert(number, stored);
        Admitted::New
    }

    fn lane(&mut self, source: &WebhookSourceName, lane: &Lane) -> &mut LaneState {
        self.lanes.entry((source.clone(), lane.clone())).or_default()
    }

    fn first_waiting(&self, source: &WebhookSourceName, lane: &Lane) -> Option<&StoredDelivery> {
        let of_lane = |it: &&StoredDelivery| (&it.delivery.source, &it.delivery.lane) == (source, lane);
        self.deliveries.values().filter(of_lane).find(|it| it.state == DeliveryState::Waiting)
    }
}

#[async_trait]
impl Inbox for MemoryInbox {
    fn name(&self) -> &'static str {
        "memory-inbox"
    }

    fn capabilities(&self) -> InboxCapabilities {
        InboxCapabilities::default()
    }

    async fn admit(&self, _: &OpContext, deliveries: &[NewDelivery]) -> Result<Vec<Admitted>> {
        let mut stored = self.stored();
        Ok(deliveries.iter().map(|new| stored.admit(new)).collect())
    }

    async fn claim(&self, _: &OpContext, now: UnixMillis, ttl: Duration, limit: usize) -> Result<Vec<Claim>> {
        let mut stored = self.stored();
        let due = |(key, lane): (&(WebhookSourceName, Lane), &LaneState)| {
            lane.due.filter(|due| *due <= now).map(|due| (due, key.clone()))
        };
        let mut lanes: Vec<_> = stored.lanes.iter().filter_map(due).collect();
        lanes.sort();
        let mut claims = Vec::new();
        for (_, (source, lane)) in lanes.into_iter().take(limit) {
            let Some(delivery) = stored.first_waiting(&source, &lane).cloned() else { continue };
            let expires_at = now + ttl;
            let lane = stored.lane(&source, &lane);
            (lane.fence, lane.due) = (lane.fence + 1, Some(expires_at));
            claims.push(Claim { delivery, fence: lane.fence, expires_at });
        }
        Ok(claims)
    }

    async fn settle(&self, _: &OpContext, claim: &Claim, settlement: &Settlement) -> Result<()> {
        let mut stored = self.stored();
        let (source, lane) = (&claim.delivery.delivery.source, &claim.delivery.delivery.lane);
        if stored.lane(source, lane).fence != claim.fence {
            return Err(Error::new(ErrorKind::Conflict, "settle a delivery").on(lane).because("its lane was claimed again"));
        }
        if let Some(it) = stored.deliveries.get_mut(&claim.delivery.number) {
            match settlement {
                Settlement::Handled => it.state = DeliveryState::Handled,
                Settlement::Later(_) => it.attempts = claim.delivery.attempts + 1,
                Settlement::Dead(reason) => it.state = DeliveryState::Dead(reason.clone()),
            }
        }
        let next = stored.first_waiting(source, lane).map(|it| it.received_at);
        stored.lane(source, lane).due = match settlement {
            Settlement::Later(at) => Some(*at),
            _ => next,
        };
        Ok(())
    }

    async fn find(&self, _: &OpContext, query: &InboxQuery, limit: usize) -> Result<Vec<StoredDelivery>> {
        Ok(self.stored().deliveries.values().filter(|it| query.matches(it)).take(limit).cloned().collect())
    }

    async fn replay(&self, _: &OpContext, numbers: &[DeliveryNumber]) -> Result<u64> {
        let mut stored = self.stored();
        let mut replayed = 0;
        for number in numbers {
            let Some(it) = stored.deliveries.get_mut(number).filter(|it| it.state != DeliveryState::Waiting) else { continue };
            (it.state, it.attempts) = (DeliveryState::Waiting, 0);
            let (source, lane, at) = (it.delivery.source.clone(), it.delivery.lane.clone(), it.received_at);
            let lane = stored.lane(&source, &lane);
            lane.due = lane.due.or(Some(at));
            replayed += 1;
        }
        Ok(replayed)
    }
}
