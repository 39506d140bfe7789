//! Making runs, adding to them, and telling them something, inside a transaction that the caller ends or one that is a single statement.

use std::sync::Arc;

use pathops_core::adapter::{Created, Lease, Seq, SignalNumber, Transition};
use pathops_core::{ErrorKind, IdempotencyKey, Result, RunId, UnixMillis};
use serde_json::Value;
use sqlx::error::DatabaseError;
use sqlx::{QueryBuilder, Sqlite, query, query_as, query_scalar};

use super::append::Append;
use super::database::{Reader, Transaction};
use super::lease;
use crate::journal_rows::{Record, Refusal, StoredRow, number, stored, text, told_again};

pub(super) async fn create(
    transaction: &mut Transaction<'_>,
    lease: &Lease,
    run: &RunId,
    machine: &str,
    first: &Transition,
) -> Result<Created> {
    let record = Record::new(&transaction.call, first)?;
    let refused = |transaction: &Transaction<'_>, why: &Refusal| why.error(&transaction.call, lease, Seq(0));
    if let Some(signal) = record.hears {
        return Err(refused(transaction, &Refusal::Unheard(signal)));
    }
    if !lease::is_held(transaction, lease).await? {
        return Err(refused(transaction, &Refusal::Fence));
    }
    let there =
        "SELECT machine, event FROM all_runs JOIN all_entries AS entry ON run = id WHERE id = ?1 AND run = ?1 AND entry.seq = 1";
    let there = query_as::<_, (String, String)>(there).bind(run.as_str()).fetch_optional(transaction.sqlite()).await;
    if let Some(there) = there.map_err(|e| transaction.call.failed(e))? {
        let same = record.is_beginning_of(machine, &there);
        return if same { Ok(Created::Existing) } else { Err(refused(transaction, &Refusal::Exists)) };
    }
    let made = query("INSERT INTO runs (id, machine, seq, format, state, ended) VALUES (?, ?, 0, ?, ?, 0)");
    let made = made.bind(run.as_str()).bind(machine).bind(record.format).bind(&record.state);
    made.execute(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))?;
    let first = Arc::new(Append::new(lease, run, Seq(0), record));
    if let Err(error) = add(transaction, std::slice::from_ref(&first)).await {
        let why = refusal(transaction, &first, &error).await?;
        return Err(why.map_or_else(|| transaction.call.failed(error), |why| refused(transaction, &why)));
    }
    if !first.record.ends {
        lease::offer(transaction, run, Some(machine)).await?;
    }
    Ok(Created::New)
}

pub(super) async fn tell(
    transaction: &mut Transaction<'_>,
    key: &IdempotencyKey,
    run: &RunId,
    at: UnixMillis,
    told: &Value,
) -> Result<SignalNumber> {
    let known = query_as::<_, (i64, String)>("SELECT number, told FROM all_signals WHERE run = ? AND key = ?");
    let known = known.bind(run.as_str()).bind(key.as_str()).fetch_optional(transaction.sqlite()).await;
    if let Some(known) = known.map_err(|e| transaction.call.failed(e))? {
        return told_again(&transaction.call, told, &known);
    }
    let ended = query_scalar::<_, bool>("SELECT EXISTS (SELECT 1 FROM all_runs WHERE id = ? AND ended)").bind(run.as_str());
    if ended.fetch_one(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))? {
        return Err(transaction.call.refused(ErrorKind::Invalid, "the run has ended"));
    }
    let tell = "INSERT INTO signals (run, number, key, at, told) \
                SELECT ?1, 1 + coalesce(max(number), 0), ?2, ?3, ?4 FROM signals WHERE run = ?1 RETURNING number";
    let tell = query_scalar::<_, i64>(tell).bind(run.as_str()).bind(key.as_str()).bind(at.0).bind(text(&transaction.call, told)?);
    let told = tell.fetch_one(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))?;
    number(&transaction.call, "the number of a signal", told).map(SignalNumber)
}

/// Adds these transitions, all of them or none, as one statement.
pub(super) async fn add(reader: &mut Reader<'_>, appends: &[Arc<Append>]) -> Result<(), sqlx::Error> {
    let mut add = QueryBuilder::<Sqlite>::new(
        "INSERT INTO transitions (lease, owner, fence, run, expected, format, at, event, state, closes, hears, opens, ends) ",
    );
    add.push_values(appends, |mut row, append| {
        let Append { lease, run, expected, record, .. } = &**append;
        row.push_bind(lease.name.as_str()).push_bind(lease.owner.as_str()).push_bind(stored(lease.fence)).push_bind(run.as_str());
        row.push_bind(stored(expected.0)).push_bind(record.format).push_bind(record.at).push_bind(record.event.as_str());
        row.push_bind(record.state.as_str()).push_bind(record.closes).push_bind(record.hears).push_bind(record.opens.as_str());
        row.push_bind(record.ends);
    });
    add.build().execute(reader.sqlite()).await.map(drop)
}

/// Why a transition was not added, by the word of the statement; `None` where that was not what failed.
pub(super) async fn refusal(reader: &mut Reader<'_>, append: &Append, error: &sqlx::Error) -> Result<Option<Refusal>> {
    let Append { run, expected, record, .. } = append;
    Ok(Some(match (error.as_database_error().map(DatabaseError::message), record.hears, record.closes) {
        (Some("fence"), ..) => Refusal::Fence,
        (Some("place"), ..) => {
            let last = query_as::<_, (i64, bool)>("SELECT seq, ended FROM all_runs WHERE id = ?").bind(run.as_str());
            let last = last.fetch_optional(reader.sqlite()).await.map_err(|e| reader.call.failed(e))?;
            match last {
                None => Refusal::Unknown,
                Some((last, _)) if last != stored(expected.0) => Refusal::Moved(last),
                Some(_) => Refusal::Ended,
            }
        }
        (Some("unheard"), Some(signal), _) => Refusal::Unheard(signal),
        (Some("closed"), _, Some(op)) => Refusal::NotOpen(op),
        (Some("used"), ..) => {
            let used = "SELECT min(op) FROM ops JOIN json_each(?) ON op = value ->> 'op' WHERE run = ?";
            let used = query_scalar::<_, i64>(used).bind(&record.opens).bind(run.as_str());
            Refusal::Used(used.fetch_one(reader.sqlite()).await.map_err(|e| reader.call.failed(e))?)
        }
        _ => return Ok(None),
    }))
}

/// Whether this very transition is there as number `seq`.
pub(super) async fn is_stored(reader: &mut Reader<'_>, run: &RunId, seq: Seq, record: &Record) -> Result<bool> {
    let row = "SELECT e.seq, e.format, e.at, e.event, e.closes, e.opens, r.seq, r.state, r.ended \
               FROM all_entries e JOIN all_runs r ON e.run = r.id WHERE r.id = ?1 AND e.run = ?1 AND e.seq = ?2";
    let row = query_as::<_, StoredRow>(row).bind(run.as_str()).bind(stored(seq.0)).fetch_optional(reader.sqlite()).await;
    Ok(row.map_err(|e| reader.call.failed(e))?.is_some_and(|row| record.is_stored_as(&row)))
}
