//! Evidence of a keyless signer: verified where a trusted authority has certified a trusted identity and a witness has seen it while
//! the certificate held, and by no less. The certificates lie in `fixtures/authority`.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use pathops_core::adapter::Signer as _;
use pathops_core::evidence::{
    CertificateAuthority, CertificateChain, Health, Occasion, SignerIdentity, StreamId, Subject, Tombstone, TombstoneReason,
    TrustRoot, Window,
};
use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemoryEvidenceIndex, MemorySigner};
use pathops_core::{Digest, IdempotencyKey, ObjectKey, OpContext, UnixMillis};
use pathops_evidence::ledger::{Item, Ledger, LogIdentity, LogKey, Witness};
use pathops_evidence::{
    Against, Collection, Position, Rebuild, Rebuilt, Recheck, Sealer, SnapshotOf, Verdict, Verification, authorities_of,
    rebuild_index, trusted_root, verify_bundle, verify_ledger,
};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

const ORDERS: &str = "https://ci.example/orders";
const DAY: u64 = 86_400;

/// When the certificates were made.
fn made() -> u64 {
    include_str!("fixtures/authority/at").trim().parse().unwrap()
}

fn der(name: &str) -> Vec<u8> {
    let file = format!("{}/tests/fixtures/authority/{name}.pem", env!("CARGO_MANIFEST_DIR"));
    let pem = std::fs::read_to_string(file).unwrap();
    BASE64.decode(pem.lines().filter(|line| !line.starts_with("-----")).collect::<String>()).unwrap()
}

fn authority(names: &[&str]) -> CertificateAuthority {
    CertificateAuthority { certificates: names.iter().map(|name| der(name)).collect(), from: None, until: None }
}

fn identity(subject: &str) -> SignerIdentity {
    SignerIdentity { subject: subject.to_owned(), issuer: "https://issuer.example".to_owned() }
}

/// As a host has it: the authority, and whom it may certify.
fn trust() -> TrustRoot {
    TrustRoot::new([]).with_authority(authority(&["between", "root"])).with_identity(identity(ORDERS))
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

fn witness(seed: u8) -> (String, SigningKey) {
    (format!("witness-{seed}.example/w"), SigningKey::from_bytes(&[seed; 32]))
}

/// The line by which a witness has cosigned a note.
fn line(seed: u8, note: &str, at: u64) -> String {
    let (name, key) = witness(seed);
    let body = note.split_once("\n\n").unwrap().0;
    let signature = key.sign(format!("cosignature/v1\ntime {at}\n{body}\n").as_bytes()).to_bytes();
    let id = Sha256::new().chain_update(&name).chain_update(b"\n\x04").chain_update(key.verifying_key()).finalize();
    format!("\u{2014} {name} {}\n", BASE64.encode([&id[..4], &at.to_be_bytes(), &signature].concat()))
}

fn key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
}

/// The log, and as many of two witnesses as have to see it.
fn log(needed: usize) -> LogIdentity {
    let known = [1, 2].map(|seed| {
        let (name, key) = witness(seed);
        Witness::new(name, key.verifying_key().as_bytes()).unwrap()
    });
    key().identity().with_witnesses(known, needed)
}

fn health() -> Health {
    Health {
        change_set: "a-change".parse().unwrap(),
        unit: "orders".parse().unwrap(),
        environment: "preflight".parse().unwrap(),
        healthy: true,
        settled_millis: 1_000,
        observed_on: UnixMillis(7),
    }
}

fn subject() -> Vec<Subject> {
    vec![Subject::named("orders").with_sha256(&Digest::of(b"artifact"))]
}

/// The checkpoint of a log as it is, and as a witness has cosigned it, then.
fn note(bucket: &MemoryBucket) -> String {
    String::from_utf8(bucket.objects()[&ObjectKey::parse(CHECKPOINT).unwrap()].clone()).unwrap()
}

fn cosigned(note: &str, at: u64) -> String {
    format!("{note}{}", line(1, note, at))
}

