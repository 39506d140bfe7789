//! Sigstore's bundles: those of its conformance suite, and those that the crate `sigstore-verify` is tested with.
//!
//! [`verify_bundle`] takes an envelope whose leaf has the key of P-256 that signed it, or a certificate of that key which held when a
//! witness had seen the log. In all of these there is something else, a message that is no envelope, or a time that only an authority for
//! timestamps says: none can be verified as a whole, whoever is trusted, and none may be. What they share with ours is held against
//! them part by part: notes, proofs and envelopes.

use pathops_core::Digest;
use pathops_core::evidence::{CertificateChain, Checkpoint, Envelope, Inclusion, InclusionError, PublicKey, TrustRoot};
use pathops_evidence::ledger::{LogIdentity, LogKey, NoteError};
use pathops_evidence::{Verdict, verify_bundle};

use super::*;

const ENTRY: &str = "/verificationMaterial/tlogEntries/0";

/// The logs of a trusted root whose checkpoints are signed with Ed25519.
fn logs(root: &Value) -> Vec<LogIdentity> {
    let logs = root["tlogs"].as_array().into_iter().flatten().filter(|log| log["publicKey"]["keyDetails"] == "PKIX_ED25519");
    let log = |log: &Value| {
        let key = decoded(&log["publicKey"]["rawBytes"]).split_off(12).try_into().unwrap();
        LogIdentity::new(log["baseUrl"].as_str().unwrap().trim_start_matches("https://"), &key).unwrap()
    };
    logs.map(log).collect()
}

/// The verdicts on a bundle, with each of these logs.
fn verdicts(bundle: &[u8], logs: &[LogIdentity], trust: &TrustRoot) -> Vec<Verdict> {
    let nobody = LogKey::new("log.example", &[7; 32]).unwrap().identity();
    let known = logs.iter().chain([&nobody]);
    known.map(|log| verify_bundle(bundle, log, trust).verdict()).collect()
}

/// The leaf of a bundle and how it is shown, and the state that the bundle itself names.
fn inclusion(bundle: &Value) -> Option<(Inclusion, Checkpoint)> {
    let proof = bundle.pointer(ENTRY)?.get("inclusionProof")?;
    let number = |key: &str| proof[key].as_str().unwrap_or("0").parse().ok();
    let hash = |value: &Value| Some(Digest::from_bytes(decoded(value).try_into().ok()?));
    let path = proof["hashes"].as_array().into_iter().flatten().map(hash).collect::<Option<_>>()?;
    let leaf = decoded(bundle.pointer(ENTRY)?.get("canonicalizedBody")?);
    let checkpoint = Checkpoint { size: number("treeSize")?, root: hash(&proof["rootHash"])? };
    Some((Inclusion { leaf, index: number("logIndex")?, path }, checkpoint))
}

/// Whether the proof of a bundle leads to the root that it names.
fn is_included(bundle: &Value) -> Option<bool> {
    let (inclusion, checkpoint) = inclusion(bundle)?;
    // Leaves of Rekor's first version name their evidence in another way.
    Some(matches!(inclusion.verify(&checkpoint), Ok(_) | Err(InclusionError::Leaf(_))))
}

/// Whether the key of the certificate in a bundle has signed the envelope in it.
fn is_signed(bundle: &Value) -> Option<bool> {
    let material = &bundle["verificationMaterial"];
    let chain = material.pointer("/x509CertificateChain/certificates/0/rawBytes");
    let certificate = material.pointer("/certificate/rawBytes").or(chain)?;
    let chain = CertificateChain::new(decoded(certificate), Vec::new()).ok()?;
    let envelope = Envelope::from_slice(bundle.get("dsseEnvelope")?.to_string().as_bytes()).unwrap();
    Some(chain.public_key().verifies(&envelope.signed_bytes().unwrap(), envelope.signature()?))
}

/// A case of the conformance suite.
struct Case {
    name: String,
    bytes: Vec<u8>,
    /// The bundle, where it is JSON.
    bundle: Option<Value>,
    trust: TrustRoot,
    logs: Vec<LogIdentity>,
}

impl Case {
    fn is_refused(&self) -> bool {
        self.name.ends_with("_fail")
    }
}

fn cases() -> Option<Vec<Case>> {
    let folder = clone_of("sigstore/sigstore-conformance")?.join("test/assets/bundle-verify");
    let case = |file: PathBuf| {
        let folder = file.parent().unwrap();
        let bytes = std::fs::read(&file).unwrap();
        let root = folder.join("trusted_root.json");
        let key = std::fs::read_to_string(folder.join("key.pub")).ok();
        Case {
            name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
            bundle: serde_json::from_slice(&bytes).ok(),
            bytes,
            // One of them is of another algorithm, by which nothing is signed here.
            trust: TrustRoot::new(key.and_then(|pem| PublicKey::from_pem(&pem).ok())),
            logs: if root.is_file() { logs(&json(&root)) } else { Vec::new() },
        }
    };
    let bundles = files(&folder, "json").into_iter().filter(|file| file.ends_with("bundle.sigstore.json"));
    Some(bundles.map(case).collect())
}

