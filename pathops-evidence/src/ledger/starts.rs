//! Where the batches begin.

use pathops_core::adapter::Bucket;
use pathops_core::{OpContext, Result};

use super::tile;
use super::{MAX_BATCH, named};

/// Where batches begin that lie side by side, as far as a reader has seen their names: that never changes. It takes eight bytes a batch.
#[derive(Debug, Default)]
pub(super) struct Starts(Vec<u64>);

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
            let known = self.0.get(..self.0.partition_point(|start| *start <= leaf)).unwrap_or_default();
            let next = known.iter().rev().find(|start| !looked_into.contains(start)).copied();
            if next.is_some() && !may_be_nearer {
                return Ok(next);
            }
            may_be_nearer = false;
            if !self.look(cx, bucket, leaf).await? && next.is_none() {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Lists names that are not known: those near the leaf where none is, all where it is before those, or those behind them. Whether
    /// there were any.
    async fn look(&mut self, cx: &OpContext, bucket: &dyn Bucket, leaf: u64) -> Result<bool> {
        if self.0.is_empty() {
            // Where one caller has appended more at once than several share, its batch begins before that.
            let near = leaf.checked_sub(u64::try_from(MAX_BATCH).unwrap_or(u64::MAX));
            self.0 = list(cx, bucket, near, MAX_BATCH).await?;
            if !self.0.is_empty() {
                return Ok(true);
            }
        }
        match self.0.last().copied().filter(|_| self.0.first().is_some_and(|first| *first <= leaf)) {
            None => {
                self.0 = list(cx, bucket, None, usize::MAX).await?;
                Ok(!self.0.is_empty())
            }
            Some(last) => {
                let more = list(cx, bucket, Some(last), usize::MAX).await?;
                self.0.extend(&more);
                Ok(!more.is_empty())
            }
        }
    }
}

/// The beginnings of batches behind the one that begins there, in order.
async fn list(cx: &OpContext, bucket: &dyn Bucket, after: Option<u64>, limit: usize) -> Result<Vec<u64>> {
    let after = after.map(|start| named(tile::batch_key(start))).transpose()?;
    let keys = bucket.list(cx, &named(tile::batches())?, after.as_ref(), limit).await?;
    Ok(keys.iter().filter_map(tile::batch_start).collect())
}
