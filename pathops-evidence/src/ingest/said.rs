//! What a report says, as statements: one table, from each kind of content to the predicate that policy reads.

use pathops_core::evidence::{Predicate, SbomSummary, SignalReading};
use pathops_core::{EnvironmentId, Result, UnitId};
use serde::Serialize;
use serde_json::Value;

use super::Origin;
use crate::Draft;
use crate::report::{
    Content, CoverageReport, Covered, DeploymentPhase, DeploymentReport, EventEnvelope, ExternalCheck, ExternalState, Format,
    LogReport, MetricReport, ProbeCheck, Report, ResourceReport, RuntimeEvent, SbomReport, SeveralSeries, TestReport,
    TraceReport, Verification,
};

/// The largest document that is stated as a whole, in bytes; of a larger one it is stated how much it lists.
const MAX_DOCUMENT_BYTES: usize = 1 << 20;

macro_rules! document {
    ($name:ident, $uri:literal) => {
        #[derive(Serialize)]
        #[serde(transparent)]
        struct $name(Value);
        impl Predicate for $name {
            const TYPE: &'static str = $uri;
        }
    };
}
document!(CycloneDx, "https://cyclonedx.org/bom");
document!(Spdx, "https://spdx.dev/Document");

/// The statements for a report that was stored in these bytes.
///
/// | content | predicate | what speaks for it | what speaks against it |
/// |---|---|---|---|
/// | tests | test result | tests that passed | tests that failed |
/// | probes: k6, curl | test result | checks that passed | checks that failed |
/// | checks of other systems | test result | those that passed, of this commit | those that failed |
/// | verifications: Argo Rollouts, Kargo, GitOps Promoter | test result | those that passed when they were counted again, of this commit or digest | those that failed |
/// | deployments | test result | nothing: whether the expected one is live is not theirs to say | those that failed |
/// | events of a cluster | test result | nothing | what the cluster warns of |
/// | CDEvents that say how something ended | test result | what passed or succeeded | what failed, and incidents |
/// | traces | test result, and a runtime trace with their ids | nothing | spans that ended in an error |
/// | scans | vulnerabilities | | what was found |
/// | bills of materials | the document, or how much it lists; where it names vulnerabilities, those too | | what it names |
/// | measurements, coverage | signals, where the origin names unit and environment | | |
/// | logs: `log.errors`; resources: `images.unpinned` | signals, as those | | |
///
/// Other envelopes of events say that something happened, and nothing of how it ended.
pub(super) fn said(report: &Report, bytes: &[u8], origin: &Origin) -> Result<Vec<Draft>> {
    match &report.content {
        Content::Tests(it) => tests(report, origin, it),
        Content::Checks(it) => tests(report, origin, &probed(it)),
        Content::ExternalChecks(it) => tests(report, origin, &checked(it, origin)),
        Content::Verifications(it) => tests(report, origin, &verified(it, origin)),
        Content::Deployments(it) => tests(report, origin, &deployed(it)),
        Content::RuntimeEvents(it) => tests(report, origin, &happened(it)),
        Content::Traces(it) => {
            let mut drafts = tests(report, origin, &traced(it))?;
            if let Some(trace) = it.to_predicate(&origin.attester, &origin.suite, origin.at) {
                drafts.extend(one(origin, &trace)?);
            }
            Ok(drafts)
        }
        Content::Scan(it) => one(origin, &it.to_predicate_at(&scanned(report), origin.at)),
        Content::Sbom(it) => {
            let mut drafts = match (report.format, document(bytes)) {
                (Format::CyclonedxJson, Some(document)) => one(origin, &CycloneDx(document)),
                (Format::Spdx2Json, Some(document)) => one(origin, &Spdx(document)),
                _ => one(origin, &summary(it, origin)),
            }?;
            if let Some(found) = it.vulnerabilities.as_ref().filter(|it| it.found_something()) {
                drafts.extend(one(origin, &found.to_predicate_at(&scanned(report), origin.at))?);
            }
            Ok(drafts)
        }
        Content::Metrics(it) => measured(origin, |unit, environment| vec![reading(it, origin, unit, environment)]),
        Content::Coverage(it) => measured(origin, |unit, environment| covered(it, origin, &unit, &environment)),
        Content::Events(it) if it.iter().any(|event| event.outcome.is_some()) => tests(report, origin, &ended(it)),
        Content::Log(it) => logged(it, origin),
        Content::Resources(it) => measured(origin, |unit, environment| vec![unpinned(it, origin, unit, environment)]),
        Content::Events(_) => Ok(Vec::new()),
    }
}

