//! Leases: who may write, as a table of holders and fences.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::adapter::Lease;
use crate::error::{Error, ErrorKind, Result};
use crate::id::RunId;
use crate::time::UnixMillis;

/// All leases by name. A fence is never given twice.
#[derive(Default)]
pub(super) struct Leases {
    rows: BTreeMap<String, Row>,
}

struct Row {
    fence: u64,
    holder: Option<Holder>,
}

struct Holder {
    owner: String,
    expires_at: UnixMillis,
}

impl Leases {
    pub(super) fn acquire(&mut self, name: &str, owner: &str, now: UnixMillis, ttl: Duration) -> Option<Lease> {
        let row = self.rows.entry(name.to_owned()).or_insert(Row { fence: 0, holder: None });
        if row.holder.as_ref().is_some_and(|holder| holder.owner != owner && holder.expires_at > now) {
            return None;
        }
        let expires_at = now + ttl;
        row.fence += 1;
        row.holder = Some(Holder { owner: owner.to_owned(), expires_at });
        Some(Lease { name: name.to_owned(), owner: owner.to_owned(), fence: row.fence, expires_at })
    }

    /// Whether anybody could take it.
    pub(super) fn is_free(&self, name: &str, now: UnixMillis) -> bool {
        let holder = self.rows.get(name).and_then(|row| row.holder.as_ref());
        holder.is_none_or(|holder| holder.expires_at <= now)
    }

    /// Gives back the lease of that name, where `owner` holds it.
    pub(super) fn surrender(&mut self, name: &str, owner: &str) {
        if let Some(row) = self.rows.get_mut(name) {
            row.holder.take_if(|holder| holder.owner == owner);
        }
    }

    pub(super) fn release(&mut self, lease: &Lease) {
        if let Some(row) = self.rows.get_mut(&lease.name).filter(|row| row.fence == lease.fence) {
            row.holder = None;
        }
    }

    /// A lease that ran out still counts until somebody else has taken it: only then can two writers meet.
    pub(super) fn check(&self, lease: &Lease, operation: &'static str, run: &RunId) -> Result<()> {
        let held = self.rows.get(&lease.name).filter(|row| row.holder.is_some());
        if held.is_some_and(|row| row.fence == lease.fence) {
            return Ok(());
        }
        let reason = format!("the lease `{}` with fence {} is not held any more", lease.name, lease.fence);
        Err(Error::new(ErrorKind::Conflict, operation).on(run).because(reason).advise("take the lease again and load the run"))
    }
}
