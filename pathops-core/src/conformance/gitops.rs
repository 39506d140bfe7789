//! What every [`GitOps`] must do: above all, never call an older, newer or unrelated state ready.

use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::case::Answer as _;
use super::scm::world::cx;
use super::step::declares;
use super::{Case, Fresh, Outcome, into_trials};
use crate::adapter::{Clock, ExpectedDeployment, GitOps, GitOpsCapabilities, Observation, Readiness};
use crate::digest::Digest;
use crate::id::{CommitId, JobName, RepoId, TreeId, UnitId};
use crate::project::EnvironmentTarget;

mod live;
mod optional;
mod refused;

/// Gives each case a controller of its own.
#[async_trait]
pub trait GitOpsFixture: Send + Sync + 'static {
    /// A controller that manages one unit in one environment, whose desired state has not been committed yet.
    async fn fresh(&self) -> GitOpsWorld;
}

/// What a case asks for. Each is another desired state, so has another tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Desired {
    /// Becomes healthy, and its jobs pass. Versions differ in artifact and tree; the same version has the same tree.
    Healthy {
        /// Which version: 1 or 2.
        version: u8,
    },
    /// Never becomes healthy.
    Broken,
    /// Becomes healthy, and the first of its jobs fails. Not used without the capability `jobs`.
    FailingJob,
    /// The folder as it is, in a new commit: a file outside of it changes.
    Unchanged,
}

/// What was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The commit that the branch points to now.
    pub commit: CommitId,
    /// The tree at the target's path in it.
    pub tree: TreeId,
    /// The artifact it asks for.
    pub artifact: Option<Digest>,
}

/// Changes the desired state in Git, as a merge would.
#[async_trait]
pub trait DesiredState: Debug + Send + Sync + 'static {
    /// Commits onto the environment's branch.
    async fn commit(&self, desired: Desired) -> Committed;
}

/// A controller and what surrounds it.
#[derive(Debug)]
pub struct GitOpsWorld {
    /// The controller.
    pub gitops: Arc<dyn GitOps>,
    /// What changes the desired state.
    pub git: Arc<dyn DesiredState>,
    /// Sleeping on it is how a case waits.
    pub clock: Arc<dyn Clock>,
    /// The unit.
    pub unit: UnitId,
    /// The environment.
    pub target: EnvironmentTarget,
    /// The desired-state repository.
    pub repo: RepoId,
    /// The jobs that each desired state declares. Empty without the capability `jobs`, else two or more.
    pub jobs: Vec<JobName>,
    /// Dropped at the end of the case.
    pub guard: Box<dyn Any + Send + Sync>,
}

impl GitOpsWorld {
    async fn deploy(&self, desired: Desired) -> ExpectedDeployment {
        let committed = self.git.commit(desired).await;
        ExpectedDeployment {
            unit: self.unit.clone(),
            target: self.target.clone(),
            repo: self.repo.clone(),
            commit: committed.commit,
            tree: committed.tree,
            artifact: committed.artifact,
            jobs: self.jobs.clone(),
            settle: Duration::ZERO,
            since: self.clock.now(),
        }
    }

    async fn observe(&self, expected: &ExpectedDeployment) -> Result<Observation, String> {
        self.gitops.observe(&cx("observe"), expected).await.works()
    }

    /// Waits until the verdict is one that `is` wants, and gives it and all that came before it.
    async fn wait(
        &self,
        expected: &ExpectedDeployment,
        is: fn(&Readiness) -> bool,
    ) -> Result<(Observation, Vec<Readiness>), String> {
        let mut before = Vec::new();
        for _ in 0..POLLS {
            let observation = self.observe(expected).await?;
            if is(&observation.readiness) {
                return Ok((observation, before));
            }
            if before.last() != Some(&observation.readiness) {
                before.push(observation.readiness);
            }
            self.look().await?;
            self.clock.sleep(POLL_EVERY).await;
        }
        let last = before.split_off(before.len().saturating_sub(5));
        Err(format!("the awaited verdict did not come in {POLLS} polls; the last ones were {last:?}"))
    }

    async fn ready(&self, expected: &ExpectedDeployment) -> Result<Observation, String> {
        self.wait(expected, |verdict| *verdict == Readiness::Ready).await.map(|(observation, _)| observation)
    }

    async fn look(&self) -> Outcome {
        if self.gitops.capabilities().refresh {
            self.gitops.refresh(&cx("refresh"), &self.unit, &self.target).await.works()?;
        }
        Ok(())
    }
}

/// The cases as trials. `capabilities` is what the adapter is meant to declare, written down by its author.
#[must_use]
pub fn trials(fixture: Arc<dyn GitOpsFixture>, capabilities: GitOpsCapabilities) -> Vec<Trial> {
    into_trials(cases(capabilities), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn GitOpsFixture>) -> Fresh<GitOpsWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases(capabilities: GitOpsCapabilities) -> Vec<Case<GitOpsWorld>> {
    let mut cases = vec![Case::new(SUITE, "declares_what_it_is_tested_for", move |world| {
        declares_what_it_is_tested_for(world, capabilities)
    })];
    cases.extend(live::cases());
    cases.extend(refused::cases());
    cases.extend(optional::cases(capabilities));
    cases
}

async fn declares_what_it_is_tested_for(world: GitOpsWorld, capabilities: GitOpsCapabilities) -> Outcome {
    declares(&world.gitops.capabilities(), &capabilities)
}

const SUITE: &str = "gitops";
const POLL_EVERY: Duration = Duration::from_millis(50);
const POLLS: u32 = 400;
