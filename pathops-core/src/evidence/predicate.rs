use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::Retention;
use crate::adapter::JobKind;
use crate::digest::Digest;
use crate::id::{ChangeSetId, CommitId, ContractId, EnvironmentId, PersonId, TreeId, UnitId};
use crate::policy::SbomFormat;
use crate::project::Role;
use crate::time::{UnixMillis, rfc3339};

/// Something a statement can say: a predicate of a known type.
pub trait Predicate: Serialize {
    /// The URI that names the type and its version.
    const TYPE: &'static str;
}

/// A result of tests: in-toto `test-result/v0.1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestResult {
    /// The result as a whole.
    pub result: TestVerdict,
    /// Which suite was run, and how; exactly one here.
    pub configuration: Vec<TestConfiguration>,
    /// Names of tests that passed.
    #[serde(default)]
    pub passed_tests: Vec<String>,
    /// Names of tests that were skipped or passed with a warning: they prove nothing.
    #[serde(default)]
    pub warned_tests: Vec<String>,
    /// Names of tests that failed or errored.
    #[serde(default)]
    pub failed_tests: Vec<String>,
    /// When the tests ended (an addition to the standard's fields).
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub finished_on: UnixMillis,
}

impl Predicate for TestResult {
    const TYPE: &'static str = "https://in-toto.io/attestation/test-result/v0.1";
}

/// What a test result says as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum TestVerdict {
    /// All passed.
    Passed,
    /// Nothing failed, and not all of it passed.
    Warned,
    /// Something failed.
    Failed,
}

/// What was run: an in-toto `ResourceDescriptor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestConfiguration {
    /// The suite: `unit`, `smoke`, `contract`, `health`.
    pub name: String,
    /// The raw report, by digest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
    /// Where and how.
    pub annotations: TestAnnotations,
}

/// Where and how tests were run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestAnnotations {
    /// The change set.
    pub change_set: Option<ChangeSetId>,
    /// The app or component.
    pub unit: Option<UnitId>,
    /// The environment, for tests of what is deployed.
    pub environment: Option<EnvironmentId>,
    /// The kind of post-deploy job.
    pub job: Option<JobKind>,
    /// Whether the change touched the pipeline that ran the tests: its word alone is then not enough. Tests that are
    /// silent about it cannot be read: what is absent must not count as "no".
    pub pipeline_changed: bool,
    /// Names among the warned tests that failed first and passed when they were run again; the others were skipped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flaky_tests: Vec<String>,
    /// That it is the check of a policy, which the subject names by its digest, and who has approved that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyApproval>,
    /// What is said of the report that the digest names: how long it is kept, and how it is stored.
    #[serde(flatten)]
    pub report: ReferenceAnnotations,
}

/// Who has approved a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyApproval {
    /// Those who approved the head of the pull request that brings it, and had no part in it, with the roles that they had
    /// when it was checked.
    pub approved_by: BTreeMap<PersonId, BTreeSet<Role>>,
}

/// What a scanner found: in-toto `vulns/v0.2`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Vulnerabilities {
    /// The scanner and its report.
    pub scanner: Scanner,
    /// When it ran.
    pub metadata: ScanTimes,
}

impl Predicate for Vulnerabilities {
    const TYPE: &'static str = "https://in-toto.io/attestation/vulns/v0.2";
}

/// A scanner and its report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Scanner {
    /// Its URI.
    pub uri: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What it found; an empty list where it found nothing.
    pub result: Vec<ScanFinding>,
}

/// One finding of a scanner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScanFinding {
    /// For example `CVE-2026-1234`.
    pub id: String,
    /// How bad it is, by one or more methods.
    #[serde(default)]
    pub severity: Vec<ScanSeverity>,
}

/// How bad a finding is, by a method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScanSeverity {
    /// For example `nvd`.
    pub method: String,
    /// A word (`high`) or a CVSS score (`7.5`).
    pub score: String,
}

/// When a scanner ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ScanTimes {
    /// When it began.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub scan_started_on: UnixMillis,
    /// When it ended.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub scan_finished_on: UnixMillis,
}

/// A comparison of a contract with the one before.
///
/// No standard predicate exists; this is our own, version 0.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ContractComparison {
    /// The unit that keeps it.
    pub unit: UnitId,
    /// The contract.
    pub contract: ContractId,
    /// What breaks for those who rely on it, in words; an empty list where it is compatible.
    pub breaking: Vec<String>,
    /// When it was compared.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub compared_on: UnixMillis,
}

impl Predicate for ContractComparison {
    const TYPE: &'static str = "https://pathops.dev/predicate/contract-comparison/v0.1";
}

/// How much a bill of materials lists. The bill itself lies beside it: it may be large, or in a form that is no predicate.
///
/// No standard predicate exists; this is our own, version 0.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SbomSummary {
    /// The format of the bill.
    pub format: SbomFormat,
    /// Which version of that.
    pub version: String,
    /// How many parts it lists. One that lists none says nothing.
    pub parts: u64,
    /// When it was so.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub observed_on: UnixMillis,
}

impl Predicate for SbomSummary {
    const TYPE: &'static str = "https://pathops.dev/predicate/sbom/v0.1";
}

