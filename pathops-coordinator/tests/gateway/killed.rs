//! The process is killed at any step, again and again, while senders send twice and in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use pathops_coordinator::gateway::{Answer, DeliveryHandler, Gateway};
use pathops_core::adapter::{
    Admitted, Claim, DeliveryNumber, DeliveryState, Inbox, InboxCapabilities, InboxQuery, NewDelivery, Settlement, StoredDelivery,
};
use pathops_core::memory::{ManualClock, MemoryBlobs, MemoryInbox};
use pathops_core::{OpContext, Result, UnixMillis};
use proptest::prelude::*;

use crate::world::{Fuse, Outside, Plain, cx, name, now};

/// An inbox with one connection, for which calls wait, that outlives the process which uses it; that ends before a call, or after
/// it and before its answer.
#[derive(Debug)]
pub(crate) struct Outlives {
    inner: MemoryInbox,
    connection: futures_util::lock::Mutex<()>,
    fuse: Arc<Fuse>,
}

impl Outlives {
    pub(crate) fn new(inner: MemoryInbox, fuse: Arc<Fuse>) -> Self {
        Self { inner, connection: Default::default(), fuse }
    }

    async fn through<T>(&self, call: impl Future<Output = T> + Send) -> T {
        let _connection = self.connection.lock().await;
        moment().await;
        self.fuse.step().await;
        let answer = call.await;
        moment().await;
        self.fuse.step().await;
        answer
    }
}

/// Lets others go on.
async fn moment() {
    let mut waited = false;
    std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

#[async_trait]
impl Inbox for Outlives {
    fn name(&self) -> &'static str {
        "outlives"
    }

    fn capabilities(&self) -> InboxCapabilities {
        self.inner.capabilities()
    }

    async fn admit(&self, cx: &OpContext, deliveries: &[NewDelivery]) -> Result<Vec<Admitted>> {
        self.through(self.inner.admit(cx, deliveries)).await
    }

    async fn claim(&self, cx: &OpContext, now: UnixMillis, ttl: Duration, limit: usize) -> Result<Vec<Claim>> {
        self.through(self.inner.claim(cx, now, ttl, limit)).await
    }

    async fn settle(&self, cx: &OpContext, claim: &Claim, settlement: &Settlement) -> Result<()> {
        self.through(self.inner.settle(cx, claim, settlement)).await
    }

    async fn find(&self, cx: &OpContext, query: &InboxQuery, limit: usize) -> Result<Vec<StoredDelivery>> {
        self.inner.find(cx, query, limit).await
    }

    async fn replay(&self, cx: &OpContext, numbers: &[DeliveryNumber]) -> Result<u64> {
        self.inner.replay(cx, numbers).await
    }
}

/// Asks something outside, once for each delivery, by its key.
#[derive(Debug)]
struct Asks {
    outside: Arc<Mutex<Outside>>,
    fuse: Arc<Fuse>,
}

#[async_trait]
impl DeliveryHandler for Asks {
    async fn handle(&self, cx: &OpContext, it: &StoredDelivery) -> Result<()> {
        self.fuse.step().await;
        self.outside.lock().unwrap().ask(cx.key().as_str(), it.delivery.lane.as_str());
        self.fuse.step().await;
        Ok(())
    }
}

/// What outlives the processes.
#[derive(Default)]
struct Rest {
    inbox: MemoryInbox,
    blobs: MemoryBlobs,
    outside: Arc<Mutex<Outside>>,
}

impl Rest {
    /// One life of a process: it receives what is left to send, in order, and handles. What it acknowledged is taken off.
    fn live(&self, clock: &Arc<ManualClock>, fuse: Option<usize>, unsent: &mut Vec<String>) {
        let fuse = Arc::new(Fuse::of(fuse));
        let inbox = Arc::new(Outlives::new(self.inbox.clone(), fuse.clone()));
        let gateway = Gateway::new(inbox, Arc::new(self.blobs.clone()), clock.clone()).with_source(Arc::new(Plain::new("plain")));
        let handler = Arc::new(Asks { outside: self.outside.clone(), fuse: fuse.clone() });
        let mut running = Box::pin(gateway.run(handler, pending()));
        let mut poll_all = || {
            for _ in 0..4 {
                let polled = running.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                assert!(polled.is_pending());
            }
        };
        while let Some(text) = unsent.first() {
            let (token, plain): ([(&str, &[u8]); 1], _) = ([("x-token", b"good")], name("plain"));
            let mut receiving = Box::pin(gateway.receive(&plain, &token, text.as_bytes().to_vec()));
            let answer = (0..1_000).find_map(|_| {
                poll_all();
                match receiving.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(answer) => Some(answer),
                    Poll::Pending => None,
                }
            });
            drop(receiving);
            match answer {
                Some(Answer::Stored(_)) => drop(unsent.remove(0)),
                Some(answer) => panic!("{answer:?}"),
                None => assert!(fuse.is_out(), "a webhook is not answered"),
            }
            if fuse.is_out() {
                return;
            }
        }
        for _ in 0..200 {
            poll_all();
            if fuse.is_out() {
                return;
            }
            clock.advance_to_next();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn each_delivery_has_one_effect_in_the_order_of_its_lane(
        sent in prop::collection::vec((0..20_u8, 0..2_u8), 1..40),
        lives in prop::collection::vec(1..40_usize, 0..12),
    ) {
        // Of a key there is one lane and one body, however often it is sent.
        let mut unsent: Vec<String> = sent.iter().map(|(key, _)| format!("k{key} l{}", key % 4)).collect();
        let all: BTreeSet<String> = unsent.iter().cloned().collect();
        let (rest, clock) = (Rest::default(), Arc::new(ManualClock::new(UnixMillis(0))));
        for steps in lives {
            rest.live(&clock, Some(steps), &mut unsent);
            clock.advance(Duration::from_secs(120));
        }
        rest.live(&clock, None, &mut unsent);

        let outside = rest.outside.lock().unwrap();
        prop_assert_eq!(outside.done.len(), all.len(), "{:?}", outside);
        let stored = now(rest.inbox.find(&cx(), &InboxQuery::default(), 1_000)).unwrap();
        prop_assert!(stored.iter().all(|it| it.state == DeliveryState::Handled), "{:?}", stored);
        let mut done: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (lane, key) in &outside.done {
            done.entry(lane).or_default().push(key.clone());
        }
        let mut admitted: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for it in &stored {
            admitted.entry(it.delivery.lane.as_str()).or_default().push(format!("webhook/plain/{}", it.delivery.key));
        }
        prop_assert_eq!(done, admitted);
    }
}

/// The harness can tell: a process that ends between the effect and its being told makes a second call.
#[test]
fn a_process_that_is_killed_calls_again() {
    let called_again = (1..20).any(|steps| {
        let (rest, clock) = (Rest::default(), Arc::new(ManualClock::new(UnixMillis(0))));
        let mut unsent = vec!["k1 a".to_owned()];
        rest.live(&clock, Some(steps), &mut unsent);
        clock.advance(Duration::from_secs(120));
        rest.live(&clock, None, &mut unsent);
        let outside = rest.outside.lock().unwrap();
        assert_eq!(outside.done.len(), 1, "killed at step {steps}");
        outside.calls.len() == 2
    });
    assert!(called_again);
}
