//! Loops: why a graph has no order, in as few edges as can be.

#![expect(
    clippy::indexing_slicing,
    reason = "every number is below the number of nodes, and every table has a place for each node"
)]

use std::fmt;

use super::rows::place;
use super::tied::tied_sets;
use super::wave::STUCK;
use super::{Edge, Graph};

/// Nodes that wait for each other, told by a shortest loop among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle<N, R> {
    /// The loop: each edge ends where the next one begins, and the last ends where the first begins.
    pub edges: Vec<Edge<N, R>>,
    /// All nodes that wait for each other, by way of this loop or another one; sorted.
    pub tied: Vec<N>,
}

impl<N: fmt::Display, R: fmt::Display> fmt::Display for Cycle<N, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, edge) in self.edges.iter().enumerate() {
            let link = if index == 0 { "" } else { ", which" };
            let from = if index == 0 { format!("`{}`", edge.from) } else { String::new() };
            write!(f, "{from}{link} waits for `{}` ({})", edge.to, edge.because)?;
        }
        Ok(())
    }
}

impl<N: fmt::Debug + fmt::Display, R: fmt::Debug + fmt::Display> std::error::Error for Cycle<N, R> {}

/// How many steps the search for the shortest loop may take within one set of tied nodes. Only sets that are both huge
/// and short of short loops need more; for them the shortest loop found so far is told.
const SEARCH_STEPS: u64 = 100_000_000;

impl<N: Ord + Clone, R: Clone> Graph<N, R> {
    /// A shortest loop for each set of nodes that wait for each other; the shortest first, then by name.
    #[must_use]
    pub fn cycles(&self) -> Vec<Cycle<N, R>> {
        self.cycles_among(&self.levels())
    }

    pub(super) fn cycles_among(&self, levels: &[u32]) -> Vec<Cycle<N, R>> {
        let mut search = Search::new(self, levels);
        let mut cycles: Vec<Cycle<N, R>> = tied_sets(self, levels).iter().filter_map(|tied| search.cycle(tied)).collect();
        cycles.sort_by(|a, b| (a.edges.len(), &a.tied).cmp(&(b.edges.len(), &b.tied)));
        cycles
    }
}

/// Finds shortest loops. A node whose loops are all known is closed, and with it what no loop can pass any more, so a
/// single ring of any length takes one walk around it.
struct Search<'g, N, R> {
    graph: &'g Graph<N, R>,
    /// Nodes that may still be on a loop that is not known.
    open: Vec<bool>,
    /// How many open nodes each open node depends on.
    ahead: Vec<u32>,
    /// How many open nodes depend on it.
    behind: Vec<u32>,
    /// From where a walk came to a node, and the number of that walk.
    reached_from: Vec<(u32, u32)>,
    walk: u32,
}

impl<'g, N: Ord + Clone, R: Clone> Search<'g, N, R> {
    fn new(graph: &'g Graph<N, R>, levels: &[u32]) -> Self {
        let count = if levels.contains(&STUCK) { levels.len() } else { 0 };
        let (open, reached_from) = (vec![false; count], vec![(0, 0); count]);
        Self { graph, open, ahead: vec![0; count], behind: vec![0; count], reached_from, walk: 0 }
    }

    /// A shortest loop within a set of tied nodes; of those as short, the one with the first node by name.
    fn cycle(&mut self, tied: &[u32]) -> Option<Cycle<N, R>> {
        self.open(tied);
        let mut best: Option<Vec<u32>> = None;
        let mut steps = SEARCH_STEPS;
        for start in tied {
            let shorter_than = best.as_ref().map_or(usize::MAX, Vec::len);
            if shorter_than == 1 || steps == 0 {
                break;
            }
            if self.open[place(*start)] {
                best = self.loop_through(*start, shorter_than, &mut steps).or(best);
                self.close(*start);
            }
        }
        for node in tied {
            self.open[place(*node)] = false;
        }
        let edges = self.edges(&best?);
        Some(Cycle { edges, tied: tied.iter().filter_map(|node| self.graph.node(*node)).cloned().collect() })
    }

    fn open(&mut self, nodes: &[u32]) {
        for node in nodes {
            self.open[place(*node)] = true;
        }
        for node in nodes {
            let count = |row: &[u32]| row.iter().map(|near| u32::from(self.open[place(*near)])).sum();
            let (ahead, behind) = (count(self.graph.dependencies.row(*node)), count(self.graph.dependents.row(*node)));
            self.ahead[place(*node)] = ahead;
            self.behind[place(*node)] = behind;
        }
    }

    /// Closes a node, and then every node that depends on nothing open or that nothing open depends on.
    fn close(&mut self, node: u32) {
        self.open[place(node)] = false;
        let mut closed = vec![node];
        let graph = self.graph;
        while let Some(node) = closed.pop() {
            let sides = [(graph.dependencies.row(node), &mut self.behind), (graph.dependents.row(node), &mut self.ahead)];
            for (row, count) in sides {
                for near in row {
                    let left = &mut count[place(*near)];
                    *left = left.saturating_sub(1);
                    if *left == 0 && self.open[place(*near)] {
                        self.open[place(*near)] = false;
                        closed.push(*near);
                    }
                }
            }
        }
    }

    /// The nodes of a shortest loop through `start` of fewer nodes than `shorter_than`, by a walk in breadth.
    fn loop_through(&mut self, start: u32, shorter_than: usize, steps: &mut u64) -> Option<Vec<u32>> {
        self.walk += 1;
        let (mut wave, mut next) = (vec![start], Vec::new());
        let mut length = 1;
        while !wave.is_empty() && length < shorter_than {
            for node in wave.drain(..) {
                for to in self.graph.dependencies.row(node) {
                    *steps = steps.saturating_sub(1);
                    if *to == start {
                        return Some(self.trace(start, node));
                    }
                    if self.open[place(*to)] && self.reached_from[place(*to)].1 != self.walk {
                        self.reached_from[place(*to)] = (node, self.walk);
                        next.push(*to);
                    }
                }
            }
            std::mem::swap(&mut wave, &mut next);
            length += 1;
        }
        None
    }

    /// The nodes of the walk from `start` to `last`.
    fn trace(&self, start: u32, last: u32) -> Vec<u32> {
        let mut nodes = vec![last];
        let mut node = last;
        while node != start {
            node = self.reached_from[place(node)].0;
            nodes.push(node);
        }
        nodes.reverse();
        nodes
    }

    /// The edges between neighbours of a loop: for each pair the first that there is.
    fn edges(&self, nodes: &[u32]) -> Vec<Edge<N, R>> {
        let ends = nodes.iter().cycle().skip(1);
        nodes.iter().zip(ends).filter_map(|(from, to)| self.edge(*from, *to)).collect()
    }

    fn edge(&self, from: u32, to: u32) -> Option<Edge<N, R>> {
        let row = self.graph.dependencies.range(from);
        let edge = self.graph.numbered_edges(row).find(|edge| Some(edge.to) == self.graph.node(to))?;
        Some(Edge { from: edge.from.clone(), to: edge.to.clone(), because: edge.because.clone() })
    }
}
