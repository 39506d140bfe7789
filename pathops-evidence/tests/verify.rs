//! Verifying a ledger from which something was taken, into which something was put, or in which something was changed: all is
//! noticed, and the part is named.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

#[path = "common/certificates.rs"]
mod certificates;

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use certificates::certificates;
use pathops_core::adapter::{BlobStore, Signer as _};
use pathops_core::evidence::{
    Attester, Envelope, Health, Occasion, Predicate, Provenance, PublicKey, Redaction, Reference, Snapshot, SnapshotExtent,
    Subject, TestResult, Tombstone, TombstoneReason, TrustRoot, VerificationSummary,
};
use pathops_core::memory::{Faults, Faulty, ManualClock, MemoryBlobs, MemoryBucket, MemorySigner};
use pathops_core::{Digest, IdempotencyKey, ObjectKey, OpContext, UnixMillis};
use pathops_evidence::ledger::{Item, Ledger, LogKey};
use pathops_evidence::{Against, Sealer, Verdict, Verification, verify_ledger};

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
}

struct Store {
    bucket: MemoryBucket,
    blobs: MemoryBlobs,
    trust: TrustRoot,
    /// The checkpoints as they were.
    checkpoints: Vec<String>,
}

fn health(at: i64) -> Health {
    Health {
        change_set: "a-change".parse().unwrap(),
        unit: "orders".parse().unwrap(),
        environment: "preflight".parse().unwrap(),
        healthy: true,
        settled_millis: 1_000,
        observed_on: UnixMillis(at),
    }
}

/// So many pieces of evidence and a snapshot of the last two, in batches of this size.
async fn store(pieces: usize, batch: usize) -> Store {
    store_of(pieces, batch, |_| false).await
}

/// The same, of which these are by a keyless signer.
async fn store_of(pieces: usize, batch: usize, is_keyless: fn(usize) -> bool) -> Store {
    let (bucket, blobs) = (MemoryBucket::new(), MemoryBlobs::new());
    let signer = MemorySigner::from_seed(3).unwrap();
    let (trust, key_of_signer) = (TrustRoot::new([signer.public_key()]), signer.public_key());
    let ledger = Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap();
    let sealer = Sealer::new(Arc::new(signer), Arc::new(blobs.clone()));
    let subject = || vec![Subject::named("orders").with_sha256(&Digest::of(b"artifact"))];
    let mut records = Vec::new();
    for at in 0..pieces {
        let health = health(i64::try_from(at).unwrap());
        records.push(sealer.seal(&cx(), "health", subject(), &health).await.unwrap());
    }
    // As earlier versions made them: without a number.
    let references = records.iter().rev().take(2).map(|record| Reference {
        name: record.name.clone(),
        download_location: record.location.clone(),
        digest: BTreeMap::from([("sha256".to_owned(), record.envelope.hex())]),
        media_type: "application/vnd.dsse.envelope+json".to_owned(),
        annotations: None,
    });
    let extent = SnapshotExtent {
        change_set: "a-change".parse().unwrap(),
        unit: "orders".parse().unwrap(),
        environment: "preflight".parse().unwrap(),
        occasion: Occasion::Deployed,
        absent: Vec::new(),
        collected_on: UnixMillis(300),
        place: None,
    };
    let attester = Attester { id: "https://pathops.dev/pathops".to_owned() };
    let snapshot = Snapshot { attester, references: references.collect(), extent };
    records.push(sealer.seal(&cx(), "snapshot", subject(), &snapshot).await.unwrap());
    let mut checkpoints = Vec::new();
    let mut places = 0..;
    for records in records.chunks(batch) {
        let mut items = Vec::new();
        for (record, place) in records.iter().zip(&mut places) {
            let envelope = sealer.envelope(&cx(), record).await.unwrap();
            items.push(match is_keyless(place) {
                true => Item::certified(envelope, certificates(&key_of_signer)).unwrap(),
                false => Item::new(envelope, key_of_signer.clone()).unwrap(),
            });
        }
        ledger.append(&cx(), items).await.unwrap();
        checkpoints.push(String::from_utf8(bucket.objects()[&name("log/checkpoint")].clone()).unwrap());
    }
    Store { bucket, blobs, trust, checkpoints }
}

