//! What every [`EventBus`] must do.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::case::{Answer as _, cases as named};
use super::scm::world::cx;
use super::step::{Pinned, declares};
use super::{Case, Fresh, Outcome, ensure, into_trials};
use crate::adapter::{Event, EventBus, EventBusCapabilities, Subscriber, Subscription};
use crate::error::{Effect, ErrorKind};
use crate::id::{IdError, SubscriptionName, Topic};

mod hold;
mod keep;

const SUITE: &str = "event_bus";

/// How long is waited for an event that should come, and for one that should not.
const PATIENCE: Duration = Duration::from_secs(30);
const MOMENT: Duration = Duration::from_millis(300);

/// Gives each case an event bus of its own.
#[async_trait]
pub trait EventBusFixture: Send + Sync + 'static {
    /// A bus without events and subscriptions.
    async fn fresh(&self) -> EventBusWorld;
}

type Open = Arc<dyn Fn() -> Pinned<Arc<dyn EventBus>> + Send + Sync>;

/// A way to open one event bus, as often as a case likes.
pub struct EventBusWorld {
    open: Open,
    ack_within: Duration,
    _guard: Box<dyn Any + Send + Sync>,
}

impl EventBusWorld {
    /// `open` opens the bus of this world, which is empty at first. Where it is declared `durable`, it is opened again after the
    /// first one was dropped, and where it is declared `shared`, beside the first one; otherwise `open` is called once. `guard` is
    /// dropped at the end of the case.
    pub fn new<F>(open: impl Fn() -> F + Send + Sync + 'static, guard: impl Any + Send + Sync) -> Self
    where
        F: Future<Output = Arc<dyn EventBus>> + Send + 'static,
    {
        let open: Open = Arc::new(move || Box::pin(open()));
        Self { open, ack_within: Duration::from_secs(2), _guard: Box::new(guard) }
    }

    /// Lets events be held so long, where a bus cannot do with the two seconds of default. Cases wait for it.
    #[must_use]
    pub fn with_ack_within(self, ack_within: Duration) -> Self {
        Self { ack_within, ..self }
    }

    /// A subscription to the topic `a`.
    async fn subscribe(&self, bus: &dyn EventBus, name: Option<&str>) -> Result<Box<dyn Subscriber>, String> {
        let name = name.map(str::parse::<SubscriptionName>).transpose().map_err(told)?;
        let subscription = Subscription { name, ack_within: self.ack_within };
        bus.subscribe(&cx("subscribe"), &topic("a")?, &subscription).await.works()
    }
}

impl fmt::Debug for EventBusWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBusWorld").finish_non_exhaustive()
    }
}