#[test]
fn no_bundle_of_the_conformance_suite_is_verified() {
    let Some(cases) = cases() else { return };
    for case in &cases {
        for verdict in verdicts(&case.bytes, &case.logs, &case.trust) {
            assert_ne!(verdict, Verdict::Verified, "{}", case.name);
            assert!(!case.is_refused() || verdict == Verdict::Failed, "{}: {verdict}", case.name);
        }
    }
    let refused = cases.iter().filter(|case| case.is_refused()).count();
    eprintln!("{} bundles, none verified; {refused} must fail and do", cases.len());
    assert!(cases.len() >= 70 && refused >= 48, "{}, {refused}", cases.len());
}

#[test]
fn checkpoints_of_the_conformance_suite_are_read_as_it_says() {
    let Some(cases) = cases() else { return };
    let (mut held, mut refused) = (0, 0);
    for case in cases.iter().filter(|case| case.name.starts_with("rekor2-") || case.name.starts_with("trust-root-tsa")) {
        let bundle = case.bundle.as_ref().unwrap();
        let Some(note) = bundle.pointer(&format!("{ENTRY}/inclusionProof/checkpoint/envelope")).and_then(Value::as_str) else {
            assert_eq!(case.name, "rekor2-no-inclusion-proof_fail");
            continue;
        };
        let read: Vec<_> = case.logs.iter().map(|log| log.verify(note)).collect();
        let verified = read.iter().flatten().next();
        if case.name.starts_with("rekor2-checkpoint-") && case.is_refused() {
            assert_eq!(verified, None, "{}", case.name);
            assert!(read.iter().any(|it| matches!(it, Err(NoteError::Form | NoteError::AnotherLog))), "{}: {read:?}", case.name);
            refused += 1;
        } else {
            let (_, named) = inclusion(bundle).unwrap();
            assert_eq!(verified, Some(&named), "{}: {read:?}", case.name);
            held += 1;
        }
    }
    eprintln!("{held} checkpoints hold, {refused} are refused");
    assert!(held >= 20 && refused >= 5, "{held}, {refused}");
}

#[test]
fn proofs_of_the_conformance_suite_are_judged_as_it_says() {
    let Some(cases) = cases() else { return };
    // Where the proof is what was spoilt. In all others it is whole.
    let spoilt = ["inclusion-proof-corrupted-hash_fail", "invalid-inclusion-proof_fail"];
    let mut counts = [0, 0];
    for case in &cases {
        let Some(included) = case.bundle.as_ref().and_then(is_included) else { continue };
        assert!(!spoilt.contains(&case.name.as_str()) || !included, "{}", case.name);
        assert!(case.is_refused() || included, "{}", case.name);
        counts[usize::from(included)] += 1;
    }
    eprintln!("{} proofs lead to their root, {} do not", counts[1], counts[0]);
    assert!(counts[1] >= 50 && counts[0] >= 2, "{counts:?}");
}

#[test]
fn envelopes_of_the_conformance_suite_are_judged_as_it_says() {
    let Some(cases) = cases() else { return };
    let (mut held, mut refused) = (0, 0);
    for case in &cases {
        let Some(signed) = case.bundle.as_ref().and_then(is_signed) else { continue };
        assert_eq!(signed, !case.name.ends_with("dsse-invalid-sig_fail"), "{}", case.name);
        if signed { held += 1 } else { refused += 1 }
    }
    eprintln!("{held} envelopes hold, {refused} do not");
    assert!(held >= 3 && refused >= 2, "{held}, {refused}");
}

#[test]
fn the_bundles_in_the_crate_of_sigstore_are_read_part_by_part_and_none_is_verified() {
    let Some(source) = source_of("sigstore-verify") else { return };
    let data = source.join("test_data");
    let key = PublicKey::from_pem(&std::fs::read_to_string(data.join("managed-key/key.pub")).unwrap()).unwrap();
    let trust = TrustRoot::new([key]);
    let roots = files(&source_of("sigstore-trust-root").unwrap().join("src"), "json");
    let known: Vec<_> =
        roots.iter().chain(&files(&data.join("trusted_roots"), "json")).flat_map(|root| logs(&json(root))).collect();
    let bundles = files(&data, "json").into_iter().chain(files(&data, "sigstore"));
    let (mut read, mut notes, mut envelopes) = (0, 0, 0);
    let is_bundle = |file: &PathBuf| json(file)["mediaType"].as_str().is_some_and(|it| it.contains("sigstore.bundle"));
    for file in bundles.filter(is_bundle) {
        let (bytes, bundle) = (std::fs::read(&file).unwrap(), json(&file));
        for verdict in verdicts(&bytes, &known, &trust) {
            assert_ne!(verdict, Verdict::Verified, "{}", file.display());
        }
        assert_ne!(is_included(&bundle), Some(false), "{}", file.display());
        if let Some(note) = bundle.pointer(&format!("{ENTRY}/inclusionProof/checkpoint/envelope")).and_then(Value::as_str) {
            notes += known.iter().filter(|log| log.verify(note).is_ok()).count().min(1);
        }
        let signed = is_signed(&bundle);
        assert_ne!(signed, Some(false), "{}", file.display());
        envelopes += usize::from(signed == Some(true));
        read += 1;
    }
    eprintln!("{read} bundles; the notes of {notes} and the envelopes of {envelopes} hold");
    assert!(read >= 15, "{read}");
}
