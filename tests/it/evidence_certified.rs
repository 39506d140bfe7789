//! The evidence command on what a keyless signer has signed: by the authorities of a trusted root and the identities that are named.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pathops_core::ObjectKey;
use pathops_core::adapter::Signer;
use pathops_core::evidence::{CertificateAuthority, CertificateChain, Health, Subject};
use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemorySigner};
use pathops_core::{Digest, UnixMillis};
use pathops_evidence::ledger::{Ledger, LogKey, LogReader, Witness};
use pathops_evidence::{Sealer, trusted_root};

use crate::evidence_command::run;
use crate::evidence_witness::{git, witness_at};
use crate::world::{cx, wait};

/// An authority with one between it and whom it certifies, as `make.sh` there has made them, once.
const AUTHORITY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../pathops-evidence/tests/fixtures/authority");
const WITNESS: &str = "witness.example/w";

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(AUTHORITY).join(name)).unwrap()
}

/// A certificate in base64.
fn certificate(name: &str) -> String {
    read(&format!("{name}.pem")).lines().filter(|line| !line.starts_with("-----")).collect()
}

fn key() -> LogKey {
    LogKey::new("shop.example/evidence", &[7; 32]).unwrap()
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

/// A trusted root that names the log and the authority.
fn root() -> String {
    let certificates = ["between", "root"].map(|name| BASE64.decode(certificate(name)).unwrap()).into();
    let authority = CertificateAuthority { certificates, from: None, until: None };
    trusted_root(&key().identity(), &[authority]).unwrap()
}

/// The bundle of what was signed, whose checkpoint a witness has cosigned while the certificate held; and the witness.
fn bundle() -> (String, String) {
    let der = |name| BASE64.decode(certificate(name)).unwrap();
    let chain = CertificateChain::new(der("signer"), vec![der("between")]).unwrap();
    let signer = MemorySigner::from_seed(1).unwrap().with_certificates(chain).unwrap();
    let bucket = MemoryBucket::new();
    let ledger = Arc::new(wait(Ledger::open(&cx(), Arc::new(bucket.clone()), key())).unwrap());
    let sealer = Sealer::new(Arc::new(signer), Arc::new(MemoryBlobs::new())).with_ledger(ledger);
    let record = wait(sealer.seal(&cx(), "health", subject(), &health())).unwrap();
    let checkpoint = ObjectKey::parse("log/checkpoint").unwrap();
    let note = String::from_utf8(bucket.objects()[&checkpoint].clone()).unwrap();
    let (witness, line) = witness_at(WITNESS, 1, &note, read("at").trim().parse().unwrap());
    bucket.objects().insert(checkpoint, (note + &line).into_bytes());
    // A bundle has the cosignatures of witnesses that whoever writes it knows.
    let known = key().identity().with_witnesses([Witness::from_verifier_key(&witness).unwrap()], 1);
    let reader = LogReader::new(Arc::new(bucket), known);
    (wait(reader.bundle(&cx(), record.id)).unwrap().unwrap(), witness)
}

#[test]
fn a_keyless_signer_is_verified_by_authority_identity_and_witness() {
    let (folder, (bundle, witness)) = (tempfile::tempdir().unwrap(), bundle());
    let [file, root_file] = ["bundle.json", "root.json"].map(|name| folder.path().join(name).to_str().unwrap().to_owned());
    fs::write(&file, bundle).unwrap();
    fs::write(&root_file, root()).unwrap();

    let verify = |more: &[&str]| run(&[&["verify", &file, "--trusted-root", &root_file], more].concat());
    let (orders, issuer) = ("https://ci.example/orders", "https://issuer.example");
    let verified = verify(&["--witness", &witness, "--identity", orders, issuer]);
    let told = verified.works();
    assert!(
        told.starts_with("VERIFIED") && told.contains(&format!("`{orders}` by `{issuer}`, certified by the authority")),
        "{told}"
    );
    let unverified = |more: &[&str], why: &str| {
        let run = verify(more);
        assert!(run.0 == Some(2) && run.1.starts_with("NOT VERIFIED") && run.1.contains(why), "{why}: {run:?}");
    };
    unverified(&["--witness", &witness, "--identity", "https://ci.example/web", issuer], "who is not trusted here");
    // A cosignature of whom nobody here knows is a part that nothing authenticates.
    let unknown = verify(&["--identity", orders, issuer]);
    assert!(unknown.0 == Some(1) && unknown.1.contains("it says something that nothing authenticates"), "{unknown:?}");
    verify(&[]).is_refused("names no key whose evidence counts");
    run(&["verify", &file, "--identity", orders, issuer]).is_refused("--trusted-root");
}

/// The newest checkpoint was cosigned when the certificate was over, and one before it in time: the history of a repository has both.
#[test]
fn the_history_of_a_repository_says_when_a_certificate_was_used() {
    let (store, repository) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (bucket, blobs) = (MemoryBucket::new(), Arc::new(MemoryBlobs::new()));
    let ledger = Arc::new(wait(Ledger::open(&cx(), Arc::new(bucket.clone()), key())).unwrap());
    let chain = CertificateChain::new(BASE64.decode(certificate("signer")).unwrap(), Vec::new()).unwrap();
    let keyless = MemorySigner::from_seed(1).unwrap().with_certificates(chain).unwrap();
    let own = MemorySigner::from_seed(2).unwrap();
    let pem = own.public_key().to_pem();
    let made: u64 = read("at").trim().parse().unwrap();
    git(repository.path(), &["init", "-q"]);
    fs::create_dir(repository.path().join("log")).unwrap();
    let checkpoint = ObjectKey::parse("log/checkpoint").unwrap();
    let mut witness = String::new();
    let signers: [(Arc<dyn Signer>, u64); 2] = [(Arc::new(keyless), made), (Arc::new(own), made + 200_000)];
    for (signer, seen) in signers {
        let sealer = Sealer::new(signer, blobs.clone()).with_ledger(ledger.clone());
        wait(sealer.seal(&cx(), "health", subject(), &health())).unwrap();
        let note = String::from_utf8(bucket.objects()[&checkpoint].clone()).unwrap();
        let (name, line) = witness_at(WITNESS, 1, &note, seen);
        witness = name;
        let cosigned = note + &line;
        fs::write(repository.path().join("log/checkpoint"), &cosigned).unwrap();
        git(repository.path(), &["add", "."]);
        git(repository.path(), &["commit", "-q", "-m", "Record a checkpoint"]);
        bucket.objects().insert(checkpoint.clone(), cosigned.into_bytes());
    }
    for (name, bytes) in bucket.objects().iter() {
        let file = store.path().join(name.as_str());
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
    let elsewhere = tempfile::tempdir().unwrap();
    let [key, outside] = ["key.pem", "root.json"].map(|name| elsewhere.path().join(name).to_str().unwrap().to_owned());
    let inside = store.path().join("trusted_root.json").to_str().unwrap().to_owned();
    fs::write(&key, pem).unwrap();
    fs::write(&outside, root()).unwrap();
    fs::write(&inside, root()).unwrap();
    let (folder, history) = (store.path().to_str().unwrap(), repository.path().to_str().unwrap());
    let verify = |root: &str, more: &[&str]| {
        let identity = ["--identity", "https://ci.example/orders", "https://issuer.example"];
        run(&[&["verify", folder, "--trusted-root", root, "--key", &key, "--witness", &witness], &identity[..], more].concat())
    };
    let late = verify(&outside, &[]);
    assert!(late.0 == Some(2) && late.1.contains("seen first"), "{late:?}");
    let verified = verify(&outside, &["--history", history]);
    assert!(verified.works().starts_with("VERIFIED\n"), "{verified:?}");
    assert!(!verified.1.contains("who the authorities are"), "{verified:?}");
    // Who may write there may put another authority in the place of this one.
    let own_word = verify(&inside, &["--history", history]);
    assert!(own_word.works().contains("left out  who the authorities are"), "{own_word:?}");
}
