//! Sigstore bundles: what holds verifies, and no byte of one can be changed, also where nothing authenticates it.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

#[path = "common/certificates.rs"]
mod certificates;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use certificates::certificates;
use pathops_core::adapter::Signer as _;
use pathops_core::evidence::{
    Attester, Health, Occasion, Place, Predicate, Reference, SNAPSHOT_FORMAT, Snapshot, SnapshotExtent, StreamId, Subject,
    TrustRoot, Window,
};
use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemorySigner};
use pathops_core::{Digest, ErrorKind, IdempotencyKey, OpContext, UnixMillis};
use pathops_evidence::ledger::{Ledger, LogKey, LogReader};
use pathops_evidence::{EvidenceRecord, Sealer, Verdict, bundle_certified, log_of, trusted_root, verify_bundle};

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
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

/// A log of five pieces, and the third of them.
async fn log() -> (Arc<Ledger>, TrustRoot, EvidenceRecord) {
    let signer = MemorySigner::from_seed(3).unwrap();
    let trust = TrustRoot::new([signer.public_key()]);
    let ledger = Arc::new(Ledger::open(&cx(), Arc::new(MemoryBucket::new()), key()).await.unwrap());
    let sealer = Sealer::new(Arc::new(signer), Arc::new(MemoryBlobs::new())).with_ledger(ledger.clone());
    let mut records = Vec::new();
    for at in 0..5 {
        let subject = Subject::named("orders").with_sha256(&Digest::of(b"artifact"));
        records.push(sealer.seal(&cx(), "health", vec![subject], &health(at)).await.unwrap());
    }
    (ledger, trust, records.swap_remove(2))
}

#[tokio::test]
async fn a_bundle_verifies_offline_with_the_trusted_root_and_the_signers_key() {
    let (ledger, trust, record) = log().await;
    assert_eq!(record.leaf, Some(2));
    let bundle = ledger.reader().bundle(&cx(), record.id).await.unwrap().unwrap();
    let known = log_of(trusted_root(&key().identity(), &[]).unwrap().as_bytes()).unwrap();
    assert_eq!(known, key().identity());
    let verification = verify_bundle(bundle.as_bytes(), &known, &trust);
    assert_eq!(verification.verdict(), Verdict::Verified, "{verification}");
    assert!(verification.to_string().contains("leaf 2 of `shop.example/evidence` at 5 leaves"), "{verification}");

    let another = LogKey::new("shop.example/evidence", &[8; 32]).unwrap().identity();
    assert_eq!(verify_bundle(bundle.as_bytes(), &another, &trust).verdict(), Verdict::Failed);
    let nobody = TrustRoot::new([]);
    assert_eq!(verify_bundle(bundle.as_bytes(), &known, &nobody).verdict(), Verdict::Failed);
    let unknown = pathops_core::evidence::EvidenceId(Digest::of(b"never sealed"));
    assert_eq!(ledger.reader().bundle(&cx(), unknown).await.unwrap(), None);
}

