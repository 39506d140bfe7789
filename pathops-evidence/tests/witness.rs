//! Cosignatures of witnesses: those that are known are checked and counted, others are left alone, and in a bundle nothing is
//! that nobody has checked.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use pathops_core::adapter::{Bucket, ObjectVersion, Signer as _, WitnessAnswer, WitnessClient};
use pathops_core::evidence::{Checkpoint, Health, Subject, TrustRoot};
use pathops_core::memory::{ManualClock, MemoryBlobs, MemoryBucket, MemorySigner};
use pathops_core::{Digest, ErrorKind, IdempotencyKey, ObjectKey, OpContext, Result, UnixMillis};
use pathops_evidence::ledger::{
    AddCheckpoint, Cosignature, CosignatureRequest, Ledger, LogIdentity, LogKey, LogReader, MAX_PROOF_LINES, MemoryWitness,
    NoteError, Witness,
};
use pathops_evidence::{Against, Sealer, Verdict, verify_bundle, verify_history, verify_ledger};
use sha2::{Digest as _, Sha256};

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
}

fn checkpoint() -> Checkpoint {
    Checkpoint { size: 70_000, root: Digest::of(b"root") }
}

/// Somebody who cosigns what it is shown.
struct Cosigner {
    name: &'static str,
    key: SigningKey,
}

impl Cosigner {
    fn new(name: &'static str, seed: u8) -> Self {
        Self { name, key: SigningKey::from_bytes(&[seed; 32]) }
    }

    fn witness(&self) -> Witness {
        Witness::new(self.name, self.key.verifying_key().as_bytes()).unwrap()
    }

    /// The line that it adds to a note.
    fn line(&self, note: &str, at: u64) -> String {
        let body = note.split_once("\n\n").unwrap().0;
        let signature = self.key.sign(format!("cosignature/v1\ntime {at}\n{body}\n").as_bytes()).to_bytes();
        let name = Sha256::new().chain_update(self.name).chain_update(b"\n\x04").chain_update(self.key.verifying_key());
        let bytes = [&name.finalize()[..4], &at.to_be_bytes(), &signature].concat();
        format!("\u{2014} {} {}\n", self.name, BASE64.encode(bytes))
    }
}

fn three() -> [Cosigner; 3] {
    [Cosigner::new("one.example/w", 1), Cosigner::new("two.example/w", 2), Cosigner::new("three.example/w", 3)]
}

fn log(needed: usize) -> LogIdentity {
    key().identity().with_witnesses(three().iter().map(Cosigner::witness), needed)
}

#[test]
fn as_many_witnesses_as_are_asked_for_have_to_have_seen_a_checkpoint() {
    let [one, two, three] = three();
    let note = key().sign(&checkpoint());
    assert_eq!(log(0).verify(&note), Ok(checkpoint()));
    assert_eq!(log(1).verify(&note), Err(NoteError::Witnesses { found: 0, needed: 1 }));
    let seen = format!("{note}{}{}", one.line(&note, 1_763_971_200), two.line(&note, 1_763_971_260));
    assert_eq!(log(2).verify(&seen), Ok(checkpoint()));
    assert_eq!(log(3).verify(&seen), Err(NoteError::Witnesses { found: 2, needed: 3 }));
    let by = |witness: &Cosigner, at| Cosignature { witness: witness.name.to_owned(), at };
    assert_eq!(log(2).cosignatures(&seen), Ok(vec![by(&one, 1_763_971_200), by(&two, 1_763_971_260)]));
    assert_eq!(log(3).verify(&format!("{seen}{}", three.line(&note, 0))), Ok(checkpoint()));
}

#[test]
fn a_witness_counts_once_and_for_what_it_has_seen() {
    let [one, two, _] = three();
    let note = key().sign(&checkpoint());
    let twice = format!("{note}{}{}", one.line(&note, 1), one.line(&note, 2));
    assert_eq!(log(1).verify(&twice), Err(NoteError::Form), "a key signs once");
    let another = key().sign(&Checkpoint { size: 70_001, ..checkpoint() });
    let replayed = format!("{another}{}", one.line(&note, 1));
    assert_eq!(log(0).verify(&replayed), Err(NoteError::Cosignature));
    let renamed = one.line(&note, 1).replace(one.name, two.name);
    assert_eq!(log(1).verify(&format!("{note}{renamed}")), Err(NoteError::Witnesses { found: 0, needed: 1 }));
    // One key under two names is one witness.
    let alias = Cosigner { name: "alias.example/w", key: one.key.clone() };
    let known = key().identity().with_witnesses([one.witness(), alias.witness()], 2);
    let seen = format!("{note}{}{}", one.line(&note, 1), alias.line(&note, 1));
    assert_eq!(known.verify(&seen), Err(NoteError::Witnesses { found: 1, needed: 2 }));
}

