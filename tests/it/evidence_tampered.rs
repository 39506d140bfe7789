//! What somebody does who can write into the folder of a store and has none of its keys: the evidence command goes on with none of it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::evidence_command::{OWN, Run, Store, artifact};

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-r").args([from, to]).status().unwrap().success());
}

fn take(store: &Store, file: &str) -> Run {
    store.run("ingest", &[file, "--subject", &artifact(), "--at", "2026-11-22T12:00:00Z"])
}

#[test]
fn a_log_that_was_put_back_is_neither_gone_on_with_nor_verified() {
    let store = Store::filled();
    let (older, newest) = (store.0.path().join("older"), store.0.path().join("newest"));
    copy(&store.file("log"), &older);
    take(&store, "junit/good-pytest.xml").works();
    copy(&store.file("log"), &newest);
    let checkpoint = fs::read(store.file("log/checkpoint")).unwrap();
    assert_eq!(fs::read(store.0.path().join("store.keys/checkpoint")).unwrap(), checkpoint);

    fs::remove_dir_all(store.file("log")).unwrap();
    copy(&older, &store.file("log"));
    let signed = fs::read(store.file("log/checkpoint")).unwrap();
    take(&store, "sarif/good.sarif").is_refused("nothing shows that");
    store.run("query", &[]).is_refused("an older state was put back");
    store.run("rebuild-index", &[]).is_refused("an older state was put back");
    let verified = store.verify(&[]);
    assert!(verified.0 == Some(1) && verified.1.contains("it was cut back"), "{verified:?}");
    assert_eq!(fs::read(store.file("log/checkpoint")).unwrap(), signed, "no second history is signed");

    // The index knows it, too, where nothing was kept beside the keys.
    let kept = store.0.path().join("store.keys/checkpoint");
    fs::remove_file(&kept).unwrap();
    store.run("query", &[]).is_refused("an older state was put back");
    store.run("rebuild-index", &[]).is_refused("an older state was put back");
    take(&store, "sarif/good.sarif").is_refused("an older state was put back");

    fs::remove_dir_all(store.file("log")).unwrap();
    copy(&newest, &store.file("log"));
    take(&store, "sarif/good.sarif").works();
    let verified = store.verify(&[]);
    assert!(verified.works().starts_with(OWN) && !verified.1.contains("cut back"), "{verified:?}");
}

#[test]
fn a_batch_of_another_store_is_not_taken_up() {
    let (store, other) = (Store::filled(), Store::filled());
    let (last, first) = (store.file("log/batch/00000000000000000007"), other.file("log/batch/00000000000000000000"));
    let planted = fs::read_to_string(first).unwrap().replacen("\"start\":0,", "\"start\":7,", 1);
    fs::write(&last, planted).unwrap();
    let verified = store.verify(&[]);
    let told = "FAILED    log/batch/00000000000000000007: no checkpoint has it yet, and nobody who is trusted has signed";
    assert!(verified.0 == Some(1) && verified.1.contains(told), "{verified:?}");
    take(&store, "junit/good-pytest.xml").is_refused("log/batch/00000000000000000007");
    fs::remove_file(last).unwrap();
    take(&store, "junit/good-pytest.xml").works();
    assert!(store.verify(&[]).works().starts_with(OWN));
}
