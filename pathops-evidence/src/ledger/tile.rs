//! Where the parts of a log lie: C2SP `tlog-tiles`, with our batches beside them.

use pathops_core::{Digest, ObjectKey};

use super::leaf::MAX_LEAF_BYTES;

/// How many hashes or leaves a full tile has.
pub(crate) const FULL: u16 = 256;

/// How many bytes a tile of hashes has at most.
pub(crate) const MAX_HASHES_BYTES: u64 = FULL as u64 * 32;

/// And the leaves below one of level 0, each with its length.
pub(crate) const MAX_ENTRIES_BYTES: u64 = FULL as u64 * (2 + MAX_LEAF_BYTES as u64);

/// A tile of hashes: up to 256 of one level. Level 0 has the hashes of leaves, and each hash of level n + 1 is over a full
/// tile of level n.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Tile {
    pub(crate) level: u8,
    pub(crate) index: u64,
    /// How many hashes it has, from 1 to 256; 0 at an edge where the level ends with a full tile.
    pub(crate) width: u16,
}

impl Tile {
    pub(crate) fn full(level: u8, index: u64) -> Self {
        Self { level, index, width: FULL }
    }

    /// The last tile of each level of a log of this size, the lowest first, as wide as it is not full.
    pub(crate) fn edge(size: u64) -> Vec<Self> {
        let levels = (0..8_u8).map(|level| (level, size >> (8 * u32::from(level)))).take_while(|(_, hashes)| *hashes > 0);
        levels
            .map(|(level, hashes)| Self { level, index: hashes >> 8, width: u16::try_from(hashes & 0xff).unwrap_or(0) })
            .collect()
    }

    /// The tile with a hash of a level in a log of this size.
    pub(crate) fn with(level: u8, hash: u64, size: u64) -> Self {
        let index = hash >> 8;
        let width = (size >> (8 * u32::from(level))).saturating_sub(index << 8).min(u64::from(FULL));
        Self { level, index, width: u16::try_from(width).unwrap_or(FULL) }
    }

    /// The first leaf below it.
    pub(crate) fn first(self) -> u64 {
        self.index << (8 * (u32::from(self.level) + 1))
    }

    /// The folders of what was written of it, and of the leaves below it, before it was full.
    pub(crate) fn parts(self) -> Vec<ObjectKey> {
        let full = Self { width: FULL, ..self };
        let names = [full.key(), full.entries().filter(|_| self.level == 0)];
        names.into_iter().flatten().filter_map(|name| ObjectKey::parse(format!("{name}.p")).ok()).collect()
    }

    /// `log/tile/<level>/<index>[.p/<width>]`.
    pub(crate) fn key(self) -> Option<ObjectKey> {
        key(&format!("tile/{}", self.level), self.index, self.width)
    }

    /// Where the leaves below a tile of level 0 lie: `log/tile/entries/<index>[.p/<width>]`.
    pub(crate) fn entries(self) -> Option<ObjectKey> {
        key("tile/entries", self.index, self.width)
    }
}

fn key(folder: &str, index: u64, width: u16) -> Option<ObjectKey> {
    let partial = if width == FULL { String::new() } else { format!(".p/{width}") };
    ObjectKey::parse(format!("{LOG}/{folder}/{}{partial}", grouped(index))).ok()
}

/// An index in groups of three digits, all but the last marked: 1234067 is `x001/x234/067`.
fn grouped(index: u64) -> String {
    let mut path = format!("{:03}", index % 1_000);
    let mut rest = index / 1_000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1_000);
        rest /= 1_000;
    }
    path
}

const LOG: &str = "log";

/// Where the newest checkpoint lies.
pub(crate) fn checkpoint_key() -> Option<ObjectKey> {
    ObjectKey::parse(format!("{LOG}/checkpoint")).ok()
}

/// Where the batch lies that begins with this leaf.
pub(crate) fn batch_key(start: u64) -> Option<ObjectKey> {
    ObjectKey::parse(format!("{LOG}/batch/{start:020}")).ok()
}