fn cosign(bucket: &MemoryBucket, at: u64) {
    let cosigned = cosigned(&note(bucket), at);
    bucket.objects().insert(ObjectKey::parse(CHECKPOINT).unwrap(), cosigned.into_bytes());
}

/// A log of one leaf, and its bundle, whose checkpoint these have cosigned.
struct Logged {
    bucket: MemoryBucket,
    bundle: String,
}

const CHECKPOINT: &str = "log/checkpoint";

async fn logged(chain: CertificateChain, cosigned: &[(u8, u64)]) -> Logged {
    let (bucket, signer) = (MemoryBucket::new(), MemorySigner::from_seed(1).unwrap().with_certificates(chain).unwrap());
    let ledger = Arc::new(Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap());
    let sealer = Sealer::new(Arc::new(signer), Arc::new(MemoryBlobs::new())).with_ledger(ledger);
    let record = sealer.seal(&cx(), "health", subject(), &health()).await.unwrap();
    let checkpoint = ObjectKey::parse(CHECKPOINT).unwrap();
    let note = String::from_utf8(bucket.objects()[&checkpoint].clone()).unwrap();
    let note = cosigned.iter().fold(note.clone(), |all, (seed, at)| all + &line(*seed, &note, *at));
    bucket.objects().insert(checkpoint, note.into_bytes());
    let reader = pathops_evidence::ledger::LogReader::new(Arc::new(bucket.clone()), log(0));
    let bundle = reader.bundle(&cx(), record.id).await.unwrap().unwrap();
    Logged { bucket, bundle }
}

impl Logged {
    async fn ledger(&self, log: &LogIdentity, trust: &TrustRoot, known: &[String]) -> Verification {
        let against = Against { log, trust, known, blobs: None, sealed: None };
        verify_ledger(&cx(), &self.bucket, against).await.unwrap()
    }

    /// What an index takes that is made anew, the same whatever else is checked, and how much is found in it.
    async fn indexed(&self, log: &LogIdentity, trust: &TrustRoot, known: &[String]) -> (Rebuilt, usize) {
        let mut answers = Vec::new();
        for recheck in [Recheck::Signatures, Recheck::Log] {
            let (by, index) = (Rebuild { log, trust, known, recheck }, MemoryEvidenceIndex::new());
            let rebuilt = rebuild_index(&cx(), Arc::new(self.bucket.clone()), by, &index, &mut 0).await.unwrap();
            answers.push((rebuilt, index.all().len()));
        }
        let [first, second] = answers.try_into().unwrap();
        assert_eq!(first, second);
        first
    }

    /// What is said of the bundle and of the ledger.
    async fn both(&self, log: &LogIdentity, trust: &TrustRoot) -> [Verification; 2] {
        [verify_bundle(self.bundle.as_bytes(), log, trust), self.ledger(log, trust, &[]).await]
    }

    /// That neither is verified, for this reason, and nothing has failed.
    async fn unverified(&self, log: &LogIdentity, trust: &TrustRoot, why: &str) {
        for said in self.both(log, trust).await {
            assert_eq!(said.verdict(), Verdict::NotVerified, "{why}: {said}");
            assert!(said.missing.iter().any(|it| it.contains(why)), "{why}: {said}");
        }
    }
}

fn chain(leaf: &str, above: &[&str]) -> CertificateChain {
    CertificateChain::new(der(leaf), above.iter().map(|name| der(name)).collect()).unwrap()
}

#[tokio::test]
async fn a_certified_identity_is_verified_and_told() {
    for (leaf, authority_of, subject) in [
        ("signer", &["between", "root"][..], ORDERS),
        ("mail", &["between", "root"], "deployer@shop.example"),
        ("p256", &["another"], ORDERS),
    ] {
        let logged = logged(chain(leaf, &[]), &[(1, made() + 60)]).await;
        let trust = TrustRoot::new([]).with_authority(authority(authority_of)).with_identity(identity(subject));
        for said in logged.both(&log(1), &trust).await {
            assert_eq!(said.verdict(), Verdict::Verified, "{leaf}: {said}");
            let by = format!("`{subject}` by `https://issuer.example`, certified by the authority");
            assert!(said.checked.iter().any(|it| it.contains(&by)), "{leaf}: {said}");
            assert!(!said.to_string().contains("trusted keys"), "none is by a key alone: {said}");
        }
    }
}

