use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{
    Created, Entry, Journal, JournalCapabilities, Lease, Run, RunFilter, Seq, Signal, SignalNumber, Transition,
};
use pathops_core::{OpContext, Result, RunId, UnixMillis};
use serde_json::Value;
use sqlx::postgres::PgListener;
use tokio::sync::Mutex;

use super::database::{Database, Format, commit, in_time};
use super::error::classify;
use crate::call::{Call, Store};
use crate::journal_rows::Record;

mod rows;

const FORMAT: Format = Format {
    open: "open the journal",
    store: Store { restore: "restore the journal from a backup", classify },
    schema: &[
        include_str!("../../migrations/postgres/0001_journal.sql"),
        include_str!("../../migrations/postgres/0002_journal.sql"),
        include_str!("../../migrations/postgres/0003_journal.sql"),
    ],
    table: "pathops_journal",
    // "PaOp" in ASCII, twice.
    lock: 0x5061_4f70_5061_4f70,
};

/// A journal in a database of PostgreSQL. Any number of processes on any machines may use it at once: each run is written by
/// who holds its lease.
///
/// ```no_run
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// use pathops_adapters::postgres::PostgresJournal;
/// use pathops_core::adapter::{Journal, RunFilter};
/// use pathops_core::{IdempotencyKey, OpContext};
///
/// let journal = PostgresJournal::open("postgres://pathops@localhost/pathops?sslmode=verify-full").await?;
/// let cx = OpContext::new(IdempotencyKey::new("start"));
/// for run in journal.runs(&cx, &RunFilter::default().open(), None, 100).await? {
///     println!("{run} has not ended");
/// }
/// # Ok::<(), pathops_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct PostgresJournal {
    database: Database,
    /// A connection of its own, from when somebody first waits. It hears what happens between two waits, too.
    listener: Mutex<Option<PgListener>>,
}

impl PostgresJournal {
    /// Opens the journal in the database that `url` names (`postgres://user:password@host/database`), and makes its tables where
    /// there are none. Tables of this version are taken as they are: nothing is changed. Those of an earlier one are taken
    /// further, so stop hosts of earlier versions before.
    ///
    /// # Errors
    /// `Invalid` for no such URL; `NotFound` where there is no such database; `Denied` where the user or the password is wrong,
    /// or may not make the tables; `Unsupported` where a newer version of this adapter made them; `Unavailable` where no server
    /// answers within ten seconds or it takes no more connections; `StorageFull`. No message holds the password.
    pub async fn open(url: &str) -> Result<Self> {
        Ok(Self { database: Database::open(url, &FORMAT).await?, listener: Mutex::default() })
    }

    async fn make(&self, call: &Call, lease: &Lease, run: &RunId, machine: &str, first: &Transition) -> Result<Created> {
        let record = Record::new(call, first)?;
        let mut transaction = self.database.begin(call).await?;
        let created = rows::create(call, &mut transaction, lease, run, machine, &record).await?;
        // Where it was there already, there is nothing to keep.
        if created == Created::New {
            commit(call, transaction).await?;
        }
        Ok(created)
    }
}

/// Until something is heard. It may be dropped at any moment, and goes on where it was.
async fn listen(database: &Database, listener: &mut Option<PgListener>) -> std::result::Result<Option<RunId>, sqlx::Error> {
    let listener = match listener {
        Some(listener) => listener,
        None => {
            let mut new = PgListener::connect_with(&database.pool).await?;
            new.listen("pathops_journal").await?;
            listener.insert(new)
        }
    };
    // What was said while the connection was lost, nobody knows: that wakes, too. A run that was told something is named.
    let heard = listener.try_recv().await?;
    Ok(heard.and_then(|heard| RunId::parse(heard.payload()).ok()))
}

#[async_trait]
impl Journal for PostgresJournal {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn capabilities(&self) -> JournalCapabilities {
        let mut capabilities = JournalCapabilities::default();
        (capabilities.durable, capabilities.shared, capabilities.wakes) = (true, true, true);
        capabilities
    }

    async fn acquire(&self, cx: &OpContext, name: &str, owner: &str, now: UnixMillis, ttl: Duration) -> Result<Option<Lease>> {
        let call = self.database.call("take a lease", name);
        in_time(cx, &call, async {
            let mut connection = self.database.connection(&call).await?;
            rows::acquire(&call, &mut connection, name, owner, now, now + ttl).await
        })
        .await
    }