#[tokio::test]
async fn the_bundle_of_a_keyless_signer_has_its_certificate_and_is_not_verified_without_an_authority() {
    let signer = MemorySigner::from_seed(3).unwrap();
    let (own, chain) = (signer.public_key(), certificates(&signer.public_key()));
    let other = certificates(&MemorySigner::from_seed(4).unwrap().public_key());
    assert!(signer.clone().with_certificates(other.clone()).is_err());
    let (signer, bucket) = (signer.with_certificates(chain.clone()).unwrap(), Arc::new(MemoryBucket::new()));
    let ledger = Arc::new(Ledger::open(&cx(), bucket.clone(), key()).await.unwrap());
    let sealer = Sealer::new(Arc::new(signer), Arc::new(MemoryBlobs::new())).with_ledger(ledger.clone());
    let subject = Subject::named("orders").with_sha256(&Digest::of(b"artifact"));
    let record = sealer.seal(&cx(), "health", vec![subject], &health(0)).await.unwrap();
    assert_eq!(record.certificates.as_ref(), Some(&chain));
    let kept: EvidenceRecord = serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
    assert_eq!(kept, record);

    let (envelope, reader) = (sealer.envelope(&cx(), &record).await.unwrap(), ledger.reader());
    let (checkpoint, note) = reader.note(&cx()).await.unwrap().unwrap();
    let inclusion = reader.inclusion(&cx(), 0, &checkpoint).await.unwrap();
    let bundle = bundle_certified(&envelope, &chain, reader.identity(), &note, &inclusion).unwrap();
    assert!(bundle_certified(&envelope, &other, reader.identity(), &note, &inclusion).is_err(), "of another key");
    let read: serde_json::Value = serde_json::from_str(&bundle).unwrap();
    assert!(read["verificationMaterial"]["certificate"]["rawBytes"].is_string());
    assert!(read["verificationMaterial"].get("publicKey").is_none());
    // The leaf is over that certificate, and the bucket alone has all that is needed.
    let verifier = read_leaf(&inclusion.leaf)["spec"]["hashedRekordV002"]["signature"]["verifier"].clone();
    let kind = serde_json::json!("PKIX_ECDSA_P256_SHA_256");
    let raw = serde_json::json!({ "rawBytes": BASE64.encode(chain.leaf()) });
    assert_eq!(verifier, serde_json::json!({ "keyDetails": kind, "x509Certificate": raw }));
    let elsewhere = LogReader::new(bucket, reader.identity().clone());
    assert_eq!(elsewhere.bundle(&cx(), record.id).await.unwrap().unwrap(), bundle);
    let (_, item) = elsewhere.find(&cx(), record.id).await.unwrap().unwrap();
    assert_eq!(item.certificates(), Some(&chain));
    // It is not the bundle of a bare key, nor is that of one the bundle of a certificate.
    assert!(pathops_evidence::bundle(&envelope, &own, reader.identity(), &note, &inclusion).is_err());
    let (others, _, plain) = log().await;
    let (checkpoint, note) = others.reader().note(&cx()).await.unwrap().unwrap();
    let bare = others.reader().inclusion(&cx(), plain.leaf.unwrap(), &checkpoint).await.unwrap();
    let envelope = others.reader().find(&cx(), plain.id).await.unwrap().unwrap().1.envelope().clone();
    let refused = bundle_certified(&envelope, &chain, reader.identity(), &note, &bare).unwrap_err().to_string();
    assert!(refused.contains("another key or certificate"), "{refused}");

    for trust in [TrustRoot::new([]), TrustRoot::new([own])] {
        let verification = verify_bundle(bundle.as_bytes(), reader.identity(), &trust);
        assert_eq!(verification.verdict(), Verdict::NotVerified, "{verification}");
        let told = verification.to_string();
        assert!(told.contains("who signed it: no authority is trusted here") && told.contains("leaf 0 of"), "{told}");
        // What can be checked fails as ever, and no byte of it is verified.
        for place in 0..bundle.len() {
            let mut changed = bundle.clone().into_bytes();
            changed[place] ^= 1;
            let verdict = verify_bundle(&changed, reader.identity(), &trust).verdict();
            assert_ne!(verdict, Verdict::Verified, "byte {place}");
        }
        let without = bundle.replacen("\"certificate\"", "\"x509\"", 1);
        assert_eq!(verify_bundle(without.as_bytes(), reader.identity(), &trust).verdict(), Verdict::Failed);
    }
}

fn read_leaf(leaf: &[u8]) -> serde_json::Value {
    assert_eq!(
        serde_json_canonicalizer::to_string(&serde_json::from_slice::<serde_json::Value>(leaf).unwrap()).unwrap().as_bytes(),
        leaf
    );
    serde_json::from_slice(leaf).unwrap()
}