/// The leaf that a batch begins with, by its name; `None` for what is not named as one.
pub(crate) fn batch_start(key: &ObjectKey) -> Option<u64> {
    let start = key.as_str().rsplit('/').next()?.parse().ok()?;
    batch_key(start).filter(|named| named == key).map(|_| start)
}

/// Where all batches lie.
pub(crate) fn batches() -> Option<ObjectKey> {
    ObjectKey::parse(format!("{LOG}/batch")).ok()
}

/// The bytes of a tile.
pub(crate) fn encode(hashes: &[Digest]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| *hash.as_bytes()).collect()
}

/// The hashes of a tile; `None` where it is damaged.
pub(crate) fn decode(bytes: &[u8]) -> Option<Vec<Digest>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| hashes.iter().map(|hash| Digest::from_bytes(*hash)).collect())
}

/// A leaf as it stands among entries: its length in two bytes, the greater first, and then itself.
pub(crate) fn entry(leaf: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(leaf.len()).ok()?;
    Some([length.to_be_bytes().as_slice(), leaf].concat())
}

/// The leaves among entries; `None` where they are damaged.
pub(crate) fn leaves(mut entries: &[u8]) -> Option<Vec<&[u8]>> {
    let mut leaves = Vec::new();
    while let Some((length, rest)) = entries.split_first_chunk::<2>() {
        let (leaf, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        leaves.push(leaf);
        entries = rest;
    }
    entries.is_empty().then_some(leaves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_standard() {
        let of = |tile: Tile| tile.key().unwrap().to_string();
        assert_eq!(of(Tile::full(0, 0)), "log/tile/0/000");
        assert_eq!(of(Tile { level: 2, index: 1_234_067, width: 8 }), "log/tile/2/x001/x234/067.p/8");
        assert_eq!(Tile { level: 0, index: 1_000, width: 1 }.entries().unwrap().to_string(), "log/tile/entries/x001/000.p/1");
    }

    #[test]
    fn a_batch_has_one_name() {
        let start = |name: &str| batch_start(&ObjectKey::parse(format!("log/batch/{name}")).unwrap());
        assert_eq!(start("00000000000000000017"), Some(17));
        assert_eq!(start("18446744073709551615"), Some(u64::MAX));
        for other in ["17", "000000000000000000017", "0000000000000000017x", "18446744073709551616"] {
            assert_eq!(start(other), None, "{other}");
        }
        assert_eq!(start("00000000000000000017/00000000000000000017"), None);
    }

    #[test]
    fn the_parts_of_a_tile_are_in_a_folder_of_their_own() {
        let of = |tile: Tile| tile.parts().iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(of(Tile::full(0, 1_002)), ["log/tile/0/x001/002.p", "log/tile/entries/x001/002.p"]);
        assert_eq!(of(Tile::full(1, 0)), ["log/tile/1/000.p"]);
        assert_eq!((Tile::full(0, 3).first(), Tile::full(1, 3).first()), (768, 3 << 16));
    }

    #[test]
    fn the_edge_has_a_tile_for_each_level() {
        let edge = |size| Tile::edge(size).into_iter().map(|it| (it.level, it.index, it.width)).collect::<Vec<_>>();
        assert_eq!(edge(0), []);
        assert_eq!(edge(255), [(0, 0, 255)]);
        assert_eq!(edge(256), [(0, 1, 0), (1, 0, 1)]);
        assert_eq!(edge(70_000), [(0, 273, 112), (1, 1, 17), (2, 0, 1)]);
    }

    #[test]
    fn entries_are_read_as_they_were_written_and_damaged_ones_are_not() {
        let all = [entry(b"one").unwrap(), entry(b"").unwrap(), entry(&[7; 65_535]).unwrap()].concat();
        assert_eq!(leaves(&all).unwrap(), [b"one".as_slice(), b"", &[7; 65_535]]);
        assert!(entry(&[7; 65_536]).is_none());
        for cut in [1, all.len() - 1] {
            assert!(leaves(&all[..cut]).is_none(), "cut at {cut}");
        }
    }
}
