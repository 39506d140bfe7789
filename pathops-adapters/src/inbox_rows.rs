//! The inbox in a database: what its rows hold, and how they are looked for, whichever database it is.

use pathops_core::adapter::{
    Claim, Delivery, DeliveryNumber, DeliveryState, InboxQuery, NewDelivery, Settlement, StoredDelivery,
};
use pathops_core::{Digest, Error, ErrorKind, IdError, Result, UnixMillis};
use sqlx::{Database, Encode, QueryBuilder, Type};

use crate::call::Call;
use crate::journal_rows::{limited, number, stored};

/// The format of hints.
pub(crate) const FORMAT: i64 = 1;

const WAITING: i64 = 0;
const HANDLED: i64 = 1;
const DEAD: i64 = 2;

/// `number`, `source`, `key`, `lane`, `received_at`, `body`, `format`, `hints`, `state`, `attempts`, `reason` of a delivery.
pub(crate) type DeliveryRow = (i64, String, String, String, i64, String, i64, String, i64, i64, Option<String>);

pub(crate) fn hints(call: &Call, new: &NewDelivery) -> Result<String> {
    let no_json = |e| call.refused(ErrorKind::Invalid, "its hints are no JSON").with_source(e);
    serde_json::to_string(&new.delivery.hints).map_err(no_json)
}

pub(crate) fn delivery(call: &Call, row: DeliveryRow) -> Result<StoredDelivery> {
    let (seq, source, key, lane, received_at, body, format, hints, state, attempts, reason) = row;
    if format != FORMAT {
        let refused = call.refused(ErrorKind::Unsupported, format!("delivery {seq} has hints of format {format}"));
        return Err(refused.advise("use PathOps as new as its writer, or newer"));
    }
    let bad = |e: IdError| call.corrupt("a name of a delivery", e);
    let hints = serde_json::from_str(&hints).map_err(|e| call.corrupt("the hints of a delivery", e))?;
    let (source, key, lane) = (source.parse().map_err(bad)?, key.parse().map_err(bad)?, lane.parse().map_err(bad)?);
    Ok(StoredDelivery {
        number: DeliveryNumber(number(call, "the number of a delivery", seq)?),
        delivery: Delivery { source, key, lane, hints },
        body: body.parse::<Digest>().map_err(|e| call.corrupt("the digest of a body", e))?,
        received_at: UnixMillis(received_at),
        attempts: number(call, "a number of attempts", attempts)?,
        state: match state {
            WAITING => DeliveryState::Waiting,
            HANDLED => DeliveryState::Handled,
            _ => DeliveryState::Dead(reason.unwrap_or_default()),
        },
    })
}

pub(crate) fn claim(call: &Call, row: DeliveryRow, fence: i64, expires_at: UnixMillis) -> Result<Claim> {
    Ok(Claim { delivery: delivery(call, row)?, fence: number(call, "a fence", fence)?, expires_at })
}

/// What a settlement makes of a delivery: state, attempts and reason; and when its lane is due, where not by what comes next.
pub(crate) fn settled<'s>(claim: &Claim, settlement: &'s Settlement) -> (i64, i64, Option<&'s str>, Option<i64>) {
    let attempts = i64::from(claim.delivery.attempts);
    match settlement {
        Settlement::Handled => (HANDLED, attempts, None, None),
        Settlement::Later(at) => (WAITING, attempts.saturating_add(1), None, Some(at.0)),
        Settlement::Dead(reason) => (DEAD, attempts, Some(reason), None),
    }
}

pub(crate) fn lost(call: &Call) -> Error {
    call.refused(ErrorKind::Conflict, "its lane was claimed again").advise("leave it to who has claimed it since")
}

pub(crate) fn numbers(numbers: &[DeliveryNumber]) -> Vec<i64> {
    numbers.iter().map(|number| stored(number.0)).collect()
}

/// The statement that finds deliveries.
pub(crate) fn select<'q, DB>(table: &'static str, query: &'q InboxQuery, limit: usize) -> QueryBuilder<DB>
where
    DB: Database,
    &'q str: Encode<'q, DB> + Type<DB>,
    i64: Encode<'q, DB> + Type<DB>,
{
    let columns = "number, source, key, lane, received_at, body, format, hints, state, attempts, reason";
    let mut sql = QueryBuilder::new("SELECT ");
    sql.push(columns).push(" FROM ").push(table).push(" WHERE number > ");
    sql.push_bind(query.after.map_or(0, |after| stored(after.0)));
    for (column, wanted) in
        [("source", query.source.as_ref().map(|it| it.as_str())), ("key", query.key.as_ref().map(|it| it.as_str()))]
    {
        if let Some(wanted) = wanted {
            sql.push(" AND ").push(column).push(" = ").push_bind(wanted);
        }
    }
    for (condition, at) in [(" AND received_at >= ", query.from), (" AND received_at < ", query.to)] {
        if let Some(at) = at {
            sql.push(condition).push_bind(at.0);
        }
    }
    if query.dead {
        sql.push(" AND state = 2");
    }
    sql.push(" ORDER BY number LIMIT ").push_bind(limited(limit));
    sql
}
