//! Making runs and adding to them, inside a transaction that the caller ends.

use pathops_core::adapter::{Created, Lease, OpId, Seq, Transition};
use pathops_core::{ErrorKind, Result, RunId};
use serde::Serialize;
use sqlx::{query, query_as, query_scalar};

use super::database::Transaction;
use super::error::Call;
use super::lease::{self, stored};
use super::read::number;

/// A transition as it is stored.
struct Record<'a> {
    transition: &'a Transition,
    event: String,
    state: String,
    closes: Option<i64>,
    opens: String,
}

impl<'a> Record<'a> {
    fn new(call: &Call, transition: &'a Transition) -> Result<Self> {
        let closes = transition.closes.map(|op| op_number(call, op)).transpose()?;
        let (event, state) = (json(call, &transition.event)?, json(call, &transition.state)?);
        Ok(Self { transition, event, state, closes, opens: json(call, &transition.opens)? })
    }
}

pub(super) async fn create(
    transaction: &mut Transaction<'_>,
    lease: &Lease,
    run: &RunId,
    machine: &str,
    first: &Transition,
) -> Result<Created> {
    lease::check(transaction, lease).await?;
    let record = Record::new(&transaction.call, first)?;
    let there = "SELECT machine = ?2 AND event = ?3 FROM runs JOIN entries ON run = id WHERE id = ?1 AND entries.seq = 1";
    let there = query_scalar::<_, bool>(there).bind(run.as_str()).bind(machine).bind(&record.event);
    match there.fetch_optional(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))? {
        Some(true) => return Ok(Created::Existing),
        Some(false) => {
            let reason = "the run exists with another machine or first event";
            return Err(transaction.call.refused(ErrorKind::AlreadyExists, reason));
        }
        None => {}
    }
    let made = query("INSERT INTO runs (id, machine, seq, format, state, ended) VALUES (?, ?, 0, ?, ?, 0)");
    let made = made.bind(run.as_str()).bind(machine).bind(first.format).bind(&record.state);
    made.execute(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))?;
    add(transaction, run, Seq(1), &record).await?;
    Ok(Created::New)
}

pub(super) async fn append(
    transaction: &mut Transaction<'_>,
    lease: &Lease,
    run: &RunId,
    expected: Seq,
    transition: &Transition,
) -> Result<Seq> {
    lease::check(transaction, lease).await?;
    let record = Record::new(&transaction.call, transition)?;
    let next = Seq(expected.0.saturating_add(1));
    let last = query_as::<_, (i64, bool)>("SELECT seq, ended FROM runs WHERE id = ?").bind(run.as_str());
    let last = last.fetch_optional(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))?;
    let Some((last, ended)) = last else {
        return Err(transaction.call.refused(ErrorKind::NotFound, "there is no such run"));
    };
    let last = Seq(number(&transaction.call, "the sequence number", last)?);
    if is_stored(transaction, run, next, &record).await? {
        return Ok(next);
    }
    if last != expected {
        let reason = format!("its last transition is {}, not {}", last.0, expected.0);
        return Err(transaction.call.refused(ErrorKind::Conflict, &reason).advise("load the run and decide again"));
    }
    if ended {
        return Err(transaction.call.refused(ErrorKind::Invalid, "the run has ended"));
    }
    add(transaction, run, next, &record).await?;
    Ok(next)
}

/// Whether this very transition is there as number `seq`. Only the last one's state and ending are kept to compare.
async fn is_stored(transaction: &mut Transaction<'_>, run: &RunId, seq: Seq, record: &Record<'_>) -> Result<bool> {
    let same = "SELECT EXISTS (SELECT 1 FROM entries e JOIN runs r ON e.run = r.id WHERE r.id = ?1 AND e.seq = ?2 \
                AND e.format = ?3 AND e.at = ?4 AND e.event = ?5 AND e.closes IS ?6 AND e.opens = ?7 \
                AND ((r.seq > e.seq AND NOT ?8) OR (r.seq = e.seq AND r.ended = ?8 AND r.state = ?9)))";
    let Transition { format, at, ends, .. } = record.transition;
    let same = query_scalar::<_, bool>(same).bind(run.as_str()).bind(stored(seq.0)).bind(format).bind(at.0);
    let same = same.bind(&record.event).bind(record.closes).bind(&record.opens).bind(ends).bind(&record.state);
    same.fetch_one(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))
}

async fn add(transaction: &mut Transaction<'_>, run: &RunId, seq: Seq, record: &Record<'_>) -> Result<()> {
    let Transition { format, at, ends, opens, .. } = record.transition;
    let entry = query("INSERT INTO entries (run, seq, format, at, event, closes, opens) VALUES (?, ?, ?, ?, ?, ?, ?)");
    let entry = entry.bind(run.as_str()).bind(stored(seq.0)).bind(format).bind(at.0);
    let entry = entry.bind(&record.event).bind(record.closes).bind(&record.opens);
    entry.execute(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))?;
    let state = query("UPDATE runs SET seq = ?, format = ?, state = ?, ended = ? WHERE id = ?");
    let state = state.bind(stored(seq.0)).bind(format).bind(&record.state).bind(ends).bind(run.as_str());
    state.execute(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))?;
    if let Some(op) = record.closes {
        close(transaction, run, op).await?;
    }
    for open in opens {
        let command = json(&transaction.call, &open.command)?;
        self::open(transaction, run, open.op, &command).await?;
    }
    Ok(())
}

async fn close(transaction: &mut Transaction<'_>, run: &RunId, op: i64) -> Result<()> {
    let closed = query("UPDATE ops SET command = NULL WHERE run = ? AND op = ? AND command IS NOT NULL");
    let closed = closed.bind(run.as_str()).bind(op).execute(transaction.sqlite()).await;
    match closed.map_err(|e| transaction.call.failed(e))?.rows_affected() {
        0 => Err(transaction.call.refused(ErrorKind::Invalid, &format!("it closes operation {op}, which is not open"))),
        _ => Ok(()),
    }
}

async fn open(transaction: &mut Transaction<'_>, run: &RunId, op: OpId, command: &str) -> Result<()> {
    let number = op_number(&transaction.call, op)?;
    let opened = query("INSERT INTO ops (run, op, command) VALUES (?, ?, ?) ON CONFLICT DO NOTHING");
    let opened = opened.bind(run.as_str()).bind(number).bind(command).execute(transaction.sqlite()).await;
    match opened.map_err(|e| transaction.call.failed(e))?.rows_affected() {
        0 => Err(transaction.call.refused(ErrorKind::Invalid, &format!("it opens operation {}, which was used before", op.0))),
        _ => Ok(()),
    }
}

/// SQLite's numbers have a sign, so the upper half of an operation's range cannot be kept.
fn op_number(call: &Call, op: OpId) -> Result<i64> {
    i64::try_from(op.0).map_err(|e| call.refused(ErrorKind::Invalid, "an operation's number is above 2^63 - 1").with_source(e))
}

fn json(call: &Call, value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| call.refused(ErrorKind::Invalid, "a value is no JSON").with_source(e))
}
