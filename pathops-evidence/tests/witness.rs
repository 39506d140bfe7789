//! Cosignatures of witnesses: those that are known are checked and counted, others are left alone, and in a bundle nothing is
//! that nobody has checked.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use pathops_core::adapter::{Bucket as _, Signer as _};
use pathops_core::evidence::{Checkpoint, Health, Subject, TrustRoot};
use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemorySigner};
use pathops_core::{Digest, IdempotencyKey, OpContext, UnixMillis};
use pathops_evidence::ledger::{Cosignature, Ledger, LogIdentity, LogKey, LogReader, NoteError, Witness};
use pathops_evidence::{Against, Sealer, Verdict, verify_bundle, verify_ledger};
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
        let log = log(needed);
        verify_ledger(&cx(), &bucket, Against { log: &log, trust: &trust, known: &[], blobs: None }).await.unwrap()
    };
    let two_of_three = ledger(2).await;
    assert_eq!(two_of_three.verdict(), Verdict::Verified, "{two_of_three}");
    let text = two_of_three.to_string();
    assert!(text.contains("witness `one.example/w`") && text.contains("whom nobody here knows"), "{text}");
    let all = ledger(3).await;
    assert_eq!(all.verdict(), Verdict::Failed, "{all}");
    assert!(all.to_string().contains("2 witnesses that are known here have cosigned it, and 3 must"), "{all}");

    let reader = LogReader::new(Arc::new(bucket.clone()), log(0));
    let bundle = reader.bundle(&cx(), record.id).await.unwrap().unwrap();
    assert!(bundle.contains("one.example/w") && !bundle.contains("stranger.example"), "{bundle}");
    assert_eq!(verify_bundle(bundle.as_bytes(), &log(2), &trust).verdict(), Verdict::Verified);
    assert_eq!(verify_bundle(bundle.as_bytes(), &log(3), &trust).verdict(), Verdict::Failed);
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
