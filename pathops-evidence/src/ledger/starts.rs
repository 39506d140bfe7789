//! Where the batches begin.

use pathops_core::adapter::Bucket;
use pathops_core::{OpContext, Result};

use super::tile;
use super::{MAX_BATCH, named};

/// Where batches begin that lie side by side, as far as a reader has seen their names: that never changes. It takes eight bytes a batch.
#[derive(Debug, Default)]
pub(super) struct Starts {
    known: Vec<u64>,
    /// Whether none lies before those that are known.
    from_first: bool,
}

impl Starts {
    /// Where the nearest batch begins that may have this leaf, of those that were not `looked_into`: the first that was does not have it.
    /// `None` where there are no more.
    pub(super) async fn nearest(
        &mut self,
        cx: &OpContext,
        bucket: &dyn Bucket,
        leaf: u64,
        looked_into: &[u64],
    ) -> Result<Option<u64>> {
        let mut may_be_nearer = looked_into.len() == 1;
        // Once near the leaf, once from the beginning, and once behind the last that is known.
        for _ in 0..4 {
            let known = self.known.get(..self.known.partition_point(|start| *start <= leaf)).unwrap_or_default();
            let next = known.iter().rev().find(|start| !looked_into.contains(start)).copied();
            if next.is_some() && !may_be_nearer {
                return Ok(next);
            }
            may_be_nearer = false;
            if !self.look(cx, bucket, leaf, next.is_none()).await? && next.is_none() {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Lists names that are not known: those near the leaf where none is, all where it `is_missing` among those, or those behind them.
    /// Whether there were any.
    async fn look(&mut self, cx: &OpContext, bucket: &dyn Bucket, leaf: u64, is_missing: bool) -> Result<bool> {
        if self.known.is_empty() {
            // Where one caller has appended more at once than several share, its batch begins before that.
            let near = leaf.checked_sub(u64::try_from(MAX_BATCH).unwrap_or(u64::MAX));
            self.known = list(cx, bucket, near, MAX_BATCH).await?;
            self.from_first = near.is_none();
            if !self.known.is_empty() || self.from_first {
                return Ok(!self.known.is_empty());
            }
        }
        if is_missing && !self.from_first {
            self.known = list(cx, bucket, None, usize::MAX).await?;
            self.from_first = true;
            return Ok(!self.known.is_empty());
        }
        let more = list(cx, bucket, self.known.last().copied(), usize::MAX).await?;
        self.known.extend(&more);
        Ok(!more.is_empty())
    }
}

/// The beginnings of batches behind the one that begins there, in order.
async fn list(cx: &OpContext, bucket: &dyn Bucket, after: Option<u64>, limit: usize) -> Result<Vec<u64>> {
    let after = after.map(|start| named(tile::batch_key(start))).transpose()?;
    let keys = bucket.list(cx, &named(tile::batches())?, after.as_ref(), limit).await?;
    Ok(keys.iter().filter_map(tile::batch_start).collect())
}
