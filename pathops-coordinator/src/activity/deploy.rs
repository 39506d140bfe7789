//! Preflight and production as the GitOps controller sees them: proposing the artifact, and waiting for the proof.

use std::time::Duration;

use pathops_core::adapter::{
    DeployFailure, ExpectedDeployment, FileChange, NewCommit, NotYet, Observation, PullRequestState, Readiness, SourceTree,
    Stale, StaleAction,
};
use pathops_core::policy::GitState;
use pathops_core::project::EnvironmentTarget;
use pathops_core::{CommitId, Digest, Error, ErrorKind, OpContext, Principal, RepoId, Result, UnitId};

use crate::activity::announce::message;
use crate::activity::looks::Looks;
use crate::activity::{Services, moved};
use crate::change_set::{Before, Built, LastGood, Outcome, PullRequestRef, Role, Scope, last_good_path, merged_early};
use crate::desired_state::{ARTIFACT, DEPLOYMENT, artifact_digest, artifact_reference, file};

impl Services {
    /// Writes what was built into the preflight pull request.
    pub(super) async fn stage(
        &self,
        cx: &OpContext,
        scope: &Scope,
        target: &EnvironmentTarget,
        pull_request: &PullRequestRef,
        built: Option<&Built>,
    ) -> Result<Outcome> {
        let PullRequestRef { repo, number, branch, base, .. } = pull_request;
        let now = self.scm.pull_request(cx, repo, *number).await?;
        if let PullRequestState::Merged { by, .. } = &now.state {
            let error = Error::new(ErrorKind::Conflict, "stage an artifact").on(format!("{repo}{number}"));
            return Err(error.because(merged_early(by)));
        }
        let before = self.before(cx, scope, repo, &self.head(cx, repo, base).await?, target).await?;
        let last_good = self.last_good(cx, scope).await?;
        // Where a commit follows, it fails on a head that is not the branch's any more.
        let head = match now.state {
            PullRequestState::Open if built.is_some() => now.head,
            _ => self.head(cx, repo, branch).await?,
        };
        let Some(built) = built else { return Ok(Outcome::Staged { head, before, last_good }) };
        let path = target
            .path
            .join(ARTIFACT)
            .map_err(|error| Error::new(ErrorKind::Invalid, "stage an artifact").on(&target.path).because(error))?;
        let source = scope.unit.source().unwrap_or(repo);
        let reference = artifact_reference(&built.artifact.digest, source, &built.source.commit);
        if self.scm.read_file(cx, repo, &head, &path).await?.as_ref() == Some(&reference.bytes) {
            return Ok(Outcome::Staged { head, before, last_good });
        }
        let subject = format!("Run {} {} in {}", scope.unit.id, built.artifact.digest.short(), target.environment);
        let message =
            format!("{}{}", message(scope, &subject, Role::Preflight), reference_trailers(source, &built.source.commit));
        let new = NewCommit {
            branch: branch.clone(),
            expected_head: head,
            message,
            author: Principal::System,
            at: scope.at,
            changes: vec![FileChange { path, file: Some(reference) }],
        };
        let head = self.scm.commit(&cx.part("stage"), repo, &new).await.map_err(moved)?;
        Ok(Outcome::Staged { head, before, last_good })
    }

    /// What an environment asks for at a commit.
    pub(super) async fn before(
        &self,
        cx: &OpContext,
        scope: &Scope,
        repo: &RepoId,
        commit: &CommitId,
        target: &EnvironmentTarget,
    ) -> Result<Before> {
        let tree = self.scm.tree_at(cx, repo, commit, &target.path).await?;
        let files = match tree {
            Some(_) => self.scm.read_tree(cx, repo, commit, &target.path).await?,
            None => SourceTree::new(),
        };
        let artifact = file(&files, &target.path, ARTIFACT).and_then(artifact_digest);
        let declared = file(&files, &target.path, DEPLOYMENT).is_some();
        let runs = declared && (artifact.is_some() || scope.unit.source().is_none());
        Ok(Before { commit: commit.clone(), tree, artifact, runs })
    }