#[test]
fn whom_nobody_knows_is_left_alone_and_what_is_no_signature_is_refused() {
    let note = key().sign(&checkpoint());
    let stranger = Cosigner::new("stranger.example", 9).line(&note, 1);
    assert_eq!(log(0).verify(&format!("{note}{stranger}")), Ok(checkpoint()));
    assert_eq!(log(1).verify(&format!("{note}{stranger}")), Err(NoteError::Witnesses { found: 0, needed: 1 }));
    let post_quantum = format!("\u{2014} three.example/w {}\n", BASE64.encode([6; 2_428]));
    assert_eq!(log(0).verify(&format!("{note}{post_quantum}")), Ok(checkpoint()), "a kind of key that is new");
    for bad in [
        "\n",
        "text\n",
        "\u{2014} name\n",
        "\u{2014} name AAA=\n",
        "\u{2014} name %\n",
        "\u{2014} a+b AAAAAAAA\n",
        "\u{2014} name AAAAAAAA",
    ] {
        assert_eq!(log(0).verify(&format!("{note}{bad}")), Err(NoteError::Form), "{bad:?}");
    }
    let many = |count| (0..count).map(|number| format!("\u{2014} w{number} AAAAAAAA\n")).collect::<String>();
    assert_eq!(log(0).verify(&format!("{note}{}", many(63))), Ok(checkpoint()));
    assert_eq!(log(0).verify(&format!("{note}{}", many(64))), Err(NoteError::Form), "reading one takes no longer than that");
}

#[tokio::test]
async fn a_ledger_and_a_bundle_are_verified_with_as_many_witnesses_as_the_host_asks_for() {
    let signer = MemorySigner::from_seed(3).unwrap();
    let trust = TrustRoot::new([signer.public_key()]);
    let bucket = MemoryBucket::new();
    let ledger = Arc::new(Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap());
    let sealer = Sealer::new(Arc::new(signer), Arc::new(MemoryBlobs::new())).with_ledger(ledger.clone());
    let health = Health {
        change_set: "a-change".parse().unwrap(),
        unit: "orders".parse().unwrap(),
        environment: "preflight".parse().unwrap(),
        healthy: true,
        settled_millis: 1_000,
        observed_on: UnixMillis(0),
    };
    let subject = Subject::named("orders").with_sha256(&Digest::of(b"artifact"));
    let record = sealer.seal(&cx(), "health", vec![subject], &health).await.unwrap();
    let (_, note) = ledger.reader().note(&cx()).await.unwrap().unwrap();
    let [one, two, _] = three();
    let stranger = Cosigner::new("stranger.example", 9);
    let seen = format!("{note}{}{}{}", one.line(&note, 1), stranger.line(&note, 2), two.line(&note, 3));
    bucket.write(&cx(), &"log/checkpoint".parse().unwrap(), seen.into_bytes()).await.unwrap();

    let ledger = async |needed| {
        let against = Against { log: &log(needed), trust: &trust, known: &[], blobs: None, sealed: None };
        verify_ledger(&cx(), &bucket, against).await.unwrap()
    };
    let two_of_three = ledger(2).await;
    assert_eq!(two_of_three.verdict(), Verdict::Verified, "{two_of_three}");
    let text = two_of_three.to_string();
    assert!(text.contains("witness `one.example/w`") && text.contains("whom nobody here knows"), "{text}");
    let all = ledger(3).await;
    assert_eq!(all.verdict(), Verdict::NotVerified, "they may be on their way: {all}");
    assert!(all.to_string().contains("2 witnesses that are known here have cosigned it, and 3 must"), "{all}");

    // Its past is looked at all the same.
    let past = async |needed| {
        let reader = LogReader::new(Arc::new(bucket.clone()), log(needed));
        verify_history(&cx(), &reader, std::slice::from_ref(&note)).await.unwrap()
    };
    assert_eq!(past(2).await.verdict(), Verdict::Verified);
    let few = past(3).await;
    assert!(few.verdict() == Verdict::NotVerified && few.missing[0].starts_with("cosignatures: 2"), "{few}");
    assert_eq!(few.checked, ["1 earlier checkpoints, on which that of 1 leaves follows"], "{few}");

    let reader = LogReader::new(Arc::new(bucket.clone()), log(0));
    let bundle = reader.bundle(&cx(), record.id).await.unwrap().unwrap();
    assert!(bundle.contains("one.example/w") && !bundle.contains("stranger.example"), "{bundle}");
    assert_eq!(verify_bundle(bundle.as_bytes(), &log(2), &trust).verdict(), Verdict::Verified);
    assert_eq!(verify_bundle(bundle.as_bytes(), &log(3), &trust).verdict(), Verdict::NotVerified);
    let begin = bundle.find("one.example/w").unwrap();
    for place in begin..bundle[begin..].find('"').unwrap() + begin {
        let mut changed = bundle.clone().into_bytes();
        changed[place] ^= 1;
        assert_eq!(verify_bundle(&changed, &log(0), &trust).verdict(), Verdict::Failed, "byte {place}");
    }
    let padded = bundle
        .replace("\u{2014} two.example/w", &format!("{}\u{2014} two.example/w", stranger.line(&note, 1).replace('\n', "\\n")));
    assert_ne!(padded, bundle);
    assert_eq!(verify_bundle(padded.as_bytes(), &log(0), &trust).verdict(), Verdict::Failed, "nobody has checked that line");
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(UnixMillis(1_763_971_200_000)))
}

