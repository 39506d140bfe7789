//! Deliveries that are stored in one transaction, where the store can never store one of them.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::FutureExt as _;
use pathops_coordinator::gateway::Answer;
use pathops_core::adapter::{
    Admitted, Claim, DeliveryNumber, DeliveryState, Inbox, InboxCapabilities, InboxQuery, NewDelivery, Settlement, StoredDelivery,
};
use pathops_core::memory::{Fault, Faults, Faulty, MemoryInbox, When};
use pathops_core::{Error, ErrorKind, OpContext, Result, UnixMillis};

use crate::world::name;
use crate::{World, is_new};

/// An inbox that can never store what has the key `bad`.
#[derive(Debug)]
struct Picky(Arc<MemoryInbox>);

#[async_trait]
impl Inbox for Picky {
    fn name(&self) -> &'static str {
        "picky"
    }

    fn capabilities(&self) -> InboxCapabilities {
        self.0.capabilities()
    }

    async fn admit(&self, cx: &OpContext, deliveries: &[NewDelivery]) -> Result<Vec<Admitted>> {
        if deliveries.iter().any(|it| it.delivery.key.as_str() == "bad") {
            return Err(Error::new(ErrorKind::Invalid, "store deliveries").because("one of them is bad"));
        }
        self.0.admit(cx, deliveries).await
    }

    async fn claim(&self, cx: &OpContext, now: UnixMillis, ttl: Duration, limit: usize) -> Result<Vec<Claim>> {
        self.0.claim(cx, now, ttl, limit).await
    }

    async fn settle(&self, cx: &OpContext, claim: &Claim, settlement: &Settlement) -> Result<()> {
        self.0.settle(cx, claim, settlement).await
    }

    async fn find(&self, cx: &OpContext, query: &InboxQuery, limit: usize) -> Result<Vec<StoredDelivery>> {
        self.0.find(cx, query, limit).await
    }

    async fn replay(&self, cx: &OpContext, numbers: &[DeliveryNumber]) -> Result<u64> {
        self.0.replay(cx, numbers).await
    }
}

#[test]
fn one_that_can_never_be_stored_does_not_keep_out_those_beside_it() {
    let world = World::new();
    let picky: Arc<dyn Inbox> = Arc::new(Picky(world.inbox.clone()));
    let slow = Faults::new(1, world.clock.clone()).with(Fault::Slow(Duration::from_secs(1)), When::Call(1));
    let faults = Arc::new(slow);
    let inbox: Faulty<dyn Inbox> = Faulty::new(picky, faults.clone());
    let gateway = world.over(Arc::new(inbox));
    let (token, plain): ([(&str, &[u8]); 1], _) = ([("x-token", b"good")], name("plain"));
    let send = |text: &str| Box::pin(gateway.receive(&plain, &token, text.as_bytes().to_vec()));
    let mut all = ["k1 a", "k2 b", "bad c", "k3 d"].map(send);
    // While the first is stored, the others come together.
    assert!(all.iter_mut().all(|it| it.now_or_never().is_none()));
    world.clock.advance(Duration::from_secs(1));
    let answers: Vec<Answer> = all.iter_mut().map(|it| it.now_or_never().unwrap()).collect();
    let [first, second, bad, third] = &answers[..] else { panic!("{answers:?}") };
    assert!(is_new(first) && is_new(second) && is_new(third), "{answers:?}");
    assert!(matches!(bad, Answer::Busy(_, error) if error.kind() == ErrorKind::Invalid), "{bad:?}");
    let stored = ["k1", "k2", "k3"].map(|key| (key.to_owned(), DeliveryState::Waiting));
    assert_eq!(world.stored(), stored);
    assert_eq!(faults.calls(), 5, "the first, the three others together, and then each of them");
}
