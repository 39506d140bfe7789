//! The golden path on the fakes of vendors' servers, and on Temporal's server for development: the same people, evidence and end as with
//! what is embedded.

use std::collections::BTreeSet;
use std::path::Path;

use pathops_core::evidence::{Envelope, Predicate as _, TestResult};
use serde_json::Value;

use super::example::{Example, Run, files};
use super::undisturbed::{end_state, expected};
use crate::program::ROOT;

/// Runs it undisturbed on these.
fn run_on(arguments: &[&str]) -> Run {
    run_of(&mut Example::with_fakes(arguments))
}

fn run_of(shop: &mut Example) -> Run {
    let run = shop.run();
    run.assert_held();
    shop.assert_none_left();
    assert_eq!(end_state(shop, &run), expected());
    run
}

/// Runs it on these, killed again and again.
fn killed_on(arguments: &[&str]) {
    let mut shop = Example::with_fakes(arguments);
    for moment in ["waits for people to merge source", "live and healthy in preflight", "opened production pull request"] {
        let mut running = shop.start();
        assert!(running.until(moment), "no run came to the moment {moment:?}");
        running.kill();
        shop.assert_none_left();
    }
    let run = shop.run();
    run.assert_held();
    assert_eq!(end_state(&shop, &run), expected());
}

/// Runs it undisturbed on this Git host. So many calls of its API a promotion of a unit to an environment may cost, all told: from
/// the branch of its pull request to the last word of its comment.
fn costs_on(host: &str, most: u64) {
    let run = run_on(&["--scm", host]);
    let host = run.summary()["figures"]["gitHost"].clone();
    let calls = host["calls"]["desiredState"].as_u64().unwrap();
    assert!(calls > 0 && calls <= most * host["promotions"].as_u64().unwrap(), "{host}");
    assert!(run.account.contains("calls of the Git host's API"), "{}", run.account);
}

#[test]
fn on_github_it_ends_as_on_the_local_forge() {
    costs_on("github", 40);
}

#[test]
fn on_gitlab_it_ends_as_on_the_local_forge() {
    costs_on("gitlab", 45);
}

#[test]
fn on_argo_cd_it_ends_as_on_the_local_reconciler() {
    let mut shop = Example::with_fakes(&["--gitops", "argocd"]);
    let run = run_of(&mut shop);
    // It is Argo CD that was asked: the reconciler knows of no hooks.
    let why = run.summary()["changeSets"][1]["failure"]["reason"].as_str().unwrap().to_owned();
    assert!(why.contains("the hook Job/orders-smoke: Failed") && why.contains("/quotes/kettle"), "{why}");
    // And Argo Rollouts beside it, what it has analysed: each of four units in both environments, all of it good at the end.
    let statements = files(&shop.state.join("store")).into_iter().filter_map(|file| {
        let envelope = Envelope::from_slice(&std::fs::read(file).ok()?).ok()?;
        serde_json::from_slice::<Value>(&envelope.payload().ok()?).ok()
    });
    let analyses = statements.filter(|it| it["predicateType"] == TestResult::TYPE && it.to_string().contains("\"analysis\""));
    let about: BTreeSet<String> = analyses
        .map(|it| {
            assert_eq!(it["predicate"]["result"], "PASSED", "{it:#}");
            it["subject"][0]["name"].as_str().unwrap().to_owned()
        })
        .collect();
    let expected = ["catalog", "orders", "store", "web"].map(|unit| ["preflight", "production"].map(|at| format!("{unit}@{at}")));
    assert_eq!(about, expected.into_iter().flatten().collect());
}

#[test]
fn on_github_and_argo_cd_a_killed_run_goes_on() {
    killed_on(&["--scm", "github", "--gitops", "argocd"]);
}

#[test]
fn on_gitlab_and_argo_cd_a_killed_run_goes_on() {
    killed_on(&["--scm", "gitlab", "--gitops", "argocd"]);
}

#[expect(clippy::print_stderr, reason = "a skip is told")]
/// Whether Temporal's server is there; where it is not, that is told.
fn has_temporal() -> bool {
    let ours = Path::new(ROOT).join("target/third-party/tools/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::iter::once(ours).chain(std::env::split_paths(&path)).any(|folder| folder.join("temporal").is_file());
    assert!(is_there || std::env::var_os("CI").is_none(), "the program `temporal` is missing: `.ci/test` installs it");
    if !is_there {
        eprintln!("skipped: the program `temporal` is not installed; `.ci/test` does it");
    }
    is_there
}

#[test]
fn on_temporal_it_ends_as_on_the_embedded_engine() {
    if has_temporal() {
        run_on(&["--engine", "temporal"]);
    }
}

#[test]
fn on_temporal_a_killed_run_goes_on() {
    if has_temporal() {
        killed_on(&["--engine", "temporal"]);
    }
}

#[test]
fn without_them_the_program_says_how_to_get_them_and_makes_nothing() {
    let without = [
        (["--scm", "github"], "--features github"),
        (["--scm", "gitlab"], "--features gitlab"),
        (["--gitops", "argocd"], "--features argocd"),
        (["--engine", "temporal"], "--features temporal"),
    ];
    for (arguments, feature) in without {
        let mut shop = Example::new(&arguments);
        shop.run().assert_refused(&["built without", feature]);
        assert!(!shop.state.exists());
    }
}