/// What stands for the scanner of a report.
fn scanned(report: &Report) -> String {
    format!("urn:pathops:report:{}", report.format)
}

fn one<P: Predicate>(origin: &Origin, predicate: &P) -> Result<Vec<Draft>> {
    Ok(vec![Draft::new(&origin.name, origin.subjects_of(), predicate)?])
}

fn tests(report: &Report, origin: &Origin, tests: &TestReport) -> Result<Vec<Draft>> {
    let result = tests.to_predicate(report, &origin.suite, origin.annotations.clone(), origin.at);
    Ok(vec![Draft::new(&origin.name, origin.subjects.clone(), &result)?])
}

fn probed(checks: &[ProbeCheck]) -> TestReport {
    let mut tests = TestReport::default();
    for ProbeCheck { name, passed, .. } in checks {
        if *passed { &mut tests.passed } else { &mut tests.failed }.push(name.clone());
    }
    tests
}

fn checked(checks: &[ExternalCheck], origin: &Origin) -> TestReport {
    let mut tests = TestReport::default();
    for ExternalCheck { name, commit, state, by } in checks {
        let is_of_this = |commit: &String| is_of(commit, origin);
        let list = match state {
            ExternalState::Failed => &mut tests.failed,
            // That another commit passed says nothing of this one.
            ExternalState::Passed if commit.as_ref().is_none_or(is_of_this) => &mut tests.passed,
            ExternalState::Passed | ExternalState::Neutral | ExternalState::Pending => &mut tests.skipped,
        };
        list.push(format!("{by}: {name}"));
    }
    tests
}

/// Whether what a report is about has this digest.
fn is_of(digest: &str, origin: &Origin) -> bool {
    origin.subjects.iter().any(|it| it.digest.values().any(|value| value == digest))
}

/// What has not passed is told with its reason, so that the statement says what was counted.
fn verified(verifications: &[Verification], origin: &Origin) -> TestReport {
    let mut tests = TestReport::default();
    for Verification { name, of, state, failed_before, by, reason } in verifications {
        let is_of_this = of.is_empty() || of.iter().any(|digest| is_of(digest, origin));
        let (list, why) = match state {
            ExternalState::Failed => (&mut tests.failed, reason.as_str()),
            ExternalState::Neutral | ExternalState::Pending => (&mut tests.skipped, reason.as_str()),
            ExternalState::Passed if !is_of_this => (&mut tests.skipped, "it is of something else"),
            ExternalState::Passed if *failed_before => (&mut tests.flaky, ""),
            ExternalState::Passed => (&mut tests.passed, ""),
        };
        let colon = if why.is_empty() { "" } else { ": " };
        list.push(format!("{by}: {name}{colon}{why}"));
    }
    tests
}

fn deployed(deployments: &[DeploymentReport]) -> TestReport {
    let mut tests = TestReport::default();
    for DeploymentReport { name, phase, .. } in deployments {
        if *phase == DeploymentPhase::Failed { &mut tests.failed } else { &mut tests.skipped }.push(name.clone());
    }
    tests
}

fn happened(events: &[RuntimeEvent]) -> TestReport {
    let mut tests = TestReport::default();
    for RuntimeEvent { warning, reason, about, .. } in events {
        if *warning { &mut tests.failed } else { &mut tests.skipped }.push(format!("{about}: {reason}"));
    }
    tests
}