fn name(text: &str) -> ObjectKey {
    ObjectKey::parse(text).unwrap()
}

impl Store {
    async fn verify(&self, known: &[String]) -> Verification {
        let log = key().identity();
        let blobs: &dyn BlobStore = &self.blobs;
        let against = Against { log: &log, trust: &self.trust, known, blobs: Some(blobs), sealed: None };
        verify_ledger(&cx(), &self.bucket, against).await.unwrap()
    }

    /// The parts that are named after objects were changed, which are then put back.
    async fn named(&self, change: impl FnOnce(&mut BTreeMap<ObjectKey, Vec<u8>>)) -> Vec<String> {
        let before = self.bucket.objects().clone();
        change(&mut self.bucket.objects());
        let verification = self.verify(&[]).await;
        *self.bucket.objects() = before;
        assert_eq!(verification.verdict() == Verdict::Failed, !verification.failures.is_empty());
        verification.failures.into_iter().map(|(part, _)| part).collect()
    }

    fn objects(&self) -> Vec<ObjectKey> {
        self.bucket.objects().keys().filter(|key| key.as_str() != "log/probe").cloned().collect()
    }
}

#[tokio::test]
async fn what_is_whole_verifies_and_says_what_it_says_nothing_about() {
    let store = store(299, 20).await;
    let verification = store.verify(&[]).await;
    assert_eq!(verification.verdict(), Verdict::Verified, "{verification}");
    assert_eq!(verification.verdict().exit_code(), 0);
    let text = verification.to_string();
    assert!(text.contains("300 envelopes") && text.contains("left out  whether it was cut back"), "{text}");
    let against_all = store.verify(&store.checkpoints).await;
    assert_eq!(against_all.verdict(), Verdict::Verified, "{against_all}");
    let left_out = "whether any is missing of the snapshots without a number, as earlier versions made them (1)";
    let of_artifacts = "whether artifacts and commits are there that evidence is about: it has their digests";
    assert_eq!(against_all.left_out, [of_artifacts, left_out], "{against_all}");
}

#[tokio::test]
async fn nothing_to_verify_is_not_verified() {
    let store = Store { bucket: MemoryBucket::new(), ..store(2, 3).await };
    let verification = store.verify(&[]).await;
    assert_eq!((verification.verdict(), verification.verdict().exit_code()), (Verdict::NotVerified, 2), "{verification}");
    // Nor is a log without a leaf.
    let empty = pathops_core::evidence::Checkpoint { size: 0, root: Digest::of(b"") };
    store.bucket.objects().insert(name("log/checkpoint"), key().sign(&empty).into_bytes());
    let verification = store.verify(&[]).await;
    assert_eq!(verification.verdict(), Verdict::NotVerified, "{verification}");
    assert!(verification.missing.iter().any(|it| it.contains("no leaf")), "{verification}");
}

#[tokio::test]
async fn payloads_are_not_left_out_without_a_word() {
    let store = store(2, 3).await;
    let log = key().identity();
    let against = Against { log: &log, trust: &store.trust, known: &[], blobs: None, sealed: None };
    let verification = verify_ledger(&cx(), &store.bucket, against).await.unwrap();
    assert_eq!(verification.verdict(), Verdict::NotVerified, "{verification}");
    let missing = "payloads: evidence refers to some, and there is no blob store";
    assert_eq!(verification.missing, [missing], "{verification}");
    // Unless whoever asks says that they do not matter.
    let mut waived = verification;
    waived.waive_payloads();
    assert_eq!(waived.verdict(), Verdict::Verified, "{waived}");
    assert!(waived.left_out.iter().any(|it| it == missing), "{waived}");
}

#[tokio::test]
async fn where_nothing_refers_to_payloads_no_blob_store_is_needed() {
    let store = store(2, 3).await;
    let own = || MemorySigner::from_seed(3).unwrap();
    let bare = Store { bucket: MemoryBucket::new(), ..store };
    log(&bare, own(), &health(7), &own()).await;
    let (log, trust) = (key().identity(), &bare.trust);
    let against = Against { log: &log, trust, known: &[], blobs: None, sealed: None };
    let verification = verify_ledger(&cx(), &bare.bucket, against).await.unwrap();
    assert_eq!(verification.verdict(), Verdict::Verified, "{verification}");
}

