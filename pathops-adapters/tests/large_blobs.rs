//! Blobs that are put together from others, and a collection that lets payloads go.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pathops_adapters::object_store::ObjectStoreBlobs;
use pathops_core::adapter::{BlobCollector, BlobStore, Bucket, ByteStream, Signer as _};
use pathops_core::evidence::{Occasion, RetentionPolicy, Subject, TrustRoot, Window};
use pathops_core::memory::{Fault, Faults, Faulty, ManualClock, MemoryBucket, MemorySigner, When};
use pathops_core::{Digest, IdempotencyKey, OpContext, Result, UnixMillis};
use pathops_evidence::ledger::{Ledger, LogKey};
use pathops_evidence::retention::{Disposal, Disposed};
use pathops_evidence::{Against, Collection, Position, Sealer, SnapshotOf, Verdict, verify_ledger};

const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const START: UnixMillis = UnixMillis(1_750_000_000_000);
const PIECE_BYTES: usize = 8 << 20;

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
}

fn of_a_day() -> RetentionPolicy {
    serde_json::from_str(r#"{"classes":{"logs":{"days":1}}}"#).unwrap()
}

/// Two full pieces and a byte.
fn pieces() -> [Vec<u8>; 3] {
    [vec![1; PIECE_BYTES], vec![2; PIECE_BYTES], vec![3]]
}

fn large() -> Vec<u8> {
    pieces().concat()
}

struct Store {
    blobs: ObjectStoreBlobs,
    bucket: Arc<dyn Bucket>,
    sealer: Sealer,
    trust: TrustRoot,
    _folder: tempfile::TempDir,
}

impl Store {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let blobs = ObjectStoreBlobs::folder(folder.path()).unwrap();
        let bucket: Arc<dyn Bucket> = Arc::new(MemoryBucket::new());
        let ledger = Arc::new(Ledger::open(&cx(), bucket.clone(), key()).await.unwrap());
        let signer = MemorySigner::from_seed(3).unwrap();
        let trust = TrustRoot::new([signer.public_key()]);
        let sealer = Sealer::new(Arc::new(signer), Arc::new(blobs.clone())).with_ledger(ledger);
        Self { blobs, bucket, sealer, trust, _folder: folder }
    }

    async fn refer(&self, digest: &Digest, class: Option<&str>) {
        let (mut collection, location) = (Collection::of([]), self.blobs.location(digest));
        match class.map(|class| (class, of_a_day().sign_in(class, START).unwrap())) {
            Some((class, retention)) => collection.payload_for(class, digest, &location, "text/plain", None, retention),
            None => collection.payload("kept", digest, &location, "text/plain", None),
        }
        let about = SnapshotOf {
            stream: "shop/orders@preflight".parse().unwrap(),
            change_set: "a-change".parse().unwrap(),
            occasion: Occasion::Deployed,
            window: Window { from: START, until: START },
            collected_on: START,
        };
        let mut snapshot = collection.finish(about).at(Position { sequence: 0, previous: None }, 0);
        snapshot.extent.place = None;
        let subject = vec![Subject::named("orders").with_sha256(&Digest::of(b"artifact"))];
        self.sealer.seal(&cx(), "snapshot", subject, &snapshot).await.unwrap();
    }

    async fn collect_with(&self, blobs: Arc<dyn BlobCollector>, after: Duration) -> Result<Disposed> {
        let disposal = Disposal::new(self.sealer.clone(), self.trust.clone(), blobs)?;
        disposal.collect(&cx(), &of_a_day(), &BTreeSet::new(), START + after, HOUR).await
    }

    async fn collect(&self, after: Duration) -> Disposed {
        self.collect_with(Arc::new(self.blobs.clone()), after).await.unwrap()
    }

    async fn read(&self, digest: &Digest) -> Option<Vec<u8>> {
        self.blobs.get(&cx(), digest).await.unwrap()
    }

    async fn verdict(&self) -> Verdict {
        let (log, blobs): (_, &dyn BlobStore) = (key().identity(), &self.blobs);
        let against = Against { log: &log, trust: &self.trust, known: &[], blobs: Some(blobs), sealed: None };
        verify_ledger(&cx(), &*self.bucket, against).await.unwrap().verdict()
    }
}

