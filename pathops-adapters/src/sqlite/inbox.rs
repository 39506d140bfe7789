//! The inbox in one SQLite file.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{
    Admitted, Claim, DeliveryNumber, Inbox, InboxCapabilities, InboxQuery, NewDelivery, Settlement, StoredDelivery,
};
use pathops_core::{ErrorKind, OpContext, Result, UnixMillis};
use serde::Serialize;
use sqlx::{Sqlite, query, query_as, query_scalar};

use super::database::{Database, Format, Transaction};
use super::error::classify;
use crate::call::{Call, Store};
use crate::inbox_rows::{self, DeliveryRow, FORMAT as HINTS, lost, select, settled};
use crate::journal_rows::{limited, stored};

/// A lane: `source`, `lane`, and its fence, or since when it has something waiting.
type LaneRow = (String, String, i64);

const FORMAT: Format = Format {
    what: "inbox",
    store: Store { restore: "restore the inbox from a backup, and sweep for what has come since", classify },
    open: "open the inbox",
    make: "make the inbox",
    schema: &[include_str!("../../migrations/sqlite/0001_inbox.sql")],
    application: 1_348_553_070,
    temporary: "",
    exclusive: false,
};

/// An inbox in one SQLite file. Several processes of this machine may have it open at once.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// use pathops_adapters::sqlite::SqliteInbox;
/// use pathops_core::adapter::{Inbox, InboxQuery};
/// use pathops_core::{IdempotencyKey, OpContext};
///
/// let folder = tempfile::tempdir().unwrap();
/// let inbox = SqliteInbox::open(folder.path().join("inbox.db")).await?;
/// assert!(inbox.find(&OpContext::new(IdempotencyKey::new("look")), &InboxQuery::default(), 10).await?.is_empty());
/// # Ok::<(), pathops_core::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct SqliteInbox {
    database: Database,
}

impl SqliteInbox {
    /// Opens the inbox at `path`, and makes it where there is none. The folder must be there.
    ///
    /// # Errors
    /// `Corrupt` where it is damaged or no SQLite database; `Invalid` where it holds something else; `Unsupported` where a newer
    /// version of this adapter wrote it; `NotFound` where the folder is missing; `Denied`, `StorageFull`; `Unavailable` where
    /// another process keeps it locked.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        Ok(Self { database: Database::open(path.as_ref(), &FORMAT).await? })
    }
}

#[async_trait]
impl Inbox for SqliteInbox {
    fn name(&self) -> &'static str {
        "sqlite"
    }

    fn capabilities(&self) -> InboxCapabilities {
        let mut capabilities = InboxCapabilities::default();
        (capabilities.durable, capabilities.shared) = (true, true);
        capabilities
    }

    async fn admit(&self, _: &OpContext, deliveries: &[NewDelivery]) -> Result<Vec<Admitted>> {
        let Some(first) = deliveries.first() else { return Ok(Vec::new()) };
        let mut transaction = self.database.begin("store deliveries", &first.delivery.key).await?;
        let admitted = admit(&mut transaction, deliveries).await;
        transaction.finish(admitted).await
    }

    async fn claim(&self, _: &OpContext, now: UnixMillis, ttl: Duration, limit: usize) -> Result<Vec<Claim>> {
        let mut transaction = self.database.begin("claim deliveries", "").await?;
        let claims = claim(&mut transaction, now, now + ttl, limit).await;
        transaction.finish(claims).await
    }

    async fn settle(&self, _: &OpContext, claim: &Claim, settlement: &Settlement) -> Result<()> {
        let mut transaction = self.database.begin("settle a delivery", &claim.delivery.delivery.key).await?;
        let done = settle(&mut transaction, claim, settlement).await;
        transaction.finish(done).await
    }

    async fn find(&self, _: &OpContext, query: &InboxQuery, limit: usize) -> Result<Vec<StoredDelivery>> {
        let mut reader = self.database.reader("find deliveries", "").await;
        let mut select = select::<Sqlite>("deliveries", query, limit);
        let rows = select.build_query_as::<DeliveryRow>().persistent(false).fetch_all(reader.sqlite()).await;
        let rows = rows.map_err(|e| reader.call.failed(e))?;
        rows.into_iter().map(|row| inbox_rows::delivery(&reader.call, row)).collect()
    }

    async fn replay(&self, _: &OpContext, numbers: &[DeliveryNumber]) -> Result<u64> {
        let mut transaction = self.database.begin("replay deliveries", "").await?;
        let replayed = replay(&mut transaction, numbers).await;
        transaction.finish(replayed).await
    }
}

/// By three statements, however many there are: what is to be stored is handed over as JSON.
async fn admit(transaction: &mut Transaction<'_>, deliveries: &[NewDelivery]) -> Result<Vec<Admitted>> {
    // The order of the join is given: the few that are new are looked up, and not all that are there.
    let there = "SELECT there.source, there.key, there.body FROM json_each(?) AS new CROSS JOIN deliveries AS there \
                 ON there.source = new.value ->> 0 AND there.key = new.value ->> 1";
    let names: Vec<_> = deliveries.iter().map(|new| (&new.delivery.source, &new.delivery.key)).collect();
    let there = query_as::<_, (String, String, String)>(there).bind(json(&transaction.call, &names)?);
    let there = there.fetch_all(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))?;
    let mut bodies: BTreeMap<_, _> = there.into_iter().map(|(source, key, body)| ((source, key), body)).collect();
    let (mut admitted, mut added) = (Vec::with_capacity(deliveries.len()), Vec::new());
    for new in deliveries {
        let (name, body) = ((new.delivery.source.to_string(), new.delivery.key.to_string()), new.body.to_string());
        admitted.push(match bodies.get(&name) {
            Some(there) if *there == body => Admitted::Known,
            Some(_) => Admitted::Taken,
            None => {
                bodies.insert(name, body);
                added.push(new);
                Admitted::New
            }
        });
    }
    if !added.is_empty() {
        add(transaction, &added).await?;
    }
    Ok(admitted)
}

