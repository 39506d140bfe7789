//! Runs `ci/run` in a process group and an environment of its own, takes what it prints, and ends all that it started.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use pathops_core::adapter::{CiConclusion, Clock, LogEnds, LogExcerpt};
use rustix::io::retry_on_intr;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use super::LocalCiConfig;
use super::processes::{Marker, Processes};
use super::work::RunFolder;

/// Starts the script with a guard beside it: where the host dies, even by SIGKILL, the pipe on descriptor 3 ends and the
/// guard kills the process group. The guard is a grandchild, so the script has no child that it does not know; the script
/// takes this shell's place, so its exit status is its own.
const LAUNCH: &str = "\
exec 3<&0 </dev/null 2>&1
( ( read -r line <&3; kill -KILL 0 ) >/dev/null & )
exec ./ci/run 3<&-
";

/// How long killed processes may take to be gone.
const KILL_ROUNDS: usize = 500;
const KILL_PAUSE: Duration = Duration::from_millis(10);

/// How long the end of the output may take once every process is gone.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A script that runs. Dropping it ends it and all that it started.
#[derive(Debug)]
pub(super) struct Script {
    child: Child,
    processes: Processes,
    log: Arc<Mutex<LogEnds>>,
    reader: JoinHandle<()>,
    waited_for: bool,
    _held_open_for_the_guard: Option<ChildStdin>,
}

/// How a script ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Its exit status.
    pub(super) status: ExitStatus,
    /// The names of what it left running; they have been killed.
    pub(super) left_behind: Vec<String>,
    /// The names of what could not be killed.
    pub(super) survivors: Vec<String>,
    /// What it printed.
    pub(super) log: LogExcerpt,
}

impl Script {
    /// Starts `ci/run` of the checkout.
    pub(super) fn start(config: &LocalCiConfig, folder: &RunFolder) -> io::Result<Self> {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", LAUNCH]).current_dir(folder.checkout()).process_group(0);
        command.env_clear().env("CI", "true").env("PATH", &config.path);
        command.env("HOME", folder.home()).env("TMPDIR", folder.temporary()).env("PATHOPS_OUT", folder.out());
        command.envs(config.pass_through.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let group = group.ok_or_else(|| io::Error::other("the script has no process id"))?;
        let half = config.log_limit_bytes / 2;
        let log = Arc::new(Mutex::new(LogEnds::new(half, half)));
        let output = child.stdout.take().ok_or_else(|| io::Error::other("the script has no output"))?;
        Ok(Self {
            _held_open_for_the_guard: child.stdin.take(),
            child,
            processes: Processes { group, marker: Marker::of(&folder.out()) },
            reader: tokio::spawn(read(output, log.clone())),
            log,
            waited_for: false,
        })
    }

    /// Waits until the script has ended by itself. What it started may go on.
    ///
    /// The script stays a zombie, so that its process id, which is the group's too, is not given to another.
    pub(super) async fn ends(&self) {
        let leader = self.processes.group;
        let wait = move || retry_on_intr(|| waitid(WaitId::Pid(leader), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT));
        let _nothing_to_learn = tokio::task::spawn_blocking(wait).await;
    }

    /// Kills what still runs and says how it was.
    pub(super) async fn end(mut self, clock: &dyn Clock) -> io::Result<Ended> {
        let left_behind = self.blocking(|processes| processes.names_without(LAUNCH)).await?;
        let mut survivors = Vec::new();
        for _ in 0..KILL_ROUNDS {
            self.blocking(Processes::kill).await?;
            survivors = self.blocking(Processes::names).await?;
            if survivors.is_empty() {
                break;
            }
            clock.sleep(KILL_PAUSE).await;
        }
        let status = self.child.wait().await?;
        self.waited_for = true;
        tokio::select! {
            biased;
            _ = &mut self.reader => {}
            () = clock.sleep(LAST_WORDS) => self.reader.abort(),
        }
        let log = std::mem::replace(&mut *self.log.lock().unwrap_or_else(PoisonError::into_inner), LogEnds::new(0, 0));
        Ok(Ended { status, left_behind, survivors, log: log.excerpt() })
    }

    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce(&Processes) -> T + Send + 'static) -> io::Result<T> {
        let processes = self.processes.clone();
        Ok(tokio::task::spawn_blocking(move || work(&processes)).await?)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.reader.abort();
        if !self.waited_for {
            self.processes.kill();
        }
    }
}

impl Ended {
    /// What the exit status says.
    pub(super) fn conclusion(&self) -> CiConclusion {
        match (self.status.code(), self.status.signal()) {
            (Some(0), _) => CiConclusion::Passed,
            (Some(code), _) => CiConclusion::Failed { code },
            (None, signal) => {
                CiConclusion::Errored { reason: format!("the script was killed by signal {}", signal.unwrap_or_default()) }
            }
        }
    }
}

async fn read(mut output: ChildStdout, log: Arc<Mutex<LogEnds>>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count) = output.read(&mut buffer).await {
        match buffer.get(..count) {
            None | Some([]) => break,
            Some(bytes) => log.lock().unwrap_or_else(PoisonError::into_inner).push(bytes),
        }
    }
}
