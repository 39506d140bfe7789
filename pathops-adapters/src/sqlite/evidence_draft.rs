//! An evidence index that is made anew, beside the place where it will be.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use pathops_core::adapter::{EvidenceSink, IndexedEvidence};
use pathops_core::{Error, ErrorKind, OpContext, Result};
use sqlx::{query_scalar, raw_sql};

use super::database::{self, Database, Format};
use super::evidence_index::{FORMAT, SqliteEvidenceIndex, TABLES, add_rows};
use super::lock;
use crate::call::Call;
use crate::evidence_rows::{Tables, take_up};

/// The scripts that make the tables, and the one that makes what finds anything in them.
const SCRIPTS: (&[&str], &str) = match FORMAT.schema.split_last() {
    Some((indices, tables)) => (tables, indices),
    None => (&[], ""),
};

const DRAFT: Format = Format { what: "draft of an evidence index", schema: SCRIPTS.0, exclusive: true, ..FORMAT };

/// It is thrown away after a crash, so nothing waits for the disk before the end; and what is sorted at the end is not kept in
/// memory. What its subjects refer to is there.
const QUICK: &str =
    "PRAGMA journal_mode = DELETE; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE; PRAGMA foreign_keys = OFF;";

/// All of it is written and read in the order in which it lies in the file, so more than these 8 MiB in memory speeds nothing up.
/// As much again is sorted at once.
const LITTLE: &str = "PRAGMA cache_size = -8192;";

const SUBJECTS: &str = "INSERT INTO subjects (algorithm, value, number) \
     SELECT about.value ->> '$.algorithm', about.value ->> '$.value', number \
     FROM evidence, json_each(entry, '$.subjects') AS about ORDER BY 1, 2, 3";

/// Takes out what came again.
const SET_ASIDE: &str = "CREATE TEMP TABLE again AS SELECT * FROM evidence \
     WHERE number NOT IN (SELECT min(number) FROM evidence GROUP BY id, envelope); \
     DELETE FROM evidence WHERE number IN (SELECT number FROM again);";

/// And adds it to what it is of, as if it had come later.
const ADD_AGAIN: &str = concat!(
    "INSERT INTO evidence (id, envelope, entry, logged, leaf, kind, signer, change_set, unit, environment, verdict, at) \
     SELECT id, envelope, entry, logged, leaf, kind, signer, change_set, unit, environment, verdict, at FROM again \
     WHERE TRUE ORDER BY number ",
    take_up!("evidence"),
);

const PUBLISH: &str = "publish an evidence index";

/// An evidence index that is made anew in a file of its own, `path.draft`, and takes the place of what is at `path` at once, at the
/// end. What is there stays as it is until then, and after a crash.
///
/// It is for many entries: they are written as they come, and put into order at the end. So a million take a fraction of the time
/// in which an index takes them, and some 40 MiB of memory, as a hundred thousand do: what is sorted lies in temporary files of
/// SQLite, which are below `SQLITE_TMPDIR`, `TMPDIR` or `/var/tmp`. They take a tenth of what the index takes.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use pathops_adapters::sqlite::{SqliteEvidenceDraft, SqliteEvidenceIndex};
///
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("evidence.db");
/// let draft = SqliteEvidenceDraft::begin(&path).await?;
/// // Here `rebuild_index` fills it.
/// let index: SqliteEvidenceIndex = draft.publish().await?;
/// assert!(path.exists());
/// # Ok::<(), pathops_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct SqliteEvidenceDraft {
    database: Database,
    path: PathBuf,
    /// How many entries were there when it was begun.
    stood: i64,
}

impl SqliteEvidenceDraft {
    /// Begins to make the index at `path` anew; what an earlier draft has left is thrown away.
    ///
    /// # Errors
    /// `Unavailable` where another process makes it anew, or has what is there open; `Invalid` where that is no evidence index;
    /// `Corrupt` where it is damaged: move it away. Otherwise as [`SqliteEvidenceIndex::open`].
    pub async fn begin(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let (real, free) = lock::take(&path, &FORMAT).await?;
        let stood = retire(&path, real.clone()).await?;
        drop(free);
        let draft = beside(&real, ".draft");
        let locked = lock::take(&draft, &DRAFT).await?;
        let call = Call::new(&DRAFT.store, DRAFT.make, path.display(), draft.display());
        let gone = ["", "-journal", "-wal", "-shm"].map(|end| beside(&draft, end));
        blocking(&call, move || gone.iter().try_for_each(|file| absent(fs::remove_file(file)))).await?;
        let database = Database::at(&path, locked, &DRAFT).await?;
        let mut reader = database.reader(DRAFT.make, path.display()).await;
        for settings in [QUICK, LITTLE] {
            raw_sql(settings).execute(reader.sqlite()).await.map_err(|e| reader.call.failed(e))?;
        }
        drop(reader);
        Ok(Self { database, path: real, stood })
    }

