//! What tools report, read into facts that policy can use.
//!
//! ```
//! use pathops_evidence::report::{Content, Format, parse};
//!
//! let report = parse(b"TAP version 14\n1..2\nok 1 - adds\nnot ok 2 - subtracts\n").unwrap();
//! assert_eq!(report.format, Format::Tap);
//! let Content::Tests(tests) = report.content else { panic!() };
//! assert_eq!((tests.passed, tests.failed), (vec!["adds".to_owned()], vec!["subtracts".to_owned()]));
//! ```
//!
//! # Guarantees
//!
//! * **By content.** [`parse`] goes by what is in a report, not by its name. Formats are tried in no order; where two are as
//!   likely, it refuses and names them, and [`parse_as`] takes the caller's word.
//! * **Never an empty success.** A report that is empty, cut off, or contradicts itself is an error. One that is whole and
//!   says nothing (no test was run, nothing was measured) says so in its facts.
//! * **The worst is assumed.** A severity that is missing or unknown is `None`, and counts as critical. A state that is
//!   unknown counts as failed. What is suppressed in the report itself is kept apart.
//! * **Bounded.** [`MAX_BYTES`], [`MAX_VALUES`], [`MAX_ATTRIBUTES`] and [`MAX_DEPTH`] hold for every format. Time is linear in the size. No input
//!   panics. XML may not declare entities. A JSON object may not have a key twice.
//! * **The original counts.** [`Report::digest`] and [`Format::media_type`] are those of the bytes that were read; the
//!   caller stores them. Facts are what policy needs of them, and no more: in particular no secret that a scanner has found.
//! * **The same without secrets.** [`parse_redacted`] takes secrets out of a report and refuses it where it would say something else
//!   then.
//!
//! # Formats
//!
//! | format | versions and dialects | what is read | [`Content`] |
//! |---|---|---|---|
//! | `junit` | Ant, Maven Surefire, Gradle, pytest, nextest, Jest, Node, PHPUnit, Ginkgo, Catch2, doctest, GoogleTest | nested suites, failures and errors, of whole suites too, states, reruns, counts | `Tests` |
//! | `tap` | TAP 13, 14 | plan, directives, subtests, bail-out | `Tests` |
//! | `libtest-json` | nextest `libtest-json` and `-plus`, libtest | tests, retries, suites | `Tests` |
//! | `go-test-json` | `go test -json` | tests, packages, builds that failed | `Tests` |
//! | `gitlab-tests` | GitLab API v4, test report of a pipeline | cases, errors of suites, counts | `Tests` |
//! | `sarif` | SARIF 2.1.0 | levels, `security-severity`, rules of extensions, kinds, baseline, suppressions, invocations | `Scan` |
//! | `trivy` | schema 2 | vulnerabilities, misconfigurations, secrets, licences | `Scan` |
//! | `grype` | 0.6x and later | matches, ignored matches | `Scan` |
//! | `gitleaks` | 8 | findings, never the secret | `Scan` |
//! | `npm-audit` | npm 6 (advisories), npm 7 and later (report version 2) | advisories, counts, errors | `Scan` |
//! | `cargo-audit` | 0.20 and later | vulnerabilities with CVSS, warnings | `Scan` |
//! | `osv-scanner` | 1, 2 | packages, groups with CVSS, licences that are not allowed | `Scan` |
//! | `cyclonedx-json`, `cyclonedx-xml` | CycloneDX 1.4 to 1.7 | components, vulnerabilities with ratings and analysis | `Sbom` |
//! | `spdx-json` | SPDX 2.2, 2.3 | packages | `Sbom` |
//! | `spdx3-json` | SPDX 3.0 JSON-LD | packages, vulnerabilities with CVSS | `Sbom` |
//! | `cobertura` | coverage-04 DTD | lines and branches, against the totals | `Coverage` |
//! | `lcov` | LCOV 1, 2 | lines and branches, against the totals | `Coverage` |
//! | `k6-summary` | `--summary-export`, `handleSummary` | checks, thresholds | `Checks` |
//! | `curl` | `--write-out '%{json}'` | status, exit code, times | `Checks` |
//! | `kubernetes-events` | `v1`, `events.k8s.io/v1`, in JSON or YAML | events | `RuntimeEvents` |
//! | `pod-log` | text or JSON lines, recognised where most lines begin with a date and a time, a level, or the pod they are of; those that are indented do not count | how much, how many lines of errors, of which pods | `Log` |
//! | `prometheus-query` | HTTP API v1 | vectors, matrices, scalars, with NaN | `Metrics` |
//! | `otlp-traces` | OTLP 1 JSON, one or in lines | ids of traces, errors | `Traces` |
//! | `argo-cd` | `argoproj.io/v1alpha1` Application, lists of them, in JSON or YAML | sync, health, operation, conditions | `Deployments` |
//! | `helm-status`, `helm-list` | Helm 3, 4 | status, revision | `Deployments` |
//! | `github-deployment` | REST and webhook | state | `Deployments` |
//! | `kustomize` | resources in YAML, also those of `helm template` | resources, images | `Resources` |
//! | `github-checks` | REST and webhook: check runs, suites, workflow runs, statuses | status and conclusion | `ExternalChecks` |
//! | `gitlab-pipeline` | API v4 and webhook: pipelines, jobs | status, permission to fail | `ExternalChecks` |
//! | `argo-rollouts` | `argoproj.io/v1alpha1` AnalysisRun, lists of them | measurements, counted again, against limits, counters and phases | `Verifications` |
//! | `kargo` | `kargo.akuity.io/v1alpha1` Freight and Stage, lists of them with AnalysisRuns | verifications, with what their AnalysisRuns measured | `Verifications` |
//! | `gitops-promoter` | `promoter.argoproj.io/v1alpha1` CommitStatus, lists of them | the phase that is asked for and the one that was reported | `Verifications` |
//! | `cloudevents` | 1.0, structured JSON, batch | source, id, type, subject, time; how it ended, of CDEvents in them, in base64 too | `Events` |
//! | `cdevents` | 0.3, 0.4, 0.5 | the same, of the context | `Events` |
//!
//! Where PathOps' own types are needed, [`TestReport::to_predicate`], [`ScanReport::to_predicate`] and
//! [`MetricReport::to_predicate`] make them, and [`Report::document_predicate_type`] says where the document itself is one;
//! [`Report::reference`] points at a report of any kind.