#[tokio::test]
async fn an_index_is_made_anew_of_what_a_certificate_shows() {
    let (seen, unseen) = (logged(chain("signer", &[]), &[(1, made() + 60)]).await, logged(chain("signer", &[]), &[]).await);
    let (rebuilt, found) = seen.indexed(&log(1), &trust(), &[]).await;
    assert_eq!((rebuilt.added, rebuilt.refused.0, found), (1, 0, 1));
    let of_nobody = TrustRoot::new([]).with_authority(authority(&["between", "root"]));
    for (logged, trust, why) in [
        (&seen, of_nobody, "who is not trusted here"),
        (
            &seen,
            TrustRoot::new([]).with_authority(authority(&["another"])).with_identity(identity(ORDERS)),
            "no trusted authority",
        ),
        (&unseen, trust(), "nobody trusted says when"),
    ] {
        let (rebuilt, found) = logged.indexed(&log(0), &trust, &[]).await;
        assert_eq!((rebuilt.added, rebuilt.refused.0, found), (0, 1, 0));
        assert!(rebuilt.refused.1[0].1.contains(why), "{why}: {:?}", rebuilt.refused);
    }
    // A witness has seen it then, and it is told by a checkpoint that is known from elsewhere.
    let known = [cosigned(&note(&unseen.bucket), made() + 60)];
    let (rebuilt, found) = unseen.indexed(&log(0), &trust(), &known).await;
    assert_eq!((rebuilt.added, rebuilt.refused.0, found), (1, 0, 1));
}

#[tokio::test]
async fn what_stands_above_the_certificate_may_come_from_the_signer_and_the_last_word_may_not() {
    let logged = logged(chain("signer", &["between", "root"]), &[(1, made() + 60)]).await;
    let root = TrustRoot::new([]).with_identity(identity(ORDERS));
    let from_the_ledger = logged.ledger(&log(1), &root.clone().with_authority(authority(&["root"])), &[]).await;
    assert_eq!(from_the_ledger.verdict(), Verdict::Verified, "{from_the_ledger}");
    logged.unverified(&log(1), &root.with_authority(authority(&["another"])), "no trusted authority has issued").await;
}

#[tokio::test]
async fn a_producer_is_known_by_its_identity_and_does_not_speak_for_pathops() {
    let logged = logged(chain("signer", &[]), &[(1, made() + 60)]).await;
    let trust = TrustRoot::new([]).with_authority(authority(&["between", "root"]));
    let trust = trust.with_producer_identity("scanner".parse().unwrap(), identity(ORDERS));
    for said in logged.both(&log(1), &trust).await {
        assert_eq!(said.verdict(), Verdict::Failed, "{said}");
        assert!(said.failures.iter().any(|(_, why)| why.contains("`scanner` speaks for PathOps")), "{said}");
    }
}

/// Each by its own authority alone, which says what is wrong, and beside one that has not issued it.
#[tokio::test]
async fn a_certificate_that_breaks_a_rule_does_not_hold() {
    let (own, other) = (&["between", "root"][..], &["another"][..]);
    for (leaf, above, issuer, why) in [
        ("usage", &[][..], own, "RequiredEkuNotFound"),
        ("times", &[], own, "RequiredEkuNotFound"),
        ("critical", &[], own, "UnsupportedCriticalExtension"),
        ("itself", &[], own, "CaUsedAsEndEntity"),
        ("too-long", &["below"], own, "PathLenConstraintViolated"),
        ("by-plain", &["plain"], other, "EndEntityUsedAsCa"),
        ("sha512", &[], other, "UnsupportedSignatureAlgorithm"),
        ("two", &[], own, "or more than one"),
        ("unissued", &[], own, "or more than one"),
    ] {
        let logged = logged(chain(leaf, above), &[(1, made() + 60)]).await;
        let stranger = if issuer == own { other } else { own };
        for authorities in [&[issuer][..], &[issuer, stranger], &[stranger, issuer]] {
            let trust = authorities.iter().fold(TrustRoot::new([]), |trust, names| trust.with_authority(authority(names)));
            let said = logged.ledger(&log(1), &trust.with_identity(identity(ORDERS)), &[]).await;
            assert_eq!(said.verdict(), Verdict::NotVerified, "{leaf}: {said}");
            assert!(said.missing[0].contains(why), "{leaf}: {said}");
        }
    }
    // A bundle has the first alone.
    for leaf in ["usage", "times", "critical", "itself", "two", "unissued"] {
        let logged = logged(chain(leaf, &[]), &[(1, made() + 60)]).await;
        logged.unverified(&log(1), &trust(), "the certificate").await;
    }
    // Issued by the right one, and changed since: the end of a certificate is its signature.
    let mut changed = der("signer");
    *changed.last_mut().unwrap() ^= 1;
    let logged = logged(CertificateChain::new(changed, Vec::new()).unwrap(), &[(1, made() + 60)]).await;
    logged.unverified(&log(1), &trust(), "InvalidSignatureForPublicKey").await;
}

