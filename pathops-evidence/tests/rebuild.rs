//! An index made anew from the ledger: whole, with a proof for each entry, and never from a ledger that is not what it should
//! be.
#![expect(clippy::unwrap_used, reason = "test code: a failure is a failed test")]

#[path = "common/certificates.rs"]
mod certificates;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use certificates::certificates;
use pathops_core::adapter::{
    EvidenceIndex, EvidenceIndexCapabilities, EvidencePage, EvidenceQuery, IndexedEvidence, Signer as _, SubjectDigest,
};
use pathops_core::evidence::{
    Envelope, Health, PAYLOAD_TYPE, Predicate as _, Signature, Statement, Subject, TrustRoot, pre_authentication_encoding,
};
use pathops_core::memory::{MemoryBucket, MemoryEvidenceIndex, MemorySigner};
use pathops_core::{Digest, Error, ErrorKind, IdempotencyKey, ObjectKey, OpContext, Result, UnixMillis};
use pathops_evidence::ledger::{Item, Ledger, LogKey, LogReader, Place};
use pathops_evidence::{Rebuild, Rebuilt, Recheck, rebuild_index};

const BOTH: [Recheck; 2] = [Recheck::Log, Recheck::Signatures];

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
}

fn signer(seed: u64) -> MemorySigner {
    MemorySigner::from_seed(seed).unwrap()
}

fn trust() -> TrustRoot {
    TrustRoot::new([signer(1).public_key()])
}

async fn envelope(number: i64, seed: u64) -> Envelope {
    let health = Health {
        change_set: "a-change".parse().unwrap(),
        unit: "orders".parse().unwrap(),
        environment: "preflight".parse().unwrap(),
        healthy: true,
        settled_millis: 1_000,
        observed_on: UnixMillis(number),
    };
    let subject = Subject::named("orders").with_sha256(&Digest::of(b"artifact"));
    let payload = Statement::new(vec![subject], Health::TYPE, &health).unwrap().to_canonical().unwrap();
    let signature = signer(seed).sign(&cx(), &pre_authentication_encoding(PAYLOAD_TYPE, &payload)).await.unwrap();
    Envelope::new(&payload, &signer(seed).public_key(), signature)
}

async fn item(number: i64, seed: u64) -> Item {
    Item::new(envelope(number, seed).await, signer(seed).public_key()).unwrap()
}

/// A ledger of so many pieces, in batches of 20.
async fn ledger(pieces: i64) -> MemoryBucket {
    let bucket = MemoryBucket::new();
    let ledger = Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap();
    for start in (0..pieces).step_by(20) {
        let mut items = Vec::new();
        for number in start..(start + 20).min(pieces) {
            items.push(item(number, 1).await);
        }
        ledger.append(&cx(), items).await.unwrap();
    }
    bucket
}

async fn rebuild(bucket: &MemoryBucket, index: &dyn EvidenceIndex, recheck: Recheck, next: &mut u64) -> Result<Rebuilt> {
    known(bucket, index, recheck, next, &[]).await
}

async fn known(
    bucket: &MemoryBucket,
    index: &dyn EvidenceIndex,
    recheck: Recheck,
    next: &mut u64,
    known: &[String],
) -> Result<Rebuilt> {
    let by = Rebuild { log: &key().identity(), trust: &trust(), known, recheck };
    rebuild_index(&cx(), Arc::new(bucket.clone()), by, index, next).await
}

#[tokio::test]
async fn an_index_is_made_anew_from_the_ledger_alone() {
    let bucket = ledger(300).await;
    for recheck in BOTH {
        let (index, mut next) = (MemoryEvidenceIndex::new(), 0);
        let rebuilt = rebuild(&bucket, &index, recheck, &mut next).await.unwrap();
        assert_eq!((rebuilt.leaves, rebuilt.added, rebuilt.refused.0, next), (300, 300, 0, 300));
        let mut expected = BTreeSet::new();
        for number in 0..300 {
            let envelope = envelope(number, 1).await;
            let blob = Digest::of(&envelope.to_vec().unwrap());
            let entry = IndexedEvidence::new(&trust().verify(&envelope).unwrap(), blob);
            expected.insert((entry.id(), blob, u64::try_from(number).unwrap()));
            let found = index.all().into_iter().find(|it| it.id() == entry.id()).unwrap();
            assert_eq!(found, entry.with_leaf(found.leaf().unwrap()), "as if it had been added when it was made");
        }
        let found: BTreeSet<_> = index.all().iter().map(|it| (it.id(), it.envelope(), it.leaf().unwrap())).collect();
        assert_eq!(found, expected);
        // Again it changes nothing.
        let before = index.all();
        rebuild(&bucket, &index, recheck, &mut 0).await.unwrap();
        assert_eq!(index.all(), before);
    }
}

