//! Running the example, and looking at what it left.
#![expect(clippy::indexing_slicing, reason = "test code: a failure is a failed test")]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::program::{Features, linked, peak_memory};

/// How often something is looked at, and how long it may take.
const PAUSE: Duration = Duration::from_millis(20);
const PATIENCE: usize = 6_000;

/// The program, built once.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| linked("golden_path", Features::Plain))
}

/// The program with the fakes and Temporal in it.
fn program_with_fakes() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| linked("golden_path", Features::All))
}

/// A folder for the example's state, and what it is told on its command line besides.
#[derive(Debug)]
pub(super) struct Example {
    program: &'static Path,
    folder: TempDir,
    pub(super) state: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    /// What is typed at its terminal; without it there is no terminal.
    pub(super) typed: Option<String>,
    runs: usize,
}

/// A run that has ended.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) code: Option<i32>,
    /// Standard output: the summary in JSON.
    pub(super) output: String,
    /// Standard error: the account.
    pub(super) account: String,
}

/// A run under way.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    output: PathBuf,
    account: PathBuf,
    _terminal: Option<File>,
}

impl Example {
    /// With a state of its own, which the example has to make.
    pub(super) fn new(arguments: &[&str]) -> Self {
        Self::by(program(), arguments)
    }

    /// The same, by the program that has the fakes and Temporal in it.
    pub(super) fn with_fakes(arguments: &[&str]) -> Self {
        Self::by(program_with_fakes(), arguments)
    }

    fn by(program: &'static Path, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().canonicalize().unwrap().join("state");
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self { program, folder, state, arguments, environment: Vec::new(), typed: None, runs: 0 }
    }

    /// The same, with its state in a folder of this name.
    pub(super) fn in_folder(name: &str, arguments: &[&str]) -> Self {
        let mut example = Self::new(arguments);
        example.state.set_file_name(name);
        example
    }

    /// For the project in this folder.
    pub(super) fn of(project: &Path, arguments: &[&str]) -> Self {
        Self::new(&[&["--project", project.to_str().unwrap()], arguments].concat())
    }

    /// With these variables in its environment besides.
    pub(super) fn with_environment(mut self, variables: Vec<(String, String)>) -> Self {
        self.environment = variables;
        self
    }

    pub(super) fn start(&mut self) -> Running {
        self.runs += 1;
        let file = |what: &str| self.folder.path().join(format!("{what}-{}", self.runs));
        let (output, account) = (file("output"), file("account"));
        let (terminal, input) = match &self.typed {
            None => (None, Stdio::null()),
            Some(text) => {
                let (terminal, input) = terminal(text);
                (Some(terminal), input)
            }
        };
        let child = Command::new(self.program)
            .args(["--json", "--state"])
            .arg(&self.state)
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(input)
            .stdout(File::create(&output).unwrap())
            .stderr(File::create(&account).unwrap())
            .spawn()
            .unwrap();
        Running { child, output, account, _terminal: terminal }
    }

    pub(super) fn run(&mut self) -> Run {
        self.start().end()
    }

    /// The processes that have to do with the state: a moment after a kill, and where `none_left` says so, there must be none.
    fn processes(&self) -> Vec<String> {
        let state = self.state.to_str().unwrap();
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let others = ids.filter(|id| *id != std::process::id());
        others.filter_map(|id| describe(id, state)).collect()
    }

    /// No process is left that knows the state, two seconds from now at the latest.
    pub(super) fn assert_none_left(&self) {
        if !Path::new("/proc/self/environ").exists() {
            return skip_outside_ci("there is no list of processes in /proc");
        }
        for _ in 0..100 {
            if self.processes().is_empty() {
                return;
            }
            sleep(PAUSE);
        }
        panic!("left over: {:#?}", self.processes());
    }

