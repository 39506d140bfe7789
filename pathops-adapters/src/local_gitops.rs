//! A GitOps controller for one machine: it makes this machine what the environment folders of desired-state
//! repositories say, and tells what it sees.
//!
//! A [`Reconciler`] looks at the branch of each watched unit (`<repositories>/<owner>/<name>.git`), and for the folder of
//! the environment there it fetches the artifact by its digest, starts its process, waits for its health check over real
//! HTTP and runs the declared post-deploy jobs. It changes nothing in Git.
//!
//! What it guarantees:
//!
//! * **No process is left over.** Processes end when [`Reconciler::run`] ends, and also when this process is killed: each
//!   runs in a group of its own under a small `/bin/sh` script that ends the group when a pipe closes. Only a process that
//!   leaves its group on purpose (a daemon) escapes.
//! * **Nothing reaches a process but what is declared:** `PORT`, `DATA_DIR` (kept per unit and environment), `PATH`, and
//!   the variables of its folder.
//! * **A state is applied whole or refused.** A folder that cannot be applied leaves running what ran before, and the
//!   refusal names file and line.
//! * **What was found is kept.** What is applied, the results of its jobs and the picked ports survive a restart; health
//!   is observed anew.
//! * **A test tells of what it tests.** A job begins once every unit of the environment that comes up again, after a crash
//!   or a restart, is up or has failed; and the results of all jobs appear together, so nobody acts on half of them.
//!
//! A new desired state whose process ends before it was healthy has failed at once. One that was healthy before is
//! started again, a few times in a row, with growing pauses.
//!
//! It is a default for one machine: one process a unit, no isolation beyond the environment and the process group.

mod answer;
mod apply;
mod artifact;
mod board;
mod document;
mod git;
mod http;
mod job;
mod log;
mod plan;
mod ports;
mod process;
mod running;
mod state;
mod unit;
mod watch;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pathops_core::adapter::{BlobStore, Clock};
use pathops_core::project::EnvironmentTarget;
use pathops_core::{Error, ErrorKind, RepoId, Result, UnitId};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use self::artifact::Artifacts;
use self::board::Board;
use self::ports::{Place, Ports};
use self::unit::Unit;
use self::watch::Branch;

/// How a [`Reconciler`] is set up.
#[derive(Clone, Debug)]
pub struct ReconcilerConfig {
    /// The folder of the bare desired-state repositories, each at `<owner>/<name>.git`.
    pub repositories: PathBuf,
    /// The reconciler's own folder: state, unpacked artifacts, data of the processes. One running reconciler uses it.
    pub work: PathBuf,
    /// What is watched.
    pub watched: Vec<Watched>,
    /// The programs that this machine provides, by the name that `run.program` gives.
    pub programs: BTreeMap<String, Program>,
    /// `PATH` of the processes.
    pub path: OsString,
    /// The time between two looks at Git. Where looking is slow, the reconciler waits longer, so that it never takes more
    /// than a twentieth of the time.
    pub poll: Duration,
    /// How long a process may take to become healthy.
    pub start_limit: Duration,
    /// How long a job may take.
    pub job_limit: Duration,
}

/// One unit in one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Watched {
    /// The app or component.
    pub unit: UnitId,
    /// Its desired-state repository.
    pub repo: RepoId,
    /// The environment: its branch and folder.
    pub target: EnvironmentTarget,
}

impl Watched {
    fn place(&self) -> Place {
        (self.target.environment.clone(), self.unit.clone())
    }
}

/// A program that the machine provides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its executable: an absolute path, or a name that is found in `PATH`.
    pub executable: PathBuf,
    /// Arguments that go before the declared ones.
    pub args: Vec<String>,
}

impl ReconcilerConfig {
    fn data_folder(&self, watched: &Watched) -> PathBuf {
        self.work.join("data").join(watched.target.environment.as_str()).join(watched.unit.as_str())
    }
}

/// The controller. See the [module](self).
pub struct Reconciler {
    shared: Arc<Shared>,
}

impl fmt::Debug for Reconciler {
    /// Only the configuration: files and output may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reconciler").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

struct Shared {
    config: ReconcilerConfig,
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    artifacts: Artifacts,
    ports: Ports,
    boards: BTreeMap<Place, Arc<Board>>,
    wake: Notify,
}

impl Shared {
    fn board(&self, environment: &EnvironmentTarget, unit: &UnitId) -> Option<&Arc<Board>> {
        self.boards.get(&(environment.environment.clone(), unit.clone()))
    }