/// Nothing else is over what stands above a certificate.
#[tokio::test]
async fn what_stands_above_a_certificate_has_to_lead_to_the_authority() {
    let told = async |above: &[&str]| {
        let logged = logged(chain("signer", above), &[(1, made() + 60)]).await;
        logged.ledger(&log(1), &trust(), &[]).await
    };
    for above in [&["between"][..], &["root", "between"]] {
        let said = told(above).await;
        assert_eq!(said.verdict(), Verdict::Verified, "{above:?}: {said}");
        assert!(said.left_out.iter().any(|it| it.contains("certificates were revoked")), "{said}");
    }
    let many = ["between"; 6];
    for (above, why) in
        [(&["between", "another"][..], "none of those by which it was issued"), (&many, "6 certificates stand above")]
    {
        let said = told(above).await;
        assert_eq!(said.verdict(), Verdict::NotVerified, "{above:?}: {said}");
        assert!(said.missing[0].contains(why), "{above:?}: {said}");
    }
}

fn cpu() -> std::time::Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    std::time::Duration::new(u64::try_from(time.tv_sec).unwrap(), u32::try_from(time.tv_nsec).unwrap())
}

/// Verifying one takes longer than all else of a leaf.
#[tokio::test]
async fn a_certificate_of_many_leaves_is_verified_once() {
    let signer = || MemorySigner::from_seed(1).unwrap();
    let sealer = Sealer::new(Arc::new(signer()), Arc::new(MemoryBlobs::new()));
    let (bucket, mut items) = (MemoryBucket::new(), Vec::new());
    for at in 0..200 {
        let record = sealer.seal(&cx(), "health", subject(), &Health { observed_on: UnixMillis(at), ..health() }).await.unwrap();
        items.push(Item::certified(sealer.envelope(&cx(), &record).await.unwrap(), chain("signer", &["between"])).unwrap());
    }
    Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap().append(&cx(), items).await.unwrap();
    cosign(&bucket, made() + 60);
    let spent = async |trust: TrustRoot| {
        let (log, begun) = (log(1), cpu());
        let against = Against { log: &log, trust: &trust, known: &[], blobs: None, sealed: None };
        let said = verify_ledger(&cx(), &bucket, against).await.unwrap();
        assert_eq!(said.verdict(), Verdict::Verified, "{said}");
        assert!(said.to_string().contains("200 envelopes by"), "{said}");
        cpu().saturating_sub(begun)
    };
    let (by_key, certified) = (spent(TrustRoot::new([signer().public_key()])).await, spent(trust()).await);
    assert!(certified < 2 * by_key, "{certified:?}, and by its key {by_key:?}");
}

