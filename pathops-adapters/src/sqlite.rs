//! The journal, the evidence index and the inbox, each in one SQLite file: `Journal`, `EvidenceIndex` and `Inbox` on one machine,
//! with nothing to install.
//!
//! Of the journal, what is acknowledged is on the disk. A transition is there whole or not at all; transitions and signals that come at
//! once share a commit, which waits for the disk once for all of them. Entries are only ever added, and moved
//! to an archive in the same file; triggers in it refuse to change or delete one otherwise, whoever asks. One process at a time may write (a lock file beside the journal sees to it), and calls take turns on one connection.
//!
//! The evidence index is as durable, and what is added at once is one transaction. Several processes may use it at once; they
//! take turns in writing by SQLite's own locks, and finding is by an index of the database, however much there is. A file of an
//! earlier version is taken further when it is opened; its entries are found by what they are about as before, and by all else
//! once their envelopes are added again.
//!
//! Of the inbox, what is admitted at once is one transaction, and so are a claim and a settlement. Several processes may use it.
//!
//! The file is `path`; SQLite keeps `path-wal` and `path-shm` beside it, and the lock is `path.lock`. They belong together: copy a file with SQLite's own backup, not one by one while it is open. It must lie on a disk of this machine;
//! locks on network file systems cannot be trusted.

mod append;
mod archive;
mod database;
mod error;
mod evidence_draft;
mod evidence_index;
mod inbox;
mod lease;
mod lock;
mod read;
mod write;

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{
    Created, Entry, Journal, JournalCapabilities, Lease, Run, RunFilter, Seq, Signal, SignalNumber, Transition,
};
use pathops_core::{OpContext, Result, RunId, UnixMillis};
use serde_json::Value;
use tokio::sync::Notify;

use crate::call::Store;
use append::Appends;
use database::{Database, Format};
use error::classify;
pub use evidence_draft::SqliteEvidenceDraft;
pub use evidence_index::SqliteEvidenceIndex;
pub use inbox::SqliteInbox;

const FORMAT: Format = Format {
    what: "journal",
    store: Store { restore: "restore the journal from a backup", classify },
    open: "open the journal",
    make: "make the journal",
    schema: &[
        include_str!("../migrations/sqlite/0001_journal.sql"),
        include_str!("../migrations/sqlite/0002_journal.sql"),
        include_str!("../migrations/sqlite/0003_journal.sql"),
        include_str!("../migrations/sqlite/0004_journal.sql"),
    ],
    application: 1_348_554_608,
    temporary: include_str!("sqlite/append.sql"),
    exclusive: true,
};

/// A journal in one SQLite file.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use pathops_adapters::sqlite::SqliteJournal;
/// use pathops_core::adapter::{Journal, RunFilter};
/// use pathops_core::{IdempotencyKey, OpContext};
///
/// let folder = tempfile::tempdir().unwrap();
/// let journal = SqliteJournal::open(folder.path().join("journal.db")).await?;
/// let cx = OpContext::new(IdempotencyKey::new("start"));
/// assert!(journal.runs(&cx, &RunFilter::default().open(), None, 100).await?.is_empty());
/// # Ok::<(), pathops_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct SqliteJournal {
    database: Database,
    appends: Appends,
    wakes: Notify,
}

impl SqliteJournal {
    /// Opens the journal at `path`, and makes it where there is none. The folder must be there.
    ///
    /// A file of an earlier version is taken further; one of this version is taken as it is: its schema is checked, not changed.
    ///
    /// # Errors
    /// `Unavailable` where another process has it open; `Corrupt` where it is damaged or no SQLite database;
    /// `Invalid` where it holds another program's tables; `Unsupported` where a newer version of this adapter wrote
    /// it; `NotFound` where the folder is missing; `Denied`, `StorageFull`.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        let database = Database::open(path.as_ref(), &FORMAT).await?;
        Ok(Self { database, appends: Appends::default(), wakes: Notify::new() })
    }

    /// Wakes those who wait for runs, in this process, which is the only one.
    fn wake<T>(&self, done: Result<T>) -> Result<T> {
        self.wakes.notify_waiters();
        done
    }
}