    /// Whether another unit of the same environment was healthy before and is about to be so again.
    fn others_come_up_again(&self, watched: &Watched) -> bool {
        let (environment, unit) = watched.place();
        let others = self.boards.iter().filter(|((at, other), _)| *at == environment && *other != unit);
        others.map(|(_, board)| board).any(|board| board.status().comes_up_again())
    }
}

impl Reconciler {
    /// A reconciler that does nothing until it is [run](Self::run). Makes its folder.
    ///
    /// # Errors
    /// `Invalid` where one unit is watched twice in one environment; `Unavailable` where the folder cannot be made.
    pub fn new(mut config: ReconcilerConfig, blobs: Arc<dyn BlobStore>, clock: Arc<dyn Clock>) -> Result<Self> {
        let unusable = |e: std::io::Error| Error::new(ErrorKind::Unavailable, "use the reconciler's folder").because(e);
        fs::create_dir_all(&config.work).map_err(|e| unusable(e).on(config.work.display()))?;
        config.work = fs::canonicalize(&config.work).map_err(|e| unusable(e).on(config.work.display()))?;
        let mut boards = BTreeMap::new();
        for watched in &config.watched {
            let (environment, unit) = watched.place();
            let file = config.work.join("state").join(environment.as_str()).join(format!("{unit}.json"));
            if boards.insert((environment, unit), Arc::new(Board::new(file))).is_some() {
                return Err(Error::new(ErrorKind::Invalid, "set up the reconciler")
                    .on(&watched.unit)
                    .because(format!("it is watched twice in environment `{}`", watched.target.environment)));
            }
        }
        let artifacts = Artifacts::new(config.work.join("artifacts"));
        let ports = Ports::new(config.work.join("ports.json"));
        Ok(Self { shared: Arc::new(Shared { config, blobs, clock, artifacts, ports, boards, wake: Notify::new() }) })
    }

    /// Makes the machine what Git says, until `stop` is done. When this returns, no process is left.
    ///
    /// # Errors
    /// `Conflict` where a reconciler runs in the same folder; `Corrupt` or `Unavailable` where its state cannot be read;
    /// `Unexpected` where one of its loops ended by itself, a defect. No process is left then either.
    ///
    /// # Cancel safety
    /// Dropping the future kills the processes at once, without a chance to end by themselves.
    pub async fn run(&self, stop: impl Future<Output = ()> + Send) -> Result<()> {
        let shared = self.shared.clone();
        let opened = tokio::task::spawn_blocking(move || open(&shared)).await;
        let _lock = opened.map_err(|e| Error::new(ErrorKind::Unexpected, "open the reconciler's state").with_source(e))??;
        let _rest = Rest(&self.shared);
        let mut units = JoinSet::new();
        let mut branches = Vec::new();
        for watched in &self.shared.config.watched {
            let Some(board) = self.shared.board(&watched.target, &watched.unit) else { continue };
            let (branch, desired) = Branch::new(watched.clone(), board.clone());
            branches.push(branch);
            units.spawn(Unit::new(self.shared.clone(), watched.clone(), board.clone()).run(desired));
        }
        let defect = |what: &str| Err(Error::new(ErrorKind::Unexpected, "run the reconciler").because(what));
        let ended = tokio::select! {
            () = watch::watch(&self.shared, branches) => defect("looking at Git ended by itself"),
            Some(_) = units.join_next() => defect("the loop of a unit ended by itself"),
            () = stop => Ok(()),
        };
        while units.join_next().await.is_some() {}
        ended
    }
}

/// Once nobody looks any more, nothing that was seen may count.
struct Rest<'a>(&'a Shared);

impl Drop for Rest<'_> {
    fn drop(&mut self) {
        self.0.boards.values().for_each(|board| board.rest());
    }
}

/// The right to use the folder. The system takes it back however this process ends.
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that is just being started holds it too, for a moment.
        let _closing_is_next = self.0.unlock();
    }
}

/// Takes the folder and what an earlier run left in it.
fn open(shared: &Shared) -> Result<Lock> {
    let work = &shared.config.work;
    let failed = |e: std::io::Error| {
        let corrupt = e.kind() == std::io::ErrorKind::InvalidData;
        let kind = if corrupt { ErrorKind::Corrupt } else { ErrorKind::Unavailable };
        Error::new(kind, "open the reconciler's state").on(work.display()).because(e)
    };
    let file = File::options().create(true).truncate(false).write(true).open(work.join("lock")).map_err(failed)?;
    let lock = match file.try_lock() {
        Ok(()) => Lock(file),
        Err(TryLockError::WouldBlock) => {
            return Err(Error::new(ErrorKind::Conflict, "run a reconciler")
                .on(work.display())
                .because("another one runs in this folder")
                .advise("stop it, or give this one a folder of its own"));
        }
        Err(TryLockError::Error(e)) => return Err(failed(e)),
    };
    for board in shared.boards.values() {
        board.open().map_err(failed)?;
    }
    shared.ports.open(shared.boards.keys().cloned()).map_err(failed)?;
    Ok(lock)
}
