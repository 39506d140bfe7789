use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{
    Admitted, Claim, DeliveryNumber, Inbox, InboxCapabilities, InboxQuery, NewDelivery, Settlement, StoredDelivery,
};
use pathops_core::{ErrorKind, OpContext, Result, UnixMillis};
use sqlx::{Postgres, Transaction, query, query_as};

use super::database::{Database, Format, commit, in_time};
use super::error::classify;
use crate::call::{Call, Store};
use crate::inbox_rows::{self, DeliveryRow, FORMAT as HINTS, lost, select, settled};
use crate::journal_rows::{limited, stored};

const FORMAT: Format = Format {
    open: "open the inbox",
    store: Store { restore: "restore the inbox from a backup, and sweep for what has come since", classify },
    schema: &[include_str!("../../migrations/postgres/0001_inbox.sql")],
    table: "pathops_inbox",
    // "PaIn" in ASCII, twice.
    lock: 0x5061_496e_5061_496e,
};

/// An inbox in a database of PostgreSQL. Any number of processes on any machines may use it at once.
///
/// Whoever writes about lanes locks them first, in their order, and then writes of deliveries: none waits for another in a circle.
#[derive(Debug)]
pub struct PostgresInbox {
    database: Database,
}

type Writing = Transaction<'static, Postgres>;

impl PostgresInbox {
    /// Opens the inbox in the database that `url` names (`postgres://user:password@host/database`), and makes its tables where
    /// there are none.
    ///
    /// # Errors
    /// `Invalid` for no such URL; `NotFound` where there is no such database; `Denied`; `Unsupported` where a newer version of
    /// this adapter made the tables; `Unavailable`, `StorageFull`. No message holds the password.
    pub async fn open(url: &str) -> Result<Self> {
        Ok(Self { database: Database::open(url, &FORMAT).await? })
    }

    async fn add(&self, call: &Call, deliveries: &[NewDelivery]) -> Result<Vec<Admitted>> {
        let mut transaction = self.database.begin(call).await?;
        lock_lanes(call, &mut transaction, deliveries).await?;
        let mut new = insert(call, &mut transaction, deliveries).await?;
        wake(call, &mut transaction, deliveries, &new).await?;
        let bodies = bodies(call, &mut transaction, deliveries).await?;
        let admitted = deliveries.iter().map(|it| {
            let id = (it.delivery.source.to_string(), it.delivery.key.to_string());
            match (bodies.contains(&(id.0.clone(), id.1.clone(), it.body.to_string())), new.contains(&id)) {
                (false, _) => Admitted::Taken,
                (true, true) => {
                    new.remove(&id);
                    Admitted::New
                }
                (true, false) => Admitted::Known,
            }
        });
        let admitted = admitted.collect();
        commit(call, transaction).await?;
        Ok(admitted)
    }

    async fn take(&self, call: &Call, now: UnixMillis, expires_at: UnixMillis, limit: usize) -> Result<Vec<Claim>> {
        let claim = "WITH free AS (SELECT source, lane FROM pathops_lanes WHERE due <= $1 ORDER BY due LIMIT $2 \
                     FOR UPDATE SKIP LOCKED), held AS (UPDATE pathops_lanes AS lane SET fence = lane.fence + 1, due = $3 \
                     FROM free WHERE lane.source = free.source AND lane.lane = free.lane \
                     RETURNING lane.source, lane.lane, lane.fence) \
                     SELECT held.fence, first.* FROM held CROSS JOIN LATERAL (SELECT number, source, key, lane, received_at, \
                     body, format, hints, state, attempts, reason FROM pathops_deliveries AS it \
                     WHERE it.source = held.source AND it.lane = held.lane AND it.state = 0 ORDER BY number LIMIT 1) AS first";
        let mut transaction = self.database.begin(call).await?;
        let rows = query_as::<_, ClaimRow>(claim).bind(now.0).bind(limited(limit)).bind(expires_at.0);
        let rows = rows.fetch_all(&mut *transaction).await.map_err(|e| call.failed(e))?;
        let claims = rows.into_iter().map(|row| row.claim(call, expires_at)).collect::<Result<_>>()?;
        commit(call, transaction).await?;
        Ok(claims)
    }

