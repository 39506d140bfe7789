//! The ledger, in a bucket in memory: against the definitions of RFC 9162 as they are written there, with writers that race,
//! crash at every write and lose answers, and with a bucket that is spoilt.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::future::join_all;
use pathops_core::adapter::{Bucket, ObjectVersion, Signer as _};
use pathops_core::evidence::{Checkpoint, Envelope, PAYLOAD_TYPE, Signature, pre_authentication_encoding};
use pathops_core::memory::{MemoryBucket, MemorySigner};
use pathops_core::{Digest, Effect, Error, ErrorKind, IdempotencyKey, ObjectKey, OpContext, Result};
use pathops_evidence::ledger::{Item, Ledger, LogKey, LogReader, is_consistent};
use sha2::{Digest as _, Sha256};
use tokio::sync::Notify;

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
}

/// Evidence that says a number.
async fn item(number: usize) -> Item {
    let signer = MemorySigner::from_seed(1).unwrap();
    let payload = format!("{{\"number\":{number}}}").into_bytes();
    let signature = signer.sign(&cx(), &pre_authentication_encoding(PAYLOAD_TYPE, &payload)).await.unwrap();
    Item::new(Envelope::new(&payload, &signer.public_key(), signature), signer.public_key()).unwrap()
}

async fn items(numbers: std::ops::Range<usize>) -> Vec<Item> {
    join_all(numbers.map(item)).await
}

async fn open(bucket: &Arc<dyn Bucket>) -> Result<Ledger> {
    Ledger::open(&cx(), bucket.clone(), key()).await
}

/// RFC 9162, section 2.1.1: the root of a list of leaves.
fn root(leaves: &[Vec<u8>]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [leaf] => hash(&[&[0], leaf]),
        leaves => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            hash(&[&[1], root(left).as_bytes(), root(right).as_bytes()])
        }
    }
}

fn split(len: usize) -> usize {
    len.next_power_of_two() / 2
}

fn hash(parts: &[&[u8]]) -> Digest {
    let hash = parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part));
    Digest::from_bytes(hash.finalize().into())
}

/// That the log holds exactly these, by its checkpoint and by the proofs of some leaves, the first and last ones too.
async fn holds(bucket: &Arc<dyn Bucket>, expected: &[Item]) {
    let reader = LogReader::new(bucket.clone(), key().identity());
    let checkpoint = reader.checkpoint(&cx()).await.unwrap().unwrap();
    let leaves: Vec<_> = expected.iter().map(|item| item.leaf().to_vec()).collect();
    assert_eq!(checkpoint, Checkpoint { size: leaves.len() as u64, root: root(&leaves) });
    let last = expected.len() - 1;
    for (index, item) in expected.iter().enumerate().filter(|(index, _)| index % 23 == 0 || *index >= last - last.min(2)) {
        let inclusion = reader.inclusion(&cx(), index as u64, &checkpoint).await.unwrap();
        assert_eq!((inclusion.leaf.as_slice(), inclusion.verify(&checkpoint)), (item.leaf(), Ok(item.id())));
    }
}

#[tokio::test]
async fn a_log_of_any_size_is_the_tree_of_the_standard() {
    let all = items(0..600).await;
    let bucket: Arc<dyn Bucket> = Arc::new(MemoryBucket::new());
    let (mut size, mut checkpoints) = (0, Vec::new());
    for more in [1, 1, 2, 3, 120, 128, 1, 1, 254, 1, 88] {
        let ledger = open(&bucket).await.unwrap();
        let places = ledger.append(&cx(), all[size..size + more].to_vec()).await.unwrap();
        assert_eq!(places, (size as u64..(size + more) as u64).collect::<Vec<_>>());
        size += more;
        holds(&bucket, &all[..size]).await;
        checkpoints.push(ledger.reader().checkpoint(&cx()).await.unwrap().unwrap());
    }
    let reader = LogReader::new(bucket, key().identity());
    for (index, from) in checkpoints.iter().enumerate() {
        for to in &checkpoints[index..] {
            let path = reader.consistency(&cx(), from, to).await.unwrap();
            let consistent = |from: (u64, Digest), path: &[Digest]| is_consistent(from, (to.size, to.root), path);
            assert!(consistent((from.size, from.root), &path));
            assert!(!consistent((from.size, Digest::of(b"another")), &path));
            for spoilt in 0..path.len() {
                let mut path = path.clone();
                path[spoilt] = Digest::of(b"another");
                assert!(!consistent((from.size, from.root), &path));
            }
        }
    }
    let forged = Checkpoint { root: Digest::of(b"another history"), ..checkpoints[3].clone() };
    let error = reader.consistency(&cx(), &forged, checkpoints.last().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "a fork is noticed");
}