/// The pieces; before the last one everything is collected.
struct Slowly {
    left: VecDeque<Vec<u8>>,
    store: Arc<Store>,
}

impl std::fmt::Debug for Slowly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slowly")
    }
}

#[async_trait]
impl ByteStream for Slowly {
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        if self.left.len() == 1 {
            assert_eq!(self.store.collect(Duration::ZERO).await.unreferenced.len(), 2, "the pieces that are written");
        }
        Ok(self.left.pop_front())
    }
}

async fn uploaded_slowly() -> (Arc<Store>, Digest) {
    let store = Arc::new(Store::new().await);
    let digest = store.blobs.put_stream(&cx(), Box::new(Slowly { left: pieces().into(), store: store.clone() })).await.unwrap();
    (store, digest)
}

#[tokio::test]
async fn a_collection_within_an_upload_takes_nothing_of_it() {
    let (store, digest) = uploaded_slowly().await;
    store.refer(&digest, None).await;
    let next = store.collect(HOUR).await;
    assert_eq!((next.restored.len(), next.purged.len()), (2, 0));
    assert_eq!(store.read(&digest).await, Some(large()));
    assert_eq!(store.collect(HOUR * 3).await, Disposed::default());
    assert_eq!(store.verdict().await, Verdict::Verified);
}

#[tokio::test]
async fn what_is_retired_after_its_pieces_keeps_them_as_long_as_itself() {
    let (store, digest) = uploaded_slowly().await;
    assert!(store.collect(HOUR / 2).await.unreferenced.contains(&digest));
    assert_eq!(store.collect(HOUR).await.purged, BTreeSet::new(), "the pieces go with it");
    store.refer(&digest, None).await;
    store.collect(HOUR * 2).await;
    assert_eq!(store.read(&digest).await, Some(large()));
    assert_eq!(store.verdict().await, Verdict::Verified);
}

#[tokio::test]
async fn what_comes_back_comes_back_with_its_pieces() {
    let store = Store::new().await;
    let digest = store.blobs.put(&cx(), large()).await.unwrap();
    store.refer(&digest, Some("logs")).await;
    assert_eq!(store.collect(DAY).await.expired, BTreeSet::from([digest]));
    store.refer(&digest, None).await;
    let next = store.collect(DAY + HOUR).await;
    assert_eq!((next.restored.len(), next.purged.len()), (4, 0));
    assert_eq!(store.read(&digest).await, Some(large()));
    assert_eq!(store.verdict().await, Verdict::Verified);
}

#[tokio::test]
async fn a_purge_that_is_interrupted_leaves_nothing_that_looks_damaged() {
    let digest = Digest::of(&large());
    assert!(pieces().iter().any(|piece| Digest::of(piece) < digest), "by their names a piece would go first");
    for write in 1..=4 {
        let store = Store::new().await;
        store.blobs.put(&cx(), large()).await.unwrap();
        store.refer(&digest, Some("logs")).await;
        store.collect(DAY).await;
        let clock = Arc::new(ManualClock::new(START));
        let faults = Arc::new(Faults::new(0, clock).with(Fault::LoseRequest, When::Write(write)));
        let blobs: Arc<dyn BlobCollector> = Arc::new(store.blobs.clone());
        store.collect_with(Arc::new(Faulty::new(blobs, faults)), DAY + HOUR).await.unwrap_err();
        assert_eq!(store.read(&digest).await.is_some(), write == 1, "{write}");
        assert_eq!(store.verdict().await, Verdict::Verified, "{write}");
        store.collect(DAY + HOUR).await;
        assert_eq!((store.read(&digest).await, store.collect(DAY * 2).await), (None, Disposed::default()));
    }
}