/// A log with as many pieces of evidence, and where it lies.
async fn grown(bucket: &MemoryBucket, ids: std::ops::Range<u64>) -> (Ledger, Sealer) {
    let ledger = Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap();
    let sealed = Arc::new(Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap());
    let signer = MemorySigner::from_seed(3).unwrap();
    let sealer = Sealer::new(Arc::new(signer), Arc::new(MemoryBlobs::new())).with_ledger(sealed);
    for id in ids {
        seal(&sealer, id).await;
    }
    (ledger, sealer)
}

async fn seal(sealer: &Sealer, id: u64) {
    let health = Health {
        change_set: "a-change".parse().unwrap(),
        unit: "orders".parse().unwrap(),
        environment: "preflight".parse().unwrap(),
        healthy: true,
        settled_millis: id,
        observed_on: UnixMillis(1_000),
    };
    let subjects = vec![Subject::named("orders").with_sha256(&Digest::of(b"artifact"))];
    sealer.seal(&cx(), "health", subjects, &health).await.unwrap();
}

fn memory_witness(name: &str, seed: u8) -> MemoryWitness {
    MemoryWitness::new(name, &[seed; 32], clock(), [key().identity()]).unwrap()
}

fn asked(witnesses: &[&MemoryWitness]) -> Vec<(Witness, Arc<dyn WitnessClient>)> {
    witnesses.iter().map(|it| (it.witness(), Arc::new((*it).clone()) as Arc<dyn WitnessClient>)).collect()
}

#[tokio::test]
async fn witnesses_cosign_as_the_log_grows_and_whoever_asks_for_them_finds_them() {
    let bucket = MemoryBucket::new();
    let (one, two) = (memory_witness("one.example/w", 1), memory_witness("two.example/w", 2));
    let (ledger, sealer) = grown(&bucket, 0..3).await;
    let first = ledger.cosign(&cx(), &asked(&[&one]), 1).await.unwrap().unwrap();
    assert_eq!((first.checkpoint.size, first.cosignatures.len(), first.is_published), (3, 1, true));
    assert_eq!(first.cosignatures[0].at, 1_763_971_200, "by its own clock");
    for id in 3..300 {
        seal(&sealer, id).await;
    }
    // One has seen three leaves, the other nothing; both go on from there.
    let both = ledger.cosign(&cx(), &asked(&[&one, &two]), 2).await.unwrap().unwrap();
    assert_eq!((both.checkpoint.size, both.cosignatures.len(), both.others), (300, 2, vec![]));
    let identity = key().identity().with_witnesses([one.witness(), two.witness()], 2);
    let reader = LogReader::new(Arc::new(bucket.clone()), identity.clone());
    assert_eq!(reader.note(&cx()).await.unwrap().unwrap().1, both.note, "the log has it so");
    let trust = TrustRoot::new([MemorySigner::from_seed(3).unwrap().public_key()]);
    let against = Against { log: &identity, trust: &trust, known: &[], blobs: None, sealed: None };
    let verification = verify_ledger(&cx(), &bucket, against).await.unwrap();
    assert!(verification.verdict() == Verdict::Verified && verification.to_string().contains("two.example/w"), "{verification}");
    // The same again changes nothing, and the log goes on.
    assert_eq!(ledger.cosign(&cx(), &asked(&[&one, &two]), 2).await.unwrap().unwrap().note, both.note);
    seal(&sealer, 300).await;
    assert_eq!(ledger.reader().checkpoint(&cx()).await.unwrap().unwrap().size, 301);
}

