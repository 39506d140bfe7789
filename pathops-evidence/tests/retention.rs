//! Payloads that expire, are erased, are held, and are collected; and what a verifier says of it.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pathops_core::adapter::{BlobCollector, BlobStore, Bucket, Signer as _};
use pathops_core::evidence::{Occasion, Predicate as _, RetentionPolicy, Subject, Tombstone, TombstoneReason, TrustRoot, Window};
use pathops_core::memory::{Fault, Faults, Faulty, ManualClock, MemoryBlobs, MemoryBucket, MemoryKeys, MemorySigner, When};
use pathops_core::{Digest, ErrorKind, IdempotencyKey, OpContext, Result, UnixMillis};
use pathops_evidence::ledger::{Ledger, LogKey};
use pathops_evidence::retention::{Disposal, Disposed, SealedBlobs, StoredPayload};
use pathops_evidence::{
    Against, Collection, EvidenceRecord, Position, Sealer, SnapshotOf, Streams, Unplaced, Verdict, Verification, verify_bundle,
    verify_ledger,
};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const START: UnixMillis = UnixMillis(1_750_000_000_000);

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
}

fn policy(json: &str) -> RetentionPolicy {
    serde_json::from_str(json).unwrap()
}

fn of_days() -> RetentionPolicy {
    policy(r#"{"classes":{"logs":{"days":1},"reports":{"days":1000}}}"#)
}

/// One store, as it lies there; whoever opens it may do so through faults.
#[derive(Clone, Default)]
struct Store {
    bucket: MemoryBucket,
    blobs: MemoryBlobs,
}

struct Open {
    blobs: Arc<dyn BlobStore>,
    sealer: Sealer,
    ledger: Arc<Ledger>,
    sealed: SealedBlobs,
    disposal: Disposal,
}

fn subject() -> Vec<Subject> {
    vec![Subject::named("orders").with_sha256(&Digest::of(b"artifact"))]
}

fn about() -> SnapshotOf {
    SnapshotOf {
        stream: "shop/orders@preflight".parse().unwrap(),
        change_set: "a-change".parse().unwrap(),
        occasion: Occasion::Deployed,
        window: Window { from: START, until: START },
        collected_on: START,
    }
}

fn signer() -> MemorySigner {
    MemorySigner::from_seed(3).unwrap()
}

fn trust() -> TrustRoot {
    TrustRoot::new([signer().public_key()])
}

impl Store {
    async fn open(&self) -> Open {
        self.open_through(&Arc::new(Faults::new(0, Arc::new(ManualClock::new(START))))).await.unwrap()
    }

    async fn open_through(&self, faults: &Arc<Faults>) -> Result<Open> {
        let bucket: Arc<dyn Bucket> = Arc::new(self.bucket.clone());
        let bucket: Arc<dyn Bucket> = Arc::new(Faulty::new(bucket, faults.clone()));
        let blobs: Arc<dyn BlobStore> = Arc::new(self.blobs.clone());
        let blobs: Arc<dyn BlobStore> = Arc::new(Faulty::new(blobs, faults.clone()));
        let collector: Arc<dyn BlobCollector> = Arc::new(self.blobs.clone());
        let collector: Arc<dyn BlobCollector> = Arc::new(Faulty::new(collector, faults.clone()));
        let ledger = Arc::new(Ledger::open(&cx(), bucket.clone(), key()).await?);
        let sealer = Sealer::new(Arc::new(signer()), blobs.clone()).with_ledger(ledger.clone());
        // A key service goes on where a host has crashed.
        let sealed = SealedBlobs::new(blobs.clone(), bucket, Arc::new(MemoryKeys::from_seed(1)));
        let disposal = Disposal::new(sealer.clone(), trust(), collector)?.with_sealed(sealed.clone());
        Ok(Open { blobs, sealer, ledger, sealed, disposal })
    }

    async fn verify(&self) -> Verification {
        self.verify_with(None).await
    }

    async fn verify_with(&self, sealed: Option<&SealedBlobs>) -> Verification {
        let log = key().identity();
        let blobs: &dyn BlobStore = &self.blobs;
        let against = Against { log: &log, trust: &trust(), known: &[], blobs: Some(blobs), sealed };
        verify_ledger(&cx(), &self.bucket, against).await.unwrap()
    }

    async fn kept(&self) -> BTreeSet<Digest> {
        self.blobs.list(&cx(), None, 1_000).await.unwrap().into_iter().map(|blob| blob.digest).collect()
    }

    async fn can_be_read(&self, digest: &Digest) -> bool {
        self.blobs.get(&cx(), digest).await.unwrap().is_some()
    }
}

impl Open {
    async fn put(&self, bytes: &[u8]) -> Digest {
        self.blobs.put(&cx(), bytes.to_vec()).await.unwrap()
    }

    /// A snapshot that refers to payloads, each of a class, or kept for ever.
    async fn refer(&self, policy: &RetentionPolicy, payloads: &[(Digest, Option<&str>)]) -> EvidenceRecord {
        self.seal(&self.snapshot(policy, payloads)).await.unwrap()
    }

    fn snapshot(&self, policy: &RetentionPolicy, payloads: &[(Digest, Option<&str>)]) -> Unplaced {
        let mut collection = Collection::of([]);
        for (digest, class) in payloads {
            let location = self.blobs.location(digest);
            match class {
                Some(class) => {
                    let retention = policy.sign_in(class, START).unwrap();
                    collection.payload_for(class, digest, &location, "text/plain", None, retention);
                }
                None => collection.payload("kept", digest, &location, "text/plain", None),
            }
        }
        collection.finish(about())
    }

    async fn seal(&self, snapshot: &Unplaced) -> Result<EvidenceRecord> {
        let mut snapshot = snapshot.at(Position { sequence: 0, previous: None }, 0);
        // What follows on what is for other tests.
        snapshot.extent.place = None;
        self.sealer.seal(&cx(), "snapshot", subject(), &snapshot).await
    }

    async fn collect(&self, policy: &RetentionPolicy, after: Duration) -> Disposed {
        self.disposal.collect(&cx(), policy, &BTreeSet::new(), START + after, HOUR).await.unwrap()
    }
}

fn all<const N: usize>(digests: [Digest; N]) -> BTreeSet<Digest> {
    digests.into()
}

#[tokio::test]
async fn what_has_expired_goes_and_its_proof_stays() {
    let (store, policy) = (Store::default(), of_days());
    let open = store.open().await;
    let (log, report, kept) = (open.put(b"a log").await, open.put(b"a report").await, open.put(b"no class").await);
    let record = open.refer(&policy, &[(log, Some("logs")), (report, Some("reports")), (kept, None)]).await;
    let bundle = open.ledger.reader().bundle(&cx(), record.id).await.unwrap().unwrap();

    assert_eq!(open.collect(&policy, DAY - Duration::from_millis(1)).await, Disposed::default());
    let expired = open.collect(&policy, DAY).await;
    assert_eq!((&expired.expired, &expired.unreferenced), (&all([log]), &all([])));
    assert!(store.can_be_read(&log).await, "until the grace is over");
    assert_eq!(open.collect(&policy, DAY + HOUR).await.purged, all([log]));
    assert!(!store.can_be_read(&log).await && store.can_be_read(&report).await && store.can_be_read(&kept).await);

    let verification = store.verify().await;
    assert_eq!(verification.verdict(), Verdict::Verified, "{verification}");
    let told = verification.checked.iter().find(|line| line.contains("`logs` of the snapshot at leaf 0")).unwrap();
    assert!(told.contains("expired, by policy sha256:"), "{told}");
    assert_eq!(verify_bundle(bundle.as_bytes(), &key().identity(), &trust()).verdict(), Verdict::Verified);
    assert_eq!(open.collect(&policy, DAY * 9).await, Disposed::default(), "there is one tombstone, and nothing left to do");
}

#[tokio::test]
async fn the_longest_of_several_references_counts() {
    let (store, policy) = (Store::default(), of_days());
    let open = store.open().await;
    let (one, other) = (open.put(b"twice").await, open.put(b"for ever too").await);
    open.refer(&policy, &[(one, Some("logs")), (other, Some("logs"))]).await;
    open.refer(&policy, &[(one, Some("reports")), (other, None)]).await;
    assert_eq!(open.collect(&policy, DAY * 500).await, Disposed::default());
    assert_eq!(open.collect(&policy, DAY * 5_000).await.expired, all([one]));
}

#[tokio::test]
async fn what_nothing_refers_to_goes_and_comes_back_where_something_does() {
    let (store, policy) = (Store::default(), of_days());
    let open = store.open().await;
    let (lost, late, asked, anew) =
        (open.put(b"lost").await, open.put(b"late").await, open.put(b"asked").await, open.put(b"anew").await);
    let also = all([asked]);
    let first = open.disposal.collect(&cx(), &policy, &also, START, HOUR).await.unwrap();
    assert_eq!(first.unreferenced, all([lost, late, anew]));
    assert_eq!(store.kept().await, also);
    // Who was told that it is there, just before, refers to it; another one stores the same anew.
    let record = open.refer(&policy, &[(late, Some("reports"))]).await;
    open.put(b"anew").await;
    let second = open.disposal.collect(&cx(), &policy, &also, START + HOUR, HOUR).await.unwrap();
    assert_eq!((second.restored, second.purged, second.unreferenced), (all([late]), all([lost, anew]), all([anew])));
    assert!(store.can_be_read(&anew).await, "what was stored anew has its own grace");
    assert_eq!(store.kept().await, all([late, asked, record.envelope]));
    assert_eq!(store.verify().await.verdict(), Verdict::Verified);
}

#[tokio::test]
async fn what_is_sealed_and_stored_again_after_it_was_retired_can_be_opened() {
    let (store, policy) = (Store::default(), of_days());
    let open = store.open().await;
    let put = async || open.sealed.put(&cx(), b"a name".to_vec()).await.unwrap();
    let opened = async |digest: &Digest| open.sealed.get_stream(&cx(), digest).await.unwrap().unwrap().collect().await.unwrap();
    let first = put().await;
    assert_eq!(open.collect(&policy, Duration::ZERO).await.unreferenced, all([first]));
    assert_eq!(opened(&first).await, b"a name", "until the grace is over");
    // The operation is repeated while what it has stored is retired, and refers to what it is told after that has gone.
    let again = put().await;
    let second = open.collect(&policy, HOUR).await;
    assert_eq!((second.purged, second.unreferenced), (all([first]), all([again])));
    open.refer(&policy, &[(again, None)]).await;
    assert_eq!(open.collect(&policy, HOUR * 2).await.restored, all([again]));
    assert_eq!(opened(&again).await, b"a name");
    assert_eq!(put().await, again, "what was brought back is what the operation finds");
    assert_eq!(store.verify_with(Some(&open.sealed)).await.verdict(), Verdict::Verified);
}

/// Whoever has found the key just before its payload was retired stores the ciphertext just after.
#[tokio::test]
async fn the_key_of_what_is_stored_again_stays_as_long_as_that() {
    let (store, policy) = (Store::default(), of_days());
    let open = store.open().await;
    let sealed = open.sealed.put(&cx(), b"a name".to_vec()).await.unwrap();
    open.collect(&policy, Duration::ZERO).await;
    let ciphertext = store.blobs.get(&cx(), &sealed).await.unwrap().unwrap();
    assert_eq!(open.put(&ciphertext).await, sealed);
    let second = open.collect(&policy, HOUR).await;
    assert_eq!((second.purged, second.unreferenced), (all([sealed]), all([sealed])));
    assert!(open.sealed.get_stream(&cx(), &sealed).await.unwrap().is_some(), "it has its own grace");
    open.collect(&policy, HOUR * 2).await;
    let left: Vec<_> = store.bucket.objects().keys().filter(|key| key.as_str().starts_with("keys/")).cloned().collect();
    assert!(left.iter().all(|key| key.as_str().starts_with("keys/noted/")), "{left:?}");
}

#[tokio::test]
async fn a_legal_hold_wins() {
    let store = Store::default();
    let open = store.open().await;
    let log = open.put(b"a log").await;
    let sealed = open.sealed.put_stream(&cx(), b"a name".to_vec().into()).await.unwrap();
    open.refer(&of_days(), &[(log, Some("logs")), (sealed, Some("logs"))]).await;
    let held = policy(r#"{"classes":{},"holds":{"case-17":{"reason":"subpoena","classes":["logs"]}}}"#);
    assert_eq!(open.collect(&held, DAY * 9).await, Disposed::default());
    let refused = open.disposal.erase(&cx(), &sealed, "request 1", &held, START).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Denied);
    assert!(refused.to_string().contains("`case-17`"), "{refused}");
    assert_eq!(open.collect(&of_days(), DAY * 9).await.expired, all([log, sealed]));
    // A hold that comes while there is still something to hold.
    open.collect(&held, DAY * 10).await;
    assert!(store.can_be_read(&log).await && store.can_be_read(&sealed).await);
    assert_eq!(store.verify().await.verdict(), Verdict::Verified);
}

/// That a hold was released, the policy says and not the log.
#[tokio::test]
async fn a_hold_that_was_signed_with_what_is_gone_is_named() {
    let store = Store::default();
    let open = store.open().await;
    let log = open.put(b"a log").await;
    let days = r#""classes":{"logs":{"days":1}}"#;
    let held = policy(&format!(r#"{{{days},"holds":{{"case-17":{{"reason":"subpoena","classes":["logs"]}}}}}}"#));
    open.refer(&held, &[(log, Some("logs"))]).await;
    let released = policy(&format!(r#"{{{days},"released":["case-17"]}}"#));
    assert_eq!(open.collect(&released, DAY * 9).await.expired, all([log]));
    open.collect(&released, DAY * 10).await;
    let verification = store.verify().await;
    let named = verification.left_out.iter().any(|it| it.contains("whether the legal hold `case-17`"));
    assert!(verification.verdict() == Verdict::Verified && named, "{verification}");
}

#[tokio::test]
async fn what_is_erased_cannot_be_read_and_its_proof_stays() {
    let (store, policy) = (Store::default(), of_days());
    let open = store.open().await;
    let sealed = open.sealed.put_stream(&cx(), b"a name".to_vec().into()).await.unwrap();
    let clear = open.put(b"in the clear").await;
    let record = open.refer(&policy, &[(sealed, None), (clear, None)]).await;
    let bundle = open.ledger.reader().bundle(&cx(), record.id).await.unwrap().unwrap();
    let refused = open.disposal.erase(&cx(), &clear, "request 1", &policy, START).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid, "{refused}");

    let tombstone = open.disposal.erase(&cx(), &sealed, "request 1", &policy, START).await.unwrap();
    assert_eq!(open.disposal.erase(&cx(), &sealed, "request 1", &policy, START).await.unwrap(), tombstone);
    assert_eq!(open.sealed.get_stream(&cx(), &sealed).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(store.verify().await.verdict(), Verdict::Verified);
    assert_eq!(open.collect(&policy, HOUR).await.unreferenced, all([sealed]));
    assert_eq!(open.collect(&policy, HOUR * 2).await.purged, all([sealed]));
    let verification = store.verify().await;
    assert_eq!(verification.verdict(), Verdict::Verified, "{verification}");
    let told = format!("erased by tombstone {tombstone}");
    assert!(verification.checked.iter().any(|line| line.contains(&told) && line.contains("request 1")), "{verification}");
    assert_eq!(verify_bundle(bundle.as_bytes(), &key().identity(), &trust()).verdict(), Verdict::Verified);
}

/// Without its key nobody can read a payload, so that the key must not go without a word either.
#[tokio::test]
async fn a_key_that_is_gone_without_a_tombstone_fails() {
    let (store, policy) = (Store::default(), of_days());
    let open = store.open().await;
    let sealed = open.sealed.put_stream(&cx(), b"a name".to_vec().into()).await.unwrap();
    let mut collection = Collection::of([]);
    let payload = StoredPayload { digest: sealed, location: open.blobs.location(&sealed), sealed: Some(true) };
    collection.stored("logs", &payload, "text/plain", None);
    open.seal(&collection.finish(about())).await.unwrap();
    let verify = async |keys| {
        let (log, trust, blobs): (_, _, &dyn BlobStore) = (key().identity(), trust(), &store.blobs);
        let against = Against { log: &log, trust: &trust, known: &[], blobs: Some(blobs), sealed: keys };
        verify_ledger(&cx(), &store.bucket, against).await.unwrap()
    };
    assert_eq!(verify(Some(&open.sealed)).await.verdict(), Verdict::Verified);
    let object = pathops_core::ObjectKey::parse(format!("keys/{}", sealed.hex())).unwrap();
    let kept = store.bucket.objects().remove(&object).unwrap();
    let verification = verify(Some(&open.sealed)).await;
    let why = format!("the key of the blob {sealed} is gone, and no tombstone says why");
    assert!(verification.failures.iter().any(|(_, it)| *it == why), "{verification}");
    let unasked = verify(None).await;
    let left_out = "whether the keys are there that open 1 payloads, which are encrypted";
    assert!(unasked.verdict() == Verdict::Verified && unasked.left_out.iter().any(|it| it == left_out), "{unasked}");
    store.bucket.objects().insert(object, kept);
    open.disposal.erase(&cx(), &sealed, "request 1", &policy, START).await.unwrap();
    assert_eq!(verify(Some(&open.sealed)).await.verdict(), Verdict::Verified);
}

#[tokio::test]
async fn what_is_gone_without_a_tombstone_that_counts_fails() {
    let (store, policy) = (Store::default(), of_days());
    let open = store.open().await;
    let (log, kept) = (open.put(b"a log").await, open.put(b"kept").await);
    open.refer(&policy, &[(log, Some("logs")), (kept, None)]).await;
    store.blobs.lose(&log);
    store.blobs.lose(&kept);
    let failing = async |store: &Store| store.verify().await.failures.len();
    assert_eq!(failing(&store).await, 2);
    let bury = async |sealer: &Sealer, digest: &Digest, reason, gone_on| {
        let tombstone = Tombstone { reason, authority: "nobody".to_owned(), policy: policy.digest(), gone_on };
        let subject = vec![Subject::named("payload").with_sha256(digest)];
        sealer.seal(&cx(), "tombstone", subject, &tombstone).await.unwrap();
    };
    let early = UnixMillis((START + DAY).0 - 1);
    bury(&open.sealer, &log, TombstoneReason::Expired, early).await;
    bury(&open.sealer, &kept, TombstoneReason::Expired, START + DAY * 999).await;
    assert_eq!(failing(&store).await, 2, "neither is over what was to be kept longer");
    assert!(open.collect(&policy, DAY * 9).await.expired.is_empty());
    let scanner: TrustRoot = trust().with_producer("scanner".parse().unwrap(), MemorySigner::from_seed(4).unwrap().public_key());
    let strange = Sealer::new(Arc::new(MemorySigner::from_seed(4).unwrap()), Arc::new(store.blobs.clone()));
    let before = failing(&store).await;
    bury(&strange.with_ledger(open.ledger.clone()), &kept, TombstoneReason::Erased, START).await;
    assert_eq!(failing(&store).await, before + 1, "whom nobody trusts has no say, and is named");
    let (log_key, blobs): (_, &dyn BlobStore) = (key().identity(), &store.blobs);
    let against = Against { log: &log_key, trust: &scanner, known: &[], blobs: Some(blobs), sealed: None };
    let verification = verify_ledger(&cx(), &store.bucket, against).await.unwrap();
    assert_eq!(verification.failures.len(), before + 1, "{verification}");
    assert!(verification.to_string().contains("the producer `scanner` speaks for PathOps"), "{verification}");
    bury(&open.sealer, &log, TombstoneReason::Expired, START + DAY).await;
    bury(&open.sealer, &kept, TombstoneReason::Erased, START).await;
    assert_eq!(failing(&store).await, 1);
    // What comes after its tombstone is as it was before, where that was erased, and where its own time was over by then.
    open.refer(&policy, &[(kept, None), (log, Some("logs"))]).await;
    assert_eq!(failing(&store).await, 1);
    // What has expired and is referred to again with a later time, or with none, has to be there.
    open.refer(&policy, &[(log, Some("reports"))]).await;
    assert_eq!(failing(&store).await, 2);
    open.refer(&policy, &[(log, None)]).await;
    assert_eq!(failing(&store).await, 3);
}

/// What is in the clear, has expired and was purged can be taken in again, and is another one's to keep then.
#[tokio::test]
async fn what_is_taken_in_again_after_it_has_expired_is_kept_for_its_own_time() {
    let (store, policy) = (Store::default(), of_days());
    let open = store.open().await;
    let log = open.put(b"a log").await;
    open.refer(&policy, &[(log, Some("logs"))]).await;
    open.collect(&policy, DAY).await;
    assert_eq!(open.collect(&policy, DAY + HOUR).await.purged, all([log]));
    assert_eq!(open.put(b"a log").await, log);
    open.refer(&policy, &[(log, Some("reports"))]).await;
    assert_eq!(open.collect(&policy, DAY * 9).await, Disposed::default());
    assert_eq!(store.verify().await.verdict(), Verdict::Verified);
    store.blobs.lose(&log);
    assert_eq!(store.verify().await.verdict(), Verdict::Failed);
}

/// A change set that runs refers to the same payload again in its next snapshot.
#[tokio::test]
async fn what_was_erased_stays_so_whatever_refers_to_it_since() {
    let (store, policy) = (Store::default(), of_days());
    let open = store.open().await;
    let sealed = open.sealed.put_stream(&cx(), b"a name".to_vec().into()).await.unwrap();
    open.refer(&policy, &[(sealed, Some("reports"))]).await;
    let object = pathops_core::ObjectKey::parse(format!("keys/{}", sealed.hex())).unwrap();
    let kept = store.bucket.objects().get(&object).cloned().unwrap();
    let tombstone = open.disposal.erase(&cx(), &sealed, "request 1", &policy, START).await.unwrap();
    open.refer(&policy, &[(sealed, Some("reports")), (sealed, None)]).await;
    // A crash has left the key; a hold that comes before that is finished keeps it.
    store.bucket.objects().insert(object.clone(), kept);
    let held = hold_on_reports();
    let refused = open.disposal.erase(&cx(), &sealed, "request 1", &held, START).await.unwrap_err();
    assert!(refused.kind() == ErrorKind::Denied && store.bucket.objects().contains_key(&object), "{refused}");
    for policy in [&policy, &held] {
        let again = open.disposal.erase(&cx(), &sealed, "request 1", policy, START).await.unwrap();
        assert_eq!((again, store.bucket.objects().contains_key(&object)), (tombstone, false));
    }
    let verdict = async || store.verify_with(Some(&open.sealed)).await.verdict();
    assert_eq!(verdict().await, Verdict::Verified, "the ciphertext is there");
    assert_eq!(open.collect(&policy, HOUR).await.unreferenced, all([sealed]));
    assert_eq!(open.collect(&policy, HOUR * 2).await.purged, all([sealed]));
    assert_eq!(verdict().await, Verdict::Verified, "it has gone, too");
}

fn hold_on_reports() -> RetentionPolicy {
    policy(r#"{"classes":{},"holds":{"case-19":{"reason":"subpoena","classes":["reports"]}}}"#)
}

/// A key that was rotated: what it has signed is held as before, and no time that it has signed lets anything go.
#[tokio::test]
async fn a_hold_stands_where_nobody_trusts_any_more_who_has_signed_the_reference() {
    let store = Store::default();
    let open = store.open().await;
    let days = r#""classes":{"logs":{"days":1}}"#;
    let holding = policy(&format!(r#"{{{days},"holds":{{"case-17":{{"reason":"subpoena","classes":["logs"]}}}}}}"#));
    let by_class = open.sealed.put_stream(&cx(), b"a name".to_vec().into()).await.unwrap();
    let signed = open.sealed.put_stream(&cx(), b"another name".to_vec().into()).await.unwrap();
    open.refer(&of_days(), &[(by_class, Some("reports"))]).await;
    open.refer(&holding, &[(signed, Some("logs"))]).await;

    let next = MemorySigner::from_seed(5).unwrap();
    let trust = TrustRoot::new([next.public_key()]);
    let sealer = Sealer::new(Arc::new(next), open.blobs.clone()).with_ledger(open.ledger.clone());
    let disposal = Disposal::new(sealer, trust, Arc::new(store.blobs.clone())).unwrap().with_sealed(open.sealed.clone());
    let (held, free) = (hold_on_reports(), of_days());
    for (digest, policy, hold) in [(by_class, &held, "`case-19`"), (signed, &free, "`case-17`")] {
        let refused = disposal.erase(&cx(), &digest, "request 1", policy, START).await.unwrap_err();
        assert!(refused.kind() == ErrorKind::Denied && refused.to_string().contains(hold), "{refused}");
    }
    let after = START + DAY * 9_000;
    let disposed = disposal.collect(&cx(), &free, &BTreeSet::new(), after, HOUR).await.unwrap();
    assert_eq!(disposed, Disposed::default(), "whose word does not count lets nothing go");
    disposal.erase(&cx(), &by_class, "request 1", &free, START).await.unwrap();
    assert!(open.sealed.get_stream(&cx(), &by_class).await.is_err());
}

#[tokio::test]
async fn a_damaged_log_lets_nothing_go() {
    let (store, policy) = (Store::default(), of_days());
    let open = store.open().await;
    let log = open.put(b"a log").await;
    open.refer(&policy, &[(log, Some("logs"))]).await;
    let tile = pathops_core::ObjectKey::parse("log/tile/0/000.p/1").unwrap();
    store.bucket.objects().get_mut(&tile).unwrap()[0] ^= 1;
    let error = open.disposal.collect(&cx(), &policy, &BTreeSet::new(), START + DAY * 9, HOUR).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(store.kept().await.contains(&log));
}

/// Everything that a host does with payloads once, from the first to the last.
async fn dispose(store: &Store, faults: &Arc<Faults>, sealed: &Digest) -> Result<()> {
    let policy = of_days();
    let open = store.open_through(faults).await?;
    open.disposal.erase(&cx(), sealed, "request 1", &policy, START + HOUR).await?;
    for after in [DAY, DAY + HOUR] {
        open.disposal.collect(&cx(), &policy, &BTreeSet::new(), START + after, HOUR).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_crash_at_any_write_comes_to_the_same_end() {
    let begin = async || {
        let store = Store::default();
        let open = store.open().await;
        let sealed = open.sealed.put_stream(&cx(), b"a name".to_vec().into()).await.unwrap();
        let (log, report) = (open.put(b"a log").await, open.put(b"a report").await);
        open.refer(&of_days(), &[(log, Some("logs")), (report, Some("reports")), (sealed, None)]).await;
        open.put(b"nobody needs it").await;
        (store, sealed)
    };
    // A day after everything was done, as the last run leaves it.
    let end = async |store: &Store, sealed: &Digest| {
        let open = store.open().await;
        open.collect(&of_days(), DAY * 2).await;
        open.collect(&of_days(), DAY * 3).await;
        let verification = store.verify().await;
        assert_eq!(verification.verdict(), Verdict::Verified, "{verification}");
        assert_eq!(open.sealed.get_stream(&cx(), sealed).await.unwrap().map(drop), None);
        let left: Vec<_> = store.bucket.objects().keys().filter(|key| !key.as_str().starts_with("log/")).cloned().collect();
        assert_eq!(left, [], "neither keys nor records are left");
        store.kept().await
    };
    let (store, sealed) = begin().await;
    let faults = |fault, write| Arc::new(Faults::new(0, Arc::new(ManualClock::new(START))).with(fault, When::Write(write)));
    let none = faults(Fault::Flaky, u64::MAX);
    dispose(&store, &none, &sealed).await.unwrap();
    let (writes, expected) = (none.writes(), end(&store, &sealed).await);
    assert!(writes > 15, "{writes}");
    for write in 1..=writes {
        for fault in [Fault::LoseRequest, Fault::LoseAnswer] {
            let (store, sealed) = begin().await;
            let crashed = dispose(&store, &faults(fault, write), &sealed).await;
            // Some lost answers are settled on the spot.
            assert!(crashed.is_err() || fault == Fault::LoseAnswer || write < 3, "{write} {fault:?}");
            dispose(&store, &none, &sealed).await.unwrap();
            assert_eq!(end(&store, &sealed).await, expected, "{write} {fault:?}");
        }
    }
}

/// Writes a snapshot that refers to a payload: into a stream, or into the log at once.
async fn write(store: &Store, faults: &Arc<Faults>, payload: &Digest, numbered: bool) -> Result<EvidenceRecord> {
    let open = store.open_through(faults).await?;
    let snapshot = open.snapshot(&of_days(), &[(*payload, None)]);
    if !numbered {
        return open.seal(&snapshot).await;
    }
    let bucket: Arc<dyn Bucket> = Arc::new(store.bucket.clone());
    let streams = Streams::new(Arc::new(Faulty::new(bucket, faults.clone())), open.sealer.clone());
    let begun = streams.begin(&cx(), &"shop/orders@preflight".parse().unwrap(), BTreeSet::new()).await?;
    streams.append(&cx(), &begun, "orders", subject(), &snapshot).await
}

#[tokio::test]
async fn what_will_be_in_the_log_keeps_its_payloads() {
    let faults = |write| {
        let faults = Faults::new(0, Arc::new(ManualClock::new(START)));
        Arc::new(faults.with(Fault::LoseRequest, When::Write(write)))
    };
    for (numbered, taken) in [(true, "snapshots/shop/orders/preflight/0"), (false, "log/batch/")] {
        let mut unpublished = 0;
        for crash in 1.. {
            let store = Store::default();
            // Who collects has opened the log before, and publishes nothing.
            let open = store.open().await;
            let payload = open.sealed.put_stream(&cx(), b"a name".to_vec().into()).await.unwrap();
            let plan = faults(crash);
            let crashed = write(&store, &plan, &payload, numbered).await.is_err();
            if plan.writes() < crash {
                break;
            }
            let is_final = store.bucket.objects().keys().any(|key| key.as_str().starts_with(taken));
            for after in [Duration::ZERO, HOUR] {
                open.collect(&of_days(), after).await;
            }
            assert_eq!(store.can_be_read(&payload).await, is_final, "{crash}");
            let in_log = store.bucket.objects().keys().any(|key| key.as_str().starts_with("log/batch/"));
            if is_final && !in_log {
                let refused = open.disposal.erase(&cx(), &payload, "request 1", &of_days(), START).await.unwrap_err();
                assert_eq!(refused.kind(), ErrorKind::Conflict, "{refused}");
            }
            unpublished += u32::from(crashed && is_final);
            if is_final {
                write(&store, &faults(u64::MAX), &payload, numbered).await.unwrap();
                assert_eq!(store.verify().await.verdict(), Verdict::Verified, "{crash}");
            }
        }
        assert!(unpublished > 2, "{unpublished}");
    }
}

#[test]
fn a_tombstone_names_its_type() {
    assert_eq!(Tombstone::TYPE, "https://pathops.dev/tombstone/v0.1");
}
