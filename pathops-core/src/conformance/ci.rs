//! What every [`Ci`] must do.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::case::{Answer as _, abandon};
use super::scm::world::cx;
use super::step::declares;
use super::{Case, Fresh, Outcome, ensure, into_trials};
use crate::adapter::{BlobStore, Ci, CiCapabilities, CiConclusion, CiOutcome, CiRequest, CiRunId, CiState, Clock};
use crate::digest::Digest;
use crate::error::ErrorKind;
use crate::id::{CommitId, RepoId, TreeId};

/// Gives each case a CI system of its own.
#[async_trait]
pub trait CiFixture: Send + Sync + 'static {
    /// A CI system without runs, and repositories with something to build.
    async fn fresh(&self) -> CiWorld;
}

/// Commits to build. In all of them but `changed_pipeline`, `ci/` is the same at the commit and its base.
#[derive(Clone, Debug)]
pub struct Commits {
    /// Its tests pass, and it writes a JUnit report and an artifact.
    pub passing: CiRequest,
    /// The tree of that commit.
    pub passing_tree: TreeId,
    /// Its tests fail.
    pub failing: CiRequest,
    /// Passes, and its `ci/` differs from the base.
    pub changed_pipeline: CiRequest,
    /// Would run for half a minute or more. Not used where a run cannot be stopped.
    pub slow: CiRequest,
}

/// A CI system and what surrounds it.
#[derive(Debug)]
pub struct CiWorld {
    ci: Arc<dyn Ci>,
    blobs: Arc<dyn BlobStore>,
    clock: Arc<dyn Clock>,
    commits: Commits,
    _guard: Box<dyn Any + Send + Sync>,
}

impl CiWorld {
    /// `blobs` is where artifacts go; sleeping on `clock` is how a case waits. `guard` is dropped at the end of the case.
    pub fn new(
        ci: Arc<dyn Ci>,
        blobs: Arc<dyn BlobStore>,
        clock: Arc<dyn Clock>,
        commits: Commits,
        guard: impl Any + Send + Sync,
    ) -> Self {
        Self { ci, blobs, clock, commits, _guard: Box::new(guard) }
    }

    async fn start(&self, key: &str, request: &CiRequest) -> Result<CiRunId, String> {
        self.ci.start(&cx(key), request).await.works()
    }

    async fn state(&self, run: &CiRunId) -> Result<CiState, String> {
        self.ci.state(&cx("state"), run).await.works()
    }

    async fn outcome(&self, run: &CiRunId) -> Result<CiOutcome, String> {
        for _ in 0..POLLS {
            match self.state(run).await? {
                CiState::Finished(outcome) => return Ok(*outcome),
                CiState::Running => self.clock.sleep(POLL_EVERY).await,
                CiState::Lost => return Err(format!("the run {run:?} was lost")),
            }
        }
        Err(format!("the run {run:?} did not end in {POLLS} polls"))
    }
}

