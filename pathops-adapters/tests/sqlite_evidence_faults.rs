//! What the SQLite evidence index does when things go wrong: processes killed at any moment, several of them on one file,
//! damaged files, and files that are not its own.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use pathops_adapters::sqlite::{SqliteEvidenceIndex, SqliteJournal};
use pathops_core::adapter::{EvidenceIndex as _, EvidenceQuery, IndexedEvidence, Signer as _, SubjectDigest};
use pathops_core::evidence::{Envelope, PAYLOAD_TYPE, Statement, Subject, TrustRoot, pre_authentication_encoding};
use pathops_core::memory::MemorySigner;
use pathops_core::{Digest, ErrorKind, IdempotencyKey, OpContext};
use serde_json::json;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn shared() -> Subject {
    Subject::named("shared").with_sha256(&Digest::of(b"shared"))
}

fn own(name: &str) -> Subject {
    Subject::named(name).with_sha256(&Digest::of(name.as_bytes()))
}

/// Evidence of that name, about what all of it is about and about something of its own.
async fn evidence(name: &str) -> IndexedEvidence {
    let signer = MemorySigner::from_seed(1).unwrap();
    let statement = Statement::new(vec![shared(), own(name)], "https://example.org/said", &json!({ "name": name })).unwrap();
    let payload = statement.to_canonical().unwrap();
    let signature = signer.sign(&cx(), &pre_authentication_encoding(PAYLOAD_TYPE, &payload)).await.unwrap();
    let envelope = Envelope::new(&payload, &signer.public_key(), signature);
    let verified = TrustRoot::new([signer.public_key()]).verify(&envelope).unwrap();
    IndexedEvidence::new(&verified, Digest::of(&envelope.to_vec().unwrap()))
}

async fn about(index: &SqliteEvidenceIndex, subject: &Subject) -> pathops_core::Result<Vec<IndexedEvidence>> {
    let digests = subject.digest.iter();
    let digests = digests.map(|(algorithm, value)| SubjectDigest { algorithm: algorithm.clone(), value: value.clone() });
    index.about(&cx(), &digests.collect()).await
}

/// Every piece is found by both of its subjects. Returns how many there are.
async fn check_whole(index: &SqliteEvidenceIndex, names: &[String]) -> usize {
    let all: BTreeSet<_> = about(index, &shared()).await.unwrap().iter().map(IndexedEvidence::id).collect();
    for name in names {
        let by_own = about(index, &own(name)).await.unwrap();
        assert_eq!(all.contains(&evidence(name).await.id()), by_own.len() == 1, "{name} is there by half");
    }
    all.len()
}

async fn raw_execute(path: &Path, sql: &'static str) -> Result<(), sqlx::Error> {
    let mut connection = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await?;
    sqlx::raw_sql(sql).execute(&mut connection).await?;
    connection.close().await
}

async fn refusal(path: &Path) -> pathops_core::Error {
    let error = SqliteEvidenceIndex::open(path).await.unwrap_err();
    let name = fs::canonicalize(path).unwrap();
    assert!(error.to_string().contains(name.to_str().unwrap()), "names the file: {error}");
    error
}

#[tokio::test]
async fn a_journal_a_foreign_database_and_a_newer_index_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    drop(SqliteJournal::open(&path).await.unwrap());
    let error = refusal(&path).await;
    assert!(
        error.kind() == ErrorKind::Invalid && error.to_string().contains("give the evidence index a file of its own"),
        "{error}"
    );

    let index = folder.path().join("evidence.db");
    drop(SqliteEvidenceIndex::open(&index).await.unwrap());
    let error = SqliteJournal::open(&index).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("give the journal a file of its own"), "{error}");

    raw_execute(&index, "PRAGMA user_version = 6").await.unwrap();
    let error = refusal(&index).await;
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("version 6"), "{error}");

    let path = folder.path().join("foreign.db");
    raw_execute(&path, "PRAGMA application_id = 7").await.unwrap_err();
    drop(fs::File::create(&path).unwrap());
    raw_execute(&path, "CREATE TABLE notes (text TEXT)").await.unwrap();
    let before = fs::read(&path).unwrap();
    assert_eq!(refusal(&path).await.kind(), ErrorKind::Invalid);
    assert!(before == fs::read(&path).unwrap(), "a foreign database is left as it was");
}

#[tokio::test]
async fn a_damaged_file_is_corrupt_and_says_what_helps() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("text.db");
    fs::write(&path, "no database at all\n".repeat(100)).unwrap();
    assert_eq!(refusal(&path).await.kind(), ErrorKind::Corrupt);

    for (name, sql) in [
        ("entry", "UPDATE evidence SET entry = '{'"),
        ("other", "UPDATE evidence SET entry = replace(entry, '\"value\":\"', '\"value\":\"0')"),
        (
            "proof",
            "UPDATE evidence SET logged = '{\"checkpoint\":{\"size\":1,\"root\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\"},\"inclusion\":{\"leaf\":[1],\"index\":0,\"path\":[]}}'",
        ),
    ] {
        let path = folder.path().join(name);
        let index = SqliteEvidenceIndex::open(&path).await.unwrap();
        index.add(&cx(), &evidence("one").await).await.unwrap();
        raw_execute(&path, "DROP TRIGGER evidence_is_not_changed").await.unwrap();
        raw_execute(&path, sql).await.unwrap();
        let error = about(&index, &shared()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{name}: {error}");
        assert!(error.to_string().contains("restore the evidence index from a backup"), "{error}");
    }
}