    /// The bare repositories, by name.
    pub(super) fn repositories(&self) -> Vec<(String, PathBuf)> {
        let mut found = Vec::new();
        for owner in list(&self.state.join("forge")) {
            let git = list(&owner).into_iter().filter(|path| path.extension().is_some_and(|end| end == "git"));
            found.extend(git.map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), path)));
        }
        assert!(!found.is_empty(), "there are no repositories");
        found
    }

    /// What `git` says about a repository.
    pub(super) fn git(&self, repository: &str, arguments: &[&str]) -> String {
        let repositories = self.repositories();
        let (_, path) = repositories.iter().find(|(name, _)| name == repository).unwrap();
        command(Command::new("git").arg("-C").arg(path).args(arguments))
    }

    /// Every pull request in the forge.
    pub(super) fn pull_requests(&self) -> Vec<Value> {
        let read = |file: &Path| serde_json::from_slice::<Value>(&fs::read(file).unwrap()).unwrap();
        let owners = list(&self.state.join("forge")).into_iter();
        let beside: Vec<PathBuf> = owners.flat_map(|owner| list(&owner)).collect();
        let local = beside.iter().map(|path| path.join("pulls")).filter(|path| path.is_dir());
        let mut all: Vec<Value> = local.flat_map(|folder| list(&folder)).map(|file| read(&file)).collect();
        let by_fakes = |path: &&PathBuf| [".github.json", ".gitlab.json"].iter().any(|end| path.to_str().unwrap().ends_with(end));
        for file in beside.iter().filter(by_fakes) {
            let pulls = read(file)["pulls"].as_object().unwrap().clone();
            let state = |pull: &Value| if pull["merged"].is_null() && pull["closed_by"].is_null() { "open" } else { "ended" };
            all.extend(pulls.into_iter().map(|(_, pull)| json!({ "state": state(&pull) })));
        }
        all
    }
}

/// A terminal at which this has been typed: the end of the person, to be kept open, and that of the program.
fn terminal(typed: &str) -> (File, Stdio) {
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
    let mut person = File::from(openpt(flags).unwrap());
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap().into_string().unwrap();
    let program = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    person.write_all(typed.as_bytes()).unwrap();
    (person, program.into())
}

/// A process in words, if its command line or environment names `state` and it lives.
fn describe(id: u32, state: &str) -> Option<String> {
    let read = |file: &str| fs::read(format!("/proc/{id}/{file}")).unwrap_or_default();
    let text = |file: &str| String::from_utf8_lossy(&read(file)).replace('\0', " ");
    let (line, stat) = (text("cmdline"), text("stat"));
    let alive = !matches!(stat.rsplit_once(") ")?.1.chars().next()?, 'Z' | 'X');
    (alive && (line.contains(state) || text("environ").contains(state))).then(|| format!("{id}: {line}"))
}

impl Running {
    /// Waits until the account holds `text`; `false` where the run has ended before.
    pub(super) fn until(&mut self, text: &str) -> bool {
        self.until_told(|account| account.contains(text).then_some(())).is_some()
    }

    /// Waits until so many things have happened that were not `told` yet, adds them there, and gives the last one; `None`
    /// where the run has ended before.
    pub(super) fn until_news(&mut self, told: &mut BTreeSet<String>, count: usize) -> Option<String> {
        self.until_told(|account| {
            // A line that is not whole yet may become another one.
            let lines = account.split_inclusive('\n').filter_map(|line| happened(line.strip_suffix('\n')?));
            let news: Vec<String> = lines.filter(|what| !told.contains(*what)).map(ToOwned::to_owned).collect();
            (news.len() >= count).then(|| {
                told.extend(news.iter().cloned());
                news.last().cloned()
            })?
        })
    }

    /// Waits until something is found in the account; `None` where the run has ended before.
    fn until_told<T>(&mut self, mut find: impl FnMut(&str) -> Option<T>) -> Option<T> {
        for _ in 0..PATIENCE {
            let found = find(&fs::read_to_string(&self.account).unwrap_or_default());
            if found.is_some() || self.child.try_wait().unwrap().is_some() {
                return found;
            }
            sleep(PAUSE);
        }
        let _hung = self.child.kill();
        panic!("it is waited for in vain in:\n{}", self.account());
    }

