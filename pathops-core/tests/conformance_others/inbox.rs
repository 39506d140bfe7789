use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{
    Admitted, Claim, DeliveryNumber, DeliveryState, Inbox, InboxCapabilities, InboxQuery, NewDelivery, Settlement, StoredDelivery,
};
use pathops_core::conformance::inbox::{InboxFixture, InboxWorld, cases, worlds};
use pathops_core::memory::{Faulty, MemoryInbox};
use pathops_core::{OpContext, Result, UnixMillis};

use crate::failing;
use crate::forge::no_faults;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    CallsKnownNew,
    CallsTakenKnown,
    TakesAllForOneSource,
    MixesUpABatch,
    SortsABatch,
    LosesHints,
    OverlooksTheLimitOfAClaim,
    OverlooksTheLimitOfASearch,
    NeverFreesAClaim,
    GivesHeldLanes,
    ClaimsAnyLaneFirst,
    OverlooksTheFence,
    TriesAgainAtOnce,
    CountsNoAttempts,
    TriesTheDeadAgain,
    LosesTheReason,
    HandlesNothing,
    FindsEverything,
    ReplaysTheDeadOnly,
    ReplaysNothing,
    ForgetsOnRestart,
}

/// The reference inbox, said to be durable and shared, with one defect.
#[derive(Clone, Debug)]
struct Planted {
    defect: Defect,
    inner: MemoryInbox,
    claims: Arc<Mutex<Vec<Claim>>>,
}

impl Planted {
    fn new(defect: Defect) -> Self {
        Self { defect, inner: MemoryInbox::new(), claims: Arc::default() }
    }

    fn spoil(&self, new: &NewDelivery) -> NewDelivery {
        let mut new = new.clone();
        match self.defect {
            Defect::TakesAllForOneSource => new.delivery.source = "one".parse().unwrap(),
            Defect::LosesHints => new.delivery.hints.clear(),
            Defect::ClaimsAnyLaneFirst => new.received_at = UnixMillis(0),
            _ => {}
        }
        new
    }
}

