//! Reading for policy what verified evidence says.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::evidence::{
    ContractComparison, Deployment, Health, InDoubt, PolicyApproval, Predicate as _, Release, SbomSummary, ScanSeverity,
    SignalReading, Snapshot, Subject, TestResult, TestVerdict, TrustRoot, VerificationSummary, VerifiedEvidence,
    VerifiedProperties, Vulnerabilities,
};
use crate::id::{EnvironmentId, UnitId};
use crate::policy::{EvidenceFact, Finding, FindingSeverity, SbomFormat, Vulnerability};
use crate::time::UnixMillis;

/// How predicate types begin that say the same kind of thing, in whatever version, and the ask that is for them.
const FAMILIES: [(&str, &str); 11] = [
    (TESTS, "tests"),
    (VULNS, "findings"),
    (COSIGN_VULN, "findings"),
    (CYCLONEDX, "sbom"),
    (SPDX, "sbom"),
    ("spdx.org/", "sbom"),
    ("pathops.dev/predicate/deployment", "deployment"),
    ("pathops.dev/predicate/health", "health"),
    ("pathops.dev/predicate/contract-comparison", "contracts"),
    ("pathops.dev/predicate/sbom", "sbom"),
    ("pathops.dev/predicate/signal", "signal"),
];
const TESTS: &str = "in-toto.io/attestation/test-result";
const VULNS: &str = "in-toto.io/attestation/vuln";
const COSIGN_VULN: &str = "cosign.sigstore.dev/attestation/vuln";
const CYCLONEDX: &str = "cyclonedx.org/";
const SPDX: &str = "spdx.dev/";
const VERIFICATION: &str = "slsa.dev/verification_summary";

/// Where the predicates of others say when something was so, as JSON pointers.
const TIMES: [&str; 9] = [
    "/observedOn",
    "/finishedOn",
    "/timeVerified",
    "/timeCreated",
    "/runDetails/metadata/finishedOn",
    "/metadata/buildFinishedOn",
    "/metadata/timestamp",
    "/creationInfo/created",
    "/timestamp",
];

/// The ask that is for evidence of this type, where one of its own is.
pub(super) fn ask_for(predicate_type: &str) -> Option<&'static str> {
    FAMILIES.iter().find(|(family, _)| is_of(predicate_type, family)).map(|(_, ask)| *ask)
}

/// The format of a bill of materials of this type; `None` where it is none that is read.
pub(super) fn sbom_format(predicate_type: &str) -> Option<SbomFormat> {
    let families = [(CYCLONEDX, SbomFormat::Cyclonedx), (SPDX, SbomFormat::Spdx)];
    families.into_iter().find(|(family, _)| is_of(predicate_type, family)).map(|(_, format)| format)
}

/// Whether a type is of a family, however its URI is written.
fn is_of(predicate_type: &str, family: &str) -> bool {
    let lower = predicate_type.to_ascii_lowercase();
    let plain = lower.split_once("://").map_or(lower.as_str(), |(_, plain)| plain);
    plain.strip_prefix("www.").unwrap_or(plain).starts_with(family)
}

struct Read {
    unit: Option<UnitId>,
    environment: Option<EnvironmentId>,
    at: UnixMillis,
    says: Finding,
}

impl EvidenceFact {
    /// What verified evidence says for policy; `None` where it is PathOps' own account of evidence.
    ///
    /// # Errors
    /// Why it does not hold what its type says, in words.
    pub fn read(verified: &VerifiedEvidence, trust: &TrustRoot) -> Result<Option<Self>, String> {
        let statement = verified.statement();
        let unreadable = |why: String| format!("{} does not hold what its type says: {why}", verified.id());
        let Some(read) = read(&statement.predicate_type, &statement.predicate).map_err(unreadable)? else { return Ok(None) };
        let mut fact = Self {
            id: verified.id(),
            signer: verified.signer(),
            producers: trust.producers(verified.signer()),
            in_ledger: trust.has_logged(verified.id()),
            predicate_type: statement.predicate_type.clone(),
            subjects: statement.subject.iter().map(|it| Subject { annotations: None, ..it.clone() }).collect(),
            unit: read.unit,
            environment: read.environment,
            at: read.at,
            says: read.says,
        };
        fact.keep_numbers();
        Ok(Some(fact))
    }
}

