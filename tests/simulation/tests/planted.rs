//! Each planted bug is found within 2,000 seeds, and by an invariant that is about it.
#![expect(clippy::print_stdout, reason = "which seed found what is worth knowing")]

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use pathops_simulation::{Bug, search};

const SEEDS: u64 = 2_000;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // A search takes every core itself.
    arguments.test_threads.get_or_insert(1);
    let trials = Bug::ALL.iter().map(|bug| Trial::test(bug.to_string(), move || found(*bug)));
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// What follows from it may be found first: a clock that stands still keeps some worlds waiting for ever.
fn found(bug: Bug) -> Result<(), Failed> {
    let mut others = Vec::new();
    let mut from = 0;
    while let Some(run) = search(from..SEEDS, Some(bug)).found {
        let violation = run.violation.ok_or("a seed without a finding")?;
        let told = format!("seed {}: {}: {}", run.seed, violation.invariant, violation.what);
        if violation.invariant.split(' ').next() == Some(bug.found_by()) {
            println!("{bug}: {told}");
            return Ok(());
        }
        others.push(told);
        from = run.seed + 1;
    }
    Err(format!("no seed below {SEEDS} finds by {} that {} {others:#?}", bug.found_by(), bug.says()).into())
}
