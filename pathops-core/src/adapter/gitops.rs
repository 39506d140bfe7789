use std::fmt::{self, Debug};
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::Result;
use crate::id::{CommitId, JobName, RepoId, TreeId, UnitId};
use crate::op::OpContext;
use crate::project::EnvironmentTarget;
use crate::time::UnixMillis;

/// What a GitOps controller can do beyond the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GitOpsCapabilities {
    /// It can be asked to look at Git now ([`GitOps::refresh`]).
    pub refresh: bool,
    /// It runs declared post-deploy jobs and reports their results. Without it, expecting a job is refused as `Unsupported`.
    pub jobs: bool,
    /// What a job found for a tree counts for a later commit with the same tree as well. Without it a job counts only for the
    /// commits that it ran for, and a commit that changes nothing is [`Stale::NotTested`] where jobs are expected.
    pub jobs_of_trees: bool,
}

/// What should be live: nothing less counts as ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedDeployment {
    /// The app or component.
    pub unit: UnitId,
    /// The environment and where it is.
    pub target: EnvironmentTarget,
    /// The desired-state repository.
    pub repo: RepoId,
    /// The commit that asked for it.
    pub commit: CommitId,
    /// The tree at the target's path in that commit. A later commit with the same tree is as good.
    pub tree: TreeId,
    /// The artifact that must be running. A component without an artifact has none.
    pub artifact: Option<Digest>,
    /// Post-deploy jobs that must have run, for this tree, and passed.
    pub jobs: Vec<JobName>,
    /// How long health must hold without a gap before the deployment counts as ready.
    pub settle: Duration,
    /// When the deployment was asked for: what was observed before says nothing about it.
    pub since: UnixMillis,
}

/// What a post-deploy job looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum JobKind {
    /// Does it answer?
    Health,
    /// Does it do its work, together with what it calls?
    Smoke,
    /// Does it keep its contract?
    Contract,
}

impl fmt::Display for JobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JobKind::Health => "health",
            JobKind::Smoke => "smoke",
            JobKind::Contract => "contract",
        })
    }
}

/// One check of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobCheck {
    /// For example `GET /checkout shows the delivery date`.
    pub name: String,
    /// `None` where it passed, else what was expected and what was there.
    pub failure: Option<String>,
}

/// What a post-deploy job found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobResult {
    /// The job.
    pub job: JobName,
    /// Its kind.
    pub kind: JobKind,
    /// The tree that it was run for.
    pub tree: TreeId,
    /// When it started.
    pub started_at: UnixMillis,
    /// When it ended.
    pub finished_at: UnixMillis,
    /// What it checked. A job without checks has shown nothing: it never counts as passed.
    pub checks: Vec<JobCheck>,
}

impl JobResult {
    /// Whether it checked something and all of it held.
    #[must_use]
    pub fn passed(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(|check| check.failure.is_none())
    }
}

/// Why a deployment is not ready yet. Waiting may help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
#[non_exhaustive]
pub enum NotYet {
    /// The controller has not seen the commit.
    NotSeen,
    /// It has been asked to look at Git, and has not done so yet, or not to the end.
    Looking,
    /// It is applying it.
    Applying,
    /// It runs and has not answered its health check yet.
    Starting,
    /// Healthy, but not for long enough.
    Settling {
        /// Milliseconds to go.
        remaining_millis: u64,
    },
    /// These jobs have not ended.
    JobsRunning {
        /// Which.
        jobs: Vec<JobName>,
    },
    /// The controller reports something that may pass: an error, or a state that is not the desired one.
    Reported {
        /// What, in words for people.
        message: String,
    },
}

