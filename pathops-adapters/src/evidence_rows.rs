//! The evidence index in a database: what its rows hold, and how they are looked for, whichever database it is.

use std::borrow::Cow;

use pathops_core::adapter::{EvidenceQuery, IndexedEvidence, SubjectDigest};
use pathops_core::evidence::Logged;
use pathops_core::{Digest, UnixMillis};
use sqlx::{Database, Encode, QueryBuilder, Type};

/// An entry as it is handed to the database. The names are those of the columns.
pub(crate) struct Row<'e> {
    pub(crate) id: Digest,
    pub(crate) envelope: Digest,
    pub(crate) entry: String,
    pub(crate) logged: Option<String>,
    pub(crate) leaf: Option<i64>,
    pub(crate) kind: &'e str,
    pub(crate) signer: Option<Digest>,
    pub(crate) change_set: Option<&'e str>,
    pub(crate) unit: Option<&'e str>,
    pub(crate) environment: Option<&'e str>,
    pub(crate) verdict: Option<String>,
    pub(crate) at: Option<i64>,
}

/// What stands for no time: it comes last, as it should.
const UNDATED: i64 = i64::MIN;

/// These entries, each envelope once, in the order of evidence and blob. All writers go in this order, so that none waits for
/// another in a circle; and an index that is larger than what fits into memory is gone through once, not to and fro.
pub(crate) fn once(evidence: &[IndexedEvidence]) -> Vec<Cow<'_, IndexedEvidence>> {
    let mut sorted: Vec<_> = evidence.iter().collect();
    sorted.sort_by_key(|it| (it.id(), it.envelope()));
    let mut once: Vec<Cow<'_, IndexedEvidence>> = Vec::with_capacity(sorted.len());
    for evidence in sorted {
        match once.last_mut().filter(|it| (it.id(), it.envelope()) == (evidence.id(), evidence.envelope())) {
            None => once.push(Cow::Borrowed(evidence)),
            Some(known) => {
                known.to_mut().complete(evidence);
            }
        }
    }
    once
}

pub(crate) fn row(evidence: &IndexedEvidence) -> serde_json::Result<Row<'_>> {
    let facets = evidence.facets();
    Ok(Row {
        id: evidence.id().0,
        envelope: evidence.envelope(),
        entry: serde_json::to_string(&evidence.without_place())?,
        logged: evidence.logged().map(serde_json::to_string).transpose()?,
        leaf: evidence.leaf().and_then(|leaf| i64::try_from(leaf).ok()),
        kind: evidence.predicate_type(),
        signer: facets.map(|it| it.signer.0),
        change_set: facets.and_then(|it| it.change_set.as_ref()).map(|it| it.as_str()),
        unit: facets.and_then(|it| it.unit.as_ref()).map(|it| it.as_str()),
        environment: facets.and_then(|it| it.environment.as_ref()).map(|it| it.as_str()),
        verdict: facets.map(|it| it.verdict.to_string()),
        at: facets.map(|it| it.at.map_or(UNDATED, |at| at.0)),
    })
}

/// What these entries are about, each with whose it is, in the order of the index that finds them.
pub(crate) fn subjects<'e>(evidence: &'e [Cow<'_, IndexedEvidence>]) -> Vec<(&'e SubjectDigest, &'e IndexedEvidence)> {
    let mut all: Vec<(&SubjectDigest, &IndexedEvidence)> = Vec::new();
    for evidence in evidence {
        all.extend(evidence.subjects().iter().map(|subject| (subject, &**evidence)));
    }
    all.sort_by_key(|(subject, _)| *subject);
    all
}

/// How many rows one statement takes: of each there are twelve values, and there is a limit to those.
pub(crate) const AT_ONCE: usize = 500;

