//! The statements of the journal.

use pathops_core::adapter::{Created, Entry, Lease, Run, RunFilter, Seq, Signal, SignalNumber};
use pathops_core::{ErrorKind, IdempotencyKey, Result, RunId, UnixMillis};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{query, query_as, query_scalar};

use super::super::error::unsettled;
use crate::call::Call;
use crate::journal_rows::{
    self, EntryRow, Record, Refusal, SignalRow, StoredRow, limited, number, run_ids, stored, text, told_again,
};

/// Gives leases back, and tells those who wait for runs.
macro_rules! give_back {
    ($which:literal) => {
        concat!(
            "WITH given AS (UPDATE pathops_leases SET owner = NULL, expires_at = -9223372036854775808 WHERE ",
            $which,
            " RETURNING machine) SELECT pg_notify('pathops_journal', '') WHERE EXISTS (SELECT FROM given WHERE machine IS NOT NULL)"
        )
    };
}

pub(super) async fn acquire(
    call: &Call,
    connection: &mut PgConnection,
    name: &str,
    owner: &str,
    now: UnixMillis,
    expires_at: UnixMillis,
) -> Result<Option<Lease>> {
    let take = "INSERT INTO pathops_leases AS lease (name, owner, fence, expires_at) VALUES ($1, $2, 1, $3) \
                ON CONFLICT (name) DO UPDATE SET owner = $2, fence = lease.fence + 1, expires_at = $3 \
                WHERE lease.owner IS NULL OR lease.owner = $2 OR lease.expires_at <= $4 RETURNING fence";
    let taken = query_scalar::<_, i64>(take).bind(name).bind(owner).bind(expires_at.0).bind(now.0);
    let taken = taken.fetch_optional(connection).await.map_err(|e| unsettled(call, e))?;
    taken.map(|fence| journal_rows::lease(call, name, owner, fence, expires_at)).transpose()
}

pub(super) async fn release(call: &Call, connection: &mut PgConnection, lease: &Lease) -> Result<()> {
    let give = query(give_back!("name = $1 AND owner = $2 AND fence = $3"));
    let given = give.bind(&lease.name).bind(&lease.owner).bind(stored(lease.fence)).execute(connection).await;
    given.map(drop).map_err(|e| unsettled(call, e))
}

pub(super) async fn surrender(call: &Call, connection: &mut PgConnection, machine: &str, owner: &str) -> Result<()> {
    let given = query(give_back!("machine = $1 AND owner = $2")).bind(machine).bind(owner).execute(connection).await;
    given.map(drop).map_err(|e| unsettled(call, e))
}

/// What others are claiming at this moment is passed over.
pub(super) async fn claim(
    call: &Call,
    connection: &mut PgConnection,
    machine: &str,
    owner: &str,
    now: UnixMillis,
    expires_at: UnixMillis,
    limit: usize,
) -> Result<Vec<Lease>> {
    let claim = "WITH free AS (SELECT name FROM pathops_leases WHERE machine = $1 AND expires_at <= $2 \
                 ORDER BY expires_at LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED) \
                 UPDATE pathops_leases AS lease SET owner = $4, fence = lease.fence + 1, expires_at = $5 \
                 FROM free WHERE lease.name = free.name RETURNING lease.name, lease.fence";
    let claim = query_as::<_, (String, i64)>(claim).bind(machine).bind(now.0).bind(limited(limit)).bind(owner);
    let claimed = claim.bind(expires_at.0).fetch_all(connection).await.map_err(|e| unsettled(call, e))?;
    claimed.into_iter().map(|(name, fence)| journal_rows::lease(call, name, owner, fence, expires_at)).collect()
}

/// Makes a run, in a transaction that the caller ends.
pub(super) async fn create(
    call: &Call,
    transaction: &mut PgConnection,
    lease: &Lease,
    run: &RunId,
    machine: &str,
    first: &Record,
) -> Result<Created> {
    let refused = |why: Refusal| Err(why.error(call, lease, Seq(0)));
    if let Some(signal) = first.hears {
        return refused(Refusal::Unheard(signal));
    }
    let made = "INSERT INTO pathops_runs VALUES ($1, $2, 0, 0, '', false) ON CONFLICT DO NOTHING";
    let made = query(made).bind(run.as_str()).bind(machine).execute(&mut *transaction).await;
    // Asked afterwards, so that one which is just being archived is found in either place.
    if made.map_err(|e| call.failed(e))?.rows_affected() == 1 && last_of_archived(call, transaction, run).await?.is_none() {
        return match add(transaction, lease, run, Seq(0), first).await.map_err(|e| call.failed(e))? {
            None => Ok(Created::New),
            Some(why) => refused(why),
        };
    }
    let held = "SELECT EXISTS (SELECT FROM pathops_leases WHERE name = $1 AND owner = $2 AND fence = $3)";
    let held = query_scalar::<_, bool>(held).bind(&lease.name).bind(&lease.owner).bind(stored(lease.fence));
    if !held.fetch_one(&mut *transaction).await.map_err(|e| call.failed(e))? {
        return refused(Refusal::Fence);
    }
    // Beside one in the archive, there is what was just made of its name, which nobody keeps.
    let there = "SELECT machine, event FROM pathops_all_runs JOIN pathops_all_entries AS entry ON run = id \
                 WHERE id = $1 AND entry.seq = 1 ORDER BY ended DESC LIMIT 1";
    let there = query_as::<_, (String, String)>(there).bind(run.as_str()).fetch_one(transaction).await;
    if first.is_beginning_of(machine, &there.map_err(|e| call.failed(e))?) {
        Ok(Created::Existing)
    } else {
        refused(Refusal::Exists)
    }
}

