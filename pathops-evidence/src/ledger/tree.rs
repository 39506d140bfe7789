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

#[cfg(test)]
mod tests {
    use super::super::leaf::leaf_hash;
    use super::*;

    /// The eight leaves of Certificate Transparency's reference implementation, and the roots over the first of them.
    #[test]
    fn the_roots_are_those_that_the_reference_implementation_gives() {
        let leaves: [&[u8]; 8] = [b"", b"\0", b"\x10", b" !", b"01", b"@ABC", b"PQRSTUVW", b"`abcdefghijklmno"];
        let roots = [
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut edge = Edge::default();
        for (leaf, root) in leaves.into_iter().zip(roots) {
            edge.push(leaf_hash(leaf));
            assert_eq!(edge.root().hex(), root, "{} leaves", edge.size());
        }
    }
}
