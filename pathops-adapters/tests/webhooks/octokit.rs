//! The examples of GitHub's webhooks that its clients are made with: the npm package `@octokit/webhooks-examples`, which `.ci/test`
//! installs, pinned by its lock file. They are read where they are and never copied.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use pathops_adapters::webhook::Source;
use pathops_core::adapter::Hint;
use serde_json::Value;

use crate::request::{github, secrets};

const PACKAGE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../target/third-party/node_modules/@octokit/webhooks-examples/api.github.com/index.json"
);

/// The events that are known; all others are kept, with their names.
const KNOWN: [&str; 13] = [
    "check_run",
    "check_suite",
    "code_scanning_alert",
    "dependabot_alert",
    "deployment",
    "deployment_status",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_review_thread",
    "push",
    "status",
    "workflow_run",
];

#[test]
fn every_example_is_taken_and_what_is_unknown_is_kept_by_name() {
    #[expect(clippy::disallowed_methods, reason = "whether it may be absent depends on the machine")]
    let must_be_there = std::env::var("CI").is_ok();
    let Ok(examples) = fs::read(Path::new(PACKAGE)) else {
        assert!(!must_be_there, "{PACKAGE} is not there: `.ci/test` installs it");
        eprintln!("SKIPPED: {PACKAGE} is not there; `.ci/test` installs it");
        return;
    };
    let source = Source::github("github".parse().unwrap(), secrets());
    let (mut taken, mut known) = (0, BTreeSet::new());
    let events: Vec<Value> = serde_json::from_slice(&examples).unwrap();
    for event in &events {
        let name = event["name"].as_str().unwrap();
        for example in event["examples"].as_array().unwrap() {
            let delivery =
                github(name, example.to_string().as_bytes()).to(&source).unwrap_or_else(|error| panic!("{name}: {error}"));
            taken += 1;
            assert!(!delivery.hints.is_empty(), "{name} says nothing");
            for hint in &delivery.hints {
                match hint {
                    Hint::Unknown { what, .. } => assert!(what.as_str().starts_with(name), "{name}: {hint:?}"),
                    _ => drop(known.insert(name)),
                }
            }
        }
    }
    eprintln!("{taken} examples of {} events", events.len());
    assert!(taken >= 329, "{taken}");
    assert_eq!(known.into_iter().collect::<Vec<_>>(), KNOWN);
}
