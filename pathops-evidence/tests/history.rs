//! A log that shows two views, or is cut back, is caught by the checkpoints that were written down, here in the Git history of a
//! repository.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use pathops_core::adapter::Signer as _;
use pathops_core::evidence::{Checkpoint, Envelope, PAYLOAD_TYPE, pre_authentication_encoding};
use pathops_core::memory::{MemoryBucket, MemorySigner};
use pathops_core::{Digest, IdempotencyKey, OpContext};
use pathops_evidence::ledger::{Item, Ledger, LogKey, LogReader};
use pathops_evidence::{Verdict, Verification, verify_history};

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
}

async fn item(number: usize) -> Item {
    let signer = MemorySigner::from_seed(1).unwrap();
    let payload = format!("{{\"number\":{number}}}").into_bytes();
    let signature = signer.sign(&cx(), &pre_authentication_encoding(PAYLOAD_TYPE, &payload)).await.unwrap();
    Item::signed(Envelope::new(&payload, &signer.public_key(), signature), signer.public_key()).unwrap()
}

/// A log, and its checkpoint after each of these numbers was appended.
async fn log(numbers: impl IntoIterator<Item = usize>) -> (MemoryBucket, Vec<String>) {
    let bucket = MemoryBucket::new();
    let ledger = Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap();
    let mut notes = Vec::new();
    for number in numbers {
        ledger.append(&cx(), vec![item(number).await]).await.unwrap();
        notes.push(ledger.reader().note(&cx()).await.unwrap().unwrap().1);
    }
    (bucket, notes)
}

async fn verify(bucket: &MemoryBucket, notes: &[String]) -> Verification {
    let reader = LogReader::new(Arc::new(bucket.clone()), key().identity());
    verify_history(&cx(), &reader, notes).await.unwrap()
}

fn fails(verification: &Verification, part: &str, why: &str) {
    let told = verification.failures.iter().any(|(its, told)| its.contains(part) && told.contains(why));
    assert!(told && verification.verdict() == Verdict::Failed, "{part}: {why}: {verification}");
}

#[tokio::test]
async fn two_forks_of_a_log_are_caught_whichever_of_them_is_looked_at() {
    // Both begin with the same leaves, and the log's own key has signed all of it.
    let (one, notes) = log(0..9).await;
    let (other, forked) = log([0, 1, 2, 3, 4, 50, 60, 70, 80]).await;
    assert_eq!(notes[4], forked[4]);
    assert_eq!(verify(&one, &notes).await.verdict(), Verdict::Verified);
    assert_eq!(verify(&other, &forked).await.verdict(), Verdict::Verified, "each by itself holds");

    let written = [&notes[..7], &forked[7..]].concat();
    for (bucket, part) in [(&one, "checkpoint 8 of 9, of 8 leaves"), (&other, "checkpoint 6 of 9, of 6 leaves")] {
        fails(&verify(bucket, &written).await, part, "does not begin with that of");
    }
    let both = [notes[6].clone(), forked[6].clone()];
    fails(&verify(&one, &both).await, "checkpoint 2 of 2, of 7 leaves", "two views");
}

#[tokio::test]
async fn what_is_cut_back_or_no_checkpoint_is_named() {
    let (bucket, notes) = log(0..6).await;
    let (shorter, _) = log(0..4).await;
    fails(&verify(&shorter, &notes).await, "checkpoint 5 of 6, of 5 leaves", "has 4 leaves now");
    let back = [notes[4].clone(), notes[2].clone()];
    fails(&verify(&bucket, &back).await, "checkpoint 2 of 2, of 3 leaves", "had 5 leaves before");
    let another = LogKey::new("shop.example/evidence", &[8; 32]).unwrap();
    let not_ours = another.sign(&Checkpoint { size: 1, root: Digest::of(b"root") });
    fails(&verify(&bucket, &[not_ours]).await, "checkpoint 1 of 1", "has not signed it");
    assert_eq!(verify(&bucket, &[]).await.verdict(), Verdict::NotVerified);
    assert_eq!(verify(&MemoryBucket::new(), &notes).await.verdict(), Verdict::NotVerified);
    bucket.objects().insert("log/checkpoint".parse().unwrap(), b"spoilt".to_vec());
    fails(&verify(&bucket, &notes).await, "log/checkpoint", "not a checkpoint");
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let who = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"];
    let output = Command::new("git").current_dir(folder).args(who).args(arguments).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The checkpoints that a repository has had, the oldest first, with the command of the documentation.
fn written_down(folder: &Path) -> Vec<String> {
    let commits = git(folder, &["log", "--reverse", "--first-parent", "--format=%H", "--", "log/checkpoint"]);
    commits.lines().map(|commit| git(folder, &["show", &format!("{commit}:log/checkpoint")])).collect()
}

#[tokio::test]
async fn the_git_history_of_the_meta_repository_is_a_witness() {
    let (one, notes) = log(0..5).await;
    let (other, forked) = log([0, 1, 2, 30, 40, 50]).await;
    let folder = tempfile::tempdir().unwrap();
    git(folder.path(), &["init", "-q"]);
    std::fs::create_dir(folder.path().join("log")).unwrap();
    for note in &notes {
        std::fs::write(folder.path().join("log/checkpoint"), note).unwrap();
        git(folder.path(), &["add", "."]);
        git(folder.path(), &["commit", "-q", "-m", "Record a checkpoint"]);
    }
    assert_eq!(written_down(folder.path()), notes);
    assert_eq!(verify(&one, &written_down(folder.path())).await.verdict(), Verdict::Verified);
    // The newest alone would not show it where the fork has been written over it.
    std::fs::write(folder.path().join("log/checkpoint"), &forked[5]).unwrap();
    git(folder.path(), &["commit", "-q", "-a", "-m", "Record a checkpoint"]);
    let verification = verify(&other, &written_down(folder.path())).await;
    fails(&verification, "checkpoint 4 of 6, of 4 leaves", "does not begin with that of");
}
