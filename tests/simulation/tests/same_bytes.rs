//! The same seed gives the same bytes: twice in a process, and in two processes.

use std::env;
use std::process::Command;

use pathops_simulation::simulate;

const SEEDS: u64 = 40;

/// All digests in one line.
fn digests() -> String {
    let digests: Vec<_> = (0..SEEDS).map(|seed| simulate(seed, None).digest.to_string()).collect();
    format!("digests: {}", digests.join(" "))
}

#[test]
fn twice_in_a_process_and_in_two_processes() {
    let here = digests();
    assert_eq!(here, digests());
    let other =
        Command::new(env::current_exe().unwrap()).args(["--exact", "prints_digests", "--ignored", "--nocapture"]).output();
    let printed = String::from_utf8(other.unwrap().stdout).unwrap();
    assert!(printed.contains(&here), "another process has other traces: {printed}");
}

#[test]
fn seeds_differ() {
    assert_ne!(simulate(1, None).digest, simulate(2, None).digest);
}

/// The other process of the test above.
#[test]
#[ignore = "is started by another test"]
fn prints_digests() {
    println!("{}", digests());
}