    /// What it has told so far.
    pub(super) fn account(&self) -> String {
        fs::read_to_string(&self.account).unwrap()
    }

    pub(super) fn signal(&self, signal: Signal) {
        let id = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(id, signal).unwrap();
    }

    /// The most memory that it has held so far, in bytes; `None` where the system does not say.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        peak_memory(self.child.id())
    }

    /// Waits for its end.
    pub(super) fn end(mut self) -> Run {
        for _ in 0..PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return self.ended(status);
            }
            sleep(PAUSE);
        }
        let _hung = self.child.kill();
        panic!("it does not end:\n{}", self.account());
    }

    fn ended(&self, status: ExitStatus) -> Run {
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        Run { code: status.code(), output: read(&self.output), account: read(&self.account) }
    }

    /// Ends it as a power cut would.
    pub(super) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Running {
    /// A test that has failed leaves nothing running.
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Run {
    /// The summary of a run that came to its end.
    #[track_caller]
    pub(super) fn summary(&self) -> Value {
        assert!(!self.output.is_empty(), "it ended with {:?}:\n{}", self.code, self.account);
        serde_json::from_str(&self.output).unwrap()
    }

    /// Fails unless all claims held and it ended well.
    #[track_caller]
    pub(super) fn assert_held(&self) {
        let summary = self.summary();
        let claims = summary["claims"].as_array().unwrap();
        assert!(claims.len() >= 3 && claims.iter().all(|claim| claim["problem"].is_null()), "{claims:#?}\n{}", self.account);
        assert_eq!(self.code, Some(0), "{}", self.account);
    }

    /// Fails unless it ended with code 1 and an account that holds each of `texts`.
    #[track_caller]
    pub(super) fn assert_refused(&self, texts: &[&str]) {
        assert_eq!((self.code, self.output.as_str()), (Some(1), ""), "{}", self.account);
        for text in texts {
            assert!(self.account.contains(text), "there is no {text:?} in:\n{}", self.account);
        }
        assert!(!self.account.contains("panicked"), "{}", self.account);
    }
}

/// What a line of the account says has happened, without when.
fn happened(line: &str) -> Option<&str> {
    let (at, what) = line.split_once("s ")?;
    at.trim().parse::<f64>().ok().map(|_| what)
}

/// All files below a folder.
pub(super) fn files(folder: &Path) -> Vec<PathBuf> {
    let (folders, mut found): (Vec<_>, Vec<_>) = list(folder).into_iter().partition(|path| path.is_dir());
    found.extend(folders.iter().flat_map(|folder| files(folder)));
    found
}

/// What a folder holds, sorted.
pub(super) fn list(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    found.sort();
    found
}

/// What a command prints; it must end well.
#[track_caller]
pub(super) fn command(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What programs are found by here.
#[expect(clippy::disallowed_methods, reason = "what is installed here is found by it")]
pub(super) fn path() -> String {
    std::env::var("PATH").unwrap()
}

/// Whether a program is installed. One that is missing fails the test where everything has to be there.
pub(super) fn installed(program: &str) -> bool {
    let there = Command::new(program).arg("version").output().is_ok();
    if !there {
        skip_outside_ci(&format!("`{program}` is not installed"));
    }
    there
}

/// Tells that a test is skipped. Where everything has to be there, it fails.
#[expect(clippy::disallowed_methods, reason = "whether something may be missing depends on where the test runs")]
#[expect(clippy::print_stderr, reason = "a skip is told")]
#[track_caller]
pub(super) fn skip_outside_ci(why: &str) {
    assert!(std::env::var("CI").is_err(), "{why}");
    eprintln!("skipped: {why}");
}
