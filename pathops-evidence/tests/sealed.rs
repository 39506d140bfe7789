//! Payloads that are stored encrypted: what refers to them says so, and that is what verification believes.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::sync::Arc;

use pathops_core::adapter::{BlobStore, Signer as _};
use pathops_core::evidence::{
    EvidenceId, Keeping, Occasion, Redaction, Reference, ReferenceAnnotations, RetentionPolicy, Snapshot, Subject,
    TestAnnotations, TrustRoot, Window,
};
use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemoryKeys, MemorySigner};
use pathops_core::{Digest, ErrorKind, IdempotencyKey, ObjectKey, OpContext, UnixMillis};
use pathops_evidence::ledger::{Ledger, LogKey};
use pathops_evidence::redact::Redactor;
use pathops_evidence::report::Format;
use pathops_evidence::retention::{Disposal, SealedBlobs, StoredPayload, redact_stored};
use pathops_evidence::{Against, Collection, Origin, Position, Sealer, SnapshotOf, Verdict, Verification, ingest, verify_ledger};
use serde_json::Value;

const TAP: &[u8] = b"TAP version 14\n1..1\nok 1 - a customer\n";

/// A log that begins as an encrypted payload does.
const DECEPTIVE: &[u8] = b"pathops sealed payload 1\n2026-11-22T12:00:00Z INFO started\n";

/// What an earlier version has signed: it says nothing of how what it refers to is stored.
const BEFORE: &str = include_str!("fixtures/snapshot/stored-in-no-said-way.json");

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn log_key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
}

fn subject() -> Vec<Subject> {
    vec![Subject::named("orders").with_sha256(&Digest::of(b"artifact"))]
}

fn key_of(digest: &Digest) -> ObjectKey {
    ObjectKey::parse(format!("keys/{}", digest.hex())).unwrap()
}

struct Store {
    bucket: MemoryBucket,
    blobs: MemoryBlobs,
    sealed: SealedBlobs,
    sealer: Sealer,
    erasable: Sealer,
    trust: TrustRoot,
}

impl Store {
    async fn new() -> Self {
        let (bucket, blobs) = (MemoryBucket::new(), MemoryBlobs::new());
        let keys = Arc::new(MemoryKeys::from_seed(1));
        let sealed = SealedBlobs::new(Arc::new(blobs.clone()), Arc::new(bucket.clone()), keys);
        let ledger = Arc::new(Ledger::open(&cx(), Arc::new(bucket.clone()), log_key()).await.unwrap());
        let signer = MemorySigner::from_seed(3).unwrap();
        let trust = TrustRoot::new([signer.public_key()]);
        let sealer = Sealer::new(Arc::new(signer), Arc::new(blobs.clone())).with_ledger(ledger);
        let erasable = sealer.clone().with_erasable(sealed.clone());
        Self { bucket, blobs, sealed, sealer, erasable, trust }
    }

    async fn take(&self, sealer: &Sealer, bytes: &[u8], format: Option<Format>) -> Digest {
        let origin = Origin {
            name: "acceptance".to_owned(),
            subjects: subject(),
            attester: "https://ci.example".to_owned(),
            at: UnixMillis(1_000),
            suite: "acceptance".to_owned(),
            annotations: TestAnnotations::default(),
            keeping: Keeping::ForEver("a test".to_owned()),
        };
        let redactor = Redactor::new([]).unwrap();
        ingest(&cx(), sealer, &redactor, bytes, format, &origin).await.unwrap().payload
    }

    /// A snapshot that says how a payload is stored.
    async fn refer(&self, digest: Digest, sealed: Option<bool>) {
        let payload = StoredPayload { digest, location: self.blobs.location(&digest), sealed };
        let mut collection = Collection::of([]);
        collection.stored("logs", &payload, "text/plain", None);
        let about = SnapshotOf {
            stream: "shop/orders@preflight".parse().unwrap(),
            change_set: "a-change".parse().unwrap(),
            occasion: Occasion::Deployed,
            window: Window { from: UnixMillis(0), until: UnixMillis(1) },
            collected_on: UnixMillis(1),
        };
        let mut snapshot = collection.finish(about).at(Position { sequence: 0, previous: None }, 0);
        snapshot.extent.place = None;
        self.sealer.seal(&cx(), "snapshot", subject(), &snapshot).await.unwrap();
    }