/// The cases as trials. `capabilities` is what the adapter is meant to declare, written down by its author.
#[must_use]
pub fn trials(fixture: Arc<dyn EventBusFixture>, capabilities: EventBusCapabilities) -> Vec<Trial> {
    into_trials(cases(capabilities), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn EventBusFixture>) -> Fresh<EventBusWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases(capabilities: EventBusCapabilities) -> Vec<Case<EventBusWorld>> {
    let mut cases = vec![Case::new(SUITE, "declares_what_it_is_tested_for", move |world| {
        declares_what_it_is_tested_for(world, capabilities)
    })];
    cases.extend(named!["event_bus":
        events_come_as_they_were_published,
        the_largest_payload_comes,
        who_waits_is_told,
        a_lane_comes_in_order,
        topics_are_apart,
        each_subscription_is_told,
        waiting_ends_in_time,
        an_abandoned_wait_loses_nothing,
    ]);
    cases.extend(hold::cases());
    cases.extend(keep::cases(capabilities));
    cases
}

async fn declares_what_it_is_tested_for(world: EventBusWorld, capabilities: EventBusCapabilities) -> Outcome {
    declares(&(world.open)().await.capabilities(), &capabilities)
}

fn told(error: IdError) -> String {
    error.to_string()
}

fn topic(name: &str) -> Result<Topic, String> {
    name.parse().map_err(told)
}

/// An event of the topic `a` in the lane `lane`.
fn event(id: &str) -> Result<Event, String> {
    event_in("a", "lane", id, format!("it is {id}").into_bytes())
}

fn event_in(about: &str, lane: &str, id: &str, payload: Vec<u8>) -> Result<Event, String> {
    Event::new(id.parse().map_err(told)?, topic(about)?, lane.parse().map_err(told)?, payload).works()
}

async fn publish(bus: &dyn EventBus, ids: &[&str]) -> Outcome {
    for id in ids {
        bus.publish(&cx(id), &event(id)?).await.works()?;
    }
    Ok(())
}

async fn next(subscriber: &mut dyn Subscriber) -> Result<Event, String> {
    subscriber.next(&cx("next").with_timeout(PATIENCE)).await.works()
}

async fn ack(subscriber: &mut dyn Subscriber, id: &str) -> Outcome {
    subscriber.ack(&cx("ack"), &id.parse().map_err(told)?).await.works()
}

/// Makes sure that this event comes next, and acknowledges it.
async fn takes(subscriber: &mut dyn Subscriber, id: &str) -> Outcome {
    comes(subscriber, id).await?;
    ack(subscriber, id).await
}

/// Makes sure that this event comes next, and holds it.
async fn comes(subscriber: &mut dyn Subscriber, id: &str) -> Outcome {
    let came = next(subscriber).await?;
    ensure!(came == event(id)?, "`{id}` comes next, and {came:?} came");
    Ok(())
}

async fn nothing_comes(subscriber: &mut dyn Subscriber) -> Outcome {
    let answer = subscriber.next(&cx("next").with_timeout(MOMENT)).await;
    answer.fails(ErrorKind::Timeout, "no event is there for this subscriber")
}

async fn events_come_as_they_were_published(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut subscriber = world.subscribe(&*bus, Some("one")).await?;
    let odd = "!\"#$%&'()*+,-./0:;<=>?@[\\]^_`{|}~";
    let trace = "00-11111111111111111111111111111111-2222222222222222-01";
    for event in [
        event("plain")?,
        event_in("a", odd, odd, (0..=255).collect())?.with_trace_parent(Some(trace)),
        event_in("a", "lane", "empty", Vec::new())?,
    ] {
        bus.publish(&cx("publish"), &event).await.works()?;
        let came = next(&mut *subscriber).await?;
        ensure!(came == event, "{event:?} was published, and {came:?} came");
        subscriber.ack(&cx("ack"), event.id()).await.works()?;
    }
    Ok(())
}

async fn the_largest_payload_comes(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut subscriber = world.subscribe(&*bus, Some("one")).await?;
    let large = event_in("a", "lane", "large", vec![b'x'; Event::MAX_PAYLOAD_BYTES])?;
    bus.publish(&cx("publish"), &large).await.works()?;
    let came = next(&mut *subscriber).await?;
    ensure!(came == large, "{} bytes were published, and {} came", large.payload().len(), came.payload().len());
    Ok(())
}

async fn who_waits_is_told(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut subscriber = world.subscribe(&*bus, Some("one")).await?;
    let later = {
        let bus = bus.clone();
        tokio::spawn(async move {
            tokio::task::yield_now().await;
            publish(&*bus, &["later"]).await
        })
    };
    takes(&mut *subscriber, "later").await?;
    later.await.map_err(|e| e.to_string())?
}

async fn a_lane_comes_in_order(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut subscriber = world.subscribe(&*bus, Some("one")).await?;
    let mut published = Vec::new();
    for n in 0..30 {
        published.push(event_in("a", ["x", "y", "z"].get(n % 3).copied().unwrap_or("x"), &format!("e{n}"), vec![])?);
    }
    for event in &published {
        bus.publish(&cx("publish"), event).await.works()?;
    }
    let mut came = Vec::new();
    for _ in &published {
        let event = next(&mut *subscriber).await?;
        subscriber.ack(&cx("ack"), event.id()).await.works()?;
        came.push(event);
    }
    let of = |all: &[Event], lane: &str| -> Vec<_> {
        all.iter().filter(|it| it.lane().as_str() == lane).map(|it| it.id().clone()).collect()
    };
    for lane in ["x", "y", "z"] {
        let (expected, got) = (of(&published, lane), of(&came, lane));
        ensure!(expected == got, "in the lane `{lane}` were published {expected:?}, and {got:?} came");
    }
    Ok(())
}

async fn topics_are_apart(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut subscriber = world.subscribe(&*bus, Some("one")).await?;
    let subscription = Subscription { name: Some("one".parse().map_err(told)?), ack_within: world.ack_within };
    let mut other = bus.subscribe(&cx("subscribe"), &topic("b")?, &subscription).await.works()?;
    let beside = event_in("b", "lane", "e1", b"of the other".to_vec())?;
    bus.publish(&cx("publish"), &beside).await.works()?;
    publish(&*bus, &["e1"]).await?;
    takes(&mut *subscriber, "e1").await?;
    let came = next(&mut *other).await?;
    ensure!(came == beside, "an id belongs to its topic: {beside:?} was published, and {came:?} came");
    nothing_comes(&mut *subscriber).await
}

async fn each_subscription_is_told(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut one = world.subscribe(&*bus, Some("one")).await?;
    let mut two = world.subscribe(&*bus, Some("two")).await?;
    let mut three = world.subscribe(&*bus, None).await?;
    let mut four = world.subscribe(&*bus, None).await?;
    publish(&*bus, &["e1", "e2"]).await?;
    for subscriber in [&mut one, &mut two, &mut three, &mut four] {
        takes(&mut **subscriber, "e1").await?;
        takes(&mut **subscriber, "e2").await?;
    }
    Ok(())
}

async fn waiting_ends_in_time(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut subscriber = world.subscribe(&*bus, Some("one")).await?;
    for id in ["e1", "e2"] {
        let answer = subscriber.next(&cx("next").with_timeout(MOMENT)).await;
        let ended = answer.as_ref().is_err_and(|it| it.kind() == ErrorKind::Timeout && it.effect() == Effect::None);
        ensure!(ended, "waiting ends as timed out and without an effect, and not as {answer:?}");
        publish(&*bus, &[id]).await?;
        takes(&mut *subscriber, id).await?;
    }
    Ok(())
}

async fn an_abandoned_wait_loses_nothing(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut subscriber = world.subscribe(&*bus, Some("one")).await?;
    for (polls, id) in (1..).zip(["e1", "e2", "e3", "e4"]) {
        super::abandon(subscriber.next(&cx("next")), polls).await;
        publish(&*bus, &[id]).await?;
        super::abandon(subscriber.next(&cx("next")), polls).await;
        takes(&mut *subscriber, id).await?;
    }
    Ok(())
}