#[tokio::test]
async fn callers_at_the_same_time_share_a_batch() {
    let all = items(0..64).await;
    let memory = MemoryBucket::new();
    let bucket: Arc<dyn Bucket> = Arc::new(Slow { inner: memory.clone() });
    let ledger = open(&bucket).await.unwrap();
    let cx = cx();
    let places = join_all(all.iter().map(|item| ledger.append(&cx, vec![item.clone()])));
    let mut places: Vec<_> = places.await.into_iter().flat_map(|places| places.unwrap()).collect();
    places.sort_unstable();
    assert_eq!(places, (0..64).collect::<Vec<_>>());
    let batches = memory.objects().keys().filter(|key| key.as_str().starts_with("log/batch/")).count();
    assert!(batches <= 2, "{batches} batches of 64 callers");
}

#[tokio::test]
async fn writers_that_do_not_know_of_each_other_write_one_log() {
    let all = items(0..90).await;
    let bucket: Arc<dyn Bucket> = Arc::new(Slow { inner: MemoryBucket::new() });
    let ledgers = join_all((0..3).map(|_| open(&bucket))).await;
    let write = |writer: usize| {
        let (ledger, all) = (ledgers[writer].as_ref().unwrap(), &all);
        async move {
            for number in (writer..90).step_by(3) {
                ledger.append(&cx(), vec![all[number].clone()]).await.unwrap();
            }
        }
    };
    join_all((0..3).map(write)).await;
    drop(open(&bucket).await.unwrap());
    let reader = LogReader::new(bucket.clone(), key().identity());
    let checkpoint = reader.checkpoint(&cx()).await.unwrap().unwrap();
    assert_eq!(checkpoint.size, 90, "nothing is lost and nothing is there twice");
    let mut found = Vec::new();
    for index in 0..90 {
        found.push(reader.inclusion(&cx(), index, &checkpoint).await.unwrap().verify(&checkpoint).unwrap());
    }
    found.sort_unstable();
    let mut expected: Vec<_> = all.iter().map(Item::id).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

/// One writer has appended ten and stalls before it publishes them; another one publishes twenty; then the first goes on.
#[tokio::test]
async fn who_stalls_before_the_checkpoint_takes_nothing_back() {
    let all = items(0..20).await;
    // Before it looks at the checkpoint, and between looking and writing: the first of the log, and a later one.
    for (at, from) in [("log/tile/0/000.p/10", 0), ("log/checkpoint", 0), ("log/checkpoint", 5)] {
        let memory = MemoryBucket::new();
        let published = Arc::new(Mutex::new(Vec::new()));
        let gate = |at, times| {
            let (inner, entered, gate) = (memory.clone(), Notify::new(), Notify::new());
            Arc::new(Stalling { inner, at, times: AtomicUsize::new(times), entered, gate, published: published.clone() })
        };
        open(&(gate("nothing", 0) as Arc<dyn Bucket>)).await.unwrap().append(&cx(), all[..from].to_vec()).await.unwrap();
        let stalling = gate(at, 1);
        let first = Ledger::open(&cx(), stalling.clone(), key()).await.unwrap();
        let (ours, theirs) = (all[from..10].to_vec(), all[10..].to_vec());
        let appended = tokio::spawn(async move { first.append(&cx(), ours).await });
        stalling.entered.notified().await;
        let second = Ledger::open(&cx(), gate("nothing", 0), key()).await.unwrap();
        second.append(&cx(), theirs).await.unwrap();
        stalling.gate.notify_one();
        let places: Vec<_> = (from as u64..10).collect();
        assert_eq!(appended.await.unwrap().unwrap(), places);
        holds(&(Arc::new(memory.clone()) as Arc<dyn Bucket>), &all).await;
        let sizes = published.lock().unwrap().clone();
        assert!(sizes.is_sorted() && sizes.last() == Some(&20), "stalled at {at}: {sizes:?} were published");
    }
}

/// A process that is gone after so many calls that write, with the last one done or not.
#[tokio::test]
async fn a_crash_at_any_write_loses_nothing_that_was_answered_and_leaves_a_log_that_verifies() {
    let all = items(0..260).await;
    let parts = [0..3, 3..255, 255..258, 258..260];
    for done in [false, true] {
        for calls in 0.. {
            let memory = MemoryBucket::new();
            let dying = Dying { inner: memory.clone(), left: AtomicUsize::new(calls), done };
            let first: Arc<dyn Bucket> = Arc::new(dying);
            let mut answered = 0;
            let died = async {
                let ledger = open(&first).await?;
                for part in parts.clone() {
                    ledger.append(&cx(), all[part.clone()].to_vec()).await?;
                    answered = part.end;
                }
                Ok::<_, Error>(())
            };
            let died = died.await.is_err();
            let bucket: Arc<dyn Bucket> = Arc::new(memory);
            let ledger = open(&bucket).await.unwrap();
            let size = ledger.reader().checkpoint(&cx()).await.unwrap().map_or(0, |it| usize::try_from(it.size).unwrap());
            assert!(size >= answered, "call {calls}: {answered} were answered and {size} are there");
            // Whoever got no answer asks again once it is known what is there.
            ledger.append(&cx(), all[size..].to_vec()).await.unwrap();
            holds(&bucket, &all).await;
            if !died {
                break;
            }
        }
    }
}

/// An answer that is lost after the effect: what was appended is not appended again.
#[tokio::test]
async fn a_lost_answer_appends_nothing_twice() {
    let all = items(0..5).await;
    for lost in 0..12 {
        let memory = MemoryBucket::new();
        let bucket: Arc<dyn Bucket> = Arc::new(memory.clone());
        drop(open(&bucket).await.unwrap());
        let losing: Arc<dyn Bucket> = Arc::new(Losing { inner: memory, until: AtomicUsize::new(lost) });
        let ledger = open(&losing).await.unwrap();
        for part in [0..2, 2..5] {
            while let Err(error) = ledger.append(&cx(), all[part.clone()].to_vec()).await {
                assert_eq!(error.effect(), Effect::Unknown);
            }
        }
        holds(&bucket, &all).await;
    }
}

#[tokio::test]
async fn a_bucket_that_ignores_conditions_is_refused() {
    for (of_replacements, named) in [(false, "`If-None-Match`"), (true, "`If-Match`")] {
        let bucket: Arc<dyn Bucket> = Arc::new(Unconditional { inner: MemoryBucket::new(), of_replacements });
        let error = open(&bucket).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(&format!("it ignores {named}")), "{error}");
    }
}

