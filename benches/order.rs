//! How long deploy order takes, beside `petgraph::algo::toposort` on the same graphs in the same run.
//!
//! Times are those of the process' CPU clock, the best of several runs. `cargo bench -p pathops-benches`, or with
//! `-- --test` tiny graphs, to see that it works.
#![expect(clippy::print_stdout, clippy::expect_used, reason = "a program that prints a table")]

use std::hint::black_box;
use std::time::Duration;

use pathops_benches::cpu_time;
use pathops_core::order::{Edge, Graph};
use petgraph::graph::DiGraph;

fn main() {
    let test = std::env::args().any(|argument| argument == "--test");
    let sizes: &[u32] = if test { &[100] } else { &[10_000, 100_000, 1_000_000] };
    println!(
        "{:>10} {:>10} {:>8} {:>12} {:>12} {:>12} {:>8}",
        "nodes", "edges", "waves", "build ms", "waves ms", "toposort ms", "ratio"
    );
    for size in sizes {
        report(*size, &random_edges(*size));
    }
    let line = sizes.last().copied().unwrap_or(1);
    report(line, &(1..line).map(|node| (node, node - 1)).collect::<Vec<_>>());
}

fn report(nodes: u32, edges: &[(u32, u32)]) {
    let given = || edges.iter().map(|(from, to)| Edge { from: *from, to: *to, because: () });
    let runs = if nodes > 100_000 { 3 } else { 7 };
    let built = best(runs, || Graph::new(0..nodes, given()).expect("fits"));
    let graph = Graph::new(0..nodes, given()).expect("fits");
    let ours = best(runs, || graph.waves().expect("no loop").len());
    let theirs: DiGraph<(), (), u32> = DiGraph::from_edges(edges.iter().copied());
    let toposort = best(runs, || petgraph::algo::toposort(&theirs, None).expect("no loop").len());
    println!(
        "{nodes:>10} {:>10} {:>8} {:>12.3} {:>12.3} {:>12.3} {:>8.2}",
        edges.len(),
        graph.waves().expect("no loop").len(),
        milliseconds(built),
        milliseconds(ours),
        milliseconds(toposort),
        ours.as_secs_f64() / toposort.as_secs_f64()
    );
}

/// Four edges a node, each to a random node before it.
fn random_edges(nodes: u32) -> Vec<(u32, u32)> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut below = |limit: u32| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u32::try_from(state % u64::from(limit)).expect("below a u32")
    };
    (1..nodes).flat_map(|node| [node; 4]).map(|node| (node, below(node))).collect()
}

fn best<T>(runs: usize, mut work: impl FnMut() -> T) -> Duration {
    let once = |_| {
        let begin = cpu_time();
        black_box(work());
        cpu_time().saturating_sub(begin)
    };
    (0..runs).map(once).min().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
