//! One process in a group of its own, which never outlives this one.
//!
//! A small `sh` script stands between: it holds the reading end of a pipe whose other end only this process has. When the
//! pipe closes, for whatever reason (also SIGKILL), the script kills the whole group. As it waits for that inside the
//! group, the group's id cannot be given to anyone else while it may still be signalled.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use pathops_core::adapter::Clock;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStdin, Command};
use tokio::task::JoinSet;

use super::log::Log;

/// `unset`: a shell adds variables of its own. The first loop goes on because a signal ends `wait` early; the app has
/// ended once it cannot be signalled any more.
const KEEPER: &str = r#"exec 3<&0 </dev/null
unset PWD OLDPWD SHLVL
trap : TERM
"$@" 3<&- &
app=$!
(trap '' TERM; read -r _ <&3; kill -KILL 0) >/dev/null 2>&1 &
exec 3<&-
while :; do wait "$app"; status=$?; kill -0 "$app" 2>/dev/null || break; done
exit "$status"
"#;

/// What a shell ends with where a file cannot be executed.
const NOT_EXECUTABLE: i32 = 126;
/// How long a process may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(2);
/// How long to wait for the end of the output of a group that was killed.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// What is started, exactly: nothing else reaches the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) executable: PathBuf,
    pub(super) args: Vec<String>,
    pub(super) environment: Vec<(String, OsString)>,
    pub(super) folder: PathBuf,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// In words for people.
    pub(super) how: String,
    /// Whether it never ran: the file could not be executed. For a file that was just written that may pass, as a
    /// process that another thread is starting may still hold it open.
    pub(super) never_ran: bool,
}

/// A process that was started. Dropping it kills its whole group.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    group: Option<Pid>,
    output: JoinSet<()>,
    clock: Arc<dyn Clock>,
    _lifeline: Option<ChildStdin>,
}

impl Process {
    /// Starts it. What it prints goes to `log`.
    pub(super) fn start(start: &Start, log: &Arc<Log>, clock: &Arc<dyn Clock>) -> std::io::Result<Self> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", KEEPER, "sh"])
            .arg(&start.executable)
            .args(&start.args)
            .env_clear()
            .envs(start.environment.iter().map(|(name, value)| (name, value)))
            .current_dir(&start.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let mut output = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            output.spawn(copy(stdout, log.clone(), clock.clone()));
        }
        if let Some(stderr) = child.stderr.take() {
            output.spawn(copy(stderr, log.clone(), clock.clone()));
        }
        let lifeline = child.stdin.take();
        Ok(Self { child, group, output, clock: clock.clone(), _lifeline: lifeline })
    }

    /// Waits until it ends, and ends what is left of its group. Says how it ended.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the process as it is.
    pub(super) async fn ended(&mut self) -> End {
        let status = self.child.wait().await;
        self.end_group().await;
        let never_ran = status.as_ref().is_ok_and(|status| status.code() == Some(NOT_EXECUTABLE));
        End { how: status.map_or_else(|e| format!("cannot be waited for: {e}"), describe), never_ran }
    }

    /// Asks it to end, and makes it end where it does not in time.
    pub(super) async fn stop(mut self) {
        self.signal(Signal::TERM);
        let clock = self.clock.clone();
        tokio::select! {
            _ = self.child.wait() => {}
            () = clock.sleep(GRACE) => {
                self.signal(Signal::KILL);
                let _killed = self.child.wait().await;
            }
        }
        self.end_group().await;
    }

    /// Kills what is left of the group, and waits a moment until nobody can print any more: then it has ended.
    async fn end_group(&mut self) {
        self.signal(Signal::KILL);
        tokio::select! {
            () = async { while self.output.join_next().await.is_some() {} } => {}
            () = self.clock.sleep(LAST_WORDS) => {}
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = self.group {
            // The group may have ended by itself, which is what is wanted.
            let _gone = kill_process_group(group, signal);
        }
    }
}

async fn copy(mut from: impl AsyncRead + Unpin, log: Arc<Log>, clock: Arc<dyn Clock>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        log.add(clock.now(), buffer.get(..count).unwrap_or_default());
    }
}

/// The script ends as the app did: a shell gives 128 and the number for a signal.
fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code @ 129..=192), _) => format!("was ended by signal {}", code - 128),
        (Some(NOT_EXECUTABLE), _) => "cannot be executed (exit status 126)".to_owned(),
        (Some(127), _) => "was not found (exit status 127)".to_owned(),
        (Some(code), _) => format!("ended with exit status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