#[tokio::test]
async fn evidence_cannot_be_changed_or_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evidence.db");
    let index = SqliteEvidenceIndex::open(&path).await.unwrap();
    index.add(&cx(), &evidence("one").await).await.unwrap();
    for sql in [
        "UPDATE evidence SET entry = '1'",
        "UPDATE evidence SET envelope = x'00'",
        "UPDATE evidence SET verdict = 'pass'",
        "UPDATE evidence SET unit = 'orders'",
        "UPDATE evidence SET at = 0",
        "UPDATE evidence SET signer = NULL",
        "DELETE FROM evidence",
        "UPDATE subjects SET value = 'other'",
        "DELETE FROM subjects",
        "INSERT INTO subjects VALUES ('sha256', 'x', 999)",
    ] {
        raw_execute(&path, sql).await.expect_err(sql);
    }
    assert_eq!(about(&index, &own("one")).await.unwrap(), [evidence("one").await]);
}

/// A file that version 1 has written: what it has is found as before, and by everything once it is added again.
#[tokio::test]
async fn a_file_of_the_first_version_is_taken_further() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evidence.db");
    drop(fs::File::create(&path).unwrap());
    raw_execute(&path, include_str!("../migrations/sqlite/0001_evidence_index.sql")).await.unwrap();
    raw_execute(&path, include_str!("fixtures/evidence_index_1.sql")).await.unwrap();
    let index = SqliteEvidenceIndex::open(&path).await.unwrap();
    let (plain, proven) = (evidence("one").await, evidence("two").await);
    let found = about(&index, &shared()).await.unwrap();
    let names: BTreeSet<_> = found.iter().map(|it| (it.id(), it.envelope(), it.subjects().clone())).collect();
    let expected = [&plain, &proven].map(|it| (it.id(), it.envelope(), it.subjects().clone()));
    assert_eq!(names, BTreeSet::from(expected));
    assert!(found.iter().all(|it| it.facets().is_none()));
    assert!(found.iter().any(|it| it.id() == proven.id() && it.logged().is_some()), "the proof is there");

    let all = EvidenceQuery::default();
    let error = index.query(&cx(), &all).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("add their envelopes again"), "{error}");
    index.add(&cx(), &plain).await.unwrap();
    index.query(&cx(), &all).await.expect_err("one is still not known");
    index.add(&cx(), &proven).await.unwrap();
    let found = index.query(&cx(), &all).await.unwrap().evidence;
    assert!(found.len() == 2 && found.iter().all(|it| it.facets() == plain.facets()), "{found:?}");
    assert!(found.iter().any(|it| it.id() == proven.id() && it.logged().is_some()), "the proof stays");
    drop(index);
    assert_eq!(SqliteEvidenceIndex::open(&path).await.unwrap().query(&cx(), &all).await.unwrap().evidence, found);
}

#[tokio::test]
async fn a_column_that_says_something_else_than_its_entry_is_corrupt() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evidence.db");
    let index = SqliteEvidenceIndex::open(&path).await.unwrap();
    index.add(&cx(), &evidence("one").await).await.unwrap();
    raw_execute(&path, "DROP TRIGGER evidence_is_not_changed").await.unwrap();
    raw_execute(&path, "UPDATE evidence SET unit = 'orders'").await.unwrap();
    let query = EvidenceQuery { unit: "orders".parse().ok(), ..EvidenceQuery::default() };
    assert_eq!(index.query(&cx(), &query).await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_several_that_make_the_file_at_once_each_finds_it_made() {
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("evidence.db");
        let open = |n: usize| {
            let path = path.clone();
            tokio::spawn(async move {
                let index = SqliteEvidenceIndex::open(path).await.unwrap();
                index.add(&cx(), &evidence(&n.to_string()).await).await.unwrap();
            })
        };
        for task in (0..6).map(open).collect::<Vec<_>>() {
            task.await.unwrap();
        }
        let names: Vec<_> = (0..6).map(|n| n.to_string()).collect();
        assert_eq!(check_whole(&SqliteEvidenceIndex::open(&path).await.unwrap(), &names).await, 6);
    }
}

/// Starts a test of this binary as a process of its own, which reads the index's path from its input.
fn start(name: &str, path: &Path) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "writer_process", "--ignored", "--nocapture"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{name} {}", path.display()).as_bytes()).unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

#[test]
#[ignore = "a process that `killed_writers_lose_nothing_that_was_acknowledged` starts"]
fn writer_process() {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input).unwrap();
    let Some((name, path)) = input.split_once(' ') else { return };
    let path = PathBuf::from(path);
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let index = SqliteEvidenceIndex::open(path).await.unwrap();
        for n in 0.. {
            let name = format!("{name}-{n}");
            index.add(&cx(), &evidence(&name).await).await.unwrap();
            println!("\nacknowledged {name}");
        }
    });
}

/// Two processes write at once, and both are killed.
#[tokio::test]
async fn killed_writers_lose_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("evidence.db");
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..6_u64 {
        let mut writers = ["left", "right"].map(|side| start(&format!("{side}-{round}"), &path));
        let name = |line: std::io::Result<String>| line.ok()?.strip_prefix("acknowledged ").map(str::to_owned);
        for (_, lines) in &mut writers {
            acknowledged.extend(lines.by_ref().filter_map(name).take(3));
        }
        std::thread::sleep(Duration::from_micros(1_370 * round));
        for (child, _) in &mut writers {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        for (_, lines) in writers {
            acknowledged.extend(lines.filter_map(name));
        }
        let index = SqliteEvidenceIndex::open(&path).await.unwrap();
        let found = check_whole(&index, &acknowledged).await;
        assert!(found >= acknowledged.len(), "round {round}: {found} of {} acknowledged", acknowledged.len());
        for name in &acknowledged {
            assert_eq!(about(&index, &own(name)).await.unwrap().len(), 1, "{name} was acknowledged and is gone");
        }
    }
}
