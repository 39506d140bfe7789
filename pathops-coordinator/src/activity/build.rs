//! Building and testing a commit, and signing what came out.

use pathops_core::adapter::{Artifact, CheckState, CiConclusion, CiOutcome, CiRequest, CiRunId, CiState, NewCheck};
use pathops_core::evidence::{
    BUILD_SUITE, Build, BuildRun, Keeping, PayloadKind, Provenance, Resource, Subject, TestAnnotations, TestConfiguration,
    TestResult, TestVerdict, Treatment,
};
use pathops_core::policy::{CommitStatus, GitState};
use pathops_core::{CommitId, Error, ErrorKind, OpContext, RepoId, Result, StatusContext};
use pathops_evidence::Draft;
use pathops_evidence::redact::Redacted;
use pathops_evidence::report::{Content, Format, RedactedReport, TestReport, parse, parse_redacted, recognise};

use crate::activity::Services;
use crate::activity::collect::Payloads;
use crate::activity::expect::{CI_LOG, unit_tests, unread_report};
use crate::change_set::{Built, Command, Outcome, Payload, Scope};
use crate::waits::CI;

/// The check, or status, that says on the source pull request how the build ended.
const CHECK: &str = "ci/build";

/// How the parameters of a build are to be read: the app's own `ci/run`, at a commit of its source repository.
const BUILD_TYPE: &str = "https://pathops.dev/build/ci-run/v1";

impl Services {
    pub(super) async fn build(&self, cx: &OpContext, command: &Command) -> Result<Outcome> {
        let Command::Build { scope, repo, commit, base, until } = command else {
            return Err(Error::new(ErrorKind::Unexpected, "build a commit"));
        };
        // Everything since what is in production is promoted with this, so a pipeline that changed on the way counts too.
        let in_production = self.last_good(cx, scope).await?.and_then(|good| good.source).map(|source| source.commit);
        let request = &CiRequest {
            change_set: scope.change_set.clone(),
            unit: scope.unit.id.clone(),
            repo: repo.clone(),
            commit: commit.clone(),
            base: in_production.unwrap_or_else(|| base.clone()),
        };
        let finished = self.poll_until(self.tries(cx, CI), *until, || {
            Box::pin(async move {
                let run = self.ci.start(cx, request).await?;
                match self.ci.state(cx, &run).await? {
                    CiState::Finished(outcome) => Ok(Some((run, outcome))),
                    CiState::Running | CiState::Lost => Ok(None),
                }
            })
        });
        let Some((run, outcome)) = finished.await? else {
            self.give_up(cx, request).await;
            return Ok(Outcome::Overdue);
        };
        let declared = self.declared(cx, scope).await;
        if let (Err(why), None) = (&declared, &self.sealed) {
            // Nothing that may have to be erasable is stored as it is: it is waited until somebody can tell.
            let why = format!("nobody can tell whether it is to be erasable, because the project cannot be read: {why}");
            return Err(Error::new(ErrorKind::Unavailable, "store what CI gave").on(repo).because(why));
        }
        // The instant does not depend on when this is done, or done again; nor on the clock of CI alone.
        let payloads = self.payloads_of(&declared, outcome.finished_at.max(scope.at))?;
        let log = self.store(cx, &payloads, CI_LOG, outcome.log.clone()).await?;
        let (tests, unread) = match self.tests(cx, scope, commit, &outcome, &payloads).await? {
            Tested::Read(draft, verdict) => (Some((draft, verdict)), None),
            Tested::Unread(report) => (None, Some(report)),
            Tested::No => (None, None),
        };
        let problem = problem(&outcome, tests.as_ref().map(|(_, verdict)| *verdict));
        let problem = problem.map(|problem| self.redactor.redact_text(&problem));
        let mut drafts: Vec<_> = tests.into_iter().map(|(draft, _)| draft).collect();
        if let (None, Some(artifact)) = (&problem, &outcome.artifact) {
            drafts.push(self.provenance(scope, request, artifact, &run, &outcome, (&log, &payloads.keeping))?);
        }
        let evidence = self.sealer.seal_all(cx, drafts).await?;
        self.report(cx, repo, commit, problem.as_deref()).await?;
        match (problem, outcome.artifact) {
            (None, Some(artifact)) => {
                let source = GitState { commit: commit.clone(), tree: outcome.tree };
                let mut remarks: Vec<_> = outcome.remarks.iter().map(|remark| self.redactor.redact_text(remark)).collect();
                remarks.extend(unread.as_ref().and_then(|report| report.unread.clone()));
                Ok(Outcome::Built {
                    built: Built { source, artifact, pipeline_changed: outcome.pipeline_changed },
                    evidence,
                    log,
                    unread,
                    remarks,
                })
            }
            (problem, _) => Ok(Outcome::BuildFailed {
                reason: problem.unwrap_or_else(|| "it built no artifact".to_owned()),
                evidence,
                log,
                unread,
            }),
        }
    }