/// Why what was observed says nothing about what is expected. Waiting alone does not help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
#[non_exhaustive]
pub enum Stale {
    /// The controller has not looked since the deployment was asked for.
    NotLooking {
        /// When it last did.
        last_look: Option<UnixMillis>,
    },
    /// The branch has moved on to another desired state.
    Superseded {
        /// What the branch asks for now.
        tree: TreeId,
    },
    /// The controller is told to leave the deployment as it is.
    Frozen {
        /// How, in words for people.
        message: String,
    },
    /// It is live, and the expected jobs did not run for it: this is no pass.
    NotTested {
        /// Why they did not, in words for people.
        message: String,
    },
    /// As it is set up, or as somebody left it, there is no telling, however long one waits.
    Unjudged {
        /// Why, and what to do about it, in words for people.
        message: String,
    },
}

/// What to do about a stale observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StaleAction {
    /// Ask for a refresh.
    Refresh,
    /// Give up this expectation: another one has taken its place.
    GiveUp,
    /// Have a person act: nothing that PathOps may do helps.
    AskPeople,
}

/// Why a deployment failed. It will not become ready by waiting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "reason")]
#[non_exhaustive]
pub enum DeployFailure {
    /// The desired state cannot be applied.
    NotApplicable {
        /// Why, in words for people.
        message: String,
    },
    /// The process ended, or never came up.
    Crashed {
        /// How, in words for people.
        message: String,
    },
    /// Alive, and unhealthy.
    Unhealthy {
        /// What the check said.
        message: String,
    },
    /// What runs is not the expected artifact.
    WrongArtifact {
        /// What runs.
        running: Option<Digest>,
    },
    /// These post-deploy jobs failed.
    JobsFailed {
        /// Which.
        jobs: Vec<JobName>,
    },
    /// These post-deploy jobs are not declared there, so nothing tested this deployment.
    JobsMissing {
        /// Which.
        jobs: Vec<JobName>,
    },
}

/// The answer to "is this very deployment live and healthy?"
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "verdict", content = "detail")]
pub enum Readiness {
    /// Yes.
    Ready,
    /// Not yet.
    NotYet(NotYet),
    /// What is known is about something else.
    Stale(Stale, StaleAction),
    /// No, and it will not.
    Failed(DeployFailure),
}

/// What was observed, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// What follows for the expectation.
    pub readiness: Readiness,
    /// The commit that is applied.
    pub commit: Option<CommitId>,
    /// The tree at the target's path in it.
    pub tree: Option<TreeId>,
    /// The artifact that runs.
    pub artifact: Option<Digest>,
    /// Where it answers, for people and checks.
    pub url: Option<String>,
    /// Since when it has been healthy without a gap.
    pub healthy_since: Option<UnixMillis>,
    /// What the declared jobs found, for the tree that is applied.
    pub jobs: Vec<JobResult>,
    /// The version of the controller's own record that was read.
    pub resource_version: String,
    /// When it was observed.
    pub at: UnixMillis,
}

/// The controller that makes an environment what Git says. PathOps asks and reads; it never applies.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait GitOps: Debug + Send + Sync + 'static {
    /// The adapter's name, for example `local-gitops`.
    fn name(&self) -> &'static str;

    /// What this controller offers.
    fn capabilities(&self) -> GitOpsCapabilities;

    /// What is there, judged against `expected`. Never calls an older, newer or unrelated state ready.
    ///
    /// # Errors
    /// `NotFound` where the controller does not manage that unit in that environment; `Unsupported` for jobs without
    /// the capability; `Unavailable`, `Timeout`.
    async fn observe(&self, cx: &OpContext, expected: &ExpectedDeployment) -> Result<Observation>;

    /// Asks the controller to look at Git now. A hint: it changes nothing that Git does not ask for.
    ///
    /// # Errors
    /// `Unsupported` without the capability; `NotFound`, `Unavailable`, `Timeout`.
    async fn refresh(&self, cx: &OpContext, unit: &UnitId, target: &EnvironmentTarget) -> Result<()> {
        let _ = (cx, unit, target);
        Err(crate::Error::unsupported("refresh a deployment"))
    }
}
