//! What is known about one unit in one environment: what observers read, and the part of it that survives a restart.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pathops_core::adapter::{JobResult, RuntimeEvent};
use pathops_core::readiness::ProcessState;
use pathops_core::{CommitId, Digest, JobName, TreeId, UnixMillis};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::git::Snapshot;
use super::log::Log;
use super::state;

const FORMAT: u32 = 1;
const KEPT_EVENTS: usize = 500;

/// What survives a restart.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    format: u32,
    /// Goes up with every change.
    pub(super) version: u64,
    pub(super) applied: Option<Applied>,
    /// What the jobs found, for the applied tree.
    pub(super) jobs: Vec<JobResult>,
}

/// A desired state that was made real.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Applied {
    pub(super) commit: CommitId,
    pub(super) tree: TreeId,
    pub(super) artifact: Option<Digest>,
    /// Whether it has ever been healthy: such a one is worth restarting.
    pub(super) proven: bool,
}

/// Everything about one unit in one environment.
pub(super) struct Status {
    /// When the branch was last read.
    pub(super) last_look: Option<UnixMillis>,
    /// What it asked for.
    pub(super) desired: Option<Arc<Snapshot>>,
    /// Why that cannot be applied.
    pub(super) refusal: Option<String>,
    pub(super) process: ProcessState,
    pub(super) port: Option<u16>,
    pub(super) declared_jobs: BTreeSet<JobName>,
    pub(super) events: VecDeque<RuntimeEvent>,
    pub(super) record: Record,
}

impl Status {
    /// Whether what is applied was healthy before and is on its way there again.
    pub(super) fn comes_up_again(&self) -> bool {
        let proven = self.record.applied.as_ref().is_some_and(|applied| applied.proven);
        proven && self.refusal.is_none() && matches!(self.process, ProcessState::NotRunning | ProcessState::Starting)
    }
}

/// The status, shared between the loop that changes it and those who read it.
pub(super) struct Board {
    file: PathBuf,
    status: Mutex<Status>,
    saved_version: Mutex<u64>,
    pub(super) log: Arc<Log>,
    /// Try again to apply what could not be applied.
    pub(super) again: Notify,
}

impl Board {
    pub(super) fn new(file: PathBuf) -> Self {
        let status = Status {
            last_look: None,
            desired: None,
            refusal: None,
            process: ProcessState::NotRunning,
            port: None,
            declared_jobs: BTreeSet::new(),
            events: VecDeque::new(),
            record: Record { format: FORMAT, version: 0, applied: None, jobs: Vec::new() },
        };
        Self { file, status: Mutex::new(status), saved_version: Mutex::new(0), log: Arc::default(), again: Notify::new() }
    }

    /// Takes up what an earlier run left.
    pub(super) fn open(&self) -> std::io::Result<()> {
        if let Some(record) = state::read::<Record>(&self.file, FORMAT)? {
            *self.saved_version.lock().unwrap_or_else(PoisonError::into_inner) = record.version;
            self.status().record = record;
        }
        Ok(())
    }

    /// The status. Not to be held over an await.
    pub(super) fn status(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the status, raises its version and saves what has to survive.
    ///
    /// # Cancel safety
    /// The change is made at the first poll; saving goes on by itself.
    pub(super) async fn change<T>(self: &Arc<Self>, change: impl FnOnce(&mut Status) -> T) -> T {
        let (outcome, record) = {
            let mut status = self.status();
            let outcome = change(&mut status);
            status.record.version += 1;
            (outcome, status.record.clone())
        };
        let board = self.clone();
        let saved = tokio::task::spawn_blocking(move || board.save(&record)).await;
        if let Ok(Err(error)) = saved {
            tracing::error!(file = %self.file.display(), %error, "the state cannot be saved: it would be lost by a restart");
        }
        outcome
    }

    /// Adds to the events. Only the word is traced: the message may hold what the process printed.
    pub(super) fn event(&self, at: UnixMillis, reason: &str, message: String) {
        tracing::info!(state = %self.file.display(), reason);
        let mut status = self.status();
        status.events.push_back(RuntimeEvent { at, reason: reason.to_owned(), message });
        if status.events.len() > KEPT_EVENTS {
            status.events.pop_front();
        }
    }

    /// Notes a look at the branch.
    pub(super) fn looked(&self, at: UnixMillis, found: Option<Arc<Snapshot>>) {
        let mut status = self.status();
        let tree = |snapshot: &Option<Arc<Snapshot>>| snapshot.as_ref().and_then(|snapshot| snapshot.tree.clone());
        if tree(&status.desired) != tree(&found) {
            // It was about another tree.
            status.refusal = None;
        }
        status.desired = found;
        status.last_look = Some(at);
    }

    /// Nobody looks and nothing runs any more.
    pub(super) fn rest(&self) {
        let mut status = self.status();
        status.last_look = None;
        status.refusal = None;
        status.process = ProcessState::NotRunning;
    }

    fn save(&self, record: &Record) -> std::io::Result<()> {
        let mut saved = self.saved_version.lock().unwrap_or_else(PoisonError::into_inner);
        if record.version > *saved {
            state::write(&self.file, record)?;
            *saved = record.version;
        }
        Ok(())
    }
}