/// The cases as trials. `capabilities` is what the adapter is meant to declare, written down by its author.
#[must_use]
pub fn trials(fixture: Arc<dyn CiFixture>, capabilities: CiCapabilities) -> Vec<Trial> {
    into_trials(cases(capabilities), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn CiFixture>) -> Fresh<CiWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases(capabilities: CiCapabilities) -> Vec<Case<CiWorld>> {
    let mut cases = vec![
        Case::new("ci", "declares_what_it_is_tested_for", move |world| declares_what_it_is_tested_for(world, capabilities)),
        Case::new("ci", "a_passing_commit_passes", a_passing_commit_passes),
        Case::new("ci", "a_failing_commit_fails", a_failing_commit_fails),
        Case::new("ci", "the_artifact_is_in_the_blob_store", the_artifact_is_in_the_blob_store),
        Case::new("ci", "a_changed_pipeline_is_noticed", a_changed_pipeline_is_noticed),
        Case::new("ci", "the_same_key_is_the_same_run", the_same_key_is_the_same_run),
        Case::new("ci", "an_abandoned_start_is_settled_by_starting_again", an_abandoned_start_is_settled_by_starting_again),
        Case::new("ci", "another_key_is_another_run", another_key_is_another_run),
        Case::new("ci", "an_unknown_run_is_lost", an_unknown_run_is_lost),
        Case::new("ci", "an_unknown_commit_is_not_found", an_unknown_commit_is_not_found),
    ];
    if capabilities.cancel {
        cases.push(Case::new("ci", "a_cancelled_run_ends", a_cancelled_run_ends));
        cases.push(Case::new("ci", "cancelling_an_ended_run_changes_nothing", cancelling_an_ended_run_changes_nothing));
    } else {
        cases.push(Case::new("ci", "an_undeclared_cancel_is_unsupported", an_undeclared_cancel_is_unsupported));
    }
    cases
}

async fn declares_what_it_is_tested_for(world: CiWorld, capabilities: CiCapabilities) -> Outcome {
    declares(&world.ci.capabilities(), &capabilities)
}

const POLL_EVERY: Duration = Duration::from_millis(50);
const POLLS: u32 = 600;

async fn a_passing_commit_passes(world: CiWorld) -> Outcome {
    let run = world.start("run", &world.commits.passing).await?;
    let outcome = world.outcome(&run).await?;
    ensure!(outcome.conclusion == CiConclusion::Passed, "it ends with 0, so it passed, not {:?}", outcome.conclusion);
    ensure!(outcome.tree == world.commits.passing_tree, "the commit has the tree {}", world.commits.passing_tree);
    ensure!(outcome.started_at <= outcome.finished_at, "it ended at {} before it began", outcome.finished_at);
    let report = outcome.tests.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
    ensure!(report.contains("<testsuite"), "the report of its tests is missing: {report:?}");
    ensure!(!outcome.pipeline_changed, "`ci/` is the same, but the pipeline is said to have changed");
    let (log, kept) = (&outcome.log, outcome.log.bytes.len());
    ensure!(kept as u64 <= log.total_bytes, "more was kept than printed");
    let is_cut = (kept as u64) < log.total_bytes;
    ensure!(log.cut_at.is_some() == is_cut, "{kept} of {} bytes were kept, and the cut is at {:?}", log.total_bytes, log.cut_at);
    ensure!(log.cut_at.is_none_or(|at| at <= kept), "the cut is not in what was kept");
    ensure!(world.outcome(&run).await? == outcome, "reading the outcome twice gave two outcomes");
    Ok(())
}

async fn a_failing_commit_fails(world: CiWorld) -> Outcome {
    let run = world.start("run", &world.commits.failing).await?;
    let conclusion = world.outcome(&run).await?.conclusion;
    let failed = matches!(conclusion, CiConclusion::Failed { code } if code != 0);
    ensure!(failed, "its tests fail, so it failed with a code, not {conclusion:?}");
    Ok(())
}

async fn the_artifact_is_in_the_blob_store(world: CiWorld) -> Outcome {
    let run = world.start("run", &world.commits.passing).await?;
    let artifact = world.outcome(&run).await?.artifact.ok_or("it builds an artifact, but none is there")?;
    let bytes = world.blobs.get(&cx("get"), &artifact.digest).await.works()?;
    let bytes = bytes.ok_or("the artifact is not in the blob store")?;
    ensure!(Digest::of(&bytes) == artifact.digest, "the artifact has another digest");
    ensure!(u64::try_from(bytes.len()) == Ok(artifact.bytes), "the artifact has {} bytes, not {}", bytes.len(), artifact.bytes);
    ensure!(artifact.media_type.contains('/'), "`{}` is no media type", artifact.media_type);
    Ok(())
}

async fn a_changed_pipeline_is_noticed(world: CiWorld) -> Outcome {
    let run = world.start("run", &world.commits.changed_pipeline).await?;
    let outcome = world.outcome(&run).await?;
    ensure!(outcome.pipeline_changed, "`ci/` differs from the base, and nobody noticed");
    Ok(())
}

async fn the_same_key_is_the_same_run(world: CiWorld) -> Outcome {
    let run = world.start("run", &world.commits.passing).await?;
    let early = world.start("run", &world.commits.passing).await?;
    let outcome = world.outcome(&run).await?;
    let late = world.start("run", &world.commits.passing).await?;
    ensure!(early == run && late == run, "one key gave the runs {run:?}, {early:?} and {late:?}");
    ensure!(world.outcome(&late).await? == outcome, "starting it again gave another outcome");
    Ok(())
}

async fn an_abandoned_start_is_settled_by_starting_again(world: CiWorld) -> Outcome {
    for polls in 1..=3 {
        let key = format!("abandoned/{polls}");
        abandon(world.ci.start(&cx(&key), &world.commits.passing), polls).await;
        let run = world.start(&key, &world.commits.passing).await?;
        let again = world.start(&key, &world.commits.passing).await?;
        ensure!(run == again, "one key gave the runs {run:?} and {again:?} after a start that nobody waited for");
        let conclusion = world.outcome(&run).await?.conclusion;
        ensure!(conclusion == CiConclusion::Passed, "it passes, however it was started, and not {conclusion:?}");
    }
    Ok(())
}

async fn another_key_is_another_run(world: CiWorld) -> Outcome {
    let one = world.start("one", &world.commits.passing).await?;
    let two = world.start("two", &world.commits.failing).await?;
    ensure!(one != two, "two keys gave the one run {one:?}");
    let conclusion = world.outcome(&one).await?.conclusion;
    ensure!(conclusion == CiConclusion::Passed, "beside another run it ended with {conclusion:?}");
    world.outcome(&two).await.map(drop)
}

async fn an_unknown_run_is_lost(world: CiWorld) -> Outcome {
    let state = world.state(&CiRunId("nobody-started-this".to_owned())).await?;
    ensure!(state == CiState::Lost, "a run that nobody started is lost, not {state:?}");
    Ok(())
}

async fn an_unknown_commit_is_not_found(world: CiWorld) -> Outcome {
    let passing = world.commits.passing.clone();
    let commit = CommitId::parse("0123456789".repeat(4)).map_err(|e| e.to_string())?;
    let repo = RepoId::parse("nobody/nothing").map_err(|e| e.to_string())?;
    let answer = world.ci.start(&cx("commit"), &CiRequest { commit, ..passing.clone() }).await;
    answer.fails(ErrorKind::NotFound, "the repository does not have the commit")?;
    let answer = world.ci.start(&cx("repo"), &CiRequest { repo, ..passing }).await;
    answer.fails(ErrorKind::NotFound, "there is no such repository")
}

async fn a_cancelled_run_ends(world: CiWorld) -> Outcome {
    let run = world.start("run", &world.commits.slow).await?;
    ensure!(world.state(&run).await? == CiState::Running, "a run of half a minute is over at once");
    world.ci.cancel(&cx("cancel"), &run).await.works()?;
    let outcome = world.outcome(&run).await?;
    let killed = matches!(outcome.conclusion, CiConclusion::Errored { .. });
    ensure!(killed, "a run that was stopped ends as killed, not {:?}", outcome.conclusion);
    Ok(())
}

async fn cancelling_an_ended_run_changes_nothing(world: CiWorld) -> Outcome {
    let run = world.start("run", &world.commits.passing).await?;
    let outcome = world.outcome(&run).await?;
    world.ci.cancel(&cx("cancel"), &run).await.works()?;
    ensure!(world.outcome(&run).await? == outcome, "stopping a run that has ended changed its outcome");
    Ok(())
}

async fn an_undeclared_cancel_is_unsupported(world: CiWorld) -> Outcome {
    let run = world.start("run", &world.commits.passing).await?;
    world.ci.cancel(&cx("cancel"), &run).await.fails(ErrorKind::Unsupported, "stopping runs is not declared")?;
    let conclusion = world.outcome(&run).await?.conclusion;
    ensure!(conclusion == CiConclusion::Passed, "what is not declared changed a run: {conclusion:?}");
    Ok(())
}
