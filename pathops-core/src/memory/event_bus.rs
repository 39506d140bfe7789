use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;

use crate::adapter::{Clock, Event, EventBus, EventBusCapabilities, Subscriber, Subscription};
use crate::error::{Effect, Error, ErrorKind, Result};
use crate::id::{EventId, SubscriptionName, Topic};
use crate::op::OpContext;
use crate::time::UnixMillis;

/// How many events of a topic are kept, and how many bytes of their payloads.
const KEPT: (usize, usize) = (10_000, 64 << 20);

/// An event bus in one process: for a host that has one, and for tests. Clones share it.
///
/// It keeps the newest 10 000 events of a topic, and 64 MiB of payloads: a subscription that is further behind misses the oldest.
#[derive(Clone)]
pub struct MemoryEventBus {
    clock: Arc<dyn Clock>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    topics: BTreeMap<Topic, Published>,
    /// How often something has changed.
    changes: u64,
    waiting: Vec<Waker>,
    ephemeral: u64,
}

#[derive(Default)]
struct Published {
    events: VecDeque<(u64, Event)>,
    ids: BTreeSet<EventId>,
    bytes: usize,
    last: u64,
    subscriptions: BTreeMap<Told, Place>,
}

/// Who shares a place in a topic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Name(SubscriptionName),
    One(u64),
}

/// How far a subscription has got.
#[derive(Clone, Copy, Default)]
struct Place {
    after: u64,
    /// Higher with each event that is given to somebody who did not hold it.
    fence: u64,
    /// Until when the event after is held.
    held_until: Option<UnixMillis>,
}

impl MemoryEventBus {
    /// A bus without events. `clock` says for how long events are held.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a change, and wakes those who wait for one.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let (made, waiting) = {
            let mut state = self.state();
            state.changes += 1;
            (change(&mut state), std::mem::take(&mut state.waiting))
        };
        waiting.into_iter().for_each(Waker::wake);
        made
    }
}

impl fmt::Debug for MemoryEventBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryEventBus").field("topics", &self.state().topics.keys()).finish_non_exhaustive()
    }
}

impl State {
    fn place(&mut self, topic: &Topic, told: &Told) -> &mut Place {
        let published = self.topics.entry(topic.clone()).or_default();
        let start = Place { after: published.last, ..Place::default() };
        published.subscriptions.entry(told.clone()).or_insert(start)
    }
}

impl Published {
    fn add(&mut self, event: &Event) {
        if !self.ids.insert(event.id().clone()) {
            return;
        }
        self.last += 1;
        self.bytes += event.payload().len();
        self.events.push_back((self.last, event.clone()));
        while self.events.len() > KEPT.0 || self.bytes > KEPT.1 {
            let Some((_, oldest)) = self.events.pop_front() else { break };
            self.bytes -= oldest.payload().len();
            self.ids.remove(oldest.id());
        }
    }
}

#[async_trait]
impl EventBus for MemoryEventBus {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn capabilities(&self) -> EventBusCapabilities {
        EventBusCapabilities { deduplicates: true, ..EventBusCapabilities::default() }
    }

    async fn publish(&self, _: &OpContext, event: &Event) -> Result<()> {
        self.change(|state| state.topics.entry(event.topic().clone()).or_default().add(event));
        Ok(())
    }

    async fn subscribe(&self, _: &OpContext, topic: &Topic, subscription: &Subscription) -> Result<Box<dyn Subscriber>> {
        let told = {
            let mut state = self.state();
            state.ephemeral += 1;
            let told = subscription.name.clone().map_or(Told::One(state.ephemeral), Told::Name);
            state.place(topic, &told);
            told
        };
        let (bus, topic, ack_within) = (self.clone(), topic.clone(), subscription.ack_within);
        Ok(Box::new(MemorySubscriber { bus, topic, told, ack_within, held: None }))
    }
}

#[derive(Debug)]
struct MemorySubscriber {
    bus: MemoryEventBus,
    topic: Topic,
    told: Told,
    ack_within: Duration,
    held: Option<Held>,
}

/// The event that was given last, unless it was given back.
#[derive(Clone, Debug)]
struct Held {
    id: EventId,
    number: u64,
    fence: u64,
    acknowledged: bool,
}

type Sleep<'c> = Pin<Box<dyn Future<Output = ()> + Send + 'c>>;

