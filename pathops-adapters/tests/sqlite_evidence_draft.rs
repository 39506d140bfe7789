//! An evidence index that is made anew: it is the one that adding would have made, and takes the place of what was there whole or
//! not at all.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use pathops_adapters::sqlite::{SqliteEvidenceDraft, SqliteEvidenceIndex, SqliteJournal};
use pathops_core::adapter::{EvidenceIndex as _, EvidenceQuery, EvidenceSink as _, IndexedEvidence, Signer as _};
use pathops_core::evidence::{Envelope, PAYLOAD_TYPE, Statement, Subject, TrustRoot, pre_authentication_encoding};
use pathops_core::memory::MemorySigner;
use pathops_core::{Digest, ErrorKind, IdempotencyKey, OpContext};
use serde_json::json;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

/// Evidence about two things, one of them with two digests.
async fn evidence(number: u64, seed: u64) -> IndexedEvidence {
    let signer = MemorySigner::from_seed(seed).unwrap();
    let own = Subject::named("own").with_sha256(&Digest::of(&number.to_be_bytes()));
    let own = own.with_commit(&format!("{number:040x}").parse().unwrap());
    let said = json!({
        "changeSet": format!("change-{}", number % 3), "unit": "orders", "observedOn": format!("2026-11-22T12:00:{number:02}Z"),
    });
    let shared = Subject::named("shared").with_sha256(&Digest::of(b"shared"));
    let statement = Statement::new(vec![shared, own], "https://pathops.dev/predicate/said/v0.1", &said).unwrap();
    let payload = statement.to_canonical().unwrap();
    let signature = signer.sign(&cx(), &pre_authentication_encoding(PAYLOAD_TYPE, &payload)).await.unwrap();
    let envelope = Envelope::new(&payload, &signer.public_key(), signature);
    let verified = TrustRoot::new([signer.public_key()]).verify(&envelope).unwrap();
    IndexedEvidence::new(&verified, Digest::of(&envelope.to_vec().unwrap()))
}

/// The same as an early version would have added it.
fn unknown(evidence: &IndexedEvidence) -> IndexedEvidence {
    let mut value = serde_json::to_value(evidence).unwrap();
    value.as_object_mut().unwrap().remove("facets");
    serde_json::from_value(value).unwrap()
}

/// Everything in the file: its schema, what the planner goes by, and all rows in the order of their digests.
async fn contents(path: &Path) -> Vec<String> {
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let mut all = Vec::new();
    for sql in [
        "SELECT json_array((SELECT user_version FROM pragma_user_version), (SELECT application_id FROM pragma_application_id))",
        "SELECT json_array(type, name, tbl_name, sql) FROM sqlite_schema ORDER BY type, name",
        "SELECT json_array(tbl, idx, stat) FROM sqlite_stat1 ORDER BY tbl, idx",
        "SELECT json_array(hex(id), hex(envelope), entry, logged, leaf, kind, hex(signer), change_set, unit, environment, verdict, at) \
         FROM evidence ORDER BY id, envelope",
        "SELECT json_array(algorithm, value, hex(id), hex(envelope)) FROM subjects JOIN evidence USING (number) ORDER BY 1",
        "PRAGMA integrity_check",
        "SELECT json_array(\"table\", rowid, parent) FROM pragma_foreign_key_check",
    ] {
        all.extend(sqlx::query_scalar::<_, String>(sql).fetch_all(&mut connection).await.unwrap());
        all.push(String::new());
    }
    connection.close().await.unwrap();
    all
}

#[tokio::test]
async fn it_is_what_adding_would_have_made_also_of_what_comes_again() {
    let (once, again, other) = (evidence(1, 1).await, evidence(2, 1).await, evidence(2, 2).await);
    let parts: [&[IndexedEvidence]; 3] = [
        &[once.clone().with_leaf(0), unknown(&again), other.clone().with_leaf(2)],
        &[again.clone().with_leaf(3), again.with_leaf(4), once.with_leaf(5)],
        &[],
    ];
    let mut many = Vec::new();
    for number in 10..60 {
        many.push(evidence(number, 1).await.with_leaf(number));
    }
    for parts in [parts, [&many[..40], &many[40..], &[]], [&[], &[], &[]], [&many[..9], parts[0], parts[1]]] {
        let folder = tempfile::tempdir().unwrap();
        let (added, drafted) = (folder.path().join("added.db"), folder.path().join("drafted.db"));
        let index = SqliteEvidenceIndex::open(&added).await.unwrap();
        let draft = SqliteEvidenceDraft::begin(&drafted).await.unwrap();
        for part in parts {
            index.add_all(&cx(), part).await.unwrap();
            draft.take(&cx(), part).await.unwrap();
        }
        let published = draft.publish().await.unwrap();
        let all = EvidenceQuery::default();
        assert_eq!(published.query(&cx(), &all).await.unwrap(), index.query(&cx(), &all).await.unwrap());
        assert_eq!(contents(&drafted).await, contents(&added).await);
        // It goes on as any other.
        for index in [&published, &index] {
            index.add_all(&cx(), &many).await.unwrap();
        }
        assert_eq!(contents(&drafted).await, contents(&added).await);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert!(!left.iter().any(|it| it == "drafted.db.draft"), "{left:?}");
    }
}

