//! Which hashes a proof is made of (RFC 9162, sections 2.1.3 and 2.1.4), and where they lie.

use std::collections::BTreeMap;

use pathops_core::Digest;

use super::leaf::node_hash;
use super::tile::Tile;
use super::tree::{fold, perfect_root};

/// Leaves from one to before another.
type Span = (u64, u64);

/// The spans whose hashes show that a leaf is in a log of this size, from the leaf up.
pub(super) fn inclusion(index: u64, size: u64) -> Vec<Span> {
    let (mut low, mut high, mut path) = (0, size, Vec::new());
    while high - low > 1 {
        let middle = low + split(high - low);
        if index < middle {
            path.push((middle, high));
            high = middle;
        } else {
            path.push((low, middle));
            low = middle;
        }
    }
    path.reverse();
    path
}

/// The spans whose hashes show that a log of size `to` begins with that of size `from`; none where one of them is empty or
/// they are the same.
pub(super) fn consistency(from: u64, to: u64) -> Vec<Span> {
    if from == 0 || from >= to {
        return Vec::new();
    }
    let (mut low, mut high, mut path, mut whole) = (0, to, Vec::new(), true);
    loop {
        if from == high {
            if !whole {
                path.push((low, high));
            }
            path.reverse();
            return path;
        }
        let middle = low + split(high - low);
        if from <= middle {
            path.push((middle, high));
            high = middle;
        } else {
            path.push((low, middle));
            (low, whole) = (middle, false);
        }
    }
}

/// The greatest power of two below `size`, which is at least 2.
fn split(size: u64) -> u64 {
    1 << (size - 1).ilog2()
}

/// The perfect trees that a span is made of, from left to right: height and number.
fn perfect((low, high): Span) -> Vec<(u32, u64)> {
    let (mut low, mut trees) = (low, Vec::new());
    while low < high {
        let height = low.trailing_zeros().min((high - low).ilog2());
        trees.push((height, low >> height));
        low += 1 << height;
    }
    trees
}

/// The tile with the hashes below a perfect tree, and which of them.
fn below((height, number): (u32, u64), size: u64) -> Option<(Tile, usize, usize)> {
    let (level, rest) = (u8::try_from(height / 8).ok()?, height % 8);
    let first = number << rest;
    Some((Tile::with(level, first, size), usize::try_from(first & 0xff).ok()?, 1 << rest))
}

/// The tiles that the hashes of these spans are in.
pub(super) fn tiles(spans: &[Span], size: u64) -> Vec<Tile> {
    let mut tiles: Vec<_> =
        spans.iter().flat_map(|span| perfect(*span)).filter_map(|tree| below(tree, size)).map(|(tile, ..)| tile).collect();
    tiles.sort();
    tiles.dedup();
    tiles
}

/// The hash of a span; `None` where a tile is missing or too short.
pub(super) fn hash(span: Span, size: u64, tiles: &BTreeMap<Tile, Vec<Digest>>) -> Option<Digest> {
    let of = |tree| {
        let (tile, first, count) = below(tree, size)?;
        tiles.get(&tile)?.get(first..first + count).map(perfect_root)
    };
    fold(perfect(span).into_iter().map(of).collect::<Option<_>>()?)
}

/// Whether these hashes show that the log with the root `to` begins with that with the root `from` (RFC 9162, section
/// 2.1.4.2). Sizes and roots are those of two checkpoints.
#[must_use]
pub fn is_consistent(from: (u64, Digest), to: (u64, Digest), path: &[Digest]) -> bool {
    let ((old, old_root), (new, new_root)) = (from, to);
    match old {
        _ if old > new => return false,
        _ if old == new => return path.is_empty() && old_root == new_root,
        0 => return path.is_empty() && old_root == Digest::of(b""),
        _ => {}
    }
    let first = if old.is_power_of_two() { Some(old_root) } else { None };
    let mut hashes = first.into_iter().chain(path.iter().copied());
    let Some(start) = hashes.next() else { return false };
    let (mut node, mut last) = (old - 1, new - 1);
    while node % 2 == 1 {
        (node, last) = (node / 2, last / 2);
    }
    let (mut one, mut other) = (start, start);
    for hash in hashes {
        if last == 0 {
            return false;
        }
        if node % 2 == 1 || node == last {
            (one, other) = (node_hash(&hash, &one), node_hash(&hash, &other));
            while node % 2 == 0 && node != 0 {
                (node, last) = (node / 2, last / 2);
            }
        } else {
            other = node_hash(&other, &hash);
        }
        (node, last) = (node / 2, last / 2);
    }
    last == 0 && one == old_root && other == new_root
}
