//! Runs an app's own `ci/run` on this machine.
//!
//! Each run checks the commit out of a local bare repository into a fresh folder, without `.git`, and runs the executable
//! script `ci/run` there, with nothing on its standard input and with no variables but these: `CI=true`, `PATH`, `HOME`
//! and `TMPDIR` (fresh, empty folders), `PATHOPS_OUT` (a fresh folder), and what the host's configuration passes through.
//! The script may write the report of its tests to `$PATHOPS_OUT/junit.xml`, `tests.json` (of `go test`, cargo-nextest or libtest) or
//! `tests.tap`, one of them, and puts what is to be shipped below `$PATHOPS_OUT/artifact/`. Of a
//! script that passed, that folder becomes a tar (`application/x-tar`) in the blob store, the same bytes for the same
//! content: entries sorted by name, no times, no owners, modes 755 or 644. Symbolic links that lead out of it are refused.
//!
//! # It is no trust boundary
//! The script runs as the user that runs the host, with that user's files and network. Use this for code that you would
//! run by hand on the same machine, and a CI system with isolation for everything else. What this adapter sees to is order,
//! not defence: no credential is handed to the script, output and files are bounded, and a run leaves nothing running.
//!
//! # How a run ends
//! At the time limit, on [`Ci::cancel`], and after the script has ended by itself, everything that the script started is
//! killed: its process group, and on Linux every process that was started with the run's `PATHOPS_OUT` in its environment,
//! also after `setsid` or `nohup`. What a script that ended by itself had left running is a remark in the outcome. A process
//! that gave up both the group and the environment is not found.
//!
//! Where the machine has no room for a run's folder or its artifact, that says nothing about what is built, and there is
//! no outcome: [`Ci::state`] fails, and the run is [`CiState::Lost`].
//!
//! If the host dies, even by SIGKILL, the process group is killed at once, and the rest when the next host opens the same
//! work folder. Runs are kept in memory: after a restart an old run is [`CiState::Lost`].
//!
//! The time limit and the killing wait on the host's [`Clock`], which has to run with the real time here. A Tokio runtime
//! with I/O enabled is needed; if it is shut down, its runs are killed.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{BlobStore, Ci, CiCapabilities, CiOutcome, CiRequest, CiRunId, CiState, Clock};
use pathops_core::{Error, ErrorKind, OpContext, Result};
use tokio::sync::watch;
use tokio::task::JoinHandle;

mod output;
mod processes;
mod run;
mod script;
mod source;
mod work;

use run::Outage;

/// How runs are done. Start from [`LocalCiConfig::new`].
#[derive(Clone)]
#[non_exhaustive]
pub struct LocalCiConfig {
    /// The folder of the bare repositories, `<repositories>/<owner>/<name>.git`.
    pub repositories: PathBuf,
    /// A folder for the runs, which nothing else uses. It is made where there is none.
    pub work: PathBuf,
    /// `PATH` for the scripts.
    pub path: OsString,
    /// More variables for the scripts. No secrets: whoever writes a script reads them.
    pub pass_through: Vec<(String, String)>,
    /// How long a script may run.
    pub time_limit: Duration,
    /// How much of the output is kept, in bytes: half from the beginning, half from the end.
    pub log_limit_bytes: usize,
    /// The largest report that is taken, in bytes.
    pub report_limit_bytes: u64,
    /// The largest artifact, in bytes of its tar. It is packed in memory.
    pub artifact_limit_bytes: u64,
}

impl LocalCiConfig {
    /// Scripts get this `PATH` and an hour; 256 KiB of output are kept; a report may have 16 MiB, an artifact 256 MiB.
    #[must_use]
    pub fn new(repositories: impl Into<PathBuf>, work: impl Into<PathBuf>, path: impl Into<OsString>) -> Self {
        Self {
            repositories: repositories.into(),
            work: work.into(),
            path: path.into(),
            pass_through: Vec::new(),
            time_limit: Duration::from_secs(60 * 60),
            log_limit_bytes: 256 * 1024,
            report_limit_bytes: 16 * 1024 * 1024,
            artifact_limit_bytes: 256 * 1024 * 1024,
        }
    }

    /// Refuses variables that cannot be passed or that have a meaning already.
    fn check(&self) -> Result<()> {
        const OWN: [&str; 5] = ["CI", "PATH", "HOME", "TMPDIR", "PATHOPS_OUT"];
        let wrong = |name: &str| name.is_empty() || name.contains(['=', '\0']) || OWN.contains(&name);
        match self.pass_through.iter().find(|(name, value)| wrong(name) || value.contains('\0')) {
            None => Ok(()),
            Some((name, _)) => Err(Error::new(ErrorKind::Invalid, "configure local CI")
                .on(name)
                .because("this variable cannot be passed through")
                .advise(format!("leave it out: {} are set for each run, and a name has no `=`", OWN.join(", ")))),
        }
    }
}

