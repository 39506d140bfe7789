//! Leases: who may write, and until when.

use std::time::Duration;

use pathops_core::adapter::Lease;
use pathops_core::{ErrorKind, Result, UnixMillis};
use sqlx::{query, query_scalar};

use super::database::Transaction;
use super::read::number;

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
    let fence = number(&transaction.call, "a fence", fence)?;
    Ok(Some(Lease { name: name.to_owned(), owner: owner.to_owned(), fence, expires_at }))
}

pub(super) async fn release(transaction: &mut Transaction<'_>, lease: &Lease) -> Result<()> {
    let give = query("UPDATE leases SET owner = NULL WHERE name = ? AND owner = ? AND fence = ?");
    let given = give.bind(&lease.name).bind(&lease.owner).bind(stored(lease.fence)).execute(transaction.sqlite()).await;
    given.map(drop).map_err(|e| transaction.call.failed(e))
}

/// Refuses to write for anybody but the last holder.
pub(super) async fn check(transaction: &mut Transaction<'_>, lease: &Lease) -> Result<()> {
    let held = query_scalar::<_, bool>("SELECT EXISTS (SELECT 1 FROM leases WHERE name = ? AND owner = ? AND fence = ?)");
    let held = held.bind(&lease.name).bind(&lease.owner).bind(stored(lease.fence)).fetch_one(transaction.sqlite()).await;
    if held.map_err(|e| transaction.call.failed(e))? {
        return Ok(());
    }
    let reason = format!("`{}` does not hold the lease `{}` with fence {} any more", lease.owner, lease.name, lease.fence);
    Err(transaction.call.refused(ErrorKind::Conflict, &reason).advise("take the lease again and load the run"))
}

/// A number as SQLite keeps it. Fences and sequence numbers count up from 1, so none that this adapter gave out is capped.
pub(super) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