/// One after the other is refused there, and that is not enough.
#[tokio::test]
async fn a_bucket_in_which_two_can_take_a_name_or_replace_a_version_at_once_is_refused() {
    for (of_replacements, why) in [(false, "take a name at the same time"), (true, "replace the same version at the same time")] {
        let memory = MemoryBucket::new();
        let looking = || Arc::new(Looking { inner: memory.clone(), of_replacements }) as Arc<dyn Bucket>;
        for _ in 0..2 {
            let error = open(&looking()).await.unwrap_err();
            assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains(why), "{error}");
        }
        // Whoever takes one away leaves nothing that a good bucket would be refused for; and one that has raced does not again.
        open(&(Arc::new(memory.clone()) as Arc<dyn Bucket>)).await.unwrap();
        open(&looking()).await.unwrap();
        // An earlier version has raced for the name, and for no version of it.
        memory.objects().insert("log/probe".parse().unwrap(), b"whoever reads this: it only tries the bucket\n".to_vec());
        assert_eq!(open(&looking()).await.is_err(), of_replacements);
    }
}

/// A bucket that loses a batch lets another take its place, and then there are two logs by one key: whoever comes second is told.
#[tokio::test]
async fn a_checkpoint_of_another_history_covers_nothing() {
    let all = items(0..6).await;
    for (others, case) in [(1, "a shorter log"), (2, "as many leaves"), (3, "more leaves")] {
        let memory = MemoryBucket::new();
        let bucket: Arc<dyn Bucket> = Arc::new(memory.clone());
        let (one, other) = (open(&bucket).await.unwrap(), open(&bucket).await.unwrap());
        one.append(&cx(), vec![all[0].clone()]).await.unwrap();
        memory.objects().retain(|key, _| key.as_str() == "log/probe");
        other.append(&cx(), all[1..=others].to_vec()).await.unwrap();
        let published = memory.objects()[&"log/checkpoint".parse().unwrap()].clone();
        for _ in 0..2 {
            let error = one.append(&cx(), vec![all[5].clone()]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{case}");
            assert!(error.to_string().contains("a batch was lost"), "{case}: {error}");
            assert_eq!(memory.objects()[&"log/checkpoint".parse().unwrap()], published, "{case}: it stays as it is");
        }
    }
}

#[tokio::test]
async fn what_was_spoilt_is_noticed() {
    let all = items(0..300).await;
    let memory = MemoryBucket::new();
    let bucket: Arc<dyn Bucket> = Arc::new(memory.clone());
    open(&bucket).await.unwrap().append(&cx(), all).await.unwrap();
    let names: Vec<_> = memory.objects().keys().filter(|key| !key.as_str().contains("probe")).cloned().collect();
    for name in names.iter().filter(|name| !name.as_str().contains("/batch/")) {
        let good = memory.objects()[name].clone();
        for spoilt in [
            good[..good.len() - 1].to_vec(),
            [&good[..good.len() - 2], &[good[good.len() - 2] ^ 1, good[good.len() - 1]]].concat(),
        ] {
            memory.objects().insert(name.clone(), spoilt);
            let reader = LogReader::new(bucket.clone(), key().identity());
            let read = async {
                let checkpoint = reader.checkpoint(&cx()).await?.unwrap();
                for index in 0..300 {
                    reader.inclusion(&cx(), index, &checkpoint).await?;
                }
                Ok::<_, Error>(())
            };
            assert_eq!(read.await.unwrap_err().kind(), ErrorKind::Corrupt, "{name}");
        }
        memory.objects().insert(name.clone(), good);
    }
    let another = LogKey::new("shop.example/evidence", &[8; 32]).unwrap();
    assert_eq!(Ledger::open(&cx(), bucket, another).await.unwrap_err().kind(), ErrorKind::Corrupt, "another log's bucket");
}

/// Tiles that a crash of the machine has taken, or somebody has spoilt, are made again from the batches; batches are not.
#[tokio::test]
async fn tiles_follow_from_the_batches() {
    let all = items(0..300).await;
    let memory = MemoryBucket::new();
    let bucket: Arc<dyn Bucket> = Arc::new(memory.clone());
    let ledger = open(&bucket).await.unwrap();
    ledger.append(&cx(), all[..200].to_vec()).await.unwrap();
    ledger.append(&cx(), all[200..].to_vec()).await.unwrap();
    let good = memory.objects().clone();
    memory.objects().retain(|key, _| !key.as_str().contains("tile"));
    drop(open(&bucket).await.unwrap());
    holds(&bucket, &all).await;
    memory.objects().values_mut().for_each(|bytes| bytes.truncate(bytes.len() / 2));
    memory
        .objects()
        .extend(good.iter().filter(|(key, _)| !key.as_str().contains("tile")).map(|(key, it)| (key.clone(), it.clone())));
    drop(open(&bucket).await.unwrap());
    holds(&bucket, &all).await;
    // One at the edge or one that is full, lost or as a crash leaves it.
    for tile in good.keys().filter(|key| key.as_str().contains("tile") && !key.as_str().ends_with(".p/200")) {
        let bytes = &good[tile];
        for left in [None, Some(Vec::new()), Some(bytes[..bytes.len() / 2].to_vec()), Some(vec![0; bytes.len()])] {
            let mut objects = good.clone();
            objects.remove(tile);
            objects.extend(left.map(|left| (tile.clone(), left)));
            *memory.objects() = objects;
            drop(open(&bucket).await.unwrap());
            assert_eq!(memory.objects().get(tile), Some(bytes), "{tile}");
        }
    }
    *memory.objects() = good.clone();
    memory.objects().retain(|key, _| !key.as_str().contains("tile") && !key.as_str().ends_with("batch/00000000000000000200"));
    assert_eq!(open(&bucket).await.unwrap_err().kind(), ErrorKind::Corrupt);
    *memory.objects() = good;
    memory.objects().insert("log/checkpoint".parse().unwrap(), Vec::new());
    drop(open(&bucket).await.unwrap());
    holds(&bucket, &all).await;
}

#[tokio::test]
async fn what_its_key_has_not_signed_does_not_go_in() {
    let good = item(1).await;
    let other = MemorySigner::from_seed(2).unwrap();
    let payload = b"{\"number\":1}".to_vec();
    let signature = other.sign(&cx(), &pre_authentication_encoding(PAYLOAD_TYPE, &payload)).await.unwrap();
    let signer = MemorySigner::from_seed(1).unwrap();
    let error = Item::new(Envelope::new(&payload, &signer.public_key(), signature), signer.public_key()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(good.leaf().len() < 1_000);
}

/// How an object is stored.
#[derive(Clone, Copy)]
enum Put<'v> {
    Create,
    Write,
    Replace(&'v ObjectVersion),
}

impl Put<'_> {
    async fn to(self, bucket: &MemoryBucket, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        match self {
            Put::Create => bucket.create(cx, key, bytes).await,
            Put::Write => bucket.write(cx, key, bytes).await,
            Put::Replace(version) => bucket.replace(cx, key, version, bytes).await,
        }
    }
}

/// A bucket that does something else when it is written to.
macro_rules! bucket {
    ($name:ident) => {
        #[async_trait]
        impl Bucket for $name {
            fn name(&self) -> &'static str {
                "test"
            }

            async fn create(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
                self.puts(cx, key, bytes, Put::Create).await
            }

            async fn write(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
                self.puts(cx, key, bytes, Put::Write).await
            }

            async fn replace(&self, cx: &OpContext, key: &ObjectKey, version: &ObjectVersion, bytes: Vec<u8>) -> Result<()> {
                self.puts(cx, key, bytes, Put::Replace(version)).await
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
    };
}

/// Stalls before it writes one object so many times; and says the sizes of the checkpoints in the order they were published.
#[derive(Debug)]
struct Stalling {
    inner: MemoryBucket,
    at: &'static str,
    times: AtomicUsize,
    entered: Notify,
    gate: Notify,
    published: Arc<Mutex<Vec<u64>>>,
}

bucket!(Stalling);

impl Stalling {
    async fn puts(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>, put: Put<'_>) -> Result<()> {
        let stalls = |left: usize| left.checked_sub(1);
        if key.as_str() == self.at && self.times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, stalls).is_ok() {
            self.entered.notify_one();
            self.gate.notified().await;
        }
        let size = String::from_utf8_lossy(&bytes).lines().nth(1).and_then(|size| size.parse().ok());
        put.to(&self.inner, cx, key, bytes).await?;
        if let Some(size) = size.filter(|_| key.as_str() == "log/checkpoint") {
            self.published.lock().unwrap().push(size);
        }
        Ok(())
    }
}

/// Lets others go on in the middle of a write.
#[derive(Debug)]
struct Slow {
    inner: MemoryBucket,
}

bucket!(Slow);

impl Slow {
    async fn puts(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>, put: Put<'_>) -> Result<()> {
        tokio::task::yield_now().await;
        let answer = put.to(&self.inner, cx, key, bytes).await;
        tokio::task::yield_now().await;
        answer
    }
}

#[derive(Debug)]
struct Dying {
    inner: MemoryBucket,
    left: AtomicUsize,
    done: bool,
}

impl Dying {
    /// Whether the call is still performed, and whether its answer still arrives.
    fn lives(&self) -> (bool, bool) {
        let before = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| Some(left.saturating_sub(1))).unwrap();
        (before > 1 || (before == 1 && self.done), before > 1)
    }
}