async fn add(transaction: &mut Transaction<'_>, added: &[&NewDelivery]) -> Result<()> {
    let row = |new: &&NewDelivery| {
        let NewDelivery { delivery, body, received_at } = new;
        let hints = inbox_rows::hints(&transaction.call, new)?;
        Ok((delivery.source.clone(), delivery.key.clone(), delivery.lane.clone(), received_at.0, body.to_string(), hints))
    };
    let rows = added.iter().map(row).collect::<Result<Vec<_>>>()?;
    let rows = json(&transaction.call, &rows)?;
    let due = "INSERT INTO lanes (source, lane, fence, due) \
               SELECT value ->> 0, value ->> 2, 0, value ->> 3 FROM json_each(?) WHERE true \
               ON CONFLICT (source, lane) DO UPDATE SET due = coalesce(due, excluded.due)";
    let due = query(due).bind(&rows).execute(transaction.sqlite()).await;
    due.map_err(|e| transaction.call.failed(e))?;
    // Their numbers rise in their order.
    let all = "INSERT INTO deliveries (source, key, lane, received_at, body, format, hints, state, attempts) \
               SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, ?2, value ->> 5, 0, 0 \
               FROM json_each(?1) AS new ORDER BY new.key";
    let all = query(all).bind(&rows).bind(HINTS).execute(transaction.sqlite()).await;
    all.map(drop).map_err(|e| transaction.call.failed(e))
}

fn json(call: &Call, rows: &impl Serialize) -> Result<String> {
    serde_json::to_string(rows).map_err(|e| call.refused(ErrorKind::Invalid, "it is no JSON").with_source(e))
}

async fn claim(transaction: &mut Transaction<'_>, now: UnixMillis, expires_at: UnixMillis, limit: usize) -> Result<Vec<Claim>> {
    let lanes = "SELECT source, lane, fence FROM lanes WHERE due <= ? ORDER BY due LIMIT ?";
    let lanes = query_as::<_, LaneRow>(lanes).bind(now.0).bind(limited(limit)).fetch_all(transaction.sqlite()).await;
    let mut claims = Vec::new();
    for (source, lane, fence) in lanes.map_err(|e| transaction.call.failed(e))? {
        let first = "SELECT number, source, key, lane, received_at, body, format, hints, state, attempts, reason \
                     FROM deliveries WHERE source = ? AND lane = ? AND state = 0 ORDER BY number LIMIT 1";
        let first = query_as::<_, DeliveryRow>(first).bind(&source).bind(&lane).fetch_optional(transaction.sqlite()).await;
        let first = first.map_err(|e| transaction.call.failed(e))?;
        let fence = fence.saturating_add(1);
        let due = first.as_ref().map(|_| expires_at.0);
        let held = query("UPDATE lanes SET fence = ?, due = ? WHERE source = ? AND lane = ?").bind(fence).bind(due);
        let held = held.bind(&source).bind(&lane).execute(transaction.sqlite()).await;
        held.map_err(|e| transaction.call.failed(e))?;
        if let Some(row) = first {
            claims.push(inbox_rows::claim(&transaction.call, row, fence, expires_at)?);
        }
    }
    Ok(claims)
}

async fn settle(transaction: &mut Transaction<'_>, claim: &Claim, settlement: &Settlement) -> Result<()> {
    let (source, lane) = (claim.delivery.delivery.source.as_str(), claim.delivery.delivery.lane.as_str());
    let held = query_scalar::<_, bool>("SELECT EXISTS (SELECT 1 FROM lanes WHERE source = ? AND lane = ? AND fence = ?)");
    let held = held.bind(source).bind(lane).bind(stored(claim.fence)).fetch_one(transaction.sqlite()).await;
    if !held.map_err(|e| transaction.call.failed(e))? {
        return Err(lost(&transaction.call));
    }
    let (state, attempts, reason, later) = settled(claim, settlement);
    let row = query("UPDATE deliveries SET state = ?, attempts = ?, reason = ? WHERE number = ?").bind(state).bind(attempts);
    let row = row.bind(reason).bind(stored(claim.delivery.number.0)).execute(transaction.sqlite()).await;
    row.map_err(|e| transaction.call.failed(e))?;
    let due = "UPDATE lanes SET due = coalesce(?1, (SELECT received_at FROM deliveries \
               WHERE source = ?2 AND lane = ?3 AND state = 0 ORDER BY number LIMIT 1)) WHERE source = ?2 AND lane = ?3";
    let due = query(due).bind(later).bind(source).bind(lane).execute(transaction.sqlite()).await;
    due.map(drop).map_err(|e| transaction.call.failed(e))
}

async fn replay(transaction: &mut Transaction<'_>, numbers: &[DeliveryNumber]) -> Result<u64> {
    let mut replayed = 0;
    for number in inbox_rows::numbers(numbers) {
        let row = "UPDATE deliveries SET state = 0, attempts = 0, reason = NULL WHERE number = ? AND state <> 0 \
                   RETURNING source, lane, received_at";
        let row = query_as::<_, LaneRow>(row).bind(number).fetch_optional(transaction.sqlite()).await;
        let Some((source, lane, at)) = row.map_err(|e| transaction.call.failed(e))? else { continue };
        let due = query("UPDATE lanes SET due = coalesce(due, ?) WHERE source = ? AND lane = ?").bind(at).bind(source).bind(lane);
        due.execute(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))?;
        replayed += 1;
    }
    Ok(replayed)
}
