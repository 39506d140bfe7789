//! The store that a run leaves, verified by what nobody here wrote: every bundle, every envelope, and the log.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pathops_core::Digest;
use pathops_core::evidence::Envelope;
use pathops_evidence::{log_of, openssl};
use serde_json::Value;

use super::example::Example;
use super::project::SmallProject;
use crate::evidence_command::run;
use crate::third_party::log::{program, verifier_key};
use crate::third_party::{by_javascript, by_python, by_rust, says, verifiers};

/// Whether `openssl` alone says that the signature of an envelope holds.
fn by_openssl(envelope: &[u8], key: &Path, folder: &Path) -> bool {
    let files = openssl::files(&Envelope::from_slice(envelope).unwrap()).unwrap();
    let (signed, signature) = (folder.join("signed"), folder.join("signature"));
    fs::write(&signed, files.signed_bytes).unwrap();
    fs::write(&signature, files.signature_der).unwrap();
    let text = |path: &Path| path.display().to_string();
    let command = openssl::command(&text(key), &text(&signature), &text(&signed));
    Command::new("sh").args(["-c", &command]).output().unwrap().status.success()
}

fn key_in(store: &Path) -> PathBuf {
    fs::read_dir(store.join("keys")).unwrap().next().unwrap().unwrap().path()
}

/// What was built, which most of the evidence is about, as it is stored.
fn artifact(store: &Path, digest: &Digest) -> Vec<u8> {
    let hex = digest.hex();
    let stored = fs::read(store.join("blobs/sha256").join(&hex[..2]).join(&hex)).unwrap();
    assert_eq!(Digest::of(&stored), *digest);
    stored
}

#[test]
fn what_a_run_leaves_is_verified_by_others() {
    let Some(verifiers) = verifiers() else { return };
    let project = SmallProject::new("feature");
    let mut example = Example::of(project.path(), &[]);
    let golden = example.run();
    golden.assert_held();
    let (store, folder) = (example.state.join("store"), tempfile::tempdir().unwrap());
    let (root, key, place) = (store.join("trusted_root.json"), key_in(&store), store.to_str().unwrap());

    let log = log_of(&fs::read(&root).unwrap()).unwrap();
    let verified = says(program(&verifiers, "log").arg(store.join("log")).arg(verifier_key(&log)));
    assert_eq!(verified, "verified\n");

    let summary = golden.summary();
    let digest: Digest = summary["changeSets"][0]["units"]["app"]["artifact"].as_str().unwrap().parse().unwrap();
    let built = folder.path().join("artifact");
    fs::write(&built, artifact(&store, &digest)).unwrap();
    let all = run(&["query", "--store", place, "--json"]);
    let mut about_artifact = 0;
    let (bundle_file, envelope_file) = (folder.path().join("bundle"), folder.path().join("envelope"));
    for line in all.works().lines() {
        let found: Value = serde_json::from_str(line).unwrap();
        let bundle = run(&["export", found["id"].as_str().unwrap(), "--store", place]);
        fs::write(&bundle_file, bundle.works()).unwrap();
        assert_eq!(by_javascript(&verifiers, &bundle_file, &root, &key), "verified\n", "{line}");
        if line.contains(&digest.hex()) {
            assert_eq!(by_rust(&verifiers, &bundle_file, &root, &key, &built), "verified\n", "{line}");
            about_artifact += 1;
        }
        let bundle: Value = serde_json::from_str(bundle.works()).unwrap();
        let envelope = bundle["dsseEnvelope"].to_string();
        fs::write(&envelope_file, &envelope).unwrap();
        assert_eq!(by_python(&verifiers, &envelope_file, &key), "verified\n", "{line}");
        assert!(by_openssl(envelope.as_bytes(), &key, folder.path()), "{line}");
    }
    assert!(about_artifact > 5, "{about_artifact} are about what was built");
    // The last one once more, with a bit of it changed.
    let mut spoilt = fs::read(&bundle_file).unwrap();
    let place = String::from_utf8_lossy(&spoilt).find("\"payload\":\"").unwrap() + 40;
    spoilt[place] = if spoilt[place] == b'A' { b'B' } else { b'A' };
    fs::write(&bundle_file, spoilt).unwrap();
    assert!(by_javascript(&verifiers, &bundle_file, &root, &key).starts_with("refused"));
}
