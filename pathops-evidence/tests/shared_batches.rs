//! Batches that several callers share: nobody's items are appended again or refused because of what becomes of somebody else's.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;

use async_trait::async_trait;
use futures_util::future::FutureExt as _;
use pathops_core::adapter::{Bucket, ObjectVersion, Signer as _};
use pathops_core::evidence::{Envelope, Signature, TrustRoot};
use pathops_core::memory::{MemoryBucket, MemorySigner};
use pathops_core::{Error, ErrorKind, IdempotencyKey, ObjectKey, OpContext, Result};
use pathops_evidence::ledger::{Item, Ledger, LogKey};
use pathops_evidence::{Against, verify_ledger};

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
}

/// Evidence that says a text; its signature is none.
fn says(text: &str) -> Item {
    let key = MemorySigner::from_seed(1).unwrap().public_key();
    Item::signed(Envelope::new(text.as_bytes(), &key, Signature::from_der(vec![0x30])), key).unwrap()
}

fn item(number: u64) -> Item {
    says(&format!("{{\"number\":{number}}}"))
}

/// A bucket that holds up who appends or who takes parts of tiles away, or cannot read a batch.
#[derive(Clone, Debug, Default)]
struct Held {
    inner: MemoryBucket,
    appending: Arc<AtomicBool>,
    clearing: Arc<AtomicBool>,
    unread: Arc<AtomicBool>,
    /// How many bytes a batch may have that was read last.
    within: Arc<AtomicU64>,
}

impl Held {
    async fn while_set(flag: &AtomicBool) {
        poll_fn(|_| if flag.load(Ordering::SeqCst) { Poll::Pending } else { Poll::Ready(()) }).await;
    }

    fn batches(&self) -> usize {
        self.inner.objects().keys().filter(|key| key.as_str().starts_with("log/batch/")).count()
    }
}

#[async_trait]
impl Bucket for Held {
    fn name(&self) -> &'static str {
        "held"
    }

    async fn create(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        if key.as_str().starts_with("log/batch/") {
            Self::while_set(&self.appending).await;
        }
        self.inner.create(cx, key, bytes).await
    }

    async fn write(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.inner.write(cx, key, bytes).await
    }

    async fn replace(&self, cx: &OpContext, key: &ObjectKey, version: &ObjectVersion, bytes: Vec<u8>) -> Result<()> {
        self.inner.replace(cx, key, version, bytes).await
    }

    async fn read_version(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<(Vec<u8>, ObjectVersion)>> {
        self.inner.read_version(cx, key).await
    }

    async fn read(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<Vec<u8>>> {
        if key.as_str().starts_with("log/batch/") && self.unread.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "read an object").on(key));
        }
        self.inner.read(cx, key).await
    }

    async fn read_within(&self, cx: &OpContext, key: &ObjectKey, most: u64) -> Result<Option<Vec<u8>>> {
        if key.as_str().starts_with("log/batch/") {
            self.within.store(most, Ordering::SeqCst);
        }
        self.read(cx, key).await
    }

    async fn list<'a>(
        &self,
        cx: &OpContext,
        within: &ObjectKey,
        after: Option<&'a ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>> {
        if within.as_str().ends_with(".p") {
            Self::while_set(&self.clearing).await;
        }
        self.inner.list(cx, within, after, limit).await
    }

    async fn delete(&self, cx: &OpContext, key: &ObjectKey) -> Result<()> {
        self.inner.delete(cx, key).await
    }

    fn location(&self, key: &ObjectKey) -> String {
        self.inner.location(key)
    }
}

async fn open(held: &Held) -> Ledger {
    Ledger::open(&cx(), Arc::new(held.clone()), key()).await.unwrap()
}

#[tokio::test]
async fn who_stops_waiting_behind_the_checkpoint_has_nobodys_items_appended_again() {
    let held = Held::default();
    let (ledger, cx) = (open(&held).await, cx());
    ledger.append(&cx, (0..253).map(item).collect()).await.unwrap();
    held.appending.store(true, Ordering::SeqCst);
    let mut all = [253, 254, 255].map(|number| Box::pin(ledger.append(&cx, vec![item(number)])));
    assert!(all.iter_mut().all(|it| it.now_or_never().is_none()), "the first appends, and the others wait for their turn");
    held.appending.store(false, Ordering::SeqCst);
    held.clearing.store(true, Ordering::SeqCst);
    let [mut first, mut leads, mut waits] = all;
    assert_eq!(first.as_mut().now_or_never().unwrap().unwrap(), [253]);
    // With the two a tile is full, of which parts are to be taken away.
    assert!(leads.as_mut().now_or_never().is_none());
    assert_eq!(ledger.reader().checkpoint(&cx).await.unwrap().unwrap().size, 256);
    drop(leads);
    held.clearing.store(false, Ordering::SeqCst);
    assert_eq!(waits.as_mut().now_or_never().unwrap().unwrap(), [255]);
    assert_eq!((held.batches(), ledger.reader().checkpoint(&cx).await.unwrap().unwrap().size), (3, 256));
}

#[tokio::test]
async fn what_a_checkpoint_covers_is_appended_whatever_fails_behind_it() {
    let held = Held::default();
    let ledger = open(&held).await;
    held.unread.store(true, Ordering::SeqCst);
    assert_eq!(ledger.append(&cx(), vec![item(0)]).await.unwrap(), [0]);
    held.unread.store(false, Ordering::SeqCst);
    assert_eq!(ledger.append(&cx(), vec![item(1)]).await.unwrap(), [1]);
    assert_eq!(ledger.reader().checkpoint(&cx()).await.unwrap().unwrap().size, 2);
}

#[tokio::test]
async fn as_large_batches_are_read_as_earlier_versions_have_written() {
    let held = Held::default();
    let ledger = open(&held).await;
    let cx = cx();
    ledger.append(&cx, vec![item(0)]).await.unwrap();
    let (log, trust) = (key().identity(), TrustRoot::new([]));
    let against = Against { log: &log, trust: &trust, known: &[], blobs: None, sealed: None };
    held.within.store(0, Ordering::SeqCst);
    ledger.reader().item(&cx, 0).await.unwrap().unwrap();
    assert_eq!(held.within.swap(0, Ordering::SeqCst), 1 << 30, "by a reader");
    verify_ledger(&cx, &held, against).await.unwrap();
    assert_eq!(held.within.load(Ordering::SeqCst), 1 << 30, "by the verifier");
}