    /// What the meta repository says of the unit in production.
    pub(super) async fn last_good(&self, cx: &OpContext, scope: &Scope) -> Result<Option<LastGood>> {
        self.last_good_of(cx, &scope.meta_repo, &scope.unit.id).await
    }

    pub(crate) async fn last_good_of(&self, cx: &OpContext, meta_repo: &RepoId, unit: &UnitId) -> Result<Option<LastGood>> {
        let invalid = |why: &(dyn std::fmt::Display + Sync)| {
            Error::new(ErrorKind::Invalid, "read what is in production").on(unit).because(why)
        };
        let head = self.main(cx, meta_repo).await?;
        let path = last_good_path(unit).map_err(|error| invalid(&error))?;
        let file = self.scm.read_file(cx, meta_repo, &head, &path).await?;
        file.map(|bytes| serde_json::from_slice(&bytes)).transpose().map_err(|error| invalid(&error))
    }

    /// What processes print and pages answer may hold secrets, and goes into the journal with the observation.
    fn redacted(&self, mut observation: Observation) -> Observation {
        if let Readiness::Failed(
            DeployFailure::NotApplicable { message } | DeployFailure::Crashed { message } | DeployFailure::Unhealthy { message },
        )
        | Readiness::NotYet(NotYet::Reported { message })
        | Readiness::Stale(Stale::Frozen { message } | Stale::NotTested { message } | Stale::Unjudged { message }, _) =
            &mut observation.readiness
        {
            *message = self.redactor.redact_text(message);
        }
        for check in observation.jobs.iter_mut().flat_map(|job| &mut job.checks) {
            check.name = self.redactor.redact_text(&check.name);
            if let Some(failure) = &mut check.failure {
                *failure = self.redactor.redact_text(failure);
            }
        }
        observation
    }

    /// Waits until the deployment is ready or has failed, or its time is over. A hint that it has got further makes this look at once,
    /// and is believed nothing else.
    pub(super) async fn observe(
        &self,
        cx: &OpContext,
        scope: &Scope,
        target: &EnvironmentTarget,
        desired: &GitState,
        artifact: Option<Digest>,
        settle: Duration,
    ) -> Result<Outcome> {
        let since = self.clock.now();
        let expected = ExpectedDeployment {
            unit: scope.unit.id.clone(),
            target: target.clone(),
            repo: scope.unit.desired_state.clone(),
            commit: desired.commit.clone(),
            tree: desired.tree.clone(),
            artifact,
            jobs: scope.unit.checks.iter().cloned().collect(),
            settle,
            since,
        };
        let can_refresh = self.gitops.capabilities().refresh;
        if can_refresh {
            self.gitops.refresh(cx, &scope.unit.id, target).await?;
        }
        let hints = self.deployments.of(&(scope.unit.id.clone(), target.environment.clone()));
        let mut looks = Looks::hinted(self, hints);
        loop {
            looks.begin();
            let observation = self.gitops.observe(cx, &expected).await?;
            match &observation.readiness {
                Readiness::Stale(_, StaleAction::Refresh) if can_refresh => {
                    self.gitops.refresh(cx, &scope.unit.id, target).await?
                }
                Readiness::NotYet(_) | Readiness::Stale(_, StaleAction::Refresh) => {}
                Readiness::Ready | Readiness::Failed(_) | Readiness::Stale(_, StaleAction::GiveUp | StaleAction::AskPeople) => {
                    return Ok(Outcome::Observed(Box::new(self.redacted(observation))));
                }
            }
            // Time is counted by the waits, on a clock that never jumps.
            if looks.waited() >= self.pace.deploy_limit {
                return Ok(Outcome::Observed(Box::new(self.redacted(observation))));
            }
            looks.next().await;
        }
    }
}

/// Trailers that Argo CD and GitOps Promoter show beside a deployment: which source commit it is.
fn reference_trailers(source: &RepoId, commit: &CommitId) -> String {
    format!("Argocd-reference-commit-sha: {commit}\nArgocd-reference-commit-repourl: {source}\n")
}
