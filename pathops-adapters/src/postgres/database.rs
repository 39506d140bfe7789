//! A database on a server: its connections, and the tables that are made in it.

use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use pathops_core::{Effect, ErrorKind, OpContext, Result};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Postgres, Transaction, query, query_scalar, raw_sql};

use crate::call::{Call, Store};

/// How many connections there are at most. One of them may be listening.
const CONNECTIONS: u32 = 9;

/// How long a connection may lie idle and is still taken to be alive without asking.
const FRESH: Duration = Duration::from_secs(1);

/// What is kept in it, and how it is told from other versions.
#[derive(Debug)]
pub(super) struct Format {
    /// Completes "failed to …".
    pub(super) open: &'static str,
    pub(super) store: Store,
    /// The scripts that make each version out of the one before, the first out of nothing. The last is the version.
    pub(super) schema: &'static [&'static str],
    /// The table that holds the version.
    pub(super) table: &'static str,
    /// What is locked while the tables are made.
    pub(super) lock: i64,
}

pub(super) struct Database {
    pub(super) pool: PgPool,
    place: String,
    format: &'static Format,
}

impl Database {
    pub(super) async fn open(url: &str, format: &'static Format) -> Result<Self> {
        Self::open_within(url, None, format).await
    }

    /// With its tables in this schema, where one is given, and otherwise in the first one of the search path.
    pub(super) async fn open_within(url: &str, schema: Option<&str>, format: &'static Format) -> Result<Self> {
        let Format { open, store, schema: scripts, .. } = format;
        let options = PgConnectOptions::from_str(url).map_err(|e| Call::new(store, open, "a URL", "PostgreSQL").failed(e))?;
        let options = options.options([("synchronous_commit", "on")]).disable_statement_logging();
        let options = schema.into_iter().fold(options, |options, schema| options.options([("search_path", schema)]));
        let place = format!("{}:{}/{}", options.get_host(), options.get_port(), options.get_database().unwrap_or_default());
        let call = Call::new(store, open, &place, &place);
        let pool =
            PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(Duration::from_secs(10)).test_before_acquire(false);
        let pool = pool.before_acquire(|connection, used| {
            Box::pin(async move {
                if used.idle_for > FRESH {
                    connection.ping().await?;
                }
                Ok(true)
            })
        });
        let pool = pool.connect_with(options).await.map_err(|e| call.failed(e))?;
        let database = Self { pool, place, format };
        let mut transaction = database.begin(&call).await?;
        let made = make(&mut transaction, format).await.map_err(|e| call.failed(e))?;
        let known = scripts.len();
        if usize::try_from(made) != Ok(known) {
            let reason = format!("its tables have version {made}, and this adapter knows version {known} only");
            return Err(call.refused(ErrorKind::Unsupported, &reason).advise("use PathOps as new as its writer, or newer"));
        }
        commit(&call, transaction).await?;
        Ok(database)
    }

    pub(super) fn call(&self, operation: &'static str, subject: impl fmt::Display) -> Call {
        Call::new(&self.format.store, operation, subject, &self.place)
    }

    pub(super) async fn connection(&self, call: &Call) -> Result<PoolConnection<Postgres>> {
        self.pool.acquire().await.map_err(|e| call.failed(e))
    }

    pub(super) async fn begin(&self, call: &Call) -> Result<Transaction<'static, Postgres>> {
        self.pool.begin().await.map_err(|e| call.failed(e))
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("place", &self.place).finish_non_exhaustive()
    }
}

/// Makes the tables where there are none, and takes those of an earlier version further. Answers their version.
async fn make(transaction: &mut Transaction<'static, Postgres>, format: &Format) -> Result<i32, sqlx::Error> {
    query("SELECT pg_advisory_xact_lock($1)").bind(format.lock).execute(&mut **transaction).await?;
    let there = query_scalar::<_, bool>("SELECT to_regclass($1) IS NOT NULL").bind(format.table);
    let version = || AssertSqlSafe(format!("SELECT max(version) FROM {}", format.table));
    let made = match there.fetch_one(&mut **transaction).await? {
        true => query_scalar::<_, i32>(version()).fetch_one(&mut **transaction).await?,
        false => 0,
    };
    let missing = usize::try_from(made).ok().and_then(|made| format.schema.get(made..)).unwrap_or_default();
    for script in missing {
        raw_sql(*script).execute(&mut **transaction).await?;
    }
    if missing.is_empty() { Ok(made) } else { query_scalar(version()).fetch_one(&mut **transaction).await }
}

/// A commit that fails has an unknown effect: it may have reached the disk although the answer did not come back.
pub(super) async fn commit(call: &Call, transaction: Transaction<'_, Postgres>) -> Result<()> {
    transaction.commit().await.map_err(|e| call.failed(e).with_effect(Effect::Unknown))
}

/// A call in the time that the caller gives. Whether it had an effect when the time was over is not known.
#[expect(clippy::disallowed_methods, reason = "it waits for a server, which knows no virtual time")]
pub(super) async fn in_time<T>(cx: &OpContext, call: &Call, working: impl Future<Output = Result<T>>) -> Result<T> {
    let Some(timeout) = cx.timeout() else { return working.await };
    let ended = tokio::time::timeout(timeout, working).await;
    ended.unwrap_or_else(|_| Err(call.refused(ErrorKind::Timeout, "the server gave no answer in time")))
}
