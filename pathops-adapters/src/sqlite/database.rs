//! The file, its one connection, and transactions on it.
//!
//! A commit waits for the disk, and costs many times what the statements before it do. Where others wait for the connection, a call that
//! has made its statements lets them make theirs in the same transaction, each in a savepoint of its own, and stands in line again behind
//! them; when its turn comes it commits for all ([`Batch`]). So under load as many calls share a commit as wait at once, and a call alone
//! commits by itself. Nobody is answered, and nobody reads, before what was done is on the disk. Every call has to be polled or dropped:
//! one that is kept without being polled keeps all behind it from their turn.
//!
//! Transactions are begun and ended by statements, not by the driver's own type: after a full disk SQLite rolls back
//! by itself, and a count of open transactions kept beside it would be wrong from then on. Instead a connection that
//! may be inside a call, because one failed or its future was dropped, is marked and rolled back before it is used again.

use std::fmt;
use std::fs::File;
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pathops_core::{Effect, Error, ErrorKind, Result};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, query, query_as, raw_sql};
use tokio::sync::{Mutex, MutexGuard};

use super::lock;
use crate::call::{Call, Store};

/// How many KiB of a file are kept in memory, as SQLite writes it: with less, what comes in the order of digests is read again
/// and again once there is much of it.
const CACHE: &str = "-65536";

/// What a file of ours holds, and how it is told from others.
#[derive(Debug)]
pub(super) struct Format {
    /// What it is, for people.
    pub(super) what: &'static str,
    pub(super) store: Store,
    /// What is done when it is opened, and when it is made: both complete "failed to …".
    pub(super) open: &'static str,
    pub(super) make: &'static str,
    /// The scripts that make each version out of the one before, the first out of nothing. The last is the version.
    pub(super) schema: &'static [&'static str],
    pub(super) application: i64,
    /// What each connection makes for itself, and the file does not keep.
    pub(super) temporary: &'static str,
    /// Whether only one process at a time may have it open.
    pub(super) exclusive: bool,
}

pub(super) struct Database {
    connection: Mutex<Connection>,
    /// How many wait for the connection.
    waiting: AtomicUsize,
    path: PathBuf,
    format: &'static Format,
    /// Held while the file is made, which SQLite's own locks do not see through, and kept where one process at a time may
    /// have it open. Last, so that the connection is let go of before.
    lock: Option<File>,
}

struct Connection {
    sqlite: SqliteConnection,
    /// A call may be half done: what is open of it is to be rolled back.
    in_doubt: bool,
    /// What the calls before have done together, and is not committed.
    batch: Option<Arc<Batch>>,
}

/// Calls that share a transaction: what became of it, once that is known.
#[derive(Default)]
struct Batch(OnceLock<Result<(), Failure>>);

/// Why calls that share a transaction failed. They may have reached the disk all the same.
#[derive(Clone)]
enum Failure {
    Commit(Arc<sqlx::Error>),
    /// It was rolled back as a whole with one of them, as SQLite does on a full disk; or its commit was given up in the middle.
    TakenBack,
}

/// The connection, outside of any transaction, and what it is used for.
pub(super) struct Reader<'a> {
    database: &'a Database,
    connection: MutexGuard<'a, Connection>,
    pub(super) call: Call,
}

/// An open transaction. Whatever way it goes out of scope other than [`Transaction::finish`], it has no effect.
pub(super) struct Transaction<'a> {
    reader: Reader<'a>,
    kind: Kind,
}

/// What a transaction is, to others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Its own.
    Alone,
    /// One that others may join.
    Joined,
}

impl Connection {
    async fn execute(&mut self, statement: &'static str) -> Result<(), sqlx::Error> {
        query(statement).execute(&mut self.sqlite).await.map(drop)
    }

    /// Rolls back what is in doubt. Where that takes what others have done with it, they are told.
    async fn settle(&mut self) {
        if !self.in_doubt {
            return;
        }
        if let Some(batch) = self.batch.clone() {
            let rolled_back = match self.execute("ROLLBACK TO call").await {
                Ok(()) => self.execute("RELEASE call").await,
                failed => failed,
            };
            if rolled_back.is_ok() {
                return self.in_doubt = false;
            }
            batch.end(Err(Failure::TakenBack));
            self.batch = None;
        }
        // It fails where nothing is open any more, which is as well: the next statement tells of anything worse.
        let _ = self.execute("ROLLBACK").await;
        self.in_doubt = false;
    }

    /// What was done in the open transaction stays for its commit.
    fn begun(&mut self) {
        self.in_doubt = false;
        self.batch.get_or_insert_default();
    }

    /// Commits what the calls before have done together.
    async fn commit(&mut self) {
        let Some(batch) = self.batch.clone() else { return };
        self.in_doubt = true;
        let committed = self.execute("COMMIT").await;
        self.in_doubt = committed.is_err();
        self.batch = None;
        batch.end(committed.map_err(|e| Failure::Commit(Arc::new(e))));
    }
}

