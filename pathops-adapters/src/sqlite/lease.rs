//! Leases: who may write, and until when.

use std::time::Duration;

use pathops_core::adapter::Lease;
use pathops_core::{Result, RunId, UnixMillis};
use sqlx::{query, query_as, query_scalar};

use super::database::Transaction;
use crate::journal_rows::{self, limited, stored};

pub(super) async fn acquire(
    transaction: &mut Transaction<'_>,
    name: &str,
    owner: &str,
    now: UnixMillis,
    ttl: Duration,
) -> Result<Option<Lease>> {
    let expires_at = now + ttl;
    let take = "INSERT INTO leases (name, owner, fence, expires_at) VALUES (?1, ?2, 1, ?3) \
                ON CONFLICT (name) DO UPDATE SET owner = ?2, fence = fence + 1, expires_at = ?3 \
                WHERE owner IS NULL OR owner = ?2 OR expires_at <= ?4 RETURNING fence";
    let taken = query_scalar::<_, i64>(take).bind(name).bind(owner).bind(expires_at.0).bind(now.0);
    let taken = taken.fetch_optional(transaction.sqlite()).await.map_err(|e| transaction.call.failed(e))?;
    let Some(fence) = taken else { return Ok(None) };
    journal_rows::lease(&transaction.call, name, owner, fence, expires_at).map(Some)
}

pub(super) async fn claim(
    transaction: &mut Transaction<'_>,
    machine: &str,
    owner: &str,
    now: UnixMillis,
    ttl: Duration,
    limit: usize,
) -> Result<Vec<Lease>> {
    let expires_at = now + ttl;
    let claim = "UPDATE leases SET owner = ?1, fence = fence + 1, expires_at = ?2 WHERE name IN \
                 (SELECT name FROM leases WHERE machine = ?3 AND expires_at <= ?4 ORDER BY expires_at LIMIT ?5) \
                 RETURNING name, fence";
    let claim = query_as::<_, (String, i64)>(claim).bind(owner).bind(expires_at.0).bind(machine).bind(now.0);
    let claimed = claim.bind(limited(limit)).fetch_all(transaction.sqlite()).await;
    let claimed = claimed.map_err(|e| transaction.call.failed(e))?.into_iter();
    claimed.map(|(name, fence)| journal_rows::lease(&transaction.call, name, owner, fence, expires_at)).collect()
}

pub(super) async fn release(transaction: &mut Transaction<'_>, lease: &Lease) -> Result<()> {
    let give = "UPDATE leases SET owner = NULL, expires_at = -9223372036854775808 WHERE name = ? AND owner = ? AND fence = ?";
    let give = query(give).bind(&lease.name).bind(&lease.owner).bind(stored(lease.fence));
    give.execute(transaction.sqlite()).await.map(drop).map_err(|e| transaction.call.failed(e))
}

pub(super) async fn surrender(transaction: &mut Transaction<'_>, machine: &str, owner: &str) -> Result<()> {
    let give = "UPDATE leases SET owner = NULL, expires_at = -9223372036854775808 WHERE machine = ? AND owner = ?";
    let give = query(give).bind(machine).bind(owner);
    give.execute(transaction.sqlite()).await.map(drop).map_err(|e| transaction.call.failed(e))
}

/// From now on the open run of this name is claimed by the machine that drives it; with `None`, there is none any more.
pub(super) async fn offer(transaction: &mut Transaction<'_>, run: &RunId, machine: Option<&str>) -> Result<()> {
    let offer = "INSERT INTO leases (name, fence, expires_at, machine) VALUES (?1, 1, -9223372036854775808, ?2) \
                 ON CONFLICT (name) DO UPDATE SET machine = ?2";
    let offer = query(offer).bind(run.as_str()).bind(machine);
    offer.execute(transaction.sqlite()).await.map(drop).map_err(|e| transaction.call.failed(e))
}

/// Whether it is that of the last holder.
pub(super) async fn is_held(transaction: &mut Transaction<'_>, lease: &Lease) -> Result<bool> {
    let held = query_scalar::<_, bool>("SELECT EXISTS (SELECT 1 FROM leases WHERE name = ? AND owner = ? AND fence = ?)");
    let held = held.bind(&lease.name).bind(&lease.owner).bind(stored(lease.fence)).fetch_one(transaction.sqlite()).await;
    held.map_err(|e| transaction.call.failed(e))
}
