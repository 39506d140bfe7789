//! The evidence index in one SQLite file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use async_trait::async_trait;
use pathops_core::adapter::{EvidenceIndex, EvidenceIndexCapabilities, IndexedEvidence, SubjectDigest};
use pathops_core::evidence::Logged;
use pathops_core::{ErrorKind, OpContext, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::{query, query_as};

use super::database::{Database, Format, Transaction};
use super::error::Call;

const FORMAT: Format = Format {
    what: "evidence index",
    open: "open the evidence index",
    make: "make the evidence index",
    schema: include_str!("../../migrations/sqlite/0001_evidence_index.sql"),
    version: 1,
    application: 1_348_552_054,
    exclusive: false,
};

const ABOUT: &str = "SELECT entry, logged FROM subjects JOIN evidence USING (id, envelope) WHERE algorithm = ? AND value = ?";

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
    /// A file that is there is taken as it is: its schema is checked, not changed.
    ///
    /// # Errors
    /// `Corrupt` where it is damaged or no SQLite database; `Invalid` where it holds a journal or another program's tables;
    /// `Unsupported` where a newer version of this adapter wrote it; `NotFound` where the folder is missing; `Denied`,
    /// `StorageFull`; `Unavailable` where another process keeps it locked.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { database: Database::open(path.as_ref(), &FORMAT).await? })
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

    async fn add(&self, _: &OpContext, evidence: &IndexedEvidence) -> Result<()> {
        let mut transaction = self.database.begin("index evidence", evidence.id()).await?;
        let added = add(&mut transaction, evidence).await;
        transaction.finish(added).await
    }

    async fn about(&self, _: &OpContext, subjects: &BTreeSet<SubjectDigest>) -> Result<Vec<IndexedEvidence>> {
        let mut found = BTreeMap::new();
        for subject in subjects {
            let mut reader = self.database.reader("look evidence up", subject).await;
            let rows = query_as::<_, (String, Option<String>)>(ABOUT).bind(&subject.algorithm).bind(&subject.value);
            let rows = rows.fetch_all(reader.sqlite()).await.map_err(|e| reader.call.failed(e))?;
            for (entry, logged) in rows {
                let evidence = read(&reader.call, subject, &entry, logged.as_deref())?;
                found.insert((evidence.id(), evidence.envelope()), evidence);
            }
        }
        Ok(found.into_values().collect())
    }
}

async fn add(transaction: &mut Transaction<'_>, evidence: &IndexedEvidence) -> Result<()> {
    let (id, envelope) = (evidence.id().to_string(), evidence.envelope().to_string());
    let (entry, logged) = write(&transaction.call, evidence)?;
    let add = "INSERT INTO evidence (id, envelope, entry, logged) VALUES (?1, ?2, ?3, ?4) ON CONFLICT (id, envelope) \
               DO UPDATE SET logged = excluded.logged WHERE evidence.logged IS NULL AND excluded.logged IS NOT NULL";
    let add = query(add).bind(&id).bind(&envelope).bind(entry).bind(logged);
    add.execute(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))?;
    for SubjectDigest { algorithm, value } in evidence.subjects() {
        let add = query("INSERT INTO subjects (algorithm, value, id, envelope) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING");
        let add = add.bind(algorithm).bind(value).bind(&id).bind(&envelope);
        add.execute(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))?;
    }
    Ok(())
}

/// As it is stored: all but the proof, and the proof.
fn write(call: &Call, evidence: &IndexedEvidence) -> Result<(String, Option<String>)> {
    let no_json = |e| call.refused(ErrorKind::Invalid, "it cannot be written as JSON").with_source(e);
    let mut entry = serde_json::to_value(evidence).map_err(no_json)?;
    entry.as_object_mut().map(|entry| entry.remove("logged"));
    let logged = evidence.logged().map(|logged| json(call, logged)).transpose()?;
    Ok((json(call, &entry)?, logged))
}

/// What was stored for this subject, and nothing else.
fn read(call: &Call, subject: &SubjectDigest, entry: &str, logged: Option<&str>) -> Result<IndexedEvidence> {
    let mut evidence: IndexedEvidence = parse(call, "an entry", entry)?;
    if !evidence.subjects().contains(subject) {
        return Err(call.corrupt("an entry", "it is not about what it was found by"));
    }
    if let Some(logged) = logged {
        let logged: Logged = parse(call, "a proof", logged)?;
        evidence = evidence.with_logged(logged).map_err(|e| call.corrupt("a proof", e))?;
    }
    Ok(evidence)
}

fn json(call: &Call, value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| call.refused(ErrorKind::Invalid, "it cannot be written as JSON").with_source(e))
}

fn parse<T: DeserializeOwned>(call: &Call, what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| call.corrupt(what, e))
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteRow;
    use sqlx::{Row as _, query};

    use super::*;

    #[tokio::test]
    async fn evidence_is_looked_up_by_an_index_and_not_by_a_scan() {
        let folder = tempfile::tempdir().unwrap();
        let index = SqliteEvidenceIndex::open(folder.path().join("evidence.db")).await.unwrap();
        let mut reader = index.database.reader("explain", "").await;
        let explain = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {ABOUT}"));
        let plan = query(explain).bind("sha256").bind("0").fetch_all(reader.sqlite()).await.unwrap();
        let plan: Vec<String> = plan.iter().map(|row: &SqliteRow| row.get("detail")).collect();
        let searched = ["SEARCH subjects USING PRIMARY KEY (algorithm=? AND value=?)", "SEARCH evidence USING PRIMARY KEY"];
        assert!(plan.iter().zip(searched).all(|(step, expected)| step.starts_with(expected)) && plan.len() == 2, "{plan:?}");
    }
}
