//! Where the batches begin.

use pathops_core::adapter::Bucket;
use pathops_core::{ObjectKey, OpContext, Result};

use super::tile;
use super::{MAX_BATCH, named};

/// Where batches begin that lie side by side, as far as a reader has seen their names: that never changes. It takes eight bytes a batch.
#[derive(Debug, Default)]
pub(super) struct Starts(Vec<u64>);

impl Starts {
    /// Where the batch begins that has this leaf, as far as names tell; not at `tried`, which does not have it. `None` behind the last.
    pub(super) async fn before(
        &mut self,
        cx: &OpContext,
        bucket: &dyn Bucket,
        leaf: u64,
        tried: Option<u64>,
    ) -> Result<Option<u64>> {
        // Once near the leaf, once from the beginning, and once behind the last that is known.
        for _ in 0..3 {
            let known = self.0.partition_point(|start| *start <= leaf).checked_sub(1).and_then(|last| self.0.get(last));
            if let Some(start) = known.filter(|start| tried != Some(**start)) {
                return Ok(Some(*start));
            }
            if !self.look(cx, bucket, leaf).await? {
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
    let start = |key: &ObjectKey| {
        let start: u64 = key.as_str().rsplit('/').next()?.parse().ok()?;
        Some(start).filter(|start| tile::batch_key(*start).as_ref() == Some(key))
    };
    Ok(keys.iter().filter_map(start).collect())
}
