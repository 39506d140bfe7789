//! A bucket that tears what it is given to store, or says that it has stored it and has not. Nobody is told at once; the verifier
//! notices whatever matters, and names the part.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use pathops_core::adapter::{Bucket, ObjectVersion};
use pathops_core::memory::MemoryBucket;
use pathops_core::{ErrorKind, ObjectKey, OpContext, Result};
use pathops_evidence::ledger::{Item, Ledger};
use pathops_evidence::{Verdict, Verification};

use crate::{cx, items, key, needed, verify};

/// What it does to one write, of which it says that all is well.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// The first half is stored.
    Tears,
    /// Nothing is.
    Lies,
    /// Something else is, of the same length.
    Spoils,
}

#[derive(Debug)]
struct Unreliable {
    inner: MemoryBucket,
    fault: Fault,
    left: AtomicUsize,
    hit: Mutex<Option<ObjectKey>>,
}

impl Unreliable {
    /// What is stored in the place of these bytes.
    fn stored(&self, key: &ObjectKey, mut bytes: Vec<u8>) -> Option<Vec<u8>> {
        if self.left.fetch_sub(1, Ordering::SeqCst) != 1 {
            return Some(bytes);
        }
        *self.hit.lock().unwrap() = Some(key.clone());
        let middle = bytes.len() / 2;
        match self.fault {
            Fault::Lies => return None,
            Fault::Tears => bytes.truncate(middle),
            Fault::Spoils => bytes[middle] ^= 1,
        }
        Some(bytes)
    }
}

#[async_trait]
impl Bucket for Unreliable {
    fn name(&self) -> &'static str {
        "unreliable"
    }

    async fn create(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        match self.stored(key, bytes) {
            Some(bytes) => self.inner.create(cx, key, bytes).await,
            None => Ok(()),
        }
    }

    async fn write(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        match self.stored(key, bytes) {
            Some(bytes) => self.inner.write(cx, key, bytes).await,
            None => Ok(()),
        }
    }

    async fn replace(&self, cx: &OpContext, key: &ObjectKey, version: &ObjectVersion, bytes: Vec<u8>) -> Result<()> {
        match self.stored(key, bytes) {
            Some(bytes) => self.inner.replace(cx, key, version, bytes).await,
            None => Ok(()),
        }
    }

    async fn read_version(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<(Vec<u8>, ObjectVersion)>> {
        self.inner.read_version(cx, key).await
    }

    async fn read(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<Vec<u8>>> {
        self.inner.read(cx, key).await
    }

    async fn list<'a>(
        &self,
        cx: &OpContext,
        within: &ObjectKey,
        after: Option<&'a ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>> {
        self.inner.list(cx, within, after, limit).await
    }

    async fn delete(&self, cx: &OpContext, key: &ObjectKey) -> Result<()> {
        self.inner.delete(cx, key).await
    }

    fn location(&self, key: &ObjectKey) -> String {
        self.inner.location(key)
    }
}

/// Writes a log in two batches.
async fn write(bucket: Arc<dyn Bucket>, items: &[Item]) -> Result<()> {
    let ledger = Ledger::open(&cx(), bucket, key()).await?;
    for part in [0..2, 2..items.len()] {
        ledger.append(&cx(), items[part].to_vec()).await?;
    }
    Ok(())
}

/// Every write of a small log, and of one with full tiles those of the second batch.
async fn every_write(fault: Fault) {
    every_write_after(0, 4, fault).await;
    // Spared are the trial of the bucket and what the first batch writes: both are in the small log.
    every_write_after(13, 258, fault).await;
}

async fn every_write_after(spared: usize, leaves: usize, fault: Fault) {
    let (items, honest) = (items(leaves).await, MemoryBucket::new());
    write(Arc::new(honest.clone()), &items).await.unwrap();
    let honest = honest.objects().clone();
    let known = [String::from_utf8(honest[&"log/checkpoint".parse().unwrap()].clone()).unwrap()];
    let mut noticed = 0;
    for number in spared + 1.. {
        let memory = MemoryBucket::new();
        let (left, hit) = (AtomicUsize::new(number), Mutex::default());
        let bucket = Arc::new(Unreliable { inner: memory.clone(), fault, left, hit });
        let written = write(bucket.clone(), &items).await;
        let Some(hit) = bucket.hit.lock().unwrap().clone() else {
            written.unwrap();
            break;
        };
        if let Err(error) = written {
            // It was noticed while writing: by the trial before a log is opened, or by who looks at the last checkpoint before they
            // put another in its place.
            let noticed = [("log/probe", ErrorKind::Unsupported), ("log/checkpoint", ErrorKind::Corrupt)];
            assert!(noticed.contains(&(hit.as_str(), error.kind())), "{hit}: {error}");
            continue;
        }
        let whole = needed(&memory.objects()) == needed(&honest);
        let verification = verify(&memory, &known).await;
        let names = |verification: &Verification| verification.failures.iter().any(|(part, _)| part == hit.as_str());
        match verification.verdict() {
            Verdict::Verified => assert!(whole, "{fault:?} write {number}, of {hit}, was not noticed"),
            _ => assert!(names(&verification), "{fault:?} write {number}, of {hit}: {verification}"),
        }
        if verification.verdict() == Verdict::Verified {
            continue;
        }
        noticed += 1;

        // Whoever opens it again makes good what follows from the batches, or is told; the verifier says what is left.
        let reopened = Ledger::open(&cx(), Arc::new(memory.clone()), key()).await;
        let verification = verify(&memory, &known).await;
        match reopened {
            Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt, "{fault:?} write {number}, of {hit}: {error}"),
            Ok(_) if verification.verdict() == Verdict::Verified => assert_eq!(needed(&memory.objects()), needed(&honest)),
            Ok(_) => {
                // Tiles follow from the batches: one that is full is made again, and so is one at the edge.
                let is_tile = hit.as_str().starts_with("log/tile/") && needed(&honest).contains_key(&hit);
                assert!(names(&verification) && !is_tile, "{fault:?} write {number}, of {hit}, after opening: {verification}");
            }
        }
    }
    assert!(noticed >= 4, "only {noticed} were noticed");
}

#[tokio::test]
async fn a_write_that_is_torn_is_noticed_and_named() {
    every_write(Fault::Tears).await;
}

#[tokio::test]
async fn a_write_that_was_never_made_is_noticed_and_named() {
    every_write(Fault::Lies).await;
}

#[tokio::test]
async fn a_write_that_is_spoilt_is_noticed_and_named() {
    every_write(Fault::Spoils).await;
}
