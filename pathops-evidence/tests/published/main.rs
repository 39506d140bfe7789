//! Test vectors that others publish, read where they are and never copied.
//!
//! Some come inside packages of the registries: those of crates that `.ci/test` installs for `tests/third_party`, pinned by its
//! lock file. The others are in repositories only. They are read where the variable `PATHOPS_VECTORS` names a folder with clones
//! of them, and otherwise skipped, which is told:
//!
//! ```text
//! .ci/vectors "$PATHOPS_VECTORS"
//! ```
//!
//! at the commits of `tests/third_party/vectors.txt`. The project's own CI does so.
//!
//! Not read is what has no counterpart here: transparency-dev's proofs of subtrees, and C2SP's vectors of ML-DSA and files of
//! `tlog-proof`.
//!
//! Each test says how many vectors it has read and fails where there are fewer than there were when it was written.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "test code: a failure is a failed test, a skip is told"
)]

mod cdevents;
mod gitleaks;
mod go;
mod in_toto;
mod merkle;
mod scanners;
mod signatures;
mod sigstore;
mod transparency;

use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

/// A variable of the environment: where the vectors are is not for the tests to say.
fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "where vectors are, and whether they may be absent, depends on the machine")]
    std::env::var(name).ok()
}

/// A clone of a repository; `None`, and told, where there is none.
fn clone_of(repository: &str) -> Option<PathBuf> {
    let Some(folder) = variable("PATHOPS_VECTORS") else {
        eprintln!("skipped: PATHOPS_VECTORS names no folder with a clone of {repository}");
        return None;
    };
    let clone = Path::new(&folder).join(repository);
    assert!(clone.is_dir(), "there is no clone of {repository} in {folder}");
    Some(clone)
}

/// The source of a crate that `tests/third_party` depends on; `None`, and told, where it is not installed and need not be.
fn source_of(name: &str) -> Option<PathBuf> {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/third_party/Cargo.toml");
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--offline", "--locked", "--manifest-path", manifest]);
    let output = cargo.args(["--filter-platform", &platform]).output().unwrap();
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        assert!(variable("CI").is_none(), "the source of {name} is not here; `.ci/test` installs it: {why}");
        eprintln!("skipped: the source of {name} is not here; `.ci/test` installs it");
        return None;
    }
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let package = metadata["packages"].as_array().unwrap().iter().find(|package| package["name"] == name);
    let package = package.unwrap_or_else(|| panic!("tests/third_party does not depend on {name}"));
    Some(Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned())
}

/// The files below a folder, by name.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|it| it == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a field holds in base64.
fn decoded(value: &Value) -> Vec<u8> {
    BASE64.decode(value.as_str().expect("it is no text")).expect("it is not base64")
}
