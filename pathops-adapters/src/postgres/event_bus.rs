use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{Event, EventBus, EventBusCapabilities, Subscriber, Subscription};
use pathops_core::{OpContext, Result, Topic};
use sqlx::{query, query_scalar};

use super::database::{Database, Format, commit, in_time};
use super::error::classify;
use crate::call::{Call, Store};

mod bell;
mod subscriber;

use bell::Bell;
use subscriber::{Place, PostgresSubscriber};

const FORMAT: Format = Format {
    open: "open the event bus",
    store: Store { restore: "restore the event bus from a backup, and read what it told of where that comes from", classify },
    schema: &[include_str!("../../migrations/postgres/0001_event_bus.sql")],
    table: "pathops_event_bus",
    // "PaEv" in ASCII, twice.
    lock: 0x5061_4576_5061_4576,
};

/// For how long events are kept, where nobody says otherwise.
const KEPT: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// An event bus in a database of PostgreSQL. Any number of processes on any machines may use it at once.
///
/// Events are rows of a table, and `NOTIFY` tells who waits to look there. Who does not hear it looks every second. Those who publish
/// to one topic do it one after another. Events are kept for seven days, and known again by their ids as long as that.
///
/// ```no_run
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use pathops_adapters::postgres::PostgresEventBus;
/// use pathops_core::adapter::{EventBus as _, Subscription};
/// use pathops_core::{IdempotencyKey, OpContext};
/// let bus = PostgresEventBus::open("postgres://pathops@localhost/pathops?sslmode=verify-full").await?;
/// let cx = OpContext::new(IdempotencyKey::new("billing"));
/// let subscription = Subscription::named("billing".parse().unwrap());
/// let mut subscriber = bus.subscribe(&cx, &"webhooks".parse().unwrap(), &subscription).await?;
/// let event = subscriber.next(&cx).await?;
/// subscriber.ack(&cx, event.id()).await?;
/// # Ok::<(), pathops_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct PostgresEventBus {
    shared: Arc<Shared>,
    kept: Duration,
}

/// What the bus and its subscribers share.
#[derive(Debug)]
struct Shared {
    database: Database,
    bell: Bell,
}

impl PostgresEventBus {
    /// Opens the bus in the database that `url` names (`postgres://user:password@host/database`), and makes its tables where there
    /// are none.
    ///
    /// # Errors
    /// `Invalid` for no such URL; `NotFound` where there is no such database; `Denied`; `Unsupported` where a newer version of
    /// this adapter made the tables; `Unavailable`, `StorageFull`. No message holds the password.
    pub async fn open(url: &str) -> Result<Self> {
        let database = Database::open(url, &FORMAT).await?;
        Ok(Self { shared: Arc::new(Shared { database, bell: Bell::default() }), kept: KEPT })
    }

    /// Keeps what it publishes, and what others have published before, for so long at least: who publishes takes away what is older,
    /// some of it each time.
    #[must_use]
    pub fn with_kept(self, kept: Duration) -> Self {
        Self { kept, ..self }
    }

    /// Adds it where it is not there, under the lock of its topic.
    async fn add(&self, call: &Call, event: &Event) -> Result<()> {
        let mut transaction = self.shared.database.begin(call).await?;
        let lock =
            "INSERT INTO pathops_topics AS it VALUES ($1, 0) ON CONFLICT (topic) DO UPDATE SET last = it.last RETURNING last";
        let lock = query_scalar::<_, i64>(lock).bind(event.topic().as_str());
        let last = lock.fetch_one(&mut *transaction).await.map_err(|e| call.failed(e))?;
        let add = "WITH new AS (INSERT INTO pathops_events (topic, number, id, lane, payload, trace_parent) \
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (topic, id) DO NOTHING RETURNING number), \
                   moved AS (UPDATE pathops_topics SET last = new.number FROM new WHERE topic = $1), \
                   old AS (DELETE FROM pathops_events WHERE (topic, number) IN (SELECT topic, number FROM pathops_events \
                   WHERE published_at < clock_timestamp() - make_interval(secs => $7) ORDER BY published_at LIMIT 10 \
                   FOR UPDATE SKIP LOCKED)) SELECT pg_notify('pathops_event_bus', $1) FROM new";
        let add = query(add)
            .bind(event.topic().as_str())
            .bind(last.saturating_add(1))
            .bind(event.id().as_str())
            .bind(event.lane().as_str())
            .bind(event.payload())
            .bind(event.trace_parent())
            .bind(self.kept.as_secs_f64());
        add.execute(&mut *transaction).await.map_err(|e| call.failed(e))?;
        commit(call, transaction).await
    }
}

#[async_trait]
impl EventBus for PostgresEventBus {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn capabilities(&self) -> EventBusCapabilities {
        let mut capabilities = EventBusCapabilities::default();
        (capabilities.durable, capabilities.shared, capabilities.deduplicates) = (true, true, true);
        capabilities
    }

    async fn publish(&self, cx: &OpContext, event: &Event) -> Result<()> {
        let call = self.shared.database.call("publish an event", event.id());
        in_time(cx, &call, self.add(&call, event)).await
    }

    async fn subscribe(&self, cx: &OpContext, topic: &Topic, subscription: &Subscription) -> Result<Box<dyn Subscriber>> {
        let call = self.shared.database.call("subscribe to a topic", topic);
        let place = in_time(cx, &call, async {
            self.shared.bell.listen(&call, &self.shared.database).await?;
            Place::begin(&call, &self.shared.database, topic, subscription.name.as_ref()).await
        });
        let (shared, topic, ack_within) = (self.shared.clone(), topic.clone(), subscription.ack_within);
        Ok(Box::new(PostgresSubscriber::new(shared, topic, place.await?, ack_within)))
    }
}
