//! The event bus on a RabbitMQ server that the test starts. It takes long to start, so that one does for everything: it is one test.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]
#![expect(clippy::print_stderr, reason = "a skip is told")]
#![expect(clippy::disallowed_methods, reason = "it waits for a real server")]

mod server;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use libtest_mimic::{Arguments, Trial};
use pathops_adapters::rabbitmq::RabbitMq;
use pathops_core::adapter::{Event, EventBus, EventBusCapabilities, Subscriber, Subscription};
use pathops_core::conformance::event_bus::{EventBusFixture, EventBusWorld, cases, worlds};
use pathops_core::{ErrorKind, IdempotencyKey, OpContext, Result};

use server::Server;

/// An exchange of its own for each case.
struct Exchanges {
    address: String,
    made: AtomicU32,
}

#[async_trait]
impl EventBusFixture for Exchanges {
    async fn fresh(&self) -> EventBusWorld {
        let address = self.address.clone();
        let exchange = format!("case-{}", self.made.fetch_add(1, Ordering::Relaxed));
        let open = move || {
            let (address, exchange) = (address.clone(), exchange.parse().unwrap());
            async move { Arc::new(RabbitMq::connect(&address).await.unwrap().with_exchange(exchange)) as Arc<dyn EventBus> }
        };
        EventBusWorld::new(open, ())
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let program = server::installed();
    if program.is_none() {
        assert!(std::env::var_os("CI").is_none(), "RabbitMQ is missing: `.ci/test` installs it");
        eprintln!("skipped: RabbitMQ is not installed; `.ci/test` does it");
    }
    let missing = program.is_none();
    let everything = Trial::test("rabbitmq::the_kit_and_a_killed_server", move || {
        let mut server = Server::start(&program.unwrap_or_default());
        passes_the_kit(&server)?;
        tokio::runtime::Runtime::new()?.block_on(async {
            who_may_not_is_told_and_no_secret(&server).await;
            a_subscription_outlives_a_killed_server(&mut server).await;
        });
        Ok(())
    });
    libtest_mimic::run(&arguments, vec![everything.with_ignored_flag(missing)]).exit_code()
}

fn passes_the_kit(server: &Server) -> Result<(), String> {
    let mut capabilities = EventBusCapabilities::default();
    (capabilities.durable, capabilities.shared) = (true, true);
    let worlds = worlds(Arc::new(Exchanges { address: server.address(), made: AtomicU32::new(0) }));
    let failed =
        cases(capabilities).into_iter().filter_map(|case| Some(format!("{}: {}", case.name(), case.check(&worlds).err()?)));
    let failed: Vec<_> = failed.collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n")) }
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test")).with_timeout(Duration::from_secs(30))
}

fn event(id: &str) -> Event {
    Event::new(id.parse().unwrap(), "a".parse().unwrap(), "lane".parse().unwrap(), Vec::new()).unwrap()
}

async fn who_may_not_is_told_and_no_secret(server: &Server) {
    let address = server.address().replace("guest@", "not-the-password@");
    let denied = RabbitMq::connect(&address).await.unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::Denied, "{denied:?}");
    let invalid = RabbitMq::connect("amqp:not-the-password@").await.unwrap_err();
    assert_eq!(invalid.kind(), ErrorKind::Invalid, "{invalid:?}");
    for said in [format!("{denied:?}"), format!("{invalid:?}")] {
        assert!(!said.contains("not-the-password"), "{said}");
    }
}

async fn take(subscriber: &mut dyn Subscriber) -> Result<String> {
    let event = subscriber.next(&cx()).await?;
    subscriber.ack(&cx(), event.id()).await?;
    Ok(event.id().to_string())
}

async fn a_subscription_outlives_a_killed_server(server: &mut Server) {
    let bus = RabbitMq::connect(&server.address()).await.unwrap();
    let subscription = Subscription::named("one".parse().unwrap());
    let mut subscriber = bus.subscribe(&cx(), &"a".parse().unwrap(), &subscription).await.unwrap();
    bus.publish(&cx(), &event("e1")).await.unwrap();
    assert_eq!(take(&mut *subscriber).await.unwrap(), "e1");
    bus.publish(&cx(), &event("e2")).await.unwrap();
    server.kill();
    let lost = bus.publish(&cx(), &event("e3")).await.unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Unavailable, "{lost:?}");
    server.start_again();
    let patience = Instant::now() + Duration::from_secs(60);
    while let Err(error) = bus.publish(&cx(), &event("e3")).await {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        assert!(Instant::now() < patience, "the server is not reached again: {error:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // It does not know an event again: what was acknowledged when the server ended, and what was published then, may come twice.
    let mut told = Vec::new();
    while told.last().is_none_or(|last| last != "e3") {
        assert!(Instant::now() < patience, "the subscription does not go on: {told:?}");
        match take(&mut *subscriber).await {
            Ok(id) => told.push(id),
            Err(error) => assert!(matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Conflict), "{error:?}"),
        }
    }
    assert!(told.is_sorted() && told.iter().any(|id| id == "e2"), "{told:?}");
}
