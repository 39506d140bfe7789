//! What a simulated controller knows of one unit in one environment, as a function of time.

use crate::adapter::{JobResult, SourceTree};
use crate::digest::Digest;
use crate::id::{CommitId, EnvironmentId, RepoId, RepoPath, TreeId, UnitId};
use crate::project::EnvironmentTarget;
use crate::readiness::{ControllerView, ProcessState, Revision};
use crate::time::UnixMillis;

use super::{Deploying, Rollout, RolloutTimes};

/// A unit in an environment.
pub(super) type Place = (UnitId, EnvironmentId);

/// What a look at Git found.
pub(super) struct Seen {
    pub(super) commit: CommitId,
    pub(super) tree: TreeId,
    pub(super) deploying: Deploying,
}

#[derive(Clone)]
pub(super) struct Managed {
    pub(super) repo: RepoId,
    pub(super) target: EnvironmentTarget,
    pub(super) last_look: Option<UnixMillis>,
    pub(super) looks: u64,
    /// What the branch asks for: on its way, or applied.
    desired: Option<Deployment>,
    /// What was applied before it, and stays until the desired one is.
    previous: Option<Deployment>,
}

/// One desired state, with the instants at which its phases begin.
#[derive(Clone)]
struct Deployment {
    commit: CommitId,
    tree: TreeId,
    rollout: Rollout,
    applied_at: UnixMillis,
    healthy_at: UnixMillis,
    jobs_end_at: UnixMillis,
}

impl Managed {
    pub(super) fn new(repo: RepoId, target: EnvironmentTarget) -> Self {
        Self { repo, target, last_look: None, looks: 0, desired: None, previous: None }
    }

    /// Takes in what a look found. The same tree in another commit changes nothing but the commit.
    pub(super) fn see(
        &mut self,
        seen: Option<Seen>,
        now: UnixMillis,
        times: RolloutTimes,
        script: impl Fn(&Deploying) -> Rollout,
    ) {
        self.last_look = Some(now);
        self.looks += 1;
        match (seen, &mut self.desired) {
            (Some(seen), Some(desired)) if desired.tree == seen.tree => desired.commit = seen.commit,
            (seen, desired) => {
                let next = seen.map(|seen| Deployment::begin(seen, now, times, script));
                let before = std::mem::replace(desired, next);
                if let Some(before) = before.filter(|before| before.is_applied(now)) {
                    self.previous = Some(before);
                }
            }
        }
    }

    /// What is known at `at`; that a revision descends from anything is for the caller to find out.
    pub(super) fn view(&self, at: UnixMillis) -> ControllerView {
        let live = self.desired.as_ref().filter(|desired| desired.is_applied(at)).or(self.previous.as_ref());
        let not_applicable = self.desired.as_ref().and_then(Deployment::not_applicable);
        let process = live.map_or(ProcessState::NotRunning, |live| live.process(at));
        ControllerView {
            last_look: self.last_look,
            desired: self.desired.as_ref().map(Deployment::revision),
            applied: live.map(Deployment::revision),
            artifact: live.and_then(|live| live.rollout.artifact),
            process: not_applicable.unwrap_or(process),
            declared_jobs: live.iter().flat_map(|live| &live.rollout.jobs).map(|job| job.name.clone()).collect(),
            jobs: live.map(|live| live.results(at)).unwrap_or_default(),
            at,
        }
    }
}

impl Deployment {
    fn begin(seen: Seen, now: UnixMillis, times: RolloutTimes, script: impl Fn(&Deploying) -> Rollout) -> Self {
        let applied_at = now + times.apply;
        let healthy_at = applied_at + times.start;
        let jobs_end_at = healthy_at + times.jobs;
        Self { commit: seen.commit, tree: seen.tree, rollout: script(&seen.deploying), applied_at, healthy_at, jobs_end_at }
    }

    fn revision(&self) -> Revision {
        Revision { commit: self.commit.clone(), tree: self.tree.clone(), descends: false }
    }

    fn not_applicable(&self) -> Option<ProcessState> {
        self.rollout.fault.clone().filter(|fault| matches!(fault, ProcessState::NotApplicable { .. }))
    }

    fn is_applied(&self, at: UnixMillis) -> bool {
        at >= self.applied_at && self.not_applicable().is_none()
    }

    fn is_up(&self, at: UnixMillis) -> bool {
        at >= self.healthy_at
    }

    fn process(&self, at: UnixMillis) -> ProcessState {
        match &self.rollout.fault {
            _ if !self.is_up(at) => ProcessState::Starting,
            Some(fault) => fault.clone(),
            None => ProcessState::Healthy { since: self.healthy_at },
        }
    }

    /// Jobs run once the process is healthy, so without that none has ended.
    fn results(&self, at: UnixMillis) -> Vec<JobResult> {
        if self.rollout.fault.is_some() || at < self.jobs_end_at {
            return Vec::new();
        }
        let ended = self.rollout.jobs.iter().filter_map(|job| job.checks.clone().map(|checks| (job, checks)));
        let result = |(job, checks): (&super::ScriptedJob, _)| JobResult {
            job: job.name.clone(),
            kind: job.kind,
            tree: self.tree.clone(),
            started_at: self.healthy_at,
            finished_at: self.jobs_end_at,
            checks,
        };
        ended.map(result).collect()
    }
}

/// The digest that the folder's `artifact.yaml` names.
pub(super) fn artifact_of(files: &SourceTree, folder: &RepoPath) -> Option<Digest> {
    let file = files.get(&folder.join("artifact.yaml").ok()?)?;
    let text = std::str::from_utf8(&file.bytes).ok()?;
    let value = text.lines().find_map(|line| line.trim().strip_prefix("digest:"))?;
    value.trim().trim_matches(['"', '\'']).parse().ok()
}
