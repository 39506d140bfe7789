//! The checkpoints that a Git repository has written down.

use std::path::Path;
use std::process::{Command, Stdio};

use pathops_core::OpContext;
use pathops_evidence::ledger::{LogIdentity, LogReader};
use pathops_evidence::{Verification, verify_history};
use pathops_examples::Failure;

const FILE: &str = "log/checkpoint";

/// The checkpoints in the first-parent history of a repository's HEAD, the oldest first.
pub(crate) struct History {
    notes: Vec<String>,
    /// The commits that took the file away.
    without: Vec<String>,
    /// What is not here of it, and why.
    missing: Option<String>,
}

impl History {
    /// Nothing of the repository is run or fetched.
    pub(crate) fn of(repository: &Path) -> Result<Self, Failure> {
        let commits = git(repository, &["rev-list", "--reverse", "--first-parent", "HEAD", "--", FILE])?;
        let (mut notes, mut without) = (Vec::new(), Vec::new());
        for commit in commits.lines() {
            // `<mode> <type> <id>`, and the name behind a tab.
            let entry = git(repository, &["ls-tree", commit, "--", FILE])?;
            match entry.split([' ', '\t']).collect::<Vec<_>>()[..] {
                [_, "blob", id, ..] => notes.push(git(repository, &["cat-file", "blob", id])?),
                _ => without.push(commit.to_owned()),
            }
        }
        let grafts = git(repository, &["rev-parse", "--git-path", "info/grafts"])?;
        if repository.join(grafts.trim_end()).exists() {
            return Err(format!("{} has grafts, which hide commits: {}", repository.display(), grafts.trim_end()).into());
        }
        let shallow = git(repository, &["rev-parse", "--is-shallow-repository"])?.trim() != "false";
        let why = || format!("the checkpoints before: {} is a shallow clone; `git fetch --unshallow`", repository.display());
        Ok(Self { notes, without, missing: shallow.then(why) })
    }

    /// The newest, and those that witnesses of the log have cosigned: they say by when what it has was there.
    pub(crate) fn known(&self, log: &LogIdentity) -> impl Iterator<Item = &String> {
        let is_cosigned = |note: &str| log.cosignatures(note).is_ok_and(|cosignatures| !cosignatures.is_empty());
        let (newest, earlier) = self.notes.split_last().unzip();
        earlier.unwrap_or_default().iter().filter(move |note| is_cosigned(note)).chain(newest)
    }

    pub(crate) async fn verify(self, cx: &OpContext, log: &LogReader) -> Result<Verification, Failure> {
        let mut verification = verify_history(cx, log, &self.notes).await?;
        verification.missing.extend(self.missing);
        let why = || format!("it took `{FILE}` away: what was witnessed before and after it is compared all the same");
        verification.failures.extend(self.without.into_iter().map(|commit| (format!("commit {commit}"), why())));
        Ok(verification)
    }
}

/// What Git answers, of this very folder and of the commits that are really there.
fn git(repository: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let failed = |why: &str| format!("the history of {} cannot be read: {}", repository.display(), why.trim());
    let folder = repository.canonicalize().map_err(|error| failed(&error.to_string()))?;
    let mut command = Command::new("git");
    command.arg("-C").arg(&folder).args(arguments).stdin(Stdio::null());
    command.env_remove("GIT_DIR").env_remove("GIT_GRAFT_FILE").env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap_or(&folder));
    command.env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_NO_LAZY_FETCH", "1");
    let output = command.output().map_err(|error| failed(&format!("`git` cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(failed(&String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
