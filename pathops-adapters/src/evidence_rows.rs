//! The evidence index in a database: what its rows hold, and how they are looked for, whichever database it is.

use std::collections::BTreeMap;

use pathops_core::adapter::{EvidenceQuery, IndexedEvidence, SubjectDigest};
use pathops_core::evidence::Logged;
use pathops_core::{Digest, UnixMillis};
use serde::Serialize;
use sqlx::{Database, Encode, QueryBuilder, Type};

/// An entry as it is handed to the database. The names are those of the columns.
#[derive(Serialize)]
pub(crate) struct Row<'e> {
    id: String,
    envelope: String,
    entry: String,
    logged: Option<String>,
    leaf: Option<i64>,
    kind: &'e str,
    signer: Option<String>,
    change_set: Option<&'e str>,
    unit: Option<&'e str>,
    environment: Option<&'e str>,
    verdict: Option<String>,
    at: Option<i64>,
    subjects: Vec<&'e SubjectDigest>,
}

/// What stands for no time: it comes last, as it should.
const UNDATED: i64 = i64::MIN;

/// The rows of these entries in JSON, each envelope once.
pub(crate) fn rows(evidence: &[IndexedEvidence]) -> serde_json::Result<String> {
    let mut once: BTreeMap<_, (IndexedEvidence, usize)> = BTreeMap::new();
    for (place, evidence) in evidence.iter().enumerate() {
        once.entry((evidence.id(), evidence.envelope()))
            .and_modify(|(known, _)| {
                known.complete(evidence);
            })
            .or_insert_with(|| (evidence.clone(), place));
    }
    let mut once: Vec<_> = once.into_values().collect();
    // As they came: neighbours in a log are neighbours in the table.
    once.sort_by_key(|(_, place)| *place);
    serde_json::to_string(&once.iter().map(|(evidence, _)| row(evidence)).collect::<Result<Vec<_>, _>>()?)
}

fn row(evidence: &IndexedEvidence) -> serde_json::Result<Row<'_>> {
    let mut entry = serde_json::to_value(evidence)?;
    if let Some(entry) = entry.as_object_mut() {
        entry.remove("logged");
        entry.remove("leaf");
    }
    let facets = evidence.facets();
    Ok(Row {
        id: evidence.id().0.hex(),
        envelope: evidence.envelope().hex(),
        entry: serde_json::to_string(&entry)?,
        logged: evidence.logged().map(serde_json::to_string).transpose()?,
        leaf: evidence.leaf().and_then(|leaf| i64::try_from(leaf).ok()),
        kind: evidence.predicate_type(),
        signer: facets.map(|it| it.signer.0.hex()),
        change_set: facets.and_then(|it| it.change_set.as_ref()).map(|it| it.as_str()),
        unit: facets.and_then(|it| it.unit.as_ref()).map(|it| it.as_str()),
        environment: facets.and_then(|it| it.environment.as_ref()).map(|it| it.as_str()),
        verdict: facets.map(|it| it.verdict.to_string()),
        at: facets.map(|it| it.at.map_or(UNDATED, |at| at.0)),
        subjects: evidence.subjects().iter().collect(),
    })
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

/// The names of the tables.
#[derive(Clone, Copy)]
pub(crate) struct Tables {
    pub(crate) evidence: &'static str,
    pub(crate) subjects: &'static str,
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
