//! What the example claims at its end can fail: where what it looks at is not so, it says so and exits with an error.
#![expect(clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::example::{Example, Run, path};
use super::project::SmallProject;

/// Carries out the request, lets `branch` ask for what it asked for `back` commits before, and has it looked at again.
fn changed_afterwards(project: &SmallProject, branch: &str, back: u32) -> Run {
    let mut example = Example::of(project.path(), &[]);
    example.run().assert_held();
    let tree = format!("{branch}~{back}^{{tree}}");
    let identity = ["-c", "user.name=mallory", "-c", "user.email=mallory@localhost"];
    let commit = [identity.as_slice(), &["commit-tree", &tree, "-p", branch, "-m", "Change what is there"]].concat();
    let commit = example.git("app-gitops", &commit);
    example.git("app-gitops", &["update-ref", &format!("refs/heads/{branch}"), commit.trim()]);
    // A run that was carried to its end is looked at no more.
    fs::remove_file(example.state.join("finished")).unwrap();
    example.run()
}

/// Fails unless it ended with code 1, and one claim about what became of the request has this problem.
#[track_caller]
fn assert_not_so(run: &Run, claim: &str, problem: &str) {
    let summary = run.summary();
    let claims = summary["claims"].as_array().unwrap().iter();
    let bad: Vec<_> = claims.filter(|it| it["problem"].as_str().is_some_and(|it| it.contains(problem))).collect();
    assert!(bad.iter().any(|it| it["claim"].as_str().unwrap().contains(claim)), "{bad:#?}\n{}", run.account);
    assert_eq!(run.code, Some(1), "{}", run.account);
    assert!(run.account.contains("NOT SO"), "{}", run.account);
}

#[test]
fn a_revert_that_is_missing_is_found() {
    let run = changed_afterwards(&SmallProject::new("broken"), "preflight", 1);
    assert_not_so(&run, "nothing of it is left in preflight or production", "app is not back to what it was");
}

#[test]
fn production_that_is_not_what_was_merged_is_found() {
    let run = changed_afterwards(&SmallProject::new("feature"), "production", 1);
    assert_not_so(&run, "is in production", "app is not what was merged");
}

#[test]
fn a_restore_in_production_that_is_undone_is_found() {
    let project = SmallProject::new("feature");
    project.breaking_in_production("late").request("late", &["app"], "feature", "feature", "feature that comes late");
    let run = changed_afterwards(&project, "production", 1);
    assert_not_so(&run, "nothing of it is left in preflight or production", "app is not back to what it was: production of");
}

/// Without a compiler nothing of the sample can be built.
#[test]
fn a_sample_that_does_not_reach_production_fails() {
    let folder = tempfile::tempdir().unwrap();
    let rustc = folder.path().join("rustc");
    fs::write(&rustc, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755)).unwrap();
    let variables = vec![("PATH".to_owned(), format!("{}:{}", folder.path().display(), path()))];
    let mut shop = Example::new(&["--request", "delivery-date"]).with_environment(variables);
    let run = shop.run();
    assert_eq!(run.summary()["changeSets"][0]["end"], "recovered", "{}", run.account);
    assert_not_so(&run, "Show the delivery date at checkout", "it was meant to reach production");
    shop.assert_none_left();
}
