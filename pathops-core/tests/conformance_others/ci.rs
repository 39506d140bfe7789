use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{Ci, CiCapabilities, CiRequest, CiRunId, CiState, Clock};
use pathops_core::conformance::ci::{CiFixture, CiWorld, Commits, cases, worlds};
use pathops_core::memory::{Faulty, MemoryBlobs, MemoryCi, Pipeline};
use pathops_core::{CommitId, Error, ErrorKind, IdempotencyKey, OpContext, RepoPath, Result};

use crate::failing;
use crate::forge::{Forge, no_faults, path};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    CannotCancel,
    CancelsUndeclared,
    OverlooksTheKey,
    MakesUnknownRunsRun,
    UploadsNothing,
    OverlooksThePipeline,
    StopsEndedRuns,
    CutsLogsWithoutAWord,
}

#[derive(Debug)]
struct Planted {
    defect: Defect,
    inner: MemoryCi,
    clock: Arc<dyn Clock>,
    calls: std::sync::atomic::AtomicU64,
    stopped: std::sync::Mutex<Vec<CiRunId>>,
}

#[async_trait]
impl Ci for Planted {
    fn name(&self) -> &'static str {
        "planted"
    }

    fn capabilities(&self) -> CiCapabilities {
        capabilities(!matches!(self.defect, Defect::CannotCancel | Defect::CancelsUndeclared))
    }

    async fn start(&self, cx: &OpContext, request: &CiRequest) -> Result<CiRunId> {
        let call = self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let fresh = OpContext::new(IdempotencyKey::new(format!("call {call}")));
        let cx = if self.defect == Defect::OverlooksTheKey { &fresh } else { cx };
        let same = CiRequest { base: request.commit.clone(), ..request.clone() };
        let request = if self.defect == Defect::OverlooksThePipeline { &same } else { request };
        self.inner.start(cx, request).await
    }

    async fn state(&self, cx: &OpContext, run: &CiRunId) -> Result<CiState> {
        match (self.defect, self.inner.state(cx, run).await?) {
            (Defect::MakesUnknownRunsRun, CiState::Lost) => Ok(CiState::Running),
            (Defect::StopsEndedRuns, CiState::Finished(mut outcome)) if self.stopped.lock().unwrap().contains(run) => {
                outcome.finished_at = self.clock.now();
                outcome.tests = None;
                Ok(CiState::Finished(outcome))
            }
            (Defect::CutsLogsWithoutAWord, CiState::Finished(mut outcome)) => {
                outcome.log.total_bytes += 1;
                Ok(CiState::Finished(outcome))
            }
            (_, state) => Ok(state),
        }
    }

    async fn cancel(&self, cx: &OpContext, run: &CiRunId) -> Result<()> {
        self.stopped.lock().unwrap().push(run.clone());
        match self.defect {
            Defect::CannotCancel => Err(Error::unsupported("cancel a CI run")),
            _ => self.inner.cancel(cx, run).await,
        }
    }
}

fn capabilities(cancel: bool) -> CiCapabilities {
    let mut capabilities = CiCapabilities::default();
    capabilities.cancel = cancel;
    capabilities
}

fn pipeline(request: &CiRequest, files: &pathops_core::adapter::SourceTree) -> Pipeline {
    if files.get(&path("verdict")).is_some_and(|file| file.bytes == b"fail") {
        Pipeline::failing(request)
    } else {
        Pipeline::passing(request, files)
    }
}

