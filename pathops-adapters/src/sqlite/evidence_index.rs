//! The evidence index in one SQLite file.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use async_trait::async_trait;
use pathops_core::adapter::{
    EvidenceIndex, EvidenceIndexCapabilities, EvidencePage, EvidenceQuery, IndexedEvidence, SubjectDigest,
};
use pathops_core::{ErrorKind, OpContext, Result};
use sqlx::{Sqlite, query_as, query_scalar};

use super::database::{Database, Format, Transaction};
use super::error::classify;
use crate::call::{Call, Store};
use crate::evidence_rows::{
    AT_ONCE, Stored, Tables, insert, insert_subjects, once, read, row, select, subjects, take_up, unknown,
};
use crate::journal_rows::number;

pub(super) const FORMAT: Format = Format {
    what: "evidence index",
    store: Store { restore: "restore the evidence index from a backup, or make it anew from the ledger", classify },
    open: "open the evidence index",
    make: "make the evidence index",
    schema: &[
        include_str!("../../migrations/sqlite/0001_evidence_index.sql"),
        include_str!("../../migrations/sqlite/0002_evidence_index.sql"),
        include_str!("../../migrations/sqlite/0003_evidence_index.sql"),
        include_str!("../../migrations/sqlite/0004_evidence_index.sql"),
        include_str!("../../migrations/sqlite/0005_evidence_index.sql"),
    ],
    application: 1_348_552_054,
    temporary: "",
    exclusive: false,
};

pub(super) const TABLES: Tables =
    Tables { evidence: "evidence", subjects: "subjects", take_up: take_up!("evidence"), join: "CROSS JOIN" };

const ABOUT: &str = "SELECT entry, logged, leaf FROM subjects JOIN evidence USING (number) WHERE algorithm = ? AND value = ?";

/// An evidence index in one SQLite file. Several processes of this machine may have it open at once.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use pathops_adapters::sqlite::SqliteEvidenceIndex;
/// use pathops_core::adapter::{EvidenceIndex, SubjectDigest};
/// use pathops_core::{Digest, IdempotencyKey, OpContext};
///
/// let folder = tempfile::tempdir().unwrap();
/// let index = SqliteEvidenceIndex::open(folder.path().join("evidence.db")).await?;
/// let artifact = SubjectDigest::sha256(&Digest::of(b"an artifact"));
/// assert!(index.about(&OpContext::new(IdempotencyKey::new("look")), &[artifact].into()).await?.is_empty());
/// # Ok::<(), pathops_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct SqliteEvidenceIndex {
    database: Database,
}

impl SqliteEvidenceIndex {
    /// Opens the index at `path`, and makes it where there is none. The folder must be there.
    ///
    /// A file of an earlier version is taken further; until each envelope in it was added again, a query is refused.
    ///
    /// # Errors
    /// `Corrupt` where it is damaged or no SQLite database; `Invalid` where it holds a journal or another program's tables;
    /// `Unsupported` where a newer version of this adapter wrote it; `NotFound` where the folder is missing; `Denied`,
    /// `StorageFull`; `Unavailable` where another process keeps it locked.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { database: Database::open(path.as_ref(), &FORMAT).await? })
    }

    /// How many entries it has. An index only grows, unless an older copy of it was put back.
    ///
    /// # Errors
    /// `Corrupt`, `Unavailable`.
    pub async fn entries(&self) -> Result<u64> {
        let mut reader = self.database.reader("count the entries", "").await;
        let entries = query_scalar::<_, i64>("SELECT count(*) FROM evidence").fetch_one(reader.sqlite()).await;
        number(&reader.call, "the number of entries", entries.map_err(|e| reader.call.failed(e))?)
    }
}

#[async_trait]
impl EvidenceIndex for SqliteEvidenceIndex {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn capabilities(&self) -> EvidenceIndexCapabilities {
        let mut capabilities = EvidenceIndexCapabilities::default();
        (capabilities.durable, capabilities.shared) = (true, true);
        capabilities
    }

    async fn add_all(&self, _: &OpContext, evidence: &[IndexedEvidence]) -> Result<()> {
        let Some(first) = evidence.first() else { return Ok(()) };
        evidence.iter().try_for_each(IndexedEvidence::check)?;
        let mut transaction = self.database.begin("index evidence", first.id()).await?;
        let added = add(&mut transaction, evidence).await;
        transaction.finish(added).await
    }

    async fn about(&self, _: &OpContext, subjects: &BTreeSet<SubjectDigest>) -> Result<Vec<IndexedEvidence>> {
        let mut found = BTreeMap::new();
        for subject in subjects {
            let mut reader = self.database.reader("look evidence up", subject).await;
            let rows = query_as::<_, Stored>(ABOUT).bind(&subject.algorithm).bind(&subject.value);
            let rows = rows.fetch_all(reader.sqlite()).await.map_err(|e| reader.call.failed(e))?;
            let wanted = |it: &IndexedEvidence| it.subjects().contains(subject);
            for evidence in entries(&reader.call, rows, wanted)? {
                found.insert((evidence.id(), evidence.envelope()), evidence);
            }
        }
        Ok(found.into_values().collect())
    }

