//! Which nodes wait for each other: the strongly connected components of what is stuck (Tarjan 1972), without recursion.

#![expect(
    clippy::indexing_slicing,
    reason = "every number is below the number of nodes, and every table has a place for each node"
)]

use super::Graph;
use super::rows::place;
use super::wave::STUCK;

/// The sets of nodes that reach each other (a node alone only where it depends on itself), each sorted.
pub(super) fn tied_sets<N: Ord + Clone, R: Clone>(graph: &Graph<N, R>, levels: &[u32]) -> Vec<Vec<u32>> {
    let mut walk = Walk { seen: vec![0; levels.len()], lowest: vec![0; levels.len()], path: Vec::new(), count: 0 };
    let mut sets = Vec::new();
    for (number, _) in (0_u32..).zip(levels).filter(|(_, level)| **level == STUCK) {
        if walk.seen[place(number)] == 0 {
            walk.from(number, graph, levels, &mut sets);
        }
    }
    sets.retain(|set: &Vec<u32>| set.len() > 1 || set.iter().all(|node| graph.dependencies.row(*node).contains(node)));
    sets.iter_mut().for_each(|set| set.sort_unstable());
    sets
}

/// A node whose set is complete is at this place: no path leads back to it any more.
const LEFT: u32 = u32::MAX;

struct Walk {
    /// When a node was come to, from 1; 0 before, and [`LEFT`] once its set is complete.
    seen: Vec<u32>,
    /// The earliest node of the path that a node leads back to.
    lowest: Vec<u32>,
    /// Nodes whose set is not complete.
    path: Vec<u32>,
    count: u32,
}

impl Walk {
    fn from<N: Ord + Clone, R: Clone>(&mut self, root: u32, graph: &Graph<N, R>, levels: &[u32], sets: &mut Vec<Vec<u32>>) {
        let mut open = vec![self.enter(root)];
        while let Some((node, next)) = open.last_mut() {
            let node = *node;
            match graph.dependencies.row(node).get(*next) {
                Some(to) => {
                    *next += 1;
                    match self.seen[place(*to)] {
                        _ if levels[place(*to)] != STUCK => {}
                        0 => open.push(self.enter(*to)),
                        LEFT => {}
                        seen => self.lower(node, seen),
                    }
                }
                None => {
                    open.pop();
                    let lowest = self.lowest[place(node)];
                    if let Some((before, _)) = open.last() {
                        self.lower(*before, lowest);
                    }
                    if lowest == self.seen[place(node)] {
                        sets.push(self.leave(node));
                    }
                }
            }
        }
    }

    fn enter(&mut self, node: u32) -> (u32, usize) {
        self.count += 1;
        (self.seen[place(node)], self.lowest[place(node)]) = (self.count, self.count);
        self.path.push(node);
        (node, 0)
    }

    fn lower(&mut self, node: u32, seen: u32) {
        let lowest = &mut self.lowest[place(node)];
        *lowest = seen.min(*lowest);
    }

    /// Takes the set that begins with `first` from the path.
    fn leave(&mut self, first: u32) -> Vec<u32> {
        let begin = self.path.iter().rposition(|node| *node == first).unwrap_or(0);
        let set = self.path.split_off(begin);
        set.iter().for_each(|node| self.seen[place(*node)] = LEFT);
        set
    }
}
