//! A run from beginning to end, and everything that it claims looked at with other tools.
#![expect(clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::example::{Example, Run, command, files, installed, list};

#[test]
fn the_sample_project_goes_to_production_and_a_defect_does_not() {
    let mut shop = Example::new(&[]);
    let run = shop.run();
    run.assert_held();
    shop.assert_none_left();
    assert_eq!(end_state(&shop, &run), expected());

    let summary = run.summary();
    assert_eq!(summary["changeSets"][0]["waves"], json!([["catalog", "store"], ["orders"], ["web"]]));
    assert!(summary["changeSets"][1]["failure"]["reason"].as_str().unwrap().contains("/quotes/kettle"), "{summary:#}");
    plain_lines_with_figures(&run);
    report(&summary);
    let evidence = usize::try_from(summary["figures"]["evidence"].as_u64().unwrap()).unwrap();
    // And the check of the policy, which is of no change set.
    signatures(&shop, evidence + 1);
    records(&shop, &summary);
    repositories(&shop);
    private_keys(&shop);
}

/// What must be the same at the end however often a run was interrupted: stages, pull requests, numbers of pieces of
/// evidence, and what became of the branches.
pub(super) fn end_state(shop: &Example, run: &Run) -> Value {
    let unit = |(name, unit): (&String, &Value)| {
        // By name: some sets of features keep the order of a file.
        let pull_requests: BTreeMap<_, _> = unit["pullRequests"].as_object().unwrap().iter().collect();
        let numbers: Vec<&str> = pull_requests.values().map(|it| it.as_str().unwrap().split_once('#').unwrap().1).collect();
        let stage = unit["stage"].as_str().unwrap();
        format!("{name} {stage} #{} {}+{}", numbers.join(" #"), unit["evidence"], unit["snapshots"])
    };
    let change_set = |it: &Value| {
        let units: Vec<String> = it["units"].as_object().unwrap().iter().map(unit).collect();
        json!([it["end"], units])
    };
    let commits = |branch: &str| {
        let count = |name: &str| shop.git(name, &["rev-list", "--count", branch]).trim().parse::<u32>().unwrap();
        ["store-gitops", "catalog-gitops", "orders-gitops", "web-gitops"].map(count)
    };
    let sources = ["catalog-src", "orders-src", "web-src"].map(|name| shop.git(name, &["rev-list", "--count", "main"]));
    json!({
        "changeSets": run.summary()["changeSets"].as_array().unwrap().iter().map(change_set).collect::<Vec<_>>(),
        "pullRequests": shop.pull_requests().len(),
        "open": shop.pull_requests().iter().filter(|it| it["state"] == "open").count(),
        "records": shop.git("meta", &["ls-tree", "--name-only", "main", "change-sets/"]).lines().count(),
        "released": shop.git("meta", &["ls-tree", "-r", "--name-only", "main", "evidence/"]).lines().count(),
        "preflight": commits("preflight"),
        "production": commits("production"),
        "sources": sources.map(|count| count.trim().parse::<u32>().unwrap()),
    })
}

/// The end of every run: each change is on its branch once.
pub(super) fn expected() -> Value {
    let first = ["catalog live #1 #2 #1 14+2", "orders live #1 #2 #1 14+2", "store live #1 #2 10+2", "web live #1 #2 #1 12+2"];
    json!({
        "changeSets": [["live", first], ["recovered", ["orders recovered #3 #4 #2 13+2"]]],
        "pullRequests": 14,
        "open": 0,
        "records": 4,
        "released": 8,
        "preflight": [4, 4, 9, 4],
        "production": [3, 3, 3, 3],
        "sources": [4, 7, 4],
    })
}

fn plain_lines_with_figures(run: &Run) {
    assert!(!run.account.contains('\u{1b}') && !run.output.contains('\u{1b}'), "there is no terminal to colour");
    let line = run.account.lines().last().unwrap();
    for figure in ["s in all", "CI", "start-up", "control plane", "pieces of evidence", "journal entries"] {
        assert!(line.contains(figure), "{line}");
    }
    assert!(run.summary()["figures"]["controlPlaneMillis"].is_u64(), "{}", run.output);
}

fn report(summary: &Value) {
    let page = fs::read_to_string(summary["report"].as_str().unwrap()).unwrap();
    for change_set in summary["changeSets"].as_array().unwrap() {
        assert!(page.contains(change_set["id"].as_str().unwrap()), "the report does not tell of {}", change_set["id"]);
    }
}