#[async_trait]
impl CiFixture for Defect {
    async fn fresh(&self) -> CiWorld {
        let forge = Forge::new("shop/orders-src", "main");
        let base = forge.commit(&[("ci/run", "#!/bin/sh\n".to_owned())]).await;
        let passing = forge.commit(&[("verdict", "pass".to_owned())]).await;
        let failing = forge.commit(&[("verdict", "fail".to_owned())]).await;
        let changed = forge.commit(&[("verdict", "pass".to_owned()), ("ci/run", "exit 0\n".to_owned())]).await;
        let slow = forge.commit(&[("slow", "yes".to_owned())]).await;
        let request = |commit: &CommitId, base: &CommitId| CiRequest {
            change_set: "one-1".parse().unwrap(),
            unit: "orders".parse().unwrap(),
            repo: forge.repo.clone(),
            commit: commit.clone(),
            base: base.clone(),
        };
        let commits = Commits {
            passing: request(&passing, &base),
            passing_tree: forge.tree(&passing, &RepoPath::root()).await,
            failing: request(&failing, &base),
            changed_pipeline: request(&changed, &base),
            slow: request(&slow, &changed),
        };
        let (blobs, clock) = (Arc::new(MemoryBlobs::new()), Arc::new(forge.clock.clone()));
        let stored = if *self == Defect::UploadsNothing { Arc::new(MemoryBlobs::new()) } else { blobs.clone() };
        let inner = MemoryCi::new(forge.scm.clone(), stored, clock.clone());
        let inner = inner.taking(Duration::from_secs(5)).with_script(pipeline);
        let planted = Planted { defect: *self, inner, clock: clock.clone(), calls: 0.into(), stopped: Vec::new().into() };
        let planted: Arc<dyn Ci> = Arc::new(planted);
        CiWorld::new(Arc::new(Faulty::new(planted, no_faults())), blobs, clock, commits, ())
    }
}

fn fails(defect: Defect) -> Vec<String> {
    let cancel = !matches!(defect, Defect::CannotCancel | Defect::CancelsUndeclared);
    failing(&cases(capabilities(cancel)), &worlds(Arc::new(defect)))
}

#[test]
fn the_reference_ci_does_all_of_it() {
    assert_eq!(fails(Defect::None), [""; 0]);
    assert_eq!(fails(Defect::CannotCancel), [""; 0]);
}

#[test]
fn each_defect_fails_the_cases_that_name_it() {
    assert_eq!(fails(Defect::CancelsUndeclared), ["an_undeclared_cancel_is_unsupported"]);
    let two_runs = ["the_same_key_is_the_same_run", "an_abandoned_start_is_settled_by_starting_again"];
    assert_eq!(fails(Defect::OverlooksTheKey), two_runs);
    assert_eq!(fails(Defect::MakesUnknownRunsRun), ["an_unknown_run_is_lost"]);
    assert_eq!(fails(Defect::UploadsNothing), ["the_artifact_is_in_the_blob_store"]);
    assert_eq!(fails(Defect::OverlooksThePipeline), ["a_changed_pipeline_is_noticed"]);
    assert_eq!(fails(Defect::CutsLogsWithoutAWord), ["a_passing_commit_passes"]);
    assert_eq!(fails(Defect::StopsEndedRuns), ["cancelling_an_ended_run_changes_nothing"]);
}

#[tokio::test]
async fn a_forgotten_run_is_started_anew() {
    let forge = Forge::new("shop/orders-src", "main");
    let commit = forge.head().await;
    let ci = MemoryCi::new(forge.scm.clone(), Arc::new(MemoryBlobs::new()), Arc::new(forge.clock.clone()));
    let (unit, change_set) = ("orders".parse().unwrap(), "one-1".parse().unwrap());
    let request = CiRequest { change_set, unit, repo: forge.repo.clone(), commit: commit.clone(), base: commit };
    let cx = crate::forge::cx();
    let run = ci.start(&cx, &request).await.unwrap();
    ci.forget_runs();
    assert_eq!(ci.state(&cx, &run).await.unwrap(), CiState::Lost);
    assert_eq!(ci.start(&cx, &request).await.unwrap(), run);
    assert!(matches!(ci.state(&cx, &run).await.unwrap(), CiState::Finished(_)));
    let unknown = CiRequest { repo: "shop/nothing".parse().unwrap(), ..request };
    let cx = OpContext::new(IdempotencyKey::new("another"));
    assert_eq!(ci.start(&cx, &unknown).await.unwrap_err().kind(), ErrorKind::NotFound);
}