    /// Where an artifact comes from. What the build printed lies beside it.
    fn provenance(
        &self,
        scope: &Scope,
        request: &CiRequest,
        artifact: &Artifact,
        run: &CiRunId,
        outcome: &CiOutcome,
        (log, keeping): (&Payload, &Keeping),
    ) -> Result<Draft> {
        let unit = &scope.unit.id;
        let mut definition = Build::of(BUILD_TYPE, &format!("pathops:{}", request.repo), &request.commit, &outcome.tree);
        definition.external_parameters.insert("unit".to_owned(), unit.as_str().into());
        definition.external_parameters.insert("changeSet".to_owned(), scope.change_set.as_str().into());
        definition.internal_parameters.insert("pipelineChanged".to_owned(), outcome.pipeline_changed.into());
        let builder = format!("https://pathops.dev/ci/{}", self.ci.name());
        let mut details = BuildRun::by(builder, &*run.0, outcome.started_at, outcome.finished_at);
        details.byproducts.push(
            Resource::blob(&log.name, &log.digest, &log.location, &log.media_type)
                .kept(log.stored().annotate(keeping.of(PayloadKind::of_part(CI_LOG)))),
        );
        let subject = Subject::named(unit.to_string()).with_sha256(&artifact.digest);
        let provenance = Provenance { build_definition: definition, run_details: details };
        Draft::new(format!("{unit} provenance"), vec![subject], &provenance)
    }

    /// Says on the source pull request how the build ended. Where a host has no check runs, a status says it.
    async fn report(&self, cx: &OpContext, repo: &RepoId, commit: &CommitId, problem: Option<&str>) -> Result<()> {
        let invalid = || Error::new(ErrorKind::Invalid, "report a check").on(CHECK);
        let state = if problem.is_none() { CheckState::Success } else { CheckState::Failure };
        let summary = self.redactor.redact_text(problem.unwrap_or("built and tested"));
        if self.scm.capabilities().check_runs {
            let check = NewCheck::new(commit.clone(), CHECK, state, summary).map_err(|error| invalid().because(error))?;
            return self.scm.report_check(&cx.part("check"), repo, &check).await;
        }
        let context = StatusContext::parse(CHECK).map_err(|error| invalid().because(error))?;
        let status = CommitStatus::new(commit.clone(), context, state, summary).map_err(|error| invalid().because(error))?;
        self.scm.post_status(&cx.part("check"), repo, status).await
    }

    /// Ends a build that nobody waits for any more, where CI can; it costs nothing but time where that fails.
    async fn give_up(&self, cx: &OpContext, request: &CiRequest) {
        if !self.ci.capabilities().cancel {
            return;
        }
        let cancelled = async { self.ci.cancel(cx, &self.ci.start(cx, request).await?).await };
        if let Err(error) = cancelled.await {
            tracing::info!(error = %error, "a build that took too long was not ended");
        }
    }