/// Some of a bare key, and some of a keyless signer with that key.
#[tokio::test]
async fn what_has_a_certificate_in_the_ledger_comes_back_as_everything_else() {
    let (bucket, signer) = (MemoryBucket::new(), signer(1));
    let ledger = Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap();
    let chain = certificates(&signer.public_key());
    let certified = Item::certified(envelope(1, 1).await, chain.clone()).unwrap();
    assert!(Item::certified(envelope(1, 2).await, chain.clone()).is_err(), "signed by another key");
    ledger.append(&cx(), vec![item(0, 1).await, certified.clone()]).await.unwrap();
    for recheck in BOTH {
        let (index, mut next) = (MemoryEvidenceIndex::new(), 0);
        let rebuilt = rebuild(&bucket, &index, recheck, &mut next).await.unwrap();
        assert_eq!((rebuilt.leaves, rebuilt.added, rebuilt.refused.0, next), (2, 2, 0, 2));
        let reader = LogReader::new(Arc::new(bucket.clone()), key().identity());
        let checkpoint = reader.checkpoint(&cx()).await.unwrap().unwrap();
        for entry in index.all() {
            let Place::Proven(logged) = reader.prove(&cx(), &entry, &checkpoint).await.unwrap() else { panic!("{entry:?}") };
            assert_eq!(logged.evidence(), Ok(entry.id()));
        }
        let (place, found) = reader.find(&cx(), certified.id()).await.unwrap().unwrap();
        assert_eq!((place, found.certificates()), (1, Some(&chain)));
    }
    // Without the bucket's word for it: tiles are made again from the batches.
    let gone: Vec<_> = bucket.objects().keys().filter(|key| key.as_str().starts_with("log/tile/")).cloned().collect();
    gone.iter().for_each(|key| drop(bucket.objects().remove(key)));
    let again = Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap();
    let checkpoint = again.reader().checkpoint(&cx()).await.unwrap().unwrap();
    assert_eq!(again.reader().inclusion(&cx(), 1, &checkpoint).await.unwrap().leaf, certified.leaf());
}

#[tokio::test]
async fn every_entry_that_is_found_is_proven_or_said_not_to_be_in_the_ledger() {
    let bucket = ledger(300).await;
    let index = MemoryEvidenceIndex::new();
    rebuild(&bucket, &index, Recheck::Log, &mut 0).await.unwrap();
    let outside = envelope(1_000, 1).await;
    let outside = IndexedEvidence::new(&trust().verify(&outside).unwrap(), Digest::of(&outside.to_vec().unwrap()));
    index.add(&cx(), &outside).await.unwrap();
    let reader = LogReader::new(Arc::new(bucket), key().identity());
    let checkpoint = reader.checkpoint(&cx()).await.unwrap().unwrap();
    let page = index.query(&cx(), &EvidenceQuery::default()).await.unwrap();
    let mut proven = 0;
    for entry in &page.evidence {
        match reader.prove(&cx(), entry, &checkpoint).await.unwrap() {
            Place::NotInLedger => assert_eq!(entry.id(), outside.id()),
            Place::Proven(logged) => {
                assert_eq!((logged.evidence(), &logged.checkpoint), (Ok(entry.id()), &checkpoint));
                proven += 1;
            }
        }
    }
    assert_eq!((page.evidence.len(), proven), (100, 99));
    // An index that names another place is found out.
    let (one, other) = (&page.evidence[1], &page.evidence[2]);
    let wrong = one.clone().with_leaf(other.leaf().unwrap());
    let error = reader.prove(&cx(), &wrong, &checkpoint).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains("is that of other evidence"), "{error}");
    let past = reader.prove(&cx(), &one.clone().with_leaf(300), &checkpoint).await.unwrap_err();
    assert_eq!(past.kind(), ErrorKind::NotFound);
}

