use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use crate::adapter::{Clock, ExpectedDeployment, GitOps, GitOpsCapabilities, JobCheck, JobKind, Observation, Scm, SourceTree};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{CommitId, EnvironmentId, JobName, RepoId, UnitId};
use crate::op::OpContext;
use crate::project::EnvironmentTarget;
use crate::readiness::{ControllerView, ProcessState, judge};
use crate::time::UnixMillis;

mod deployment;

use deployment::{Managed, Place};

/// What a simulated controller is to deploy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deploying {
    /// The unit.
    pub unit: UnitId,
    /// The environment.
    pub environment: EnvironmentId,
    /// The artifact that `artifact.yaml` names.
    pub artifact: Option<crate::Digest>,
    /// The files of the target's folder.
    pub files: SourceTree,
}

/// What becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// What keeps it from becoming healthy: `Unhealthy`, `Crashed` or `NotApplicable`. `None`: nothing.
    pub fault: Option<ProcessState>,
    /// What really runs.
    pub artifact: Option<crate::Digest>,
    /// The declared post-deploy jobs, with what each will find.
    pub jobs: Vec<ScriptedJob>,
}

/// A declared job and what it will find.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptedJob {
    /// Its name.
    pub name: JobName,
    /// Its kind.
    pub kind: JobKind,
    /// Its checks; `None`: it never ends.
    pub checks: Option<Vec<JobCheck>>,
}

impl Rollout {
    /// It becomes healthy, and its jobs `health`, `smoke` and `contract` pass.
    #[must_use]
    pub fn passing(deploying: &Deploying) -> Self {
        let passed = || Some(vec![JobCheck { name: "it works".to_owned(), failure: None }]);
        let job = |kind: JobKind| Some(ScriptedJob { name: JobName::parse(kind.to_string()).ok()?, kind, checks: passed() });
        let jobs = [JobKind::Health, JobKind::Smoke, JobKind::Contract].into_iter().filter_map(job).collect();
        Self { fault: None, artifact: deploying.artifact, jobs }
    }
}

/// How long a simulated controller takes, for each phase of a deployment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RolloutTimes {
    /// From seeing a desired state until it is applied.
    pub apply: Duration,
    /// From then until it is healthy.
    pub start: Duration,
    /// From then until its jobs have ended.
    pub jobs: Duration,
}

type Script = dyn Fn(&Deploying) -> Rollout + Send + Sync;

/// A GitOps controller that looks at Git whenever it is asked, and deploys as a closure says. Clones share its state.
#[derive(Clone)]
pub struct MemoryGitOps {
    scm: Arc<dyn Scm>,
    clock: Arc<dyn Clock>,
    times: RolloutTimes,
    poll_every: Duration,
    script: Arc<Script>,
    managed: Arc<Mutex<BTreeMap<Place, Managed>>>,
}

impl MemoryGitOps {
    /// A controller that manages nothing yet. Its rollouts take no time and pass.
    #[must_use]
    pub fn new(scm: Arc<dyn Scm>, clock: Arc<dyn Clock>) -> Self {
        let script = Arc::new(Rollout::passing);
        let times = RolloutTimes::default();
        Self { scm, clock, times, poll_every: Duration::ZERO, script, managed: Arc::default() }
    }

    /// Rollouts take so long.
    #[must_use]
    pub fn taking(mut self, times: RolloutTimes) -> Self {
        self.times = times;
        self
    }

    /// Between refreshes it looks at Git only so often, when it is observed.
    #[must_use]
    pub fn polling_every(mut self, interval: Duration) -> Self {
        self.poll_every = interval;
        self
    }

    /// Rollouts go as `script` says.
    #[must_use]
    pub fn with_script(mut self, script: impl Fn(&Deploying) -> Rollout + Send + Sync + 'static) -> Self {
        self.script = Arc::new(script);
        self
    }

    /// From now on this unit follows its desired-state repository in that environment.
    pub fn manage(&self, unit: &UnitId, target: &EnvironmentTarget, repo: &RepoId) {
        self.managed().entry(place(unit, target)).or_insert_with(|| Managed::new(repo.clone(), target.clone()));
    }