/// The statement that adds these entries.
pub(crate) fn insert<'r, DB>(tables: Tables, rows: &'r [Row<'r>]) -> QueryBuilder<DB>
where
    DB: Database,
    &'r [u8]: Encode<'r, DB> + Type<DB>,
    &'r str: Encode<'r, DB> + Type<DB>,
    Option<&'r [u8]>: Encode<'r, DB> + Type<DB>,
    Option<&'r str>: Encode<'r, DB> + Type<DB>,
    Option<i64>: Encode<'r, DB> + Type<DB>,
{
    let mut sql = QueryBuilder::new("INSERT INTO ");
    sql.push(tables.evidence);
    sql.push(" (id, envelope, entry, logged, leaf, kind, signer, change_set, unit, environment, verdict, at) ");
    sql.push_values(rows, |mut values, row| {
        values.push_bind(row.id.as_bytes().as_slice()).push_bind(row.envelope.as_bytes().as_slice());
        values.push_bind(row.entry.as_str()).push_bind(row.logged.as_deref()).push_bind(row.leaf);
        values.push_bind(row.kind).push_bind(row.signer.as_ref().map(|signer| signer.as_bytes().as_slice()));
        values.push_bind(row.change_set).push_bind(row.unit).push_bind(row.environment);
        values.push_bind(row.verdict.as_deref()).push_bind(row.at);
    });
    sql.push(" ").push(tables.take_up);
    sql
}

/// The statement that adds what they are about, once they are there.
pub(crate) fn insert_subjects<'r, DB>(tables: Tables, subjects: &'r [(&SubjectDigest, &IndexedEvidence)]) -> QueryBuilder<DB>
where
    DB: Database,
    &'r str: Encode<'r, DB> + Type<DB>,
    Vec<u8>: Encode<'r, DB> + Type<DB>,
{
    let mut sql = QueryBuilder::new("WITH added (algorithm, value, id, envelope) AS (");
    sql.push_values(subjects, |mut values, (subject, evidence)| {
        values.push_bind(subject.algorithm.as_str()).push_bind(subject.value.as_str());
        values.push_bind(bytes(&evidence.id().0)).push_bind(bytes(&evidence.envelope()));
    });
    sql.push(") INSERT INTO ")
        .push(tables.subjects)
        .push(" (algorithm, value, number) SELECT algorithm, value, number FROM added ");
    sql.push(tables.join).push(" ").push(tables.evidence).push(" AS evidence ON evidence.id = added.id ");
    sql.push("AND evidence.envelope = added.envelope WHERE TRUE ORDER BY 1, 2, 3 ON CONFLICT DO NOTHING");
    sql
}

/// What is stored of an entry: `entry`, `logged`, `leaf`.
pub(crate) type Stored = (String, Option<String>, Option<i64>);