    async fn end(&self, call: &Call, claim: &Claim, settlement: &Settlement) -> Result<()> {
        let (source, lane) = (claim.delivery.delivery.source.as_str(), claim.delivery.delivery.lane.as_str());
        let mut transaction = self.database.begin(call).await?;
        let held = "SELECT 1 FROM pathops_lanes WHERE source = $1 AND lane = $2 AND fence = $3 FOR UPDATE";
        let held = query(held).bind(source).bind(lane).bind(stored(claim.fence)).fetch_optional(&mut *transaction).await;
        if held.map_err(|e| call.failed(e))?.is_none() {
            return Err(lost(call));
        }
        let (state, attempts, reason, later) = settled(claim, settlement);
        let row = query("UPDATE pathops_deliveries SET state = $1, attempts = $2, reason = $3 WHERE number = $4");
        let row = row.bind(state).bind(attempts).bind(reason).bind(stored(claim.delivery.number.0));
        row.execute(&mut *transaction).await.map_err(|e| call.failed(e))?;
        let due = "UPDATE pathops_lanes SET due = coalesce($1, (SELECT received_at FROM pathops_deliveries \
                   WHERE source = $2 AND lane = $3 AND state = 0 ORDER BY number LIMIT 1)) WHERE source = $2 AND lane = $3";
        let due = query(due).bind(later).bind(source).bind(lane).execute(&mut *transaction).await;
        due.map_err(|e| call.failed(e))?;
        commit(call, transaction).await
    }

    async fn look(&self, call: &Call, query: &InboxQuery, limit: usize) -> Result<Vec<StoredDelivery>> {
        let mut select = select::<Postgres>("pathops_deliveries", query, limit);
        let rows = select.build_query_as::<DeliveryRow>().persistent(false).fetch_all(&self.database.pool).await;
        rows.map_err(|e| call.failed(e))?.into_iter().map(|row| inbox_rows::delivery(call, row)).collect()
    }

    async fn again(&self, call: &Call, numbers: &[i64]) -> Result<u64> {
        let mut transaction = self.database.begin(call).await?;
        let lanes = "SELECT 1 FROM pathops_lanes WHERE (source, lane) IN \
                     (SELECT source, lane FROM pathops_deliveries WHERE number = ANY ($1)) ORDER BY source, lane FOR UPDATE";
        query(lanes).bind(numbers).execute(&mut *transaction).await.map_err(|e| call.failed(e))?;
        let again = "WITH again AS (UPDATE pathops_deliveries SET state = 0, attempts = 0, reason = NULL \
                     WHERE number = ANY ($1) AND state <> 0 RETURNING source, lane, received_at), \
                     first AS (SELECT source, lane, min(received_at) AS at FROM again GROUP BY source, lane), \
                     woken AS (UPDATE pathops_lanes AS it SET due = coalesce(it.due, first.at) FROM first \
                     WHERE it.source = first.source AND it.lane = first.lane) SELECT count(*) FROM again";
        let replayed = sqlx::query_scalar::<_, i64>(again).bind(numbers).fetch_one(&mut *transaction).await;
        let replayed = replayed.map_err(|e| call.failed(e))?;
        commit(call, transaction).await?;
        u64::try_from(replayed).map_err(|e| call.refused(ErrorKind::Unexpected, "a count is negative").with_source(e))
    }
}

#[derive(Debug)]
struct ClaimRow {
    fence: i64,
    row: DeliveryRow,
}

impl<'r> sqlx::FromRow<'r, sqlx::postgres::PgRow> for ClaimRow {
    fn from_row(row: &'r sqlx::postgres::PgRow) -> Result<Self, sqlx::Error> {
        use sqlx::Row as _;
        let text = |name: &str| row.try_get::<String, _>(name);
        let number = |name: &str| row.try_get::<i64, _>(name);
        Ok(Self {
            fence: number("fence")?,
            row: (
                number("number")?,
                text("source")?,
                text("key")?,
                text("lane")?,
                number("received_at")?,
                text("body")?,
                number("format")?,
                text("hints")?,
                number("state")?,
                number("attempts")?,
                row.try_get("reason")?,
            ),
        })
    }
}

impl ClaimRow {
    fn claim(self, call: &Call, expires_at: UnixMillis) -> Result<Claim> {
        inbox_rows::claim(call, self.row, self.fence, expires_at)
    }
}

/// Sources and keys.
type Ids = BTreeSet<(String, String)>;

fn texts<'d>(deliveries: &'d [NewDelivery], of: impl Fn(&'d NewDelivery) -> &'d str) -> Vec<&'d str> {
    deliveries.iter().map(of).collect()
}

/// Makes the lanes that there are not, and locks all of them.
async fn lock_lanes(call: &Call, transaction: &mut Writing, deliveries: &[NewDelivery]) -> Result<()> {
    let lock = "INSERT INTO pathops_lanes AS lane (source, lane, fence) \
                SELECT source, name, 0 FROM unnest($1::text[], $2::text[]) AS it (source, name) GROUP BY source, name \
                ORDER BY source COLLATE \"C\", name COLLATE \"C\" ON CONFLICT (source, lane) DO UPDATE SET fence = lane.fence";
    let sources = texts(deliveries, |it| it.delivery.source.as_str());
    let lanes = texts(deliveries, |it| it.delivery.lane.as_str());
    let locked = query(lock).bind(sources).bind(lanes).execute(&mut **transaction).await;
    locked.map(drop).map_err(|e| call.failed(e))
}

