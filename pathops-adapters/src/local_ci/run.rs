//! One run, from the checkout to the outcome.

use std::io;
use std::sync::Arc;

use pathops_core::adapter::{Artifact, BlobStore, CiConclusion, CiOutcome, CiRunId, Clock, LogExcerpt};
use pathops_core::{Error, ErrorKind, OpContext};
use tokio::sync::watch;

use super::LocalCiConfig;
use super::output;
use super::script::{Ended, Script};
use super::source::Source;
use super::work::{RunFolder, WorkPath};

const MEDIA_TYPE: &str = "application/x-tar";

/// At most so many names go into a remark.
const NAMES: usize = 10;

/// All that a run needs.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) cx: OpContext,
    pub(super) source: Source,
    pub(super) config: Arc<LocalCiConfig>,
    pub(super) work: WorkPath,
    pub(super) blobs: Arc<dyn BlobStore>,
    pub(super) clock: Arc<dyn Clock>,
}

/// What made a script end.
enum Cause {
    Itself,
    TimeLimit,
    Stopped,
}

/// Why there is no result.
enum Trouble {
    /// What was to be built, or how: in words for people.
    Reason(String),
    /// The machine.
    Outage(Outage),
}

/// Something that is wrong around a run and says nothing about what it builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outage {
    kind: ErrorKind,
    reason: String,
}

impl Outage {
    pub(super) fn error(self, run: &CiRunId) -> Error {
        let advice = "see to it and start the run again";
        Error::new(self.kind, "end a CI run").on(&run.0).because(self.reason).advise(advice)
    }
}

impl From<String> for Trouble {
    fn from(reason: String) -> Self {
        Self::Reason(reason)
    }
}

impl Job {
    /// Runs the pipeline to its end, or until `stop` says so. Whatever goes wrong is part of the outcome, but for what says
    /// nothing about the pipeline.
    pub(super) async fn run(self, stop: watch::Receiver<bool>) -> Result<CiOutcome, Outage> {
        let started_at = self.clock.now();
        let mut outcome = CiOutcome {
            conclusion: CiConclusion::Passed,
            tree: self.source.tree.clone(),
            started_at,
            finished_at: started_at,
            log: LogExcerpt::whole(Vec::new()),
            tests: None,
            artifact: None,
            pipeline_changed: self.source.pipeline_changed,
            remarks: Vec::new(),
        };
        match self.fill(&mut outcome, stop).await {
            Ok(()) => {}
            Err(Trouble::Reason(reason)) => {
                outcome.conclusion = CiConclusion::Errored { reason };
                outcome.finished_at = self.clock.now();
            }
            Err(Trouble::Outage(outage)) => return Err(outage),
        }
        Ok(outcome)
    }

    async fn fill(&self, outcome: &mut CiOutcome, stop: watch::Receiver<bool>) -> Result<(), Trouble> {
        if let Some(obstacle) = &self.source.obstacle {
            return Err(obstacle.clone().into());
        }
        let folder = Arc::new(self.check_out().await?);
        outcome.started_at = self.clock.now();
        let (cause, ended) = self.script(&folder, stop).await?;
        outcome.finished_at = self.clock.now();
        outcome.conclusion = self.conclusion(&cause, &ended);
        outcome.remarks = remarks(&cause, &ended);
        outcome.log = ended.log;
        let collected = self.collect(&folder, outcome).await;
        let removed = blocking(move || Arc::into_inner(folder).map_or(Ok(()), RunFolder::remove)).await?;
        outcome.remarks.extend(removed.err().map(|source| format!("the run's folder could not be removed: {source}")));
        collected
    }

    async fn check_out(&self) -> Result<RunFolder, Trouble> {
        let (work, source) = (self.work.clone(), self.source.clone());
        blocking(move || {
            let folder = work.fresh().map_err(|error| {
                let full = matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
                let kind = if full { ErrorKind::StorageFull } else { ErrorKind::Unavailable };
                Trouble::Outage(Outage { kind, reason: format!("no folder for the run can be made: {error}") })
            })?;
            source.check_out(&folder.checkout()).map_err(|error| {
                let reason = format!("the commit cannot be checked out: {}", error.message());
                if is_full(&reason) { Trouble::Outage(Outage { kind: ErrorKind::StorageFull, reason }) } else { reason.into() }
            })?;
            Ok(folder)
        })
        .await?
    }

    async fn script(&self, folder: &RunFolder, mut stop: watch::Receiver<bool>) -> Result<(Cause, Ended), String> {
        let failed = |error| format!("the script cannot be run: {error}");
        let script = Script::start(&self.config, folder).map_err(failed)?;
        let cause = tokio::select! {
            biased;
            Ok(_) = stop.wait_for(|stop| *stop) => Cause::Stopped,
            () = script.ends() => Cause::Itself,
            () = self.clock.sleep(self.config.time_limit) => Cause::TimeLimit,
        };
        Ok((cause, script.end(&*self.clock).await.map_err(failed)?))
    }

    fn conclusion(&self, cause: &Cause, ended: &Ended) -> CiConclusion {
        match cause {
            Cause::Itself => ended.conclusion(),
            Cause::Stopped => CiConclusion::Errored { reason: "the run was cancelled".to_owned() },
            Cause::TimeLimit => {
                CiConclusion::TimedOut { limit_millis: u64::try_from(self.config.time_limit.as_millis()).unwrap_or(u64::MAX) }
            }
        }
    }

    /// Takes the report in any case, and the artifact of a script that passed.
    async fn collect(&self, folder: &RunFolder, outcome: &mut CiOutcome) -> Result<(), Trouble> {
        let (out, limit) = (folder.out(), self.config.report_limit_bytes);
        match blocking(move || output::tests(&out, limit)).await? {
            Ok(tests) => outcome.tests = tests,
            Err(remark) => outcome.remarks.push(remark),
        }
        if outcome.conclusion != CiConclusion::Passed {
            return Ok(());
        }
        let (out, limit) = (folder.out(), self.config.artifact_limit_bytes);
        if let Some(bytes) = blocking(move || output::artifact(&out, limit)).await?? {
            outcome.artifact = Some(self.store(bytes).await?);
        }
        Ok(())
    }

    async fn store(&self, tar: Vec<u8>) -> Result<Artifact, Trouble> {
        let bytes = tar.len() as u64;
        let stored = self.blobs.put(&self.cx.part("artifact"), tar).await;
        let digest = stored.map_err(|error| {
            let reason = format!("the artifact ({bytes} bytes) cannot be stored: {error}");
            Trouble::Outage(Outage { kind: error.kind(), reason })
        })?;
        Ok(Artifact { digest, bytes, media_type: MEDIA_TYPE.to_owned() })
    }
}

/// Whether libgit2 was told that there is no room: it hands that on as the system's text alone.
fn is_full(message: &str) -> bool {
    ["No space left on device", "uota exceeded"].iter().any(|text| message.contains(text))
}

fn remarks(cause: &Cause, ended: &Ended) -> Vec<String> {
    let mut remarks = Vec::new();
    if ended.log.left_out() > 0 {
        remarks.push(format!("the output was too long: {} bytes in its middle were left out", ended.log.left_out()));
    }
    if matches!(cause, Cause::Itself) && !ended.left_behind.is_empty() {
        remarks.push(format!("the script left processes behind, which were killed: {}", list(&ended.left_behind)));
    }
    if !ended.survivors.is_empty() {
        remarks.push(format!("processes could not be killed: {}", list(&ended.survivors)));
    }
    remarks
}

fn list(names: &[String]) -> String {
    let shown = names.iter().take(NAMES).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|_| "the work was broken off".to_owned())
}