#[tokio::test]
async fn a_witness_that_has_seen_another_history_cosigns_nothing_and_says_why() {
    let (bucket, fork, longer) = (MemoryBucket::new(), MemoryBucket::new(), MemoryBucket::new());
    let [seen_fork, seen_more, fresh] =
        [("fork.example/w", 1), ("more.example/w", 2), ("fresh.example/w", 3)].map(|(name, seed)| memory_witness(name, seed));
    let stranger = MemoryWitness::new("stranger.example/w", &[4; 32], clock(), []).unwrap();
    let (ledger, _) = grown(&bucket, 0..5).await;
    let (other, _) = grown(&fork, 10..13).await;
    other.cosign(&cx(), &asked(&[&seen_fork]), 1).await.unwrap();
    let (more, _) = grown(&longer, 0..7).await;
    more.cosign(&cx(), &asked(&[&seen_more]), 1).await.unwrap();
    let bare = ledger.reader().note(&cx()).await.unwrap().unwrap().1;
    let all = asked(&[&seen_fork, &seen_more, &stranger, &fresh]);
    let error = ledger.cosign(&cx(), &all, 2).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    for why in ["it shows a fork", "it has seen 7 leaves, and the log has 5", "it does not know the log", "1 witnesses"] {
        assert!(error.to_string().contains(why), "{why}: {error}");
    }
    assert_eq!(ledger.reader().note(&cx()).await.unwrap().unwrap().1, bare, "nothing is published");
    let one = ledger.cosign(&cx(), &all, 1).await.unwrap().unwrap();
    assert_eq!((one.cosignatures.len(), one.others.len(), one.is_published), (1, 3, true));
    // A fork of the very size that was seen.
    let (same_size, _) = grown(&MemoryBucket::new(), 20..25).await;
    let error = same_size.cosign(&cx(), &asked(&[&fresh]), 1).await.unwrap_err();
    assert!(error.to_string().contains("another log of that size"), "{error}");
}

/// A bucket in which another writer puts this in the place of what was just looked at to replace it.
#[derive(Debug)]
struct Overtaken(MemoryBucket, Mutex<Option<Vec<u8>>>);

#[async_trait::async_trait]
impl Bucket for Overtaken {
    fn name(&self) -> &'static str {
        self.0.name()
    }
    async fn create(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.0.create(cx, key, bytes).await
    }
    async fn write(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.0.write(cx, key, bytes).await
    }
    async fn replace(&self, cx: &OpContext, key: &ObjectKey, version: &ObjectVersion, bytes: Vec<u8>) -> Result<()> {
        self.0.replace(cx, key, version, bytes).await
    }
    async fn read_version(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<(Vec<u8>, ObjectVersion)>> {
        let there = self.0.read_version(cx, key).await;
        let other = self.1.lock().unwrap().take();
        if let Some(other) = other {
            self.0.write(cx, key, other).await?;
        }
        there
    }
    async fn read(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<Vec<u8>>> {
        self.0.read(cx, key).await
    }
    async fn list<'a>(
        &self,
        cx: &OpContext,
        within: &ObjectKey,
        after: Option<&'a ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>> {
        self.0.list(cx, within, after, limit).await
    }
    async fn delete(&self, cx: &OpContext, key: &ObjectKey) -> Result<()> {
        self.0.delete(cx, key).await
    }
    fn location(&self, key: &ObjectKey) -> String {
        self.0.location(key)
    }
}

#[tokio::test]
async fn a_checkpoint_that_was_cosigned_takes_the_place_of_no_other_one() {
    let (bucket, longer) = (MemoryBucket::new(), MemoryBucket::new());
    grown(&bucket, 0..3).await;
    let (longer, _) = grown(&longer, 0..5).await;
    let (larger, note) = longer.reader().note(&cx()).await.unwrap().unwrap();
    let overtaken = Arc::new(Overtaken(bucket, Mutex::default()));
    let ledger = Ledger::open(&cx(), overtaken.clone(), key()).await.unwrap();
    *overtaken.1.lock().unwrap() = Some(note.clone().into_bytes());
    let one = memory_witness("one.example/w", 1);
    let cosigned = ledger.cosign(&cx(), &asked(&[&one]), 1).await.unwrap().unwrap();
    assert_eq!((cosigned.checkpoint.size, cosigned.cosignatures.len(), cosigned.is_published), (3, 1, false));
    assert_eq!(ledger.reader().note(&cx()).await.unwrap().unwrap(), (larger, note));
    assert!(overtaken.1.lock().unwrap().is_none(), "it was overtaken");
}

