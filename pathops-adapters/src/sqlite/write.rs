//! Making runs and adding to them, inside a transaction that the caller ends.

use pathops_core::adapter::{Created, Lease, Seq, SignalNumber, Transition};
use pathops_core::{ErrorKind, IdempotencyKey, Result, RunId, UnixMillis};
use serde_json::Value;
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
    let there = "SELECT machine, event FROM runs JOIN entries ON run = id WHERE id = ? AND entries.seq = 1";
    let there = query_as::<_, (String, String)>(there).bind(run.as_str()).fetch_optional(transaction.sqlite()).await;
    if let Some(there) = there.map_err(|e| transaction.call.failed(e))? {
        let same = record.is_beginning_of(machine, &there);
        return if same { Ok(Created::Existing) } else { Err(refused(transaction, &Refusal::Exists)) };
    }
    let made = query("INSERT INTO runs (id, machine, seq, format, state, ended) VALUES (?, ?, 0, ?, ?, 0)");
    let made = made.bind(run.as_str()).bind(machine).bind(record.format).bind(&record.state);
    made.execute(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))?;
    if let Some(why) = add(transaction, run, Seq(1), &record).await? {
        return Err(refused(transaction, &why));
    }
    if !record.ends {
        lease::offer(transaction, run, Some(machine)).await?;
    }
    Ok(Created::New)
}

pub(super) async fn append(
    transaction: &mut Transaction<'_>,
    lease: &Lease,
    run: &RunId,
    expected: Seq,
    transition: &Transition,
) -> Result<Seq> {
    let record = Record::new(&transaction.call, transition)?;
    let next = Seq(expected.0.saturating_add(1));
    match why_not(transaction, lease, run, expected).await? {
        None => {}
        Some(Refusal::Moved(_)) if is_stored(transaction, run, next, &record).await? => return Ok(next),
        Some(why) => return Err(why.error(&transaction.call, lease, expected)),
    }
    if let Some(why) = add(transaction, run, next, &record).await? {
        return Err(why.error(&transaction.call, lease, expected));
    }
    if record.ends {
        lease::offer(transaction, run, None).await?;
    }
    Ok(next)
}

pub(super) async fn tell(
    transaction: &mut Transaction<'_>,
    key: &IdempotencyKey,
    run: &RunId,
    at: UnixMillis,
    told: &Value,
) -> Result<SignalNumber> {
    let known = query_as::<_, (i64, String)>("SELECT number, told FROM signals WHERE run = ? AND key = ?");
    let known = known.bind(run.as_str()).bind(key.as_str()).fetch_optional(transaction.sqlite()).await;
    if let Some(known) = known.map_err(|e| transaction.call.failed(e))? {
        return told_again(&transaction.call, told, &known);
    }
    let ended = query_scalar::<_, bool>("SELECT EXISTS (SELECT 1 FROM runs WHERE id = ? AND ended)").bind(run.as_str());
    if ended.fetch_one(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))? {
        return Err(transaction.call.refused(ErrorKind::Invalid, "the run has ended"));
    }
    let tell = "INSERT INTO signals (run, number, key, at, told) \
                SELECT ?1, 1 + coalesce(max(number), 0), ?2, ?3, ?4 FROM signals WHERE run = ?1 RETURNING number";
    let tell = query_scalar::<_, i64>(tell).bind(run.as_str()).bind(key.as_str()).bind(at.0).bind(text(&transaction.call, told)?);
    let told = tell.fetch_one(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))?;
    number(&transaction.call, "the number of a signal", told).map(SignalNumber)
}

/// Why no transition can follow `expected`.
async fn why_not(transaction: &mut Transaction<'_>, lease: &Lease, run: &RunId, expected: Seq) -> Result<Option<Refusal>> {
    if !lease::is_held(transaction, lease).await? {
        return Ok(Some(Refusal::Fence));
    }
    let last = query_as::<_, (i64, bool)>("SELECT seq, ended FROM runs WHERE id = ?").bind(run.as_str());
    let last = last.fetch_optional(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))?;
    Ok(match last {
        None => Some(Refusal::Unknown),
        Some((last, _)) if last != stored(expected.0) => Some(Refusal::Moved(last)),
        Some((_, true)) => Some(Refusal::Ended),
        Some((_, false)) => None,
    })
}

/// Whether this very transition is there as number `seq`.
async fn is_stored(transaction: &mut Transaction<'_>, run: &RunId, seq: Seq, record: &Record) -> Result<bool> {
    let row = "SELECT e.seq, e.format, e.at, e.event, e.closes, e.opens, r.seq, r.state, r.ended \
               FROM entries e JOIN runs r ON e.run = r.id WHERE r.id = ? AND e.seq = ?";
    let row = query_as::<_, StoredRow>(row).bind(run.as_str()).bind(stored(seq.0)).fetch_optional(transaction.sqlite()).await;
    Ok(row.map_err(|e| transaction.call.failed(e))?.is_some_and(|row| record.is_stored_as(&row)))
}

/// Adds a transition; or says why it cannot be added, and has then done a part of it, which is to be rolled back.
async fn add(transaction: &mut Transaction<'_>, run: &RunId, seq: Seq, record: &Record) -> Result<Option<Refusal>> {
    let entry = query("INSERT INTO entries (run, seq, format, at, event, closes, opens) VALUES (?, ?, ?, ?, ?, ?, ?)");
    let entry = entry.bind(run.as_str()).bind(stored(seq.0)).bind(record.format).bind(record.at);
    let entry = entry.bind(&record.event).bind(record.closes).bind(&record.opens);
    entry.execute(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))?;
    if let Some(signal) = record.hears {
        let heard = "UPDATE runs SET heard = ?1 WHERE id = ?2 AND heard = ?1 - 1 \
                     AND EXISTS (SELECT 1 FROM signals WHERE run = ?2 AND number = ?1)";
        let heard = query(heard).bind(signal).bind(run.as_str()).execute(transaction.sqlite()).await;
        if heard.map_err(|e| transaction.call.failed(e))?.rows_affected() == 0 {
            return Ok(Some(Refusal::Unheard(signal)));
        }
    }
    let state = query("UPDATE runs SET seq = ?, format = ?, state = ?, ended = ? WHERE id = ?");
    let state = state.bind(stored(seq.0)).bind(record.format).bind(&record.state).bind(record.ends).bind(run.as_str());
    state.execute(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))?;
    if let Some(op) = record.closes {
        let closed = query("UPDATE ops SET command = NULL WHERE run = ? AND op = ? AND command IS NOT NULL");
        let closed = closed.bind(run.as_str()).bind(op).execute(transaction.sqlite()).await;
        if closed.map_err(|e| transaction.call.failed(e))?.rows_affected() == 0 {
            return Ok(Some(Refusal::NotOpen(op)));
        }
    }
    for (op, command) in record.ops.iter().zip(&record.commands) {
        let opened = query("INSERT INTO ops (run, op, command) VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
        let opened = opened.bind(run.as_str()).bind(op).bind(command).execute(transaction.sqlite()).await;
        if opened.map_err(|e| transaction.call.failed(e))?.rows_affected() == 0 {
            return Ok(Some(Refusal::Used(*op)));
        }
    }
    Ok(None)
}
