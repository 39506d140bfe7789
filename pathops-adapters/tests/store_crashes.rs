//! A whole store of evidence in one bucket: ledger, snapshots, payloads and envelopes. Its process dies at every write, or its bucket
//! tears one, loses it, or fails; what is left is looked at by the verifier, in memory and in a folder.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use pathops_adapters::object_store::{ObjectStoreBlobs, ObjectStoreBucket};
use pathops_core::adapter::{BlobStore as _, Bucket, ObjectVersion, Signer as _};
use pathops_core::evidence::{EvidenceId, Health, Occasion, StreamId, Subject, TrustRoot, Window};
use pathops_core::memory::{MemoryBucket, MemorySigner};
use pathops_core::{Digest, Effect, Error, ErrorKind, IdempotencyKey, ObjectKey, OpContext, Result, UnixMillis};
use pathops_evidence::ledger::{Ledger, LogKey};
use pathops_evidence::{Against, Collection, Draft, Sealer, SnapshotOf, Streams, Verdict, Verification, verify_ledger};
use tempfile::TempDir;

fn cx(key: &str) -> OpContext {
    OpContext::new(IdempotencyKey::new(key))
}

fn log_key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
}

fn signer() -> MemorySigner {
    MemorySigner::from_seed(3).unwrap()
}

/// What happens at one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// The process dies, and the write was made or not.
    Dies { written: bool },
    /// The process dies, and half of it was written, as no store should have it.
    DiesTearing,
    /// Half of it is written, and the store says that all is well.
    Tears,
    /// Nothing is written, and the store says that all is well.
    Lies,
    /// The store fails, this once.
    Fails,
    /// It is written, and the answer is lost.
    LosesAnswer,
}

/// A bucket in which the write with a number meets its fate.
#[derive(Debug)]
struct Fated {
    inner: Arc<dyn Bucket>,
    fate: Fate,
    left: AtomicUsize,
    gone: AtomicBool,
    hit: Mutex<Option<ObjectKey>>,
    /// Whether it was one of several that are written together, and not the first.
    between: AtomicBool,
}

/// How something is written.
enum Put<'p> {
    Create,
    Write,
    Replace(&'p ObjectVersion),
}

impl Fated {
    fn at(inner: Arc<dyn Bucket>, fate: Fate, number: usize) -> Arc<Self> {
        let (left, gone, hit) = (AtomicUsize::new(number), AtomicBool::new(false), Mutex::default());
        Arc::new(Self { inner, fate, left, gone, hit, between: AtomicBool::new(false) })
    }

    fn lives(&self) -> Result<()> {
        let dead = || Error::new(ErrorKind::Denied, "go on").because("the process is gone");
        if self.gone.load(Ordering::SeqCst) { Err(dead()) } else { Ok(()) }
    }

    async fn written(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>, put: &Put<'_>) -> Result<()> {
        match put {
            Put::Create => self.inner.create(cx, key, bytes).await,
            Put::Write => self.inner.write(cx, key, bytes).await,
            Put::Replace(version) => self.inner.replace(cx, key, version, bytes).await,
        }
    }

    async fn put(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>, put: Put<'_>) -> Result<()> {
        self.lives()?;
        if self.left.fetch_sub(1, Ordering::SeqCst) != 1 {
            return self.written(cx, key, bytes, &put).await;
        }
        *self.hit.lock().unwrap() = Some(key.clone());
        let half = bytes.get(..bytes.len() / 2).unwrap_or_default().to_vec();
        match self.fate {
            Fate::Lies => Ok(()),
            Fate::Tears => self.written(cx, key, half, &put).await,
            Fate::Fails => Err(Error::new(ErrorKind::Unavailable, "write").on(key)),
            Fate::LosesAnswer => {
                self.written(cx, key, bytes, &put).await?;
                Err(Error::new(ErrorKind::Timeout, "write").on(key).with_effect(Effect::Unknown))
            }
            Fate::Dies { .. } | Fate::DiesTearing => {
                match self.fate {
                    Fate::Dies { written: true } => self.written(cx, key, bytes, &put).await?,
                    Fate::DiesTearing => self.written(cx, key, half, &put).await?,
                    _ => {}
                }
                self.gone.store(true, Ordering::SeqCst);
                self.lives()
            }
        }
    }
}

#[async_trait]
impl Bucket for Fated {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn create(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.put(cx, key, bytes, Put::Create).await
    }

