//! Deploy order of published systems: graphs that nobody here made up, held against computations that share no code
//! with ours.
#![expect(clippy::indexing_slicing, clippy::print_stderr, reason = "test code: a failure is a failed test, a skip is told")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use pathops_core::order::{Cycle, Edge, Graph};
use serde_json::Value;

type Pairs = BTreeSet<(String, String)>;

struct Published {
    name: String,
    stats: Value,
    nodes: Vec<String>,
    edges: Vec<Edge<String, String>>,
}

impl Published {
    fn parse(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let nodes = match &value["nodes"] {
            Value::Array(names) => names.iter().map(text).collect(),
            names => names.as_object().unwrap().keys().cloned().collect(),
        };
        let edge = |edge: &Value| Edge { from: text(&edge[0]), to: text(&edge[1]), because: text(&edge[2]) };
        let edges = value["edges"].as_array().unwrap().iter().map(edge).collect();
        Self { name: text(&value["name"]), stats: value["stats"].clone(), nodes, edges }
    }

    fn graph(&self) -> Graph<String, String> {
        Graph::new(self.nodes.iter().cloned(), self.edges.iter().cloned()).unwrap()
    }

    fn pairs(&self) -> Pairs {
        self.edges.iter().map(|edge| (edge.from.clone(), edge.to.clone())).collect()
    }

    fn stat(&self, name: &str) -> usize {
        usize::try_from(self.stats[name].as_u64().unwrap()).unwrap()
    }
}

/// They are no part of the project: without them the tests are skipped.
fn published() -> Vec<Published> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/graphs");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!("skipped: the published graphs are not at {}", folder.display());
        return Vec::new();
    };
    let files = entries.map(|entry| entry.unwrap().path()).filter(|path| path.extension().is_some_and(|end| end == "json"));
    let graphs: Vec<Published> = files.map(|path| Published::parse(&std::fs::read_to_string(path).unwrap())).collect();
    assert!(graphs.len() >= 5, "only {} graphs", graphs.len());
    graphs
}

fn waves(graph: &Graph<String, String>) -> Result<Vec<Vec<String>>, Cycle<String, String>> {
    Ok(graph.waves()?.iter().map(|wave| wave.nodes().cloned().collect()).collect())
}

/// Raises each node above all that it depends on until nothing moves: the longest way, the slow way.
fn waves_by_raising(nodes: &[String], pairs: &Pairs) -> Vec<Vec<String>> {
    let mut level: BTreeMap<&String, usize> = nodes.iter().map(|node| (node, 0)).collect();
    loop {
        let low: Vec<(&String, usize)> =
            pairs.iter().filter(|(from, to)| level[from] <= level[to]).map(|(from, to)| (from, level[to] + 1)).collect();
        if low.is_empty() {
            break;
        }
        level.extend(low);
    }
    let mut waves = vec![Vec::new(); level.values().max().map_or(0, |deepest| deepest + 1)];
    level.into_iter().for_each(|(node, level)| waves[level].push(node.clone()));
    waves
}

/// Each node that is tied to others becomes the first of them; what is left has no loop.
fn untied(graph: &Published, cycles: &[Cycle<String, String>]) -> (Vec<String>, Pairs) {
    let stands_for = |node: &String| {
        let tied = cycles.iter().find(|cycle| cycle.tied.contains(node));
        tied.and_then(|cycle| cycle.tied.first()).unwrap_or(node).clone()
    };
    let pairs =
        graph.pairs().iter().map(|(from, to)| (stands_for(from), stands_for(to))).filter(|(from, to)| from != to).collect();
    let nodes: BTreeSet<String> = graph.nodes.iter().map(stands_for).collect();
    (nodes.into_iter().collect(), pairs)
}

#[test]
fn waves_are_as_long_ways_say_and_as_published() {
    for graph in published() {
        assert_eq!(graph.nodes.len(), graph.stat("nodes"), "{}", graph.name);
        let cycles = graph.graph().cycles();
        let (nodes, pairs) = untied(&graph, &cycles);
        let expected = waves_by_raising(&nodes, &pairs);
        let edges = pairs.into_iter().map(|(from, to)| Edge { from, to, because: String::new() });
        let ours = waves(&Graph::new(nodes, edges).unwrap()).unwrap();
        assert_eq!(ours, expected, "{}", graph.name);
        assert_eq!(ours.len(), graph.stat("waves"), "{}", graph.name);
        if cycles.is_empty() {
            assert_eq!(waves(&graph.graph()).unwrap(), expected, "{}", graph.name);
        }
    }
}

#[test]
fn loops_are_named_real_and_as_many_as_published() {
    for graph in published() {
        let cycles = graph.graph().cycles();
        assert_eq!(cycles.len(), graph.stat("cyclic_sccs"), "{}", graph.name);
        assert_eq!(cycles.iter().map(|cycle| cycle.tied.len()).max().unwrap_or(0), graph.stat("largest_scc"), "{}", graph.name);
        for cycle in &cycles {
            let ends = cycle.edges.iter().cycle().skip(1);
            for (edge, next) in cycle.edges.iter().zip(ends) {
                assert!(graph.edges.contains(edge), "{}: {edge:?}", graph.name);
                assert_eq!(edge.to, next.from, "{}", graph.name);
            }
        }
        assert_eq!(waves(&graph.graph()).err(), cycles.into_iter().next(), "{}", graph.name);
    }
}
