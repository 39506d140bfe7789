//! The event bus on a RabbitMQ server that the test starts: the conformance kit, what is particular to this broker, and what becomes
//! of a server that is killed. One test, since the server takes long to start.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]
#![expect(clippy::disallowed_methods, reason = "it waits for a real server")]

mod foreign;
mod server;

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use pathops_adapters::rabbitmq::{RabbitMq, RabbitMqConfig};
use pathops_core::adapter::{Event, EventBus, EventBusCapabilities, Subscriber, Subscription};
use pathops_core::conformance::event_bus::{self, EventBusFixture, EventBusWorld};
use pathops_core::{Effect, ErrorKind, IdempotencyKey, OpContext, Result};

use server::Server;

/// An exchange of its own for each case, on one server.
#[derive(Clone)]
struct OneServer(Arc<Server>);

#[async_trait]
impl EventBusFixture for OneServer {
    async fn fresh(&self) -> EventBusWorld {
        let config = self.0.config();
        let open = move || {
            let config = config.clone();
            async move { Arc::new(RabbitMq::connect(&config).await.unwrap()) as Arc<dyn EventBus> }
        };
        EventBusWorld::new(open, ())
    }
}

#[test]
fn the_kit_and_a_killed_server() {
    let Some(programs) = server::installed() else {
        assert!(std::env::var_os("CI").is_none(), "`rabbitmq-server` is missing: `.ci/test` installs it");
        return eprintln!("skipped: `rabbitmq-server` is not installed; `.ci/test` does it");
    };
    let server = Arc::new(Server::start(&programs));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // The server takes a few seconds to write down what it was told to make.
    let early = runtime.block_on(told_of_one(&server));
    the_kit(&server);
    runtime.block_on(who_may_not_is_told_and_no_secret(&server));
    runtime.block_on(an_encrypted_connection_is_one_to_whom_it_should_be(&server));
    runtime.block_on(who_does_not_ask_makes_room(&server));
    runtime.block_on(old_events_are_not_told(&server));
    runtime.block_on(no_event_is_held_for_too_long(&server));
    runtime.block_on(foreign::what_is_no_event_is_passed_over(&server));
    runtime.block_on(foreign::a_queue_without_order_is_refused(&server));
    runtime.block_on(what_a_full_server_does_not_take_is_told(&server));
    let server = Arc::into_inner(server).unwrap();
    runtime.block_on(a_subscription_outlives_a_killed_server(server, early));
}

/// All cases at once, since most of them wait.
fn the_kit(server: &Arc<Server>) {
    let mut capabilities = EventBusCapabilities::default();
    (capabilities.durable, capabilities.shared) = (true, true);
    let fresh = event_bus::worlds(Arc::new(OneServer(server.clone())));
    let running = event_bus::cases(capabilities).into_iter().map(|case| {
        let fresh = fresh.clone();
        std::thread::spawn(move || case.check(&fresh).err().map(|why| format!("{}: {why}", case.name())))
    });
    let running: Vec<_> = running.collect();
    let wrong: Vec<_> = running.into_iter().filter_map(|case| case.join().unwrap()).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test")).with_timeout(Duration::from_secs(30))
}

fn event(id: &str) -> Event {
    Event::new(id.parse().unwrap(), "a".parse().unwrap(), "lane".parse().unwrap(), Vec::new()).unwrap()
}

async fn subscribe(bus: &RabbitMq) -> Result<Box<dyn Subscriber>> {
    let subscription = Subscription::named("one".parse().unwrap()).with_ack_within(Duration::from_secs(2));
    bus.subscribe(&cx(), &"a".parse().unwrap(), &subscription).await
}

async fn publish(bus: &RabbitMq, ids: &[&str]) {
    for id in ids {
        bus.publish(&cx(), &event(id)).await.unwrap();
    }
}

async fn take(subscriber: &mut dyn Subscriber) -> Result<String> {
    let event = subscriber.next(&cx()).await?;
    subscriber.ack(&cx(), event.id()).await?;
    Ok(event.id().to_string())
}

async fn who_may_not_is_told_and_no_secret(server: &Server) {
    let config = server.as_nobody().with_user("pathops", "not-the-password");
    let denied = RabbitMq::connect(&config).await.unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::Denied, "{denied:?}");
    let address = server.address("amqp://pathops:a-password@", "/none");
    let no_host = RabbitMq::connect(&RabbitMqConfig::new(&address)).await.unwrap_err();
    assert_eq!(no_host.kind(), ErrorKind::NotFound, "{no_host:?}");
    // It speaks no TLS: nothing is sent to it in the clear instead.
    let address = server.address("amqps://pathops:a-password@", "");
    let unencrypted = RabbitMq::connect(&RabbitMqConfig::new(&address)).await.unwrap_err();
    assert_eq!(unencrypted.kind(), ErrorKind::Unavailable, "{unencrypted:?}");
    let mut invalid = Vec::new();
    let mut no_exchange = server.config();
    no_exchange.exchange = "No Exchange".to_owned();
    for config in [RabbitMqConfig::new("amqp://u:a-password@["), no_exchange, server.config().with_root_certificates("/none")] {
        let refused = RabbitMq::connect(&config).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{refused:?}");
        invalid.push(format!("{refused:?} {config:?}"));
    }
    let bus = RabbitMq::connect(&server.config()).await.unwrap();
    let said = [format!("{denied:?} {no_host:?} {unencrypted:?} {config:?} {bus:?} {:?}", subscribe(&bus).await.unwrap())];
    for said in said.iter().chain(&invalid) {
        assert!(!said.contains("-password"), "{said}");
    }
}

