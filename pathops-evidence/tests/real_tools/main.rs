//! What real tools report when they run here: recognised by its content, read in no other format, with exactly the facts that the run
//! had. `.ci/test` installs the tools, pinned by hash; only curl, Perl, Git and npm itself are those of the machine, in whatever
//! version it has. Reports of tools that only run elsewhere are in `tests/report/recorded.rs`.
//!
//! | format | here | recorded |
//! |---|---|---|
//! | `junit` | Node.js, cargo-nextest | pytest, ruff |
//! | `tap` | Node.js, Perl's `Test::More` | |
//! | `libtest-json` | cargo-nextest | |
//! | `go-test-json` | Go | |
//! | `lcov`, `cobertura` | Node.js, coverage.py | |
//! | `gitleaks` | gitleaks | |
//! | `cargo-audit` | cargo-audit, with an advisory of ours | |
//! | `npm-audit` | npm, with an advisory that a server here gives | |
//! | `cyclonedx-json`, `cyclonedx-xml`, `spdx-json` | syft | cyclonedx-py |
//! | `spdx3-json` | SPDX' own library | |
//! | `helm-list`, `helm-status` | helm, over releases of ours | |
//! | `kustomize` | helm, kubectl | a resource of an API server |
//! | `kubernetes-events` | kubectl, over events that a server here gives | |
//! | `curl` | curl | |
//! | `otlp-traces`, `cloudevents`, `cdevents` | the libraries of OpenTelemetry, CloudEvents and CDEvents | |
//! | `sarif` | | bandit, ruff, zizmor, semgrep, hadolint, gitleaks, kingfisher |
//! | `prometheus-query`, `argo-cd`, `github-checks`, `github-deployment`, `gitlab-pipeline`, `gitlab-tests` | | their servers |
//!
//! `pod-log` is any text. Trivy, Grype, OSV-Scanner, k6, Argo Rollouts (`argo-rollouts`), Kargo (`kargo`) and GitOps Promoter
//! (`gitops-promoter`) are in no package of PyPI, npm, crates.io or Debian that holds the program:
//! their formats have fixtures in the shape that their documentation shows. Of the first three, `tests/published` reads what their
//! own tests hold their output against.

#![expect(
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "test code: a failure is a failed test, a skip is told"
)]

mod deployments;
mod runtime;
mod scans;
mod server;
mod test_runs;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use pathops_evidence::report::{Content, Format, parse, parse_as};
use tempfile::TempDir;

/// The tools, and a folder to run them in.
struct Tools {
    /// Where they are installed.
    installed: PathBuf,
    folder: TempDir,
}

fn variable(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "where programs are, and whether they may be absent, depends on the machine")]
    std::env::var(name).ok()
}

impl Tools {
    /// `None`, and told, where they are not installed and need not be.
    fn installed() -> Option<Self> {
        let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/third-party");
        let all = ["installed.json", "layer/helm/helm", "rust/debug/pathops-third-party", "tools/installed.txt"];
        if let Some(missing) = all.iter().find(|file| !installed.join(file).is_file()) {
            assert!(variable("CI").is_none(), "{missing} is missing in {}: `.ci/test` installs it", installed.display());
            eprintln!("skipped: the tools are not installed; `.ci/test` does it");
            return None;
        }
        Some(Self { installed: installed.canonicalize().unwrap(), folder: tempfile::tempdir().unwrap() })
    }

    /// A program of the machine, without the environment of this one.
    fn program(&self, name: &str) -> Command {
        let mut program = Command::new(name);
        program.current_dir(self.folder.path()).env_clear().env("HOME", self.folder.path());
        program.env("PATH", variable("PATH").unwrap());
        program
    }

    /// A program that is installed.
    fn tool(&self, path: &str) -> Command {
        self.program(self.installed.join(path).to_str().unwrap())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path().join(name)).unwrap()
    }
}

/// Runs it; fails unless it ends with this code.
#[track_caller]
fn run(command: &mut Command, code: i32) -> Vec<u8> {
    let Output { status, stdout, stderr } = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let told = String::from_utf8_lossy(&stderr);
    assert_eq!(status.code(), Some(code), "{command:?}: {told}{}", String::from_utf8_lossy(&stdout));
    stdout
}

/// What a report says. It is recognised as in this format, and nothing else reads it.
#[track_caller]
fn content(format: Format, report: &[u8]) -> Content {
    let shown = String::from_utf8_lossy(report);
    let read = parse(report).unwrap_or_else(|error| panic!("{error}: {shown}"));
    assert_eq!(read.format, format, "{shown}");
    for other in Format::ALL.iter().filter(|other| ![format, Format::PodLog].contains(other)) {
        assert!(parse_as(*other, report).is_err(), "it is read as {other}: {shown}");
    }
    read.content
}
