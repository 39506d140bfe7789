//! Signing what was observed, collecting the rest, and bundling it all into a snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use pathops_core::adapter::{JobResult, LogExcerpt, Observation, Readiness};
use pathops_core::evidence::AbsenceKind::{self, NothingThere};
use pathops_core::evidence::{
    Deployment, Health, Keeping, Occasion, PayloadKind, ReferenceAnnotations, RetentionPolicy, StreamId, Subject,
    TestAnnotations, TestConfiguration, TestResult, TestVerdict, Treatment,
};
use pathops_core::project::EnvironmentTarget;
use pathops_core::{Error, ErrorKind, OpContext, Result, UnixMillis};
use pathops_evidence::redact::{Redactor, Removed};
use pathops_evidence::retention::{PayloadStore, StoredPayload};
use pathops_evidence::{Begun, Collection, Collector, Draft, EvidenceRecord, Purpose, SnapshotOf, Source, StoredPart};
use serde_json::Value;

use crate::activity::expect::{self, Asked, CI_LOG, SIGNALS, deployment_of, health_of, job_of, unit_tests};
use crate::activity::governance::{Declared, keeping};
use crate::activity::{SNAPSHOT, Services};
use crate::change_set::{Command, Outcome, Payload, Scope, explain};

/// What becomes of payloads.
pub(super) struct Payloads<'s> {
    /// Takes secrets out of them.
    pub(super) redactor: Arc<Redactor>,
    /// How long they are kept.
    pub(super) keeping: Keeping,
    /// Where they go.
    pub(super) store: PayloadStore<'s>,
}

impl Services {
    pub(super) async fn collect(&self, cx: &OpContext, command: &Command) -> Result<Outcome> {
        let Command::Collect { scope, target, occasion, began, observation, head, incident, artifact, evidence, .. } = command
        else {
            return Err(Error::new(ErrorKind::Unexpected, "collect evidence"));
        };
        let (unit, environment) = (&scope.unit.id, &target.environment);
        let declared = self.declared(cx, scope).await;
        let asked = declared.as_ref().ok().map(|project| Asked::by(&project.policy, &scope.unit));
        let expected = expect::expected(&scope.unit, target, *occasion, asked.as_ref(), incident.is_some());
        let stream = StreamId { project: scope.project.clone(), unit: unit.clone(), environment: environment.clone() };
        let mut subject = Subject::named(format!("{unit}@{environment}")).with_commit(head);
        if let Some(observation) = observation {
            subject = about(scope, target, observation).unwrap_or(subject);
        }
        let purpose = Purpose {
            name: snapshot_of(scope, target, *occasion),
            subjects: vec![subject.clone()],
            change_set: scope.change_set.clone(),
            occasion: *occasion,
            window: self.collect_limits.window(began.unwrap_or(scope.at), self.clock.now()),
        };
        let begun = self.streams.begin_for(&cx.part(SNAPSHOT), &stream, expected, purpose).await?;
        let mut new = Vec::new();
        if let Some(observation) = observation {
            new = self.sign_observation(cx, scope, target, observation, &subject).await?;
        }
        let snapshot = match begun.done() {
            Some(snapshot) => snapshot.clone(),
            None => self.snapshot(cx, command, &begun, &declared, subject, &new).await?,
        };
        let artifact = match artifact {
            None => None,
            Some(artifact) => Some(Box::new(self.seen(cx, artifact, target, *occasion, evidence, &new).await?)),
        };
        Ok(Outcome::Collected { evidence: new, snapshot, artifact })
    }

    /// Collects what is known, and signs a snapshot of it.
    async fn snapshot(
        &self,
        cx: &OpContext,
        command: &Command,
        begun: &Begun,
        declared: &Declared,
        subject: Subject,
        new: &[EvidenceRecord],
    ) -> Result<EvidenceRecord> {
        let Command::Collect { scope, target, occasion, began, observation, problem, evidence, payloads, .. } = command else {
            return Err(Error::new(ErrorKind::Unexpected, "collect evidence"));
        };
        let window = self.collect_limits.window(began.unwrap_or(scope.at), self.clock.now());
        let go = self.payloads_of(declared, window.until)?;
        let mut collection = Collection::of(begun.expected().iter().cloned()).kept(go.keeping.clone());
        new.iter().for_each(|record| collection.evidence(record));
        match observation {
            Some(_) if begun.is_given_up() => {
                let times = begun.interruptions();
                for part in SIGNALS {
                    let why = format!("collecting was interrupted: the process died {times} times over it");
                    collection.absent(part, AbsenceKind::Interrupted, why);
                }
            }
            Some(_) => {
                let query = self.collect_limits.query(scope.unit.id.clone(), target.clone(), &window);
                let sources = Source::signals(cx, &*self.signals, &query);
                self.collector(&go).gather(cx, &mut collection, sources.into()).await?;
            }
            None => {}
        }
        self.governance(cx, command, declared, &subject, &mut collection).await?;
        self.release(cx, command, declared, &subject, &mut collection).await?;
        self.take_of_others(cx, scope, declared, &subject, &mut collection).await;
        explain_runtime(scope, target, observation.as_ref(), &self.told(problem.as_deref()), &mut collection);
        // The newest of a name is what was expected; earlier ones stand beside it.
        evidence.iter().rev().for_each(|record| collection.evidence(record));
        for payload in payloads.iter().rev() {
            collection.stored(&payload.name, &payload.stored(), &payload.media_type, payload.treated.clone());
            if let Some(why) = &payload.unread {
                collection.absent(&unit_tests(&scope.unit.id), AbsenceKind::Unreadable, why);
            }
        }
        explain_record(scope, !payloads.is_empty(), &self.told(problem.as_deref()), &mut collection);
        let about = SnapshotOf {
            stream: StreamId {
                project: scope.project.clone(),
                unit: scope.unit.id.clone(),
                environment: target.environment.clone(),
            },
            change_set: scope.change_set.clone(),
            occasion: *occasion,
            window,
            collected_on: window.until,
        };
        let name = snapshot_of(scope, target, *occasion);
        self.streams.append(&cx.part(SNAPSHOT), begun, &name, vec![subject], &collection.finish(about)).await
    }