#[tokio::test]
async fn nobody_is_trusted_unless_they_are_named() {
    let logged = logged(chain("signer", &[]), &[(1, made() + 60)]).await;
    let authority_alone = TrustRoot::new([]).with_authority(authority(&["between", "root"]));
    logged.unverified(&log(1), &authority_alone, "who is not trusted here").await;
    let other = authority_alone.clone().with_identity(identity("https://ci.example/web"));
    logged.unverified(&log(1), &other, "who is not trusted here").await;
    let issuer = SignerIdentity { issuer: "https://another.example".to_owned(), ..identity(ORDERS) };
    logged.unverified(&log(1), &authority_alone.with_identity(issuer), "who is not trusted here").await;
    let another = TrustRoot::new([]).with_authority(authority(&["another"])).with_identity(identity(ORDERS));
    logged.unverified(&log(1), &another, "no trusted authority has issued").await;
    // Without an authority it is as it was: a stranger's in a log, and nobody's in a bundle.
    let nobody = TrustRoot::new([]).with_identity(identity(ORDERS));
    let [bundle, ledger] = logged.both(&log(1), &nobody).await;
    assert_eq!((bundle.verdict(), ledger.verdict()), (Verdict::NotVerified, Verdict::Failed), "{bundle}{ledger}");
}

/// Nobody has seen yet when what a crash has left was signed; that its certificate is of who is trusted can be asked.
#[tokio::test]
async fn what_a_keyless_signer_has_left_is_taken_up_where_its_authority_and_identity_are_trusted() {
    let logged = logged(chain("signer", &[]), &[]).await;
    let checkpoint = ObjectKey::parse(CHECKPOINT).unwrap();
    let empty = key().sign(&pathops_core::evidence::Checkpoint { size: 0, root: Digest::of(b"") });
    logged.bucket.objects().insert(checkpoint.clone(), empty.clone().into_bytes());
    let open = async |trust: &TrustRoot| {
        let known = pathops_evidence::ledger::Known::default().trusting(trust.clone());
        Ledger::open_knowing(&cx(), Arc::new(logged.bucket.clone()), key(), known).await.map(drop)
    };
    let another = TrustRoot::new([]).with_authority(authority(&["another"])).with_identity(identity(ORDERS));
    let nobody = TrustRoot::new([]).with_authority(authority(&["between", "root"]));
    for other in [another, nobody, TrustRoot::new([])] {
        assert_eq!(open(&other).await.unwrap_err().kind(), pathops_core::ErrorKind::Corrupt);
        assert_eq!(note(&logged.bucket), empty, "nothing is signed");
        let said = logged.ledger(&log(0), &other, &[]).await;
        assert!(said.failures.iter().any(|(part, _)| part.starts_with("log/batch/")), "{said}");
    }
    let said = logged.ledger(&log(0), &trust(), &[]).await;
    assert!(said.failures.is_empty(), "{said}");
    open(&trust()).await.unwrap();
    assert_ne!(note(&logged.bucket), empty);
}

#[tokio::test]
async fn a_certificate_has_to_hold_when_a_witness_has_seen_what_it_signed() {
    let seen = async |cosigned: &[(u8, u64)]| logged(chain("signer", &[]), cosigned).await;
    for at in [made() - 3_600, made() + 2 * DAY] {
        seen(&[(1, at)]).await.unverified(&log(1), &trust(), "seen first").await;
    }
    // By nobody, or by somebody whom nobody knows here.
    seen(&[]).await.unverified(&log(0), &trust(), "nobody trusted says when").await;
    seen(&[(3, made() + 60)]).await.unverified(&log(0), &trust(), "nobody trusted says when").await;
    // Where two have to have seen it, one alone cannot say that it was earlier.
    let twice = seen(&[(1, made() + 60), (2, made() + 2 * DAY)]).await;
    twice.unverified(&log(2), &trust(), "seen first").await;
    assert_eq!(verify_bundle(twice.bundle.as_bytes(), &log(1), &trust()).verdict(), Verdict::Verified);
    // The authority has a time, too.
    let logged = seen(&[(1, made() + 60)]).await;
    let at = i64::try_from(made() + 60).unwrap() * 1_000;
    let between = |from, until| {
        let authority = CertificateAuthority { from, until, ..authority(&["between", "root"]) };
        TrustRoot::new([]).with_authority(authority).with_identity(identity(ORDERS))
    };
    let (before, after) = (Some(UnixMillis(at - 1)), Some(UnixMillis(at + 1)));
    assert_eq!(verify_bundle(logged.bundle.as_bytes(), &log(1), &between(before, after)).verdict(), Verdict::Verified);
    for outside in [between(after, None), between(None, before)] {
        logged.unverified(&log(1), &outside, "none was trusted then").await;
    }
}

