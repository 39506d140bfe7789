//! The right edge of a Merkle tree: all that is needed to go on with it.

use pathops_core::Digest;

use super::leaf::node_hash;
use super::tile::{FULL, Tile};

/// A tree of some size, as the tiles at its right edge. Its memory does not grow with the tree but for a level each 256 times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Edge {
    size: u64,
    /// Of each level of tiles, the hashes of its last one, as far as that is filled; never a full one.
    levels: Vec<Vec<Digest>>,
}

impl Edge {
    /// From its last tiles, the lowest level first; `None` where they do not have the widths that the size asks for.
    pub(crate) fn new(size: u64, levels: Vec<Vec<Digest>>) -> Option<Self> {
        let edge = Self { size, levels };
        let widths = Tile::edge(size).into_iter().map(|tile| usize::from(tile.width) % usize::from(FULL));
        edge.levels.iter().map(Vec::len).eq(widths).then_some(edge)
    }

    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Appends the hash of a leaf; gives the tiles that it has filled.
    pub(crate) fn push(&mut self, leaf: Digest) -> Vec<(Tile, Vec<Digest>)> {
        let (mut full, mut hash, mut level) = (Vec::new(), leaf, 0_u8);
        self.size += 1;
        loop {
            if self.levels.len() <= usize::from(level) {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(usize::from(level)) else { return full };
            hashes.push(hash);
            if hashes.len() < usize::from(FULL) {
                return full;
            }
            let hashes = std::mem::take(hashes);
            hash = perfect_root(&hashes);
            full.push((Tile::full(level, (self.size >> (8 * (u32::from(level) + 1))) - 1), hashes));
            level += 1;
        }
    }

    /// The tiles at the edge that are not full.
    pub(crate) fn partial(&self) -> impl Iterator<Item = (Tile, &[Digest])> {
        let tiles = Tile::edge(self.size).into_iter().zip(&self.levels);
        tiles.filter(|(_, hashes)| !hashes.is_empty()).map(|(tile, hashes)| (tile, hashes.as_slice()))
    }

    /// The hash of the tree (RFC 9162, section 2.1.1).
    pub(crate) fn root(&self) -> Digest {
        let perfect = self.levels.iter().rev().flat_map(|hashes| perfect_subtrees(hashes));
        fold(perfect.collect()).unwrap_or_else(|| Digest::of(b""))
    }
}

/// The root over subtrees from left to right, the largest first.
pub(crate) fn fold(mut subtrees: Vec<Digest>) -> Option<Digest> {
    let last = subtrees.pop()?;
    Some(subtrees.into_iter().rev().fold(last, |right, left| node_hash(&left, &right)))
}

/// The roots of the perfect trees that so many hashes are made of, the largest first.
fn perfect_subtrees(hashes: &[Digest]) -> Vec<Digest> {
    let (mut rest, mut roots) = (hashes, Vec::new());
    while !rest.is_empty() {
        let (first, after) = rest.split_at(1 << rest.len().ilog2());
        roots.push(perfect_root(first));
        rest = after;
    }
    roots
}

/// The root over a power of two of hashes.
pub(crate) fn perfect_root(hashes: &[Digest]) -> Digest {
    match hashes {
        [] => Digest::of(b""),
        [one] => *one,
        more => {
            let (left, right) = more.split_at(more.len() / 2);
            node_hash(&perfect_root(left), &perfect_root(right))
        }
    }
}
