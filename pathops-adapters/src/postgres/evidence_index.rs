use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr as _;
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{
    EvidenceIndex, EvidenceIndexCapabilities, EvidencePage, EvidenceQuery, IndexedEvidence, SubjectDigest,
};
use pathops_core::{Effect, ErrorKind, OpContext, Result};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Postgres, Transaction, query, query_as, query_scalar, raw_sql};

use super::error::Call;
use crate::evidence_rows::{
    AT_ONCE, Stored, Tables, insert, insert_subjects, once, read, row, select, subjects, take_up, unknown,
};

const OPEN: &str = "open the evidence index";
const SCHEMA: &str = include_str!("../../migrations/postgres/0001_evidence_index.sql");
const VERSION: i32 = 1;

/// "PaEv" in ASCII, twice: what is locked while the tables are made.
const LOCK: i64 = 0x5061_4576_5061_4576;

const TABLES: Tables =
    Tables { evidence: "pathops_evidence", subjects: "pathops_subjects", take_up: take_up!("pathops_evidence"), join: "JOIN" };

const ABOUT: &str = "SELECT entry, logged, leaf FROM pathops_subjects JOIN pathops_evidence USING (number) \
                     WHERE algorithm = $1 AND value = $2";

/// An evidence index in a database of PostgreSQL. Any number of processes on any machines may use it at once.
pub struct PostgresEvidenceIndex {
    pool: PgPool,
    place: String,
}

impl PostgresEvidenceIndex {
    /// Opens the index in the database that `url` names (`postgres://user:password@host/database`), and makes its tables where
    /// there are none.
    ///
    /// # Errors
    /// `Invalid` for no such URL; `NotFound` where there is no such database; `Denied`; `Unsupported` where a newer version of
    /// this adapter made the tables; `Unavailable`, `StorageFull`. No message holds the password.
    pub async fn open(url: &str) -> Result<Self> {
        let options = PgConnectOptions::from_str(url).map_err(|e| Call::new(OPEN, "a URL", "PostgreSQL").failed(e))?;
        let options = options.options([("synchronous_commit", "on")]).disable_statement_logging();
        let place = format!("{}:{}/{}", options.get_host(), options.get_port(), options.get_database().unwrap_or_default());
        let call = Call::new(OPEN, &place, &place);
        let pool = PgPoolOptions::new().max_connections(8).acquire_timeout(Duration::from_secs(10));
        let pool = pool.connect_with(options).await.map_err(|e| call.failed(e))?;
        let index = Self { pool, place };
        let mut transaction = index.begin(&call).await?;
        let version = make(&mut transaction).await.map_err(|e| call.failed(e))?;
        if version != VERSION {
            let reason = format!("its tables have version {version}, and this adapter knows version {VERSION} only");
            return Err(call.refused(ErrorKind::Unsupported, &reason).advise("use PathOps as new as its writer, or newer"));
        }
        commit(&call, transaction).await?;
        Ok(index)
    }

    fn call(&self, operation: &'static str, subject: impl fmt::Display) -> Call {
        Call::new(operation, subject, &self.place)
    }

    async fn begin(&self, call: &Call) -> Result<Transaction<'static, Postgres>> {
        self.pool.begin().await.map_err(|e| call.failed(e))
    }

    async fn add(&self, call: &Call, evidence: &[IndexedEvidence]) -> Result<()> {
        let mut transaction = self.begin(call).await?;
        let evidence = once(evidence);
        for evidence in evidence.chunks(AT_ONCE) {
            let no_json = |e| call.refused(ErrorKind::Invalid, "it cannot be written as JSON").with_source(e);
            let rows: Vec<_> = evidence.iter().map(|it| row(it)).collect::<Result<_, _>>().map_err(no_json)?;
            let added = insert::<Postgres>(TABLES, &rows).build().execute(&mut *transaction).await;
            added.map_err(|e| call.failed(e))?;
        }
        for subjects in subjects(&evidence).chunks(AT_ONCE) {
            let added = insert_subjects::<Postgres>(TABLES, subjects).build().execute(&mut *transaction).await;
            added.map_err(|e| call.failed(e))?;
        }
        commit(call, transaction).await
    }

    async fn find(&self, call: &Call, query: &EvidenceQuery) -> Result<EvidencePage> {
        let unknown = query_scalar::<_, i64>(unknown!("pathops_evidence")).fetch_optional(&self.pool).await;
        if unknown.map_err(|e| call.failed(e))?.is_some() {
            let refused = call.refused(ErrorKind::Unsupported, "some entries were added without what they are found by");
            return Err(refused.advise("add their envelopes again, or make the index anew from the ledger"));
        }
        let mut select = select::<Postgres>(TABLES, query);
        let rows = select.build_query_as::<Stored>().persistent(false).fetch_all(&self.pool).await;
        let rows = rows.map_err(|e| call.failed(e))?;
        Ok(EvidencePage::cut(entries(call, rows, |it| query.matches(it))?, query.limit))
    }

    async fn of_subject(&self, call: &Call, subject: &SubjectDigest) -> Result<Vec<IndexedEvidence>> {
        let rows = query_as::<_, Stored>(ABOUT).bind(&subject.algorithm).bind(&subject.value).fetch_all(&self.pool).await;
        entries(call, rows.map_err(|e| call.failed(e))?, |it| it.subjects().contains(subject))
    }
}