pub(super) async fn append(
    call: &Call,
    connection: &mut PgConnection,
    lease: &Lease,
    run: &RunId,
    expected: Seq,
    record: &Record,
) -> Result<Seq> {
    let next = Seq(expected.0.saturating_add(1));
    match add(connection, lease, run, expected, record).await.map_err(|e| unsettled(call, e))? {
        None => Ok(next),
        Some(Refusal::Moved(_)) if is_stored(call, connection, run, next, record).await? => Ok(next),
        Some(Refusal::Unknown) => match last_of_archived(call, connection, run).await? {
            Some(_) if is_stored(call, connection, run, next, record).await? => Ok(next),
            Some(last) if last != stored(expected.0) => Err(Refusal::Moved(last).error(call, lease, expected)),
            Some(_) => Err(Refusal::Ended.error(call, lease, expected)),
            None => Err(Refusal::Unknown.error(call, lease, expected)),
        },
        Some(why) => Err(why.error(call, lease, expected)),
    }
}

/// The number of the last transition of a run that is in the archive.
async fn last_of_archived(call: &Call, connection: &mut PgConnection, run: &RunId) -> Result<Option<i64>> {
    let last = query_scalar::<_, i64>("SELECT seq FROM pathops_archived_runs WHERE id = $1").bind(run.as_str());
    last.fetch_optional(connection).await.map_err(|e| call.failed(e))
}

pub(super) async fn archive(
    call: &Call,
    connection: &mut PgConnection,
    ended_before: UnixMillis,
    limit: usize,
) -> Result<Vec<RunId>> {
    let moved = query_scalar::<_, Vec<String>>("SELECT pathops_archive($1, $2)").bind(ended_before.0).bind(limited(limit));
    run_ids(call, moved.fetch_one(connection).await.map_err(|e| unsettled(call, e))?)
}

/// Adds a transition, or says why it is not added; then nothing has changed.
async fn add(
    connection: &mut PgConnection,
    lease: &Lease,
    run: &RunId,
    expected: Seq,
    record: &Record,
) -> Result<Option<Refusal>, sqlx::Error> {
    let add = "SELECT refusal, number FROM pathops_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    let add = query_as::<_, (Option<String>, Option<i64>)>(add);
    let add = add.bind(&lease.name).bind(&lease.owner).bind(stored(lease.fence)).bind(run.as_str()).bind(stored(expected.0));
    let add = add.bind(record.format).bind(record.at).bind(&record.event).bind(&record.state).bind(record.ends);
    let add = add.bind(record.closes).bind(&record.opens).bind(&record.ops).bind(&record.commands).bind(record.hears);
    let (refusal, number) = add.fetch_one(connection).await?;
    let number = number.unwrap_or_default();
    Ok(match refusal.as_deref() {
        None => None,
        Some("fence") => Some(Refusal::Fence),
        Some("unknown") => Some(Refusal::Unknown),
        Some("moved") => Some(Refusal::Moved(number)),
        Some("ended") => Some(Refusal::Ended),
        Some("not-open") => Some(Refusal::NotOpen(number)),
        Some("used") => Some(Refusal::Used(number)),
        Some("unheard") => Some(Refusal::Unheard(number)),
        Some(other) => return Err(sqlx::Error::Decode(format!("`{other}` is no refusal of `pathops_append`").into())),
    })
}

pub(super) async fn tell(
    call: &Call,
    connection: &mut PgConnection,
    key: &IdempotencyKey,
    run: &RunId,
    at: UnixMillis,
    told: &Value,
) -> Result<SignalNumber> {
    let tell = query_as::<_, (Option<String>, Option<i64>, Option<String>)>("SELECT * FROM pathops_tell($1, $2, $3, $4)");
    let tell = tell.bind(run.as_str()).bind(key.as_str()).bind(at.0).bind(text(call, told)?);
    let (refusal, place, known) = tell.fetch_one(connection).await.map_err(|e| unsettled(call, e))?;
    if refusal.is_some() {
        return Err(call.refused(ErrorKind::Invalid, "the run has ended"));
    }
    let place = place.unwrap_or_default();
    match known {
        Some(known) => told_again(call, told, &(place, known)),
        None => number(call, "the number of a signal", place).map(SignalNumber),
    }
}

