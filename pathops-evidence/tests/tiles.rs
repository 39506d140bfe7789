//! What a ledger is read by, in a bucket whose machine crashes: which tiles are on the disk, what an opening makes again, what is taken
//! away, and what reading and appending beside others cost.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use async_trait::async_trait;
use pathops_core::adapter::{Bucket, ObjectVersion, Signer as _};
use pathops_core::evidence::{
    Envelope, PAYLOAD_TYPE, PublicKey, Signature, Statement, Subject, TrustRoot, pre_authentication_encoding,
};
use pathops_core::memory::{MemoryBucket, MemorySigner};
use pathops_core::{Digest, Error, ErrorKind, IdempotencyKey, ObjectKey, OpContext, Result};
use pathops_evidence::ledger::{Item, Ledger, LogKey, LogReader};
use pathops_evidence::{Against, Verdict, Verification, verify_ledger};

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
}

fn name(text: &str) -> ObjectKey {
    text.parse().unwrap()
}

/// Evidence that says a number.
async fn item(number: u64) -> Item {
    let signer = MemorySigner::from_seed(1).unwrap();
    let subject = Subject::named("orders").with_sha256(&Digest::of(b"artifact"));
    let payload = Statement::new(vec![subject], "https://example.org/number", &number).unwrap().to_canonical().unwrap();
    let signature = signer.sign(&cx(), &pre_authentication_encoding(PAYLOAD_TYPE, &payload)).await.unwrap();
    Item::signed(Envelope::new(&payload, &signer.public_key(), signature), signer.public_key()).unwrap()
}

/// The same, whose signature is none: that takes less time.
fn unsigned(number: u64) -> Item {
    static KEY: LazyLock<PublicKey> = LazyLock::new(|| MemorySigner::from_seed(1).unwrap().public_key());
    let payload = format!("{{\"number\":{number}}}").into_bytes();
    Item::signed(Envelope::new(&payload, &KEY, Signature::from_der(vec![0x30])), KEY.clone()).unwrap()
}

/// Another writer, who appends so many batches of one leaf each time before somebody else takes a place, so often.
#[derive(Debug)]
struct Rival {
    ledger: Ledger,
    times: usize,
    batches: usize,
    next: u64,
}

/// A bucket on a machine of which a crash leaves what it was waited for, and nothing that was only written.
#[derive(Clone, Debug, Default)]
struct Machine {
    inner: MemoryBucket,
    disk: MemoryBucket,
    calls: Arc<Mutex<Vec<String>>>,
    keeps_all: Arc<AtomicBool>,
    rival: Arc<tokio::sync::Mutex<Option<Rival>>>,
}

impl Machine {
    fn crash(&self) {
        let left = self.disk.objects().clone();
        *self.inner.objects() = left;
    }

    fn holds(&self, objects: &BTreeMap<ObjectKey, Vec<u8>>) {
        *self.inner.objects() = objects.clone();
        *self.disk.objects() = objects.clone();
    }

    fn calls(&self) -> MutexGuard<'_, Vec<String>> {
        self.calls.lock().unwrap()
    }

    fn called(&self, what: &str) -> usize {
        self.calls().iter().filter(|call| call.starts_with(what)).count()
    }

    async fn open(&self) -> Ledger {
        Ledger::open(&cx(), Arc::new(self.clone()), key()).await.unwrap()
    }

    fn reader(&self) -> LogReader {
        LogReader::new(Arc::new(self.clone()), key().identity())
    }

    async fn verify(&self) -> Verification {
        let (log, trust) = (key().identity(), TrustRoot::new([MemorySigner::from_seed(1).unwrap().public_key()]));
        let against = Against { log: &log, trust: &trust, known: &[], blobs: None, sealed: None };
        verify_ledger(&cx(), &self.inner, against).await.unwrap()
    }

    /// What of tiles was written before they were full.
    fn parts(&self) -> usize {
        self.inner.objects().keys().filter(|key| key.as_str().contains(".p/")).count()
    }
}