#[async_trait]
impl Inbox for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn capabilities(&self) -> InboxCapabilities {
        capabilities()
    }

    async fn admit(&self, cx: &OpContext, deliveries: &[NewDelivery]) -> Result<Vec<Admitted>> {
        let mut deliveries: Vec<_> = deliveries.iter().map(|new| self.spoil(new)).enumerate().collect();
        if self.defect == Defect::SortsABatch {
            deliveries.sort_by(|(_, one), (_, other)| one.delivery.key.as_str().cmp(other.delivery.key.as_str()));
        }
        let (places, deliveries): (Vec<_>, Vec<_>) = deliveries.into_iter().unzip();
        let admitted = self.inner.admit(cx, &deliveries).await?;
        let admitted: BTreeMap<_, _> = places.into_iter().zip(admitted).collect();
        let mut admitted: Vec<_> = admitted.into_values().collect();
        match self.defect {
            Defect::CallsKnownNew => admitted.iter_mut().filter(|it| **it == Admitted::Known).for_each(|it| *it = Admitted::New),
            Defect::CallsTakenKnown => {
                admitted.iter_mut().filter(|it| **it == Admitted::Taken).for_each(|it| *it = Admitted::Known);
            }
            Defect::MixesUpABatch => admitted.reverse(),
            _ => {}
        }
        Ok(admitted)
    }

    async fn claim(&self, cx: &OpContext, now: UnixMillis, ttl: Duration, limit: usize) -> Result<Vec<Claim>> {
        let limit = if self.defect == Defect::OverlooksTheLimitOfAClaim { usize::MAX } else { limit };
        let held = match self.defect {
            Defect::NeverFreesAClaim => ttl * 1_000,
            Defect::GivesHeldLanes => Duration::ZERO,
            _ => ttl,
        };
        let mut claims = self.inner.claim(cx, now, held, limit).await?;
        claims.iter_mut().for_each(|claim| claim.expires_at = now + ttl);
        if self.defect == Defect::CountsNoAttempts {
            claims.iter_mut().for_each(|claim| claim.delivery.attempts = 0);
        }
        self.claims.lock().unwrap().extend(claims.clone());
        Ok(claims)
    }

    async fn settle(&self, cx: &OpContext, claim: &Claim, settlement: &Settlement) -> Result<()> {
        let newest = self.claims.lock().unwrap().iter().rev().find(|it| it.delivery.delivery == claim.delivery.delivery).cloned();
        let claim = match newest {
            Some(newest) if self.defect == Defect::OverlooksTheFence => newest,
            _ => claim.clone(),
        };
        let settlement = match (self.defect, settlement) {
            (Defect::TriesAgainAtOnce, Settlement::Later(_)) => Settlement::Later(UnixMillis(0)),
            (Defect::TriesTheDeadAgain, Settlement::Dead(_)) => Settlement::Later(UnixMillis(0)),
            (Defect::LosesTheReason, Settlement::Dead(_)) => Settlement::Dead(String::new()),
            (Defect::HandlesNothing, Settlement::Handled) => Settlement::Later(UnixMillis(0)),
            (_, settlement) => settlement.clone(),
        };
        self.inner.settle(cx, &claim, &settlement).await
    }

    async fn find(&self, cx: &OpContext, query: &InboxQuery, limit: usize) -> Result<Vec<StoredDelivery>> {
        let all = InboxQuery::default();
        let query = if self.defect == Defect::FindsEverything { &all } else { query };
        let limit = if self.defect == Defect::OverlooksTheLimitOfASearch { usize::MAX } else { limit };
        self.inner.find(cx, query, limit).await
    }

    async fn replay(&self, cx: &OpContext, numbers: &[DeliveryNumber]) -> Result<u64> {
        match self.defect {
            Defect::ReplaysNothing => Ok(2),
            Defect::ReplaysTheDeadOnly => {
                let all = self.inner.find(cx, &InboxQuery::default(), usize::MAX).await?;
                let dead = all.iter().filter(|it| matches!(it.state, DeliveryState::Dead(_))).map(|it| it.number);
                let dead: Vec<_> = dead.filter(|number| numbers.contains(number)).collect();
                self.inner.replay(cx, &dead).await
            }
            _ => self.inner.replay(cx, numbers).await,
        }
    }
}

#[async_trait]
impl InboxFixture for Planted {
    async fn fresh(&self) -> InboxWorld {
        let planted = Planted::new(self.defect);
        let open = move || {
            let planted = if planted.defect == Defect::ForgetsOnRestart { Planted::new(planted.defect) } else { planted.clone() };
            async move { Arc::new(planted) as Arc<dyn Inbox> }
        };
        InboxWorld::new(open, ())
    }
}

/// The reference inbox through the wrapper that plans faults, with none planned.
struct Wrapped;

#[async_trait]
impl InboxFixture for Wrapped {
    async fn fresh(&self) -> InboxWorld {
        let faulty: Faulty<dyn Inbox> = Faulty::new(Arc::new(Planted::new(Defect::None)), no_faults());
        let inbox: Arc<dyn Inbox> = Arc::new(faulty);
        InboxWorld::new(move || std::future::ready(inbox.clone()), ())
    }
}

fn capabilities() -> InboxCapabilities {
    let mut capabilities = InboxCapabilities::default();
    (capabilities.durable, capabilities.shared) = (true, true);
    capabilities
}

#[test]
fn the_reference_passes_and_through_the_wrapper_too() {
    let nothing: [&str; 0] = [];
    assert_eq!(failing(&cases(capabilities()), &worlds(Arc::new(Planted::new(Defect::None)))), nothing);
    assert_eq!(failing(&cases(capabilities()), &worlds(Arc::new(Wrapped))), nothing);
}

#[test]
fn what_is_not_declared_is_told() {
    let failed = failing(&cases(InboxCapabilities::default()), &worlds(Arc::new(Planted::new(Defect::None))));
    assert_eq!(failed, ["declares_what_it_is_tested_for"]);
}

