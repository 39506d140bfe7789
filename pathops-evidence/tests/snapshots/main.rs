//! Snapshots: what is collected, the numbers that they get, and that nothing of them can be missing unnoticed.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

#[path = "../common/certificates.rs"]
mod certificates;
mod collecting;
mod complete;
mod heads;
mod numbers;

use std::collections::BTreeSet;
use std::sync::Arc;

use certificates::certificates;
use pathops_core::adapter::{BlobStore, Bucket, Signer as _};
use pathops_core::evidence::{AbsenceKind, Occasion, Snapshot, StreamId, Subject, TrustRoot, Window};
use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemorySigner};
use pathops_core::{Digest, IdempotencyKey, OpContext, Result, UnixMillis};
use pathops_evidence::ledger::{Ledger, LogKey};
use pathops_evidence::{Against, Collection, EvidenceRecord, Sealer, SnapshotOf, Streams, Unplaced, Verification, verify_ledger};

/// The context of an operation with this key.
fn cx(key: &str) -> OpContext {
    OpContext::new(IdempotencyKey::new(key))
}

fn log_key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
}

fn signer() -> MemorySigner {
    MemorySigner::from_seed(3).unwrap()
}

fn stream(unit: &str) -> StreamId {
    format!("shop/{unit}@preflight").parse().unwrap()
}

fn subject() -> Vec<Subject> {
    vec![Subject::named("orders").with_sha256(&Digest::of(b"artifact"))]
}

fn expected(parts: &[&str]) -> BTreeSet<String> {
    parts.iter().map(|part| (*part).to_owned()).collect()
}

/// A store that outlives processes: objects and blobs.
#[derive(Clone, Default)]
struct Store {
    bucket: MemoryBucket,
    blobs: MemoryBlobs,
    /// Whether who signs has certificates.
    keyless: bool,
}

impl Store {
    /// Streams as a process opens them, whose bucket is seen through `bucket`.
    async fn open(&self, bucket: Arc<dyn Bucket>) -> Result<(Streams, Sealer)> {
        let ledger = Arc::new(Ledger::open(&cx("open"), bucket.clone(), log_key()).await?);
        let chain = certificates(&signer().public_key());
        let signer = if self.keyless { signer().with_certificates(chain)? } else { signer() };
        let sealer = Sealer::new(Arc::new(signer), Arc::new(self.blobs.clone())).with_ledger(ledger);
        Ok((Streams::new(bucket, sealer.clone()), sealer))
    }

    async fn streams(&self) -> Streams {
        self.open(Arc::new(self.bucket.clone())).await.unwrap().0
    }

    async fn verify(&self, known: &[String]) -> Verification {
        let (log, trust) = (log_key().identity(), TrustRoot::new([signer().public_key()]));
        let blobs: &dyn BlobStore = &self.blobs;
        let against = Against { log: &log, trust: &trust, known, blobs: Some(blobs), sealed: None };
        verify_ledger(&cx("verify"), &self.bucket, against).await.unwrap()
    }

    async fn snapshot(&self, record: &EvidenceRecord) -> Snapshot {
        let bytes = self.blobs.get(&cx("read"), &record.envelope).await.unwrap().unwrap();
        let envelope = pathops_core::evidence::Envelope::from_slice(&bytes).unwrap();
        let verified = TrustRoot::new([signer().public_key()]).verify(&envelope).unwrap();
        serde_json::from_value(verified.statement().predicate.clone()).unwrap()
    }
}

fn about(stream: &StreamId, at: i64) -> SnapshotOf {
    SnapshotOf {
        stream: stream.clone(),
        change_set: "a-change".parse().unwrap(),
        occasion: Occasion::Deployed,
        window: Window { from: UnixMillis(0), until: UnixMillis(at) },
        collected_on: UnixMillis(at),
    }
}

/// Collects, under a key, what is nothing but an absence.
async fn take(streams: &Streams, unit: &str, key: &str) -> Result<EvidenceRecord> {
    let (stream, cx) = (stream(unit), cx(key));
    let begun = streams.begin(&cx, &stream, expected(&["logs"])).await?;
    if let Some(done) = begun.done() {
        return Ok(done.clone());
    }
    streams.append(&cx, &begun, key, subject(), &collected(&stream, begun.expected(), key)).await
}

fn collected(stream: &StreamId, expected: &BTreeSet<String>, why: &str) -> Unplaced {
    let mut collection = Collection::of(expected.iter().cloned());
    collection.absent("logs", AbsenceKind::NothingThere, why);
    collection.finish(about(stream, 1))
}