    pub(super) fn collector<'s>(&'s self, Payloads { redactor, store, .. }: &'s Payloads<'_>) -> Collector<'s> {
        Collector { clock: &*self.clock, redactor, payloads: store.clone(), limits: self.collect_limits }
    }

    /// What becomes of payloads that are collected at this instant, as the project says. Where that cannot be read, every one of them
    /// may have to be erasable.
    pub(super) fn payloads_of(&self, declared: &Declared, collected: UnixMillis) -> Result<Payloads<'_>> {
        let (plain, sealed) = (PayloadStore::plain(&*self.blobs), self.sealed.as_ref());
        let store = match declared {
            Ok(project) => plain.erasable(project.retention.as_ref().map(RetentionPolicy::erasable).unwrap_or_default(), sealed),
            Err(why) => plain.untold(format!("the project cannot be read: {why}"), sealed),
        };
        Ok(Payloads { redactor: self.payloads.of(declared)?, keeping: keeping(declared, collected), store })
    }

    fn told(&self, problem: Option<&str>) -> String {
        self.redactor.redact_text(problem.unwrap_or("it was not deployed"))
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
        let mut drafts = vec![
            Draft::new(deployment_of(unit, environment), subjects(), &deployment)?,
            Draft::new(health_of(unit, environment), subjects(), &health)?,
        ];
        for job in &observation.jobs {
            let name = job_of(unit, environment, &job.job);
            drafts.push(Draft::new(name, subjects(), &self.job_result(scope, target, job))?);
        }
        self.sealer.seal_all(cx, drafts).await
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
            policy: None,
            report: ReferenceAnnotations::default(),
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

    /// Stores a JSON document with the secrets taken out of its texts: the document itself stays whole.
    pub(super) async fn store_json(&self, cx: &OpContext, name: &str, mut value: Value) -> Result<Payload> {
        let mut removed = Removed::new();
        self.redactor.redact_json(&mut value, &mut removed);
        let digest = self.blobs.put(cx, value.to_string().into_bytes()).await?;
        let location = self.blobs.location(&digest);
        let treated = Some(Treatment { ruleset: *self.redactor.digest(), removed, cut: None });
        Ok(Payload {
            name: name.to_owned(),
            digest,
            location,
            media_type: "application/json".to_owned(),
            treated,
            unread: None,
            sealed: Some(false),
        })
    }

    /// Stores what was printed, without the secrets in it, and without what may be half of one where it was cut.
    pub(super) async fn store(
        &self,
        cx: &OpContext,
        payloads: &Payloads<'_>,
        name: &str,
        printed: LogExcerpt,
    ) -> Result<Payload> {
        let stored = self.collector(payloads).store(cx, PayloadKind::of_part(name), printed.into()).await?;
        let StoredPart { payload: StoredPayload { digest, location, sealed }, media_type, treated } = stored;
        Ok(Payload {
            name: name.to_owned(),
            digest,
            location,
            media_type: media_type.to_owned(),
            treated: Some(treated),
            unread: None,
            sealed,
        })
    }
}

fn snapshot_of(scope: &Scope, target: &EnvironmentTarget, occasion: Occasion) -> String {
    format!("{} {} snapshot ({occasion})", scope.unit.id, target.environment)
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

/// Why there is nothing of what runs.
fn explain_runtime(
    scope: &Scope,
    target: &EnvironmentTarget,
    observation: Option<&Observation>,
    problem: &str,
    collection: &mut Collection,
) {
    let (unit, environment) = (&scope.unit.id, &target.environment);
    let jobs = scope.unit.checks.iter().map(|job| job_of(unit, environment, job));
    match observation {
        Some(_) => jobs.for_each(|job| collection.absent(&job, NothingThere, "the job has no result for this deployment")),
        None => {
            let others = [deployment_of(unit, environment), health_of(unit, environment)];
            let others = others.into_iter().chain(SIGNALS.map(str::to_owned));
            let why = format!("it was not seen to run there: {problem}");
            jobs.chain(others).for_each(|part| collection.absent(&part, NothingThere, &why));
        }
    }
}

/// Why what should have been there before is not.
fn explain_record(scope: &Scope, built: bool, problem: &str, collection: &mut Collection) {
    if !built {
        for part in [CI_LOG.to_owned(), unit_tests(&scope.unit.id)] {
            collection.absent(&part, NothingThere, format!("it was not built: {problem}"));
        }
    }
    collection.open().iter().for_each(|part| collection.absent(part, NothingThere, "there is none on record"));
}