#[async_trait]
impl Bucket for Machine {
    fn name(&self) -> &'static str {
        "machine"
    }

    async fn create(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.calls().push(format!("create {key}"));
        if let Some(rival) = self.rival.lock().await.as_mut().filter(|rival| key.as_str().contains("/batch/") && rival.times > 0)
        {
            rival.times -= 1;
            for _ in 0..rival.batches {
                rival.next += 1;
                rival.ledger.append(cx, vec![unsigned(rival.next)]).await?;
            }
        }
        self.inner.create(cx, key, bytes.clone()).await?;
        self.disk.write(cx, key, bytes).await
    }

    async fn create_all(&self, cx: &OpContext, objects: Vec<(ObjectKey, Vec<u8>)>) -> Vec<Result<()>> {
        self.calls().push(format!("create_all of {}", objects.len()));
        let mut answers = Vec::new();
        for (key, bytes) in objects {
            let answer = self.inner.create(cx, &key, bytes.clone()).await;
            if answer.is_ok() {
                self.disk.objects().insert(key, bytes);
            }
            answers.push(answer);
        }
        answers
    }

    async fn write(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.calls().push(format!("write {key}"));
        self.inner.write(cx, key, bytes).await
    }

    async fn replace(&self, cx: &OpContext, key: &ObjectKey, version: &ObjectVersion, bytes: Vec<u8>) -> Result<()> {
        self.calls().push(format!("replace {key}"));
        self.inner.replace(cx, key, version, bytes).await
    }

    async fn read_version(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<(Vec<u8>, ObjectVersion)>> {
        self.inner.read_version(cx, key).await
    }

    async fn read(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<Vec<u8>>> {
        self.calls().push(format!("read {key}"));
        self.inner.read(cx, key).await
    }

    async fn list<'a>(
        &self,
        cx: &OpContext,
        within: &ObjectKey,
        after: Option<&'a ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>> {
        self.calls().push(format!("list {within}"));
        self.inner.list(cx, within, after, limit).await
    }

    async fn delete(&self, cx: &OpContext, key: &ObjectKey) -> Result<()> {
        if self.keeps_all.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Denied, "delete an object").on(key));
        }
        self.inner.delete(cx, key).await?;
        self.disk.delete(cx, key).await
    }

    fn location(&self, key: &ObjectKey) -> String {
        self.inner.location(key)
    }
}

fn full_tiles(objects: &BTreeMap<ObjectKey, Vec<u8>>) -> Vec<ObjectKey> {
    let is_full = |key: &&ObjectKey| key.as_str().starts_with("log/tile/") && !key.as_str().contains(".p/");
    objects.keys().filter(is_full).cloned().collect()
}

#[tokio::test]
async fn full_tiles_are_on_the_disk_before_the_checkpoint_that_covers_them() {
    let machine = Machine::default();
    let ledger = machine.open().await;
    ledger.append(&cx(), (0..100).map(unsigned).collect()).await.unwrap();
    machine.calls().clear();
    ledger.append(&cx(), (100..1_100).map(unsigned).collect()).await.unwrap();
    let calls = machine.calls().clone();
    let waits: Vec<_> = calls.iter().filter(|call| call.starts_with("create")).collect();
    assert_eq!(waits, ["create log/batch/00000000000000000100", "create_all of 8"], "the disk is waited for once for all tiles");
    let place = |what: &str| calls.iter().position(|call| call == what).unwrap();
    assert!(place("create_all of 8") < place("replace log/checkpoint"));

    // The crash takes all that can be taken, but not the checkpoint.
    let before = machine.inner.objects().clone();
    machine.crash();
    machine.inner.objects().insert(name("log/checkpoint"), before[&name("log/checkpoint")].clone());
    let left = machine.inner.objects().clone();
    let full = full_tiles(&before);
    assert_eq!(full.len(), 8);
    assert!(full.iter().all(|key| left.get(key) == before.get(key)), "each full tile is there");
    let ledger = machine.open().await;
    assert_eq!(ledger.append(&cx(), vec![unsigned(2_000)]).await.unwrap(), [1_100]);
    let (reader, checkpoint) = (machine.reader(), ledger.reader().checkpoint(&cx()).await.unwrap().unwrap());
    for leaf in [0, 255, 256, 1_023, 1_099, 1_100] {
        reader.inclusion(&cx(), leaf, &checkpoint).await.unwrap();
    }
}

