//! The index of the evidence command: it has all that the ledger has, and its rows say what the envelopes say.

use std::fs;

use crate::evidence_command::{Store, artifact};

/// Whoever was interrupted between ledger and index has left a hole, which what comes behind it does not hide.
#[test]
fn what_the_index_was_not_told_is_found_all_the_same() {
    let store = Store::filled();
    let before = store.0.path().join("before.db");
    fs::copy(store.file("evidence.db"), &before).unwrap();
    let about = ["--subject", &artifact(), "--at", "2026-11-22T12:00:00Z"];
    let take = |file: &str| store.run("ingest", &[&[file], about.as_slice()].concat());
    take("junit/good-pytest.xml").works();
    for hidden in [false, true] {
        for end in ["-wal", "-shm"] {
            fs::remove_file(store.file(&format!("evidence.db{end}"))).ok();
        }
        fs::copy(&before, store.file("evidence.db")).unwrap();
        if hidden {
            take("sarif/good.sarif").works();
        }
        assert_eq!(store.found(&["--proofs"]).len(), if hidden { 11 } else { 9 });
    }
    // And what is taken in again is there once.
    take("junit/good-pytest.xml").works();
    take("sarif/good.sarif").works();
    assert_eq!(store.found(&[]).len(), 11);
    assert!(store.verify(&[]).works().contains("11 envelopes"));
}

/// A row says what its envelope says, or has no proof.
#[test]
fn a_row_that_was_changed_is_not_proven() {
    let store = Store::filled();
    let changed = "UPDATE evidence SET verdict = 'pass', entry = replace(entry, '\"verdict\":\"fail\"', '\"verdict\":\"pass\"') \
                   WHERE verdict = 'fail'";
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        use sqlx::Connection as _;
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(store.file("evidence.db"));
        let mut index = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
        sqlx::raw_sql("DROP TRIGGER evidence_is_not_changed").execute(&mut index).await.unwrap();
        assert_eq!(sqlx::raw_sql(changed).execute(&mut index).await.unwrap().rows_affected(), 1);
    });
    assert_eq!(store.found(&["--verdict", "pass"]).len(), 1);
    store.run("query", &["--verdict", "pass", "--proofs"]).is_refused("the index does not say of it what its envelope says");
    store.run("rebuild-index", &[]).works();
    assert_eq!(store.found(&["--verdict", "fail", "--proofs"]).len(), 1);
}
