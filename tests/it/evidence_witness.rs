//! The evidence command, with what others know of a log: the history of a repository, and witnesses.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use pathops_core::Digest;
use tempfile::TempDir;

use crate::evidence_command::{Run, Store, artifact, run};

pub(crate) fn git(folder: &Path, arguments: &[&str]) {
    let who = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").arg("-C").arg(folder).args(who).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A repository in which checkpoints are written down.
struct Repository(TempDir);

impl Repository {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q"]);
        fs::create_dir(folder.path().join("log")).unwrap();
        Self(folder)
    }

    fn records(&self, store: &Store) {
        fs::copy(store.file("log/checkpoint"), self.0.path().join("log/checkpoint")).unwrap();
        git(self.0.path(), &["add", "."]);
        git(self.0.path(), &["commit", "-q", "-m", "Record a checkpoint"]);
    }

    fn path(&self) -> &str {
        self.0.path().to_str().unwrap()
    }
}

/// One more piece of evidence, told from others by its time.
fn grow(store: &Store, at: &str) {
    store.run("ingest", &["tap/good-14.tap", "--subject", &artifact(), "--at", at]).works();
}

/// The same store once more, with its keys.
fn forked(store: &Store) -> Store {
    let other = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-R").arg(store.path().join("..").join(".")).arg(other.path()).status().unwrap();
    assert!(copied.success());
    Store(other, store.1.clone())
}

#[track_caller]
fn fails(run: &Run, why: &str) {
    assert!(run.0 == Some(1) && run.1.starts_with("FAILED\n") && run.1.contains(why), "{run:?}");
}

#[test]
fn two_views_of_a_log_are_caught_from_the_history_of_a_repository() {
    let (one, repository) = (Store::filled(), Repository::new());
    repository.records(&one);
    let other = forked(&one);
    grow(&one, "2026-11-23T12:00:00Z");
    grow(&other, "2026-11-23T13:00:00Z");
    grow(&other, "2026-11-23T14:00:00Z");
    repository.records(&one);
    let whole = one.verify(&["--history", repository.path()]);
    assert!(whole.works().contains("ok        2 earlier checkpoints, on which that of 9 leaves follows"), "{whole:?}");
    assert!(!whole.1.contains("whether it was cut back"), "{whole:?}");

    // Each fork holds by itself, also where its own newest checkpoint is the newest that was written down.
    repository.records(&other);
    for store in [&one, &other] {
        store.verify(&[]).works();
    }
    other.verify(&["--checkpoint", repository.0.path().join("log/checkpoint").to_str().unwrap()]).works();
    fails(&other.verify(&["--history", repository.path()]), "checkpoint 2 of 3, of 9 leaves");
    fails(&one.verify(&["--history", repository.path()]), "checkpoint 3 of 3, of 11 leaves: the log has 9 leaves now");
}

#[test]
fn a_history_that_is_not_whole_or_not_there_verifies_nothing() {
    let (store, repository) = (Store::filled(), Repository::new());
    repository.records(&store);
    grow(&store, "2026-11-23T12:00:00Z");
    repository.records(&store);
    let folder = tempfile::tempdir().unwrap();
    let shallow = folder.path().join("shallow");
    git(folder.path(), &["clone", "-q", "--depth", "1", &format!("file://{}", repository.path()), shallow.to_str().unwrap()]);
    let part = store.verify(&["--history", shallow.to_str().unwrap()]);
    assert!(part.0 == Some(2) && part.1.contains("is a shallow clone"), "{part:?}");
    // A folder within a repository is not that repository.
    store.verify(&["--history", repository.0.path().join("log").to_str().unwrap()]).is_refused("NOT VERIFIED");
    store.verify(&["--history", "no-such-folder"]).is_refused("NOT VERIFIED");
    let empty = Repository::new();
    git(empty.0.path(), &["commit", "-q", "--allow-empty", "-m", "Begin"]);
    let nothing = store.verify(&["--history", empty.path()]);
    assert!(nothing.0 == Some(2) && nothing.1.contains("earlier checkpoints: there are none"), "{nothing:?}");
    // A bundle has nothing that a history could be held against.
    let root = store.file("trusted_root.json");
    let key = fs::read_dir(store.file("keys")).unwrap().next().unwrap().unwrap().path();
    let against = ["--trusted-root", root.to_str().unwrap(), "--key", key.to_str().unwrap(), "--history", repository.path()];
    run(&[&["verify", "tap/good-14.tap"], against.as_slice()].concat()).is_refused("a bundle is one piece");
}