impl Batch {
    fn end(&self, ended: Result<(), Failure>) {
        // It ends once: then no connection has it any more.
        let _ = self.0.set(ended);
    }
}

impl Failure {
    fn error(self, call: &Call) -> Error {
        match self {
            Self::Commit(error) => call.failed_together(error),
            Self::TakenBack => {
                let why = "it was in one transaction with others, and one of them failed with all";
                call.refused(ErrorKind::Unavailable, why).advise("do it again").with_effect(Effect::Unknown)
            }
        }
    }
}

impl Database {
    pub(super) async fn open(given: &Path, format: &'static Format) -> Result<Self> {
        Self::at(given, lock::take(given, format).await?, format).await
    }

    /// Opens the file of a lock.
    pub(super) async fn at(given: &Path, (path, lock): (PathBuf, File), format: &'static Format) -> Result<Self> {
        let mut database = Self::connect(given, path, format).await?;
        database.lock = Some(lock);
        database.prepare(given).await?;
        if !format.exclusive {
            database.lock = None;
        }
        Ok(database)
    }

    /// Connects to a file, whatever it holds, without a lock.
    pub(super) async fn connect(given: &Path, path: PathBuf, format: &'static Format) -> Result<Self> {
        let call = Call::new(&format.store, format.open, given.display(), given.display());
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(5))
            .pragma("cache_size", CACHE)
            // What a statement of many rows would need to be taken back by itself.
            .pragma("temp_store", "MEMORY")
            .disable_statement_logging();
        let sqlite = options.connect().await.map_err(|e| call.failed(e))?;
        let connection = Mutex::new(Connection { sqlite, in_doubt: false, batch: None });
        Ok(Self { connection, waiting: AtomicUsize::new(0), path, format, lock: None })
    }

    /// Lets go of the file, and says where it is. What is locked stays so as long as what is returned.
    pub(super) async fn close(self, operation: &'static str) -> Result<(PathBuf, Option<File>)> {
        let Self { connection, path, format, lock, .. } = self;
        let closed = connection.into_inner().sqlite.close().await;
        closed.map_err(|e| Call::new(&format.store, operation, path.display(), path.display()).failed(e))?;
        Ok((path, lock))
    }

    /// Checks the schema, makes it in an empty file, and takes that of an earlier version further.
    async fn prepare(&self, path: &Path) -> Result<()> {
        let format = self.format;
        let mut reader = self.reader(format.open, path.display()).await;
        let version = version(&mut reader, format).await?;
        let write_ahead = query("PRAGMA journal_mode = WAL").execute(reader.sqlite()).await;
        write_ahead.map_err(|e| reader.call.failed(e))?;
        drop(reader);
        let missing = format.schema.get(version..).unwrap_or_default();
        if !missing.is_empty() {
            let mut transaction = self.begin(format.make, path.display()).await?;
            let made = make(&mut transaction, missing).await;
            transaction.finish(made).await?;
        }
        let mut reader = self.reader(format.open, path.display()).await;
        raw_sql(format.temporary).execute(reader.sqlite()).await.map(drop).map_err(|e| reader.call.failed(e))
    }

    /// Waits for its turn on the connection, with nothing in doubt.
    async fn turn(&self) -> MutexGuard<'_, Connection> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let waits = Waits(&self.waiting);
        let mut connection = self.connection.lock().await;
        drop(waits);
        connection.settle().await;
        connection
    }

    /// Reads what is on the disk.
    pub(super) async fn reader(&self, operation: &'static str, subject: impl fmt::Display) -> Reader<'_> {
        self.on_disk(self.turn().await, operation, subject).await
    }

    /// The same, unless by then somebody else has done what it was for.
    pub(super) async fn reader_unless(
        &self,
        done: impl Fn() -> bool,
        operation: &'static str,
        subject: impl fmt::Display,
    ) -> Option<Reader<'_>> {
        let connection = self.turn().await;
        if done() { None } else { Some(self.on_disk(connection, operation, subject).await) }
    }

    async fn on_disk<'a>(
        &'a self,
        mut connection: MutexGuard<'a, Connection>,
        operation: &'static str,
        subject: impl fmt::Display,
    ) -> Reader<'a> {
        connection.commit().await;
        connection.settle().await;
        Reader { database: self, connection, call: self.call(operation, subject) }
    }

    /// What is being done, for the message of any error.
    pub(super) fn call(&self, operation: &'static str, subject: impl fmt::Display) -> Call {
        Call::new(&self.format.store, operation, subject, self.path.display())
    }

    /// Begins a transaction that writes.
    pub(super) async fn begin(&self, operation: &'static str, subject: impl fmt::Display) -> Result<Transaction<'_>> {
        let reader = self.reader(operation, subject).await;
        Self::open_transaction(reader, "BEGIN IMMEDIATE", Kind::Alone).await
    }

    /// Begins one that others may join, or joins theirs. It is for calls that settle everything when they are made again, since what becomes
    /// of it may stay unknown for the fault of another one.
    pub(super) async fn join(&self, operation: &'static str, subject: impl fmt::Display) -> Result<Transaction<'_>> {
        let reader = Reader { database: self, connection: self.turn().await, call: self.call(operation, subject) };
        let begin = if reader.connection.batch.is_some() { "SAVEPOINT call" } else { "BEGIN IMMEDIATE" };
        Self::open_transaction(reader, begin, Kind::Joined).await
    }

    async fn open_transaction<'a>(mut reader: Reader<'a>, begin: &'static str, kind: Kind) -> Result<Transaction<'a>> {
        reader.connection.in_doubt = true;
        reader.connection.execute(begin).await.map_err(|e| reader.call.failed(e))?;
        Ok(Transaction { reader, kind })
    }

    /// What became of a batch. Unless it is known, it is this one's turn to commit it.
    async fn committed(&self, batch: &Batch) -> Result<(), Failure> {
        let mut connection = self.turn().await;
        if batch.0.get().is_none() {
            connection.commit().await;
        }
        batch.0.get().cloned().unwrap_or(Err(Failure::TakenBack))
    }
}

/// One who waits for the connection.
struct Waits<'a>(&'a AtomicUsize);

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Reader<'_> {
    pub(super) fn sqlite(&mut self) -> &mut SqliteConnection {
        &mut self.connection.sqlite
    }
}