pub(super) async fn told(
    call: &Call,
    connection: &mut PgConnection,
    run: &RunId,
    after: SignalNumber,
    limit: usize,
) -> Result<Vec<Signal>> {
    let rows = "SELECT number, at, told FROM pathops_all_signals WHERE run = $1 AND number > $2 ORDER BY number LIMIT $3";
    let rows = query_as::<_, SignalRow>(rows).bind(run.as_str()).bind(stored(after.0)).bind(limited(limit));
    let rows = rows.fetch_all(connection).await.map_err(|e| call.failed(e))?;
    rows.into_iter().map(|row| journal_rows::signal(call, row)).collect()
}

/// Whether this very transition is there as number `seq`.
async fn is_stored(call: &Call, connection: &mut PgConnection, run: &RunId, seq: Seq, record: &Record) -> Result<bool> {
    let row = "SELECT e.seq, e.format, e.at, e.event, e.closes, e.opens, r.seq, r.state, r.ended \
               FROM pathops_all_entries e JOIN pathops_all_runs r ON e.run = r.id WHERE r.id = $1 AND e.seq = $2";
    let row = query_as::<_, StoredRow>(row).bind(run.as_str()).bind(stored(seq.0)).fetch_optional(connection).await;
    Ok(row.map_err(|e| call.failed(e))?.is_some_and(|row| record.is_stored_as(&row)))
}

/// In one statement, so that state and open operations are of one moment.
pub(super) async fn load(call: &Call, connection: &mut PgConnection, run: &RunId) -> Result<Option<Run>> {
    type Row = (String, i64, i64, String, bool, i64, Vec<i64>, Vec<String>);
    let row = "SELECT machine, seq, format, state, ended, heard, \
               ARRAY(SELECT op FROM pathops_all_ops WHERE run = id AND command IS NOT NULL ORDER BY op), \
               ARRAY(SELECT command FROM pathops_all_ops WHERE run = id AND command IS NOT NULL ORDER BY op) \
               FROM pathops_all_runs WHERE id = $1";
    let row = query_as::<_, Row>(row).bind(run.as_str()).fetch_optional(connection).await.map_err(|e| call.failed(e))?;
    let Some((machine, seq, format, state, ended, heard, ops, commands)) = row else { return Ok(None) };
    journal_rows::run(call, run, (machine, seq, format, state, ended, heard), ops.into_iter().zip(commands)).map(Some)
}

pub(super) async fn runs(
    call: &Call,
    connection: &mut PgConnection,
    filter: &RunFilter,
    after: Option<&RunId>,
    limit: usize,
) -> Result<Vec<RunId>> {
    // Those that are open have an index of their own, which is used where the text says so.
    let text = match filter.ended {
        Some(false) if filter.archived => return Ok(Vec::new()),
        _ if filter.archived => {
            "SELECT id FROM pathops_archived_runs WHERE id > $1 AND coalesce(machine = $2, true) ORDER BY id LIMIT $3"
        }
        None => "SELECT id FROM pathops_runs WHERE id > $1 AND coalesce(machine = $2, true) ORDER BY id LIMIT $3",
        Some(false) => {
            "SELECT id FROM pathops_runs WHERE NOT ended AND id > $1 AND coalesce(machine = $2, true) ORDER BY id LIMIT $3"
        }
        Some(true) => "SELECT id FROM pathops_runs WHERE ended AND id > $1 AND coalesce(machine = $2, true) ORDER BY id LIMIT $3",
    };
    let rows = query_scalar::<_, String>(text).bind(after.map_or("", RunId::as_str)).bind(filter.machine.as_deref());
    let rows = rows.bind(limited(limit)).fetch_all(connection).await;
    run_ids(call, rows.map_err(|e| call.failed(e))?)
}

pub(super) async fn entries(
    call: &Call,
    connection: &mut PgConnection,
    run: &RunId,
    after: Seq,
    limit: usize,
) -> Result<Vec<Entry>> {
    let rows =
        "SELECT seq, format, at, event, closes, opens FROM pathops_all_entries WHERE run = $1 AND seq > $2 ORDER BY seq LIMIT $3";
    let rows = query_as::<_, EntryRow>(rows).bind(run.as_str()).bind(stored(after.0)).bind(limited(limit));
    let rows = rows.fetch_all(&mut *connection).await.map_err(|e| call.failed(e))?;
    if rows.is_empty() {
        let known = query_scalar::<_, bool>("SELECT EXISTS (SELECT FROM pathops_all_runs WHERE id = $1)").bind(run.as_str());
        if !known.fetch_one(connection).await.map_err(|e| call.failed(e))? {
            return Err(call.refused(ErrorKind::NotFound, "there is no such run"));
        }
    }
    rows.into_iter().map(|row| journal_rows::entry(call, row)).collect()
}