    /// Those before the one that meets its fate are written together, as the bucket writes several.
    async fn create_all(&self, cx: &OpContext, mut objects: Vec<(ObjectKey, Vec<u8>)>) -> Vec<Result<()>> {
        if self.lives().is_err() {
            return objects.iter().map(|_| self.lives()).collect();
        }
        let before = self.left.load(Ordering::SeqCst).wrapping_sub(1).min(objects.len());
        let rest = objects.split_off(before);
        self.left.fetch_sub(before, Ordering::SeqCst);
        self.between.fetch_or(before > 0 && !rest.is_empty(), Ordering::SeqCst);
        let mut answers = self.inner.create_all(cx, objects).await;
        for (key, bytes) in rest {
            answers.push(self.create(cx, &key, bytes).await);
        }
        answers
    }

    async fn write(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.put(cx, key, bytes, Put::Write).await
    }

    async fn replace(&self, cx: &OpContext, key: &ObjectKey, version: &ObjectVersion, bytes: Vec<u8>) -> Result<()> {
        self.put(cx, key, bytes, Put::Replace(version)).await
    }

    async fn read_version(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<(Vec<u8>, ObjectVersion)>> {
        self.lives()?;
        self.inner.read_version(cx, key).await
    }

    async fn read(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<Vec<u8>>> {
        self.lives()?;
        self.inner.read(cx, key).await
    }

    async fn list<'a>(
        &self,
        cx: &OpContext,
        within: &ObjectKey,
        after: Option<&'a ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>> {
        self.lives()?;
        self.inner.list(cx, within, after, limit).await
    }

    async fn delete(&self, cx: &OpContext, key: &ObjectKey) -> Result<()> {
        self.lives()?;
        self.inner.delete(cx, key).await
    }

    fn location(&self, key: &ObjectKey) -> String {
        self.inner.location(key)
    }
}

/// What a process was told is there.
#[derive(Default)]
struct Answered {
    evidence: BTreeSet<EvidenceId>,
    checkpoints: Vec<String>,
}

/// A process: snapshots, each with a payload, and other evidence between them. What it has done before, it finds.
async fn process(bucket: Arc<dyn Bucket>, answered: &mut Answered) -> Result<()> {
    let ledger = Arc::new(Ledger::open(&cx("open"), bucket.clone(), log_key()).await?);
    let blobs = Arc::new(ObjectStoreBlobs::within(bucket.clone()));
    let sealer = Sealer::new(Arc::new(signer()), blobs.clone()).with_ledger(ledger.clone());
    let streams = Streams::new(bucket, sealer.clone());
    let stream: StreamId = "shop/orders@preflight".parse().unwrap();
    let subject = || vec![Subject::named("orders").with_sha256(&Digest::of(b"artifact"))];
    for number in 0..2 {
        let key = cx(&format!("snapshot {number}"));
        let begun = streams.begin(&key, &stream, BTreeSet::from(["logs".to_owned()])).await?;
        let snapshot = match begun.done() {
            Some(done) => done.clone(),
            None => {
                let log = blobs.put(&key, format!("log {number}\n").repeat(40).into_bytes()).await?;
                let mut collection = Collection::of(begun.expected().iter().cloned());
                collection.payload("logs", &log, "blobs/of-this-store", "text/plain", None);
                let about = SnapshotOf {
                    stream: stream.clone(),
                    change_set: "a-change".parse().unwrap(),
                    occasion: Occasion::Deployed,
                    window: Window { from: UnixMillis(0), until: UnixMillis(number) },
                    collected_on: UnixMillis(number),
                };
                streams.append(&key, &begun, "snapshot", subject(), &collection.finish(about)).await?
            }
        };
        answered.evidence.insert(snapshot.id);
        let health = |millis| Health {
            change_set: "a-change".parse().unwrap(),
            unit: "orders".parse().unwrap(),
            environment: "preflight".parse().unwrap(),
            healthy: true,
            settled_millis: millis,
            observed_on: UnixMillis(number),
        };
        let drafts = [1, 2].map(|millis| Draft::new("health", subject(), &health(millis)).unwrap());
        answered.evidence.extend(sealer.seal_all(&cx("health"), drafts.into()).await?.iter().map(|record| record.id));
        answered.checkpoints.extend(ledger.reader().note(&cx("note")).await?.map(|(_, note)| note));
    }
    Ok(())
}

async fn verify(bucket: &Arc<dyn Bucket>, known: &[String]) -> Verification {
    let (log, trust) = (log_key().identity(), TrustRoot::new([signer().public_key()]));
    let blobs = ObjectStoreBlobs::within(bucket.clone());
    let against = Against { log: &log, trust: &trust, known, blobs: Some(&blobs), sealed: None };
    verify_ledger(&cx("verify"), &**bucket, against).await.unwrap()
}

/// A bucket, and the folder that it is in.
type Place = (Arc<dyn Bucket>, Option<TempDir>);

fn memory() -> Place {
    (Arc::new(MemoryBucket::new()), None)
}

/// In memory where there is such a file system: what is flushed is not waited for there.
fn folder() -> Place {
    let quick = Path::new("/dev/shm");
    let folder = if quick.is_dir() { tempfile::tempdir_in(quick) } else { tempfile::tempdir() }.unwrap();
    (Arc::new(ObjectStoreBucket::folder(folder.path()).unwrap()), Some(folder))
}

/// Whether the answer names what was hit: an object of the log, or, of a payload, what refers to it.
fn names(verification: &Verification, hit: &ObjectKey) -> bool {
    let hit = hit.as_str();
    let is_named = |(part, why): &(String, String)| {
        part == hit || (hit.starts_with("blobs/") && hit.rsplit('/').next().is_some_and(|digest| why.contains(digest)))
    };
    verification.failures.iter().any(is_named)
}

/// Walks over all writes of a process.
async fn at_every_write(fate: Fate, place: fn() -> Place) {
    let mut honest = Answered::default();
    process(place().0, &mut honest).await.unwrap();
    let (mut not_verified, mut between) = (0, 0);
    for number in 1.. {
        let (bucket, _folder) = place();
        let fated = Fated::at(bucket.clone(), fate, number);
        let mut answered = Answered::default();
        let ended = process(fated.clone(), &mut answered).await;
        let Some(hit) = fated.hit.lock().unwrap().clone() else {
            ended.unwrap();
            assert!(number > 30, "{fate:?}: {number} writes");
            break;
        };
        between += usize::from(fated.between.load(Ordering::SeqCst));
        // What the store has lost shows against a checkpoint that somebody else has, such as the meta repository.
        let last = honest.checkpoints.last().filter(|_| ended.is_ok() && matches!(fate, Fate::Tears | Fate::Lies));
        answered.checkpoints.extend(last.cloned());
        let at = format!("{fate:?} at write {number}, of {hit}");
        let verification = verify(&bucket, &answered.checkpoints).await;
        let sound = !matches!(fate, Fate::DiesTearing | Fate::Tears | Fate::Lies);
        match verification.verdict() {
            Verdict::Verified => assert!(verification.evidence.is_superset(&answered.evidence), "{at}: {verification}"),
            Verdict::NotVerified => assert!(answered.evidence.is_empty(), "{at}: {verification}"),
            Verdict::Failed => assert!(!sound && names(&verification, &hit), "{at}: {verification}"),
        }
        not_verified += usize::from(verification.verdict() == Verdict::Failed);

        // Another process goes on, and comes to the same end, or is told.
        let mut again = Answered::default();
        let went_on = process(bucket.clone(), &mut again).await;
        let verification = verify(&bucket, &[answered.checkpoints, again.checkpoints].concat()).await;
        let all: BTreeSet<_> = answered.evidence.union(&again.evidence).copied().collect();
        match (went_on, verification.verdict()) {
            (Ok(()), Verdict::Verified) => assert!(verification.evidence.is_superset(&all), "{at}: {verification}"),
            (Ok(()), _) => assert!(!sound && names(&verification, &hit), "{at}, and another: {verification}"),
            (Err(error), _) => assert!(!sound && error.kind() == ErrorKind::Corrupt, "{at}: {error}"),
        }
    }
    assert!(between >= 2, "{fate:?}: what is written together was cut {between} times");
    let expected = matches!(fate, Fate::Tears | Fate::Lies);
    assert!(not_verified >= if expected { 4 } else { 0 }, "{fate:?}: only {not_verified} were noticed");
}

macro_rules! walks {
    ($($name:ident: $fate:expr;)*) => {
        mod in_memory {
            use super::*;
            $(#[tokio::test] async fn $name() { at_every_write($fate, memory).await; })*
        }
        mod in_a_folder {
            use super::*;
            $(#[tokio::test] async fn $name() { at_every_write($fate, folder).await; })*
        }
    };
}

walks! {
    who_dies_before_a_write_leaves_a_store_that_verifies: Fate::Dies { written: false };
    who_dies_behind_a_write_leaves_a_store_that_verifies: Fate::Dies { written: true };
    half_a_write_of_who_died_is_made_good_or_told: Fate::DiesTearing;
    a_write_that_is_torn_is_told: Fate::Tears;
    a_write_that_was_never_made_is_told: Fate::Lies;
    a_write_that_fails_is_made_again: Fate::Fails;
    a_lost_answer_loses_nothing: Fate::LosesAnswer;
}