/// A measured value, for example of an error rate or of what is left of an error budget.
///
/// No standard predicate exists; this is our own, version 0.1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignalReading {
    /// The unit.
    pub unit: UnitId,
    /// Where.
    pub environment: EnvironmentId,
    /// What was measured.
    pub name: String,
    /// The value; `null` where there is none, or none that is a number.
    pub value: Option<f64>,
    /// How many samples it rests on.
    pub samples: u64,
    /// How many measurements gave an error or no number.
    pub errors: u64,
    /// When.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub observed_on: UnixMillis,
}

impl Predicate for SignalReading {
    const TYPE: &'static str = "https://pathops.dev/predicate/signal/v0.1";
}

/// What is live: written when the GitOps controller's answer was `Ready`, or when it failed.
///
/// No standard predicate exists; this is our own, version 0.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Deployment {
    /// The change set.
    pub change_set: ChangeSetId,
    /// The app or component.
    pub unit: UnitId,
    /// Where.
    pub environment: EnvironmentId,
    /// Whether exactly the expected deployment was live and healthy.
    pub ready: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The applied commit of the desired-state repository.
    pub commit: Option<CommitId>,
    /// The tree at the environment's path in it.
    pub tree: Option<TreeId>,
    /// What runs.
    pub artifact: Option<Digest>,
    /// The version of the controller's record that was read.
    pub resource_version: String,
    /// When it was observed.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub observed_on: UnixMillis,
}

impl Predicate for Deployment {
    const TYPE: &'static str = "https://pathops.dev/predicate/deployment/v0.1";
}

/// That a deployment was healthy for a while, without a gap.
///
/// No standard predicate exists; this is our own, version 0.1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Health {
    /// The change set.
    pub change_set: ChangeSetId,
    /// The app or component.
    pub unit: UnitId,
    /// Where.
    pub environment: EnvironmentId,
    /// Whether it was healthy at the end.
    pub healthy: bool,
    /// For how long without a gap, in milliseconds.
    pub settled_millis: u64,
    /// When it was observed.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub observed_on: UnixMillis,
}

impl Predicate for Health {
    const TYPE: &'static str = "https://pathops.dev/predicate/health/v0.1";
}

/// A decision: SLSA Verification Summary v1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerificationSummary {
    /// Who decided.
    pub verifier: Verifier,
    /// The instant the decision was made for.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub time_verified: UnixMillis,
    /// What may move where: `pathops:<project>/<unit>@<environment>`.
    pub resource_uri: String,
    /// The policy.
    pub policy: PolicyReference,
    /// Every piece of evidence that went in.
    pub input_attestations: Vec<InputAttestation>,
    /// The result.
    pub verification_result: VerificationResult,
    /// Always empty: PathOps claims no SLSA level.
    pub verified_levels: Vec<String>,
    /// The decision itself, with its reasons (an addition to the standard's fields).
    #[serde(rename = "https://pathops.dev/decision")]
    #[cfg_attr(feature = "schema", schemars(with = "crate::policy::Decision"))]
    pub decision: serde_json::Value,
    /// Everything that the decision was made of, to make it again (an addition to the standard's fields).
    #[serde(rename = "https://pathops.dev/decision-record", default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Reference>,
    /// What it granted, by name and with all that the grant is bound to (an addition to the standard's fields). It gives no
    /// right: the grant is used by then, and nothing makes one of this.
    #[serde(rename = "https://pathops.dev/grant", default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<serde_json::Value>,
}

impl Predicate for VerificationSummary {
    const TYPE: &'static str = "https://slsa.dev/verification_summary/v1";
}

/// Who decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Verifier {
    /// A URI.
    pub id: String,
    /// Versions of what decided.
    #[serde(default)]
    pub version: BTreeMap<String, String>,
}

/// The policy that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PolicyReference {
    /// Where it stands.
    pub uri: String,
    /// Its digest.
    pub digest: BTreeMap<String, String>,
}

/// One piece of evidence that went in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InputAttestation {
    /// Where it is.
    pub uri: String,
    /// Its id, as `sha256`: that of the bytes that are signed, the pre-authentication encoding of its envelope. It is what a leaf of
    /// the log has of it, and what its bundle is named after; an envelope's own bytes differ with who has signed it, and how often.
    pub digest: BTreeMap<String, String>,
}

/// Whether the policy was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum VerificationResult {
    /// Yes.
    Passed,
    /// No, or not known.
    Failed,
}

/// A payload, by digest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reference {
    /// What it is, for people: `smoke test result`, `logs`. Others may leave it out; then it is empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Where it is.
    pub download_location: String,
    /// Its digest.
    pub digest: BTreeMap<String, String>,
    /// For example `application/vnd.in-toto+dsse`.
    pub media_type: String,
    /// What else is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<ReferenceAnnotations>,
}

/// What a reference says of a payload besides what it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReferenceAnnotations {
    /// How long it is kept; what says nothing is kept for ever.
    #[serde(rename = "https://pathops.dev/retention", default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<Retention>,
    /// Why it is kept for ever, in words; nothing is read from it.
    #[serde(rename = "https://pathops.dev/kept-for-ever", default, skip_serializing_if = "Option::is_none")]
    pub for_ever: Option<String>,
    /// Whether the blob is the payload encrypted with a key of its own, so that it can be erased, and not the payload as it is. Evidence of
    /// earlier versions does not say.
    #[serde(rename = "https://pathops.dev/sealed", default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<bool>,
}