/// Why a row is not what was written: the part, and why.
pub(crate) type Spoilt = (&'static str, Box<dyn std::error::Error + Send + Sync>);

/// The entry, which has to be what it was found as.
pub(crate) fn read(
    (entry, logged, leaf): Stored,
    is_wanted: impl Fn(&IndexedEvidence) -> bool,
) -> Result<IndexedEvidence, Spoilt> {
    let mut evidence: IndexedEvidence = serde_json::from_str(&entry).map_err(|error| ("an entry", error.into()))?;
    if !is_wanted(&evidence) {
        return Err(("an entry", "it is not what it was found as".into()));
    }
    if let Some(logged) = logged {
        let logged: Logged = serde_json::from_str(&logged).map_err(|error| ("a proof", error.into()))?;
        evidence = evidence.with_logged(logged).map_err(|error| ("a proof", error.into()))?;
    }
    match leaf.map(u64::try_from) {
        None => Ok(evidence),
        Some(Ok(leaf)) => Ok(evidence.with_leaf(leaf)),
        Some(Err(error)) => Err(("a place in the ledger", error.into())),
    }
}

/// What becomes of an entry that is there: what is missing is taken up, as [`IndexedEvidence::complete`] does.
macro_rules! take_up {
    ($table:literal) => {
        concat!(
            "ON CONFLICT (id, envelope) DO UPDATE SET logged = coalesce(",
            $table,
            ".logged, excluded.logged), leaf = coalesce(",
            $table,
            ".leaf, excluded.leaf), ",
            $crate::evidence_rows::take_up!($table: entry, change_set, unit, environment, verdict, at, signer),
            " WHERE (",
            $table,
            ".logged IS NULL AND excluded.logged IS NOT NULL) OR (",
            $table,
            ".leaf IS NULL AND excluded.leaf IS NOT NULL) OR (",
            $table,
            ".signer IS NULL AND excluded.signer IS NOT NULL)",
        )
    };
    ($table:literal: $first:ident $(, $column:ident)*) => {
        concat!(
            $crate::evidence_rows::take_up!(@ $table $first),
            $(", ", $crate::evidence_rows::take_up!(@ $table $column)),*
        )
    };
    (@ $table:literal $column:ident) => {
        concat!(
            stringify!($column),
            " = CASE WHEN ",
            $table,
            ".signer IS NULL THEN excluded.",
            stringify!($column),
            " ELSE ",
            $table,
            ".",
            stringify!($column),
            " END",
        )
    };
}
pub(crate) use take_up;

/// Finds an entry that a query could not tell from others.
macro_rules! unknown {
    ($table:literal) => {
        concat!("SELECT number FROM ", $table, " WHERE signer IS NULL LIMIT 1")
    };
}
pub(crate) use unknown;

/// The tables, and what each database has to be told in its own words.
#[derive(Clone, Copy)]
pub(crate) struct Tables {
    pub(crate) evidence: &'static str,
    pub(crate) subjects: &'static str,
    /// What becomes of an entry that is there: [`take_up`].
    pub(crate) take_up: &'static str,
    /// Looks for what stands on its right, for each that stands on its left.
    pub(crate) join: &'static str,
}

/// The statement for a page and one entry more.
pub(crate) fn select<'q, DB>(tables: Tables, query: &EvidenceQuery) -> QueryBuilder<DB>
where
    DB: Database,
    String: Encode<'q, DB> + Type<DB>,
    Vec<u8>: Encode<'q, DB> + Type<DB>,
    i64: Encode<'q, DB> + Type<DB>,
{
    let mut sql = QueryBuilder::new("SELECT entry, logged, leaf FROM ");
    sql.push(tables.evidence).push(" WHERE TRUE");
    if let Some(SubjectDigest { algorithm, value }) = &query.subject {
        sql.push(" AND number IN (SELECT number FROM ").push(tables.subjects).push(" WHERE algorithm = ");
        sql.push_bind(algorithm.clone()).push(" AND value = ").push_bind(value.clone()).push(")");
    }
    if let Some(id) = query.id {
        sql.push(" AND id = ").push_bind(bytes(&id.0));
    }
    let texts = [
        (" AND change_set = ", query.change_set.as_ref().map(ToString::to_string)),
        (" AND unit = ", query.unit.as_ref().map(ToString::to_string)),
        (" AND environment = ", query.environment.as_ref().map(ToString::to_string)),
        (" AND kind = ", query.kind.clone()),
        (" AND verdict = ", query.verdict.map(|it| it.to_string())),
    ];
    for (column, text) in texts {
        if let Some(text) = text {
            sql.push(column).push_bind(text);
        }
    }
    if let Some(signer) = query.signer {
        sql.push(" AND signer = ").push_bind(bytes(&signer.0));
    }
    if let Some(window) = query.window {
        // The least number stands for no time.
        sql.push(" AND at >= ").push_bind(window.from().max(UnixMillis(UNDATED + 1)).0);
        sql.push(" AND at < ").push_bind(window.until().0);
    }
    if let Some(after) = query.after {
        let at = after.at().map_or(UNDATED, |at| at.0);
        sql.push(" AND at <= ").push_bind(at).push(" AND (at < ").push_bind(at);
        sql.push(" OR (id, envelope) > (").push_bind(bytes(&after.id().0)).push(", ").push_bind(bytes(&after.envelope()));
        sql.push("))");
    }
    sql.push(" ORDER BY at DESC, id, envelope LIMIT ").push_bind(i64::from(query.limit.get()) + 1);
    sql
}

fn bytes(digest: &Digest) -> Vec<u8> {
    digest.as_bytes().to_vec()
}