    /// Puts everything into order, and the index into its place. Before `Ok`, what was there is there.
    ///
    /// # Errors
    /// `Conflict` where entries were added to what is there since this was begun, and would be lost; `Unavailable` where another
    /// process has it open; what [`SqliteEvidenceDraft::begin`] says of that; `StorageFull`. The draft is of no more use then; its
    /// file stays until the next one is begun.
    ///
    /// # Cancel safety
    /// Dropped half way, what was there is there, or this.
    pub async fn publish(self) -> Result<SqliteEvidenceIndex> {
        let Self { database, path, stood } = self;
        complete(&database, &path).await?;
        let (draft, _locked) = database.close(PUBLISH).await?;
        let (path, free) = lock::take(&path, &FORMAT).await?;
        let there = retire(&path, path.clone()).await?;
        let call = Call::new(&FORMAT.store, PUBLISH, path.display(), draft.display());
        if there > stood {
            let added = call.refused(ErrorKind::Conflict, format_args!("{} entries were added in the meantime", there - stood));
            return Err(added.advise("make the index anew again, and add to none while it is made"));
        }
        let to = path.clone();
        blocking(&call, move || {
            File::open(&draft)?.sync_all()?;
            fs::rename(&draft, &to)?;
            to.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        })
        .await?;
        drop(free);
        SqliteEvidenceIndex::open(path).await
    }
}

#[async_trait]
impl EvidenceSink for SqliteEvidenceDraft {
    async fn take(&self, _: &OpContext, evidence: &[IndexedEvidence]) -> Result<()> {
        let Some(first) = evidence.first() else { return Ok(()) };
        evidence.iter().try_for_each(IndexedEvidence::check)?;
        let mut transaction = self.database.begin("index evidence", first.id()).await?;
        // What comes again is found at the end.
        let added = add_rows(&mut transaction, Tables { take_up: "", ..TABLES }, evidence).await;
        transaction.finish(added).await
    }
}

/// Makes the indices, and finds what each entry is about.
async fn complete(database: &Database, path: &Path) -> Result<()> {
    let mut transaction = database.begin(PUBLISH, path.display()).await?;
    let indexed = raw_sql(SCRIPTS.1).execute(transaction.sqlite()).await;
    let again = |error: &sqlx::Error| error.as_database_error().is_some_and(|error| error.is_unique_violation());
    let steps: &[&str] = match indexed {
        Err(error) if again(&error) => {
            drop(transaction);
            transaction = database.begin(PUBLISH, path.display()).await?;
            &[SET_ASIDE, SCRIPTS.1, ADD_AGAIN, SUBJECTS]
        }
        indexed => {
            indexed.map_err(|e| transaction.call.failed(e))?;
            &[SUBJECTS]
        }
    };
    let made = database::make(&mut transaction, steps).await;
    transaction.finish(made).await
}

/// Makes sure that nobody has the index that is there open, which is under a lock, and that all of it is in its file. Says how many
/// entries it has; none is ever taken out of one.
async fn retire(given: &Path, path: PathBuf) -> Result<i64> {
    if !path.exists() {
        return Ok(0);
    }
    let damaged = |e: Error| match e.kind() {
        ErrorKind::Corrupt => e.advise("move it away, and make the index anew"),
        _ => e,
    };
    let old = Database::connect(given, path, &FORMAT).await.map_err(damaged)?;
    let mut reader = old.reader(FORMAT.open, given.display()).await;
    raw_sql(LITTLE).execute(reader.sqlite()).await.map_err(|e| damaged(reader.call.failed(e)))?;
    let entries = match database::version(&mut reader, &FORMAT).await.map_err(damaged)? {
        0 => Ok(0),
        _ => query_scalar("SELECT count(*) FROM evidence").fetch_one(reader.sqlite()).await,
    };
    let entries = entries.map_err(|e| damaged(reader.call.failed(e)))?;
    let alone = query_scalar::<_, String>("PRAGMA journal_mode = DELETE").fetch_one(reader.sqlite()).await;
    if alone.map_err(|e| reader.call.failed(e))? != "delete" {
        let used = reader.call.refused(ErrorKind::Unavailable, "another process has it open");
        return Err(used.advise("stop that process, or give the new index a place of its own"));
    }
    drop(reader);
    old.close(FORMAT.open).await.map(|_| entries)
}

fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}

fn absent(removed: io::Result<()>) -> io::Result<()> {
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

async fn blocking(call: &Call, work: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<()> {
    let done = tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(error.into()));
    done.map_err(|error| {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
            io::ErrorKind::PermissionDenied => ErrorKind::Denied,
            _ => ErrorKind::Unavailable,
        };
        call.refused(kind, error.to_string()).with_source(error)
    })
}