    async fn query(&self, _: &OpContext, query: &EvidenceQuery) -> Result<EvidencePage> {
        let mut reader = self.database.reader("query evidence", "").await;
        let unknown = query_scalar::<_, i64>(unknown!("evidence")).fetch_optional(reader.sqlite()).await;
        if unknown.map_err(|e| reader.call.failed(e))?.is_some() {
            let refused = reader.call.refused(ErrorKind::Unsupported, "an earlier version has added some entries");
            return Err(refused.advise("add their envelopes again, or make the index anew from the ledger"));
        }
        let mut select = select::<Sqlite>(TABLES, query);
        let rows = select.build_query_as::<Stored>().persistent(false).fetch_all(reader.sqlite()).await;
        let rows = rows.map_err(|e| reader.call.failed(e))?;
        Ok(EvidencePage::cut(entries(&reader.call, rows, |it| query.matches(it))?, query.limit))
    }
}

async fn add(transaction: &mut Transaction<'_>, evidence: &[IndexedEvidence]) -> Result<()> {
    let evidence = once(evidence);
    add_rows(transaction, TABLES, &evidence).await?;
    for subjects in subjects(&evidence).chunks(AT_ONCE) {
        let added = insert_subjects::<Sqlite>(TABLES, subjects).build().execute(transaction.sqlite()).await;
        added.map_err(|e| transaction.call.failed(e))?;
    }
    Ok(())
}

/// Adds the rows of these entries, without what they are about.
pub(super) async fn add_rows<E>(transaction: &mut Transaction<'_>, tables: Tables, evidence: &[E]) -> Result<()>
where
    E: Borrow<IndexedEvidence> + Sync,
{
    for evidence in evidence.chunks(AT_ONCE) {
        let no_json = |e| transaction.call.refused(ErrorKind::Invalid, "it cannot be written as JSON").with_source(e);
        let rows: Vec<_> = evidence.iter().map(|it| row(it.borrow())).collect::<Result<_, _>>().map_err(no_json)?;
        let added = insert::<Sqlite>(tables, &rows).build().execute(transaction.sqlite()).await;
        added.map_err(|e| transaction.call.failed(e))?;
    }
    Ok(())
}

fn entries(call: &Call, rows: Vec<Stored>, is_wanted: impl Fn(&IndexedEvidence) -> bool) -> Result<Vec<IndexedEvidence>> {
    rows.into_iter().map(|row| read(row, &is_wanted).map_err(|(what, why)| call.corrupt(what, why))).collect()
}

#[cfg(test)]
mod tests {
    use pathops_core::Digest;
    use pathops_core::evidence::EvidenceId;
    use pathops_core::policy::Verdict;
    use sqlx::sqlite::SqliteRow;
    use sqlx::{Row as _, query};

    use super::*;

    async fn plan(index: &SqliteEvidenceIndex, sql: &str) -> Vec<String> {
        let mut reader = index.database.reader("explain", "").await;
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
        let plan = query(explain).fetch_all(reader.sqlite()).await.unwrap();
        plan.iter().map(|row: &SqliteRow| row.get("detail")).collect()
    }

    #[tokio::test]
    async fn evidence_is_looked_up_by_an_index_and_not_by_a_scan() {
        let folder = tempfile::tempdir().unwrap();
        let index = SqliteEvidenceIndex::open(folder.path().join("evidence.db")).await.unwrap();
        let about = plan(&index, ABOUT).await;
        let searched =
            ["SEARCH subjects USING PRIMARY KEY (algorithm=? AND value=?)", "SEARCH evidence USING INTEGER PRIMARY KEY"];
        assert!(about.iter().zip(searched).all(|(step, expected)| step.starts_with(expected)) && about.len() == 2, "{about:?}");
    }

    #[tokio::test]
    async fn evidence_is_queried_by_the_narrowest_of_its_conditions() {
        let folder = tempfile::tempdir().unwrap();
        let index = SqliteEvidenceIndex::open(folder.path().join("evidence.db")).await.unwrap();
        let (change_set, unit) = ("dates-1".parse().ok(), "orders".parse().ok());
        let environment = "preflight".parse().ok();
        let all = EvidenceQuery { change_set, unit, environment, verdict: Some(Verdict::Pass), ..EvidenceQuery::default() };
        let of_no_change_set = EvidenceQuery { change_set: None, ..all.clone() };
        let subject = Some(SubjectDigest { algorithm: "sha256".to_owned(), value: "0".to_owned() });
        for (query, expected) in [
            (EvidenceQuery { subject, ..of_no_change_set.clone() }, "SEARCH evidence USING INTEGER PRIMARY KEY"),
            (EvidenceQuery { id: Some(EvidenceId(Digest::of(b"evidence"))), ..all.clone() }, "SEARCH evidence USING INDEX"),
            (all, "SEARCH evidence USING INDEX evidence_by_change_set"),
            (of_no_change_set, "SEARCH evidence USING INDEX evidence_by_unit"),
            (EvidenceQuery::default(), "SCAN evidence USING INDEX evidence_by_time"),
        ] {
            let steps = plan(&index, select::<Sqlite>(TABLES, &query).sql().as_str()).await;
            assert!(steps.first().is_some_and(|step| step.starts_with(expected)), "{expected}: {steps:?}");
        }
    }
}