#[test]
fn each_defect_fails_the_cases_that_name_it() {
    let expected: [(Defect, &[&str]); 21] = [
        (
            Defect::CallsKnownNew,
            &[
                "what_is_admitted_again_is_known",
                "a_batch_is_answered_in_its_order",
                "what_is_admitted_and_settled_survives",
                "of_many_at_once_each_gets_others",
            ],
        ),
        (Defect::CallsTakenKnown, &["another_body_under_a_key_is_told", "a_batch_is_answered_in_its_order"]),
        (Defect::TakesAllForOneSource, &["a_key_belongs_to_its_source", "deliveries_are_found_by_what_they_are"]),
        (Defect::MixesUpABatch, &["a_batch_is_answered_in_its_order"]),
        (Defect::SortsABatch, &["a_batch_is_answered_in_its_order"]),
        (Defect::LosesHints, &["what_is_admitted_is_found_as_it_came"]),
        (
            Defect::OverlooksTheLimitOfAClaim,
            &["lanes_are_claimed_beside_each_other", "those_that_wait_longest_are_claimed_first"],
        ),
        (Defect::OverlooksTheLimitOfASearch, &["deliveries_are_found_by_what_they_are"]),
        (
            Defect::NeverFreesAClaim,
            &[
                "what_is_claimed_and_not_settled_is_claimed_again",
                "who_has_lost_a_lane_settles_nothing",
                "what_is_admitted_and_settled_survives",
            ],
        ),
        (
            Defect::GivesHeldLanes,
            &[
                "a_lane_is_claimed_in_order_and_by_one",
                "lanes_are_claimed_beside_each_other",
                "what_is_claimed_and_not_settled_is_claimed_again",
                "who_has_lost_a_lane_settles_nothing",
                "what_comes_while_a_lane_is_held_waits",
                "what_is_replayed_is_handled_once_more",
                "what_is_admitted_and_settled_survives",
                "of_many_at_once_each_gets_others",
            ],
        ),
        (
            Defect::ClaimsAnyLaneFirst,
            &[
                "what_is_admitted_is_found_as_it_came",
                "deliveries_are_found_by_what_they_are",
                "those_that_wait_longest_are_claimed_first",
            ],
        ),
        (Defect::OverlooksTheFence, &["who_has_lost_a_lane_settles_nothing"]),
        (Defect::TriesAgainAtOnce, &["what_is_tried_later_holds_its_lane_until_then"]),
        (Defect::CountsNoAttempts, &["what_is_tried_later_holds_its_lane_until_then", "settling_again_changes_nothing"]),
        (
            Defect::TriesTheDeadAgain,
            &[
                "deliveries_are_found_by_what_they_are",
                "what_is_dead_lets_its_lane_go_on",
                "what_is_replayed_is_handled_once_more",
            ],
        ),
        (Defect::LosesTheReason, &["what_is_dead_lets_its_lane_go_on"]),
        (
            Defect::HandlesNothing,
            &[
                "what_is_admitted_again_is_known",
                "a_lane_is_claimed_in_order_and_by_one",
                "settling_again_changes_nothing",
                "what_comes_while_a_lane_is_held_waits",
                "what_is_replayed_is_handled_once_more",
                "what_is_admitted_and_settled_survives",
            ],
        ),
        (Defect::FindsEverything, &["deliveries_are_found_by_what_they_are", "what_is_dead_lets_its_lane_go_on"]),
        (Defect::ReplaysTheDeadOnly, &["what_is_replayed_is_handled_once_more"]),
        (Defect::ReplaysNothing, &["what_is_replayed_is_handled_once_more"]),
        (Defect::ForgetsOnRestart, &["what_is_admitted_and_settled_survives", "of_many_at_once_each_gets_others"]),
    ];
    for (defect, named) in expected {
        assert_eq!(failing(&cases(capabilities()), &worlds(Arc::new(Planted::new(defect)))), named, "{defect:?}");
    }
}
