//! Leases: who may write, and until when.

use std::time::Duration;

use pathops_core::adapter::Lease;
use pathops_core::{Result, UnixMillis};
use sqlx::{query, query_scalar};

use super::database::Transaction;
use crate::journal_rows::{self, stored};

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

pub(super) async fn release(transaction: &mut Transaction<'_>, lease: &Lease) -> Result<()> {
    let give = query("UPDATE leases SET owner = NULL WHERE name = ? AND owner = ? AND fence = ?");
    let given = give.bind(&lease.name).bind(&lease.owner).bind(stored(lease.fence)).execute(transaction.sqlite()).await;
    given.map(drop).map_err(|e| transaction.call.failed(e))
}

/// Whether it is that of the last holder.
pub(super) async fn is_held(transaction: &mut Transaction<'_>, lease: &Lease) -> Result<bool> {
    let held = query_scalar::<_, bool>("SELECT EXISTS (SELECT 1 FROM leases WHERE name = ? AND owner = ? AND fence = ?)");
    let held = held.bind(&lease.name).bind(&lease.owner).bind(stored(lease.fence)).fetch_one(transaction.sqlite()).await;
    held.map_err(|e| transaction.call.failed(e))
}
