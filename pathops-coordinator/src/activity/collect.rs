//! Signing what was observed, collecting the rest, and bundling it all into a snapshot.

use std::collections::BTreeMap;

use pathops_core::adapter::{JobResult, Observation, Readiness, SignalQuery};
use pathops_core::evidence::{
    Deployment, Health, Occasion, SnapshotExtent, Subject, TestAnnotations, TestConfiguration, TestResult, TestVerdict,
};
use pathops_core::project::EnvironmentTarget;
use pathops_core::{Error, ErrorKind, OpContext, Result};
use pathops_evidence::{Collection, EvidenceRecord};
use serde_json::Value;

use crate::activity::Services;
use crate::change_set::{Command, Outcome, Payload, Scope, explain};

/// How much of a log goes into a snapshot.
const LOG_BYTES: usize = 64 << 10;

impl Services {
    pub(super) async fn collect(&self, cx: &OpContext, command: &Command) -> Result<Outcome> {
        let Command::Collect { scope, target, occasion, observation, problem, head, evidence, payloads, artifact } = command
        else {
            return Err(Error::new(ErrorKind::Unexpected, "collect evidence"));
        };
        let mut collection = Collection::new();
        for record in evidence {
            collection.evidence(record);
        }
        for payload in payloads {
            add(&mut collection, payload);
        }
        let mut new = Vec::new();
        let mut subject = Subject::named(format!("{}@{}", scope.unit.id, target.environment)).with_commit(head);
        match observation {
            Some(observation) => {
                subject = about(scope, target, observation).unwrap_or(subject);
                new = self.sign_observation(cx, scope, target, observation, &subject).await?;
                self.signals(cx, scope, target, observation, &mut collection).await?;
            }
            None => {
                for part in ["deployment", "health", "post-deploy jobs", "logs", "events"] {
                    let why = problem.as_deref().unwrap_or("it was not deployed");
                    collection.absent(part, format!("it was never deployed there: {}", self.redactor.redact_text(why)));
                }
            }
        }
        for record in &new {
            collection.evidence(record);
        }
        missing_jobs(scope, observation.as_ref(), &mut collection);
        let extent = SnapshotExtent {
            change_set: scope.change_set.clone(),
            unit: scope.unit.id.clone(),
            environment: target.environment.clone(),
            occasion: *occasion,
            absent: Vec::new(),
            // The time of what was seen, so that the same snapshot is the same evidence.
            collected_on: observation.as_ref().map_or(scope.at, |observation| observation.at),
        };
        let name = format!("{} {} snapshot ({})", scope.unit.id, target.environment, occasion_word(*occasion));
        let snapshot = self.sealer.seal(cx, name, vec![subject], &collection.finish(extent)).await?;
        let artifact = match artifact {
            None => None,
            Some(artifact) => Some(Box::new(self.seen(cx, artifact, &scope.unit.id, target, *occasion, &new).await?)),
        };
        Ok(Outcome::Collected { evidence: new, snapshot, artifact })
    }

    pub(super) async fn sign_observation(
        &self,
        cx: &OpContext,
        scope: &Scope,
        target: &EnvironmentTarget,
        observation: &Observation,
        subject: &Subject,
    ) -> Result<Vec<EvidenceRecord>> {
        let (unit, environment) = (&scope.unit.id, &target.environment);
        let ready = observation.readiness == Readiness::Ready;
        let reason = (!ready).then(|| self.redactor.redact_text(&explain(&observation.readiness, &observation.jobs)));
        let deployment = Deployment {
            change_set: scope.change_set.clone(),
            unit: unit.clone(),
            environment: environment.clone(),
            ready,
            reason,
            commit: observation.commit.clone(),
            tree: observation.tree.clone(),
            artifact: observation.artifact,
            resource_version: observation.resource_version.clone(),
            observed_on: observation.at,
        };
        let health = Health {
            change_set: scope.change_set.clone(),
            unit: unit.clone(),
            environment: environment.clone(),
            healthy: observation.healthy_since.is_some(),
            settled_millis: observation
                .healthy_since
                .map_or(0, |since| u64::try_from(observation.at.since(since).as_millis()).unwrap_or(0)),
            observed_on: observation.at,
        };
        let subjects = || vec![subject.clone()];
        let mut records = vec![
            self.sealer.seal(cx, format!("{unit} {environment} deployment"), subjects(), &deployment).await?,
            self.sealer.seal(cx, format!("{unit} {environment} time of health"), subjects(), &health).await?,
        ];
        for job in &observation.jobs {
            let name = format!("{unit} {environment} {} job", job.job);
            records.push(self.sealer.seal(cx, name, subjects(), &self.job_result(scope, target, job)).await?);
        }
        Ok(records)
    }

