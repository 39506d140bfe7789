use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

type Edges = Vec<(u8, u8)>;

fn graph(edges: &[(u8, u8)]) -> Graph<u8, usize> {
    Graph::new([], edges.iter().enumerate().map(|(because, (from, to))| Edge { from: *from, to: *to, because })).unwrap()
}

fn levels(edges: &[(u8, u8)]) -> Vec<Vec<u8>> {
    graph(edges).waves().unwrap().iter().map(|wave| wave.nodes().copied().collect()).collect()
}

/// The length of the shortest loop, by trying every way of growing length.
fn shortest_by_trial(edges: &BTreeSet<(u8, u8)>) -> Option<usize> {
    let mut ways = edges.clone();
    for length in 1..=20 {
        if ways.iter().any(|(from, to)| from == to) {
            return Some(length);
        }
        ways = ways.iter().flat_map(|(a, b)| edges.iter().filter(move |(c, _)| b == c).map(move |(_, d)| (*a, *d))).collect();
    }
    None
}

/// The sets of nodes that reach each other, from the closure of "depends on".
fn tied_by_trial(edges: &BTreeSet<(u8, u8)>) -> BTreeSet<Vec<u8>> {
    let mut reach = edges.clone();
    loop {
        let more: Vec<(u8, u8)> = reach
            .iter()
            .flat_map(|(a, b)| reach.iter().filter(move |(c, _)| b == c).map(move |(_, d)| (*a, *d)))
            .filter(|way| !reach.contains(way))
            .collect();
        if more.is_empty() {
            break;
        }
        reach.extend(more);
    }
    let on_loops = reach.iter().filter(|(from, to)| from == to).map(|(node, _)| *node);
    on_loops
        .map(|node| reach.iter().filter(|(a, b)| *a == node && reach.contains(&(*b, node))).map(|(_, b)| *b).collect())
        .collect()
}

fn any_edges() -> impl Strategy<Value = Edges> {
    prop_oneof![proptest::collection::vec((0_u8..14, 0_u8..14), 0..22), proptest::collection::vec((0_u8..6, 0_u8..6), 0..14)]
}

proptest! {
    #[test]
    fn every_edge_is_respected_and_no_node_waits_needlessly(edges in any_edges()) {
        // From the greater to the lesser number, so there is no loop.
        let edges: Edges = edges.into_iter().filter(|(a, b)| a != b).map(|(a, b)| (a.max(b), a.min(b))).collect();
        let waves = levels(&edges);
        let wave_of = |node: u8| waves.iter().position(|wave| wave.contains(&node)).unwrap();
        for (from, to) in &edges {
            prop_assert!(wave_of(*to) < wave_of(*from), "{to} before {from} in {waves:?}");
        }
        for (index, wave) in waves.iter().enumerate().skip(1) {
            for node in wave {
                let placed = edges.iter().any(|(from, to)| from == node && wave_of(*to) + 1 == index);
                prop_assert!(placed, "{node} could go before wave {index} of {waves:?}");
            }
        }
        prop_assert!(waves.iter().all(|wave| wave.is_sorted() && !wave.is_empty()));
    }

    #[test]
    fn loops_are_real_and_none_is_shorter(edges in any_edges()) {
        let set: BTreeSet<(u8, u8)> = edges.iter().copied().collect();
        let graph = graph(&edges);
        let cycles = graph.cycles();
        prop_assert_eq!(cycles.first().map(|cycle| cycle.edges.len()), shortest_by_trial(&set));
        let tied: BTreeSet<Vec<u8>> = cycles.iter().map(|cycle| cycle.tied.clone()).collect();
        prop_assert_eq!(tied.len(), cycles.len());
        prop_assert_eq!(tied, tied_by_trial(&set));
        for cycle in &cycles {
            let ends = cycle.edges.iter().cycle().skip(1);
            for (edge, next) in cycle.edges.iter().zip(ends) {
                prop_assert_eq!(edges.get(edge.because), Some(&(edge.from, edge.to)));
                prop_assert_eq!(edge.to, next.from);
            }
            let inside = set.iter().copied().filter(|(a, b)| cycle.tied.contains(a) && cycle.tied.contains(b)).collect();
            prop_assert_eq!(Some(cycle.edges.len()), shortest_by_trial(&inside));
        }
        prop_assert_eq!(graph.waves().err(), cycles.into_iter().next());
    }

    #[test]
    fn the_order_of_naming_does_not_matter(edges in any_edges(), seed in any::<u64>()) {
        let mut shuffled: Vec<(u8, u8)> = edges.clone();
        shuffled.sort_by_key(|(a, b)| (u64::from(*a) * 31 + u64::from(*b) * 17).wrapping_mul(seed | 1));
        let tell = |edges: &[(u8, u8)]| {
            let graph = Graph::new([], edges.iter().map(|(from, to)| Edge { from: *from, to: *to, because: () })).unwrap();
            graph.waves().map(|waves| waves.iter().map(|wave| wave.nodes().copied().collect()).collect::<Vec<Vec<u8>>>())
        };
        prop_assert_eq!(tell(&edges), tell(&shuffled));
    }
}