#[async_trait]
impl Journal for SqliteJournal {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn capabilities(&self) -> JournalCapabilities {
        let mut capabilities = JournalCapabilities::default();
        (capabilities.durable, capabilities.wakes) = (true, true);
        capabilities
    }

    async fn acquire(&self, _: &OpContext, name: &str, owner: &str, now: UnixMillis, ttl: Duration) -> Result<Option<Lease>> {
        let mut transaction = self.database.join("take a lease", name).await?;
        let lease = lease::acquire(&mut transaction, name, owner, now, ttl).await;
        transaction.finish(lease).await
    }

    async fn release(&self, _: &OpContext, lease: &Lease) -> Result<()> {
        let mut transaction = self.database.join("give a lease back", &lease.name).await?;
        let released = lease::release(&mut transaction, lease).await;
        self.wake(transaction.finish(released).await)
    }

    async fn claim(
        &self,
        _: &OpContext,
        machine: &str,
        owner: &str,
        now: UnixMillis,
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>> {
        let mut transaction = self.database.begin("claim runs", machine).await?;
        let claimed = lease::claim(&mut transaction, machine, owner, now, ttl, limit).await;
        transaction.finish(claimed).await
    }

    async fn surrender(&self, _: &OpContext, machine: &str, owner: &str) -> Result<()> {
        let mut transaction = self.database.begin("surrender runs", machine).await?;
        let surrendered = lease::surrender(&mut transaction, machine, owner).await;
        self.wake(transaction.finish(surrendered).await)
    }

    /// Nobody else writes here: who tells a run something is in this process.
    async fn woken(&self) -> Option<RunId> {
        self.wakes.notified().await;
        None
    }

    async fn tell(&self, cx: &OpContext, run: &RunId, at: UnixMillis, told: &Value) -> Result<SignalNumber> {
        let mut transaction = self.database.join("tell a run", run).await?;
        let number = write::tell(&mut transaction, cx.key(), run, at, told).await;
        transaction.finish(number).await
    }

    async fn told(&self, _: &OpContext, run: &RunId, after: SignalNumber, limit: usize) -> Result<Vec<Signal>> {
        read::told(&mut self.database.reader("read what a run was told", run).await, run, after, limit).await
    }

    async fn create(&self, _: &OpContext, lease: &Lease, run: &RunId, machine: &str, first: &Transition) -> Result<Created> {
        let mut transaction = self.database.join("create a run", run).await?;
        let created = write::create(&mut transaction, lease, run, machine, first).await;
        self.wake(transaction.finish(created).await)
    }

    async fn append(&self, _: &OpContext, lease: &Lease, run: &RunId, expected: Seq, transition: &Transition) -> Result<Seq> {
        self.appends.append(&self.database, lease, run, expected, transition).await
    }

    async fn load(&self, _: &OpContext, run: &RunId) -> Result<Option<Run>> {
        read::load(&mut self.database.reader("load a run", run).await, run).await
    }

    async fn runs<'a>(&self, _: &OpContext, filter: &RunFilter, after: Option<&'a RunId>, limit: usize) -> Result<Vec<RunId>> {
        read::runs(&mut self.database.reader("list runs", "").await, filter, after, limit).await
    }

    async fn entries(&self, _: &OpContext, run: &RunId, after: Seq, limit: usize) -> Result<Vec<Entry>> {
        read::entries(&mut self.database.reader("read the entries of a run", run).await, run, after, limit).await
    }

    async fn archive(&self, _: &OpContext, ended_before: UnixMillis, limit: usize) -> Result<Vec<RunId>> {
        let mut transaction = self.database.begin("archive runs", "").await?;
        let moved = archive::archive(&mut transaction, ended_before, limit).await;
        transaction.finish(moved).await
    }
}