impl MemorySubscriber {
    /// Takes the next event where there is one and nobody else holds it. Otherwise says what was seen, and for how long it is
    /// held.
    fn take(&mut self) -> std::result::Result<Event, (u64, Option<Duration>)> {
        let (now, mine) = (self.bus.clock.now(), self.held.as_ref().filter(|it| !it.acknowledged).map(|it| it.fence));
        let mut state = self.bus.state();
        let changes = state.changes;
        let place = *state.place(&self.topic, &self.told);
        if let Some(until) = place.held_until.filter(|until| now < *until && mine != Some(place.fence)) {
            return Err((changes, Some(until.since(now))));
        }
        let events = state.topics.get(&self.topic).map(|published| &published.events);
        let next = events.and_then(|events| events.iter().find(|(number, _)| *number > place.after)).cloned();
        let Some((number, event)) = next else { return Err((changes, None)) };
        let fence = place.fence + 1;
        *state.place(&self.topic, &self.told) = Place { fence, held_until: Some(now + self.ack_within), ..place };
        drop(state);
        self.held = Some(Held { id: event.id().clone(), number, fence, acknowledged: false });
        Ok(event)
    }

    /// Waits until there is another change, or the time is over; `patience` ends it with `false`.
    async fn changed(&self, seen: u64, over: Option<Duration>, patience: &mut Option<Sleep<'_>>) -> bool {
        let mut over: Option<Sleep<'_>> = over.map(|over| self.bus.clock.sleep(over));
        poll_fn(|cx| {
            let ends = |sleep: &mut Option<Sleep<'_>>, cx: &mut std::task::Context<'_>| {
                sleep.as_mut().is_some_and(|sleep| sleep.as_mut().poll(cx).is_ready())
            };
            if ends(&mut over, cx) {
                return Poll::Ready(true);
            }
            if ends(patience, cx) {
                return Poll::Ready(false);
            }
            let mut state = self.bus.state();
            if state.changes > seen {
                return Poll::Ready(true);
            }
            if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                state.waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// Lets go of what is held: it was handled, or not.
    fn release(&self, held: &Held, handled: bool) -> bool {
        self.bus.change(|state| {
            let place = state.place(&self.topic, &self.told);
            let holds = place.fence == held.fence && place.held_until.is_some();
            if holds {
                place.held_until = None;
                place.after = if handled { held.number } else { place.after };
            }
            holds
        })
    }

    fn not_held(operation: &'static str, id: &EventId) -> Error {
        let reason = "it is not held, or was not acknowledged in time and went to another subscriber";
        Error::new(ErrorKind::Conflict, operation).on(id).because(reason)
    }
}

#[async_trait]
impl Subscriber for MemorySubscriber {
    async fn next(&mut self, cx: &OpContext) -> Result<Event> {
        let clock = self.bus.clock.clone();
        let mut patience: Option<Sleep<'_>> = cx.timeout().map(|timeout| clock.sleep(timeout));
        loop {
            let (seen, over) = match self.take() {
                Ok(event) => return Ok(event),
                Err(wait) => wait,
            };
            if !self.changed(seen, over, &mut patience).await {
                let timeout = Error::new(ErrorKind::Timeout, "wait for an event").on(&self.topic);
                return Err(timeout.because("none came in time").with_effect(Effect::None));
            }
        }
    }

    async fn ack(&mut self, _: &OpContext, id: &EventId) -> Result<()> {
        match self.held.clone().filter(|held| held.id == *id) {
            Some(held) if held.acknowledged || self.release(&held, true) => {
                self.held = Some(Held { acknowledged: true, ..held });
                Ok(())
            }
            _ => Err(Self::not_held("acknowledge an event", id)),
        }
    }

    async fn nack(&mut self, _: &OpContext, id: &EventId) -> Result<()> {
        match self.held.clone().filter(|held| held.id == *id && !held.acknowledged) {
            Some(held) if self.release(&held, false) => {
                self.held = None;
                Ok(())
            }
            _ => Err(Self::not_held("give back an event", id)),
        }
    }
}

impl Drop for MemorySubscriber {
    fn drop(&mut self) {
        if let Some(held) = self.held.take().filter(|held| !held.acknowledged) {
            self.release(&held, false);
        }
        if let Told::One(_) = self.told {
            self.bus.change(|state| state.topics.get_mut(&self.topic).map(|it| it.subscriptions.remove(&self.told)));
        }
    }
}
