//! Making runs and adding to them, inside a transaction that the caller ends.

use pathops_core::adapter::{Created, Lease, Seq, SignalNumber, Transition};
use pathops_core::{ErrorKind, IdempotencyKey, Result, RunId, UnixMillis};
use serde_json::Value;
use sqlx::error::DatabaseError;
use sqlx::{query, query_as, query_scalar};

use super::database::Transaction;
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
    if let Err(error) = add(transaction, lease, run, Seq(0), &record).await {
        return Err(why_not(transaction, run, Seq(0), &record, error).await?.error(&transaction.call, lease, Seq(0)));
    }
    if !record.ends {
        lease::offer(transaction, run, Some(machine)).await?;
    }
    Ok(Created::New)
}

/// One statement, so in a transaction with others it needs no savepoint.
pub(super) async fn append(
    transaction: &mut Transaction<'_>,
    lease: &Lease,
    run: &RunId,
    expected: Seq,
    transition: &Transition,
) -> Result<Seq> {
    let record = Record::new(&transaction.call, transition)?;
    let next = Seq(expected.0.saturating_add(1));
    let Err(error) = add(transaction, lease, run, expected, &record).await else { return Ok(next) };
    match why_not(transaction, run, expected, &record, error).await? {
        Refusal::Moved(_) if is_stored(transaction, run, next, &record).await? => Ok(next),
        why => Err(why.error(&transaction.call, lease, expected)),
    }
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

/// Adds a transition, or does nothing.
async fn add(
    transaction: &mut Transaction<'_>,
    lease: &Lease,
    run: &RunId,
    expected: Seq,
    record: &Record,
) -> Result<(), sqlx::Error> {
    let add = "INSERT INTO transitions (lease, owner, fence, run, expected, format, at, event, state, closes, hears, opens, ends) \
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let add = query(add).bind(&lease.name).bind(&lease.owner).bind(stored(lease.fence)).bind(run.as_str());
    let add = add.bind(stored(expected.0)).bind(record.format).bind(record.at).bind(&record.event).bind(&record.state);
    let add = add.bind(record.closes).bind(record.hears).bind(&record.opens).bind(record.ends);
    add.execute(transaction.sqlite()).await.map(drop)
}

/// Why a transition was not added, by the word of the statement; or what else has failed.
async fn why_not(
    transaction: &mut Transaction<'_>,
    run: &RunId,
    expected: Seq,
    record: &Record,
    error: sqlx::Error,
) -> Result<Refusal> {
    match (error.as_database_error().map(DatabaseError::message), record.hears, record.closes) {
        (Some("fence"), ..) => Ok(Refusal::Fence),
        (Some("place"), ..) => {
            let last = query_as::<_, (i64, bool)>("SELECT seq, ended FROM all_runs WHERE id = ?").bind(run.as_str());
            let last = last.fetch_optional(transaction.sqlite()).await.map_err(|e| transaction.failed(e))?;
            Ok(match last {
                None => Refusal::Unknown,
                Some((last, _)) if last != stored(expected.0) => Refusal::Moved(last),
                Some(_) => Refusal::Ended,
            })
        }
        (Some("unheard"), Some(signal), _) => Ok(Refusal::Unheard(signal)),
        (Some("closed"), _, Some(op)) => Ok(Refusal::NotOpen(op)),
        (Some("used"), ..) => {
            let used = "SELECT min(op) FROM ops JOIN json_each(?) ON op = value ->> 'op' WHERE run = ?";
            let used = query_scalar::<_, i64>(used).bind(&record.opens).bind(run.as_str());
            used.fetch_one(transaction.sqlite()).await.map(Refusal::Used).map_err(|e| transaction.failed(e))
        }
        _ => Err(transaction.failed(error)),
    }
}

/// Whether this very transition is there as number `seq`.
async fn is_stored(transaction: &mut Transaction<'_>, run: &RunId, seq: Seq, record: &Record) -> Result<bool> {
    let row = "SELECT e.seq, e.format, e.at, e.event, e.closes, e.opens, r.seq, r.state, r.ended \
               FROM all_entries e JOIN all_runs r ON e.run = r.id WHERE r.id = ?1 AND e.run = ?1 AND e.seq = ?2";
    let row = query_as::<_, StoredRow>(row).bind(run.as_str()).bind(stored(seq.0)).fetch_optional(transaction.sqlite()).await;
    Ok(row.map_err(|e| transaction.failed(e))?.is_some_and(|row| record.is_stored_as(&row)))
}