/// `openssl` says of each piece of evidence that it is signed, and of a changed one that it is not.
fn signatures(shop: &Example, count: usize) {
    let evidence = shop.state.join("evidence");
    let signed: Vec<_> =
        files(&evidence).into_iter().filter(|file| file.extension().is_some_and(|end| end == "signed")).collect();
    assert_eq!(signed.len(), count);
    if !installed("openssl") {
        return;
    }
    let key = evidence.join("public-key.pem");
    let verify = |file: &Path, signature: &Path| {
        let mut openssl = Command::new("openssl");
        openssl.args(["dgst", "-sha256", "-verify"]).arg(&key).arg("-signature").arg(signature).arg(file);
        openssl.output().unwrap().status.success()
    };
    for file in &signed {
        assert!(verify(file, &file.with_extension("signature")), "{}", file.display());
    }
    let (one, changed) = (&signed[0], shop.state.join("changed"));
    fs::write(&changed, [fs::read(one).unwrap().as_slice(), b"\n"].concat()).unwrap();
    assert!(!verify(&changed, &one.with_extension("signature")), "what was changed is not what was signed");
}

/// The meta repository holds one record a change set, of links and digests: what they lead to lies elsewhere.
fn records(shop: &Example, summary: &Value) {
    let log = shop.git("meta", &["log", "--format=%s", "main"]);
    for change_set in summary["changeSets"].as_array().unwrap() {
        let id = change_set["id"].as_str().unwrap();
        assert!(log.contains(&format!("Record change set {id}")), "{log}");
        let text = shop.git("meta", &["show", &format!("main:change-sets/{id}/evidence.json")]);
        let record: Value = serde_json::from_str(&text).unwrap();
        for unit in record["units"].as_object().unwrap().values() {
            let pieces = ["evidence", "snapshots"].map(|part| unit[part].as_array().unwrap());
            for piece in pieces.into_iter().flatten() {
                let keys: Vec<&String> = piece.as_object().unwrap().keys().collect();
                assert_eq!(keys, ["envelope", "id", "leaf", "location", "name", "predicateType"]);
                let place = piece["location"].as_str().unwrap().strip_prefix("file://").unwrap();
                assert!(Path::new(place).is_file(), "{piece}");
            }
        }
    }
    for file in shop.git("meta", &["ls-tree", "-r", "--name-only", "main", "change-sets/"]).lines() {
        let text = shop.git("meta", &["show", &format!("main:{file}")]);
        assert!(!text.contains("payload") && !text.contains("signatures"), "{file} holds more than links: {text}");
    }
}

fn repositories(shop: &Example) {
    for (name, path) in shop.repositories() {
        command(Command::new("git").arg("-C").arg(path).args(["fsck", "--strict", "--no-dangling"]));
        if name.ends_with("-src") || name.ends_with("-gitops") {
            let branches = shop.git(&name, &["for-each-ref", "--format=%(refname:short)"]);
            for branch in branches.lines().filter(|branch| !branch.starts_with("pathops/")) {
                let files = shop.git(&name, &["ls-tree", "-r", "--name-only", branch]);
                assert!(!files.contains("change-sets"), "{name} holds a record: {files}");
            }
        }
    }
}

/// Nobody else may read the keys, and what is secret in them is in no other file: of the one for signatures its second line,
/// and all of the one for the ledger.
fn private_keys(shop: &Example) {
    for (name, line) in [("store.keys/signing.pem", 1), ("store.keys/log.seed", 0)] {
        let key = shop.state.join(name);
        let mode = fs::metadata(&key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name} can be used by others: {mode:o}");
        let text = fs::read_to_string(&key).unwrap();
        let secret = text.lines().nth(line).unwrap();
        assert!(secret.len() >= 64, "{name} holds nothing");
        let holds = |file: &Path| fs::read(file).unwrap().windows(secret.len()).any(|part| part == secret.as_bytes());
        let copies = files(&shop.state).into_iter().filter(|file| *file != key && holds(file));
        assert_eq!(copies.collect::<Vec<_>>(), Vec::<std::path::PathBuf>::new());
    }
    assert!(list(&shop.state.join("ci")).iter().all(|path| path.is_file()), "CI has left its folders");
}
