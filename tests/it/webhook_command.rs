//! `cargo run --example webhook` and `--example storm`, as a person runs them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::program::{ROOT, built};

const SIGNED: &str = "X-Hub-Signature-256: sha256=e4e34f434d9d3af4f56c1a298efcd5a881cfc942be1286d3fcc56012dcc69129";

fn run(arguments: &[&str]) -> Output {
    let file = Path::new(ROOT).join("examples/webhook/push.json");
    Command::new(built("webhook")).args(["decode", "github"]).arg(file).args(arguments).output().unwrap()
}

fn secret(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), format!("{text}\n")).unwrap();
    file
}

#[test]
fn what_a_webhook_says_is_printed() {
    let output = run(&["--header", "X-GitHub-Delivery: 7"]);
    assert!(output.status.success(), "{output:?}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let expected = json!({
        "source": "github", "verified": false, "key": "7", "lane": "repo/shop/orders-src",
        "hints": [{
            "kind": "pushed", "repo": "shop/orders-src", "reference": "refs/heads/main",
            "head": "1f2e3d4c5b6a798081920a1b2c3d4e5f60718293",
        }],
    });
    assert_eq!(said, expected);
}

#[test]
fn who_sent_it_is_checked_where_there_is_a_secret() {
    let (right, wrong) = (secret("a secret of the tests"), secret("another secret of tests"));
    let [right, wrong] = [&right, &wrong].map(|file| file.path().to_str().unwrap());
    let output = run(&["--header", SIGNED, "--secret-file", wrong, "--secret-file", right]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["verified"], true);

    for (arguments, code, why) in [
        (&["--header", SIGNED, "--secret-file", wrong][..], 1, "it is not signed with a secret of this source"),
        (&["--secret-file", right], 1, "the header `X-Hub-Signature-256` is missing"),
        (&["--header", SIGNED, "--header", SIGNED, "--secret-file", right], 1, "is there more than once"),
        (&["--secret-file", "/nowhere"], 2, "/nowhere: "),
        (&["--header", "X-GitHub-Event"], 2, "write it as `NAME: VALUE`"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(why) && output.stdout.is_empty(), "{arguments:?}: {output:?}");
    }
}

#[test]
fn what_is_not_understood_is_shown_and_told_by_the_exit_code() {
    let output = run(&["--header", "X-GitHub-Event: ping"]);
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["hints"][0]["kind"], "unknown");
}

#[test]
fn a_storm_on_a_gateway_that_is_killed_loses_nothing_and_does_nothing_twice() {
    let output = Command::new(built("storm")).args(["--deliveries", "300", "--kills", "5"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("210 different, 5 kills"), "{output:?}");
    assert!(said.ends_with("lost 0, done twice 0, never sent 0\n"), "{said}");
}