fn gone<T>() -> Result<T> {
    Err(Error::new(ErrorKind::Denied, "go on").because("the process is gone"))
}

bucket!(Dying);

impl Dying {
    async fn puts(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>, put: Put<'_>) -> Result<()> {
        let (performed, answered) = self.lives();
        let answer = if performed { put.to(&self.inner, cx, key, bytes).await } else { gone() };
        if answered { answer } else { gone() }
    }
}

/// Loses one answer after the effect.
#[derive(Debug)]
struct Losing {
    inner: MemoryBucket,
    until: AtomicUsize,
}

impl Losing {
    fn loses(&self) -> Result<()> {
        match self.until.fetch_sub(1, Ordering::SeqCst) {
            0 => Err(Error::new(ErrorKind::Timeout, "write").with_effect(Effect::Unknown)),
            _ => Ok(()),
        }
    }
}

bucket!(Losing);

impl Losing {
    async fn puts(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>, put: Put<'_>) -> Result<()> {
        let answer = put.to(&self.inner, cx, key, bytes).await;
        self.loses()?;
        answer
    }
}

/// What some servers that call themselves S3 do: they ignore one condition.
#[derive(Debug)]
struct Unconditional {
    inner: MemoryBucket,
    of_replacements: bool,
}

bucket!(Unconditional);

