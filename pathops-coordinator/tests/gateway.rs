//! The event gateway: what it acknowledged it keeps, and what it keeps is handled, whatever ends in between.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code: a failure is a failed test")]

#[path = "gateway/batch.rs"]
mod batch;
#[path = "gateway/bodies.rs"]
mod bodies;
#[path = "gateway/killed.rs"]
mod killed;
#[path = "gateway/publish.rs"]
mod publish;
#[path = "gateway/spool.rs"]
mod spool;
#[path = "gateway/world.rs"]
mod world;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;
use pathops_coordinator::gateway::{Answer, Gateway, Limits, Sweep, Swept, Turn};
use pathops_core::adapter::{Admitted, BlobStore, Delivery, DeliveryState, Hint, Inbox, InboxQuery, Rejection, SenderLaw};
use pathops_core::memory::{Fault, Faults, Faulty, ManualClock, MemoryBlobs, MemoryInbox, When};
use pathops_core::{Digest, Effect, Error, ErrorKind, OpContext, Result, Retry, UnixMillis};

use world::{Handler, Plain, cx, name, now, send};

#[derive(Clone)]
struct World {
    clock: Arc<ManualClock>,
    inbox: Arc<MemoryInbox>,
    blobs: Arc<MemoryBlobs>,
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(UnixMillis(1_000_000)));
        Self { clock, inbox: Arc::default(), blobs: Arc::default() }
    }

    fn gateway(&self) -> Gateway {
        self.over(self.inbox.clone())
    }

    fn over(&self, inbox: Arc<dyn Inbox>) -> Gateway {
        Gateway::new(inbox, self.blobs.clone(), self.clock.clone()).with_source(Arc::new(Plain::new("plain")))
    }

    /// A gateway whose inbox has these faults.
    fn with(&self, faults: &Arc<Faults>) -> Gateway {
        let inbox: Arc<dyn Inbox> = self.inbox.clone();
        let inbox: Faulty<dyn Inbox> = Faulty::new(inbox, faults.clone());
        self.over(Arc::new(inbox))
    }

    fn faults(&self, fault: Fault) -> Arc<Faults> {
        Arc::new(Faults::new(1, self.clock.clone()).with(fault, When::Always))
    }

    fn stored(&self) -> Vec<(String, DeliveryState)> {
        let all = now(self.inbox.find(&cx(), &InboxQuery::default(), 1_000)).unwrap();
        all.into_iter().map(|it| (it.delivery.key.to_string(), it.state)).collect()
    }
}

fn is_new(answer: &Answer) -> bool {
    matches!(answer, Answer::Stored(Admitted::New)) && answer.status() == 202
}

#[test]
fn what_is_acknowledged_is_stored_with_its_body_and_once() {
    let world = World::new();
    let gateway = world.gateway();
    assert!(is_new(&send(&gateway, "k1 a first")));
    let again = send(&gateway, "k1 a first");
    assert!(matches!(again, Answer::Stored(Admitted::Known)) && again.status() == 202);
    let found = now(world.inbox.find(&cx(), &InboxQuery::default(), 10)).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].body, Digest::of(b"k1 a first"));
    assert_eq!(now(world.blobs.get(&cx(), &found[0].body)).unwrap().unwrap(), b"k1 a first");
}

#[test]
fn another_body_under_a_known_name_is_kept_beside_it() {
    let world = World::new();
    let gateway = world.gateway();
    assert!(is_new(&send(&gateway, "k1 a first")) && is_new(&send(&gateway, "k1 a second")));
    assert!(matches!(send(&gateway, "k1 a second"), Answer::Stored(Admitted::Known)));
    let keys: Vec<_> = world.stored().into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["k1".to_owned(), format!("k1+{}", Digest::of(b"k1 a second").short())]);
}

