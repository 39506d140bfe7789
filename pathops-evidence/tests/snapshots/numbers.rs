//! The numbers of snapshots: over crashes, retries and several writers at once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use pathops_core::adapter::{Bucket, ObjectVersion};
use pathops_core::evidence::{AbsenceKind, Health};
use pathops_core::memory::{Fault, Faults, Faulty, ManualClock, MemoryBucket, When};
use pathops_core::{ErrorKind, ObjectKey, OpContext, Result, UnixMillis};
use pathops_evidence::{EvidenceRecord, MAX_INTERRUPTIONS, Purpose, SnapshotOf, Verdict, Verification};

use super::{Store, about, collected, cx, expected, stream, subject, take};

async fn numbers(store: &Store, records: &[EvidenceRecord]) -> Vec<u64> {
    let mut numbers = Vec::new();
    for record in records {
        numbers.push(store.snapshot(record).await.extent.place.unwrap().sequence);
    }
    numbers
}

async fn is_verified(store: &Store, snapshots: usize) {
    let verification = store.verify(&[]).await;
    assert_eq!(verification.verdict(), Verdict::Verified, "{verification}");
    let said = format!("{snapshots} snapshots in ");
    assert!(verification.to_string().contains(&said), "{said}: {verification}");
}

/// What a verification says of snapshots that are not in the log.
fn unlogged_snapshots(verification: &Verification) -> Vec<String> {
    verification.left_out.iter().filter(|it| it.starts_with("what became of snapshots")).cloned().collect()
}

#[tokio::test]
async fn each_follows_the_one_before_in_its_own_stream() {
    let store = Store::default();
    let streams = store.streams().await;
    let mut records = Vec::new();
    for (unit, key) in [("orders", "a"), ("web", "b"), ("orders", "c"), ("orders", "d")] {
        records.push(take(&streams, unit, key).await.unwrap());
    }
    assert_eq!(numbers(&store, &records).await, [0, 0, 1, 2]);
    let last = store.snapshot(&records[3]).await.extent.place.unwrap();
    assert_eq!(last.previous, Some(records[2].id));
    is_verified(&store, 4).await;
}

#[tokio::test]
async fn an_operation_that_is_repeated_gives_the_same_snapshot() {
    let store = Store::default();
    let first = take(&store.streams().await, "orders", "a").await.unwrap();
    let streams = store.streams().await;
    take(&streams, "orders", "b").await.unwrap();
    assert_eq!(take(&streams, "orders", "a").await.unwrap(), first, "in the same process");
    assert_eq!(take(&store.streams().await, "orders", "a").await.unwrap(), first, "and in another one");
    is_verified(&store, 2).await;
}

/// It has its number, and whoever publishes it has no certificate.
#[tokio::test]
async fn a_snapshot_of_a_keyless_signer_is_published_by_another_process_with_its_certificate() {
    let store = Store { keyless: true, ..Store::default() };
    let record = take(&store.streams().await, "orders", "a").await.unwrap();
    let certificates = record.certificates.clone();
    assert!(certificates.is_some());
    // The machine has died before it was published.
    let unpublished = |key: &ObjectKey| !key.as_str().starts_with("log/") && !key.as_str().ends_with("/head");
    store.bucket.objects().retain(|key, _| unpublished(key));
    let another = Store { keyless: false, ..store };
    let (streams, sealer) = another.open(Arc::new(another.bucket.clone())).await.unwrap();
    let published = take(&streams, "orders", "a").await.unwrap();
    assert_eq!(published, EvidenceRecord { leaf: Some(0), ..record });
    let reader = pathops_evidence::ledger::LogReader::new(Arc::new(another.bucket.clone()), super::log_key().identity());
    let (_, item) = reader.find(&cx("find"), published.id).await.unwrap().unwrap();
    assert_eq!(item.certificates(), certificates.as_ref());
    assert_eq!(item.envelope(), &sealer.envelope(&cx("read"), &published).await.unwrap());
    is_verified(&another, 1).await;
}