    async fn verify(&self) -> Verification {
        let (log, blobs): (_, &dyn BlobStore) = (log_key().identity(), &self.blobs);
        let against = Against { log: &log, trust: &self.trust, known: &[], blobs: Some(blobs), sealed: Some(&self.sealed) };
        verify_ledger(&cx(), &self.bucket, against).await.unwrap()
    }

    async fn erase(&self, digest: &Digest) -> EvidenceId {
        let disposal = Disposal::new(self.sealer.clone(), self.trust.clone(), Arc::new(self.blobs.clone())).unwrap();
        let (disposal, policy) = (disposal.with_sealed(self.sealed.clone()), RetentionPolicy::default());
        disposal.erase(&cx(), digest, "request 1", &policy, UnixMillis(1)).await.unwrap()
    }

    async fn opened(&self, digest: &Digest) -> Vec<u8> {
        self.sealed.get_stream(&cx(), digest).await.unwrap().unwrap().collect().await.unwrap()
    }
}

fn left_out(verification: &Verification) -> Option<&str> {
    verification.left_out.iter().map(String::as_str).find(|it| it.contains("encrypted"))
}

/// Whoever writes the first line of a log has no say in what it is.
#[tokio::test]
async fn a_log_that_begins_as_an_encrypted_one_does_is_a_log() {
    let store = Store::new().await;
    store.take(&store.erasable, TAP, None).await;
    let log = store.take(&store.sealer, DECEPTIVE, Some(Format::PodLog)).await;
    assert_eq!(store.blobs.get(&cx(), &log).await.unwrap().as_deref(), Some(DECEPTIVE));
    let verification = store.verify().await;
    assert_eq!(verification.verdict(), Verdict::Verified, "{verification}");
    assert_eq!(left_out(&verification), None, "{verification}");
    // Nor where it is to be erasable.
    let sealed = store.take(&store.erasable, DECEPTIVE, Some(Format::PodLog)).await;
    assert_eq!(store.opened(&sealed).await, DECEPTIVE);
    store.erase(&sealed).await;
    assert_eq!(store.verify().await.verdict(), Verdict::Verified);
}

#[tokio::test]
async fn a_lost_key_fails_at_each_reference_to_its_payload() {
    let store = Store::new().await;
    let digest = store.take(&store.erasable, TAP, None).await;
    assert_eq!(store.verify().await.verdict(), Verdict::Verified);
    let kept = store.bucket.objects().remove(&key_of(&digest)).unwrap();
    let verification = store.verify().await;
    let why = format!("the key of the blob {digest} is gone, and no tombstone says why");
    assert!(verification.failures.iter().all(|(_, it)| *it == why), "{verification}");
    let parts: Vec<_> = verification.failures.iter().map(|(part, _)| part.as_str()).collect();
    assert_eq!(parts, ["`acceptance` of the reference at leaf 0", "`acceptance` of the test result at leaf 1"]);
    store.bucket.objects().insert(key_of(&digest), kept);
    store.erase(&digest).await;
    assert_eq!(store.verify().await.verdict(), Verdict::Verified);
}

#[tokio::test]
async fn what_is_said_to_be_encrypted_and_is_not_fails() {
    let store = Store::new().await;
    let clear = store.blobs.put(&cx(), b"in the clear".to_vec()).await.unwrap();
    store.refer(clear, Some(false)).await;
    assert_eq!(store.verify().await.verdict(), Verdict::Verified);
    store.refer(clear, Some(true)).await;
    let verification = store.verify().await;
    let failure = ("`logs` of the snapshot at leaf 1", "what refers to it says that it is encrypted, and it is not");
    let failures: Vec<_> = verification.failures.iter().map(|(part, why)| (part.as_str(), why.as_str())).collect();
    assert_eq!(failures, [failure], "{verification}");
}

