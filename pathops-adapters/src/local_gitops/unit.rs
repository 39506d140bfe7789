//! The loop that makes one unit of one environment what its branch asks for, and keeps it so.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use pathops_core::UnixMillis;
use pathops_core::adapter::JobResult;
use pathops_core::readiness::ProcessState;
use tokio::sync::watch;

use super::apply::Refusal;
use super::board::{Board, Status};
use super::git::Snapshot;
use super::ports::Addresses;
use super::process::End;
use super::running::{Happened, Running};
use super::watch::Desired;
use super::{Shared, Watched};

/// After so long, what could not be applied is tried again: a port may have become free, a blob may have come.
const TRY_AGAIN: Duration = Duration::from_secs(2);
/// So often in a row is a process restarted that ended by itself.
const RESTARTS: u32 = 5;
const FIRST_BACKOFF: Duration = Duration::from_millis(100);
/// Health that held for so long ends the row.
const RECOVERED: Duration = Duration::from_secs(10);

/// One unit in one environment.
pub(super) struct Unit {
    pub(super) shared: Arc<Shared>,
    pub(super) watched: Watched,
    pub(super) board: Arc<Board>,
    pub(super) running: Option<Running>,
    restarts: u32,
}

impl Unit {
    pub(super) fn new(shared: Arc<Shared>, watched: Watched, board: Arc<Board>) -> Self {
        Self { shared, watched, board, running: None, restarts: 0 }
    }

    /// Serves each desired state until the next one, and stops what runs once nobody watches the branch any more.
    pub(super) async fn run(mut self, mut desired: watch::Receiver<Desired>) {
        let mut addresses = self.shared.ports.addresses();
        loop {
            let wanted = desired.borrow_and_update().clone();
            let places = addresses.borrow_and_update().clone();
            tokio::select! {
                never = self.serve(wanted, &places) => match never {},
                changed = desired.changed() => if changed.is_err() { break },
                _ = addresses.changed() => {}
            }
        }
        self.stop_process("the reconciler stops").await;
    }

    /// # Cancel safety
    /// Whatever is running stays in `self`, and the next call goes on from there.
    async fn serve(&mut self, desired: Desired, addresses: &Addresses) -> Infallible {
        let Some(snapshot) = desired else { return std::future::pending().await };
        while let Err(refusal) = self.apply(snapshot.as_deref(), addresses).await {
            let (clock, board) = (self.shared.clock.clone(), self.board.clone());
            note_refusal(&board, clock.now(), snapshot.as_deref(), refusal).await;
            tokio::select! {
                never = self.tend() => match never {},
                () = clock.sleep(TRY_AGAIN) => {}
                () = board.again.notified() => {}
            }
        }
        self.tend().await
    }

    /// Keeps what runs running, checked and tested.
    async fn tend(&mut self) -> Infallible {
        loop {
            let Some(running) = &mut self.running else { return std::future::pending().await };
            match running.next(&self.shared.clock).await {
                Happened::Ended(end) => self.ended(end).await,
                Happened::Well => self.well().await,
                Happened::Ill => self.ill().await,
                Happened::OutOfPatience => self.out_of_patience().await,
                Happened::Tested(result) => self.tested(result).await,
            }
        }
    }

    async fn well(&mut self) {
        let now = self.shared.clock.now();
        let Some(running) = &mut self.running else { return };
        if let Some(since) = running.healthy_since() {
            if now.since(since) >= RECOVERED {
                self.restarts = 0;
            }
            return self.start_job();
        }
        running.is_healthy(now);
        self.board.event(now, "Healthy", format!("answers at {}", running.url()));
        let note = |status: &mut Status| {
            status.process = ProcessState::Healthy { since: now };
            if let Some(applied) = &mut status.record.applied {
                applied.proven = true;
            }
        };
        self.board.change(note).await;
        self.start_job();
    }

    async fn ill(&mut self) {
        let Some(running) = &mut self.running else { return };
        if running.healthy_since().is_some() {
            running.is_ill(&self.shared.clock);
            self.board.event(self.shared.clock.now(), "HealthLost", running.complaint().to_owned());
            self.board.change(|status| status.process = ProcessState::Starting).await;
        }
    }

