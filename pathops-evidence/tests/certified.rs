//! Evidence of a keyless signer: verified where a trusted authority has certified a trusted identity and a witness has seen it while
//! the certificate held, and by no less. The certificates lie in `fixtures/authority`.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use pathops_core::evidence::{CertificateAuthority, CertificateChain, Health, SignerIdentity, Subject, TrustRoot};
use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemorySigner};
use pathops_core::{Digest, IdempotencyKey, ObjectKey, OpContext, UnixMillis};
use pathops_evidence::ledger::{Ledger, LogIdentity, LogKey, Witness};
use pathops_evidence::{Against, Sealer, Verdict, Verification, authorities_of, trusted_root, verify_bundle, verify_ledger};
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
    let health = Health {
        change_set: "a-change".parse().unwrap(),
        unit: "orders".parse().unwrap(),
        environment: "preflight".parse().unwrap(),
        healthy: true,
        settled_millis: 1_000,
        observed_on: UnixMillis(7),
    };
    let subject = Subject::named("orders").with_sha256(&Digest::of(b"artifact"));
    let record = sealer.seal(&cx(), "health", vec![subject], &health).await.unwrap();
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
        }
    }
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

#[tokio::test]
async fn a_certificate_that_breaks_a_rule_does_not_hold() {
    let refused = "no trusted authority has issued";
    for (leaf, above, why) in [
        ("usage", &[][..], refused),
        ("times", &[], refused),
        ("critical", &[], refused),
        ("itself", &[], refused),
        ("too-long", &["below"], refused),
        ("by-plain", &["plain"], refused),
        ("sha512", &[], refused),
        ("two", &[], "or more than one"),
        ("unissued", &[], "or more than one"),
    ] {
        let logged = logged(chain(leaf, above), &[(1, made() + 60)]).await;
        let trust = trust().with_authority(authority(&["another"]));
        logged.unverified(&log(1), &trust, why).await;
    }
    // Issued by the right one, and changed since: the end of a certificate is its signature.
    let mut changed = der("signer");
    *changed.last_mut().unwrap() ^= 1;
    let logged = logged(CertificateChain::new(changed, Vec::new()).unwrap(), &[(1, made() + 60)]).await;
    logged.unverified(&log(1), &trust(), refused).await;
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
    let good = trusted_root(&key().identity()).unwrap();
    assert_eq!(authorities_of(good.as_bytes()).unwrap(), []);
    let with =
        |authorities: &str| good.replace("\"certificateAuthorities\":[]", &format!("\"certificateAuthorities\":[{authorities}]"));
    let one = r#"{"certChain":{"certificates":[{"rawBytes":"AQ=="},{"rawBytes":"Ag=="}]},"uri":"https://ca.example","validFor":{"start":"1970-01-01T00:00:01Z"}}"#;
    let read = authorities_of(with(one).as_bytes()).unwrap();
    let expected = CertificateAuthority { certificates: vec![vec![1], vec![2]], from: Some(UnixMillis(1_000)), until: None };
    assert_eq!(read, [expected]);
    for bad in ["{}", r#"{"certChain":{"certificates":[]}}"#, r#"{"certChain":{"certificates":[{"rawBytes":"%"}]}}"#] {
        assert!(authorities_of(with(bad).as_bytes()).is_err(), "{bad}");
    }
    assert!(authorities_of(with(&one.replace("1970-01-01T00:00:01Z", "soon")).as_bytes()).is_err());
}