/// Answers what it is told to.
#[derive(Debug)]
struct Answers(WitnessAnswer);

#[async_trait::async_trait]
impl WitnessClient for Answers {
    async fn add_checkpoint(&self, _cx: &OpContext, _body: &str) -> Result<WitnessAnswer> {
        Ok(self.0.clone())
    }
}

#[tokio::test]
async fn what_is_no_cosignature_of_this_checkpoint_by_the_witness_that_was_asked_is_none() {
    let bucket = MemoryBucket::new();
    let (ledger, _) = grown(&bucket, 0..2).await;
    let note = ledger.reader().note(&cx()).await.unwrap().unwrap().1;
    let [one, two, _] = three();
    let older = key().sign(&checkpoint());
    let line = one.line(&note, 7);
    let good = format!("{}no line\n{line}", two.line(&note, 7));
    let answers = [
        (200, two.line(&note, 7), "no cosignature of its own"),
        (200, one.line(&older, 7), "no cosignature of its own"),
        (200, String::new(), "no signature"),
        (200, format!("{line}{}", "x".repeat(64 << 10)), "longer than any cosignature"),
        (409, "2".to_owned(), "does not say what it has seen"),
        (409, "02\n".to_owned(), "does not say what it has seen"),
        (409, "1\n".to_owned(), "another time"),
        (503, "later\n".to_owned(), "the status 503"),
    ];
    for (status, body, why) in answers {
        let client: Arc<dyn WitnessClient> = Arc::new(Answers(WitnessAnswer { status, body }));
        let error = ledger.cosign(&cx(), &[(one.witness(), client)], 1).await.unwrap_err();
        assert!(error.to_string().contains(why), "{why}: {error}");
    }
    let client: Arc<dyn WitnessClient> = Arc::new(Answers(WitnessAnswer { status: 200, body: good }));
    let cosigned = ledger.cosign(&cx(), &[(one.witness(), client)], 1).await.unwrap().unwrap();
    assert_eq!(cosigned.note, format!("{note}{line}"), "lines of others are left out");
}

#[tokio::test]
async fn a_witness_reads_requests_as_the_standard_has_them() {
    let bucket = MemoryBucket::new();
    let (ledger, _) = grown(&bucket, 0..1).await;
    let note = ledger.reader().note(&cx()).await.unwrap().unwrap().1;
    let request = |old, proof: Vec<Digest>| CosignatureRequest { old, proof, note: &note }.to_string();
    let read = AddCheckpoint::parse(&request(7, vec![Digest::of(b"one"), Digest::of(b"two")])).unwrap();
    assert_eq!((read.old, read.proof, read.note), (7, vec![Digest::of(b"one"), Digest::of(b"two")], note.clone()));
    let many = |count: usize| AddCheckpoint::parse(&request(7, vec![Digest::of(b"one"); count]));
    assert!(many(MAX_PROOF_LINES).is_some() && many(MAX_PROOF_LINES + 1).is_none());

    let witness = memory_witness("one.example/w", 1);
    let answer = |body: &str| witness.answer(body).status;
    for bad in ["", "old 0", "old 00\n\nx\n", "new 0\n\nx\n", "old 0\nnot base64!\n\nx\n", "old -1\n\nx\n", "old 0\n\nno note"] {
        assert_eq!(answer(bad), 400, "{bad:?}");
    }
    let forged = LogKey::new("shop.example/evidence", &[8; 32]).unwrap().sign(&Checkpoint { size: 1, root: Digest::of(b"x") });
    assert_eq!(answer(&format!("old 0\n\n{forged}")), 403);
    let other = LogKey::new("other.example", &[7; 32]).unwrap().sign(&checkpoint());
    assert_eq!(answer(&format!("old 0\n\n{other}")), 404);
    assert_eq!(answer(&request(2, vec![])), 400, "older than what it is to follow on");
    assert_eq!(answer(&request(0, vec![Digest::of(b"x")])), 422, "nothing follows on nothing");
    assert_eq!(answer(&request(0, vec![])), 200);
    assert_eq!(witness.answer(&request(0, vec![])), WitnessAnswer { status: 409, body: "1\n".to_owned() });
    assert_eq!(answer(&request(1, vec![])), 200, "the same again");
}
