//! `cargo run --example argo_verdict`, as a person runs it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::program::{ROOT, built};

fn run(file: &Path) -> Output {
    Command::new(built("argo_verdict")).arg(file).output().unwrap()
}

fn lines(file: &Path) -> Vec<Value> {
    let output = run(file);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn our_own_states_have_their_verdicts() {
    let lines = lines(&Path::new(ROOT).join("examples/argo_verdict/states.json"));
    let told: Vec<_> = lines.iter().map(|line| ["id", "verdict", "reason"].map(|field| line[field].as_str().unwrap())).collect();
    let expected = [
        ["live", "ready", "live"],
        ["behind", "not-yet", "not-seen"],
        ["same-second", "stale", "not-looked-after-sync"],
        ["tests-failed", "failed", "hook"],
    ];
    assert_eq!(told, expected);
    assert_eq!(lines[2]["action"], "refresh");
    assert_eq!(lines[3]["text"], "the hook Job/smoke failed: GET /quote: 500");
    assert!(lines.iter().all(|line| line["resourceVersion"] == "4711"));
}

/// Made by hand by people who know Argo CD, each with what is true.
#[test]
fn given_states_are_judged_right() {
    let file = Path::new(ROOT).join("../shared/data/argo-cd/application-states.json");
    let Ok(bytes) = fs::read(&file) else {
        return eprintln!("SKIPPED: {} is not there", file.display());
    };
    let states: Vec<Value> = serde_json::from_slice(&bytes).unwrap();
    let lines = lines(&file);
    assert!(!states.is_empty() && states.len() == lines.len());
    for (state, line) in states.iter().zip(&lines) {
        assert_eq!(line["verdict"] == "ready", state["truth"] == "ready", "{line}");
    }
}

#[test]
fn what_is_no_state_is_not_ready_and_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("states.json");
    let bytes = fs::read(Path::new(ROOT).join("examples/argo_verdict/states.json")).unwrap();
    let live: Value = serde_json::from_slice::<Value>(&bytes).unwrap()[0].clone();
    let with = |pointer: &str, value: Value| {
        let mut state = live.clone();
        *state.pointer_mut(pointer).unwrap() = value;
        state
    };
    let states = json!([
        null, 7, "x", [], {}, {"id": {"deep": 1}},
        with("/expected/sources", json!([])),
        with("/expected/sources/0/commit", json!("main")),
        with("/expected/sources/0/commit", json!(null)),
        with("/expected/images/0", json!("orders")),
        with("/refresh_requested_at", json!(null)),
        with("/now", json!("soon")),
        with("/application", json!([])),
        with("/application/status", json!("none")),
        with("/application/status/reconciledAt", json!("soon"))
    ]);
    fs::write(&file, states.to_string()).unwrap();
    let lines = lines(&file);
    assert_eq!(lines.len(), states.as_array().unwrap().len());
    for line in &lines {
        assert_eq!([&line["verdict"], &line["reason"]], ["not-yet", "unreadable"], "{line}");
        assert!(line["text"].as_str().is_some_and(|text| !text.is_empty()), "{line}");
    }
}

#[test]
fn children_count_where_they_are_told_to_be_healthy_or_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("states.json");
    let bytes = fs::read(Path::new(ROOT).join("examples/argo_verdict/states.json")).unwrap();
    let live: Value = serde_json::from_slice::<Value>(&bytes).unwrap()[0].clone();
    let with = |name: &str, health: Value, named: Option<Value>| {
        let mut state = live.clone();
        let child = json!({"group": "argoproj.io", "version": "v1alpha1", "kind": "Application", "namespace": "argocd", "name": name,
            "status": "Synced", "health": health});
        state["application"]["status"]["resources"].as_array_mut().unwrap().push(child);
        if let Some(named) = named {
            state["expected"]["judged_apart"] = named;
        }
        state
    };
    let healthy = || json!({"status": "Healthy"});
    let states = json!([
        with("orders-db", healthy(), None),
        with("orders-db", json!(null), None),
        with("orders-preflight", json!(null), None),
        with("orders-db", healthy(), Some(json!([]))),
        with("orders-db", json!(null), Some(json!(["argocd/orders-db"]))),
        with("orders-db", json!({"status": "Degraded"}), None)
    ]);
    fs::write(&file, states.to_string()).unwrap();
    let told: Vec<String> = lines(&file).iter().map(|line| line["reason"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, ["live", "unnamed-applications", "live", "unnamed-applications", "live", "unhealthy"]);
}

