//! What is in the spool, and what it does to the rest where a store is out of reach.

use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::future::FutureExt as _;
use pathops_core::Digest;
use pathops_core::adapter::{Clock as _, Delivery, DeliveryState, Hint, Inbox, InboxQuery, NewDelivery};
use pathops_core::memory::{Fault, Faulty, MemoryBlobs, MemoryInbox};
use tracing::field::{Field, Visit};
use tracing::span;

use crate::world::{self, Handler, cx, name, now, send};
use crate::{World, is_new};

fn poll(running: Pin<&mut (impl Future + ?Sized)>) -> bool {
    running.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn a_store_that_hangs_does_not_hold_up_the_end() {
    for spooled in [0, 3] {
        let world = World::new();
        let spool = Arc::new(MemoryInbox::new());
        let bodies = Arc::new(MemoryBlobs::new());
        let gateway = world.with(&world.faults(Fault::Flaky)).with_spool(spool.clone(), bodies.clone());
        assert!((0..spooled).all(|it| is_new(&send(&gateway, &format!("k{it} l{it}")))));

        let slow = world.faults(Fault::Slow(Duration::from_secs(3_600)));
        let gateway = world.with(&slow).with_spool(spool.clone(), bodies);
        let mut running = Box::pin(gateway.run(Arc::new(Handler::default()), world.clock.sleep(Duration::from_secs(5))));
        assert!(!poll(running.as_mut()));
        world.clock.advance(Duration::from_secs(5));
        assert!(poll(running.as_mut()), "with {spooled} in the spool it goes on after {:?}", slow.hits());
        let left = now(spool.find(&cx(), &InboxQuery::default(), 10)).unwrap();
        assert!(left.iter().all(|it| it.state == DeliveryState::Waiting), "nothing is lost: {left:?}");
    }
}

#[test]
fn the_end_waits_for_what_is_being_handled() {
    let world = World::new();
    let gateway = world.gateway();
    send(&gateway, "k1 a");
    let handler = Arc::new(Handler::holding());
    // A host may run it on any thread.
    let mut running = gateway.run(handler.clone(), world.clock.sleep(Duration::from_secs(5))).boxed();
    assert!((0..3).all(|_| !poll(running.as_mut())));
    assert_eq!(handler.begun(), ["k1"]);
    world.clock.advance(Duration::from_secs(5));
    assert!((0..3).all(|_| !poll(running.as_mut())), "it is being handled");
    handler.let_go();
    assert!(poll(running.as_mut()));
    assert_eq!(world.stored(), [("k1".to_owned(), DeliveryState::Handled)]);
}

#[test]
fn a_store_that_is_out_of_reach_is_asked_once_and_not_for_each_that_is_spooled() {
    let world = World::new();
    let faults = world.faults(Fault::Flaky);
    let gateway = world.with(&faults).with_spool(Arc::new(MemoryInbox::new()), Arc::new(MemoryBlobs::new()));
    assert!((0..5).all(|it| is_new(&send(&gateway, &format!("k{it} l{it}")))));
    let (before, handler) = (faults.calls(), Arc::new(Handler::default()));
    let mut running = Box::pin(gateway.run(handler.clone(), pending()));
    assert!(!poll(running.as_mut()));
    assert_eq!(faults.calls() - before, 2, "one of the spool, and one for what is to be handled");
    faults.stop();
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(1));
        assert!((0..8).all(|_| !poll(running.as_mut())));
    }
    assert_eq!(handler.handled().len(), 5, "none of them is held while the store is back");
}

#[test]
fn what_has_lost_its_body_in_the_spool_is_a_dead_letter_and_its_lane_goes_on() {
    let world = World::new();
    let (spool, spooled) = (Arc::new(MemoryInbox::new()), Arc::new(MemoryBlobs::new()));
    let lost = Delivery {
        source: name("plain"),
        key: "k1".parse().unwrap(),
        lane: "a".parse().unwrap(),
        hints: vec![Hint::Unknown { what: "k1".into(), why: "its body is lost".into() }],
    };
    let lost = NewDelivery { delivery: lost, body: Digest::of(b"k1 a"), received_at: world.clock.now() };
    now(spool.admit(&cx(), &[lost])).unwrap();
    let faults = world.faults(Fault::Flaky);
    let gateway = world.with(&faults).with_spool(spool.clone(), spooled.clone());
    assert!(is_new(&send(&gateway, "k2 a")));
    faults.stop();
    let handler = Arc::new(Handler::default());
    world::run(&gateway, &handler, &world.clock, 10);
    assert_eq!(handler.handled(), ["k2"]);
    let left = now(spool.find(&cx(), &InboxQuery { dead: true, ..InboxQuery::default() }, 10)).unwrap();
    let [it] = &left[..] else { panic!("{left:?}") };
    let DeliveryState::Dead(why) = &it.state else { panic!("{it:?}") };
    let digest = it.body.to_string();
    assert!(why.contains("read a body in the spool") && why.contains(&digest) && why.contains("it is not there"), "{why}");
}

#[test]
fn a_spool_that_cannot_be_read_is_told_of() {
    let world = World::new();
    let spool: Arc<dyn Inbox> = Arc::new(MemoryInbox::new());
    let spool: Faulty<dyn Inbox> = Faulty::new(spool, world.faults(Fault::Refuse));
    let gateway = world.gateway().with_spool(Arc::new(spool), Arc::new(MemoryBlobs::new()));
    let told = Told::default();
    tracing::subscriber::with_default(told.clone(), || {
        world::run(&gateway, &Arc::new(Handler::default()), &world.clock, 1);
    });
    let told = told.0.lock().unwrap().clone();
    assert!(
        told.iter().any(|it| it.contains("the spool is out of reach") && it.contains("a planned fault refuses it")),
        "{told:?}"
    );
}

/// What was told as a warning or worse.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl tracing::Subscriber for Told {
    fn enabled(&self, it: &tracing::Metadata<'_>) -> bool {
        it.is_event() && *it.level() <= tracing::Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.0.lock().unwrap().push(text.0);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}
