//! Some seeds, wherever the tests run; `.ci/test` runs ten thousand.

use std::collections::BTreeMap;

use pathops_simulation::{Bug, search, simulate};

#[test]
fn nothing_is_found_where_nothing_is_wrong() {
    let searched = search(0..300, None);
    let found = searched.found.map(|run| (run.seed, run.violation));
    assert_eq!(found, None, "replay it: cargo run --release --example simulate -- --seed S --trace");
    for end in ["live", "taken back", "left to people"] {
        assert!(searched.ends.get(end).is_some_and(|many| *many >= 5), "seeds reach each end: {:?}", searched.ends);
    }
}

#[test]
fn bugs_are_many_and_have_names() {
    assert!(Bug::ALL.len() >= 20);
    for bug in Bug::ALL {
        assert_eq!(Bug::named(&bug.to_string()), Some(*bug));
    }
    assert_eq!(Bug::HostForgetsKeys.to_string(), "host-forgets-keys");
}

/// A host may take a while to show what it has taken. Whoever posts again and again does not make it faster.
#[test]
fn a_success_that_shows_late_is_not_posted_again_and_again() {
    let (mut late, mut at_once) = (0, 0);
    for run in (0..100).map(|seed| simulate(seed, None)) {
        if run.trace.contains(" lag: 0ns,") {
            at_once += 1;
            continue;
        }
        // An incident takes a success back as often as one is opened.
        if !run.trace.contains(" alarms: [] }") {
            continue;
        }
        let mut posted: BTreeMap<&str, u32> = BTreeMap::new();
        for line in run.trace.lines().filter_map(|line| line.split_once(" + ")) {
            let head = line.1.split_once(": success: promotion of ").map(|(head, _)| head);
            head.into_iter().for_each(|head| *posted.entry(head).or_default() += 1);
        }
        late += posted.len();
        // Twice more, where a process died or an approval was taken back in between.
        assert!(posted.values().all(|times| *times <= 3), "seed {}: {posted:?}", run.seed);
    }
    assert!(late >= 5 && at_once >= 5, "only {late} successes showed late, and {at_once} worlds show everything at once");
}

/// A world in which nothing of it happens holds nothing against it.
#[test]
fn alarms_go_off_and_operators_are_there() {
    let traces: Vec<String> = (0..150).map(|seed| simulate(seed, None).trace).collect();
    let happens = [
        ("? alarm-", "stored before"),
        ("? alarm-", "check that both sides have the same one"),
        ("= alarm-", " is handled"),
        ("+ incident alert-", " is open"),
        ("+ incident everything of everything", " is open"),
        ("  tell: incident `", ""),
        ("? Retry ", ": told"),
        ("? Reset(", ": told"),
        ("? archive: 1 ", " moved"),
    ];
    for (begins, ends) in happens {
        let is_it = |line: &str| line.contains(begins) && line.ends_with(ends);
        let many = traces.iter().filter(|trace| trace.lines().any(is_it)).count();
        assert!(many >= 1, "{begins}…{ends}: in {many} worlds");
    }
}