impl fmt::Debug for PostgresEvidenceIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresEvidenceIndex").field("place", &self.place).finish_non_exhaustive()
    }
}

#[async_trait]
impl EvidenceIndex for PostgresEvidenceIndex {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn capabilities(&self) -> EvidenceIndexCapabilities {
        let mut capabilities = EvidenceIndexCapabilities::default();
        (capabilities.durable, capabilities.shared) = (true, true);
        capabilities
    }

    async fn add_all(&self, cx: &OpContext, evidence: &[IndexedEvidence]) -> Result<()> {
        let Some(first) = evidence.first() else { return Ok(()) };
        let call = self.call("index evidence", first.id());
        // Whether it was committed when the time was over is not known.
        within(cx, self.add(&call, evidence)).await.unwrap_or_else(|| Err(call.late().with_effect(Effect::Unknown)))
    }

    async fn about(&self, cx: &OpContext, subjects: &BTreeSet<SubjectDigest>) -> Result<Vec<IndexedEvidence>> {
        let mut found = BTreeMap::new();
        for subject in subjects {
            let call = self.call("look evidence up", subject);
            for evidence in within(cx, self.of_subject(&call, subject)).await.unwrap_or_else(|| Err(call.late()))? {
                found.insert((evidence.id(), evidence.envelope()), evidence);
            }
        }
        Ok(found.into_values().collect())
    }

    async fn query(&self, cx: &OpContext, query: &EvidenceQuery) -> Result<EvidencePage> {
        let call = self.call("query evidence", "the index");
        within(cx, self.find(&call, query)).await.unwrap_or_else(|| Err(call.late()))
    }
}

/// Makes the tables where there are none. Answers their version.
async fn make(transaction: &mut Transaction<'static, Postgres>) -> Result<i32, sqlx::Error> {
    query("SELECT pg_advisory_xact_lock($1)").bind(LOCK).execute(&mut **transaction).await?;
    let there = query_scalar::<_, bool>("SELECT to_regclass('pathops_evidence_index') IS NOT NULL");
    if !there.fetch_one(&mut **transaction).await? {
        raw_sql(SCHEMA).execute(&mut **transaction).await?;
    }
    query_scalar("SELECT max(version) FROM pathops_evidence_index").fetch_one(&mut **transaction).await
}

/// A commit that fails has an unknown effect: it may have reached the disk although the answer did not come back.
async fn commit(call: &Call, transaction: Transaction<'static, Postgres>) -> Result<()> {
    transaction.commit().await.map_err(|e| call.failed(e).with_effect(Effect::Unknown))
}

fn entries(call: &Call, rows: Vec<Stored>, is_wanted: impl Fn(&IndexedEvidence) -> bool) -> Result<Vec<IndexedEvidence>> {
    rows.into_iter().map(|row| read(row, &is_wanted).map_err(|(what, why)| call.corrupt(what, why))).collect()
}

/// `None` where the time that the caller gives was over.
#[expect(clippy::disallowed_methods, reason = "it waits for a server, which knows no virtual time")]
async fn within<T>(cx: &OpContext, call: impl Future<Output = T>) -> Option<T> {
    match cx.timeout() {
        None => Some(call.await),
        Some(timeout) => tokio::time::timeout(timeout, call).await.ok(),
    }
}