fn read(predicate_type: &str, predicate: &Value) -> Result<Option<Read>, String> {
    Ok(Some(match predicate_type {
        TestResult::TYPE => tests(parse(predicate)?)?,
        Deployment::TYPE => {
            let it: Deployment = parse(predicate)?;
            let failure = (!it.ready).then(|| it.reason.unwrap_or_else(|| "no reason given".to_owned()));
            observed(it.unit, it.environment, it.observed_on, Finding::Deployment { failure })
        }
        Health::TYPE => {
            let it: Health = parse(predicate)?;
            let says = Finding::Health { healthy: it.healthy, settled_millis: it.settled_millis };
            observed(it.unit, it.environment, it.observed_on, says)
        }
        SbomSummary::TYPE => {
            let it: SbomSummary = parse(predicate)?;
            let says = Finding::Sbom { format: it.format, parts: it.parts };
            Read { unit: None, environment: None, at: it.observed_on, says }
        }
        SignalReading::TYPE => {
            let it: SignalReading = parse(predicate)?;
            let says = Finding::Signal { name: it.name, value: it.value, samples: it.samples, errors: it.errors };
            observed(it.unit, it.environment, it.observed_on, says)
        }
        ContractComparison::TYPE => {
            let it: ContractComparison = parse(predicate)?;
            let says = Finding::Contract { contract: it.contract, breaking: it.breaking };
            Read { unit: Some(it.unit), environment: None, at: it.compared_on, says }
        }
        Vulnerabilities::TYPE => scan(parse(predicate)?),
        // PathOps' own decisions, doubts, releases and snapshots are made of evidence, and are none.
        InDoubt::TYPE => return Ok(None),
        VerificationSummary::TYPE if predicate.get("https://pathops.dev/decision").is_some() => return Ok(None),
        Snapshot::TYPE if predicate.get("https://pathops.dev/snapshot").is_some() => return Ok(None),
        Release::TYPE if predicate.get("https://pathops.dev/release").is_some() => return Ok(None),
        // What does not hold is not named.
        it if VerifiedProperties::is(it) => {
            let it: VerifiedProperties = parse(predicate)?;
            let says = Finding::Verified { passed: !it.properties.is_empty() };
            Read { unit: None, environment: None, at: it.time_created, says }
        }
        it if is_of(it, VERIFICATION) => {
            let passed = predicate.get("verificationResult").and_then(Value::as_str) == Some("PASSED");
            of_artifact(predicate, Finding::Verified { passed })
        }
        it if is_of(it, CYCLONEDX) => of_artifact(predicate, sbom(predicate, SbomFormat::Cyclonedx, "components")),
        it if is_of(it, SPDX) => of_artifact(predicate, sbom(predicate, SbomFormat::Spdx, "packages")),
        // Other versions of a report are read where they are as this one; what is not says nothing that could be asked for.
        it if is_of(it, VULNS) || is_of(it, COSIGN_VULN) => {
            parse(predicate).map_or_else(|_| of_artifact(predicate, Finding::Stated {}), scan)
        }
        _ => of_artifact(predicate, Finding::Stated {}),
    }))
}

fn parse<T: DeserializeOwned>(predicate: &Value) -> Result<T, String> {
    T::deserialize(predicate).map_err(|error| error.to_string())
}

fn observed(unit: UnitId, environment: EnvironmentId, at: UnixMillis, says: Finding) -> Read {
    Read { unit: Some(unit), environment: Some(environment), at, says }
}

/// What others say about an artifact or its source. Without a time it is as old as can be.
fn of_artifact(predicate: &Value, says: Finding) -> Read {
    let time = |pointer: &&str| predicate.pointer(pointer)?.as_str()?.parse().ok();
    // A good word without a date is as old as can be; a bad one is as new.
    let undated = if says.is_bad() { UnixMillis(i64::MAX) } else { UnixMillis(0) };
    Read { unit: None, environment: None, at: TIMES.iter().find_map(time).unwrap_or(undated), says }
}

fn sbom(predicate: &Value, format: SbomFormat, list: &str) -> Finding {
    let parts = predicate.get(list).and_then(Value::as_array).map_or(0, Vec::len);
    Finding::Sbom { format, parts: u64::try_from(parts).unwrap_or(u64::MAX) }
}

fn scan(it: Vulnerabilities) -> Read {
    // A scanner that reports one finding for several parts reports it once.
    let found: BTreeSet<_> = it
        .scanner
        .result
        .into_iter()
        .map(|finding| Vulnerability { severity: finding.severity.iter().filter_map(severity).max(), id: finding.id })
        .collect();
    let says = Finding::Vulnerabilities { scanner: it.scanner.uri, found: found.into_iter().collect() };
    Read { unit: None, environment: None, at: it.metadata.scan_finished_on, says }
}

/// A word, or a CVSS score by the bands of CVSS v3.1, section 5.
fn severity(given: &ScanSeverity) -> Option<FindingSeverity> {
    use FindingSeverity as S;
    match given.score.to_ascii_lowercase().as_str() {
        "critical" => Some(S::Critical),
        "high" | "important" => Some(S::High),
        "medium" | "moderate" => Some(S::Medium),
        "low" | "negligible" | "none" | "info" => Some(S::Low),
        score => match score.parse::<f64>().ok().filter(|score| (0.0..=10.0).contains(score))? {
            score if score >= 9.0 => Some(S::Critical),
            score if score >= 7.0 => Some(S::High),
            score if score >= 4.0 => Some(S::Medium),
            _ => Some(S::Low),
        },
    }
}

fn tests(it: TestResult) -> Result<Read, String> {
    let [configuration] = it.configuration.as_slice() else {
        return Err(format!("a test result names {} configurations instead of one", it.configuration.len()));
    };
    let count = |tests: &[String]| u32::try_from(tests.len()).unwrap_or(u32::MAX);
    let failed = match it.result {
        TestVerdict::Failed => count(&it.failed_tests).max(1),
        TestVerdict::Passed | TestVerdict::Warned => count(&it.failed_tests),
    };
    let annotations = &configuration.annotations;
    let (unit, environment, at) = (annotations.unit.clone(), annotations.environment.clone(), it.finished_on);
    if let Some(PolicyApproval { approved_by }) = &annotations.policy {
        let says = Finding::Policy { passed: count(&it.passed_tests), failed, approved_by: approved_by.clone() };
        return Ok(Read { unit, environment, at, says });
    }
    let flaky = it.warned_tests.iter().filter(|test| annotations.flaky_tests.contains(test)).count();
    let flaky = u32::try_from(flaky).unwrap_or(u32::MAX);
    let says = Finding::Tests {
        suite: configuration.name.clone(),
        passed: count(&it.passed_tests),
        skipped: count(&it.warned_tests).saturating_sub(flaky),
        flaky,
        failed,
        pipeline_changed: annotations.pipeline_changed,
    };
    Ok(Read { unit, environment, at, says })
}