/// The report beside a result, the log beside a build, what a decision was made of.
#[tokio::test]
async fn every_payload_that_pathops_refers_to_is_missed() {
    let mut store = store(2, 3).await;
    let own = || MemorySigner::from_seed(3).unwrap();
    let mut stored = Vec::new();
    for bytes in ["a report", "a log", "a record", "what the scanner has", "what is left of a log"] {
        stored.push(store.blobs.put(&cx(), bytes.into()).await.unwrap());
    }
    let sha256 = |digest: &Digest| serde_json::json!({ "sha256": digest.hex() });
    let result = |digest| serde_json::json!({ "configuration": [{ "name": "unit", "digest": sha256(digest) }] });
    log(&store, own(), &Said::<TestResult>::new(result(&stored[0])), &own()).await;
    let byproducts = serde_json::json!({ "byproducts": [{ "name": "CI log", "digest": sha256(&stored[1]) }] });
    log(&store, own(), &Said::<Provenance>::new(serde_json::json!({ "runDetails": byproducts })), &own()).await;
    let record = serde_json::json!({ "name": "decision record", "digest": sha256(&stored[2]) });
    let summary = serde_json::json!({ "https://pathops.dev/decision-record": record });
    log(&store, own(), &Said::<VerificationSummary>::new(summary), &own()).await;
    let replacement = serde_json::json!({ "name": "a log", "digest": sha256(&stored[4]) });
    log(&store, own(), &Said::<Redaction>::new(serde_json::json!({ "replacement": replacement })), &own()).await;
    // What is beside the result of a producer lies where that keeps it.
    store.trust = store.trust.with_producer("tester".parse().unwrap(), other().public_key());
    let fuzzed = serde_json::json!({ "configuration": [{ "name": "fuzz", "digest": sha256(&stored[3]) }] });
    log(&store, other(), &Said::<TestResult>::new(fuzzed), &other()).await;
    let reference = serde_json::json!({ "references": [{ "name": "scan", "digest": sha256(&stored[3]) }] });
    log(&store, other(), &Said::<Snapshot>::new(reference), &other()).await;
    let whole = store.verify(&[]).await;
    assert!(whole.verdict() == Verdict::Verified && !whole.to_string().contains("that producers refer to"), "{whole}");
    stored.iter().for_each(|digest| assert!(store.blobs.lose(digest)));
    let verification = store.verify(&[]).await;
    let parts: Vec<_> = verification.failures.iter().map(|(part, _)| part.as_str()).collect();
    let missed = [
        "`unit` of the test result at leaf 3",
        "`CI log` of the provenance at leaf 4",
        "`decision record` of the decision at leaf 5",
        "`a log` of the redaction at leaf 6",
    ];
    assert_eq!(parts, missed, "{verification}");
    assert!(verification.to_string().contains("left out  1 payloads that producers refer to"), "{verification}");
}

/// By the blob it is found by those who do not read the log.
#[tokio::test]
async fn the_envelope_of_each_piece_is_looked_for_among_the_blobs() {
    let store = store(2, 3).await;
    let lost = store.bucket.objects()[&name("log/batch/00000000000000000000")].clone();
    let batch: serde_json::Value = serde_json::from_slice(&lost).unwrap();
    let envelope: Envelope = serde_json::from_value(batch["items"][1]["envelope"].clone()).unwrap();
    assert!(store.blobs.lose(&Digest::of(&envelope.to_vec().unwrap())));
    let verification = store.verify(&[]).await;
    assert!(verification.failures.iter().any(|(part, _)| part == "the envelope of leaf 1"), "{verification}");
}