    async fn out_of_patience(&mut self) {
        let Some(running) = &self.running else { return };
        let now = self.shared.clock.now();
        let message = running.complaint().to_owned();
        if running.shows_life() {
            self.board.event(now, "Unhealthy", message.clone());
            self.board.change(|status| status.process = ProcessState::Unhealthy { message }).await;
        } else {
            let waited = self.shared.config.start_limit.as_millis();
            let how = self.with_log(format!("did not come up within {waited} ms: {message}"));
            self.stop_process("it did not come up").await;
            self.board.change(|status| status.process = ProcessState::Crashed { message: how }).await;
        }
    }

    /// A process that ended: one that was well before is started again, a few times; a new one has failed, unless it
    /// never ran.
    async fn ended(&mut self, end: End) {
        let message = self.with_log(format!("the process {}", end.how));
        let Some(ended) = self.running.take() else { return };
        self.board.event(self.shared.clock.now(), "Exited", message.clone());
        let proven = self.board.status().record.applied.as_ref().is_some_and(|applied| applied.proven);
        if !(proven || end.never_ran) || self.restarts >= RESTARTS {
            self.board.change(|status| status.process = ProcessState::Crashed { message }).await;
            return;
        }
        let backoff = FIRST_BACKOFF * 2_u32.pow(self.restarts);
        self.restarts += 1;
        self.board.change(|status| status.process = ProcessState::Starting).await;
        self.shared.clock.sleep(backoff).await;
        self.start_process(ended.into_plan(), "Restarted").await;
    }

    /// A new desired state begins a new row of restarts.
    pub(super) fn forget_restarts(&mut self) {
        self.restarts = 0;
    }

    async fn tested(&mut self, result: JobResult) {
        let now = self.shared.clock.now();
        let failure = result.checks.iter().find_map(|check| check.failure.as_ref());
        match failure {
            Some(failure) => self.board.event(now, "JobsFailed", format!("{}: {failure}", result.job)),
            None => self.board.event(now, "JobsPassed", format!("{}: {} checks", result.job, result.checks.len())),
        }
        // All at once: whoever sees that a job has failed sees what the others found too.
        if let Some(results) = self.running.as_mut().and_then(|running| running.tested(result)) {
            self.board.change(|status| status.record.jobs.extend(results)).await;
        }
        self.start_job();
    }

    /// Starts the first job that has no result for this tree, one at a time: jobs may disturb each other. Units that come
    /// up again, as all do after a restart of this program, are waited for as long as they may take: a job may need them.
    fn start_job(&mut self) {
        let limit = self.shared.config.start_limit;
        let Some(running) = &mut self.running else { return };
        let waited = running.healthy_since().map(|since| self.shared.clock.now().since(since));
        if waited.is_some_and(|waited| waited < limit) && self.shared.others_come_up_again(&self.watched) {
            return;
        }
        let done = self.board.status().record.jobs.clone();
        running.start_job(&done, self.shared.config.job_limit, &self.shared.clock);
    }

    pub(super) async fn stop_process(&mut self, why: &str) {
        if let Some(running) = self.running.take() {
            self.board.change(|status| status.process = ProcessState::NotRunning).await;
            running.stop().await;
            self.board.event(self.shared.clock.now(), "Stopped", why.to_owned());
        }
    }

    /// The message with the last lines that the process printed.
    fn with_log(&self, message: String) -> String {
        let since = self.running.as_ref().map(Running::started_at).unwrap_or_default();
        let lines = self.board.log.last_lines(since, 10);
        if lines.is_empty() { format!("{message}; it printed nothing") } else { format!("{message}; it printed last:\n{lines}") }
    }
}

/// Notes why the desired state cannot be applied. What ran before goes on.
async fn note_refusal(board: &Arc<Board>, now: UnixMillis, snapshot: Option<&Snapshot>, refusal: Refusal) {
    let Refusal { message, passing } = refusal;
    if passing {
        board.event(now, "ApplyDelayed", message);
    } else if board.status().refusal.as_ref() != Some(&message) {
        board.event(now, "NotApplicable", message.clone());
        let about = |desired: &Snapshot| snapshot.is_some_and(|snapshot| snapshot.tree == desired.tree);
        let note = |status: &mut Status| {
            // By now the branch may ask for another tree, which this says nothing about.
            if status.desired.as_deref().is_some_and(about) {
                status.refusal = Some(message);
            }
        };
        board.change(note).await;
    }
}