    fn job_result(&self, scope: &Scope, target: &EnvironmentTarget, job: &JobResult) -> TestResult {
        let (failed, passed): (Vec<_>, Vec<_>) = job.checks.iter().partition(|check| check.failure.is_some());
        let failed = failed.iter().map(|check| {
            let why = check.failure.as_deref().unwrap_or_default();
            self.redactor.redact_text(&format!("{}: {why}", check.name))
        });
        let annotations = TestAnnotations {
            change_set: Some(scope.change_set.clone()),
            unit: Some(scope.unit.id.clone()),
            environment: Some(target.environment.clone()),
            job: Some(job.kind),
            pipeline_changed: false,
            flaky_tests: Vec::new(),
        };
        TestResult {
            result: if job.passed() { TestVerdict::Passed } else { TestVerdict::Failed },
            configuration: vec![TestConfiguration { name: job.job.to_string(), digest: BTreeMap::new(), annotations }],
            passed_tests: passed.iter().map(|check| self.redactor.redact_text(&check.name)).collect(),
            warned_tests: Vec::new(),
            failed_tests: failed.collect(),
            finished_on: job.finished_at,
        }
    }

    /// Logs and events: the best that can be had, and what cannot be had is said.
    async fn signals(
        &self,
        cx: &OpContext,
        scope: &Scope,
        target: &EnvironmentTarget,
        observation: &Observation,
        collection: &mut Collection,
    ) -> Result<()> {
        let query = SignalQuery { unit: scope.unit.id.clone(), target: target.clone(), since: scope.at, tail_bytes: LOG_BYTES };
        let logs = if self.signals.capabilities().logs {
            self.signals.logs(cx, &query).await
        } else {
            absent("the source of signals has no logs")
        };
        if let Some(logs) = collection.take("logs", logs) {
            add(collection, &self.store(cx, "logs", &logs, "text/plain").await?);
        }
        let events = if self.signals.capabilities().events {
            self.signals.events(cx, &query).await
        } else {
            absent("the source of signals has no events")
        };
        if let Some(events) = collection.take("events", events) {
            let json = serde_json::to_value(&events)
                .map_err(|error| Error::new(ErrorKind::Unexpected, "write events down").with_source(error))?;
            add(collection, &self.store_json(cx, "events", json).await?);
        }
        if observation.healthy_since.is_none() {
            collection.absent("a time of health", "it was not healthy when it was observed");
        }
        Ok(())
    }

    /// Stores a JSON document with the secrets taken out of its texts: the document itself stays whole.
    pub(super) async fn store_json(&self, cx: &OpContext, name: &str, mut value: Value) -> Result<Payload> {
        self.redact_texts(&mut value);
        let digest = self.blobs.put(cx, value.to_string().into_bytes()).await?;
        let location = self.blobs.location(&digest);
        Ok(Payload { name: name.to_owned(), digest, location, media_type: "application/json".to_owned() })
    }

    /// Stores something large, without the secrets in it; its name says how many were taken out.
    pub(super) async fn store(&self, cx: &OpContext, name: &str, bytes: &[u8], media_type: &str) -> Result<Payload> {
        let redacted = self.redactor.redact(bytes);
        let removed: u32 = redacted.removed.values().sum();
        let name = if removed == 0 { name.to_owned() } else { format!("{name} ({removed} secrets taken out)") };
        let digest = self.blobs.put(cx, redacted.bytes).await?;
        Ok(Payload { name, digest, location: self.blobs.location(&digest), media_type: media_type.to_owned() })
    }
}

fn add(collection: &mut Collection, payload: &Payload) {
    collection.payload(&payload.name, &payload.digest, &payload.location, &payload.media_type);
}

fn absent<T>(why: &str) -> Result<pathops_core::adapter::Collected<T>> {
    Ok(pathops_core::adapter::Collected::Absent(why.to_owned()))
}

/// What an observation is about; `None` where nothing was applied.
pub(super) fn about(scope: &Scope, target: &EnvironmentTarget, observation: &Observation) -> Option<Subject> {
    let subject = Subject::named(format!("{}@{}", scope.unit.id, target.environment));
    let mut subject = subject.with_commit(observation.commit.as_ref()?).with_tree(observation.tree.as_ref()?);
    if let Some(artifact) = &observation.artifact {
        subject = subject.with_sha256(artifact);
    }
    Some(subject)
}

fn missing_jobs(scope: &Scope, observation: Option<&Observation>, collection: &mut Collection) {
    let Some(observation) = observation else { return };
    for job in scope.unit.checks.iter().filter(|job| !observation.jobs.iter().any(|result| result.job == **job)) {
        collection.absent(job.as_str(), "the job has no result for this deployment");
    }
}

fn occasion_word(occasion: Occasion) -> &'static str {
    match occasion {
        Occasion::Deployed => "deployed",
        Occasion::Failed => "failed",
        Occasion::Recovered => "recovered",
    }
}