/// The bundle of the only piece of a log.
async fn of<P: Predicate + Sync>(predicate: &P) -> String {
    let ledger = Arc::new(Ledger::open(&cx(), Arc::new(MemoryBucket::new()), key()).await.unwrap());
    let signer = MemorySigner::from_seed(3).unwrap();
    let sealer = Sealer::new(Arc::new(signer), Arc::new(MemoryBlobs::new())).with_ledger(ledger.clone());
    let subject = Subject::named("orders").with_sha256(&Digest::of(b"artifact"));
    let record = sealer.seal(&cx(), "one", vec![subject], predicate).await.unwrap();
    ledger.reader().bundle(&cx(), record.id).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_bundle_in_which_a_producer_speaks_for_pathops_fails() {
    let bundle = of(&health(1)).await;
    let own = TrustRoot::new([MemorySigner::from_seed(3).unwrap().public_key()]);
    let said = verify_bundle(bundle.as_bytes(), &key().identity(), &own);
    assert_eq!(said.verdict(), Verdict::Verified, "{said}");
    let scanner = own.with_producer("scanner".parse().unwrap(), MemorySigner::from_seed(3).unwrap().public_key());
    let said = verify_bundle(bundle.as_bytes(), &key().identity(), &scanner);
    let [(part, why)] = said.failures.as_slice() else { panic!("{said}") };
    assert!(part == "the statement" && why.contains("a time of health"), "{said}");
}

#[tokio::test]
async fn a_bundle_says_what_one_piece_cannot_show_and_fails_for_a_snapshot_that_is_not_whole() {
    let trust = TrustRoot::new([MemorySigner::from_seed(3).unwrap().public_key()]);
    let reference = Reference {
        name: "logs".to_owned(),
        download_location: "memory:logs".to_owned(),
        digest: [("sha256".to_owned(), Digest::of(b"logs").hex())].into(),
        media_type: "text/plain".to_owned(),
        annotations: None,
    };
    let (project, unit, environment) = ("shop".parse().unwrap(), "orders".parse().unwrap(), "preflight".parse().unwrap());
    let place = Place {
        format: SNAPSHOT_FORMAT,
        stream: StreamId { project, unit, environment },
        sequence: 0,
        previous: None,
        expected: ["logs".to_owned()].into(),
        besides: [].into(),
        window: Window { from: UnixMillis(0), until: UnixMillis(1) },
        interruptions: 0,
        treated: [].into(),
    };
    let extent = SnapshotExtent {
        change_set: "a-change".parse().unwrap(),
        unit: place.stream.unit.clone(),
        environment: place.stream.environment.clone(),
        occasion: Occasion::Deployed,
        absent: Vec::new(),
        collected_on: UnixMillis(1),
        place: Some(place),
    };
    let attester = Attester { id: "https://pathops.dev/pathops".to_owned() };
    let mut snapshot = Snapshot { attester, references: vec![reference], extent };
    let said = verify_bundle(of(&snapshot).await.as_bytes(), &key().identity(), &trust);
    assert_eq!(said.verdict(), Verdict::Verified, "{said}");
    for left_out in ["payloads: it refers to 1", "cut back or forked", "before it and behind it"] {
        assert!(said.left_out.iter().any(|it| it.contains(left_out)), "{left_out}: {said}");
    }
    snapshot.extent.place.as_mut().unwrap().expected.insert("events".to_owned());
    let said = verify_bundle(of(&snapshot).await.as_bytes(), &key().identity(), &trust);
    let [(part, why)] = said.failures.as_slice() else { panic!("{said}") };
    assert!(part == "the snapshot" && why.contains("events"), "{said}");
}

/// Verifies a bundle after each of its bytes was changed in turn; none of what comes of it may be accepted.
async fn refused_after(change: impl Fn(&mut Vec<u8>, usize)) {
    let (ledger, trust, record) = log().await;
    let bundle = ledger.reader().bundle(&cx(), record.id).await.unwrap().unwrap();
    let log = key().identity();
    assert_eq!(verify_bundle(bundle.as_bytes(), &log, &trust).verdict(), Verdict::Verified);
    for place in 0..bundle.len() {
        let mut changed = bundle.clone().into_bytes();
        change(&mut changed, place);
        assert_ne!(changed, bundle.as_bytes());
        let verification = verify_bundle(&changed, &log, &trust);
        assert_eq!(verification.verdict(), Verdict::Failed, "byte {place}: {verification}");
    }
}

#[tokio::test]
async fn no_bit_of_a_bundle_can_be_flipped() {
    refused_after(|bytes, place| bytes[place] ^= 1 << (place % 8)).await;
}

#[tokio::test]
async fn no_byte_of_a_bundle_can_be_another() {
    refused_after(|bytes, place| bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' }).await;
}

#[tokio::test]
async fn no_byte_of_a_bundle_can_be_taken_out() {
    refused_after(|bytes, place| {
        bytes.remove(place);
    })
    .await;
}

#[tokio::test]
async fn no_byte_of_a_bundle_can_be_doubled() {
    refused_after(|bytes, place| bytes.insert(place, bytes[place])).await;
}

#[tokio::test]
async fn nothing_can_be_put_into_a_bundle() {
    let (ledger, trust, record) = log().await;
    let bundle = ledger.reader().bundle(&cx(), record.id).await.unwrap().unwrap();
    let spaced = bundle.replacen('{', "{ ", 1);
    for changed in [spaced, format!("{bundle} "), bundle.replacen('{', "{\"more\":1,", 1), String::new()] {
        assert_eq!(verify_bundle(changed.as_bytes(), &key().identity(), &trust).verdict(), Verdict::Failed);
    }
}

/// Others have the time signed as well. Nobody here checks that, so it is neither verified nor wrong.
#[tokio::test]
async fn a_bundle_with_timestamps_of_others_is_not_verified_and_has_not_failed() {
    let (ledger, trust, record) = log().await;
    let (log, bundle) = (key().identity(), ledger.reader().bundle(&cx(), record.id).await.unwrap().unwrap());
    let with =
        |data: &str| bundle.replacen(r#""tlogEntries":"#, &format!(r#""timestampVerificationData":{data},"tlogEntries":"#), 1);
    let token = r#"{"signedTimestamp":"MIIB"}"#;
    let timestamped = with(&format!(r#"{{"rfc3161Timestamps":[{token},{token}]}}"#));
    let said = verify_bundle(timestamped.as_bytes(), &log, &trust);
    assert_eq!((said.verdict(), said.failures.len()), (Verdict::NotVerified, 0), "{said}");
    assert_eq!(said.missing, ["timestamps: it has 2 (RFC 3161), and none is checked here"]);
    for place in 0..timestamped.len() {
        let mut changed = timestamped.clone().into_bytes();
        changed[place] ^= 1;
        assert_ne!(verify_bundle(&changed, &log, &trust).verdict(), Verdict::Verified, "byte {place}");
    }
    // Where there is no token, it is something that nothing authenticates.
    for data in [
        "{}".to_owned(),
        r#"{"rfc3161Timestamps":[]}"#.to_owned(),
        r#"{"rfc3161Timestamps":[{}]}"#.to_owned(),
        r#"{"rfc3161Timestamps":[{"signedTimestamp":""}]}"#.to_owned(),
        r#"{"rfc3161Timestamps":[{"signedTimestamp":"MIIB "}]}"#.to_owned(),
        format!(r#"{{"more":1,"rfc3161Timestamps":[{token}]}}"#),
        r#"{"rfc3161Timestamps":[{"more":1,"signedTimestamp":"MIIB"}]}"#.to_owned(),
    ] {
        assert_eq!(verify_bundle(with(&data).as_bytes(), &log, &trust).verdict(), Verdict::Failed, "{data}");
    }
}

#[test]
fn a_trusted_root_that_is_none_is_refused() {
    let good = trusted_root(&key().identity(), &[]).unwrap();
    for bad in [
        "{}".to_owned(),
        good.replace("version=0.1", "version=9"),
        good.replace("PKIX", "OTHER").replace("MCow", "MCoW"),
        good.replace("shop.", "other."),
    ] {
        assert_eq!(log_of(bad.as_bytes()).unwrap_err().kind(), ErrorKind::Invalid, "{bad}");
    }
}