async fn an_encrypted_connection_is_one_to_whom_it_should_be(server: &Server) {
    let distrusted = RabbitMq::connect(&server.encrypted()).await.unwrap_err();
    assert_eq!(distrusted.kind(), ErrorKind::Unavailable, "{distrusted:?}");
    let bus = RabbitMq::connect(&server.encrypted().with_root_certificates(server.certificate())).await.unwrap();
    bus.publish(&cx(), &event("e1")).await.unwrap();
}

/// What is published first makes the server say so.
async fn what_a_full_server_does_not_take_is_told(server: &Server) {
    let bus = RabbitMq::connect(&server.config()).await.unwrap();
    server.run_out_of_memory();
    let cx = cx().with_timeout(Duration::from_secs(1));
    if let Err(late) = bus.publish(&cx, &event("e1")).await {
        assert_eq!((late.kind(), late.effect()), (ErrorKind::Timeout, Effect::Unknown), "{late:?}");
    }
    let full = bus.publish(&cx, &event("e2")).await.unwrap_err();
    assert_eq!((full.kind(), full.effect()), (ErrorKind::StorageFull, Effect::None), "{full:?}");
}

/// What lies with one who has acknowledged and does not ask for more goes to another one, and in order.
async fn who_does_not_ask_makes_room(server: &Server) {
    let bus = RabbitMq::connect(&server.config()).await.unwrap();
    let (mut idle, mut other) = (subscribe(&bus).await.unwrap(), subscribe(&bus).await.unwrap());
    publish(&bus, &["e1", "e2", "e3"]).await;
    assert_eq!(take(&mut *idle).await.unwrap(), "e1");
    for id in ["e2", "e3"] {
        assert_eq!(take(&mut *other).await.unwrap(), id);
    }
    publish(&bus, &["e4"]).await;
    drop(other);
    assert_eq!(take(&mut *idle).await.unwrap(), "e4");
}

async fn old_events_are_not_told(server: &Server) {
    let mut config = server.config();
    let bus = RabbitMq::connect(&config).await.unwrap();
    let mut subscriber = subscribe(&bus).await.unwrap();
    config.kept = Duration::from_millis(1);
    publish(&RabbitMq::connect(&config).await.unwrap(), &["e1"]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    publish(&bus, &["e2"]).await;
    assert_eq!(take(&mut *subscriber).await.unwrap(), "e2");
}

async fn no_event_is_held_for_too_long(server: &Server) {
    let bus = RabbitMq::connect(&server.config()).await.unwrap();
    let longest = Subscription::ephemeral().with_ack_within(RabbitMq::MAX_ACK_WITHIN);
    bus.subscribe(&cx(), &"a".parse().unwrap(), &longest).await.unwrap();
    let longer = longest.with_ack_within(RabbitMq::MAX_ACK_WITHIN + Duration::from_secs(1));
    let refused = bus.subscribe(&cx(), &"a".parse().unwrap(), &longer).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid, "{refused:?}");
}

async fn told_of_one(server: &Server) -> (RabbitMq, Box<dyn Subscriber>) {
    let bus = RabbitMq::connect(&server.config()).await.unwrap();
    let mut subscriber = subscribe(&bus).await.unwrap();
    publish(&bus, &["e1", "e2"]).await;
    assert_eq!(take(&mut *subscriber).await.unwrap(), "e1");
    (bus, subscriber)
}

async fn a_subscription_outlives_a_killed_server(mut server: Server, (bus, mut subscriber): (RabbitMq, Box<dyn Subscriber>)) {
    let held = subscriber.next(&cx()).await.unwrap();
    server.kill();
    let lost = bus.publish(&cx(), &event("e3")).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Unavailable, "{lost:?}");
    let lost = subscriber.ack(&cx(), held.id()).await.unwrap_err();
    assert!([ErrorKind::Unavailable, ErrorKind::Conflict].contains(&lost.kind()), "{lost:?}");
    server.start_again();
    let patience = Instant::now() + Duration::from_secs(60);
    for id in ["e3", "e4"] {
        while let Err(error) = bus.publish(&cx(), &event(id)).await {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
            assert!(Instant::now() < patience, "the server is not reached again: {error:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let mut told = Vec::new();
    while told.last().is_none_or(|last| last != "e4") {
        assert!(Instant::now() < patience, "the subscription does not go on: {told:?}");
        match take(&mut *subscriber).await {
            Ok(id) => told.push(id),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}"),
        }
    }
    // What was acknowledged just before the server was killed may come again, and what was published twice comes twice.
    told.retain(|id| id != "e1");
    told.dedup();
    assert_eq!(told, ["e2", "e3", "e4"]);
}