fn ended(events: &[EventEnvelope]) -> TestReport {
    let mut tests = TestReport::default();
    for EventEnvelope { kind, subject, id, outcome, .. } in events {
        let list = match outcome {
            Some(ExternalState::Failed) => &mut tests.failed,
            Some(ExternalState::Passed) => &mut tests.passed,
            Some(ExternalState::Neutral | ExternalState::Pending) | None => &mut tests.skipped,
        };
        list.push(format!("{}: {kind}", subject.as_ref().unwrap_or(id)));
    }
    tests
}

fn traced(TraceReport { spans, errors, .. }: &TraceReport) -> TestReport {
    let mut tests = TestReport::default();
    if *errors > 0 { &mut tests.failed } else { &mut tests.skipped }.push(format!("{errors} of {spans} spans ended in an error"));
    tests
}

fn document(bytes: &[u8]) -> Option<Value> {
    if bytes.len() > MAX_DOCUMENT_BYTES { None } else { serde_json::from_slice(bytes).ok() }
}

fn summary(bill: &SbomReport, origin: &Origin) -> SbomSummary {
    SbomSummary { format: bill.format, version: bill.version.clone(), parts: bill.components, observed_on: origin.at }
}

/// A signal is of a unit somewhere.
fn measured(origin: &Origin, readings: impl FnOnce(UnitId, EnvironmentId) -> Vec<SignalReading>) -> Result<Vec<Draft>> {
    let (Some(unit), Some(environment)) = (&origin.annotations.unit, &origin.annotations.environment) else {
        return Ok(Vec::new());
    };
    let readings = readings(unit.clone(), environment.clone());
    readings.iter().map(|reading| Draft::new(&origin.name, origin.subjects_of(), reading)).collect()
}

/// How many lines are of an error or something worse, as `log.errors`, of all lines.
pub(super) fn logged(report: &LogReport, origin: &Origin) -> Result<Vec<Draft>> {
    measured(origin, |unit, environment| {
        let LogReport { lines, errors, .. } = *report;
        vec![counted("log.errors", errors, lines, origin, unit, environment)]
    })
}

/// How many images are asked for by a tag, which may be another image tomorrow, as `images.unpinned`, of all images.
fn unpinned(report: &ResourceReport, origin: &Origin, unit: UnitId, environment: EnvironmentId) -> SignalReading {
    let unpinned = report.images.iter().filter(|image| !image.contains("@sha256:")).count() as u64;
    counted("images.unpinned", unpinned, report.images.len() as u64, origin, unit, environment)
}

/// A number of things out of all; of none there is no value.
#[expect(clippy::cast_precision_loss, reason = "nobody has 2^53 lines")]
fn counted(name: &str, some: u64, all: u64, origin: &Origin, unit: UnitId, environment: EnvironmentId) -> SignalReading {
    SignalReading {
        unit,
        environment,
        name: name.to_owned(),
        value: (all > 0).then_some(some as f64),
        samples: all,
        errors: 0,
        observed_on: origin.at,
    }
}

/// Of several series there is no one value, which is a reading without a value.
fn reading(report: &MetricReport, origin: &Origin, unit: UnitId, environment: EnvironmentId) -> SignalReading {
    let read = report.to_predicate(unit.clone(), environment.clone(), &origin.suite, origin.at);
    read.unwrap_or_else(|SeveralSeries(several)| SignalReading {
        unit,
        environment,
        name: origin.suite.clone(),
        value: None,
        samples: 0,
        errors: several as u64,
        observed_on: origin.at,
    })
}

/// The parts that ran, from 0 to 1, as `coverage.lines` and `coverage.branches`.
fn covered(report: &CoverageReport, origin: &Origin, unit: &UnitId, environment: &EnvironmentId) -> Vec<SignalReading> {
    let parts = [("coverage.lines", report.lines), ("coverage.branches", report.branches)];
    let reading = |(name, covered): (&str, Option<Covered>)| SignalReading {
        unit: unit.clone(),
        environment: environment.clone(),
        name: name.to_owned(),
        value: covered.map(Covered::rate),
        samples: covered.map_or(0, Covered::of),
        errors: 0,
        observed_on: origin.at,
    };
    parts.map(reading).into()
}
