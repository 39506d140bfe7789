//! Post-deploy jobs: hooks that Argo CD ran.

use pathops_core::adapter::{ExpectedDeployment, JobCheck, JobResult};
use pathops_core::{JobName, TreeId};

use super::managed::{ManagedApplication, ManagedJob};
use crate::argo_verdict::{Application, Expected, History, HookRun};

/// The hooks of the jobs of one Application that ran for what is expected, in the order of its jobs.
pub(super) struct Runs(Vec<Vec<HookRun>>);

impl Runs {
    pub(super) fn of(
        managed: &ManagedApplication,
        application: &Application,
        expected: &Expected,
        history: &impl History,
    ) -> Self {
        Self(managed.jobs.iter().map(|job| application.hooks(&job.hook, expected, history)).collect())
    }

    /// What the jobs found that have ended.
    pub(super) fn results(&self, managed: &ManagedApplication, tree: &TreeId) -> Vec<JobResult> {
        let ended = managed.jobs.iter().zip(&self.0).filter(|(_, runs)| !runs.is_empty() && runs.iter().all(ended));
        ended.filter_map(|(job, runs)| result(job, runs, tree)).collect()
    }

    /// The expected jobs whose runs are so.
    pub(super) fn expected(
        &self,
        managed: &ManagedApplication,
        expected: &ExpectedDeployment,
        are: impl Fn(&[HookRun]) -> bool,
    ) -> Vec<JobName> {
        let jobs = managed.jobs.iter().zip(&self.0).filter(|(job, _)| expected.jobs.contains(&job.name));
        jobs.filter(|(_, runs)| are(runs)).map(|(job, _)| job.name.clone()).collect()
    }
}

fn result(job: &ManagedJob, runs: &[HookRun], tree: &TreeId) -> Option<JobResult> {
    let first = runs.first()?;
    Some(JobResult {
        job: job.name.clone(),
        kind: job.kind,
        tree: tree.clone(),
        started_at: first.started_at,
        finished_at: first.finished_at,
        checks: runs.iter().map(check).collect(),
    })
}

fn check(run: &HookRun) -> JobCheck {
    let failure = (run.phase != "Succeeded").then(|| format!("{}: {}", run.phase, run.message));
    JobCheck { name: format!("the hook {}", run.label), failure }
}

pub(super) fn ended(run: &HookRun) -> bool {
    failed(run) || run.phase == "Succeeded"
}

pub(super) fn failed(run: &HookRun) -> bool {
    matches!(run.phase.as_str(), "Failed" | "Error")
}