#[test]
fn a_tree_that_is_named_is_looked_for_in_each_source() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("states.json");
    let bytes = fs::read(Path::new(ROOT).join("examples/argo_verdict/states.json")).unwrap();
    let live: Value = serde_json::from_slice::<Value>(&bytes).unwrap()[0].clone();
    let (commit, earlier, path) = ("b".repeat(40), "e".repeat(40), "envs/preflight");
    // Git no longer has the commit that is expected, but knows what descends from it and holds at the path what `git` says.
    let with = |tree: &str, git: &str| {
        let mut state = live.clone();
        (state["expected"]["sources"][0]["tree"], state["expected"]["sources"][0]["commit"]) = (json!(tree), json!(earlier));
        state["git"] = json!({"trees": {format!("{commit}:{path}"): git, format!("{commit}:other"): "wanted"},
            "descendants": {&earlier: [&commit]}});
        state
    };
    let as_git = "1".repeat(40);
    let mut at_commit = live.clone();
    at_commit["expected"]["sources"][0]["tree"] = json!("older");
    let states = json!([with("wanted", "wanted"), with("wanted", "older"), with(&as_git, &as_git), at_commit]);
    fs::write(&file, states.to_string()).unwrap();
    let told: Vec<String> = lines(&file).iter().map(|line| line["reason"].as_str().unwrap().to_owned()).collect();
    assert_eq!(told, ["live", "superseded", "live", "not-seen"]);
}

#[test]
fn what_git_or_go_leaves_out_is_not_made_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("states.json");
    let text = fs::read_to_string(Path::new(ROOT).join("examples/argo_verdict/states.json")).unwrap();
    // Long ago, so that it was before whatever time it is.
    let live: Value = serde_json::from_str::<Value>(&text.replace("2026-11-22", "2020-11-22")).unwrap()[0].clone();
    let (commit, later, path) = ("b".repeat(40), "c".repeat(40), "envs/preflight");
    let with = |edit: &dyn Fn(&mut Value)| {
        let mut state = live.clone();
        edit(&mut state);
        state
    };
    let at_later = |name: Value| {
        with(&|state| {
            let names = json!({format!("{commit}:{path}"): name, format!("{later}:{path}"): name});
            state["git"] = json!({"trees": names, "descendants": {&commit: [&later]}});
            let status = &mut state["application"]["status"];
            status["sync"]["revision"] = json!(later);
            status["operationState"]["syncResult"]["revision"] = json!(later);
        })
    };
    let child = json!({"group": "argoproj.io", "kind": "Application", "name": "orders-db", "status": "Synced",
        "health": {"status": "Healthy"}});
    let states = json!([
        with(&|state| drop(state.as_object_mut().unwrap().remove("now"))),
        with(&|state| state["now"] = json!(null)),
        with(&|state| state["git"]["trees"][format!("{}:{path}", "a".repeat(40))] = json!(null)),
        with(&|state| state["git"]["descendants"][&commit] = json!(null)),
        with(&|state| state["application"]["status"]["resources"].as_array_mut().unwrap().push(child.clone())),
        with(&|state| state["expected"]["sources"][0]["tree"] = json!("")),
        // A tree of which there is no name is none that another one could be the same as.
        at_later(json!("wanted")),
        at_later(json!("")),
        at_later(json!(null))
    ]);
    fs::write(&file, states.to_string()).unwrap();
    let told: Vec<String> = lines(&file).iter().map(|line| line["reason"].as_str().unwrap().to_owned()).collect();
    let mut expected = vec!["live"; 7];
    expected.extend(["unknown-tree"; 2]);
    assert_eq!(told, expected);
}

#[test]
fn a_file_that_cannot_be_read_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("states.json");
    let absent = run(&file);
    fs::write(&file, "[{").unwrap();
    let cut = run(&file);
    fs::write(&file, "[".repeat(100_000)).unwrap();
    for output in [absent, cut, run(&file), Command::new(built("argo_verdict")).output().unwrap()] {
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(output.stdout.is_empty() && String::from_utf8_lossy(&output.stderr).starts_with("error: "), "{output:?}");
    }
}
