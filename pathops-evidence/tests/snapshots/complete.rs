//! Whoever has the store and the log's key, but not the key that signs evidence, takes something away, puts something in, or
//! changes places, in ledgers of any shape: it is noticed, and the part is named.

use std::collections::BTreeMap;
use std::sync::Arc;

use pathops_core::adapter::{BlobStore as _, Signer as _};
use pathops_core::evidence::{AbsenceKind, Envelope, SNAPSHOT_FORMAT, Snapshot, StreamId};
use pathops_core::memory::{MemoryBucket, MemorySigner};
use pathops_core::{Digest, ObjectKey};
use pathops_evidence::ledger::{Item, Ledger};
use pathops_evidence::{Collection, EvidenceRecord, Verdict, Verification};
use proptest::prelude::*;

use super::{Store, about, certificates, cx, log_key, signer, stream, subject};

const UNITS: [&str; 3] = ["orders", "store", "web"];

/// A snapshot of a unit, with as many parts that are there and that are not.
type Shape = (usize, u8, u8);

/// A whole ledger, and what it was made of.
struct Whole {
    store: Store,
    snapshots: Vec<Snapshot>,
    envelopes: Vec<Envelope>,
    /// Its last checkpoint.
    checkpoint: String,
}

fn checkpoint(store: &Store) -> String {
    String::from_utf8(store.bucket.objects()[&ObjectKey::parse("log/checkpoint").unwrap()].clone()).unwrap()
}

async fn whole(shapes: &[Shape]) -> Whole {
    whole_in(Store::default(), shapes).await
}

async fn whole_in(store: Store, shapes: &[Shape]) -> Whole {
    let (streams, sealer) = store.open(Arc::new(store.bucket.clone())).await.unwrap();
    let (mut snapshots, mut envelopes) = (Vec::new(), Vec::new());
    for (at, (unit, there, absent)) in shapes.iter().enumerate() {
        let (stream, cx) = (stream(UNITS[*unit]), cx(&format!("op-{at}")));
        let there: Vec<_> = (0..*there).map(|part| format!("part {part}")).collect();
        let absent: Vec<_> = (0..*absent).map(|part| format!("gone {part}")).collect();
        let begun = streams.begin(&cx, &stream, there.iter().chain(&absent).cloned().collect()).await.unwrap();
        let mut collection = Collection::of(begun.expected().iter().cloned());
        for part in &there {
            let digest = store.blobs.put(&cx, format!("{part} of {at}").into_bytes()).await.unwrap();
            collection.payload(part, &digest, &store.blobs.location(&digest), "text/plain", None);
        }
        absent.iter().for_each(|part| collection.absent(part, AbsenceKind::NothingThere, "the process was gone"));
        let collected = collection.finish(about(&stream, i64::try_from(at).unwrap()));
        let record: EvidenceRecord = streams.append(&cx, &begun, "snapshot", subject(), &collected).await.unwrap();
        snapshots.push(store.snapshot(&record).await);
        envelopes.push(sealer.envelope(&cx, &record).await.unwrap());
    }
    let checkpoint = checkpoint(&store);
    Whole { store, snapshots, envelopes, checkpoint }
}

impl Whole {
    /// What is said of a ledger of these envelopes, signed by the log as if it had always been so.
    async fn forged(&self, envelopes: &[Envelope], known: &[String]) -> Verification {
        let store = Store { bucket: MemoryBucket::new(), ..self.store.clone() };
        let ledger = Ledger::open(&cx("forge"), Arc::new(store.bucket.clone()), log_key()).await.unwrap();
        for envelope in envelopes {
            let key = signer().public_key();
            let item = match self.store.keyless {
                true => Item::certified(envelope.clone(), certificates(&key)).unwrap(),
                false => Item::new(envelope.clone(), key).unwrap(),
            };
            ledger.append(&cx("forge"), vec![item]).await.unwrap();
        }
        store.verify(known).await
    }