/// Dies at each write in turn; then others come first, or the same operation again.
#[tokio::test]
async fn a_crash_at_each_write_leaves_neither_a_gap_nor_a_double() {
    let mut unlogged = BTreeSet::new();
    for others_first in [false, true] {
        for fault in [Fault::LoseRequest, Fault::LoseAnswer, Fault::Twice] {
            let mut write = 0;
            loop {
                write += 1;
                let store = Store::default();
                take(&store.streams().await, "orders", "before").await.unwrap();
                let clock = Arc::new(ManualClock::new(UnixMillis(0)));
                let faults = Arc::new(Faults::new(1, clock).with(fault, When::Write(write)));
                let inner: Arc<dyn Bucket> = Arc::new(store.bucket.clone());
                let died = match store.open(Arc::new(Faulty::new(inner, faults.clone()))).await {
                    Ok((streams, _)) => take(&streams, "orders", "dies").await,
                    Err(error) => Err(error),
                };
                if faults.hits().is_empty() {
                    assert!(write > 8, "only {write} writes were tried");
                    break;
                }
                let verification = store.verify(&[]).await;
                assert_ne!(verification.verdict(), Verdict::Failed, "{fault:?} at write {write}: {verification}");
                unlogged.extend(unlogged_snapshots(&verification));
                let streams = store.streams().await;
                let mut expected = vec![0, 1];
                if others_first {
                    take(&streams, "orders", "other").await.unwrap();
                    expected.push(2);
                }
                let again = take(&streams, "orders", "dies").await.unwrap();
                if let Ok(done) = died {
                    assert_eq!(done, again, "{fault:?} at write {write}");
                }
                take(&streams, "orders", "after").await.unwrap();
                is_verified(&store, expected.len() + 1).await;
                assert_eq!(unlogged_snapshots(&store.verify(&[]).await), [""; 0], "{fault:?} at write {write}");
            }
        }
    }
    let of = format!("what became of snapshots of `{}`:", stream("orders"));
    assert_eq!(
        Vec::from_iter(unlogged),
        [format!("{of} 1 were begun and have no number"), format!("{of} number 1 is not in the log")]
    );
}

/// Lets somebody else write just before a number is taken, or just after.
#[derive(Debug)]
struct Raced {
    inner: MemoryBucket,
    others: Mutex<Vec<Other>>,
    after: bool,
}

struct Other(BoxFuture<'static, ()>);

impl std::fmt::Debug for Other {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Other")
    }
}