proptest! {
    /// `petgraph` finds the same sets of nodes that are tied together.
    #[test]
    fn tied_nodes_are_those_that_another_implementation_finds(edges in proptest::collection::vec((0_u32..12, 0_u32..12), 0..40)) {
        let graph = Graph::new([], edges.iter().map(|(from, to)| Edge { from: *from, to: *to, because: () })).unwrap();
        let mut theirs: Vec<Vec<u32>> = petgraph::algo::kosaraju_scc(&petgraph::graph::DiGraph::<(), ()>::from_edges(&edges))
            .into_iter()
            .map(|set| set.into_iter().map(|node| u32::try_from(node.index()).unwrap()).collect::<Vec<u32>>())
            .filter(|set| set.len() > 1 || edges.contains(&(set[0], set[0])))
            .collect();
        theirs.iter_mut().for_each(|set| set.sort_unstable());
        theirs.sort();
        let mut ours: Vec<Vec<u32>> = graph.cycles().into_iter().map(|cycle| cycle.tied).collect();
        ours.sort();
        prop_assert_eq!(ours, theirs);
    }
}

#[test]
fn a_wave_tells_what_its_nodes_waited_for() {
    let edge = |from, to, because| Edge { from, to, because };
    let edges = [
        edge("web", "store", "reads"),
        edge("web", "orders", "calls"),
        edge("orders", "store", "writes"),
        edge("web", "orders", "links"),
    ];
    let graph = Graph::new(["alone"], edges).unwrap();
    let waves = graph.waves().unwrap();
    let told: Vec<Vec<String>> = waves
        .iter()
        .map(|wave| wave.edges().map(|edge| format!("{} {} {}", edge.from, edge.because, edge.to)).collect())
        .collect();
    assert_eq!(told, [vec![], vec!["orders writes store"], vec!["web calls orders", "web links orders", "web reads store"]]);
    let back: Vec<&str> = waves.iter().rev().flat_map(|wave| wave.nodes().copied().collect::<Vec<_>>()).collect();
    assert_eq!(back, ["web", "orders", "alone", "store"]);
}

#[test]
fn a_loop_is_told_in_words() {
    let edge = |from, to, because| Edge { from, to, because };
    let edges = [edge("a", "b", "x"), edge("b", "c", "y"), edge("c", "a", "z"), edge("c", "b", "w"), edge("d", "a", "v")];
    let cycle = Graph::new([], edges).unwrap().waves().unwrap_err();
    assert_eq!(cycle.to_string(), "`b` waits for `c` (y), which waits for `b` (w)");
    assert_eq!(cycle.tied, ["a", "b", "c"]);
    let alone = Graph::new([], [edge("a", "a", "itself")]).unwrap().waves().unwrap_err();
    assert_eq!(alone.to_string(), "`a` waits for `a` (itself)");
}

#[test]
fn nothing_is_no_wave() {
    let graph = Graph::<u8, ()>::new([], []).unwrap();
    assert!(graph.waves().unwrap().is_empty());
    assert!(graph.cycles().is_empty());
}

const MANY: u32 = 200_000;

#[test]
fn a_long_line_and_a_long_ring_need_no_stack() {
    let line = |count| (1..count).map(|node| Edge { from: node, to: node - 1, because: () });
    let graph = Graph::new([], line(MANY)).unwrap();
    assert_eq!(graph.waves().unwrap().len(), MANY as usize);
    let ring = Graph::new([], line(MANY).chain([Edge { from: 0, to: MANY - 1, because: () }])).unwrap();
    assert_eq!(ring.waves().unwrap_err().edges.len(), MANY as usize);
}

#[test]
fn a_hub_that_everything_is_tied_to_is_no_trap() {
    let both = |node| [Edge { from: 0, to: node, because: () }, Edge { from: node, to: 0, because: () }];
    let graph = Graph::new([], (1..MANY).flat_map(both)).unwrap();
    let cycle = graph.waves().unwrap_err();
    assert_eq!((cycle.edges.len(), cycle.tied.len()), (2, MANY as usize));
}
