//! Runs seeds of the simulation: `cargo run --release --example simulate -- --seeds 10000`.
#![expect(clippy::print_stdout, reason = "a program that tells what it found")]
#![expect(clippy::disallowed_methods, reason = "how long it took is for people; no seed sees it")]

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use pathops_simulation::{Bug, Run, search, simulate};

/// Takes a control plane through crashes, lost answers, late people and lying agents, each seed in its own way.
#[derive(Parser)]
struct Options {
    /// How many seeds to run.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Print everything that happens in the first seed.
    #[arg(long)]
    trace: bool,
    /// Plant a bug, to see it found; `list` names all of them.
    #[arg(long)]
    bug: Option<String>,
}

fn main() -> ExitCode {
    let Options { seeds, seed, trace, bug } = Options::parse();
    let planted = bug.as_deref().and_then(Bug::named);
    if bug.is_some() && planted.is_none() {
        Bug::ALL.iter().for_each(|bug| println!("{bug:<32} {}", bug.says()));
        return ExitCode::from(2);
    }
    if trace {
        let run = simulate(seed, planted);
        print!("{}", run.trace);
        println!("seed {seed}: trace {}", run.digest);
        return told(&run, planted);
    }
    let begun = Instant::now();
    let searched = search(seed..seed.saturating_add(seeds), planted);
    let took = begun.elapsed().as_secs_f64();
    let ends: Vec<_> = searched.ends.iter().map(|(how, many)| format!("{many} {how}")).collect();
    println!(
        "{} seeds in {took:.1} s, {:.0} a second; {} calls of adapters; change sets: {}",
        searched.seeds,
        f64::from(u32::try_from(searched.seeds).unwrap_or(u32::MAX)) / took,
        searched.calls,
        ends.join(", ")
    );
    searched.found.map_or(ExitCode::SUCCESS, |run| told(&run, planted))
}

/// Says what was found, and how to see it again.
fn told(run: &Run, planted: Option<Bug>) -> ExitCode {
    let Some(violation) = &run.violation else { return ExitCode::SUCCESS };
    let bug = planted.map(|bug| format!(" --bug {bug}")).unwrap_or_default();
    println!("seed {}: {}: {}", run.seed, violation.invariant, violation.what);
    println!("replay it: cargo run --release --example simulate -- --seed {} --trace{bug}", run.seed);
    ExitCode::FAILURE
}