    async fn release(&self, cx: &OpContext, lease: &Lease) -> Result<()> {
        let call = self.database.call("give a lease back", &lease.name);
        in_time(cx, &call, async { rows::release(&call, &mut *self.database.connection(&call).await?, lease).await }).await
    }

    async fn claim(
        &self,
        cx: &OpContext,
        machine: &str,
        owner: &str,
        now: UnixMillis,
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>> {
        let call = self.database.call("claim runs", machine);
        in_time(cx, &call, async {
            let mut connection = self.database.connection(&call).await?;
            rows::claim(&call, &mut connection, machine, owner, now, now + ttl, limit).await
        })
        .await
    }

    async fn surrender(&self, cx: &OpContext, machine: &str, owner: &str) -> Result<()> {
        let call = self.database.call("surrender runs", machine);
        in_time(cx, &call, async { rows::surrender(&call, &mut *self.database.connection(&call).await?, machine, owner).await })
            .await
    }

    async fn woken(&self) -> Option<RunId> {
        let mut listener = self.listener.lock().await;
        match listen(&self.database, &mut listener).await {
            Ok(run) => run,
            Err(error) => {
                tracing::warn!(error = %error, "runs are looked for from time to time only: nothing is heard of the database");
                *listener = None;
                // Whoever waits looks by themselves, and listens again after that.
                std::future::pending().await
            }
        }
    }

    async fn tell(&self, cx: &OpContext, run: &RunId, at: UnixMillis, told: &Value) -> Result<SignalNumber> {
        let call = self.database.call("tell a run", run);
        in_time(cx, &call, async {
            rows::tell(&call, &mut *self.database.connection(&call).await?, cx.key(), run, at, told).await
        })
        .await
    }

    async fn told(&self, cx: &OpContext, run: &RunId, after: SignalNumber, limit: usize) -> Result<Vec<Signal>> {
        let call = self.database.call("read what a run was told", run);
        in_time(cx, &call, async { rows::told(&call, &mut *self.database.connection(&call).await?, run, after, limit).await })
            .await
    }

    async fn create(&self, cx: &OpContext, lease: &Lease, run: &RunId, machine: &str, first: &Transition) -> Result<Created> {
        let call = self.database.call("create a run", run);
        in_time(cx, &call, self.make(&call, lease, run, machine, first)).await
    }

    async fn append(&self, cx: &OpContext, lease: &Lease, run: &RunId, expected: Seq, transition: &Transition) -> Result<Seq> {
        let call = self.database.call("append to a run", run);
        in_time(cx, &call, async {
            let record = Record::new(&call, transition)?;
            let mut connection = self.database.connection(&call).await?;
            rows::append(&call, &mut connection, lease, run, expected, &record).await
        })
        .await
    }

    async fn load(&self, cx: &OpContext, run: &RunId) -> Result<Option<Run>> {
        let call = self.database.call("load a run", run);
        in_time(cx, &call, async { rows::load(&call, &mut *self.database.connection(&call).await?, run).await }).await
    }

    async fn runs<'a>(&self, cx: &OpContext, filter: &RunFilter, after: Option<&'a RunId>, limit: usize) -> Result<Vec<RunId>> {
        let call = self.database.call("list runs", "");
        in_time(cx, &call, async { rows::runs(&call, &mut *self.database.connection(&call).await?, filter, after, limit).await })
            .await
    }

    async fn entries(&self, cx: &OpContext, run: &RunId, after: Seq, limit: usize) -> Result<Vec<Entry>> {
        let call = self.database.call("read the entries of a run", run);
        in_time(cx, &call, async {
            let mut connection = self.database.connection(&call).await?;
            rows::entries(&call, &mut connection, run, after, limit).await
        })
        .await
    }

    async fn archive(&self, cx: &OpContext, ended_before: UnixMillis, limit: usize) -> Result<Vec<RunId>> {
        let call = self.database.call("archive runs", "");
        in_time(cx, &call, async {
            rows::archive(&call, &mut *self.database.connection(&call).await?, ended_before, limit).await
        })
        .await
    }
}