/// The newest checkpoint was cosigned long after; one that is known was seen in time.
#[tokio::test]
async fn a_ledger_takes_the_time_from_an_earlier_checkpoint_that_is_known() {
    let logged = logged(chain("signer", &[]), &[(1, made() + 2 * DAY)]).await;
    let note = String::from_utf8(logged.bucket.objects()[&ObjectKey::parse(CHECKPOINT).unwrap()].clone()).unwrap();
    let bare = note.split_inclusive('\n').take(5).collect::<String>();
    let earlier = format!("{bare}{}", line(1, &bare, made() + 60));
    let said = logged.ledger(&log(1), &trust(), std::slice::from_ref(&earlier)).await;
    assert_eq!(said.verdict(), Verdict::Verified, "{said}");
    assert!(said.checked.iter().any(|it| it.starts_with("1 envelopes by `https://ci.example/orders`")), "{said}");
    // One from before the leaf says nothing of it.
    let empty = key().sign(&pathops_core::evidence::Checkpoint { size: 0, root: Digest::of(b"") });
    let empty = format!("{empty}{}", line(1, &empty, made() + 60));
    let said = logged.ledger(&log(1), &trust(), &[empty]).await;
    assert_eq!(said.verdict(), Verdict::NotVerified, "{said}");
}

/// A later checkpoint may have been seen earlier than one before it was.
#[tokio::test]
async fn what_a_later_checkpoint_covers_was_there_when_that_was_seen() {
    let signer = MemorySigner::from_seed(1).unwrap().with_certificates(chain("signer", &[])).unwrap();
    let (bucket, blobs) = (MemoryBucket::new(), Arc::new(MemoryBlobs::new()));
    let ledger = Arc::new(Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap());
    let sealer = Sealer::new(Arc::new(signer), blobs).with_ledger(ledger);
    let mut notes = Vec::new();
    for at in 0..3 {
        sealer.seal(&cx(), "health", subject(), &Health { observed_on: UnixMillis(at), ..health() }).await.unwrap();
        notes.push(note(&bucket));
    }
    cosign(&bucket, made() + 120);
    let late: Vec<_> = notes[..2].iter().map(|note| cosigned(note, made() + 2 * DAY)).collect();
    let (log, trust) = (log(1), trust());
    let against = Against { log: &log, trust: &trust, known: &late, blobs: None, sealed: None };
    let said = verify_ledger(&cx(), &bucket, against).await.unwrap();
    assert_eq!(said.verdict(), Verdict::Verified, "{said}");
}

/// The last item of a log, as it is kept.
fn last(bucket: &MemoryBucket) -> Value {
    let objects = bucket.objects();
    let batch = objects.iter().rfind(|(key, _)| key.as_str().starts_with("log/batch/")).unwrap().1;
    let mut batch: Value = serde_json::from_slice(batch).unwrap();
    batch["items"].as_array_mut().unwrap().pop().unwrap()
}