/// Adds those that there are not, in their order, and says which those are.
async fn insert(call: &Call, transaction: &mut Writing, deliveries: &[NewDelivery]) -> Result<Ids> {
    let insert = "INSERT INTO pathops_deliveries (source, key, lane, received_at, body, format, hints) \
                  SELECT source, key, lane, received_at, body, $7, hints FROM unnest($1::text[], $2::text[], $3::text[], \
                  $4::bigint[], $5::text[], $6::text[]) WITH ORDINALITY AS it (source, key, lane, received_at, body, hints, place) \
                  ORDER BY place ON CONFLICT (source, key) DO NOTHING RETURNING source, key";
    let hints = deliveries.iter().map(|it| inbox_rows::hints(call, it)).collect::<Result<Vec<_>>>()?;
    let insert = query_as::<_, (String, String)>(insert)
        .bind(texts(deliveries, |it| it.delivery.source.as_str()))
        .bind(texts(deliveries, |it| it.delivery.key.as_str()))
        .bind(texts(deliveries, |it| it.delivery.lane.as_str()))
        .bind(deliveries.iter().map(|it| it.received_at.0).collect::<Vec<_>>())
        .bind(deliveries.iter().map(|it| it.body.to_string()).collect::<Vec<_>>())
        .bind(hints)
        .bind(HINTS);
    Ok(insert.fetch_all(&mut **transaction).await.map_err(|e| call.failed(e))?.into_iter().collect())
}

/// The lanes in which something is new are due, where they were not.
async fn wake(call: &Call, transaction: &mut Writing, deliveries: &[NewDelivery], new: &Ids) -> Result<()> {
    let is_new = |it: &&NewDelivery| new.contains(&(it.delivery.source.to_string(), it.delivery.key.to_string()));
    let new: Vec<NewDelivery> = deliveries.iter().filter(is_new).cloned().collect();
    let wake = "UPDATE pathops_lanes AS lane SET due = coalesce(lane.due, first.at) FROM \
                (SELECT source, name, min(at) AS at FROM unnest($1::text[], $2::text[], $3::bigint[]) AS it (source, name, at) \
                GROUP BY source, name) AS first WHERE lane.source = first.source AND lane.lane = first.name";
    let woken = query(wake)
        .bind(texts(&new, |it| it.delivery.source.as_str()))
        .bind(texts(&new, |it| it.delivery.lane.as_str()))
        .bind(new.iter().map(|it| it.received_at.0).collect::<Vec<_>>());
    woken.execute(&mut **transaction).await.map(drop).map_err(|e| call.failed(e))
}

/// What is stored under their keys: source, key and body.
async fn bodies(
    call: &Call,
    transaction: &mut Writing,
    deliveries: &[NewDelivery],
) -> Result<BTreeSet<(String, String, String)>> {
    let bodies = "SELECT source, key, body FROM pathops_deliveries WHERE (source, key) IN \
                  (SELECT * FROM unnest($1::text[], $2::text[]))";
    let bodies = query_as::<_, (String, String, String)>(bodies)
        .bind(texts(deliveries, |it| it.delivery.source.as_str()))
        .bind(texts(deliveries, |it| it.delivery.key.as_str()));
    Ok(bodies.fetch_all(&mut **transaction).await.map_err(|e| call.failed(e))?.into_iter().collect())
}

#[async_trait]
impl Inbox for PostgresInbox {
    fn name(&self) -> &'static str {
        "postgres"
    }

    fn capabilities(&self) -> InboxCapabilities {
        let mut capabilities = InboxCapabilities::default();
        (capabilities.durable, capabilities.shared) = (true, true);
        capabilities
    }

    async fn admit(&self, cx: &OpContext, deliveries: &[NewDelivery]) -> Result<Vec<Admitted>> {
        let Some(first) = deliveries.first() else { return Ok(Vec::new()) };
        let call = self.database.call("store deliveries", &first.delivery.key);
        in_time(cx, &call, self.add(&call, deliveries)).await
    }

    async fn claim(&self, cx: &OpContext, now: UnixMillis, ttl: Duration, limit: usize) -> Result<Vec<Claim>> {
        let call = self.database.call("claim deliveries", "");
        in_time(cx, &call, self.take(&call, now, now + ttl, limit)).await
    }

    async fn settle(&self, cx: &OpContext, claim: &Claim, settlement: &Settlement) -> Result<()> {
        let call = self.database.call("settle a delivery", &claim.delivery.delivery.key);
        in_time(cx, &call, self.end(&call, claim, settlement)).await
    }

    async fn find(&self, cx: &OpContext, query: &InboxQuery, limit: usize) -> Result<Vec<StoredDelivery>> {
        let call = self.database.call("find deliveries", "");
        in_time(cx, &call, self.look(&call, query, limit)).await
    }

    async fn replay(&self, cx: &OpContext, numbers: &[DeliveryNumber]) -> Result<u64> {
        let call = self.database.call("replay deliveries", "");
        in_time(cx, &call, self.again(&call, &inbox_rows::numbers(numbers))).await
    }
}
