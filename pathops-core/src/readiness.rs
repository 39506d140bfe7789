//! The rule behind [`Readiness`]: is this very deployment live and healthy?
//!
//! [`judge`] is pure and knows no controller. Whoever implements [`GitOps`](crate::adapter::GitOps) describes what its
//! controller knows as a [`ControllerView`] and gets the answer that the trait promises: an older, newer, unrelated,
//! untested or not yet observed state is never ready.

use std::collections::BTreeSet;

use crate::adapter::{DeployFailure, ExpectedDeployment, JobResult, NotYet, Readiness, Stale, StaleAction};
use crate::digest::Digest;
use crate::id::{CommitId, JobName, TreeId};
use crate::time::UnixMillis;

/// A desired state in Git, as a controller knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision {
    /// The commit.
    pub commit: CommitId,
    /// The tree at the target's path in it.
    pub tree: TreeId,
    /// Whether the commit is the expected one or descends from it. Not known counts as `false`.
    pub descends: bool,
}

/// What the process (or whatever the controller runs) does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// Nothing runs.
    NotRunning,
    /// It runs and has not answered its health check yet.
    Starting,
    /// It has been healthy without a gap.
    Healthy {
        /// Since when.
        since: UnixMillis,
    },
    /// It runs, and its health check says no.
    Unhealthy {
        /// What the check said.
        message: String,
    },
    /// It ended, or never came up.
    Crashed {
        /// How, in words for people.
        message: String,
    },
    /// The desired revision cannot be applied.
    NotApplicable {
        /// Why, in words for people.
        message: String,
    },
}

/// Everything a controller knows about one unit in one environment, read at one instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControllerView {
    /// When the controller last read the branch; `None` where it never did.
    pub last_look: Option<UnixMillis>,
    /// What the branch asked for at that look; `None` where there was no such branch or folder.
    pub desired: Option<Revision>,
    /// What is applied.
    pub applied: Option<Revision>,
    /// The artifact that runs.
    pub artifact: Option<Digest>,
    /// What the process of the applied revision does, or why the desired one cannot be applied.
    pub process: ProcessState,
    /// The post-deploy jobs that the applied revision declares.
    pub declared_jobs: BTreeSet<JobName>,
    /// What those that have ended found.
    pub jobs: Vec<JobResult>,
    /// When all this was read, on the clock that the other instants come from.
    pub at: UnixMillis,
}

/// What `view` says about `expected`.
///
/// `Ready` needs all of this, and the first that is missing gives the answer:
///
/// 1. the controller looked at Git since the deployment was asked for (a look later than `view.at` is none: the clock
///    has jumped);
/// 2. the branch it saw holds the expected commit, and still asks for the expected tree;
/// 3. the applied commit is the expected one or descends from it, and has the expected tree;
/// 4. the process is healthy, and is the expected artifact where one is expected;
/// 5. every expected job is declared, and each of its results for this tree shows something and shows nothing bad;
/// 6. health has held for the settle time;
/// 7. every expected job has ended.
#[must_use]
pub fn judge(expected: &ExpectedDeployment, view: &ControllerView) -> Readiness {
    let verdict = seen(expected, view)
        .and_then(|()| applied(expected, view))
        .and_then(|()| healthy_since(expected, view))
        .and_then(|since| jobs_not_failed(expected, view).map(|()| since))
        .and_then(|since| settled(expected, view, since))
        .and_then(|()| jobs_ended(expected, view));
    verdict.err().unwrap_or(Readiness::Ready)
}

type Verdict<T = ()> = Result<T, Readiness>;

fn seen(expected: &ExpectedDeployment, view: &ControllerView) -> Verdict {
    let looked = view.last_look.is_some_and(|look| look >= expected.since && look <= view.at);
    if !looked {
        return Err(Readiness::Stale(Stale::NotLooking { last_look: view.last_look }, StaleAction::Refresh));
    }
    match &view.desired {
        Some(desired) if desired.descends && desired.tree == expected.tree => Ok(()),
        Some(desired) if desired.descends => {
            Err(Readiness::Stale(Stale::Superseded { tree: desired.tree.clone() }, StaleAction::GiveUp))
        }
        _ => Err(Readiness::NotYet(NotYet::NotSeen)),
    }
}

fn applied(expected: &ExpectedDeployment, view: &ControllerView) -> Verdict {
    let is_applied = view.applied.as_ref().is_some_and(|applied| applied.descends && applied.tree == expected.tree);
    let never_will_be = matches!(view.process, ProcessState::NotApplicable { .. });
    if is_applied || never_will_be { Ok(()) } else { Err(Readiness::NotYet(NotYet::Applying)) }
}

fn healthy_since(expected: &ExpectedDeployment, view: &ControllerView) -> Verdict<UnixMillis> {
    let since = match &view.process {
        ProcessState::Healthy { since } => *since,
        ProcessState::NotRunning => return Err(Readiness::NotYet(NotYet::Applying)),
        ProcessState::Starting => return Err(Readiness::NotYet(NotYet::Starting)),
        ProcessState::Unhealthy { message } => {
            return Err(Readiness::Failed(DeployFailure::Unhealthy { message: message.clone() }));
        }
        ProcessState::Crashed { message } => return Err(Readiness::Failed(DeployFailure::Crashed { message: message.clone() })),
        ProcessState::NotApplicable { message } => {
            return Err(Readiness::Failed(DeployFailure::NotApplicable { message: message.clone() }));
        }
    };
    if expected.artifact.is_some() && view.artifact != expected.artifact {
        return Err(Readiness::Failed(DeployFailure::WrongArtifact { running: view.artifact }));
    }
    Ok(since)
}

fn jobs_not_failed(expected: &ExpectedDeployment, view: &ControllerView) -> Verdict {
    let missing = jobs_where(expected, |job| !view.declared_jobs.contains(job));
    if !missing.is_empty() {
        return Err(Readiness::Failed(DeployFailure::JobsMissing { jobs: missing }));
    }
    let failed = jobs_where(expected, |job| results(expected, view, job).any(|result| !result.passed()));
    if !failed.is_empty() {
        return Err(Readiness::Failed(DeployFailure::JobsFailed { jobs: failed }));
    }
    Ok(())
}

fn settled(expected: &ExpectedDeployment, view: &ControllerView, since: UnixMillis) -> Verdict {
    let ready_at = since + expected.settle;
    if view.at >= ready_at {
        return Ok(());
    }
    let remaining_millis = u64::try_from(ready_at.since(view.at).as_millis()).unwrap_or(u64::MAX);
    Err(Readiness::NotYet(NotYet::Settling { remaining_millis }))
}

fn jobs_ended(expected: &ExpectedDeployment, view: &ControllerView) -> Verdict {
    let running = jobs_where(expected, |job| results(expected, view, job).next().is_none());
    if running.is_empty() { Ok(()) } else { Err(Readiness::NotYet(NotYet::JobsRunning { jobs: running })) }
}

fn jobs_where(expected: &ExpectedDeployment, is: impl Fn(&JobName) -> bool) -> Vec<JobName> {
    expected.jobs.iter().filter(|job| is(job)).cloned().collect()
}

/// Only results for the expected tree count: another tree's say nothing about this one.
fn results<'v>(expected: &ExpectedDeployment, view: &'v ControllerView, job: &JobName) -> impl Iterator<Item = &'v JobResult> {
    let (job, tree) = (job.clone(), expected.tree.clone());
    view.jobs.iter().filter(move |result| result.job == job && result.tree == tree)
}

#[cfg(test)]
mod tests;