#[async_trait]
impl Bucket for Raced {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    async fn create(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        let name = key.as_str().rsplit('/').next().unwrap_or_default();
        let is_number = key.as_str().starts_with("snapshots/") && name.bytes().all(|byte| byte.is_ascii_digit());
        let other = if is_number { self.others.lock().unwrap().pop() } else { None };
        if self.after {
            self.inner.create(cx, key, bytes.clone()).await?;
        }
        if let Some(Other(other)) = other {
            other.await;
        }
        if self.after { Ok(()) } else { self.inner.create(cx, key, bytes).await }
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

/// White space behind it says nothing, and keeps whoever reads it busy all the same.
#[tokio::test]
async fn what_is_far_longer_than_the_snapshot_of_the_log_is_not_read_for_it() {
    let store = Store::default();
    take(&store.streams().await, "orders", "first").await.unwrap();
    let object: ObjectKey = format!("snapshots/shop/orders/preflight/{:020}", 0).parse().unwrap();
    let whole = store.bucket.objects()[&object].clone();
    let longer = |more: usize| [whole.clone(), vec![b' '; more]].concat();
    store.bucket.objects().insert(object.clone(), longer(100));
    is_verified(&store, 1).await;
    store.bucket.objects().insert(object.clone(), longer(2 << 20));
    let verification = store.verify(&[]).await;
    let [(part, why)] = verification.failures.as_slice() else { panic!("{verification}") };
    assert!(part == object.as_str() && why.contains(" bytes, and may have "), "{verification}");
}

#[tokio::test]
async fn of_two_writers_at_one_place_the_second_goes_on_behind() {
    let store = Store::default();
    let other = |key: &'static str| {
        let store = store.clone();
        Other(Box::pin(async move {
            take(&store.streams().await, "orders", key).await.unwrap();
        }))
    };
    let others = Mutex::new(vec![other("third"), other("second"), other("first")]);
    let raced = Raced { inner: store.bucket.clone(), others, after: false };
    let (streams, _) = store.open(Arc::new(raced)).await.unwrap();
    let mine = take(&streams, "orders", "mine").await.unwrap();
    assert_eq!(numbers(&store, &[mine]).await, [3]);
    is_verified(&store, 4).await;
}

/// A process is paused when its snapshot has just got its number. Another one publishes that, and its own; and the log of the paused
/// one takes that up for something else before the snapshot goes on.
#[tokio::test]
async fn who_is_paused_with_a_number_appends_nothing_twice() {
    let store = Store::default();
    let raced = Arc::new(Raced { inner: store.bucket.clone(), others: Mutex::default(), after: true });
    let (streams, sealer) = store.open(raced.clone()).await.unwrap();
    let others = store.clone();
    raced.others.lock().unwrap().push(Other(Box::pin(async move {
        take(&others.streams().await, "orders", "theirs").await.unwrap();
        let health = Health {
            change_set: "a-change".parse().unwrap(),
            unit: "orders".parse().unwrap(),
            environment: "preflight".parse().unwrap(),
            healthy: true,
            settled_millis: 1_000,
            observed_on: UnixMillis(1),
        };
        sealer.seal(&cx("beside"), "orders health", subject(), &health).await.unwrap();
    })));
    let mine = take(&streams, "orders", "mine").await.unwrap();
    assert_eq!((numbers(&store, std::slice::from_ref(&mine)).await, mine.leaf), (vec![0], Some(0)));
    let after = take(&streams, "orders", "after").await.unwrap();
    assert_eq!((numbers(&store, std::slice::from_ref(&after)).await, after.leaf), (vec![2], Some(3)));
    is_verified(&store, 3).await;
}

#[tokio::test]
async fn a_collection_that_dies_again_and_again_is_given_up_and_signed() {
    let store = Store::default();
    let (place, cx) = (stream("orders"), cx("dies"));
    for died in 0..MAX_INTERRUPTIONS {
        let streams = store.streams().await;
        let begun = streams.begin(&cx, &place, expected(&["logs"])).await.unwrap();
        assert_eq!((begun.interruptions(), begun.is_given_up()), (died, false));
        // Beginning again in the same process is no interruption.
        assert_eq!(streams.begin(&cx, &place, expected(&["logs"])).await.unwrap().interruptions(), died);
    }
    let streams = store.streams().await;
    let begun = streams.begin(&cx, &place, expected(&["what is expected now"])).await.unwrap();
    assert!(begun.is_given_up());
    assert_eq!(*begun.expected(), expected(&["logs"]), "what was expected when it was begun");
    let snapshot = collected(&place, begun.expected(), "collecting was interrupted");
    let record = streams.append(&cx, &begun, "snapshot", subject(), &snapshot).await.unwrap();
    let snapshot = store.snapshot(&record).await;
    assert_eq!(snapshot.extent.place.unwrap().interruptions, MAX_INTERRUPTIONS);
    assert_eq!(snapshot.extent.absent[0].reason, "collecting was interrupted");
}

fn purpose() -> Purpose {
    let SnapshotOf { change_set, occasion, window, .. } = about(&stream("orders"), 7);
    Purpose { name: "orders snapshot".to_owned(), subjects: subject(), change_set, occasion, window }
}

/// Nobody performs the operation again after its process has died: what it expected is signed as absent, once.
#[tokio::test]
async fn a_collection_that_nobody_ends_is_signed_with_everything_absent() {
    let store = Store::default();
    let place = stream("orders");
    let busy = store.streams().await;
    take(&busy, "orders", "first").await.unwrap();
    busy.begin_for(&cx("dies"), &place, expected(&["events", "logs"]), purpose()).await.unwrap();
    take(&busy, "orders", "later").await.unwrap();
    take(&busy, "web", "of another stream").await.unwrap();
    assert_eq!(busy.leftovers(&cx("look")).await.unwrap(), [], "this process may still end it");

    let told = unlogged_snapshots(&store.verify(&[]).await);
    assert_eq!(told, [format!("what became of snapshots of `{place}`: 1 were begun and have no number")]);

    let streams = store.streams().await;
    let [left] = streams.leftovers(&cx("look")).await.unwrap().try_into().unwrap();
    assert_eq!((left.stream(), left.key(), left.purpose()), (&place, cx("dies").key(), Some(&purpose())));
    let record = streams.give_up(&left, UnixMillis(9)).await.unwrap().unwrap();
    let snapshot = store.snapshot(&record).await;
    let absent: Vec<_> = snapshot.extent.absent.iter().map(|it| (it.name.as_str(), it.kind, it.reason.as_str())).collect();
    let (kind, died) = (Some(AbsenceKind::Interrupted), "the process that collected it has died");
    assert_eq!((absent, snapshot.references.len()), (vec![("events", kind, died), ("logs", kind, died)], 0));
    assert_eq!((snapshot.extent.collected_on, snapshot.extent.change_set.as_str()), (UnixMillis(9), "a-change"));
    let placed = snapshot.is_whole().unwrap().unwrap();
    assert_eq!((placed.sequence, placed.interruptions, placed.window), (2, 1, purpose().window));

    // Once, whoever does it, and also for whoever was only thought dead.
    assert_eq!(store.streams().await.give_up(&left, UnixMillis(10)).await.unwrap(), Some(record.clone()));
    assert_eq!(store.streams().await.leftovers(&cx("look")).await.unwrap(), []);
    let begun = busy.begin(&cx("dies"), &place, BTreeSet::new()).await.unwrap();
    assert_eq!(begun.done(), Some(&record));
    let ended = collected(&place, begun.expected(), "none");
    assert_eq!(busy.append(&cx("dies"), &begun, "snapshot", subject(), &ended).await.unwrap(), record);
    is_verified(&store, 4).await;
}

/// As earlier versions noted it: without what it was to be of.
#[tokio::test]
async fn what_an_earlier_version_has_begun_is_named_and_left() {
    let store = Store::default();
    let begun = store.streams().await.begin(&cx("dies"), &stream("orders"), expected(&["logs"])).await.unwrap();
    let note = |name: &ObjectKey| name.as_str().contains("/begun/");
    let notes: Vec<_> = store.bucket.objects().iter().filter(|(name, _)| note(name)).map(|(_, it)| it.clone()).collect();
    assert_eq!(notes, [br#"{"format":1,"key":"dies","expected":["logs"],"after":0}"#.to_vec()]);
    let streams = store.streams().await;
    let [left] = streams.leftovers(&cx("look")).await.unwrap().try_into().unwrap();
    assert_eq!((left.purpose(), streams.give_up(&left, UnixMillis(9)).await.unwrap()), (None, None));
    assert_eq!(streams.leftovers(&cx("look")).await.unwrap(), [left]);
    let ended = collected(&stream("orders"), begun.expected(), "none");
    streams.append(&cx("dies"), &begun, "snapshot", subject(), &ended).await.unwrap();
    assert_eq!(streams.leftovers(&cx("look")).await.unwrap(), []);
}

#[tokio::test]
async fn the_head_of_a_stream_can_be_made_again_and_its_snapshots_cannot() {
    let store = Store::default();
    take(&store.streams().await, "orders", "a").await.unwrap();
    let second = take(&store.streams().await, "orders", "b").await.unwrap();
    let object = |name: &str| ObjectKey::parse(format!("snapshots/shop/orders/preflight/{name}")).unwrap();
    for spoilt in [None, Some(Vec::new()), Some(b"{\"format\":1,\"sequence\":0,\"leaf\":null}".to_vec())] {
        let before = store.bucket.objects().remove(&object("head")).unwrap();
        if let Some(bytes) = spoilt {
            store.bucket.objects().insert(object("head"), bytes);
        }
        assert_eq!(take(&store.streams().await, "orders", "b").await.unwrap(), second);
        assert_eq!(store.bucket.objects()[&object("head")], before);
    }
    is_verified(&store, 2).await;
    let (one, two) = (object("00000000000000000000"), object("00000000000000000001"));
    let first = store.bucket.objects()[&one].clone();
    let was = store.bucket.objects().insert(two.clone(), first).unwrap();
    let refused = take(&store.streams().await, "orders", "c").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
    store.bucket.objects().remove(&two);
    let refused = take(&store.streams().await, "orders", "c").await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Corrupt, "{refused}");
    store.bucket.objects().insert(two, was);
    assert_eq!(numbers(&store, &[take(&store.streams().await, "orders", "c").await.unwrap()]).await, [2]);
}

#[tokio::test]
async fn a_snapshot_goes_into_the_stream_that_it_was_begun_for() {
    let store = Store::default();
    let streams = store.streams().await;
    let begun = streams.begin(&cx("a"), &stream("orders"), expected(&["logs"])).await.unwrap();
    let other = collected(&stream("web"), begun.expected(), "none");
    let refused = streams.append(&cx("a"), &begun, "snapshot", subject(), &other).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid, "{refused}");
}

/// As it is stored; and with certificates also as it was before there was a second form. What was stored while absences had no kinds is
/// read as well.
#[tokio::test]
async fn each_form_of_a_numbered_snapshot_is_written_and_read() {
    let object = ObjectKey::parse("snapshots/shop/orders/preflight/00000000000000000000").unwrap();
    let (mut written, mut fixtures, mut earlier) = (Vec::new(), Vec::new(), Vec::new());
    for (keyless, form) in [(false, 1), (true, 2)] {
        let store = Store { keyless, ..Store::default() };
        take(&store.streams().await, "orders", "first").await.unwrap();
        written.push(String::from_utf8(store.bucket.objects()[&object].clone()).unwrap() + "\n");
        let file = |name: &str| format!("{}/tests/fixtures/snapshot/numbered-{form}{name}.json", env!("CARGO_MANIFEST_DIR"));
        fixtures.push(std::fs::read_to_string(file("")).unwrap_or_default());
        earlier.push(std::fs::read_to_string(file("-of-form-3")).unwrap());
    }
    assert_eq!(written, fixtures);
    for (keyless, (fixture, earlier)) in [false, true].into_iter().zip(fixtures.into_iter().zip(earlier)) {
        let of = |form: u32| {
            let (_, rest) = fixture.split_once(',').unwrap();
            format!("{{\"format\":{form},{rest}")
        };
        let after = async |stored: String| {
            let store = Store { keyless, ..Store::default() };
            store.bucket.objects().insert(object.clone(), stored.into_bytes());
            take(&store.streams().await, "orders", "second").await.map(|_| store)
        };
        for known in [fixture.clone(), of(1), earlier] {
            let said = after(known).await.unwrap().verify(&[]).await;
            assert_eq!(said.verdict(), Verdict::Verified, "{said}");
            assert!(said.to_string().contains("2 snapshots in 1 streams"), "{said}");
        }
        assert_eq!(after(of(3)).await.err().unwrap().kind(), ErrorKind::Corrupt);
    }
}
