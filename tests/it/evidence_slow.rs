//! The evidence command answers on bundles that are made to be slow, and never that they are verified.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use pathops_adapters::object_store::ObjectStoreBlobs;
use pathops_core::adapter::BlobStore as _;
use pathops_evidence::MAX_BUNDLE_BYTES;
use serde_json::{Value, json};

use crate::evidence_command::{Store, program};
use crate::world::{cx, wait};

/// Seconds of the processor, after which the system ends it; unoptimised it takes one or two.
const LIMIT: &str = "20";

/// The exit code and the answer.
fn answered(path: &Path, more: &[&str]) -> (Option<i32>, String) {
    let limited = "ulimit -t \"$1\" && shift && exec \"$@\"";
    let arguments = ["-c", limited, "sh", LIMIT, program().to_str().unwrap(), "verify", path.to_str().unwrap()];
    let mut command = Command::new("sh");
    let output = command.args(arguments).args(more).stdin(Stdio::null()).output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    assert!(told.len() < 100_000, "{} bytes", told.len());
    (output.status.code(), String::from_utf8(told).unwrap())
}

/// The exit code and the first line of the answer.
fn verified(bundle: &Path, root: &Path) -> (Option<i32>, String) {
    let (code, told) = answered(bundle, &["--trusted-root", root.to_str().unwrap()]);
    (code, told.lines().next().unwrap_or_default().to_owned())
}

#[test]
fn bundles_that_are_made_to_be_slow_fail_in_time() {
    let store = Store::filled();
    let scan = store.run("query", &["--json", "--verdict", "fail"]);
    let scan: Value = serde_json::from_str(scan.works()).unwrap();
    let good = store.run("export", &[scan["id"].as_str().unwrap()]);
    let (root, file) = (store.file("trusted_root.json"), store.0.path().join("bundle.json"));
    fs::write(&file, good.works()).unwrap();
    assert_eq!(verified(&file, &root), (Some(0), "VERIFIED".to_owned()));

    let whole: Value = serde_json::from_str(&good.1).unwrap();
    let room = MAX_BUNDLE_BYTES - 2 * good.1.len();
    let with = |place: &str, part: Value| {
        let mut bundle = whole.clone();
        *bundle.pointer_mut(place).unwrap() = part;
        serde_json::to_vec(&bundle).unwrap()
    };
    let entry = "/verificationMaterial/tlogEntries/0";
    let note = whole.pointer(&format!("{entry}/inclusionProof/checkpoint/envelope")).unwrap().as_str().unwrap();
    let strangers: String = (0..300_000).map(|number| format!("\u{2014} w{number}.example AAAAAAAA\n")).collect();
    for (name, bundle) in [
        ("nested", "[".repeat(room).into_bytes()),
        ("numbers", format!("[{}0]", "0,".repeat(room / 2)).into_bytes()),
        ("one key", format!("{{{}\"a\":0}}", "\"a\":0,".repeat(room / 6)).into_bytes()),
        ("a million entries", with("/verificationMaterial/tlogEntries", Value::from(vec![json!({}); 1_000_000]))),
        ("a payload", with("/dsseEnvelope/payload", Value::from("A".repeat(room)))),
        ("a proof", with(&format!("{entry}/inclusionProof/hashes"), Value::from(vec!["AA=="; room / 7]))),
        ("signatures", with(&format!("{entry}/inclusionProof/checkpoint/envelope"), Value::from(format!("{note}{strangers}")))),
        ("a name with lines", with("/dsseEnvelope/signatures/0/keyid", Value::from("\nVERIFIED".repeat(1 << 20)))),
        ("one byte too many", vec![b' '; MAX_BUNDLE_BYTES + 1]),
    ] {
        fs::write(&file, bundle).unwrap();
        assert_eq!(verified(&file, &root), (Some(1), "FAILED".to_owned()), "{name}");
    }
}

/// In the place of a payload lies a list that names one piece again and again.
#[test]
fn a_payload_that_is_longer_than_anybody_waits_for_is_answered_in_time() {
    const PIECE_BYTES: usize = 8 << 20;
    let store = Store::filled();
    let payload = store.payload();
    let report = fs::read(&payload).unwrap();
    let piece = wait(ObjectStoreBlobs::folder(store.path()).unwrap().put(&cx(), vec![7; PIECE_BYTES])).unwrap();
    let part = json!({ "digest": piece, "bytes": PIECE_BYTES });
    let put = |count: usize| {
        let list = serde_json::to_vec(&json!({ "format": 1, "parts": vec![part.clone(); count] })).unwrap();
        fs::write(payload.with_extension("parts"), list).unwrap();
    };
    fs::remove_file(&payload).unwrap();
    put(20_000);
    let named = "`good-14.tap` of the reference at leaf 0: ";
    let (code, told) = answered(&store.path(), &[]);
    assert!(code == Some(1) && told.contains(&format!("FAILED    {named}")) && told.contains("the list has"), "{told}");
    // As long as a list may be.
    put(8_192);
    let (code, told) = answered(&store.path(), &["--payload-bytes", "20000000"]);
    let missing = told.lines().find(|line| line.contains("missing   "));
    assert!(code == Some(2) && missing.is_some_and(|line| line.contains(named) && line.contains("20000000 bytes")), "{told}");
    fs::remove_file(payload.with_extension("parts")).unwrap();
    fs::write(&payload, report).unwrap();
    assert_eq!(answered(&store.path(), &["--payload-bytes", "20000000"]).0, Some(0));
}
