use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{Clock as _, Event, EventBus, EventBusCapabilities, Subscriber, Subscription};
use pathops_core::conformance::event_bus::{EventBusFixture, EventBusWorld, cases, worlds};
use pathops_core::memory::{Faulty, ManualClock, MemoryEventBus};
use pathops_core::{Effect, Error, ErrorKind, EventId, OpContext, Result, Topic, UnixMillis};

use crate::failing;
use crate::forge::no_faults;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    LosesTheTrace,
    CutsLargePayloads,
    MixesUpLanes,
    TakesIdsForOneTopic,
    TellsOneSubscriptionOnly,
    LooksOnce,
    EndsAWaitWithAnEffect,
    LosesWhatWasAbandoned,
    AcknowledgesByItself,
    LosesWhatIsGivenBack,
    AcknowledgesAnything,
    RefusesToAcknowledgeAgain,
    GivesWhatIsHeld,
    NeverGivesToAnother,
    LosesWhatADroppedOneHeld,
    GivesToEachOfAName,
    BeginsAtTheStart,
    TellsTwice,
    RefusesWhatItKnows,
    KeepsToItself,
}

/// The reference bus, said to be durable and shared, with one defect.
#[derive(Clone, Debug)]
struct Planted {
    defect: Defect,
    clock: ManualClock,
    inner: MemoryEventBus,
    /// What was published, oldest first.
    published: Arc<Mutex<Vec<Event>>>,
    calls: Arc<AtomicU64>,
}

/// What is put behind an id to publish an event again as another one.
const AGAIN: &str = "+again+";

impl Planted {
    fn new(defect: Defect, clock: &ManualClock) -> Self {
        let (inner, calls) = (MemoryEventBus::new(Arc::new(clock.clone())), Arc::default());
        Self { defect, clock: clock.clone(), inner, published: Arc::default(), calls }
    }

    fn call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed)
    }
}

/// `event` with another id and payload.
fn with(event: &Event, id: &str, payload: &[u8]) -> Event {
    let made = Event::new(id.parse().unwrap(), event.topic().clone(), event.lane().clone(), payload.to_vec());
    made.unwrap().with_trace_parent(event.trace_parent())
}

#[async_trait]
impl EventBus for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn capabilities(&self) -> EventBusCapabilities {
        capabilities()
    }

    async fn publish(&self, cx: &OpContext, event: &Event) -> Result<()> {
        let known = self.published.lock().unwrap().iter().any(|it| it.id() == event.id());
        self.published.lock().unwrap().push(event.clone());
        let (id, lane) = (event.id().as_str(), event.lane().as_str());
        match self.defect {
            Defect::LosesTheTrace => self.inner.publish(cx, &event.clone().with_trace_parent(None)).await,
            Defect::CutsLargePayloads => {
                let cut = event.payload().get(..1_000).unwrap_or(event.payload());
                self.inner.publish(cx, &with(event, id, cut)).await
            }
            // The first of a lane comes after the second.
            Defect::MixesUpLanes if (lane, id) == ("x", "e0") => Ok(()),
            Defect::MixesUpLanes if (lane, id) == ("x", "e3") => {
                self.inner.publish(cx, event).await?;
                self.inner.publish(cx, &with(event, "e0", b"")).await
            }
            Defect::TakesIdsForOneTopic if known => Ok(()),
            Defect::TellsTwice if known => {
                self.inner.publish(cx, &with(event, &format!("{id}{AGAIN}{}", self.call()), event.payload())).await
            }
            Defect::RefusesWhatItKnows if known => Err(Error::new(ErrorKind::Conflict, "publish an event")),
            _ => self.inner.publish(cx, event).await,
        }
    }

    async fn subscribe(&self, cx: &OpContext, topic: &Topic, subscription: &Subscription) -> Result<Box<dyn Subscriber>> {
        let mut subscription = subscription.clone();
        match self.defect {
            Defect::TellsOneSubscriptionOnly => subscription.name = Some("all".parse().unwrap()),
            Defect::GivesToEachOfAName => {
                subscription.name = subscription.name.map(|name| format!("{name}-{}", self.call()).parse().unwrap());
            }
            Defect::NeverGivesToAnother => subscription.ack_within *= 1_000,
            Defect::GivesWhatIsHeld => subscription.ack_within = Duration::ZERO,
            _ => {}
        }
        let inner = self.inner.subscribe(cx, topic, &subscription).await?;
        let (bus, mut earlier) = (self.clone(), Vec::new());
        if self.defect == Defect::BeginsAtTheStart {
            earlier = self.published.lock().unwrap().iter().filter(|it| it.topic() == topic).cloned().collect();
        }
        Ok(Box::new(PlantedSubscriber { bus, inner, earlier, held: None, acknowledged: None, abandoned: None }))
    }
}

