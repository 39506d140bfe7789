//! Killed and stopped at many moments: it goes on where it was, and the end is that of an undisturbed run.

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use super::example::{Example, Run};
use super::project::SmallProject;
use super::undisturbed::{end_state, expected};

/// Killed once each of these is told, in this order (unless a run before went past it already): in the middle of CI, merges, deployments, decisions, the recovery
/// and the end.
const MOMENTS: [&str; 9] = [
    "CI runs ci/run",
    "waits for people to merge source",
    "live and healthy in preflight",
    "pieces of evidence signed",
    "opened production pull request",
    "live and healthy in production",
    "is in production",
    "opened recovery pull request",
    "what holds, looked at once more",
];

/// The exit code of a run that the user has stopped.
const STOPPED: i32 = 130;

#[test]
fn killed_at_each_moment_it_ends_as_if_undisturbed() {
    let mut shop = Example::new(&[]);
    let mut told = String::new();
    for moment in MOMENTS {
        let mut running = shop.start();
        let reached = running.until(moment);
        told.push_str(&running.account());
        if reached {
            running.kill();
        } else {
            assert!(told.contains(moment), "no run came to the moment {moment:?} in:\n{told}");
        }
        shop.assert_none_left();
    }
    let run = shop.run();
    ends_as_if_undisturbed(&shop, &run);
}

#[test]
fn killed_after_any_time_it_ends_as_if_undisturbed() {
    let mut shop = Example::new(&[]);
    for millis in [20, 60, 150, 300, 500, 700, 900, 1_100, 1_300, 1_500, 1_700, 2_000, 2_300] {
        let running = shop.start();
        sleep(Duration::from_millis(millis));
        running.kill();
        shop.assert_none_left();
    }
    let run = shop.run();
    ends_as_if_undisturbed(&shop, &run);
}

#[track_caller]
fn ends_as_if_undisturbed(shop: &Example, run: &Run) {
    run.assert_held();
    assert_eq!(end_state(shop, run), expected(), "{}", run.account);
    shop.assert_none_left();
}

/// So many things happen between one Ctrl-C and the next: about a hundred happen in a run.
const STEP: usize = 3;

/// With Ctrl-C over and over, from the first thing that happens to the last.
#[test]
fn stopped_again_and_again_it_ends_as_if_undisturbed() {
    let mut shop = Example::new(&[]);
    let mut told = BTreeSet::new();
    let mut stops = Vec::new();
    let run = loop {
        let mut running = shop.start();
        let last = running.until_news(&mut told, STEP);
        if last.is_some() {
            running.signal(Signal::INT);
        }
        let run = running.end();
        match last {
            Some(last) if run.code == Some(STOPPED) => stops.push(last),
            // It had come to its end before it could hear of it.
            _ => break run,
        }
        assert!(run.account.contains("stopped; nothing is lost"), "{}", run.account);
        assert!(!run.account.contains("panicked"), "{}", run.account);
        shop.assert_none_left();
    };
    assert!(stops.len() >= 20, "it was only stopped after {stops:#?}");
    ends_as_if_undisturbed(&shop, &run);
}

#[test]
fn stopped_by_the_user_it_says_so_and_goes_on_later() {
    let project = SmallProject::new("feature");
    project.ci("setsid sleep 600 >/dev/null 2>&1 &\nsleep 2\n");
    let mut example = Example::of(project.path(), &[]);
    for moment in ["everything lies in", "CI runs ci/run", "waits until exactly this is live"] {
        let mut running = example.start();
        assert!(running.until(moment));
        running.signal(Signal::INT);
        let run = running.end();
        assert_eq!(run.code, Some(STOPPED), "{}", run.account);
        assert!(run.account.contains("stopped; nothing is lost"), "{}", run.account);
        example.assert_none_left();
    }
    let run = example.run();
    run.assert_held();
    assert!(run.account.contains("A run was stopped here: this one goes on where it was."), "{}", run.account);
    assert!(run.account.contains("in production"), "{}", run.account);
    example.assert_none_left();
}

/// After a restart everything comes up at once. What is about to be tested waits for what it may need.
#[test]
fn killed_in_the_middle_of_a_test_it_tests_anew_once_everything_is_up() {
    let project = SmallProject::new("feature").with_base(1_000, 500);
    let mut example = Example::of(project.path(), &[]);
    let mut running = example.start();
    assert!(running.until(". app       waits until exactly this is live and healthy in preflight"));
    sleep(Duration::from_millis(200));
    running.kill();
    example.assert_none_left();
    let run = example.run();
    run.assert_held();
    assert!(run.account.contains("Make it change: in production"), "{}", run.account);
}