/// Ten snapshots of a stream, of which the last has a key that is trusted by itself; the log has all but some of them.
async fn ten(without: &[u64]) -> (MemoryBucket, Vec<String>) {
    let keyless = MemorySigner::from_seed(1).unwrap();
    let own = MemorySigner::from_seed(2).unwrap();
    let (bucket, key_of_own) = (MemoryBucket::new(), own.public_key());
    let ledger = Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap();
    let [keyless, own] = [keyless, own].map(|signer| Sealer::new(Arc::new(signer), Arc::new(MemoryBlobs::new())));
    let (mut previous, mut notes) = (None, Vec::new());
    for sequence in 0..10 {
        let about = SnapshotOf {
            stream: "shop/orders@preflight".parse().unwrap(),
            change_set: "a-change".parse().unwrap(),
            occasion: Occasion::Deployed,
            window: Window { from: UnixMillis(0), until: UnixMillis(1) },
            collected_on: UnixMillis(1),
        };
        let snapshot = Collection::of([]).finish(about).at(Position { sequence, previous }, 0);
        let sealer = if sequence == 9 { &own } else { &keyless };
        let record = sealer.seal(&cx(), "snapshot", subject(), &snapshot).await.unwrap();
        let envelope = sealer.envelope(&cx(), &record).await.unwrap();
        let item = match sequence {
            9 => Item::new(envelope, key_of_own.clone()).unwrap(),
            _ => Item::certified(envelope, chain("signer", &[])).unwrap(),
        };
        previous = Some(item.id());
        if !without.contains(&sequence) {
            ledger.append(&cx(), vec![item]).await.unwrap();
            notes.push(note(&bucket));
            let object = format!("snapshots/shop/orders/preflight/{sequence:020}");
            let numbered = json!({ "format": 2, "key": object, "name": "snapshot", "signed": last(&bucket) });
            bucket.objects().insert(ObjectKey::parse(object).unwrap(), numbered.to_string().into_bytes());
        }
    }
    cosign(&bucket, made() + 2 * DAY);
    (bucket, notes)
}

#[tokio::test]
async fn snapshots_of_which_it_is_not_verified_who_signed_them_are_not_missing() {
    let trust = TrustRoot::new([MemorySigner::from_seed(2).unwrap().public_key()]);
    let trust = trust.with_authority(authority(&["between", "root"])).with_identity(identity(ORDERS));
    let log = log(1);
    let told = async |bucket: &MemoryBucket, known: &[String]| {
        let against = Against { log: &log, trust: &trust, known, blobs: None, sealed: None };
        verify_ledger(&cx(), bucket, against).await.unwrap()
    };
    let (bucket, notes) = ten(&[]).await;
    let late = told(&bucket, &[]).await;
    assert_eq!(late.verdict(), Verdict::NotVerified, "{late}");
    assert!(late.missing.iter().any(|it| it.contains("9 snapshots stand between those that hold")), "{late}");
    assert!(!late.to_string().contains("not in the log") && !late.to_string().contains("without a gap or"), "{late}");
    let seen = told(&bucket, &[cosigned(&notes[8], made() + 60)]).await;
    assert_eq!(seen.verdict(), Verdict::Verified, "{seen}");
    assert!(seen.to_string().contains("10 snapshots in 1 streams: from number 0 on without a gap"), "{seen}");
    // What none of them is, is missing.
    for (without, part) in [(&[8][..], "number 8"), (&[5], "number 5"), (&[0], "number 0"), (&[3, 4], "numbers 3 to 4")] {
        let said = told(&ten(without).await.0, &[]).await;
        let [(missing, _)] = &said.failures[..] else { panic!("{without:?}: {said}") };
        assert_eq!(*missing, format!("{part} of `shop/orders@preflight`"), "{said}");
    }
}