/// Keeps a page of two batches only: what comes then fails once.
#[derive(Clone, Debug)]
struct FailsOnce {
    inner: MemoryEvidenceIndex,
    calls: Arc<AtomicUsize>,
}

#[async_trait]
impl EvidenceIndex for FailsOnce {
    fn name(&self) -> &'static str {
        "fails-once"
    }

    fn capabilities(&self) -> EvidenceIndexCapabilities {
        self.inner.capabilities()
    }

    async fn add_all(&self, cx: &OpContext, evidence: &[IndexedEvidence]) -> Result<()> {
        if self.calls.fetch_add(1, Ordering::Relaxed) == 1 {
            return Err(Error::new(ErrorKind::StorageFull, "add"));
        }
        self.inner.add_all(cx, evidence).await
    }

    async fn about(&self, cx: &OpContext, subjects: &BTreeSet<SubjectDigest>) -> Result<Vec<IndexedEvidence>> {
        self.inner.about(cx, subjects).await
    }

    async fn query(&self, cx: &OpContext, query: &EvidenceQuery) -> Result<EvidencePage> {
        self.inner.query(cx, query).await
    }
}

#[tokio::test]
async fn what_was_interrupted_goes_on_where_it_was() {
    let bucket = ledger(60).await;
    let index = FailsOnce { inner: MemoryEvidenceIndex::new(), calls: Arc::default() };
    let mut next = 0;
    rebuild(&bucket, &index, Recheck::Log, &mut next).await.unwrap();
    assert_eq!((next, index.inner.all().len()), (60, 60));
    let ledger = Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap();
    ledger.append(&cx(), vec![item(60, 1).await, item(61, 1).await]).await.unwrap();
    let error = rebuild(&bucket, &index, Recheck::Log, &mut next).await.unwrap_err();
    assert_eq!((error.kind(), next, index.inner.all().len()), (ErrorKind::StorageFull, 60, 60));
    let rebuilt = rebuild(&bucket, &index, Recheck::Log, &mut next).await.unwrap();
    assert_eq!((rebuilt.added, next, index.inner.all().len()), (2, 62, 62), "only what is new is added");
}

#[tokio::test]
async fn what_nobody_trusted_has_signed_is_named_and_left_out() {
    let bucket = MemoryBucket::new();
    let ledger = Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap();
    // The envelope names the trusted key, and the log is over another one that has signed it.
    let mut stolen = serde_json::to_value(envelope(2, 2).await).unwrap();
    stolen["signatures"][0]["keyid"] = signer(1).public_key().id().0.hex().into();
    let stolen: Envelope = serde_json::from_value(stolen).unwrap();
    let stolen = Item::new(stolen, signer(2).public_key()).unwrap();
    // And one whose signature is none, which only a look at it shows.
    let forged =
        Envelope::new(&envelope(3, 1).await.payload().unwrap(), &signer(1).public_key(), Signature::from_der(vec![0x30]));
    let forged = Item::signed(forged, signer(1).public_key()).unwrap();
    ledger.append(&cx(), vec![item(0, 1).await, item(1, 2).await, stolen, forged]).await.unwrap();
    for (recheck, expected) in [(Recheck::Signatures, vec![1, 2, 3]), (Recheck::Log, vec![1, 2])] {
        let index = MemoryEvidenceIndex::new();
        let rebuilt = rebuild(&bucket, &index, recheck, &mut 0).await.unwrap();
        let refused: Vec<_> = rebuilt.refused.1.iter().map(|(leaf, _)| *leaf).collect();
        assert_eq!((refused, rebuilt.added), (expected.clone(), u64::try_from(4 - expected.len()).unwrap()), "{recheck:?}");
        assert_eq!(index.all().len(), 4 - expected.len());
    }
}