#[tokio::test]
async fn a_full_tile_that_was_lost_or_damaged_is_made_again_by_the_next_opening() {
    let machine = Machine::default();
    let ledger = machine.open().await;
    for numbers in [0..130, 130..260] {
        let mut items = Vec::new();
        for number in numbers {
            items.push(item(number).await);
        }
        ledger.append(&cx(), items).await.unwrap();
    }
    let good = machine.inner.objects().clone();
    let full = full_tiles(&good);
    assert_eq!(full.len(), 2, "{full:?}");
    for tile in &full {
        let half = good[tile][..good[tile].len() / 2].to_vec();
        for damaged in [None, Some(Vec::new()), Some(half), Some(vec![0; good[tile].len()])] {
            let mut objects = good.clone();
            match damaged.clone() {
                None => drop(objects.remove(tile)),
                Some(bytes) => drop(objects.insert(tile.clone(), bytes)),
            }
            machine.holds(&objects);
            assert_eq!(machine.verify().await.verdict(), Verdict::Failed);
            drop(machine.open().await);
            let verification = machine.verify().await;
            assert_eq!(verification.verdict(), Verdict::Verified, "{tile} as {damaged:?}: {verification}");
            machine.crash();
            assert_eq!(machine.inner.objects().get(tile), good.get(tile), "{tile} is on the disk");
        }
    }
}

#[tokio::test]
async fn an_opening_looks_at_the_last_tiles_only_and_makes_all_where_none_is() {
    let machine = Machine::default();
    machine.open().await.append(&cx(), (0..5_200).map(unsigned).collect()).await.unwrap();
    let good = machine.inner.objects().clone();
    machine.calls().clear();
    drop(machine.open().await);
    let reads = machine.called("read log/tile/");
    assert!((32..=48).contains(&reads), "{reads} tiles are read");
    // What somebody has spoilt long ago is not seen, and made again where all tiles are taken away.
    let first = name("log/tile/0/000");
    machine.inner.objects().insert(first.clone(), Vec::new());
    drop(machine.open().await);
    assert!(machine.inner.objects()[&first].is_empty());
    machine.inner.objects().retain(|key, _| !key.as_str().starts_with("log/tile/"));
    drop(machine.open().await);
    assert!(full_tiles(&good).iter().all(|key| machine.inner.objects().get(key) == good.get(key)));
}

#[tokio::test]
async fn parts_of_tiles_are_taken_away_once_those_are_full() {
    let machine = Machine::default();
    let ledger = machine.open().await;
    let (mut early, mut most) = (None, 0);
    for number in 0..1_000 {
        // Where it cannot be done, nobody minds.
        machine.keeps_all.store((300..310).contains(&number), Ordering::SeqCst);
        assert_eq!(ledger.append(&cx(), vec![item(number).await]).await.unwrap(), [number]);
        most = most.max(machine.parts());
        if number == 200 {
            early = ledger.reader().note(&cx()).await.unwrap();
        }
    }
    assert!(most < 800 && machine.parts() < 700, "{most} parts at most, and {} at the end", machine.parts());
    let verification = machine.verify().await;
    assert_eq!(verification.verdict(), Verdict::Verified, "{verification}");

    // Who goes by an earlier checkpoint takes the full tile, also who was verifying when it became full.
    let (checkpoint, note) = early.unwrap();
    machine.inner.objects().retain(|key, _| !key.as_str().contains("/000.p/") || key.as_str().contains("tile/1/"));
    let newest = ledger.reader().checkpoint(&cx()).await.unwrap().unwrap();
    for leaf in [0, 200] {
        machine.reader().inclusion(&cx(), leaf, &checkpoint).await.unwrap();
    }
    machine.reader().consistency(&cx(), &checkpoint, &newest).await.unwrap();
    machine.inner.objects().insert(name("log/checkpoint"), note.into_bytes());
    let verification = machine.verify().await;
    assert_eq!(verification.verdict(), Verdict::Verified, "{verification}");
    // But not another tile.
    machine.inner.objects().get_mut(&name("log/tile/0/000")).unwrap().fill(0);
    assert_eq!(machine.verify().await.verdict(), Verdict::Failed);
}

