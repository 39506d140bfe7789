//! The event bus on a NATS server that the test starts: the conformance kit, and what becomes of a server that is killed.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]
#![expect(clippy::print_stderr, reason = "a skip is told")]
#![expect(clippy::disallowed_methods, reason = "it waits for a real server")]

mod server;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use libtest_mimic::{Arguments, Trial};
use pathops_adapters::nats::{Nats, NatsConfig};
use pathops_core::adapter::{Event, EventBus, EventBusCapabilities, Subscriber, Subscription};
use pathops_core::conformance::event_bus::{self, EventBusFixture, EventBusWorld};
use pathops_core::{Effect, ErrorKind, IdempotencyKey, OpContext, Result};

use server::Server;

/// One server for all cases of this process, started with the first.
#[derive(Clone)]
struct OneServer {
    program: PathBuf,
    server: Arc<OnceLock<Server>>,
}

#[async_trait]
impl EventBusFixture for OneServer {
    async fn fresh(&self) -> EventBusWorld {
        let config = self.server.get_or_init(|| Server::start(&self.program)).config();
        let open = move || {
            let config = config.clone();
            async move { Arc::new(Nats::connect(&config).await.unwrap()) as Arc<dyn EventBus> }
        };
        EventBusWorld::new(open, self.clone())
    }
}

fn main() -> ExitCode {
    let mut capabilities = EventBusCapabilities::default();
    (capabilities.durable, capabilities.shared, capabilities.deduplicates) = (true, true, true);
    let arguments = Arguments::from_args();
    let program = server::installed();
    if program.is_none() {
        assert!(std::env::var_os("CI").is_none(), "`nats-server` is missing: `.ci/test` installs it");
        eprintln!("skipped: `nats-server` is not installed; `.ci/test` does it");
    }
    let missing = program.is_none();
    let program = program.unwrap_or_default();
    let server = OneServer { program: program.clone(), server: Arc::default() };
    let mut all = event_bus::trials(Arc::new(server), capabilities);
    all.push(trial("a_subscription_outlives_a_killed_server", &program, |it| {
        Box::pin(a_subscription_outlives_a_killed_server(it))
    }));
    all.push(trial("who_may_not_is_told_and_no_secret", &program, |it| Box::pin(who_may_not_is_told_and_no_secret(it))));
    let all: Vec<Trial> = all.into_iter().map(|trial| trial.with_ignored_flag(missing)).collect();
    libtest_mimic::run(&arguments, all).exit_code()
}

type Run = fn(Server) -> std::pin::Pin<Box<dyn Future<Output = ()>>>;

/// With a server of its own.
fn trial(name: &str, program: &Path, run: Run) -> Trial {
    let program = program.to_owned();
    Trial::test(format!("nats::{name}"), move || {
        tokio::runtime::Runtime::new()?.block_on(run(Server::start(&program)));
        Ok(())
    })
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test")).with_timeout(Duration::from_secs(30))
}

fn event(id: &str) -> Event {
    Event::new(id.parse().unwrap(), "a".parse().unwrap(), "lane".parse().unwrap(), Vec::new()).unwrap()
}

async fn take(subscriber: &mut dyn Subscriber) -> Result<String> {
    let event = subscriber.next(&cx()).await?;
    subscriber.ack(&cx(), event.id()).await?;
    Ok(event.id().to_string())
}

async fn a_subscription_outlives_a_killed_server(mut server: Server) {
    let bus = Nats::connect(&server.config()).await.unwrap();
    let subscription = Subscription::named("one".parse().unwrap()).with_ack_within(Duration::from_secs(2));
    let mut subscriber = bus.subscribe(&cx(), &"a".parse().unwrap(), &subscription).await.unwrap();
    bus.publish(&cx(), &event("e1")).await.unwrap();
    assert_eq!(take(&mut *subscriber).await.unwrap(), "e1");
    bus.publish(&cx(), &event("e2")).await.unwrap();
    server.kill();
    // Nobody knows whether it was published. It is, as soon as the server is back, and again under its id.
    let lost = bus.publish(&cx(), &event("e3")).await.unwrap_err();
    assert_eq!((lost.kind(), lost.effect()), (ErrorKind::Unavailable, Effect::Unknown), "{lost:?}");
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
    // What was acknowledged just before the server was killed may come again.
    told.retain(|id| id != "e1");
    assert_eq!(told, ["e2", "e3", "e4"]);
}

async fn who_may_not_is_told_and_no_secret(server: Server) {
    let config = server.as_nobody().with_user("u", "not-the-password");
    let denied = Nats::connect(&config).await.unwrap_err();
    assert_eq!(denied.kind(), ErrorKind::Denied, "{denied:?}");
    let invalid = Nats::connect(&NatsConfig::new("nats://u:not-the-password@[")).await.unwrap_err();
    assert_eq!(invalid.kind(), ErrorKind::Invalid, "{invalid:?}");
    for said in [format!("{denied:?}"), format!("{invalid:?}"), format!("{config:?}")] {
        assert!(!said.contains("not-the-password"), "{said}");
    }
}