/// A draft, once an index that was dropped is closed: its connection ends by itself, a moment later.
#[expect(clippy::disallowed_methods, reason = "a real connection is waited for")]
async fn begun(path: &Path) -> SqliteEvidenceDraft {
    for _ in 0..500 {
        match SqliteEvidenceDraft::begin(path).await {
            Err(error) if error.kind() == ErrorKind::Unavailable => tokio::time::sleep(Duration::from_millis(10)).await,
            begun => return begun.unwrap(),
        }
    }
    SqliteEvidenceDraft::begin(path).await.unwrap()
}

#[tokio::test]
async fn what_was_there_stays_until_the_end_and_is_gone_then() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evidence.db");
    let (old, new) = (evidence(1, 1).await, evidence(2, 1).await);
    SqliteEvidenceIndex::open(&path).await.unwrap().add(&cx(), &old).await.unwrap();
    let stands = async || {
        let index = SqliteEvidenceIndex::open(&path).await.unwrap();
        let found = index.query(&cx(), &EvidenceQuery::default()).await.unwrap().evidence;
        (index, found)
    };
    let draft = begun(&path).await;
    draft.take(&cx(), std::slice::from_ref(&new)).await.unwrap();
    let second = SqliteEvidenceDraft::begin(&path).await.unwrap_err();
    assert!(second.kind() == ErrorKind::Unavailable && second.to_string().contains("another process"), "{second}");
    let (used, found) = stands().await;
    assert_eq!(found, std::slice::from_ref(&old));
    // Who has it open would go on writing into what is no longer there.
    let error = draft.publish().await.unwrap_err();
    assert!(error.kind() == ErrorKind::Unavailable && error.to_string().contains("keeps it locked"), "{error}");
    drop(used);
    assert_eq!(stands().await.1, [old]);

    // Of what came before nothing is left, also where a crash has left a part.
    fs::write(folder.path().join("evidence.db.draft"), "a part").unwrap();
    let draft = begun(&path).await;
    draft.take(&cx(), std::slice::from_ref(&new)).await.unwrap();
    drop(draft.publish().await.unwrap());
    assert_eq!(stands().await.1, [new]);
}

#[tokio::test]
async fn what_was_added_in_the_meantime_is_not_lost() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evidence.db");
    let new = evidence(9, 1).await;
    let mut all = Vec::new();
    // The first time there is nothing, and the second time something.
    for number in [1, 2] {
        let draft = begun(&path).await;
        draft.take(&cx(), std::slice::from_ref(&new)).await.unwrap();
        all.push(evidence(number, 1).await);
        SqliteEvidenceIndex::open(&path).await.unwrap().add(&cx(), &all[all.len() - 1]).await.unwrap();
        let error = draft.publish().await.unwrap_err();
        assert!(error.kind() == ErrorKind::Conflict && error.to_string().contains("1 entries were added"), "{error}");
        let index = SqliteEvidenceIndex::open(&path).await.unwrap();
        let found = index.query(&cx(), &EvidenceQuery::default()).await.unwrap().evidence;
        assert!(found.len() == all.len() && all.iter().all(|one| found.contains(one)), "{found:?}");
    }
    // To have looked at it, or moved it away, is nothing that would be lost.
    for away in [false, true] {
        let draft = begun(&path).await;
        drop(SqliteEvidenceIndex::open(&path).await.unwrap());
        if away {
            fs::remove_file(&path).unwrap();
        }
        drop(draft.publish().await.unwrap());
    }
}

#[tokio::test]
async fn what_is_no_evidence_index_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let (journal, damaged) = (folder.path().join("journal.db"), folder.path().join("damaged.db"));
    drop(SqliteJournal::open(&journal).await.unwrap());
    fs::write(&damaged, [7; 8_192]).unwrap();
    let error = SqliteEvidenceDraft::begin(&journal).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("holds something else"), "{error}");
    let error = SqliteEvidenceDraft::begin(&damaged).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("move it away"), "{error}");
    let error = SqliteEvidenceDraft::begin(folder.path().join("none/evidence.db")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(fs::read(&damaged).unwrap(), [7; 8_192]);
}
