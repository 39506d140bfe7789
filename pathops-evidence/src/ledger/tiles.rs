//! Writing tiles, making sure of those that are there, and taking away what full ones have replaced.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::{join_all, try_join_all};
use pathops_core::{Digest, Error, ErrorKind, ObjectKey, OpContext, Result};

use super::leaf::leaf_hash;
use super::tile::{self, FULL, Tile};
use super::tree::perfect_root;
use super::{Ledger, LogReader, MAX_BATCH, Tip, named};

/// How many of the last full tiles of leaves are looked at before a log is gone on with: the leaves of the largest batch that callers
/// share are in so many.
const LOOKED_AT: u64 = MAX_BATCH as u64 / FULL as u64;

/// More levels than a log of any size has tiles of.
pub(super) const MAX_LEVELS: u8 = 8;

/// How many parts of a tile are taken away at once: an append of one leaf makes two.
const PARTS_AT_ONCE: usize = 8;

/// How often a damaged tile is put right, where others do so at the same time.
const MAX_TRIES: usize = 3;

impl Ledger {
    /// Writes the tiles that have become full: they are on the disk when this returns, and the disk is waited for once.
    pub(super) async fn write_full(&self, cx: &OpContext, tip: &mut Tip) -> Result<()> {
        if tip.full.is_empty() {
            return Ok(());
        }
        let tiles: Vec<_> = tip.full.iter().map(|(key, bytes)| (key.clone(), bytes.clone())).collect();
        let answers = self.bucket.create_all(&cx.part("full tiles"), tiles.clone()).await;
        for ((key, bytes), answer) in tiles.iter().zip(answers) {
            match answer {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => self.make_sure(cx, key, bytes).await?,
                answer => answer?,
            }
        }
        tip.full.clear();
        Ok(())
    }

    /// That a full tile is what it should be whose name was taken: another writer has written the same, or this one before it died.
    /// Else a crash of the machine has emptied or cut it, or somebody has spoilt it, and it is put right.
    ///
    /// To delete and create it is safe: no reader can use what was there, every writer puts the same in its place, since it follows
    /// from the batches, and who dies between the two leaves what the next opening makes again.
    async fn make_sure(&self, cx: &OpContext, key: &ObjectKey, bytes: &[u8]) -> Result<()> {
        let cx = &cx.part(key.as_str());
        for _ in 0..MAX_TRIES {
            match self.bucket.read(cx, key).await {
                Ok(Some(there)) if there == bytes => return Ok(()),
                Err(error) if error.kind() != ErrorKind::Corrupt => return Err(error),
                _ => {}
            }
            tracing::warn!(tile = %self.bucket.location(key), "a tile is damaged; it is made again");
            self.bucket.delete(cx, key).await?;
            match self.bucket.create(cx, key, bytes.to_vec()).await {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                answer => return answer,
            }
        }
        let error = Error::new(ErrorKind::Unavailable, "put a tile of the ledger right").on(self.bucket.location(key));
        Err(error.because("others write something else there at the same time"))
    }

    /// Writes the tiles at the edge as far as they are filled, without waiting for the disk: they can be made again.
    pub(super) async fn write_partial(&self, cx: &OpContext, tip: &Tip) -> Result<()> {
        let mut tiles = Vec::new();
        for (tile, hashes) in tip.edge.partial() {
            tiles.push((named(tile.key())?, tile::encode(hashes)));
            if tile.level == 0 {
                tiles.push((named(tile.entries())?, tip.entries.clone()));
            }
        }
        for (key, bytes) in tiles {
            self.bucket.write(&cx.part(key.as_str()), &key, bytes).await?;
        }
        Ok(())
    }

    /// Takes a few of the parts away that full tiles have replaced, which are on the disk and covered by a checkpoint. Where that fails
    /// they stay, and nobody minds: the next opening tries again with those of the last tiles.
    pub(super) async fn clear_parts(&self, cx: &OpContext, tip: &mut Tip) {
        let Some(folder) = tip.parts.front() else { return };
        match self.clear(cx, folder).await {
            Ok(false) => return,
            Ok(true) => {}
            Err(error) => tracing::debug!(%error, %folder, "parts of a full tile are not taken away"),
        }
        tip.parts.pop_front();
    }

    /// Whether that were the last ones in this folder.
    async fn clear(&self, cx: &OpContext, folder: &ObjectKey) -> Result<bool> {
        let parts = self.bucket.list(cx, folder, None, PARTS_AT_ONCE).await?;
        let count = parts.len();
        let deleted = parts.into_iter().map(|part| async move { self.bucket.delete(&cx.part(part.as_str()), &part).await });
        join_all(deleted).await.into_iter().collect::<Result<()>>()?;
        Ok(count < PARTS_AT_ONCE)
    }
}

impl LogReader {
    /// That the last full tiles of a log of this size lead to the tiles at its edge.
    ///
    /// # Errors
    /// `Corrupt` where one is missing or damaged; what the bucket answers.
    pub(super) async fn look_at_last(&self, cx: &OpContext, size: u64) -> Result<()> {
        let mut last = last_full(size, 0, LOOKED_AT);
        last.extend((1..MAX_LEVELS).flat_map(|level| last_full(size, level, 1)));
        let all: BTreeSet<Tile> = last.iter().flat_map(|tile| [*tile, above(*tile, size)]).collect();
        let read = all.into_iter().map(|tile| async move { Ok::<_, Error>((tile, self.hashes(cx, tile).await?)) });
        let hashes: BTreeMap<Tile, Vec<Digest>> = try_join_all(read).await?.into_iter().collect();
        let mut leaves = Vec::new();
        for tile in last {
            let own = hashes.get(&tile).map(Vec::as_slice).unwrap_or_default();
            let place = usize::try_from(tile.index & 0xff).unwrap_or(usize::MAX);
            if hashes.get(&above(tile, size)).and_then(|it| it.get(place)) != Some(&perfect_root(own)) {
                return Err(self.corrupt(&format!("{tile:?}"), &"it is damaged"));
            }
            if tile.level == 0 {
                leaves.push(self.leaves_of(cx, tile, own));
            }
        }
        try_join_all(leaves).await.map(drop)
    }

    /// The leaves below a tile that has these hashes.
    ///
    /// # Errors
    /// `Corrupt` where they are missing or others; what the bucket answers.
    pub(super) async fn leaves_of(&self, cx: &OpContext, tile: Tile, hashes: &[Digest]) -> Result<Vec<Vec<u8>>> {
        let leaves = self.leaves(cx, tile).await?;
        let are_same = leaves.len() == hashes.len() && leaves.iter().zip(hashes).all(|(leaf, hash)| leaf_hash(leaf) == *hash);
        if are_same { Ok(leaves) } else { Err(self.corrupt(&format!("the leaves of {tile:?}"), &"they are damaged")) }
    }
}

/// The tile that has the hash of a full one, in a log of this size.
fn above(tile: Tile, size: u64) -> Tile {
    Tile::with(tile.level + 1, tile.index, size)
}

/// The last full tiles of a level in a log of this size, up to so many.
pub(super) fn last_full(size: u64, level: u8, most: u64) -> Vec<Tile> {
    let full = size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
    (full.saturating_sub(most)..full).map(|index| Tile::full(level, index)).collect()
}