/// A tombstone by one of whom it is not known who that is buries nothing, and says that there was a reason.
#[tokio::test]
async fn what_such_a_tombstone_is_over_is_not_gone_without_a_word() {
    let (keyless, own) = (MemorySigner::from_seed(1).unwrap(), MemorySigner::from_seed(2).unwrap());
    let trust =
        TrustRoot::new([own.public_key()]).with_authority(authority(&["between", "root"])).with_identity(identity(ORDERS));
    let (bucket, blobs) = (MemoryBucket::new(), Arc::new(MemoryBlobs::new()));
    let ledger = Arc::new(Ledger::open(&cx(), Arc::new(bucket.clone()), key()).await.unwrap());
    let keyless = keyless.with_certificates(chain("signer", &[])).unwrap();
    let sealer = |signer| Sealer::new(Arc::new(signer), blobs.clone()).with_ledger(ledger.clone());
    let (own, keyless) = (sealer(own), sealer(keyless));
    let stream: StreamId = "shop/orders@preflight".parse().unwrap();
    let mut collection = Collection::of(["logs".to_owned()]);
    collection.payload("logs", &Digest::of(b"artifact"), "memory:artifact", "text/plain", None);
    let about = SnapshotOf {
        stream,
        change_set: "a-change".parse().unwrap(),
        occasion: Occasion::Deployed,
        window: Window { from: UnixMillis(0), until: UnixMillis(1) },
        collected_on: UnixMillis(1),
    };
    let snapshot = collection.finish(about).at(Position { sequence: 0, previous: None }, 0);
    own.seal(&cx(), "snapshot", subject(), &snapshot).await.unwrap();
    let told = async |at| {
        cosign(&bucket, at);
        let log = log(1);
        let against = Against { log: &log, trust: &trust, known: &[], blobs: Some(&*blobs), sealed: None };
        verify_ledger(&cx(), &bucket, against).await.unwrap()
    };
    assert_eq!(told(made() + 60).await.verdict(), Verdict::Failed);
    let tombstone = Tombstone {
        reason: TombstoneReason::Erased,
        authority: "request 17".to_owned(),
        policy: Digest::of(b"policy"),
        gone_on: UnixMillis(400),
    };
    keyless.seal(&cx(), "tombstone", subject(), &tombstone).await.unwrap();
    let bare = note(&bucket);
    let late = told(made() + 2 * DAY).await;
    assert_eq!(late.verdict(), Verdict::NotVerified, "{late}");
    assert!(late.missing.iter().any(|it| it.starts_with("`logs` of the") && it.contains("a tombstone says why")), "{late}");
    bucket.objects().insert(ObjectKey::parse(CHECKPOINT).unwrap(), bare.into_bytes());
    assert_eq!(told(made() + 60).await.verdict(), Verdict::Verified);
}

#[tokio::test]
async fn no_bit_of_a_certified_bundle_can_be_flipped() {
    let logged = logged(chain("p256", &[]), &[(1, made() + 60)]).await;
    let trust = TrustRoot::new([]).with_authority(authority(&["another"])).with_identity(identity(ORDERS));
    assert_eq!(verify_bundle(logged.bundle.as_bytes(), &log(1), &trust).verdict(), Verdict::Verified);
    for place in 0..logged.bundle.len() {
        let mut changed = logged.bundle.clone().into_bytes();
        changed[place] ^= 1 << (place % 8);
        assert_ne!(verify_bundle(&changed, &log(1), &trust).verdict(), Verdict::Verified, "byte {place}");
    }
}

#[test]
fn authorities_are_read_from_a_trusted_root() {
    let good = trusted_root(&key().identity(), &[]).unwrap();
    assert_eq!(authorities_of(good.as_bytes()).unwrap(), []);
    let with =
        |authorities: &str| good.replace("\"certificateAuthorities\":[]", &format!("\"certificateAuthorities\":[{authorities}]"));
    let one = r#"{"certChain":{"certificates":[{"rawBytes":"AQ=="},{"rawBytes":"Ag=="}]},"uri":"https://ca.example","validFor":{"start":"1970-01-01T00:00:01Z"}}"#;
    let read = authorities_of(with(one).as_bytes()).unwrap();
    let expected = CertificateAuthority { certificates: vec![vec![1], vec![2]], from: Some(UnixMillis(1_000)), until: None };
    assert_eq!(read, [expected]);
    let until = CertificateAuthority { certificates: vec![vec![3]], from: None, until: Some(UnixMillis(2_500)) };
    let written = [read[0].clone(), until];
    assert_eq!(authorities_of(trusted_root(&key().identity(), &written).unwrap().as_bytes()).unwrap(), written);
    let none = CertificateAuthority { certificates: Vec::new(), from: None, until: None };
    assert!(trusted_root(&key().identity(), &[none]).is_err());
    for bad in ["{}", r#"{"certChain":{"certificates":[]}}"#, r#"{"certChain":{"certificates":[{"rawBytes":"%"}]}}"#] {
        assert!(authorities_of(with(bad).as_bytes()).is_err(), "{bad}");
    }
    assert!(authorities_of(with(&one.replace("1970-01-01T00:00:01Z", "soon")).as_bytes()).is_err());
}