#[tokio::test]
async fn many_items_cost_one_listing_of_the_batches() {
    let machine = Machine::default();
    let ledger = machine.open().await;
    ledger.append(&cx(), (0..5_000).map(unsigned).collect()).await.unwrap();
    for number in 5_000..5_040 {
        ledger.append(&cx(), vec![unsigned(number)]).await.unwrap();
    }
    for (leaves, most) in
        [((5_000..5_040).collect::<Vec<_>>(), 1), ((4_997..5_040).rev().collect(), 2), (vec![0, 5_039, 4_999, 5_000, 1], 2)]
    {
        machine.calls().clear();
        let reader = machine.reader();
        for leaf in leaves {
            assert_eq!(reader.item(&cx(), leaf).await.unwrap(), Some(unsigned(leaf)), "leaf {leaf}");
        }
        assert!(machine.called("list") <= most, "{} listings", machine.called("list"));
    }
    let reader = machine.reader();
    assert_eq!(reader.item(&cx(), 5_040).await.unwrap(), None);
    // What is appended meanwhile is found, also by a clone.
    ledger.append(&cx(), (5_040..5_043).map(unsigned).collect()).await.unwrap();
    machine.calls().clear();
    for leaf in [5_042, 5_040, 5_039, 5_041] {
        assert_eq!(reader.clone().item(&cx(), leaf).await.unwrap(), Some(unsigned(leaf)), "leaf {leaf}");
    }
    assert_eq!(machine.called("list"), 1);
}

/// One caller has appended more at once than several share, and something lies nearer to the leaf than where that begins.
#[tokio::test]
async fn an_item_of_a_large_batch_is_found_behind_what_is_no_batch() {
    let machine = Machine::default();
    machine.open().await.append(&cx(), (0..6_000).map(unsigned).collect()).await.unwrap();
    for stray in [5_000, 5_400] {
        machine.inner.objects().insert(name(&format!("log/batch/{stray:020}")), b"{}".to_vec());
        for leaf in [5_500, 4_999, 5_999] {
            assert_eq!(machine.reader().item(&cx(), leaf).await.unwrap(), Some(unsigned(leaf)), "leaf {leaf}");
        }
    }
}

/// A writer, one leaf in its log, and another one that gets in before it.
async fn overtaken(times: usize, batches: usize) -> (Machine, Ledger) {
    let machine = Machine::default();
    let ledger = machine.open().await;
    ledger.append(&cx(), vec![unsigned(0)]).await.unwrap();
    let rival = Ledger::open(&cx(), Arc::new(machine.inner.clone()), key()).await.unwrap();
    *machine.rival.lock().await = Some(Rival { ledger: rival, times, batches, next: 1_000 });
    machine.calls().clear();
    (machine, ledger)
}

#[tokio::test]
async fn who_is_refused_takes_up_all_that_is_there_before_the_next_try() {
    let (machine, ledger) = overtaken(3, 100).await;
    assert_eq!(ledger.append(&cx(), vec![unsigned(1)]).await.unwrap(), [301]);
    assert_eq!(machine.called("create log/batch/"), 4, "one try for each time the other was first, and one that succeeds");
    let checkpoint = machine.reader().checkpoint(&cx()).await.unwrap().unwrap();
    for leaf in [0, 1, 300, 301] {
        machine.reader().inclusion(&cx(), leaf, &checkpoint).await.unwrap();
    }
}

#[tokio::test]
async fn who_never_gets_in_is_told_and_may_try_again() {
    let (machine, ledger) = overtaken(usize::MAX, 1).await;
    let error = ledger.append(&cx(), vec![unsigned(1)]).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Unavailable && error.to_string().contains("others append faster"), "{error}");
    assert_eq!(machine.called("create log/batch/"), 100);
    *machine.rival.lock().await = None;
    assert_eq!(ledger.append(&cx(), vec![unsigned(1)]).await.unwrap(), [101], "it is there once");
}
