//! A trusted root that says when the log's key counts: what a witness has seen within is verified, and nothing else.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use pathops_core::adapter::{Bucket as _, Signer as _};
use pathops_core::evidence::{Predicate, Subject, TrustRoot};
use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemorySigner};
use pathops_core::{Digest, ErrorKind, IdempotencyKey, OpContext, UnixMillis};
use pathops_evidence::ledger::{Ledger, LogIdentity, LogKey, LogReader, Witness};
use pathops_evidence::{Against, Sealer, Verdict, log_of, trusted_root, verify_bundle, verify_history, verify_ledger};
use sha2::{Digest as _, Sha256};

const SEEN: u64 = 1_763_971_200;
const WITNESS: &str = "one.example/w";

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
}

fn witness() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

/// The line that a witness adds to a note which it has seen.
fn line(note: &str) -> String {
    let body = note.split_once("\n\n").unwrap().0;
    let signature = witness().sign(format!("cosignature/v1\ntime {SEEN}\n{body}\n").as_bytes()).to_bytes();
    let name = Sha256::new().chain_update(WITNESS).chain_update(b"\n\x04").chain_update(witness().verifying_key());
    let bytes = [&name.finalize()[..4], &SEEN.to_be_bytes(), &signature].concat();
    format!("\u{2014} {WITNESS} {}\n", BASE64.encode(bytes))
}

#[derive(serde::Serialize)]
struct Said {}

impl Predicate for Said {
    const TYPE: &'static str = "https://example.org/said";
}

/// The log that a trusted root names which says so of its key.
fn named(valid_for: &str) -> LogIdentity {
    let root = trusted_root(&key().identity(), &[]).unwrap();
    let changed = root.replace(r#""validFor":{"start":"1970-01-01T00:00:00Z"}"#, &format!(r#""validFor":{valid_for}"#));
    assert!(changed.contains(valid_for), "{changed}");
    log_of(changed.as_bytes()).unwrap()
}

#[tokio::test]
async fn what_is_signed_by_a_key_that_is_over_or_does_not_count_yet_takes_a_time_within() {
    let (bucket, signer) = (MemoryBucket::new(), MemorySigner::from_seed(3).unwrap());
    let trust = TrustRoot::new([signer.public_key()]);
    let ledger = Arc::new(Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap());
    let sealer = Sealer::new(Arc::new(signer), Arc::new(MemoryBlobs::new())).with_ledger(ledger.clone());
    let subject = Subject::named("orders").with_sha256(&Digest::of(b"artifact"));
    let record = sealer.seal(&cx(), "said", vec![subject], &Said {}).await.unwrap();
    let (_, note) = ledger.reader().note(&cx()).await.unwrap().unwrap();
    bucket.write(&cx(), &"log/checkpoint".parse().unwrap(), (note.clone() + &line(&note)).into_bytes()).await.unwrap();
    let of = Witness::new(WITNESS, witness().verifying_key().as_bytes()).unwrap();

    let verdicts = async |log: &LogIdentity| {
        let against = Against { log, trust: &trust, known: &[], blobs: None, sealed: None };
        let whole = verify_ledger(&cx(), &bucket, against).await.unwrap();
        let reader = LogReader::new(Arc::new(bucket.clone()), log.clone());
        let past = verify_history(&cx(), &reader, std::slice::from_ref(&note)).await.unwrap();
        let bundle = reader.bundle(&cx(), record.id).await.unwrap().unwrap();
        let bundle = verify_bundle(bundle.as_bytes(), log, &trust);
        for said in [&whole, &past, &bundle] {
            let told = said.missing.iter().any(|it| it.starts_with("whether the log's key counted"));
            assert_eq!(told, said.verdict() == Verdict::NotVerified, "{said}");
        }
        assert_eq!((whole.verdict(), whole.verdict()), (past.verdict(), bundle.verdict()), "{whole}{past}{bundle}");
        whole.verdict()
    };
    for (valid_for, unseen, seen) in [
        (r#"{"start":"1970-01-01T00:00:00Z"}"#, Verdict::Verified, Verdict::Verified),
        ("{}", Verdict::Verified, Verdict::Verified),
        (r#"{"end":"2027-01-01T00:00:00Z"}"#, Verdict::NotVerified, Verdict::Verified),
        (r#"{"start":"2020-01-01T00:00:00Z"}"#, Verdict::NotVerified, Verdict::Verified),
        (r#"{"start":"2020-01-01T00:00:00Z","end":"2025-12-31T00:00:00Z"}"#, Verdict::NotVerified, Verdict::Verified),
        (r#"{"end":"2021-01-01T00:00:00Z"}"#, Verdict::NotVerified, Verdict::NotVerified),
        (r#"{"start":"2026-01-01T00:00:00Z"}"#, Verdict::NotVerified, Verdict::NotVerified),
    ] {
        let log = named(valid_for);
        assert_eq!(verdicts(&log).await, unseen, "{valid_for}");
        assert_eq!(verdicts(&log.with_witnesses([of.clone()], 1)).await, seen, "{valid_for}");
    }
}

#[test]
fn when_a_key_counts_is_written_and_read_again() {
    let log = key().identity().with_validity(Some(UnixMillis(1_000)), Some(UnixMillis(2_000)));
    assert_eq!(log_of(trusted_root(&log, &[]).unwrap().as_bytes()).unwrap(), log);
    let always = key().identity();
    assert_eq!(log_of(trusted_root(&always, &[]).unwrap().as_bytes()).unwrap(), always);
}

#[test]
fn a_log_of_another_algorithm_or_with_a_time_that_is_none_is_refused() {
    let good = trusted_root(&key().identity(), &[]).unwrap();
    for bad in [
        good.replace("SHA2_256", "SHA2_512"),
        good.replace("PKIX_ED25519", "PKIX_ECDSA_P256_SHA_256"),
        good.replace(r#""hashAlgorithm":"SHA2_256","#, ""),
        good.replace("1970-01-01T00:00:00Z", "some day"),
        good.replace(r#""start":"#, r#""end":"never","start":"#),
    ] {
        assert_ne!(bad, good);
        assert_eq!(log_of(bad.as_bytes()).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
    }
}
