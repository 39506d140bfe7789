//! The programs of the examples.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The most memory that a process has held so far, in bytes; `None` where the system does not say, or it has ended.
pub(crate) fn peak_memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(peak.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

/// Builds an example. Cargo says where it lies.
pub(crate) fn built(example: &str) -> PathBuf {
    built_with(example, Features::Plain)
}

/// Which features an example is built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Features {
    /// None but its own.
    Plain,
    /// All of the workspace, as the tests themselves are built: what both need is built once.
    All,
}

/// Builds an example. With all features or without, it lies where Cargo puts it: each is linked to a place of its own, so
/// that no other test puts another in its place.
pub(crate) fn linked(example: &str, features: Features) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let lock = File::create(folder.join(format!("{example}.lock"))).unwrap();
    lock.lock().unwrap();
    let (built, own) = (built_with(example, features), folder.join(format!("{example}-{features:?}")));
    let inode = |path: &Path| fs::metadata(path).map(|it| it.ino()).ok();
    if inode(&built) != inode(&own) {
        let new = own.with_extension("new");
        fs::hard_link(built, &new).unwrap();
        fs::rename(new, &own).unwrap();
    }
    own
}

fn built_with(example: &str, features: Features) -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--offline", "--locked", "--example", example]);
    match features {
        Features::Plain => cargo.args(["-p", "pathops-examples"]),
        // The simulation has an example, too, and is built optimised only.
        Features::All => cargo.args(["--workspace", "--exclude", "pathops-simulation", "--all-features"]),
    };
    let output = cargo.args(["--message-format", "json-render-diagnostics"]).current_dir(ROOT).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8(output.stdout).unwrap();
    let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from)).next_back().unwrap()
}
