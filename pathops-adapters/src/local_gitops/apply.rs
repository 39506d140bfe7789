//! Applying a desired state: plan, fetch, make room, start.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pathops_core::readiness::ProcessState;
use pathops_core::{Digest, Error, IdempotencyKey, OpContext, Retry};

use super::board::{Applied, Status};
use super::git::Snapshot;
use super::plan::{self, Plan, Surroundings};
use super::ports::{self, Addresses};
use super::process::Process;
use super::running::Running;
use super::unit::Unit;
use super::{Shared, Watched};

/// How long a port may take to become free: its last owner may be ending.
const PORT_TRIES: u32 = 40;
const PORT_PAUSE: Duration = Duration::from_millis(25);

/// Why a desired state is not applied.
pub(super) struct Refusal {
    /// In words for people.
    pub(super) message: String,
    /// Whether it is the surroundings that are out of order, and not the desired state.
    pub(super) passing: bool,
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self { message, passing: false }
    }
}

impl Unit {
    /// Makes this machine what the snapshot says. What runs already and is as it should be stays.
    ///
    /// # Errors
    /// Why not. Until a new process can be started the old one goes on.
    pub(super) async fn apply(&mut self, snapshot: Option<&Snapshot>, addresses: &Addresses) -> Result<(), Refusal> {
        let shared = self.shared.clone();
        let around = Surroundings { config: &shared.config, artifacts: &shared.artifacts, watched: &self.watched, addresses };
        let planned = snapshot.map(|snapshot| plan::plan(snapshot, around)).transpose()?.flatten();
        let Some(plan) = planned else {
            self.apply_nothing(snapshot).await;
            return Ok(());
        };
        if let Some(running) = self.running.as_mut().filter(|running| running.plan().same_process(&plan)) {
            running.set_plan(plan.clone());
            let noted = self.board.status().record.applied.as_ref().is_some_and(|applied| applied.commit == plan.commit);
            if !noted || self.board.status().refusal.is_some() {
                self.board.change(|status| note_applied(status, &plan)).await;
            }
            return Ok(());
        }
        if let Some(digest) = &plan.artifact {
            shared.fetch(digest).await?;
            check_executable(plan.start.executable.clone(), digest).await?;
        }
        self.replace(plan).await
    }

    /// Nothing is declared: what runs is stopped.
    async fn apply_nothing(&mut self, snapshot: Option<&Snapshot>) {
        self.stop_process("nothing is declared any more").await;
        let applied = snapshot.and_then(|snapshot| Some((snapshot.commit.clone(), snapshot.tree.clone()?)));
        let applied = applied.map(|(commit, tree)| Applied { commit, tree, artifact: None, proven: false });
        let change = |status: &mut Status| {
            status.refusal = None;
            status.process = ProcessState::NotRunning;
            status.port = None;
            status.declared_jobs = BTreeSet::new();
            status.record.jobs.clear();
            status.record.applied = applied;
        };
        self.board.change(change).await;
    }

    /// Starts what is planned in place of what runs.
    async fn replace(&mut self, plan: Plan) -> Result<(), Refusal> {
        let ours = self.running.as_ref().is_some_and(|running| running.plan().port == plan.port);
        if !ours {
            self.shared.make_free(&self.watched, plan.port).await?;
        }
        self.stop_process("another desired state takes its place").await;
        if ours {
            self.shared.make_free(&self.watched, plan.port).await?;
        }
        self.shared.make_data_folder(&self.watched).await?;
        self.forget_restarts();
        let note = |status: &mut Status| {
            note_applied(status, &plan);
            status.process = ProcessState::Starting;
        };
        self.board.change(note).await;
        self.start_process(plan, "Started").await;
        Ok(())
    }

    /// Starts the process; one that cannot be started has crashed.
    pub(super) async fn start_process(&mut self, plan: Plan, reason: &str) {
        let (clock, now) = (&self.shared.clock, self.shared.clock.now());
        match Process::start(&plan.start, &self.board.log, clock) {
            Ok(process) => {
                let artifact = plan.artifact.map(|digest| format!(", artifact {}", digest.short())).unwrap_or_default();
                self.board.event(now, reason, format!("commit {}{artifact}, port {}", plan.commit, plan.port));
                self.running = Some(Running::new(plan, process, self.shared.config.start_limit, clock));
            }
            Err(e) => {
                let message = format!("`{}` cannot be started: {e}", plan.start.executable.display());
                self.board.event(now, "Exited", message.clone());
                self.board.change(|status| status.process = ProcessState::Crashed { message }).await;
            }
        }
    }
}