/// Whoever can write there cannot switch the comparison off: a commit without the checkpoint is named, and the others are compared.
#[test]
fn a_commit_that_takes_the_checkpoint_away_is_named() {
    let (store, repository) = (Store::filled(), Repository::new());
    repository.records(&store);
    git(repository.0.path(), &["rm", "-q", "log/checkpoint"]);
    git(repository.0.path(), &["commit", "-q", "-m", "Clean up"]);
    fs::create_dir_all(repository.0.path().join("log")).unwrap();
    grow(&store, "2026-11-23T12:00:00Z");
    repository.records(&store);
    fs::write(repository.0.path().join("log/checkpoint"), "no checkpoint\n".repeat(10_000)).unwrap();
    git(repository.0.path(), &["commit", "-q", "-a", "-m", "Fill the disk"]);
    fs::remove_file(repository.0.path().join("log/checkpoint")).unwrap();
    fs::create_dir(repository.0.path().join("log/checkpoint")).unwrap();
    fs::write(repository.0.path().join("log/checkpoint/of"), "a folder").unwrap();
    git(repository.0.path(), &["add", "."]);
    git(repository.0.path(), &["commit", "-q", "-m", "Make a folder of it"]);
    fs::remove_dir_all(repository.0.path().join("log/checkpoint")).unwrap();
    repository.records(&store);
    let verified = store.verify(&["--history", repository.path()]);
    fails(&verified, "it took `log/checkpoint` away");
    fails(&verified, "`log/checkpoint` has 140000 bytes: that is no checkpoint");
    assert_eq!(verified.1.matches("FAILED    ").count(), 3, "the checkpoints before and after hold: {verified:?}");
    fs::write(repository.0.path().join(".git/info/grafts"), "").unwrap();
    store.verify(&["--history", repository.path()]).is_refused("has grafts, which hide commits");
}

/// Nobody took away what a clone does not have.
#[test]
fn a_checkpoint_that_a_clone_does_not_have_is_not_one_that_was_taken_away() {
    let (store, repository) = (Store::filled(), Repository::new());
    repository.records(&store);
    let id = Command::new("git").args(["-C", repository.path(), "rev-parse", "HEAD:log/checkpoint"]).output().unwrap();
    let id = String::from_utf8(id.stdout).unwrap();
    let (folder, name) = id.trim().split_at(2);
    fs::remove_file(repository.0.path().join(".git/objects").join(folder).join(name)).unwrap();
    store.verify(&["--history", repository.path()]).is_refused("is it a partial clone?");
}

/// A witness of this name: its verifier key, and the line with which it cosigns a note.
fn witness(name: &str, seed: u8, note: &str) -> (String, String) {
    witness_at(name, seed, note, 1_763_971_200)
}

/// The same, at a time in seconds since 1970.
pub(crate) fn witness_at(name: &str, seed: u8, note: &str, at: u64) -> (String, String) {
    let key = SigningKey::from_bytes(&[seed; 32]);
    let public = [&[4], key.verifying_key().as_bytes().as_slice()].concat();
    let id = Digest::of(&[name.as_bytes(), b"\n", &public].concat());
    let body = note.split_once("\n\n").unwrap().0;
    let signature = key.sign(format!("cosignature/v1\ntime {at}\n{body}\n").as_bytes()).to_bytes();
    let line = BASE64.encode([&id.as_bytes()[..4], &at.to_be_bytes(), &signature].concat());
    (format!("{name}+{}+{}", &id.hex()[..8], BASE64.encode(public)), format!("\u{2014} {name} {line}\n"))
}

#[test]
fn as_many_witnesses_as_are_asked_for_have_to_have_cosigned() {
    let store = Store::filled();
    let note = fs::read_to_string(store.file("log/checkpoint")).unwrap();
    let ((one, line), (two, _)) = (witness("one.example/w", 1, &note), witness("two.example/w", 2, &note));
    // It may be on its way: that is not verified, and nothing has failed.
    let lacks = |more: &[&str]| {
        let run = store.verify(more);
        assert!(run.0 == Some(2) && run.1.contains("missing   cosignatures: "), "{run:?}");
    };
    lacks(&["--witness", &one]);
    // Nor has it where its past is looked at, too, which holds.
    let repository = Repository::new();
    repository.records(&store);
    lacks(&["--witness", &one, "--history", repository.path()]);
    assert!(store.verify(&["--history", repository.path()]).works().contains("1 earlier checkpoints"));
    fs::write(store.file("log/checkpoint"), note + &line).unwrap();
    assert!(store.verify(&["--witness", &one]).works().contains("one.example/w"));
    // A bundle has the cosignatures of those whom its writer names.
    let found = store.run("query", &["--json", "--limit", "1"]);
    let found: serde_json::Value = serde_json::from_str(found.works().lines().next().unwrap()).unwrap();
    let id = found["id"].as_str().unwrap();
    let line = serde_json::to_string(&line).unwrap();
    let exported = |more: &[&str]| store.run("export", &[&[id], more].concat()).works().contains(line.trim_matches('"'));
    assert!(exported(&["--witness", &one]) && !exported(&[]) && !exported(&["--witness", &two]));
    store.verify(&["--witness", &one, "--history", repository.path()]).works();
    store.verify(&["--witness", &one, "--witness", &two, "--witnesses", "1"]).works();
    lacks(&["--witness", &one, "--witness", &two]);
    lacks(&["--witness", &one, "--witnesses", "2"]);
    store.verify(&["--witness", "one.example/w"]).is_refused("no verifier key of a witness");
    store.verify(&["--witnesses", "1"]).is_refused("--witness <KEY>");
}