/// Nothing says there which of two alike payloads lost a key and which never had one.
#[tokio::test]
async fn what_an_earlier_version_has_signed_verifies_as_far_as_it_says_anything() {
    let store = Store::new().await;
    let sealed = store.sealed.put(&cx(), b"a name".to_vec()).await.unwrap();
    let log = store.blobs.put(&cx(), DECEPTIVE.to_vec()).await.unwrap();
    let text = BEFORE.replace("<encrypted>", &sealed.hex()).replace("<log>", &log.hex());
    let snapshot: Snapshot = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_value(&snapshot).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
    store.sealer.seal(&cx(), "snapshot", subject(), &snapshot).await.unwrap();
    let looks = async |count: u64| {
        let verification = store.verify().await;
        assert_eq!(verification.verdict(), Verdict::Verified, "{verification}");
        let of = format!("whether a key was lost of payloads that begin as encrypted ones do, {count} of them");
        assert!(left_out(&verification).is_some_and(|it| it.starts_with(&of)), "{verification}");
    };
    looks(1).await;
    let kept = store.bucket.objects().remove(&key_of(&sealed)).unwrap();
    looks(2).await;
    // Whoever has the keys asks for more: one may be lost.
    let mut held = store.verify().await;
    held.require_payload_keys("the keys");
    assert_eq!((held.verdict(), held.missing.len(), left_out(&held)), (Verdict::NotVerified, 1, None), "{held}");
    assert!(held.missing[0].contains("a key was lost") && held.missing[0].ends_with("no key of them is at the keys"), "{held}");
    // One that has a key was encrypted, and the key has to be its own.
    store.bucket.objects().insert(key_of(&sealed), b"no key".to_vec());
    assert_eq!(store.verify().await.verdict(), Verdict::Failed);
    store.bucket.objects().insert(key_of(&sealed), kept);
    store.erase(&sealed).await;
    looks(1).await;
    let verification = store.verify().await;
    assert!(verification.checked.iter().any(|it| it.contains("`CI log`") && it.contains("erased by")), "{verification}");
}

#[tokio::test]
async fn what_is_left_of_a_sealed_payload_is_sealed_too_and_erased_by_itself() {
    let store = Store::new().await;
    let log: &[u8] = b"login swordfish-1234\n";
    let redactor = Redactor::new(["swordfish-1234".to_owned()]).unwrap();
    let digest = store.sealed.put(&cx(), log.to_vec()).await.unwrap();
    // As it is signed now, and as it was not before.
    for said in [Some(true), None] {
        let stored = Reference {
            name: "logs".to_owned(),
            download_location: store.blobs.location(&digest),
            digest: [("sha256".to_owned(), digest.hex())].into(),
            media_type: "text/plain".to_owned(),
            annotations: said.map(|sealed| ReferenceAnnotations { sealed: Some(sealed), ..ReferenceAnnotations::default() }),
        };
        let redact =
            async |sealer: &Sealer| redact_stored(&cx(), sealer, &redactor, &stored, log, "report 17", UnixMillis(5_000)).await;
        let refused = redact(&store.sealer).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Invalid, "{refused}");
        let record = redact(&store.erasable).await.unwrap().unwrap();
        assert_eq!(redact(&store.erasable).await.unwrap().unwrap().id, record.id, "twice is once");

        let verified = store.trust.verify(&store.sealer.envelope(&cx(), &record).await.unwrap()).unwrap();
        let redaction: Redaction = serde_json::from_value(verified.statement().predicate.clone()).unwrap();
        assert_eq!(redaction.replacement.annotations.unwrap().sealed, Some(true));
        let left = Digest::from_hex(&redaction.replacement.digest["sha256"]).unwrap();
        if said.is_some() {
            assert_eq!(store.opened(&left).await, b"login [redacted known]\n");
            let ciphertext = store.blobs.get(&cx(), &left).await.unwrap().unwrap();
            assert!(!String::from_utf8_lossy(&ciphertext).contains("redacted"));
            assert_eq!(store.verify().await.verdict(), Verdict::Verified);
            store.erase(&digest).await;
            assert_eq!(store.opened(&left).await, b"login [redacted known]\n", "it is another payload");
            store.erase(&left).await;
            assert!(store.sealed.get_stream(&cx(), &left).await.is_err());
            assert_eq!(store.verify().await.verdict(), Verdict::Verified);
        }
    }
}
