//! The two traits: what the reconciler answers to those who ask.

use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::adapter::{
    Collected, ExpectedDeployment, GitOps, GitOpsCapabilities, LogExcerpt, Observation, RuntimeEvent, RuntimeSignals,
    SignalCapabilities, SignalQuery,
};
use pathops_core::evidence::AbsenceKind;
use pathops_core::project::EnvironmentTarget;
use pathops_core::readiness::{ControllerView, ProcessState, Revision, judge};
use pathops_core::{CommitId, Error, ErrorKind, OpContext, RepoId, Result, TreeId, UnitId};

use super::board::{Board, Status};
use super::{Reconciler, git, http};

const NAME: &str = "local-gitops";

impl Reconciler {
    fn managed(
        &self,
        operation: &'static str,
        target: &EnvironmentTarget,
        unit: &UnitId,
        repo: Option<&RepoId>,
    ) -> Result<&Arc<Board>> {
        let missing = || Error::new(ErrorKind::NotFound, operation).on(unit).because(not_watched(target, unit));
        let same = |watched: &&super::Watched| {
            watched.unit == *unit && watched.target == *target && repo.is_none_or(|repo| watched.repo == *repo)
        };
        let watched = self.shared.config.watched.iter().find(same).ok_or_else(missing)?;
        self.shared.board(&watched.target, &watched.unit).ok_or_else(missing)
    }
}

fn not_watched(target: &EnvironmentTarget, unit: &UnitId) -> String {
    format!(
        "it is not watched in this form: see the reconciler's configuration for unit `{unit}` in environment `{}`",
        target.environment
    )
}

#[async_trait]
impl GitOps for Reconciler {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> GitOpsCapabilities {
        let mut capabilities = GitOpsCapabilities::default();
        capabilities.refresh = true;
        capabilities.jobs = true;
        capabilities.jobs_of_trees = true;
        capabilities
    }

    async fn observe(&self, _cx: &OpContext, expected: &ExpectedDeployment) -> Result<Observation> {
        let board = self.managed("observe a deployment", &expected.target, &expected.unit, Some(&expected.repo))?;
        let mut seen = Seen::read(&board.status());
        seen.view.at = self.shared.clock.now();
        let (root, repo, commit) = (self.shared.config.repositories.clone(), expected.repo.clone(), expected.commit.clone());
        let commits = [seen.view.desired.as_ref(), seen.view.applied.as_ref()].map(|r| r.map(|r| r.commit.clone()));
        let related =
            tokio::task::spawn_blocking(move || git::descends(&root, &repo, &commit, commits.each_ref().map(Option::as_ref)));
        let [desired, applied] = related.await.unwrap_or_default();
        seen.view.desired.iter_mut().for_each(|revision| revision.descends = desired);
        seen.view.applied.iter_mut().for_each(|revision| revision.descends = applied);
        Ok(seen.observation(expected))
    }

    async fn refresh(&self, _cx: &OpContext, unit: &UnitId, target: &EnvironmentTarget) -> Result<()> {
        let board = self.managed("refresh a deployment", target, unit, None)?;
        board.again.notify_one();
        self.shared.wake.notify_one();
        Ok(())
    }
}

/// The status at one instant.
struct Seen {
    view: ControllerView,
    url: Option<String>,
    version: u64,
}

impl Seen {
    fn read(status: &Status) -> Self {
        let applied = status.record.applied.as_ref();
        let desired = status.desired.as_ref().and_then(|seen| Some(revision(&seen.commit, seen.tree.as_ref()?)));
        let process = match &status.refusal {
            Some(message) => ProcessState::NotApplicable { message: message.clone() },
            None => status.process.clone(),
        };
        let runs = !matches!(status.process, ProcessState::NotRunning | ProcessState::Crashed { .. });
        let view = ControllerView {
            last_look: status.last_look,
            desired,
            applied: applied.map(|applied| revision(&applied.commit, &applied.tree)),
            artifact: applied.filter(|_| runs).and_then(|applied| applied.artifact),
            process,
            declared_jobs: status.declared_jobs.clone(),
            jobs: status.record.jobs.clone(),
            at: Default::default(),
        };
        Self { view, url: status.port.filter(|_| runs).map(http::url), version: status.record.version }
    }

    fn observation(self, expected: &ExpectedDeployment) -> Observation {
        let readiness = judge(expected, &self.view);
        let healthy_since = match self.view.process {
            ProcessState::Healthy { since } => Some(since),
            _ => None,
        };
        let (commit, tree) = self.view.applied.map(|applied| (applied.commit, applied.tree)).unzip();
        Observation {
            readiness,
            commit,
            tree,
            artifact: self.view.artifact,
            url: self.url,
            healthy_since,
            jobs: self.view.jobs,
            resource_version: self.version.to_string(),
            at: self.view.at,
        }
    }
}

/// Whether it descends from what is expected is told later: it takes a look into the repository.
fn revision(commit: &CommitId, tree: &TreeId) -> Revision {
    Revision { commit: commit.clone(), tree: tree.clone(), descends: false }
}

#[async_trait]
impl RuntimeSignals for Reconciler {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> SignalCapabilities {
        let mut capabilities = SignalCapabilities::default();
        capabilities.logs = true;
        capabilities.events = true;
        capabilities
    }

    async fn logs(&self, _cx: &OpContext, query: &SignalQuery) -> Result<Collected<LogExcerpt>> {
        let Ok(board) = self.managed("read logs", &query.target, &query.unit, None) else {
            return Ok(Collected::absent(AbsenceKind::NotConfigured, not_watched(&query.target, &query.unit)));
        };
        Ok(match board.log.excerpt(query.since, query.head_bytes, query.tail_bytes) {
            Some(log) => Collected::Present(log),
            None => Collected::absent(
                AbsenceKind::NothingThere,
                format!("no process of `{}` printed anything since {}", query.unit, query.since),
            ),
        })
    }

    async fn events(&self, _cx: &OpContext, query: &SignalQuery) -> Result<Collected<Vec<RuntimeEvent>>> {
        let Ok(board) = self.managed("read events", &query.target, &query.unit, None) else {
            return Ok(Collected::absent(AbsenceKind::NotConfigured, not_watched(&query.target, &query.unit)));
        };
        let events: Vec<RuntimeEvent> = board.status().events.iter().filter(|event| event.at >= query.since).cloned().collect();
        if events.is_empty() {
            return Ok(Collected::absent(
                AbsenceKind::NothingThere,
                format!("nothing happened to `{}` since {}", query.unit, query.since),
            ));
        }
        Ok(Collected::Present(events))
    }
}