    /// Stores the report, redacted, and states what the tests said. Where there is no report, or it cannot be read, there is no
    /// evidence: policy then finds it missing.
    async fn tests(
        &self,
        cx: &OpContext,
        scope: &Scope,
        commit: &CommitId,
        outcome: &CiOutcome,
        Payloads { redactor, keeping, store }: &Payloads<'_>,
    ) -> Result<Tested> {
        let Some(report) = &outcome.tests else { return Ok(Tested::No) };
        // What is kept of a report says what it said, wherever it can.
        let redacted = match parse_redacted(redactor, report, None) {
            Ok(RedactedReport { bytes, removed, .. }) => Redacted { bytes, removed },
            Err(_) => redactor.redact(report),
        };
        let raw = store.put(cx, Some(PayloadKind::Reports), redacted.bytes).await?;
        let tests = match said(report) {
            Ok(tests) => tests,
            Err(why) => {
                let treated = Treatment { ruleset: *redactor.digest(), removed: redacted.removed, cut: None };
                return Ok(Tested::Unread(Payload {
                    name: unread_report(&scope.unit.id),
                    location: raw.location,
                    digest: raw.digest,
                    media_type: recognise(report).map_or("application/octet-stream", Format::media_type).to_owned(),
                    treated: Some(treated),
                    unread: Some(self.redactor.redact_text(&format!("the report of the tests cannot be read: {why}"))),
                    sealed: raw.sealed,
                }));
            }
        };
        let names = |tests: &[String]| -> Vec<String> { tests.iter().map(|name| self.redactor.redact_text(name)).collect() };
        let result = match (&outcome.conclusion, tests.verdict()) {
            (CiConclusion::Passed, verdict) => verdict.unwrap_or(TestVerdict::Warned),
            _ => TestVerdict::Failed,
        };
        let flaky_tests = names(&tests.flaky);
        let unit = &scope.unit.id;
        let annotations = TestAnnotations {
            change_set: Some(scope.change_set.clone()),
            unit: Some(unit.clone()),
            pipeline_changed: outcome.pipeline_changed,
            flaky_tests: flaky_tests.clone(),
            report: raw.annotate(keeping.of(Some(PayloadKind::Reports))),
            ..TestAnnotations::default()
        };
        let mut subject = Subject::named(unit.to_string()).with_commit(commit).with_tree(&outcome.tree);
        if let Some(artifact) = &outcome.artifact {
            subject = subject.with_sha256(&artifact.digest);
        }
        let digest = [("sha256".to_owned(), raw.digest.hex())].into();
        let predicate = TestResult {
            result,
            configuration: vec![TestConfiguration { name: BUILD_SUITE.to_owned(), digest, annotations }],
            passed_tests: names(&tests.passed),
            warned_tests: names(&tests.skipped).into_iter().chain(flaky_tests).collect(),
            failed_tests: names(&tests.failed),
            finished_on: outcome.finished_at,
        };
        Ok(Tested::Read(Draft::new(unit_tests(unit), vec![subject], &predicate)?, result))
    }
}

/// What a report says of tests, in whatever format; why nothing.
fn said(report: &[u8]) -> std::result::Result<TestReport, String> {
    let report = parse(report).map_err(|error| error.to_string())?;
    match report.content {
        Content::Tests(tests) => Ok(tests),
        _ => Err(format!("it is `{}`, which says nothing of tests", report.format)),
    }
}

/// What is known of the tests of a build.
enum Tested {
    No,
    /// There is a report, and nothing could be read from it.
    Unread(Payload),
    Read(Draft, TestVerdict),
}

/// Why a build is not good enough to go on; `None` where it is.
fn problem(outcome: &CiOutcome, tests: Option<TestVerdict>) -> Option<String> {
    match (&outcome.conclusion, tests) {
        (CiConclusion::Passed, Some(TestVerdict::Failed)) => Some("its tests failed".to_owned()),
        (CiConclusion::Passed, _) => None,
        (CiConclusion::Failed { code }, _) => Some(format!("ci/run ended with code {code}")),
        (CiConclusion::TimedOut { limit_millis }, _) => Some(format!("ci/run was stopped after {} s", limit_millis / 1_000)),
        (CiConclusion::Errored { reason }, _) => Some(format!("ci/run could not be run: {reason}")),
    }
}