mod content;

mod error;
mod format;
mod input;
mod json;
mod kubernetes_objects;
mod log_tally;
mod recognise;
mod redacted;
mod reference;
mod severity;
mod xml;
mod yaml;

mod argo_cd;
mod argo_rollouts;
mod cargo_audit;
mod cd_events;
mod cloud_events;
mod cobertura;
mod curl;
mod cyclonedx_json;
mod cyclonedx_xml;
mod github_checks;
mod github_deployment;
mod gitlab_pipeline;
mod gitlab_tests;
mod gitleaks;
mod gitops_promoter;
mod go_test_json;
mod grype;
mod helm_list;
mod helm_status;
pub mod junit;
mod k6_summary;
mod kargo;
mod kubernetes_events;
mod kustomize;
mod lcov;
mod libtest_json;
mod made;
mod npm_audit;
mod osv_scanner;
mod otlp_traces;
mod pod_log;
mod prometheus_query;
mod sarif;
mod spdx2_json;
mod spdx3_json;
mod tap;
mod trivy;

use pathops_core::Digest;

pub use content::*;
pub use error::{Fault, ParseError, Place};
pub use format::{Confidence, Format, UnknownFormat};
pub(crate) use log_tally::LogTally;
pub use made::made_at;
pub use recognise::{Unrecognised, begins_a_log, candidates, recognise};
pub use redacted::{RedactedReport, parse_redacted};
pub use reference::ReportReference;
pub(crate) use reference::reference_to;

use crate::report::input::Input;

/// How many bytes a report may have.
pub const MAX_BYTES: usize = 64 * 1024 * 1024;

/// How many bytes of a log show that it is one.
pub const BEGINNING: usize = input::SHOWN_TEXT;

/// How many values a report in JSON may have, keys counted too, and how many elements and attributes one in XML.
pub const MAX_VALUES: usize = 1_000_000;

/// How many attributes an element may have.
pub const MAX_ATTRIBUTES: usize = 256;

/// How deep values and elements may stand in each other.
pub const MAX_DEPTH: usize = 127;

/// A report: what it says, and which bytes say so.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The format that it is in.
    pub format: Format,
    /// The digest of the bytes that were read.
    pub digest: Digest,
    /// What it says.
    pub content: Content,
}

/// Reads a report in the format that it is recognised as.
///
/// # Errors
/// [`ParseError`] where it is not recognised, or not whole and right.
pub fn parse(bytes: &[u8]) -> Result<Report, ParseError> {
    let input = Input::open(bytes).map_err(|fail| fail.of(None))?;
    read(recognise::among(Format::ALL, &input.look)?, bytes, &input)
}

/// Reads a report in the format that is given, or in the one that it is recognised as.
pub(crate) fn parse_given(bytes: &[u8], format: Option<Format>) -> Result<Report, ParseError> {
    format.map_or_else(|| parse(bytes), |format| parse_as(format, bytes))
}

/// Reads a report in this format.
///
/// ```
/// use pathops_evidence::report::{Format, parse_as};
/// assert!(parse_as(Format::Junit, b"<testsuite><testcase name='a'/></testsuite>").is_ok());
/// assert!(parse_as(Format::Tap, b"<testsuite><testcase name='a'/></testsuite>").is_err());
/// ```
///
/// # Errors
/// [`ParseError`] where it is not whole and right, or in another format.
pub fn parse_as(format: Format, bytes: &[u8]) -> Result<Report, ParseError> {
    let input = match format {
        Format::PodLog => Input::open_as_text(bytes),
        _ => Input::open(bytes),
    };
    read(format, bytes, &input.map_err(|fail| fail.of(format))?)
}

fn read(format: Format, bytes: &[u8], input: &Input<'_>) -> Result<Report, ParseError> {
    let content = (format.spec().parse)(input).map_err(|fail| fail.of(format))?;
    Ok(Report { format, digest: Digest::of(bytes), content })
}
