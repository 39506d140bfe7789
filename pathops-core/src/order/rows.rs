//! Neighbours in compressed rows: two flat arrays, so that walking a large graph is walking memory.

#![expect(
    clippy::indexing_slicing,
    reason = "`starts` has one entry more than there are rows, and none is above the number of entries"
)]

use std::ops::Range;

/// For each node, the nodes that an edge leads to.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    starts: Vec<u32>,
    entries: Vec<u32>,
}

impl Rows {
    /// Rows of `count` nodes; both ends of each edge are below `count`. Within a row, entries keep the order of `edges`.
    pub(super) fn new(count: u32, edges: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let mut starts = vec![0_u32; place(count) + 1];
        for (from, _) in edges.clone() {
            starts[place(from) + 1] += 1;
        }
        let mut total = 0;
        for start in &mut starts {
            total += *start;
            *start = total;
        }
        let mut next = starts.clone();
        let mut entries = vec![0_u32; place(total)];
        for (from, to) in edges {
            entries[place(next[place(from)])] = to;
            next[place(from)] += 1;
        }
        Self { starts, entries }
    }

    pub(super) fn row(&self, node: u32) -> &[u32] {
        &self.entries[self.range(node)]
    }

    /// Where the row is among all entries.
    pub(super) fn range(&self, node: u32) -> Range<usize> {
        place(self.starts[place(node)])..place(self.starts[place(node) + 1])
    }

    /// How many entries each row has.
    pub(super) fn lengths(&self) -> Vec<u32> {
        self.starts.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }
}

/// A node's number as a place in memory.
pub(super) fn place(number: u32) -> usize {
    const { assert!(usize::BITS >= u32::BITS) };
    number as usize
}
