//! What is particular to the event bus: a server that is killed, publishers at the same time, and what becomes of old events.

use std::sync::Arc;
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use pathops_adapters::postgres::PostgresEventBus;
use pathops_core::adapter::{Event, EventBus as _, Subscriber, Subscription};
use pathops_core::{ErrorKind, Result};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use crate::OneServer;
use crate::faults::{cx, trial};
use crate::journal::eventually;
use crate::server::{Server, installed};

pub(crate) fn trials(server: &OneServer) -> Vec<Trial> {
    vec![
        trial(server, "a_subscription_outlives_a_killed_server", |it| Box::pin(a_subscription_outlives_a_killed_server(it))),
        trial(server, "who_waits_hears_of_it_at_once", |it| Box::pin(who_waits_hears_of_it_at_once(it))),
        trial(server, "publishers_at_once_leave_nothing_out", |it| Box::pin(publishers_at_once_leave_nothing_out(it))),
        trial(server, "old_events_are_taken_away", |it| Box::pin(old_events_are_taken_away(it))),
    ]
}

fn event(id: &str) -> Event {
    Event::new(id.parse().unwrap(), "a".parse().unwrap(), "lane".parse().unwrap(), Vec::new()).unwrap()
}

async fn subscribe(bus: &PostgresEventBus) -> Box<dyn Subscriber> {
    let subscription = Subscription::named("one".parse().unwrap());
    bus.subscribe(&cx(), &"a".parse().unwrap(), &subscription).await.unwrap()
}

/// The id of the next event, which is acknowledged.
async fn take(subscriber: &mut dyn Subscriber) -> Result<String> {
    let event = subscriber.next(&cx().with_timeout(Duration::from_secs(30))).await?;
    subscriber.ack(&cx(), event.id()).await?;
    Ok(event.id().to_string())
}

async fn a_subscription_outlives_a_killed_server(_: &Server) {
    let mut server = Server::start(&installed().unwrap()).await;
    let bus = PostgresEventBus::open(&server.database().await).await.unwrap();
    let mut subscriber = subscribe(&bus).await;
    bus.publish(&cx(), &event("e1")).await.unwrap();
    assert_eq!(take(&mut *subscriber).await.unwrap(), "e1");
    bus.publish(&cx(), &event("e2")).await.unwrap();
    server.fail().await;
    // Nobody need know whether the last one was published: under its id it is told once.
    eventually(async || bus.publish(&cx(), &event("e2")).await).await;
    eventually(async || bus.publish(&cx(), &event("e3")).await).await;
    let mut told = Vec::new();
    let patience = Instant::now() + Duration::from_secs(30);
    while told.len() < 2 {
        assert!(Instant::now() < patience, "the subscription does not go on: {told:?}");
        match take(&mut *subscriber).await {
            Ok(id) => told.push(id),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}"),
        }
    }
    assert_eq!(told, ["e2", "e3"]);
}

async fn who_waits_hears_of_it_at_once(server: &Server) {
    let url = server.database().await;
    let (here, there) = (PostgresEventBus::open(&url).await.unwrap(), PostgresEventBus::open(&url).await.unwrap());
    let mut subscriber = subscribe(&there).await;
    let began = Instant::now();
    for n in 0..10 {
        let later = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            here.publish(&cx(), &event(&format!("e{n}"))).await.unwrap();
        };
        let (told, ()) = tokio::join!(take(&mut *subscriber), later);
        assert_eq!(told.unwrap(), format!("e{n}"));
    }
    // Who only looked would need nearly a second for each.
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
}

async fn publishers_at_once_leave_nothing_out(server: &Server) {
    let url = server.database().await;
    let bus = PostgresEventBus::open(&url).await.unwrap();
    let mut subscriber = subscribe(&bus).await;
    let publish = |publisher: usize| {
        let url = url.clone();
        tokio::spawn(async move {
            let bus = Arc::new(PostgresEventBus::open(&url).await.unwrap());
            for n in 0..50 {
                bus.publish(&cx(), &event(&format!("{publisher}-{n:02}"))).await.unwrap();
            }
        })
    };
    let publishing: Vec<_> = (0..3).map(publish).collect();
    let mut told = Vec::new();
    for _ in 0..150 {
        told.push(take(&mut *subscriber).await.unwrap());
    }
    for publisher in publishing {
        publisher.await.unwrap();
    }
    told.sort();
    let mut all: Vec<_> = (0..3).flat_map(|publisher| (0..50).map(move |n| format!("{publisher}-{n:02}"))).collect();
    all.sort();
    assert_eq!(told, all);
}

async fn old_events_are_taken_away(server: &Server) {
    let url = server.database().await;
    let bus = PostgresEventBus::open(&url).await.unwrap().with_kept(Duration::ZERO);
    for n in 0..15 {
        bus.publish(&cx(), &event(&format!("e{n}"))).await.unwrap();
    }
    let mut connection = PgConnection::connect(&url).await.unwrap();
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM pathops_events").fetch_one(&mut connection).await.unwrap();
    assert_eq!(left, 1, "all but the newest were old");
}