#[derive(Debug)]
struct PlantedSubscriber {
    bus: Planted,
    inner: Box<dyn Subscriber>,
    /// What is given before anything of the bus is.
    earlier: Vec<Event>,
    /// What the bus calls it.
    held: Option<EventId>,
    acknowledged: Option<EventId>,
    abandoned: Option<EventId>,
}

impl PlantedSubscriber {
    /// What the bus calls the event of this id.
    fn inner_id(&self, id: &EventId) -> EventId {
        let again = |held: &&EventId| held.as_str().starts_with(&format!("{id}{AGAIN}"));
        self.held.as_ref().filter(again).unwrap_or(id).clone()
    }
}

#[async_trait]
impl Subscriber for PlantedSubscriber {
    async fn next(&mut self, cx: &OpContext) -> Result<Event> {
        if let Some(event) = self.earlier.first() {
            return Ok(event.clone());
        }
        if let Some(lost) = self.abandoned.take() {
            self.inner.ack(cx, &lost).await?;
        }
        let event = match self.bus.defect {
            Defect::LooksOnce => match self.inner.next(&cx.clone().with_timeout(Duration::ZERO)).await {
                Ok(event) => event,
                Err(error) => {
                    self.bus.clock.sleep(cx.timeout().unwrap_or(Duration::MAX)).await;
                    return Err(error);
                }
            },
            Defect::EndsAWaitWithAnEffect => self.inner.next(cx).await.map_err(|error| error.with_effect(Effect::Unknown))?,
            _ => self.inner.next(cx).await?,
        };
        self.held = Some(event.id().clone());
        match self.bus.defect {
            Defect::AcknowledgesByItself => self.inner.ack(cx, event.id()).await?,
            Defect::LosesWhatWasAbandoned => {
                self.abandoned = self.held.clone();
                tokio::task::yield_now().await;
                self.abandoned = None;
            }
            _ => {}
        }
        let id = event.id().as_str();
        Ok(with(&event, id.split_once(AGAIN).map_or(id, |(id, _)| id), event.payload()))
    }

    async fn ack(&mut self, cx: &OpContext, id: &EventId) -> Result<()> {
        if self.earlier.first().is_some_and(|event| event.id() == id) {
            self.earlier.remove(0);
            return Ok(());
        }
        if self.bus.defect == Defect::RefusesToAcknowledgeAgain && self.acknowledged.as_ref() == Some(id) {
            return Err(Error::new(ErrorKind::Conflict, "acknowledge an event"));
        }
        let answer = self.inner.ack(cx, &self.inner_id(id)).await;
        self.acknowledged = answer.is_ok().then(|| id.clone());
        if self.bus.defect == Defect::AcknowledgesAnything { Ok(()) } else { answer }
    }

    async fn nack(&mut self, cx: &OpContext, id: &EventId) -> Result<()> {
        let inner_id = self.inner_id(id);
        let answer = self.inner.nack(cx, &inner_id).await;
        if self.bus.defect == Defect::LosesWhatIsGivenBack && answer.is_ok() {
            self.inner.next(cx).await?;
            self.inner.ack(cx, &inner_id).await?;
            self.inner.next(cx).await?;
        }
        answer
    }
}

impl Drop for PlantedSubscriber {
    fn drop(&mut self) {
        if let (Defect::LosesWhatADroppedOneHeld, Some(held)) = (self.bus.defect, self.held.take()) {
            let context = crate::forge::cx();
            let mut ack = std::pin::pin!(self.inner.ack(&context, &held));
            assert!(ack.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        }
    }
}

/// Lets time pass as soon as nobody has anything else to do.
fn drive(clock: ManualClock) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            clock.advance_to_next();
        }
    })
}

struct Aborted(tokio::task::JoinHandle<()>);