#[test]
fn what_does_not_come_from_the_sender_is_refused_and_leaves_no_trace() {
    let world = World::new();
    let gateway = world.gateway();
    let token: (&str, &[u8]) = ("x-token", b"good");
    for (source, headers, body, status) in [
        ("plain", &[][..], b"k a".to_vec(), 400),
        ("plain", &[token, token], b"k a".to_vec(), 400),
        ("plain", &[("x-token", &b"bad"[..])], b"k a".to_vec(), 401),
        ("plain", &[token], vec![b'x'; 1_001], 413),
        ("other", &[token], b"k a".to_vec(), 404),
    ] {
        let answer = now(gateway.receive(&name(source), headers, body));
        assert_eq!(answer.status(), status, "{answer:?}");
        assert!(!answer.text().contains("bad"));
    }
    assert_eq!((world.stored(), world.blobs.count()), (Vec::new(), 0));
}

#[test]
fn what_cannot_be_stored_is_answered_by_the_law_of_its_sender() {
    let world = World::new();
    let answer = send(&world.with(&world.faults(Fault::Flaky)), "k1 a first");
    let Answer::Busy(_, error) = &answer else { panic!("{answer:?}") };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!((answer.status(), answer.retry_after()), (503, Some(Duration::from_secs(30))));
    assert_eq!(world.stored(), []);
}

#[test]
fn a_store_that_takes_its_time_does_not_keep_the_sender_waiting() {
    let world = World::new();
    let gateway = world.with(&world.faults(Fault::Slow(Duration::from_secs(60))));
    let token: [(&str, &[u8]); 1] = [("x-token", b"good")];
    let plain = name("plain");
    let mut receiving = Box::pin(gateway.receive(&plain, &token, b"k1 a first".to_vec()));
    assert!(receiving.as_mut().now_or_never().is_none());
    let within = Plain::LAW.answer_within;
    world.clock.advance(within - Duration::from_millis(1));
    let answer = receiving.as_mut().now_or_never().unwrap();
    let Answer::Busy(_, error) = &answer else { panic!("{answer:?}") };
    assert_eq!((error.kind(), error.effect()), (ErrorKind::Timeout, Effect::Unknown));
}

#[test]
fn what_goes_to_the_spool_comes_to_the_inbox_when_that_is_back() {
    let world = World::new();
    let faults = world.faults(Fault::Flaky);
    let (spool, spooled) = (Arc::new(MemoryInbox::new()), Arc::new(MemoryBlobs::new()));
    let gateway = world.with(&faults).with_spool(spool.clone(), spooled.clone());
    assert!(is_new(&send(&gateway, "k1 a first")) && is_new(&send(&gateway, "k2 a second")));
    assert_eq!((world.stored(), spooled.count()), (Vec::new(), 2));
    let handler = Arc::new(Handler::default());
    world::run(&gateway, &handler, &world.clock, 5);
    assert!(handler.handled().is_empty(), "the inbox is out of reach");
    faults.stop();
    world::run(&gateway, &handler, &world.clock, 200);
    assert_eq!(handler.handled(), ["k1", "k2"]);
    let left = now(spool.find(&cx(), &InboxQuery::default(), 10)).unwrap();
    assert!(left.iter().all(|it| it.state == DeliveryState::Handled), "{left:?}");
}

#[test]
fn bodies_on_their_way_take_bounded_room() {
    let world = World::new();
    let limits = Limits { bytes_in_flight: 25, ..Limits::default() };
    let gateway = world.with(&world.faults(Fault::Slow(Duration::from_secs(1)))).with_limits(limits);
    let token: [(&str, &[u8]); 1] = [("x-token", b"good")];
    let plain = name("plain");
    let mut first = Box::pin(gateway.receive(&plain, &token, b"k1 a 0123456789".to_vec()));
    assert!(first.as_mut().now_or_never().is_none());
    let second = send(&gateway, "k2 b 0123456789");
    assert_eq!(second.status(), 503, "{second:?}");
    drop(first);
    let mut third = Box::pin(gateway.receive(&plain, &token, b"k2 b 0123456789".to_vec()));
    assert!(third.as_mut().now_or_never().is_none(), "the room is free again");
    world.clock.advance(Duration::from_secs(1));
    assert!(is_new(&third.as_mut().now_or_never().unwrap()));
}