impl fmt::Debug for LocalCiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.pass_through.iter().map(|(name, _)| name).collect();
        f.debug_struct("LocalCiConfig")
            .field("repositories", &self.repositories)
            .field("work", &self.work)
            .field("pass_through", &names)
            .field("time_limit", &self.time_limit)
            .finish_non_exhaustive()
    }
}

/// Runs pipelines on this machine. Dropping it ends its runs.
#[derive(Debug)]
pub struct LocalCi {
    config: Arc<LocalCiConfig>,
    work: work::Work,
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    runs: Mutex<BTreeMap<CiRunId, Run>>,
}

#[derive(Debug)]
struct Run {
    request: CiRequest,
    stop: watch::Sender<bool>,
    /// Closed and empty where the run was broken off.
    outcome: watch::Receiver<Option<Result<CiOutcome, Outage>>>,
    task: JoinHandle<()>,
}

impl LocalCi {
    /// Takes the work folder, kills what an earlier host left running in it, and empties it.
    ///
    /// # Errors
    /// `Invalid` for a variable that cannot be passed through; `Conflict` where another host uses the work folder;
    /// `Unavailable` where the folder cannot be made or emptied.
    pub fn new(config: LocalCiConfig, blobs: Arc<dyn BlobStore>, clock: Arc<dyn Clock>) -> Result<Self> {
        config.check()?;
        let work = work::Work::open(&config.work)?;
        Ok(Self { config: Arc::new(config), work, blobs, clock, runs: Mutex::default() })
    }

    fn runs(&self) -> MutexGuard<'_, BTreeMap<CiRunId, Run>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, cx: &OpContext, request: &CiRequest, source: source::Source) -> Run {
        let (stop, stopped) = watch::channel(false);
        let (finish, outcome) = watch::channel(None);
        let job = run::Job {
            cx: cx.clone(),
            source,
            config: self.config.clone(),
            work: self.work.path.clone(),
            blobs: self.blobs.clone(),
            clock: self.clock.clone(),
        };
        let task = tokio::spawn(async move {
            finish.send_replace(Some(job.run(stopped).await));
        });
        Run { request: request.clone(), stop, outcome, task }
    }
}

const START: &str = "start a CI run";

/// Whether the run of this id is there, and was not broken off.
fn is_known(runs: &BTreeMap<CiRunId, Run>, id: &CiRunId, request: &CiRequest) -> Result<bool> {
    let known = runs.get(id).filter(|run| run.state() != Ok(CiState::Lost));
    match known {
        Some(run) if run.request != *request => {
            let reason = "this idempotency key has started a run of another request";
            Err(Error::new(ErrorKind::AlreadyExists, START)
                .on(&id.0)
                .because(reason)
                .advise("use a key of its own for each request"))
        }
        Some(_) => Ok(true),
        None => Ok(false),
    }
}

impl Run {
    fn state(&self) -> Result<CiState, Outage> {
        let broken_off = self.outcome.has_changed().is_err();
        match &*self.outcome.borrow() {
            Some(Ok(outcome)) => Ok(CiState::Finished(Box::new(outcome.clone()))),
            Some(Err(outage)) => Err(outage.clone()),
            None if broken_off => Ok(CiState::Lost),
            None => Ok(CiState::Running),
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[async_trait]
impl Ci for LocalCi {
    fn name(&self) -> &'static str {
        "local-ci"
    }

    fn capabilities(&self) -> CiCapabilities {
        let mut capabilities = CiCapabilities::default();
        capabilities.cancel = true;
        capabilities
    }

    async fn start(&self, cx: &OpContext, request: &CiRequest) -> Result<CiRunId> {
        let id = CiRunId::for_key(cx.key());
        if is_known(&self.runs(), &id, request)? {
            return Ok(id);
        }
        let (repositories, wanted) = (self.config.repositories.clone(), request.clone());
        let found = tokio::task::spawn_blocking(move || source::find(&repositories, &wanted)).await;
        let source = found.map_err(|source| Error::new(ErrorKind::Unexpected, START).on(&id.0).with_source(source))??;
        let mut runs = self.runs();
        if !is_known(&runs, &id, request)? {
            let run = self.begin(cx, request, source);
            runs.insert(id.clone(), run);
        }
        Ok(id)
    }

    /// An outage is told once; the run is lost then.
    async fn state(&self, _: &OpContext, run: &CiRunId) -> Result<CiState> {
        let mut runs = self.runs();
        let state = runs.get(run).map_or(Ok(CiState::Lost), Run::state);
        state.map_err(|outage| {
            runs.remove(run);
            outage.error(run)
        })
    }

    /// Returns once nothing of the run is left.
    async fn cancel(&self, _: &OpContext, run: &CiRunId) -> Result<()> {
        let stopping = self.runs().get(run).map(|run| {
            run.stop.send_replace(true);
            run.outcome.clone()
        });
        if let Some(mut outcome) = stopping {
            let _ended_or_broken_off = outcome.wait_for(Option::is_some).await;
        }
        Ok(())
    }
}
