//! Making evidence and checking it: by the trust root of core, and by `openssl` alone.
#![expect(clippy::unwrap_used, clippy::unreachable, reason = "test code: a failure is a failed test")]

use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pathops_core::adapter::Signer as _;
use pathops_core::evidence::{Health, Predicate as _, Subject, TrustRoot};
use pathops_core::memory::{MemoryBlobs, MemorySigner};
use pathops_core::{Digest, ErrorKind, IdempotencyKey, OpContext, UnixMillis};
use pathops_evidence::{EvidenceRecord, Sealer, openssl};

fn wait<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => unreachable!("memory adapters answer at once"),
    }
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn sealer() -> (Sealer, MemorySigner) {
    let signer = MemorySigner::from_seed(7).unwrap();
    (Sealer::new(Arc::new(signer.clone()), Arc::new(MemoryBlobs::new())), signer)
}

fn health(at: i64) -> Health {
    Health {
        change_set: "a-change".parse().unwrap(),
        unit: "orders".parse().unwrap(),
        environment: "preflight".parse().unwrap(),
        healthy: true,
        settled_millis: 1_000,
        observed_on: UnixMillis(at),
    }
}

fn seal(sealer: &Sealer, at: i64) -> EvidenceRecord {
    let subject = Subject::named("orders@preflight").with_sha256(&Digest::of(b"artifact"));
    wait(sealer.seal(&cx(), "orders health", vec![subject], &health(at))).unwrap()
}

#[test]
fn sealed_evidence_verifies_and_names_itself() {
    let (sealer, signer) = sealer();
    let record = seal(&sealer, 1);
    let envelope = wait(sealer.envelope(&cx(), &record)).unwrap();
    let verified = TrustRoot::new([signer.public_key()]).verify(&envelope).unwrap();
    assert_eq!((verified.id(), verified.statement().predicate_type.as_str()), (record.id, Health::TYPE));
    assert_eq!(record.id, seal(&sealer, 1).id, "the same statement is the same evidence");
    assert_ne!(record.id, seal(&sealer, 2).id);
    let stranger = MemorySigner::from_seed(8).unwrap().public_key();
    assert!(TrustRoot::new([stranger]).verify(&envelope).is_err());
}

#[test]
fn evidence_about_nothing_is_refused() {
    let refused = wait(sealer().0.seal(&cx(), "nothing", vec![Subject::named("orders")], &health(1))).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
}

#[test]
fn openssl_alone_checks_a_signature() {
    if Command::new("openssl").arg("version").output().is_err() {
        #[expect(clippy::disallowed_methods, reason = "a test asks where it runs")]
        let ci = std::env::var("CI").is_ok();
        assert!(!ci, "openssl is missing");
        eprintln!("skipped: openssl is missing");
        return;
    }
    let (sealer, signer) = sealer();
    let envelope = wait(sealer.envelope(&cx(), &seal(&sealer, 1))).unwrap();
    let mut files = openssl::files(&envelope).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let check = |files: &openssl::OpensslFiles| {
        std::fs::write(folder.path().join("key.pem"), signer.public_key().to_pem()).unwrap();
        std::fs::write(folder.path().join("signature"), &files.signature_der).unwrap();
        std::fs::write(folder.path().join("signed"), &files.signed_bytes).unwrap();
        let line = openssl::command("key.pem", "signature", "signed");
        let (program, arguments) = line.split_once(' ').unwrap();
        Command::new(program).args(arguments.split(' ')).current_dir(folder.path()).output().unwrap().status.success()
    };
    assert!(check(&files));
    *files.signed_bytes.last_mut().unwrap() ^= 1;
    assert!(!check(&files), "a changed byte is found");
}
