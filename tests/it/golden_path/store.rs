//! The store that a run leaves: each subcommand of the evidence command works on it by its path alone.

use std::fs;

use serde_json::Value;

use super::example::{Example, command};
use super::project::SmallProject;
use crate::evidence_command::{OWN, Run, run};

#[test]
fn the_evidence_command_works_on_the_store_of_a_run() {
    let project = SmallProject::new("feature");
    let mut example = Example::of(project.path(), &[]);
    let golden = example.run();
    golden.assert_held();
    let store = example.state.join("store");
    let store = store.to_str().unwrap();
    let printed = format!("cargo run --example evidence -- verify {store}");
    assert!(golden.account.contains(&printed), "it says how to look: {}", golden.account);

    assert!(run(&["verify", store]).works().starts_with(OWN));
    // With what others know: the meta repository has a checkpoint of each record.
    let (_, meta) = example.repositories().into_iter().find(|(name, _)| name == "meta").unwrap();
    let witnessed = run(&["verify", store, "--history", meta.to_str().unwrap()]);
    assert!(witnessed.works().contains("earlier checkpoint"), "{witnessed:?}");

    let found = |run: &Run| run.works().lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
    let all = found(&run(&["query", "--store", store, "--json", "--proofs"]));
    assert!(all.len() > 10 && all.iter().all(|it| it["proof"]["inclusion"].is_object()), "{all:?}");
    let summary = golden.summary();
    let artifact = summary["changeSets"][0]["units"]["app"]["artifact"].as_str().unwrap();
    let origin = run(&["origin", artifact, "--store", store]);
    assert!(origin.works().contains("tests") && origin.1.contains("decision"), "{origin:?}");

    let kind = "https://in-toto.io/attestation/reference/v0.1";
    let snapshots = found(&run(&["query", "--store", store, "--json", "--kind", kind]));
    let id = |at: usize| snapshots[at]["id"].as_str().unwrap();
    let diff = run(&["diff", id(0), id(1), "--store", store]);
    assert!(diff.works().contains("deployment"), "{diff:?}");

    for end in ["", "-wal", "-shm"] {
        fs::remove_file(format!("{store}/evidence.db{end}")).ok();
    }
    run(&["query", "--store", store]).is_refused("`rebuild-index` makes it");
    let rebuilt = run(&["rebuild-index", "--store", store]);
    let again = found(&run(&["query", "--store", store, "--json", "--proofs"]));
    assert_eq!(again, all, "what was there is there again, and nothing was left out before: {rebuilt:?}");

    // What is released is in the meta repository too, as a bundle that verifies by itself.
    let paths = command(std::process::Command::new("git").arg("-C").arg(&meta).args([
        "ls-tree",
        "-r",
        "--name-only",
        "main",
        "evidence/",
    ]));
    let paths: Vec<_> = paths.lines().collect();
    let [snapshot, decision] = paths.as_slice() else { panic!("{paths:?}") };
    assert!(snapshot.ends_with(".app/snapshot.json") && decision.ends_with(".app/vsa.sigstore.json"), "{paths:?}");
    let bundle = example.state.join("bundle.json");
    fs::write(&bundle, example.git("meta", &["show", &format!("main:{decision}")])).unwrap();
    let key = fs::read_dir(format!("{store}/keys")).unwrap().next().unwrap().unwrap().path();
    let against = ["--trusted-root", &format!("{store}/trusted_root.json"), "--key", key.to_str().unwrap()];
    assert!(run(&[&["verify", bundle.to_str().unwrap()], against.as_slice()].concat()).works().starts_with("VERIFIED\n"));
    let exported = run(&["export", id(0), "--store", store]);
    fs::write(&bundle, exported.works()).unwrap();
    assert!(run(&[&["verify", bundle.to_str().unwrap()], against.as_slice()].concat()).works().starts_with("VERIFIED\n"));

    // And more can be taken in.
    let taken = run(&["ingest", "tap/good-14.tap", "--store", store, "--subject", artifact]);
    assert!(taken.works().contains("leaf"), "{taken:?}");
    run(&["verify", store]).works();
}