#[test]
fn a_lane_is_in_order_and_lanes_are_beside_each_other() {
    let world = World::new();
    let gateway = world.gateway();
    for text in ["k1 a", "k2 a", "k3 b", "k4 c"] {
        send(&gateway, text);
    }
    let handler = Handler::holding();
    let mut turn = Box::pin(gateway.turn(&handler));
    assert!((0..5).all(|_| turn.as_mut().now_or_never().is_none()));
    assert_eq!(handler.begun(), ["k1", "k3", "k4"], "the first of each lane, all at once");
    handler.let_go();
    assert_eq!(turn.as_mut().now_or_never().unwrap().unwrap(), Turn { handled: 3, ..Turn::default() });
    drop(turn);
    assert_eq!(now(gateway.turn(&handler)).unwrap(), Turn { handled: 1, ..Turn::default() });
    assert!(now(gateway.turn(&handler)).unwrap().is_idle());
    let mut handled = handler.handled();
    assert_eq!(handled.pop().as_deref(), Some("k2"), "the second of a lane comes after the first");
    handled.sort();
    assert_eq!(handled, ["k1", "k3", "k4"]);
}

#[test]
fn no_more_lanes_than_allowed_are_handled_at_once() {
    let world = World::new();
    let gateway = world.gateway().with_limits(Limits { lanes_at_once: 2, ..Limits::default() });
    for lane in 0..5 {
        send(&gateway, &format!("k{lane} l{lane}"));
    }
    let handler = Handler::holding();
    let mut turn = Box::pin(gateway.turn(&handler));
    assert!((0..9).all(|_| turn.as_mut().now_or_never().is_none()));
    assert_eq!(handler.begun().len(), 2);
}

#[test]
fn a_delivery_is_tried_again_later_each_time_and_then_is_a_dead_letter() {
    let world = World::new();
    let gateway = world.gateway().with_limits(Limits { attempts: 4, ..Limits::default() });
    send(&gateway, "k1 a");
    send(&gateway, "k2 a");
    let handler = Handler::failing("k1", || Error::new(ErrorKind::Unavailable, "look at a repository"));
    for wait in [1, 2, 4] {
        assert_eq!(now(gateway.turn(&handler)).unwrap().later, 1);
        world.clock.advance(Duration::from_millis(wait * 1_000 - 1));
        assert!(now(gateway.turn(&handler)).unwrap().is_idle(), "its lane waits {wait} s");
        world.clock.advance(Duration::from_millis(1));
    }
    assert_eq!(now(gateway.turn(&handler)).unwrap().dead, 1);
    assert_eq!(now(gateway.turn(&handler)).unwrap().handled, 1);
    let why = "failed to look at a repository: unavailable".to_owned();
    assert_eq!(world.stored(), [("k1".to_owned(), DeliveryState::Dead(why)), ("k2".to_owned(), DeliveryState::Handled)]);
}

#[test]
fn what_is_no_use_to_try_is_a_dead_letter_at_once_and_what_may_have_happened_is_not() {
    for (error, dead) in [
        (Error::new(ErrorKind::Invalid, "look"), 1),
        (Error::new(ErrorKind::Invalid, "look").with_effect(Effect::Unknown), 0),
        (Error::new(ErrorKind::Invalid, "look").with_retry(Retry::After(Duration::from_secs(9))), 0),
    ] {
        let world = World::new();
        let gateway = world.gateway();
        send(&gateway, "k1 a");
        let (retry, effect) = (error.retry(), error.effect());
        let handler =
            Handler::failing("k1", move || Error::new(ErrorKind::Invalid, "look").with_retry(retry).with_effect(effect));
        assert_eq!(now(gateway.turn(&handler)).unwrap().dead, dead, "{error:?}");
    }
}