    fn place(&self, at: usize) -> (StreamId, u64) {
        let place = self.snapshots[at].extent.place.clone().unwrap();
        (place.stream, place.sequence)
    }

    /// Whether there is a later one in its stream.
    fn has_successor(&self, at: usize) -> bool {
        let (stream, sequence) = self.place(at);
        (0..self.snapshots.len()).any(|other| self.place(other) == (stream.clone(), sequence + 1))
    }

    fn name(&self, at: usize) -> String {
        let (stream, sequence) = self.place(at);
        format!("number {sequence} of `{stream}`")
    }
}

fn names(verification: &Verification, part: &str) -> bool {
    verification.verdict() == Verdict::Failed && verification.failures.iter().any(|(named, _)| named.starts_with(part))
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn shapes() -> impl Strategy<Value = Vec<Shape>> {
    proptest::collection::vec((0..UNITS.len(), 0..3_u8, 0..3_u8), 1..9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn whatever_is_done_to_snapshots_is_noticed_and_named(shapes in shapes(), keyless: bool) {
        run(async {
            let whole = whole_in(Store { keyless, ..Store::default() }, &shapes).await;
            let said = whole.store.verify(&[]).await;
            assert_eq!(said.verdict(), Verdict::Verified, "{said}");
            assert!(said.to_string().contains("without a gap or a double"), "{said}");
            let count = whole.envelopes.len();
            for at in 0..count {
                let name = whole.name(at);
                // Deleted.
                let mut left = whole.envelopes.clone();
                left.remove(at);
                if whole.has_successor(at) {
                    let said = whole.forged(&left, &[]).await;
                    assert!(names(&said, &name), "{name} was deleted: {said}");
                } else {
                    // Nothing behind it names it; what has seen the log before does.
                    let said = whole.forged(&left, std::slice::from_ref(&whole.checkpoint)).await;
                    let nothing_left = said.missing == ["a checkpoint of `shop.example/evidence`: there is none"];
                    assert!(names(&said, "log/checkpoint") || left.is_empty() && nothing_left, "{name} was deleted: {said}");
                }
                // Replayed.
                let mut twice = whole.envelopes.clone();
                twice.push(whole.envelopes[at].clone());
                let said = whole.forged(&twice, &[]).await;
                assert!(names(&said, &name), "{name} was replayed: {said}");
                // Substituted by another one of the same ledger.
                let other = (at + 1) % count;
                if other != at {
                    let mut other_one = whole.envelopes.clone();
                    other_one[at] = whole.envelopes[other].clone();
                    let said = whole.forged(&other_one, &[]).await;
                    assert!(names(&said, &whole.name(other)), "{name} was substituted: {said}");
                }
            }
        });
    }

    #[test]
    fn snapshots_that_change_places_are_noticed_and_named(shapes in shapes()) {
        run(async {
            let whole = whole(&shapes).await;
            for at in 0..whole.envelopes.len() {
                let (stream, sequence) = whole.place(at);
                let next = (stream, sequence + 1);
                let Some(later) = (0..whole.envelopes.len()).find(|other| whole.place(*other) == next) else { continue };
                let mut swapped = whole.envelopes.clone();
                swapped.swap(at, later);
                let said = whole.forged(&swapped, &[]).await;
                assert!(names(&said, &whole.name(later)), "{} and {}: {said}", whole.name(at), whole.name(later));
            }
        });
    }

    #[test]
    fn every_part_of_every_snapshot_is_missed(shapes in shapes()) {
        run(async {
            let whole = whole(&shapes).await;
            let blobs = &whole.store.blobs;
            for (leaf, snapshot) in whole.snapshots.iter().enumerate() {
                for reference in &snapshot.references {
                    let part = format!("`{}` of the snapshot at leaf {leaf}", reference.name);
                    let digest = Digest::from_hex(&reference.digest["sha256"]).unwrap();
                    let bytes = blobs.get(&cx("keep"), &digest).await.unwrap().unwrap();
                    assert!(blobs.corrupt(&digest));
                    let said = whole.store.verify(&[]).await;
                    assert!(names(&said, &part), "{part} was changed: {said}");
                    assert!(blobs.lose(&digest));
                    let said = whole.store.verify(&[]).await;
                    assert!(names(&said, &part), "{part} was deleted: {said}");
                    blobs.put(&cx("restore"), bytes).await.unwrap();
                }
            }
            assert_eq!(whole.store.verify(&[]).await.verdict(), Verdict::Verified);
        });
    }
}

/// Whoever has the disk cuts a payload short, puts another one in its place, or puts its parts, or two payloads, in another order.
#[tokio::test]
async fn every_payload_that_is_cut_exchanged_or_reordered_is_named() {
    let whole = whole(&[(0, 2, 1), (1, 1, 0), (0, 2, 0)]).await;
    let blobs = &whole.store.blobs;
    let mut payloads = Vec::new();
    for (leaf, snapshot) in whole.snapshots.iter().enumerate() {
        for reference in &snapshot.references {
            let digest = Digest::from_hex(&reference.digest["sha256"]).unwrap();
            let bytes = blobs.get(&cx("keep"), &digest).await.unwrap().unwrap();
            payloads.push((format!("`{}` of the snapshot at leaf {leaf}", reference.name), digest, bytes));
        }
    }
    assert_eq!(payloads.len(), 5);
    for (at, (part, digest, bytes)) in payloads.iter().enumerate() {
        let (half, (other_part, other, others)) = (bytes.len() / 2, &payloads[(at + 1) % payloads.len()]);
        let reordered = [&bytes[half..], &bytes[..half]].concat();
        for (how, now) in [
            ("cut", bytes[..bytes.len() - 1].to_vec()),
            ("emptied", Vec::new()),
            ("exchanged", others.clone()),
            ("reordered", reordered),
        ] {
            assert!(blobs.exchange(digest, now));
            let said = whole.store.verify(&[]).await;
            assert!(names(&said, part) && said.failures.len() == 1, "{part} was {how}: {said}");
        }
        // Two of them change places.
        assert!(blobs.exchange(digest, others.clone()) && blobs.exchange(other, bytes.clone()));
        let said = whole.store.verify(&[]).await;
        assert!(names(&said, part) && names(&said, other_part), "{part} and {other_part}: {said}");
        assert!(blobs.exchange(digest, bytes.clone()) && blobs.exchange(other, others.clone()));
    }
    assert_eq!(whole.store.verify(&[]).await.verdict(), Verdict::Verified);
}

/// Whoever numbers the next snapshot believes the objects that number those before: each is held against the log.
#[tokio::test]
async fn what_gives_a_snapshot_its_number_and_is_gone_cut_changed_or_exchanged_is_named() {
    let Whole { store, snapshots, .. } = whole(&[(0, 1, 0), (0, 1, 1), (1, 0, 1)]).await;
    let numbered = |objects: &BTreeMap<ObjectKey, Vec<u8>>| -> Vec<ObjectKey> {
        let numbered = |key: &&ObjectKey| key.as_str().rsplit('/').next().is_some_and(|name| name.parse::<u64>().is_ok());
        objects.keys().filter(|key| key.as_str().starts_with("snapshots/")).filter(numbered).cloned().collect()
    };
    let whole = store.bucket.objects().clone();
    let keys = numbered(&whole);
    assert_eq!(keys.len(), snapshots.len());
    for (at, key) in keys.iter().enumerate() {
        let (bytes, other) = (&whole[key], &whole[&keys[(at + 1) % keys.len()]]);
        let resigned = String::from_utf8(bytes.clone()).unwrap().replace("\"sig\":\"M", "\"sig\":\"N").into_bytes();
        assert_ne!(resigned, *bytes);
        let mut by_another: serde_json::Value = serde_json::from_slice(bytes).unwrap();
        let by = by_another["signed"].get_mut("publicKey").unwrap();
        *by = serde_json::to_value(MemorySigner::from_seed(9).unwrap().public_key()).unwrap();
        for (how, now) in [
            ("gone", None),
            ("by another key", Some(by_another.to_string().into_bytes())),
            ("cut", Some(bytes[..bytes.len() - 1].to_vec())),
            ("changed", Some(resigned)),
            ("exchanged", Some(other.clone())),
        ] {
            match now {
                None => drop(store.bucket.objects().remove(key)),
                Some(now) => drop(store.bucket.objects().insert(key.clone(), now)),
            }
            let said = store.verify(&[]).await;
            assert!(names(&said, key.as_str()) && said.failures.len() == 1, "{key} is {how}: {said}");
            store.bucket.objects().insert(key.clone(), bytes.clone());
        }
    }
    // A copy of the log alone has none of them: that is said, and is no failure.
    store.bucket.objects().retain(|key, _| key.as_str().starts_with("log/"));
    let mut said = store.verify(&[]).await;
    assert_eq!(said.verdict(), Verdict::Verified, "{said}");
    let left_out = "what gave 3 snapshots their numbers: nothing of their streams was found in this bucket";
    assert!(said.left_out.iter().any(|it| it == left_out), "{said}");
    // Where they are to be beside it, they are missing.
    said.require_streams();
    assert_eq!((said.verdict(), said.missing.as_slice()), (Verdict::NotVerified, [left_out.to_owned()].as_slice()), "{said}");
}

/// What the key that signs evidence has signed in error is noticed, too: a part that is left out, a number that is used twice.
#[tokio::test]
async fn what_was_signed_in_error_is_named() {
    let whole = whole(&[(0, 2, 1), (0, 1, 1), (0, 2, 0)]).await;
    let (_, sealer) = whole.store.open(Arc::new(MemoryBucket::new())).await.unwrap();
    let second = &whole.snapshots[1];
    let other = async |change: &dyn Fn(&mut Snapshot)| {
        let mut snapshot = second.clone();
        change(&mut snapshot);
        let record = sealer.seal(&cx("error"), "snapshot", subject(), &snapshot).await.unwrap();
        let mut envelopes = whole.envelopes.clone();
        envelopes[1] = sealer.envelope(&cx("error"), &record).await.unwrap();
        envelopes
    };
    let said = whole.forged(&other(&|it| it.references.clear()).await, &[]).await;
    assert!(names(&said, "the snapshot at leaf 1"), "{said}");
    let said = whole.forged(&other(&|it| it.extent.absent.clear()).await, &[]).await;
    assert!(names(&said, "the snapshot at leaf 1"), "{said}");
    // Another one with its number: what follows does not follow on it.
    let forked = other(&|it| it.extent.absent[0].reason = "another one".to_owned()).await;
    let said = whole.forged(&forked, &[]).await;
    assert!(names(&said, "number 2 of `shop/orders@preflight`"), "{said}");
    let both = [whole.envelopes.clone(), vec![forked[1].clone()]].concat();
    let said = whole.forged(&both, &[]).await;
    let double = said.failures.iter().find(|(part, _)| part == "number 1 of `shop/orders@preflight` (leaf 3)");
    assert!(double.is_some_and(|(_, why)| why == "another one has its number: see leaf 1"), "{said}");
    // Of a form that is still to come nothing can be said.
    let newer = other(&|it| it.extent.place.as_mut().unwrap().format = SNAPSHOT_FORMAT + 1).await;
    let said = whole.forged(&newer[..2], &[]).await;
    assert_eq!(said.verdict(), Verdict::NotVerified, "{said}");
    assert!(said.missing[0].contains(&format!("does not know its format {}", SNAPSHOT_FORMAT + 1)), "{said}");
}
