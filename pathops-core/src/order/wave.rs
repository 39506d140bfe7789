//! Waves: Kahn's algorithm, level by level.

#![expect(
    clippy::indexing_slicing,
    reason = "every number is below the number of nodes, and every table has a place for each node"
)]

use super::rows::place;
use super::{Cycle, Edge, Graph};

/// The nodes of a graph in waves: all that a node depends on is in earlier waves, and in the wave right before its own
/// there is something that it depends on.
#[derive(Clone, Debug)]
pub struct Waves<'g, N, R> {
    graph: &'g Graph<N, R>,
    order: Vec<u32>,
    ends: Vec<usize>,
}

/// Nodes that may go at the same time.
#[derive(Clone, Copy, Debug)]
pub struct Wave<'w, N, R> {
    graph: &'w Graph<N, R>,
    numbers: &'w [u32],
}

impl<N: Ord + Clone, R: Clone> Graph<N, R> {
    /// Puts every node into the earliest wave it can be in.
    ///
    /// # Errors
    /// The shortest of [`Graph::cycles`], where there is one.
    pub fn waves(&self) -> Result<Waves<'_, N, R>, Cycle<N, R>> {
        let levels = self.levels();
        if let Some(cycle) = self.cycles_among(&levels).into_iter().next() {
            return Err(cycle);
        }
        let count = levels.iter().max().map_or(0, |deepest| place(*deepest) + 1);
        let mut ends = vec![0_usize; count];
        for level in &levels {
            ends[place(*level)] += 1;
        }
        let mut total = 0;
        let mut next: Vec<usize> = Vec::with_capacity(count);
        for end in &mut ends {
            next.push(total);
            total += *end;
            *end = total;
        }
        let mut order = vec![0_u32; levels.len()];
        for (number, level) in (0_u32..).zip(&levels) {
            order[next[place(*level)]] = number;
            next[place(*level)] += 1;
        }
        Ok(Waves { graph: self, order, ends })
    }

    /// For each node the length of the longest way to a node without dependencies; [`STUCK`] on a loop or behind one.
    pub(super) fn levels(&self) -> Vec<u32> {
        let mut waiting_for = self.dependencies.lengths();
        let mut levels = vec![STUCK; waiting_for.len()];
        let mut wave: Vec<u32> =
            (0_u32..).zip(&waiting_for).filter(|(_, count)| **count == 0).map(|(number, _)| number).collect();
        let mut next = Vec::new();
        let mut level = 0;
        while !wave.is_empty() {
            for done in wave.drain(..) {
                levels[place(done)] = level;
                for dependent in self.dependents.row(done) {
                    let count = &mut waiting_for[place(*dependent)];
                    *count -= 1;
                    if *count == 0 {
                        next.push(*dependent);
                    }
                }
            }
            std::mem::swap(&mut wave, &mut next);
            level += 1;
        }
        levels
    }
}

/// The level of a node that no order reaches. No real level is as high: there are fewer nodes than that.
pub(super) const STUCK: u32 = u32::MAX;

impl<N: Ord + Clone, R: Clone> Waves<'_, N, R> {
    /// How many waves there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether the graph has no node.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The waves, first to last. Rolling back goes the other way: `iter().rev()`.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Wave<'_, N, R>> + ExactSizeIterator {
        (0..self.ends.len()).map(|index| {
            let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
            Wave { graph: self.graph, numbers: &self.order[start..self.ends[index]] }
        })
    }
}

impl<'w, N: Ord + Clone, R: Clone> Wave<'w, N, R> {
    /// Its nodes, sorted.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &'w N> {
        let graph = self.graph;
        self.numbers.iter().map(move |number| &graph.nodes[place(*number)])
    }

    /// The edges that put its nodes here: all that its nodes depend on, sorted. The first wave has none.
    pub fn edges(&self) -> impl Iterator<Item = Edge<&'w N, &'w R>> {
        let graph = self.graph;
        self.numbers.iter().flat_map(move |number| graph.numbered_edges(graph.dependencies.range(*number)))
    }
}