impl Drop for Aborted {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Memory {
    defect: Defect,
    wrapped: bool,
}

#[async_trait]
impl EventBusFixture for Memory {
    async fn fresh(&self) -> EventBusWorld {
        let clock = ManualClock::new(UnixMillis(0));
        let planted = Planted::new(self.defect, &clock);
        let (wrapped, time) = (self.wrapped, clock.clone());
        let open = move || {
            let bus = if planted.defect == Defect::KeepsToItself { Planted::new(planted.defect, &time) } else { planted.clone() };
            let bus: Arc<dyn EventBus> = Arc::new(bus);
            let bus = if wrapped { Arc::new(Faulty::new(bus, no_faults())) } else { bus };
            async move { bus }
        };
        EventBusWorld::new(open, Aborted(drive(clock)))
    }
}

fn capabilities() -> EventBusCapabilities {
    let mut capabilities = EventBusCapabilities::default();
    (capabilities.durable, capabilities.shared, capabilities.deduplicates) = (true, true, true);
    capabilities
}

fn fails(defect: Defect, wrapped: bool, capabilities: EventBusCapabilities) -> Vec<String> {
    failing(&cases(capabilities), &worlds(Arc::new(Memory { defect, wrapped })))
}

#[test]
fn the_reference_passes_and_through_the_wrapper_too() {
    assert_eq!(fails(Defect::None, false, capabilities()), [""; 0]);
    assert_eq!(fails(Defect::None, true, capabilities()), [""; 0]);
}

#[test]
fn what_is_not_declared_is_told() {
    assert_eq!(fails(Defect::None, false, EventBusCapabilities::default()), ["declares_what_it_is_tested_for"]);
}

#[test]
fn each_defect_fails_the_cases_that_name_it() {
    let expected: [(Defect, &[&str]); 20] = [
        (Defect::LosesTheTrace, &["events_come_as_they_were_published"]),
        (Defect::CutsLargePayloads, &["the_largest_payload_comes"]),
        (Defect::MixesUpLanes, &["a_lane_comes_in_order"]),
        (Defect::TakesIdsForOneTopic, &["topics_are_apart"]),
        (
            Defect::TellsOneSubscriptionOnly,
            &["each_subscription_is_told", "a_subscription_begins_when_it_is_made", "others_are_told"],
        ),
        (Defect::LooksOnce, &["who_waits_is_told", "what_is_not_acknowledged_in_time_goes_to_another"]),
        (
            Defect::EndsAWaitWithAnEffect,
            &[
                "topics_are_apart",
                "waiting_ends_in_time",
                "what_is_held_comes_again",
                "what_is_held_is_given_to_nobody_else",
                "a_name_shares_its_events",
            ],
        ),
        (Defect::LosesWhatWasAbandoned, &["an_abandoned_wait_loses_nothing"]),
        (
            Defect::AcknowledgesByItself,
            &[
                "an_abandoned_wait_loses_nothing",
                "what_is_held_comes_again",
                "what_is_given_back_comes_again",
                "what_is_not_held_is_not_acknowledged",
                "what_is_held_is_given_to_nobody_else",
                "what_is_not_acknowledged_in_time_goes_to_another",
                "what_a_dropped_subscriber_held_goes_to_another",
            ],
        ),
        (Defect::LosesWhatIsGivenBack, &["what_is_given_back_comes_again"]),
        (Defect::AcknowledgesAnything, &["what_is_given_back_comes_again", "what_is_not_held_is_not_acknowledged"]),
        (Defect::RefusesToAcknowledgeAgain, &["acknowledging_again_changes_nothing"]),
        (Defect::GivesWhatIsHeld, &["what_is_held_is_given_to_nobody_else"]),
        (Defect::NeverGivesToAnother, &["what_is_not_acknowledged_in_time_goes_to_another"]),
        (Defect::LosesWhatADroppedOneHeld, &["what_a_dropped_subscriber_held_goes_to_another"]),
        (
            Defect::GivesToEachOfAName,
            &[
                "what_is_not_acknowledged_in_time_goes_to_another",
                "what_a_dropped_subscriber_held_goes_to_another",
                "a_name_shares_its_events",
                "a_name_goes_on_where_it_was",
                "what_was_published_survives",
            ],
        ),
        (
            Defect::BeginsAtTheStart,
            &[
                "what_is_given_back_comes_again",
                "what_is_held_is_given_to_nobody_else",
                "a_subscription_begins_when_it_is_made",
                "a_name_goes_on_where_it_was",
                "what_was_published_survives",
            ],
        ),
        (Defect::TellsTwice, &["what_is_published_twice_is_told_once"]),
        (
            Defect::RefusesWhatItKnows,
            &["topics_are_apart", "what_is_published_twice_is_told", "what_is_published_twice_is_told_once"],
        ),
        (Defect::KeepsToItself, &["what_was_published_survives", "others_are_told"]),
    ];
    for (defect, named) in expected {
        assert_eq!(fails(defect, false, capabilities()), named, "{defect:?}");
    }
}
