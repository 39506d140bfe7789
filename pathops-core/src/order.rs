//! Deploy order: which units go first, in waves, and why.
//!
//! A [`Graph`] says "this depends on that, because". [`Graph::waves`] puts every node into the earliest wave in which
//! all that it depends on is done, or names a shortest loop. Nothing here recurses and work grows with nodes and edges
//! alone, so a million nodes in a line are as fine as a million side by side. The answer does not depend on the order in
//! which nodes and edges are named; only reasons for the same edge stay in the order they were given.
//!
//! ```
//! use pathops_core::order::{Edge, Graph};
//! let edge = |from, to, because| Edge { from, to, because };
//! let graph = Graph::new(["docs"], [edge("web", "orders", "calls it"), edge("orders", "store", "keeps data there")])?;
//! let waves = graph.waves()?;
//! let names: Vec<Vec<&str>> = waves.iter().map(|wave| wave.nodes().copied().collect()).collect();
//! assert_eq!(names, [vec!["docs", "store"], vec!["orders"], vec!["web"]]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cycle;
mod rows;
mod tied;
mod wave;

use rows::Rows;

pub use cycle::*;
pub use wave::*;

/// One node depends on another, for a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Edge<N, R> {
    /// What depends; it comes later.
    pub from: N,
    /// What it depends on; it comes first.
    pub to: N,
    /// Why.
    pub because: R,
}

/// Nodes and their dependencies. Never changes once made.
///
/// `N` names a node and its order is the order within a wave; `R` is the reason that an edge carries.
#[derive(Clone, Debug)]
pub struct Graph<N, R> {
    /// Sorted, each once: the number of a node is its place here.
    nodes: Vec<N>,
    /// Sorted by the numbers of (from, to); reasons beside them.
    edges: Vec<(u32, u32)>,
    reasons: Vec<R>,
    dependencies: Rows,
    dependents: Rows,
}

/// A graph of more nodes or edges than 32 bits can count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a graph holds at most 4294967295 nodes and as many edges")]
pub struct TooLarge;

impl<N: Ord + Clone, R: Clone> Graph<N, R> {
    /// A graph of these nodes, and of those that an edge names. Naming a node again changes nothing; edges that say the
    /// same for another reason are all kept.
    ///
    /// # Errors
    /// [`TooLarge`].
    pub fn new(nodes: impl IntoIterator<Item = N>, edges: impl IntoIterator<Item = Edge<N, R>>) -> Result<Self, TooLarge> {
        let given: Vec<Edge<N, R>> = edges.into_iter().collect();
        let mut nodes: Vec<N> = nodes.into_iter().collect();
        sort(&mut nodes);
        let mut unnamed: Vec<N> = given
            .iter()
            .flat_map(|edge| [&edge.from, &edge.to])
            .filter(|node| nodes.binary_search(node).is_err())
            .cloned()
            .collect();
        if !unnamed.is_empty() {
            nodes.append(&mut unnamed);
            sort(&mut nodes);
        }
        let count = u32::try_from(nodes.len()).map_err(|_| TooLarge)?;
        u32::try_from(given.len()).map_err(|_| TooLarge)?;
        // Every endpoint is a node by now, and the node's place fits by the check above.
        let number = |node: &N| nodes.binary_search(node).ok().and_then(|place| u32::try_from(place).ok()).ok_or(TooLarge);
        let mut numbered = Vec::with_capacity(given.len());
        for edge in given {
            numbered.push((number(&edge.from)?, number(&edge.to)?, edge.because));
        }
        numbered.sort_by_key(|(from, to, _)| (*from, *to));
        let edges: Vec<(u32, u32)> = numbered.iter().map(|(from, to, _)| (*from, *to)).collect();
        let reasons = numbered.into_iter().map(|(_, _, because)| because).collect();
        let dependencies = Rows::new(count, edges.iter().copied());
        let dependents = Rows::new(count, edges.iter().map(|(from, to)| (*to, *from)));
        Ok(Self { nodes, edges, reasons, dependencies, dependents })
    }

    /// All nodes, sorted.
    #[must_use]
    pub fn nodes(&self) -> &[N] {
        &self.nodes
    }

    /// All edges, sorted by their nodes.
    pub fn edges(&self) -> impl Iterator<Item = Edge<&N, &R>> {
        self.numbered_edges(0..self.edges.len())
    }

    fn numbered_edges(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = Edge<&N, &R>> {
        let edges = self.edges.get(range.clone()).unwrap_or_default();
        let reasons = self.reasons.get(range).unwrap_or_default();
        edges
            .iter()
            .zip(reasons)
            .filter_map(|((from, to), because)| Some(Edge { from: self.node(*from)?, to: self.node(*to)?, because }))
    }

    fn node(&self, number: u32) -> Option<&N> {
        self.nodes.get(rows::place(number))
    }
}

fn sort<N: Ord>(nodes: &mut Vec<N>) {
    nodes.sort_unstable();
    nodes.dedup();
}

#[cfg(test)]
mod tests;
