//! The formats, each by the module that reads it.

use std::fmt;

use crate::report::error::Fail;
use crate::report::input::{Input, Look};
use crate::report::*;

/// What is known of a format: how it is recognised and how it is read.
#[derive(Clone, Copy)]
pub(super) struct Spec {
    pub(super) format: Format,
    /// How sure it is, by a cheap look; `None` where the report is not in it.
    pub(super) look: fn(&Look<'_>) -> Option<Confidence>,
    pub(super) parse: fn(&Input<'_>) -> Result<Content, Fail>,
}

/// How sure a format is that a report is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Confidence {
    /// It could be, as other things could: only where somebody says so.
    Possible,
    /// It looks like it.
    Likely,
    /// It says so itself.
    Certain,
}

/// `Certain` or not at all.
pub(super) fn certain_if(it: bool) -> Option<Confidence> {
    it.then_some(Confidence::Certain)
}

/// `Likely` or not at all.
pub(super) fn likely_if(it: bool) -> Option<Confidence> {
    it.then_some(Confidence::Likely)
}

macro_rules! formats {
    ($($(#[$doc:meta])* $format:ident = $id:literal, $title:literal, $media_type:literal, $module:ident;)*) => {
        /// A format that is read.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Format {
            $($(#[$doc])* $format,)*
        }

        impl Format {
            /// All of them.
            pub const ALL: &[Format] = &[$(Format::$format),*];

            /// Its short name: what people write to name it.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Format::$format => $id,)* }
            }

            /// What people call it.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Format::$format => $title,)* }
            }

            /// The media type to keep the original under.
            #[must_use]
            pub fn media_type(self) -> &'static str {
                match self { $(Format::$format => $media_type,)* }
            }

            pub(super) fn spec(self) -> Spec {
                match self { $(Format::$format => $module::SPEC,)* }
            }
        }
    };
}

formats! {
    /// JUnit XML.
    Junit = "junit", "JUnit", "application/xml", junit;
    /// Test Anything Protocol 13 and 14.
    Tap = "tap", "TAP", "text/x-tap", tap;
    /// `cargo nextest --message-format libtest-json`, and the same of libtest.
    LibtestJson = "libtest-json", "libtest JSON", "application/jsonl", libtest_json;
    /// `go test -json`.
    GoTestJson = "go-test-json", "go test JSON", "application/jsonl", go_test_json;
    /// GitLab's test report of a pipeline.
    GitlabTests = "gitlab-tests", "GitLab test", "application/json", gitlab_tests;
    /// SARIF 2.1.0.
    Sarif = "sarif", "SARIF", "application/sarif+json", sarif;
    /// CycloneDX 1.4 to 1.7 in JSON.
    CyclonedxJson = "cyclonedx-json", "CycloneDX JSON", "application/vnd.cyclonedx+json", cyclonedx_json;
    /// CycloneDX 1.4 to 1.7 in XML.
    CyclonedxXml = "cyclonedx-xml", "CycloneDX XML", "application/vnd.cyclonedx+xml", cyclonedx_xml;
    /// SPDX 2.2 and 2.3 in JSON.
    Spdx2Json = "spdx-json", "SPDX 2 JSON", "application/spdx+json", spdx2_json;
    /// SPDX 3.0 in JSON-LD.
    Spdx3Json = "spdx3-json", "SPDX 3 JSON-LD", "application/ld+json", spdx3_json;
    /// Trivy's own JSON.
    Trivy = "trivy", "Trivy", "application/json", trivy;
    /// Grype's own JSON.
    Grype = "grype", "Grype", "application/json", grype;
    /// gitleaks' own JSON.
    Gitleaks = "gitleaks", "gitleaks", "application/json", gitleaks;
    /// `npm audit --json`.
    NpmAudit = "npm-audit", "npm audit", "application/json", npm_audit;
    /// `cargo audit --json`.
    CargoAudit = "cargo-audit", "cargo-audit", "application/json", cargo_audit;
    /// `osv-scanner --format json`.
    OsvScanner = "osv-scanner", "OSV-Scanner", "application/json", osv_scanner;
    /// Cobertura XML.
    Cobertura = "cobertura", "Cobertura", "application/xml", cobertura;
    /// LCOV tracefiles.
    Lcov = "lcov", "LCOV", "text/plain", lcov;
    /// k6's summary: `--summary-export`, or the data of `handleSummary`.
    K6Summary = "k6-summary", "k6 summary", "application/json", k6_summary;
    /// One HTTP request: `curl --write-out '%{json}'`.
    Curl = "curl", "curl", "application/json", curl;
    /// Kubernetes events: `kubectl get events -o json`, or `-o yaml`.
    KubernetesEvents = "kubernetes-events", "Kubernetes events", "application/json", kubernetes_events;
    /// What a pod printed: lines that begin with a date and a time, a level, or the pod they are of. Any other text is one where
    /// somebody says so.
    PodLog = "pod-log", "pod log", "text/plain", pod_log;
    /// The answer of Prometheus' HTTP API to a query.
    PrometheusQuery = "prometheus-query", "Prometheus query", "application/json", prometheus_query;
    /// OpenTelemetry traces, OTLP in JSON.
    OtlpTraces = "otlp-traces", "OTLP traces", "application/json", otlp_traces;
    /// Argo CD's Application, or a list of them, in JSON or YAML.
    ArgoCd = "argo-cd", "Argo CD", "application/json", argo_cd;
    /// `helm status -o json`.
    HelmStatus = "helm-status", "Helm status", "application/json", helm_status;
    /// `helm list -o json`.
    HelmList = "helm-list", "Helm list", "application/json", helm_list;
    /// `kustomize build`, and `helm template`, which prints the same: resources in YAML.
    Kustomize = "kustomize", "Kustomize", "application/yaml", kustomize;
    /// GitHub's check runs, check suites, workflow runs and commit statuses.
    GithubChecks = "github-checks", "GitHub checks", "application/json", github_checks;
    /// GitHub's deployment statuses.
    GithubDeployment = "github-deployment", "GitHub deployment", "application/json", github_deployment;
    /// GitLab's pipelines and jobs.
    GitlabPipeline = "gitlab-pipeline", "GitLab pipeline", "application/json", gitlab_pipeline;
    /// Argo Rollouts' AnalysisRun, or a list of them.
    ArgoRollouts = "argo-rollouts", "Argo Rollouts", "application/json", argo_rollouts;
    /// Kargo's Freight and Stages, with the AnalysisRuns that verified them.
    Kargo = "kargo", "Kargo", "application/json", kargo;
    /// GitOps Promoter's CommitStatus, or a list of them.
    GitopsPromoter = "gitops-promoter", "GitOps Promoter", "application/json", gitops_promoter;
    /// CloudEvents 1.0 in structured JSON, one or a batch.
    CloudEvents = "cloudevents", "CloudEvents", "application/cloudevents+json", cloud_events;
    /// CDEvents 0.3 to 0.5 in JSON.
    CdEvents = "cdevents", "CDEvents", "application/json", cd_events;
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// A text that is no [`Format::id`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no format of reports: write one of {known}", known = known())]
pub struct UnknownFormat(String);

fn known() -> String {
    Format::ALL.iter().map(|format| format.id()).collect::<Vec<_>>().join(", ")
}

impl std::str::FromStr for Format {
    type Err = UnknownFormat;
    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Format::ALL.iter().copied().find(|format| format.id() == text).ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}