/// Evidence about something whose digest is longer than any.
async fn too_long(number: i64) -> Item {
    let mut subject = Subject::named("orders");
    subject.digest.insert("sha512".to_owned(), "0".repeat(8_000));
    let payload = Statement::new(vec![subject], "https://example.org/number", &number).unwrap().to_canonical().unwrap();
    let signature = signer(1).sign(&cx(), &pre_authentication_encoding(PAYLOAD_TYPE, &payload)).await.unwrap();
    Item::new(Envelope::new(&payload, &signer(1).public_key(), signature), signer(1).public_key()).unwrap()
}

#[tokio::test]
async fn what_an_index_refuses_is_named_and_keeps_out_no_other() {
    let bucket = ledger(30).await;
    let ledger = Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap();
    ledger.append(&cx(), vec![too_long(0).await, item(31, 1).await, too_long(1).await]).await.unwrap();
    for recheck in BOTH {
        let (index, mut next) = (MemoryEvidenceIndex::new(), 0);
        let rebuilt = rebuild(&bucket, &index, recheck, &mut next).await.unwrap();
        assert_eq!((rebuilt.added, rebuilt.refused.0, next, index.all().len()), (31, 2, 33, 31));
        let refused: Vec<_> = rebuilt.refused.1.iter().map(|(leaf, _)| *leaf).collect();
        assert_eq!(refused, [30, 32]);
        let reason = &rebuilt.refused.1[0].1;
        assert!(reason.contains("a digest has 8000 bytes, above 1024"), "{reason}");
    }
    // Any other failure ends it, as it did.
    let full = FailsOnce { inner: MemoryEvidenceIndex::new(), calls: Arc::new(AtomicUsize::new(1)) };
    let error = rebuild(&bucket, &full, Recheck::Log, &mut 0).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
}

#[tokio::test]
async fn a_ledger_that_is_not_what_it_should_be_is_refused_and_the_part_named() {
    let bucket = ledger(300).await;
    let name = |text: &str| ObjectKey::parse(text).unwrap();
    for part in ["log/batch/00000000000000000020", "log/tile/0/000", "log/tile/entries/000", "log/checkpoint"] {
        let before = bucket.objects().clone();
        let middle = before[&name(part)].len() / 2;
        bucket.objects().get_mut(&name(part)).unwrap()[middle] ^= 1;
        for recheck in BOTH {
            let error = rebuild(&bucket, &MemoryEvidenceIndex::new(), recheck, &mut 0).await.unwrap_err();
            assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains(part), "{part}: {error}");
        }
        *bucket.objects() = before;
    }
    let error = rebuild(&MemoryBucket::new(), &MemoryEvidenceIndex::new(), Recheck::Log, &mut 0).await.unwrap_err();
    assert!(error.kind() == ErrorKind::NotFound && error.to_string().contains("no checkpoint"), "{error}");
}

#[tokio::test]
async fn a_ledger_that_does_not_go_on_from_what_is_known_of_it_is_refused() {
    let note = |bucket: &MemoryBucket| {
        String::from_utf8(bucket.objects()[&ObjectKey::parse("log/checkpoint").unwrap()].clone()).unwrap()
    };
    let (bucket, before, after) = (ledger(60).await, ledger(20).await, ledger(80).await);
    let fork = MemoryBucket::new();
    let other = Ledger::open(&cx(), Arc::new(fork.clone()), key()).await.unwrap();
    other.append(&cx(), vec![item(1, 1).await]).await.unwrap();
    let told = async |notes: &[String]| known(&bucket, &MemoryEvidenceIndex::new(), Recheck::Log, &mut 0, notes).await;
    // Its own states, in any order.
    assert_eq!(told(&[note(&bucket), note(&before)]).await.unwrap().added, 60);
    for (notes, why) in [
        (vec![note(&before), note(&fork)], "known checkpoint of 1 leaves: it is of another history"),
        (vec![note(&after)], "it has 60 leaves now and had 80: it was cut back"),
    ] {
        let error = told(&notes).await.unwrap_err();
        assert!(error.kind() == ErrorKind::Corrupt && error.to_string().contains(why), "{error}");
    }
    let error = told(&["no note".to_owned()]).await.unwrap_err();
    assert!(error.kind() == ErrorKind::Invalid && error.to_string().contains("a known checkpoint:"), "{error}");
}
