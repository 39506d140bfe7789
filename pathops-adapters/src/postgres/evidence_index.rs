use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use pathops_core::adapter::{
    EvidenceIndex, EvidenceIndexCapabilities, EvidencePage, EvidenceQuery, IndexedEvidence, SubjectDigest,
};
use pathops_core::{ErrorKind, OpContext, Result};
use sqlx::{Postgres, query_as, query_scalar};

use super::database::{Database, Format, commit, in_time};
use super::error::classify;
use crate::call::{Call, Store};
use crate::evidence_rows::{
    AT_ONCE, Stored, Tables, insert, insert_subjects, once, read, row, select, subjects, take_up, unknown,
};

pub(super) const FORMAT: Format = Format {
    open: "open the evidence index",
    store: Store { restore: "restore the evidence index from a backup, or make it anew from the ledger", classify },
    schema: &[include_str!("../../migrations/postgres/0001_evidence_index.sql")],
    table: "pathops_evidence_index",
    // "PaEv" in ASCII, twice.
    lock: 0x5061_4576_5061_4576,
};

const TABLES: Tables =
    Tables { evidence: "pathops_evidence", subjects: "pathops_subjects", take_up: take_up!("pathops_evidence"), join: "JOIN" };

const ABOUT: &str = "SELECT entry, logged, leaf FROM pathops_subjects JOIN pathops_evidence USING (number) \
                     WHERE algorithm = $1 AND value = $2";

/// An evidence index in a database of PostgreSQL. Any number of processes on any machines may use it at once.
#[derive(Debug)]
pub struct PostgresEvidenceIndex {
    pub(super) database: Database,
}

impl PostgresEvidenceIndex {
    /// Opens the index in the database that `url` names (`postgres://user:password@host/database`), and makes its tables where
    /// there are none.
    ///
    /// # Errors
    /// `Invalid` for no such URL; `NotFound` where there is no such database; `Denied`; `Unsupported` where a newer version of
    /// this adapter made the tables; `Unavailable`, `StorageFull`. No message holds the password.
    pub async fn open(url: &str) -> Result<Self> {
        Ok(Self { database: Database::open(url, &FORMAT).await? })
    }

    async fn add(&self, call: &Call, evidence: &[IndexedEvidence]) -> Result<()> {
        let mut transaction = self.database.begin(call).await?;
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
        let unknown = query_scalar::<_, i64>(unknown!("pathops_evidence")).fetch_optional(&self.database.pool).await;
        if unknown.map_err(|e| call.failed(e))?.is_some() {
            let refused = call.refused(ErrorKind::Unsupported, "some entries were added without what they are found by");
            return Err(refused.advise("add their envelopes again, or make the index anew from the ledger"));
        }
        let mut select = select::<Postgres>(TABLES, query);
        let rows = select.build_query_as::<Stored>().persistent(false).fetch_all(&self.database.pool).await;
        let rows = rows.map_err(|e| call.failed(e))?;
        Ok(EvidencePage::cut(entries(call, rows, |it| query.matches(it))?, query.limit))
    }

    async fn of_subject(&self, call: &Call, subject: &SubjectDigest) -> Result<Vec<IndexedEvidence>> {
        let rows =
            query_as::<_, Stored>(ABOUT).bind(&subject.algorithm).bind(&subject.value).fetch_all(&self.database.pool).await;
        entries(call, rows.map_err(|e| call.failed(e))?, |it| it.subjects().contains(subject))
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
        evidence.iter().try_for_each(IndexedEvidence::check)?;
        let call = self.database.call("index evidence", first.id());
        in_time(cx, &call, self.add(&call, evidence)).await
    }

    async fn about(&self, cx: &OpContext, subjects: &BTreeSet<SubjectDigest>) -> Result<Vec<IndexedEvidence>> {
        let mut found = BTreeMap::new();
        for subject in subjects {
            let call = self.database.call("look evidence up", subject);
            for evidence in in_time(cx, &call, self.of_subject(&call, subject)).await? {
                found.insert((evidence.id(), evidence.envelope()), evidence);
            }
        }
        Ok(found.into_values().collect())
    }

    async fn query(&self, cx: &OpContext, query: &EvidenceQuery) -> Result<EvidencePage> {
        let call = self.database.call("query evidence", "the index");
        in_time(cx, &call, self.find(&call, query)).await
    }
}

fn entries(call: &Call, rows: Vec<Stored>, is_wanted: impl Fn(&IndexedEvidence) -> bool) -> Result<Vec<IndexedEvidence>> {
    rows.into_iter().map(|row| read(row, &is_wanted).map_err(|(what, why)| call.corrupt(what, why))).collect()
}