impl Unconditional {
    async fn puts(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>, put: Put<'_>) -> Result<()> {
        let ignored = matches!(put, Put::Replace(_)) == self.of_replacements;
        let put = if ignored { Put::Write } else { put };
        put.to(&self.inner, cx, key, bytes).await
    }
}

/// Looks whether a name is free, and takes it later; or which version is there, and replaces it later.
#[derive(Debug)]
struct Looking {
    inner: MemoryBucket,
    of_replacements: bool,
}

bucket!(Looking);

impl Looking {
    async fn puts(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>, put: Put<'_>) -> Result<()> {
        let there = self.inner.read_version(cx, key).await?.map(|(_, version)| version);
        let is_meant = match put {
            Put::Create => !self.of_replacements && there.is_none(),
            Put::Replace(version) => self.of_replacements && there.as_ref() == Some(version),
            Put::Write => false,
        };
        tokio::task::yield_now().await;
        let put = if is_meant { Put::Write } else { put };
        put.to(&self.inner, cx, key, bytes).await
    }
}

/// Batches of one, of more than callers share, and of a few; and what is found of them where a part is away.
#[tokio::test]
async fn a_piece_of_evidence_is_found_by_its_name_wherever_it_is() {
    let memory = MemoryBucket::new();
    let bucket: Arc<dyn Bucket> = Arc::new(memory.clone());
    let ledger = open(&bucket).await.unwrap();
    let key = MemorySigner::from_seed(1).unwrap().public_key();
    // The signature is none, which takes less time for so many.
    let unsigned = |number: usize| {
        let payload = format!("{{\"number\":{number}}}").into_bytes();
        Item::signed(Envelope::new(&payload, &key, Signature::from_der(vec![0x30])), key.clone()).unwrap()
    };
    for numbers in [0..1, 1..4_301, 4_301..4_304, 0..1] {
        ledger.append(&cx(), numbers.map(unsigned).collect()).await.unwrap();
    }
    let reader = ledger.reader();
    for number in [0, 256, 4_300, 4_303] {
        let found = reader.find(&cx(), unsigned(number).id()).await.unwrap();
        assert_eq!(found, Some((number as u64, unsigned(number))), "the first one");
    }
    assert_eq!(reader.find(&cx(), unsigned(4_304).id()).await.unwrap(), None);
    let batch = ObjectKey::parse(format!("log/batch/{:020}", 4_301)).unwrap();
    memory.objects().remove(&batch).unwrap();
    let error = reader.find(&cx(), unsigned(4_302).id()).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("no batch has its envelope"), "{error}");
    assert!(reader.find(&cx(), unsigned(4_300).id()).await.unwrap().is_some(), "what is whole is found");
}
