//! A small ledger that verifies, and changes of what is in it.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use pathops_core::adapter::Signer as _;
use pathops_core::evidence::{Health, Subject, TrustRoot};
use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemorySigner};
use pathops_core::{Digest, IdempotencyKey, ObjectKey, OpContext, UnixMillis};
use pathops_evidence::Sealer;
use pathops_evidence::ledger::{Ledger, LogIdentity, LogKey};

/// What verifies.
#[derive(Debug)]
pub struct Good {
    /// Who the log is.
    pub log: LogIdentity,
    /// Whose evidence counts.
    pub trust: TrustRoot,
    /// Everything of the ledger.
    pub objects: BTreeMap<ObjectKey, Vec<u8>>,
    /// A piece of it as a bundle.
    pub bundle: Vec<u8>,
}

impl Good {
    /// Three pieces of evidence, always the same.
    #[must_use]
    pub fn new() -> Self {
        let (bucket, key) = (MemoryBucket::new(), LogKey::new("shop.example/evidence", &[7; 32]).expect("a name"));
        let signer = MemorySigner::from_seed(1).expect("a key");
        let (log, trust) = (key.identity(), TrustRoot::new([signer.public_key()]));
        let ledger = Arc::new(wait(Ledger::open(&cx(), Arc::new(bucket.clone()), key)).expect("a ledger"));
        let sealer = Sealer::new(Arc::new(signer), Arc::new(MemoryBlobs::new())).with_ledger(ledger.clone());
        let mut last = None;
        for number in 0..3 {
            let health = Health {
                change_set: "dates-1".parse().expect("a name"),
                unit: "orders".parse().expect("a name"),
                environment: "preflight".parse().expect("a name"),
                healthy: true,
                settled_millis: number,
                observed_on: UnixMillis(0),
            };
            let subject = Subject::named("orders").with_sha256(&Digest::of(b"artifact"));
            last = Some(wait(sealer.seal(&cx(), "health", vec![subject], &health)).expect("sealed").id);
        }
        let bundle = wait(ledger.reader().bundle(&cx(), last.expect("there are three"))).expect("read").expect("it is there");
        let objects = bucket.objects().clone();
        Self { log, trust, objects, bundle: bundle.into_bytes() }
    }
}

impl Default for Good {
    fn default() -> Self {
        Self::new()
    }
}

/// `good` with these changes: each is a place, in two bytes, and the byte that is put there.
#[must_use]
pub fn changed(good: &[u8], changes: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    for change in changes.chunks_exact(3) {
        let place = usize::from(u16::from_be_bytes([change[0], change[1]])) % bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(place) {
            *byte = change[2];
        }
    }
    bytes
}

/// The context of every call.
#[must_use]
pub fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("fuzz"))
}

/// What is in memory answers at once.
///
/// # Panics
/// Where something waits.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits for nothing"),
    }
}