impl Shared {
    /// Gets the artifact into its folder.
    async fn fetch(self: &Arc<Self>, digest: &Digest) -> Result<(), Refusal> {
        if self.artifacts.find(digest).is_some() {
            return Ok(());
        }
        let cx = OpContext::new(IdempotencyKey::new(format!("local-gitops/{digest}")));
        let said = |e: Error| Refusal { passing: e.retry() != Retry::Never, message: e.to_string() };
        let found = self.blobs.get(&cx, digest).await.map_err(said)?;
        let at = self.blobs.location(digest);
        let bytes = found.ok_or_else(|| format!("there is no artifact {digest}: {at} does not exist"))?;
        let (shared, digest) = (self.clone(), *digest);
        let unpacked = tokio::task::spawn_blocking(move || {
            let there = Digest::of(&bytes);
            if there != digest {
                return Err(format!("artifact {digest} is not what it says: {at} has the digest {there}"));
            }
            shared.artifacts.unpack(&digest, &bytes).map(|_| ())
        });
        let given_up = |_| passing(format!("unpacking artifact {digest} was given up"));
        unpacked.await.map_err(given_up)?.map_err(Refusal::from)
    }

    /// Waits a moment for the port; where it stays taken, picks another one if it may.
    async fn make_free(self: &Arc<Self>, watched: &Watched, port: u16) -> Result<(), Refusal> {
        for _ in 0..PORT_TRIES {
            if ports::is_free(port) {
                return Ok(());
            }
            self.clock.sleep(PORT_PAUSE).await;
        }
        let (shared, place) = (self.clone(), watched.place());
        match tokio::task::spawn_blocking(move || shared.ports.pick_again(&place)).await {
            // The new address ends this attempt and begins the next one.
            Ok(Ok(true)) => std::future::pending().await,
            Ok(Ok(false)) => Err(Refusal::from(format!(
                "port {port} is taken by another process; end that process, or declare another port (or none) in {}/settings.yaml",
                watched.target.path
            ))),
            Ok(Err(e)) => Err(passing(format!("no other port than {port} can be picked: {e}"))),
            Err(e) => Err(passing(format!("picking another port than {port} was given up: {e}"))),
        }
    }

    async fn make_data_folder(&self, watched: &Watched) -> Result<(), Refusal> {
        let folder = self.config.data_folder(watched);
        let made = tokio::task::spawn_blocking(move || std::fs::create_dir_all(folder)).await;
        made.map_err(std::io::Error::other).flatten().map_err(|e| passing(format!("its data folder cannot be made: {e}")))
    }
}

fn passing(message: String) -> Refusal {
    Refusal { message, passing: true }
}

/// Notes what is applied from now on. Results of jobs stay where the tree does.
fn note_applied(status: &mut Status, plan: &Plan) {
    let before = status.record.applied.take().filter(|applied| applied.tree == plan.tree);
    if before.is_none() {
        status.record.jobs.clear();
    }
    let proven = before.is_some_and(|applied| applied.proven);
    status.refusal = None;
    status.port = Some(plan.port);
    status.declared_jobs = plan.jobs.iter().map(|job| job.name.clone()).collect();
    status.record.applied =
        Some(Applied { commit: plan.commit.clone(), tree: plan.tree.clone(), artifact: plan.artifact, proven });
}

async fn check_executable(executable: PathBuf, digest: &Digest) -> Result<(), Refusal> {
    use std::os::unix::fs::PermissionsExt as _;
    let checked = tokio::task::spawn_blocking(move || {
        let metadata = std::fs::metadata(&executable);
        metadata.is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    });
    let there = checked.await.unwrap_or(false);
    let missing = || format!("artifact {digest} has no executable file of the name that `run.artifact` gives");
    if there { Ok(()) } else { Err(Refusal::from(missing())) }
}
