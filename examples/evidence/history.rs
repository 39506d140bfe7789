//! The checkpoints that a Git repository has written down.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use pathops_core::OpContext;
use pathops_evidence::ledger::{LogIdentity, LogReader};
use pathops_evidence::{MAX_FAILURES, Verification, verify_history};
use pathops_examples::Failure;

const FILE: &str = "log/checkpoint";
/// So many commits are looked at, the newest.
const MAX_COMMITS: usize = 100_000;
/// A checkpoint has some hundred bytes, and some hundred more for each witness.
const MAX_BYTES: usize = 64 << 10;
/// And so many all of them together.
const MAX_ALL: usize = 256 << 20;

/// The checkpoints in the first-parent history of a repository's HEAD, the oldest first.
pub(crate) struct History {
    notes: Vec<String>,
    /// The commits whose file is none, and why.
    without: Vec<(String, String)>,
    /// What is not here of it, and why.
    missing: Option<String>,
}

impl History {
    /// Nothing of the repository is run or fetched.
    pub(crate) fn of(repository: &Path) -> Result<Self, Failure> {
        let most = format!("--max-count={}", MAX_COMMITS + 1);
        let commits = git(repository, &["rev-list", "--reverse", "--first-parent", &most, "HEAD", "--", FILE])?;
        let commits: Vec<&str> = commits.lines().collect();
        let earlier = commits.len().saturating_sub(MAX_COMMITS);
        let (mut sizes, mut blobs) = (Objects::of(repository, "--batch-check")?, Objects::of(repository, "--batch")?);
        let (mut notes, mut without, mut all) = (Vec::new(), Vec::new(), 0);
        for commit in commits.iter().skip(earlier) {
            let object = format!("{commit}:{FILE}");
            match sizes.ask(&object)? {
                Some(size) if size <= MAX_BYTES => {
                    all += size;
                    if all > MAX_ALL {
                        return Err(failed(repository, &format!("its checkpoints have more than {MAX_ALL} bytes")));
                    }
                    if blobs.ask(&object)? != Some(size) {
                        return Err(failed(repository, &format!("`{FILE}` at {commit} is damaged")));
                    }
                    notes.push(blobs.read(size)?);
                }
                Some(size) => without.push(((*commit).to_owned(), format!("`{FILE}` has {size} bytes: that is no checkpoint"))),
                // `<mode> <type> <id>`, and the name behind a tab.
                None if git(repository, &["ls-tree", commit, "--", FILE])?.split(' ').nth(1) == Some("blob") => {
                    return Err(failed(repository, &format!("`{FILE}` at {commit} is not here: is it a partial clone?")));
                }
                None => without.push(((*commit).to_owned(), format!("it took `{FILE}` away"))),
            }
        }
        let grafts = git(repository, &["rev-parse", "--git-path", "info/grafts"])?;
        if repository.join(grafts.trim_end()).exists() {
            return Err(format!("{} has grafts, which hide commits: {}", repository.display(), grafts.trim_end()).into());
        }
        let shallow = git(repository, &["rev-parse", "--is-shallow-repository"])?.trim() != "false";
        let shallow = shallow.then(|| format!("{} is a shallow clone; `git fetch --unshallow`", repository.display()));
        let long = (earlier > 0).then(|| format!("{} has more commits with one than {MAX_COMMITS}", repository.display()));
        Ok(Self { notes, without, missing: shallow.or(long).map(|why| format!("the checkpoints before: {why}")) })
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
        let all_the_same = "what was witnessed before and after it is compared all the same";
        let without =
            self.without.into_iter().map(|(commit, why)| (format!("commit {commit}"), format!("{why}: {all_the_same}")));
        verification.failures.extend(without.take(MAX_FAILURES));
        Ok(verification)
    }
}

/// What one `git cat-file` says of one object after the other.
struct Objects {
    process: Child,
    asked: ChildStdin,
    said: BufReader<ChildStdout>,
}

impl Objects {
    fn of(repository: &Path, how: &str) -> Result<Self, Failure> {
        let mut command = command(repository, &["cat-file", how])?;
        let process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
        let mut process = process.map_err(|error| failed(repository, &format!("`git` cannot be run: {error}")))?;
        let streams = process.stdin.take().zip(process.stdout.take());
        let (asked, said) = streams.ok_or_else(|| failed(repository, "`git` has no input or output"))?;
        Ok(Self { process, asked, said: BufReader::new(said) })
    }

    /// How long a file is; `None` where there is none of that name.
    fn ask(&mut self, object: &str) -> Result<Option<usize>, Failure> {
        writeln!(self.asked, "{object}")?;
        let mut line = String::new();
        self.said.read_line(&mut line)?;
        // `<id> <type> <size>`
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [_, "blob", size] => Ok(Some(size.parse()?)),
            [_, "missing" | "submodule"] | [_, _, _] => Ok(None),
            _ => Err(format!("`git cat-file` says of {object}: {}", line.trim()).into()),
        }
    }

    /// The text of a file that was asked for, of so many bytes.
    fn read(&mut self, size: usize) -> Result<String, Failure> {
        let mut bytes = vec![0; size + 1];
        self.said.read_exact(&mut bytes)?;
        bytes.pop();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

impl Drop for Objects {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What Git answers.
fn git(repository: &Path, arguments: &[&str]) -> Result<String, Failure> {
    let output = command(repository, arguments)?.output();
    let output = output.map_err(|error| failed(repository, &format!("`git` cannot be run: {error}")))?;
    if !output.status.success() {
        return Err(failed(repository, &String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Git in this very folder, with the commits that are really there.
fn command(repository: &Path, arguments: &[&str]) -> Result<Command, Failure> {
    let folder = repository.canonicalize().map_err(|error| failed(repository, &error.to_string()))?;
    let mut command = Command::new("git");
    command.arg("-C").arg(&folder).args(arguments).stdin(Stdio::null());
    command.env_remove("GIT_DIR").env_remove("GIT_GRAFT_FILE").env("GIT_CEILING_DIRECTORIES", folder.parent().unwrap_or(&folder));
    command.env("GIT_NO_REPLACE_OBJECTS", "1").env("GIT_NO_LAZY_FETCH", "1");
    Ok(command)
}

fn failed(repository: &Path, why: &str) -> Failure {
    format!("the history of {} cannot be read: {}", repository.display(), why.trim()).into()
}