impl<'a> Deref for Transaction<'a> {
    type Target = Reader<'a>;
    fn deref(&self) -> &Reader<'a> {
        &self.reader
    }
}

impl DerefMut for Transaction<'_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.reader
    }
}

impl Transaction<'_> {
    /// Commits what led to an answer and rolls back what led to an error, which others that it joined do not lose by.
    ///
    /// A commit that fails has an unknown effect: it may have reached the disk although the answer did not come back. Where it was joined,
    /// an error waits for the commit, too: what it was refused for may be what the others have done.
    pub(super) async fn finish<T>(self, outcome: Result<T>) -> Result<T> {
        let Self { reader: Reader { database, mut connection, call }, kind } = self;
        if outcome.is_err() {
            connection.settle().await;
        } else {
            if connection.batch.is_some() {
                connection.execute("RELEASE call").await.map_err(|e| call.failed(e))?;
            }
            connection.begun();
        }
        // Refused alone, or it has taken all others with it: its own error says why.
        let Some(batch) = connection.batch.clone() else { return outcome };
        if kind == Kind::Alone || database.waiting.load(Ordering::Relaxed) == 0 {
            connection.commit().await;
        }
        drop(connection);
        let committed = match batch.0.get() {
            Some(committed) => committed.clone(),
            None => database.committed(&batch).await,
        };
        match (outcome, committed) {
            (outcome, Ok(())) => outcome,
            (Ok(_), Err(failure)) => Err(failure.error(&call)),
            // What it was refused for may not be there, and nothing of its own is.
            (Err(_), Err(failure)) => Err(failure.error(&call).with_effect(Effect::None)),
        }
    }
}

pub(super) async fn make(transaction: &mut Transaction<'_>, scripts: &[&'static str]) -> Result<()> {
    for script in scripts {
        raw_sql(*script).execute(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))?;
    }
    Ok(())
}

/// The version of what is in the file, 0 for nothing; refuses what this adapter cannot read.
pub(super) async fn version(reader: &mut Reader<'_>, format: &Format) -> Result<usize> {
    let Format { what, application, schema, .. } = format;
    let known = schema.len();
    let facts = "SELECT (SELECT application_id FROM pragma_application_id), (SELECT user_version FROM pragma_user_version), \
                 (SELECT count(*) FROM sqlite_schema)";
    let facts = query_as::<_, (i64, i64, i64)>(facts).fetch_one(reader.sqlite()).await;
    match facts.map_err(|e| reader.call.failed(e))? {
        (0, 0, 0) => Ok(0),
        (of, version, _) if of == *application => {
            let ours = usize::try_from(version).ok().filter(|version| (1..=known).contains(version));
            let reason = format!("its schema has version {version}, and this adapter knows version {known} only");
            let refused = || reader.call.refused(ErrorKind::Unsupported, &reason);
            ours.ok_or_else(|| refused().advise("use PathOps as new as its writer, or newer"))
        }
        _ => {
            let reason = format!("it is a SQLite database that holds something else than the {what}");
            Err(reader.call.refused(ErrorKind::Invalid, &reason).advise(format!("give the {what} a file of its own")))
        }
    }
}