#[test]
fn a_handler_that_hangs_is_given_up_and_called_again() {
    let world = World::new();
    let gateway = world.gateway();
    send(&gateway, "k1 a");
    let handler = Handler::holding();
    let mut turn = Box::pin(gateway.turn(&handler));
    assert!(turn.as_mut().now_or_never().is_none());
    world.clock.advance(Limits::default().handle_within);
    assert_eq!(turn.as_mut().now_or_never().unwrap().unwrap().later, 1);
}

#[test]
fn a_replay_shows_first_and_then_handles_once_more() {
    let world = World::new();
    let gateway = world.gateway();
    let handler = Handler::failing("k2", || Error::new(ErrorKind::Denied, "look"));
    for text in ["k1 a", "k2 b", "k3 c"] {
        send(&gateway, text);
        world.clock.advance(Duration::from_secs(60));
    }
    now(gateway.turn(&handler)).unwrap();
    let dead = InboxQuery { dead: true, ..InboxQuery::default() };
    let keys = |query: &InboxQuery, dry_run| -> Vec<String> {
        let found = now(gateway.replay(query, 10, dry_run)).unwrap();
        found.iter().map(|it| it.delivery.key.to_string()).collect()
    };
    assert_eq!(keys(&dead, true), ["k2"]);
    assert!(now(gateway.turn(&handler)).unwrap().is_idle(), "a dry run changes nothing");
    assert_eq!(keys(&dead, false), ["k2"]);
    handler.recover();
    assert_eq!(now(gateway.turn(&handler)).unwrap().handled, 1);
    let late = InboxQuery { from: Some(UnixMillis(1_120_000)), ..InboxQuery::default() };
    let key = InboxQuery { key: Some("k1".parse().unwrap()), ..InboxQuery::default() };
    assert_eq!((keys(&late, false), keys(&key, false)), (vec!["k3".to_owned()], vec!["k1".to_owned()]));
    assert_eq!(now(gateway.turn(&handler)).unwrap().handled, 2);
}

/// What the sender really did.
#[derive(Debug)]
struct Truth(Vec<&'static str>);

#[async_trait::async_trait]
impl Sweep for Truth {
    async fn happened(&self, _: &OpContext, _: UnixMillis) -> Result<Vec<Delivery>> {
        let hint = |key: &str| Hint::Unknown { what: key.into(), why: "swept".into() };
        let of = |key: &&str| Delivery {
            source: name("plain"),
            key: key.parse().unwrap(),
            lane: "a".parse().unwrap(),
            hints: vec![hint(key)],
        };
        Ok(self.0.iter().map(of).collect())
    }
}

#[test]
fn a_sweep_finds_what_never_came_and_nothing_else() {
    let world = World::new();
    let gateway = world.gateway();
    send(&gateway, "k1 a");
    let truth = Truth(vec!["k1", "k2"]);
    assert_eq!(now(gateway.sweep(&truth, UnixMillis(0))).unwrap(), Swept { happened: 2, missed: 1 });
    assert_eq!(now(gateway.sweep(&truth, UnixMillis(0))).unwrap(), Swept { happened: 2, missed: 0 });
    let handler = Arc::new(Handler::default());
    world::run(&gateway, &handler, &world.clock, 50);
    assert_eq!(handler.handled(), ["k1", "k2"]);
}

#[test]
fn a_gateway_knows_the_laws_of_its_sources() {
    let gateway = World::new().gateway();
    assert_eq!(gateway.law(&name("plain")), Some(Plain::LAW));
    assert_eq!(gateway.law(&name("other")), None::<SenderLaw>);
    assert_eq!(Answer::Rejected(Rejection::Stale).status(), 401);
}