/// A predicate of this type, with as much of it as matters here.
#[derive(serde::Serialize)]
#[serde(transparent)]
struct Said<P>(serde_json::Value, #[serde(skip)] std::marker::PhantomData<P>);

impl<P> Said<P> {
    fn new(value: serde_json::Value) -> Self {
        Self(value, std::marker::PhantomData)
    }
}

impl<P: Predicate> Predicate for Said<P> {
    const TYPE: &'static str = P::TYPE;
}

#[tokio::test]
async fn every_object_that_is_taken_away_cut_or_changed_is_named() {
    each_object_is_missed(&store(257, 258).await).await;
}

#[tokio::test]
async fn every_object_of_a_log_with_certificates_that_is_taken_away_cut_or_changed_is_named() {
    let store = store_of(257, 258, |place| place % 2 == 1).await;
    let whole = store.verify(&[]).await;
    assert_eq!(whole.verdict(), Verdict::Verified, "{whole}");
    let left_out = "who issued the certificates of 129 envelopes: their keys are trusted by themselves";
    assert!(whole.left_out.iter().any(|it| it == left_out), "{whole}");
    each_object_is_missed(&store).await;
}

async fn each_object_is_missed(store: &Store) {
    for key in store.objects() {
        let own = key.as_str();
        // Without a checkpoint there is nothing that could be verified.
        if own != "log/checkpoint" {
            let gone = store.named(|objects| drop(objects.remove(&key))).await;
            // What was written of a tile before it was full need not be kept.
            let kept = !own.contains(".p/") || own.ends_with(".p/2") || own == "log/tile/1/000.p/1";
            assert_eq!(gone.iter().any(|part| part == own), kept, "{key}: {gone:?}");
        }
        let cut = store.named(|objects| assert!(objects.get_mut(&key).unwrap().pop().is_some())).await;
        assert!(cut.iter().any(|part| part == own), "{key}: {cut:?}");
        for place in [0, 1] {
            let changed = store.named(|objects| {
                let bytes = objects.get_mut(&key).unwrap();
                let place = if place == 0 { 0 } else { bytes.len() / 2 };
                if let Some(byte) = bytes.get_mut(place) {
                    *byte ^= 1;
                }
            });
            let changed = changed.await;
            assert!(!changed.is_empty(), "{key}, byte {place}");
            if !own.contains("/batch/") {
                assert!(changed.iter().any(|part| part == own), "{key}: {changed:?}");
            }
        }
    }
}

/// Every byte of every object of a log of one leaf: a bit of it flipped, it taken out, and it doubled.
#[tokio::test]
async fn no_byte_can_be_changed() {
    no_byte_of(&store(0, 1).await).await;
}

/// Nor one of a certificate, or of those above it as long as their digest is not made anew.
#[tokio::test]
async fn no_byte_of_a_log_with_certificates_can_be_changed() {
    no_byte_of(&store_of(0, 1, |_| true).await).await;
}

/// No leaf is over what stands above a certificate whose key is trusted by itself: it can be exchanged with its digest, and that is said.
#[tokio::test]
async fn what_stands_above_a_certificate_that_nobody_looks_at_is_left_out() {
    let store = store_of(0, 1, |_| true).await;
    let said = "the certificates above those of 1 envelopes: no leaf is over them";
    assert!(store.verify(&[]).await.left_out.iter().any(|it| it == said));
    let batch = store.objects().into_iter().find(|key| key.as_str().contains("/batch/")).unwrap();
    let mut written = String::from_utf8(store.bucket.objects()[&batch].clone()).unwrap();
    let whole: serde_json::Value = serde_json::from_str(&written).unwrap();
    let certificates = &whole["items"][0]["certificates"];
    let chain: Vec<_> = certificates["chain"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let [leaf, issuer, authority] = chain[..] else { panic!("{chain:?}") };
    let other = BASE64.encode("of another authority");
    let bytes = [leaf, issuer, &other].map(|it| BASE64.decode(it).unwrap()).concat();
    let digest = serde_json::to_value(Digest::of(&bytes)).unwrap();
    for (before, after) in [(authority, &*other), (certificates["digest"].as_str().unwrap(), digest.as_str().unwrap())] {
        assert!(written.contains(before));
        written = written.replace(before, after);
    }
    store.bucket.objects().insert(batch, written.into_bytes());
    let exchanged = store.verify(&[]).await;
    assert_eq!(exchanged.verdict(), Verdict::Verified, "{exchanged}");
    assert!(exchanged.left_out.iter().any(|it| it == said), "{exchanged}");
}

async fn no_byte_of(store: &Store) {
    let changes: [fn(&mut Vec<u8>, usize); 3] = [
        |bytes, place| bytes[place] ^= 1 << (place % 8),
        |bytes, place| {
            bytes.remove(place);
        },
        |bytes, place| bytes.insert(place, bytes[place]),
    ];
    for key in store.objects() {
        let length = store.bucket.objects()[&key].len();
        for place in 0..length {
            for change in changes {
                let parts = store.named(|objects| change(objects.get_mut(&key).unwrap(), place));
                assert!(!parts.await.is_empty(), "byte {place} of {key}");
            }
        }
    }
}

#[tokio::test]
async fn batches_that_change_places_are_noticed() {
    let store = store(15, 1).await;
    let batch = |start: u64| name(&format!("log/batch/{start:020}"));
    let swapped = store.named(|objects| {
        let (one, other) = (objects[&batch(10)].clone(), objects[&batch(11)].clone());
        objects.insert(batch(10), other);
        objects.insert(batch(11), one);
    });
    assert!(swapped.await.contains(&batch(10).to_string()));
    let replayed = store.named(|objects| {
        let earlier = String::from_utf8(objects[&batch(10)].clone()).unwrap().replace("\"start\":10", "\"start\":11");
        objects.insert(batch(11), earlier.into_bytes());
    });
    assert!(!replayed.await.is_empty());
}

/// Whoever looks for the batch that has a leaf goes by their names.
#[tokio::test]
async fn what_lies_among_the_batches_and_is_none_of_the_log_is_named() {
    let store = store(14, 5).await;
    let batch = |start: u64| name(&format!("log/batch/{start:020}"));
    let last = String::from_utf8(store.bucket.objects()[&batch(10)].clone()).unwrap();
    let copied = |start: u64| last.replacen("\"start\":10", &format!("\"start\":{start}"), 1).into_bytes();
    let unnamed = [name("log/batch/12"), name(&format!("{}.old", batch(5))), name(&format!("{}/x", batch(5)))];
    for stray in [batch(3), batch(12)].into_iter().chain(unnamed) {
        let told = store.named(|objects| drop(objects.insert(stray.clone(), copied(12)))).await;
        assert_eq!(told, [stray.to_string()]);
    }
    // Behind the end it is one that no checkpoint covers yet, and what is behind those is seen all the same.
    let behind = store.named(|objects| drop(objects.insert(batch(15), copied(15)))).await;
    assert_eq!(behind, [""; 0]);
    let told = store.named(|objects| {
        objects.extend((0..100_000).map(|number| (batch(1_000 + number), Vec::new())));
        objects.insert(name("log/batch/last"), Vec::new());
    });
    let told = told.await;
    assert_eq!(told[..2], ["log/batch/last".to_owned(), batch(1_000).to_string()], "none of them follows on what is there");
}

/// A batch of the log, put behind its end, is taken up by the next who opens it: it is the same evidence, and that is told.
#[tokio::test]
async fn evidence_that_the_log_has_again_is_counted_with_the_first_of_it() {
    let store = store(9, 5).await;
    let told = |verification: &Verification| verification.checked.iter().find(|it| it.contains("had before")).cloned();
    assert_eq!(told(&store.verify(&[]).await), None);
    let first = String::from_utf8(store.bucket.objects()[&name("log/batch/00000000000000000000")].clone()).unwrap();
    let again = first.replacen("\"start\":0,", "\"start\":10,", 1);
    store.bucket.objects().insert(name("log/batch/00000000000000000010"), again.into_bytes());
    drop(Ledger::open(&cx(), Arc::new(store.bucket.clone()), key()).await.unwrap());
    let verification = store.verify(&[]).await;
    assert_eq!(verification.verdict(), Verdict::Verified, "{verification}");
    let line = "5 leaves have evidence that the log had before: the first is leaf 10, with that of leaf 0";
    assert_eq!(told(&verification).as_deref(), Some(line), "{verification}");
}

#[tokio::test]
async fn a_log_that_was_cut_back_or_forked_differs_from_a_checkpoint_that_is_known() {
    let store = store(59, 10).await;
    let newest = String::from_utf8(store.bucket.objects()[&name("log/checkpoint")].clone()).unwrap();
    store.bucket.objects().insert(name("log/checkpoint"), store.checkpoints[3].clone().into_bytes());
    let cut = store.verify(&[]).await;
    assert_eq!(cut.verdict(), Verdict::Verified, "on its own it is what it was: {cut}");
    assert!(cut.left_out.iter().any(|it| it.starts_with("20 envelopes behind the checkpoint")), "{cut}");
    // Whoever appends next would have to read what lies there.
    let batch = name("log/batch/00000000000000000040");
    let before = store.bucket.objects().insert(batch.clone(), b"{}".to_vec()).unwrap();
    let spoilt = store.verify(&[]).await;
    let told = "the batch that begins with leaf 40, which no checkpoint has yet, cannot be read";
    assert!(spoilt.left_out.iter().any(|it| it.starts_with(told)), "{spoilt}");
    store.bucket.objects().insert(batch, before);
    let cut = store.verify(&[newest]).await;
    assert!(cut.failures.iter().any(|(part, why)| part == "log/checkpoint" && why.contains("cut back")), "{cut}");

    let other = self::store(59, 10).await;
    let checkpoint = pathops_core::evidence::Checkpoint { size: 40, root: Digest::of(b"what another one was shown") };
    let forked = other.verify(&[key().sign(&checkpoint)]).await;
    assert!(forked.failures.iter().any(|(_, why)| why.contains("another history")), "{forked}");
}

#[tokio::test]
async fn whoever_is_not_trusted_and_what_is_gone_is_named() {
    let mut store = store(9, 5).await;
    let gone = MemoryBlobs::new();
    let missing = Store { blobs: gone, bucket: store.bucket.clone(), trust: store.trust.clone(), checkpoints: Vec::new() };
    let missing = missing.verify(&[]).await;
    assert!(missing.failures.iter().any(|(part, why)| part.contains("snapshot at leaf 9") && why.contains("gone")), "{missing}");
    store.trust = TrustRoot::new([MemorySigner::from_seed(4).unwrap().public_key()]);
    let untrusted = store.verify(&[]).await;
    assert_eq!(untrusted.verdict(), Verdict::Failed);
    assert!(untrusted.failures.iter().any(|(part, why)| part == "leaf 0" && why.contains("trust root")), "{untrusted}");
}

/// Another trusted signer, whose key is not that of the evidence.
fn other() -> MemorySigner {
    MemorySigner::from_seed(5).unwrap()
}

/// Seals something and puts it into the log.
async fn log<P: Predicate + Sync>(store: &Store, by: MemorySigner, predicate: &P, beside: &MemorySigner) {
    let sealer = Sealer::new(Arc::new(by), Arc::new(store.blobs.clone()));
    let subject = vec![Subject::named("orders").with_sha256(&Digest::of(b"another artifact"))];
    let record = sealer.seal(&cx(), "another", subject, predicate).await.unwrap();
    let envelope = sealer.envelope(&cx(), &record).await.unwrap();
    let ledger = Ledger::open(&cx(), Arc::new(store.bucket.clone()), key()).await.unwrap();
    // Whoever writes the log says that the signature was checked.
    ledger.append(&cx(), vec![Item::signed(envelope, beside.public_key()).unwrap()]).await.unwrap();
}

#[tokio::test]
async fn a_leaf_with_another_key_than_the_one_that_signed_is_named() {
    let mut store = store(2, 3).await;
    log(&store, MemorySigner::from_seed(3).unwrap(), &Bom { components: Vec::new() }, &other()).await;
    store.trust = TrustRoot::new([MemorySigner::from_seed(3).unwrap().public_key(), other().public_key()]);
    let verification = store.verify(&[]).await;
    let [(part, why)] = verification.failures.as_slice() else { panic!("{verification}") };
    assert!(part == "leaf 3" && why.contains(&other().public_key().id().0.to_string()), "{verification}");
}

/// Whoever writes the log puts the certificate of another key beside an envelope.
#[tokio::test]
async fn a_leaf_with_the_certificate_of_another_key_is_named() {
    let mut store = store_of(0, 1, |_| true).await;
    let batch = name("log/batch/00000000000000000000");
    let written = |key: &PublicKey| {
        let chain = certificates(key);
        let all: Vec<_> = std::iter::once(chain.leaf()).chain(chain.above().iter().map(Vec::as_slice)).collect();
        let digest = serde_json::to_string(&Digest::of(&all.concat())).unwrap();
        format!("{{\"chain\":{},\"digest\":{digest}}}", serde_json::to_string(&chain).unwrap())
    };
    let own = written(&MemorySigner::from_seed(3).unwrap().public_key());
    let good = String::from_utf8(store.bucket.objects()[&batch].clone()).unwrap();
    let forged = good.replace(&own, &written(&other().public_key()));
    assert!(forged != good && good.starts_with("{\"format\":2,"), "{good}");
    store.bucket = MemoryBucket::new();
    store.bucket.objects().insert(batch, forged.into_bytes());
    drop(Ledger::open(&cx(), Arc::new(store.bucket.clone()), key()).await.unwrap());
    store.trust = TrustRoot::new([MemorySigner::from_seed(3).unwrap().public_key(), other().public_key()]);
    let verification = store.verify(&[]).await;
    let [(part, why)] = verification.failures.as_slice() else { panic!("{verification}") };
    assert!(part == "leaf 0" && why.contains(&other().public_key().id().0.to_string()), "{verification}");
}

#[tokio::test]
async fn a_producer_that_speaks_for_pathops_is_named() {
    let mut store = store(2, 3).await;
    store.trust = store.trust.with_producer("scanner".parse().unwrap(), other().public_key());
    log(&store, other(), &Bom { components: Vec::new() }, &other()).await;
    assert_eq!(store.verify(&[]).await.verdict(), Verdict::Verified, "what a scanner makes is its own to state");
    log(&store, other(), &health(7), &other()).await;
    let verification = store.verify(&[]).await;
    let [(part, why)] = verification.failures.as_slice() else { panic!("{verification}") };
    assert!(part == "leaf 4" && why.contains("a time of health") && why.contains("`scanner`"), "{verification}");
}

/// What scanners state.
#[derive(serde::Serialize)]
struct Bom {
    components: Vec<String>,
}

impl Predicate for Bom {
    const TYPE: &'static str = "https://cyclonedx.org/bom";
}

/// A reference to one payload under many names.
#[derive(serde::Serialize)]
struct Many {
    references: Vec<Reference>,
}

impl Predicate for Many {
    const TYPE: &'static str = Snapshot::TYPE;
}

fn many(payload: &Digest) -> Many {
    let reference = |number: usize| Reference {
        name: format!("part {number}"),
        download_location: "memory:x".to_owned(),
        digest: BTreeMap::from([("sha256".to_owned(), payload.hex())]),
        media_type: "text/plain".to_owned(),
        annotations: None,
    };
    Many { references: (0..150).map(reference).collect() }
}

#[tokio::test]
async fn a_payload_is_read_once() {
    let store = store(2, 3).await;
    let payload = store.blobs.put(&cx(), b"a log".to_vec()).await.unwrap();
    let own = || MemorySigner::from_seed(3).unwrap();
    log(&store, own(), &many(&payload), &own()).await;
    let faults = Arc::new(Faults::new(1, Arc::new(ManualClock::new(UnixMillis(0)))));
    let blobs: Faulty<dyn BlobStore> = Faulty::new(Arc::new(store.blobs.clone()), faults.clone());
    let log = key().identity();
    let against = Against { log: &log, trust: &store.trust, known: &[], blobs: Some(&blobs), sealed: None };
    let verification = verify_ledger(&cx(), &store.bucket, against).await.unwrap();
    // The envelopes of the four pieces, and what the two snapshots refer to: of 152 references three blobs.
    assert_eq!((verification.verdict(), faults.calls()), (Verdict::Verified, 4 + 3), "{verification}");
}

#[tokio::test]
async fn of_many_payloads_that_are_gone_the_first_are_told_and_the_rest_counted() {
    let store = store(2, 3).await;
    let own = || MemorySigner::from_seed(3).unwrap();
    log(&store, own(), &many(&Digest::of(b"another artifact")), &own()).await;
    let tombstone = Tombstone {
        reason: TombstoneReason::Erased,
        authority: "request 17".to_owned(),
        policy: Digest::of(b"policy"),
        gone_on: UnixMillis(400),
    };
    log(&store, own(), &tombstone, &own()).await;
    let verification = store.verify(&[]).await;
    assert_eq!(verification.verdict(), Verdict::Verified, "{verification}");
    assert_eq!(verification.checked.iter().filter(|it| it.contains("erased by tombstone")).count(), 100, "{verification}");
    assert!(verification.checked.iter().any(|it| it.starts_with("50 more payloads")), "{verification}");
}