    fn managed(&self) -> MutexGuard<'_, BTreeMap<Place, Managed>> {
        self.managed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, unit: &UnitId, target: &EnvironmentTarget, operation: &'static str) -> Result<Managed> {
        self.managed().get(&place(unit, target)).cloned().ok_or_else(|| {
            Error::new(ErrorKind::NotFound, operation)
                .on(format!("{unit} in {}", target.environment))
                .because("this controller does not manage it")
                .advise("let it manage that unit there")
        })
    }

    /// Reads the branch and begins a rollout where it asks for something else than before.
    async fn look(&self, cx: &OpContext, unit: &UnitId, managed: &Managed) -> Result<()> {
        let seen = self.read(cx, unit, managed).await?;
        let now = self.clock.now();
        let rollout = |deploying: &Deploying| (self.script)(deploying);
        if let Some(managed) = self.managed().get_mut(&place(unit, &managed.target)) {
            managed.see(seen, now, self.times, rollout);
        }
        Ok(())
    }

    async fn read(&self, cx: &OpContext, unit: &UnitId, managed: &Managed) -> Result<Option<deployment::Seen>> {
        let Managed { repo, target, .. } = managed;
        let Some(commit) = self.scm.branch_head(cx, repo, &target.branch).await? else { return Ok(None) };
        let Some(tree) = self.scm.tree_at(cx, repo, &commit, &target.path).await? else { return Ok(None) };
        let files = self.scm.read_tree(cx, repo, &commit, &target.path).await?;
        let artifact = deployment::artifact_of(&files, &target.path);
        let deploying = Deploying { unit: unit.clone(), environment: target.environment.clone(), artifact, files };
        Ok(Some(deployment::Seen { commit, tree, deploying }))
    }

    /// Whether `commit` is `ancestor` or descends from it. What Git does not know descends from nothing.
    async fn descends(&self, cx: &OpContext, repo: &RepoId, ancestor: &CommitId, commit: &CommitId) -> Result<bool> {
        if ancestor == commit {
            return Ok(true);
        }
        match self.scm.compare(cx, repo, ancestor, commit).await {
            Ok(comparison) => Ok(comparison.merge_base.as_ref() == Some(ancestor)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn view(
        &self,
        cx: &OpContext,
        expected: &ExpectedDeployment,
        managed: &Managed,
        at: UnixMillis,
    ) -> Result<ControllerView> {
        let mut view = managed.view(at);
        for revision in [&mut view.desired, &mut view.applied].into_iter().flatten() {
            revision.descends = self.descends(cx, &managed.repo, &expected.commit, &revision.commit).await?;
        }
        Ok(view)
    }
}

fn place(unit: &UnitId, target: &EnvironmentTarget) -> Place {
    (unit.clone(), target.environment.clone())
}

impl fmt::Debug for MemoryGitOps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let managed: Vec<_> = self.managed().keys().cloned().collect();
        f.debug_struct("MemoryGitOps").field("times", &self.times).field("managed", &managed).finish_non_exhaustive()
    }
}

#[async_trait]
impl GitOps for MemoryGitOps {
    fn name(&self) -> &'static str {
        "memory-gitops"
    }

    fn capabilities(&self) -> GitOpsCapabilities {
        GitOpsCapabilities { refresh: true, jobs: true, jobs_of_trees: true }
    }

    async fn observe(&self, cx: &OpContext, expected: &ExpectedDeployment) -> Result<Observation> {
        let known = self.find(&expected.unit, &expected.target, "observe a deployment")?;
        if known.last_look.is_none_or(|look| self.clock.now() >= look + self.poll_every) {
            self.look(cx, &expected.unit, &known).await?;
        }
        let managed = self.find(&expected.unit, &expected.target, "observe a deployment")?;
        let view = self.view(cx, expected, &managed, self.clock.now()).await?;
        let readiness = judge(expected, &view);
        let healthy_since = match view.process {
            ProcessState::Healthy { since } => Some(since),
            _ => None,
        };
        Ok(Observation {
            readiness,
            commit: view.applied.as_ref().map(|applied| applied.commit.clone()),
            tree: view.applied.map(|applied| applied.tree),
            artifact: view.artifact,
            url: None,
            healthy_since,
            jobs: view.jobs,
            resource_version: managed.looks.to_string(),
            at: view.at,
        })
    }

    async fn refresh(&self, cx: &OpContext, unit: &UnitId, target: &EnvironmentTarget) -> Result<()> {
        let managed = self.find(unit, target, "refresh a deployment")?;
        self.look(cx, unit, &managed).await
    }
}
