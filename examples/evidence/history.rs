//! The checkpoints that a Git repository has written down.

use std::path::Path;
use std::process::{Command, Stdio};

use pathops_core::OpContext;
use pathops_evidence::ledger::LogReader;
use pathops_evidence::{Verification, verify_history};
use pathops_examples::Failure;

const FILE: &str = "log/checkpoint";

/// The checkpoints in the first-parent history of a repository's HEAD, the oldest first.
pub(crate) struct History {
    notes: Vec<String>,
    /// What is not here of it, and why.
    missing: Option<String>,
}

impl History {
    /// Nothing of the repository is run or fetched.
    pub(crate) fn of(repository: &Path) -> Result<Self, Failure> {
        let commits = git(repository, &["rev-list", "--reverse", "--first-parent", "HEAD", "--", FILE])?;
        let note = |commit: &str| git(repository, &["cat-file", "blob", &format!("{commit}:{FILE}")]);
        let notes = commits.lines().map(note).collect::<Result<_, _>>()?;
        let shallow = git(repository, &["rev-parse", "--is-shallow-repository"])?.trim() != "false";
        let why = || format!("the checkpoints before: {} is a shallow clone; `git fetch --unshallow`", repository.display());
        Ok(Self { notes, missing: shallow.then(why) })
    }

    pub(crate) fn newest(&self) -> Option<&String> {
        self.notes.last()
    }

    pub(crate) async fn verify(self, cx: &OpContext, log: &LogReader) -> Result<Verification, Failure> {
        let mut verification = verify_history(cx, log, &self.notes).await?;
        verification.missing.extend(self.missing);
        Ok(verification)
    }
}

/// What Git answers, of this very folder and of the commits that are really there.
fn git(repository: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let failed = |why: &str| format!("the history of {} cannot be read: {}", repository.display(), why.trim());
    let folder = repository.canonicalize().map_err(|error| failed(&error.to_string()))?;
    let mut command = Command::new("git");
    command.arg("-C").arg(&folder).args(arguments).stdin(Stdio::null());
    command.env_remove("GIT_DIR").env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap_or(&folder));
    command.env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_NO_LAZY_FETCH", "1");
    let output = command.output().map_err(|error| failed(&format!("`git` cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(failed(&String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
