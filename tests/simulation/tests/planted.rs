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

fn found(bug: Bug) -> Result<(), Failed> {
    let searched = search(0..SEEDS, Some(bug));
    let Some(run) = searched.found else { return Err(format!("no seed below {SEEDS} finds it: {}", bug.says()).into()) };
    let violation = run.violation.ok_or("a seed without a finding")?;
    if violation.invariant.split(' ').next() != Some(bug.found_by()) {
        return Err(format!("seed {} finds it by {}: {}", run.seed, violation.invariant, violation.what).into());
    }
    println!("{bug}: seed {}: {}: {}", run.seed, violation.invariant, violation.what);
    Ok(())
}
