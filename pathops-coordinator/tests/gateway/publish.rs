//! Others are told of what comes in, and nobody is kept from handling it.

use std::sync::Arc;
use std::time::Duration;

use pathops_coordinator::gateway::{PublishesEvents, Turn};
use pathops_core::adapter::{Event, EventBus, Subscriber, Subscription};
use pathops_core::memory::{Fault, Faults, Faulty, MemoryEventBus};
use serde_json::{Value, json};

use super::World;
use super::world::{Handler, cx, now, send};

struct Told {
    world: World,
    bus: Arc<dyn EventBus>,
    faults: Arc<Faults>,
}

fn told(fault: Fault) -> Told {
    let world = World::new();
    let faults = world.faults(fault);
    let inner: Arc<dyn EventBus> = Arc::new(MemoryEventBus::new(world.clock.clone()));
    Told { world, bus: Arc::new(Faulty::new(inner, faults.clone())), faults }
}

fn take(subscriber: &mut dyn Subscriber) -> Event {
    let event = now(subscriber.next(&cx())).unwrap();
    now(subscriber.ack(&cx(), event.id())).unwrap();
    event
}

#[test]
fn what_has_come_in_is_published_once_and_in_order() {
    let Told { world, bus, faults } = told(Fault::LoseAnswer);
    faults.stop();
    let (gateway, topic) = (world.gateway(), "webhooks".parse().unwrap());
    let mut subscriber = now(bus.subscribe(&cx(), &topic, &Subscription::ephemeral())).unwrap();
    for request in ["k1 a first", "k2 a second"] {
        send(&gateway, request);
    }
    let handler = PublishesEvents::new(bus.clone(), topic);
    // The first is published, and the answer is lost: it is handled again, and told once.
    faults.go_on();
    assert_eq!(now(gateway.turn(&handler)).unwrap(), Turn { later: 1, ..Turn::default() });
    faults.stop();
    world.clock.advance(Duration::from_secs(60));
    for _ in 0..2 {
        assert_eq!(now(gateway.turn(&handler)).unwrap(), Turn { handled: 1, ..Turn::default() });
    }
    let (first, second) = (take(&mut *subscriber), take(&mut *subscriber));
    assert_eq!([first.id().as_str(), second.id().as_str()], ["plain/k1", "plain/k2"]);
    assert_eq!(first.lane().as_str(), "plain/a");
    let said: Value = serde_json::from_slice(first.payload()).unwrap();
    let body = pathops_core::Digest::of(b"k1 a first").to_string();
    let data = json!({ "source": "plain", "key": "k1", "number": 1, "lane": "a", "body": body });
    let expected = json!({
        "specversion": "1.0", "id": "k1", "source": "/webhooks/plain", "type": "pathops.webhook.received",
        "time": "1970-01-01T00:16:40Z", "datacontenttype": "application/json", "data": data,
    });
    assert_eq!(said, expected);
}

#[test]
fn a_bus_that_is_out_of_reach_keeps_nobody_from_handling() {
    let Told { world, bus, faults } = told(Fault::Flaky);
    let gateway = world.gateway();
    send(&gateway, "k1 a first");
    let other = Arc::new(Handler::default());
    let handler = PublishesEvents::new(bus, "webhooks".parse().unwrap()).and(other.clone());
    assert_eq!(now(gateway.turn(&handler)).unwrap(), Turn { later: 1, ..Turn::default() });
    assert_eq!(other.handled(), ["k1"]);
    faults.stop();
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(now(gateway.turn(&handler)).unwrap(), Turn { handled: 1, ..Turn::default() });
    assert_eq!(other.handled(), ["k1", "k1"]);
}
