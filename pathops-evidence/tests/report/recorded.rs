//! What real tools wrote: recorded files beside this repository. Where they are not at hand, this says so.

use std::path::PathBuf;

use pathops_core::policy::FindingSeverity::{High, Low, Medium};
use pathops_core::policy::{FindingSeverity, SbomFormat};
use pathops_evidence::report::DeploymentPhase::{Failed, Settled, UnderWay};
use pathops_evidence::report::ExternalState::{self, Neutral, Passed, Pending};
use pathops_evidence::report::{Content, DeploymentPhase, Format, ReportFinding, parse};
use serde_json::Value;

/// The folder with the files; `None` where it is not there and may be absent.
fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    if folder.is_dir() {
        return Some(folder);
    }
    let is_needed = std::env::var_os("PATHOPS_NEEDS_DATA").is_some();
    assert!(!is_needed, "the recorded files are not at {}", folder.display());
    eprintln!("skipped: the recorded files are not at {}", folder.display());
    None
}

fn bytes(name: &str) -> Option<Vec<u8>> {
    let path = folder()?.join(name);
    Some(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// What a file says, if the files are there. It must be recognised as this format.
fn content(format: Format, name: &str) -> Option<Content> {
    let report = parse(&bytes(name)?).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(report.format, format, "{name}");
    Some(report.content)
}

#[test]
fn junit_of_pytest_and_ruff() {
    let counts = |name: &str| {
        let Content::Tests(tests) = content(Format::Junit, name)? else { panic!("{name}") };
        Some((tests.passed.len(), tests.skipped.len(), tests.failed.len()))
    };
    let Some(pytest) = counts("scan/pytest.junit.xml") else { return };
    assert_eq!(pytest, (1, 1, 2));
    assert_eq!(counts("scan/ruff.junit.xml"), Some((0, 0, 6)));
}

/// How many findings there are of each severity.
type Severities<'a> = &'a [(FindingSeverity, usize)];

fn by_severity(findings: &[ReportFinding]) -> Vec<(FindingSeverity, usize)> {
    let count = |severity| findings.iter().filter(|finding| finding.severity == Some(severity)).count();
    let counted: Vec<_> = [Low, Medium, High].into_iter().map(|severity| (severity, count(severity))).collect();
    assert_eq!(counted.iter().map(|(_, count)| count).sum::<usize>(), findings.len(), "all have a severity below critical");
    counted.into_iter().filter(|(_, count)| *count > 0).collect()
}

#[test]
fn sarif_of_seven_scanners() {
    let expected: [(&str, &str, Severities<'_>); 7] = [
        ("bandit", "Bandit 1.9.4", &[(Low, 4), (Medium, 1), (High, 2)]),
        ("ruff", "ruff 0.17.6", &[(High, 7)]),
        ("zizmor", "zizmor 1.32.0", &[(Medium, 2), (High, 3)]),
        ("semgrep", "Semgrep OSS 1.182.0", &[(High, 1)]),
        ("hadolint", "Hadolint 2.15.1", &[(Low, 2), (Medium, 4), (High, 1)]),
        ("gitleaks", "gitleaks v8.0.0", &[(Medium, 1)]),
        ("kingfisher", "kingfisher 2.14.0", &[(High, 1)]),
    ];
    for (name, scanner, severities) in expected {
        let Some(content) = content(Format::Sarif, &format!("scan/{name}.sarif")) else { return };
        let Content::Scan(scan) = content else { panic!("{name}") };
        assert_eq!(scan.scanners, [scanner]);
        assert_eq!(by_severity(&scan.findings), severities, "{name}");
        assert!(scan.suppressed.is_empty() && scan.incomplete.is_empty(), "{name}: {scan:?}");
        assert!(scan.findings.iter().all(|finding| finding.location.is_some()), "{name}");
    }
}

#[test]
fn scanners_of_secrets_do_not_tell_them() {
    for name in ["scan/gitleaks.sarif", "scan/kingfisher.sarif"] {
        let Some(content) = content(Format::Sarif, name) else { return };
        let text = String::from_utf8(bytes(name).unwrap()).unwrap();
        let json: Value = serde_json::from_str(&text).unwrap();
        let snippet = json.pointer("/runs/0/results/0/locations/0/physicalLocation/region/snippet/text");
        let secret = snippet.and_then(Value::as_str).unwrap_or_else(|| panic!("{name} shows no secret"));
        assert!(!format!("{content:?}").contains(secret), "{name}");
    }
}

#[test]
fn bills_of_materials() {
    let counts = |format, name: &str| {
        let Content::Sbom(sbom) = content(format, name)? else { panic!("{name}") };
        Some((sbom.format, sbom.version, sbom.components, sbom.vulnerabilities.is_none()))
    };
    let Some(syft) = counts(Format::CyclonedxJson, "scan/syft.cyclonedx-json.json") else { return };
    assert_eq!(syft, (SbomFormat::Cyclonedx, "1.6".to_owned(), 5, true));
    let cyclonedx_py = counts(Format::CyclonedxJson, "scan/cyclonedx-py.cdx.json");
    assert_eq!(cyclonedx_py, Some((SbomFormat::Cyclonedx, "1.6".to_owned(), 2, true)));
    let spdx = counts(Format::Spdx2Json, "scan/syft.spdx-json.json");
    assert_eq!(spdx, Some((SbomFormat::Spdx, "2.3".to_owned(), 6, true)));
}

#[test]
fn what_is_in_none_of_the_formats_is_not_recognised() {
    let others = [
        "scan/syft.syft-json.json",
        "alertmanager/01-firing.json",
        "alertmanager/prom-rules.json",
        "argo-cd/swagger.json",
        "argo-cd/application-states.json",
        "github/github-subset.json",
        "gitlab/api/get_commit.json",
        "gitlab/api/get_merge_request.json",
        "gitlab/webhooks/push.json",
        "gitlab/webhooks/deployment.json",
        "k8s-1.36/list-page.json",
        "k8s-1.36/watch.ndjson",
        "k8s-1.36/cm-created.json",
        "k8s-1.36/version.json",
        "oidc/discovery.json",
        "vault/health.json",
        "webhook-signatures.json",
        "sentry/issue_created.json",
        "dependency-track/NEW_VULNERABILITY.v4.json",
        "agents/claude-stream.jsonl",
        "argo-cd/webhook/github-commit-event.json",
        "github/webhooks/pull_request.opened.0.json",
        "github/webhooks/code_scanning_alert.created.2.json",
        "github/webhooks/dependabot_alert.created.1.json",
    ];
    for name in others {
        let Some(bytes) = bytes(name) else { return };
        assert!(parse(&bytes).is_err(), "{name} was read");
    }
}

#[test]
fn argo_cd_states_by_the_controllers_own_word() {
    let Some(bytes) = bytes("argo-cd/application-states.json") else { return };
    let states: Value = serde_json::from_slice(&bytes).unwrap();
    let phases: Vec<(String, DeploymentPhase)> = states
        .as_array()
        .unwrap()
        .iter()
        .map(|state| {
            let report = parse(&serde_json::to_vec(&state["application"]).unwrap()).unwrap();
            let Content::Deployments(deployments) = report.content else { panic!() };
            (state["id"].as_str().unwrap().to_owned(), deployments[0].phase)
        })
        .collect();
    // N01 and N08 are settled at an old revision: that they are not ready is more than this report says.
    let expected = [
        ("N01", Settled),
        ("N03", UnderWay),
        ("N06", Failed),
        ("N08", Settled),
        ("N16", Failed),
        ("P01", Settled),
        ("P03", Settled),
    ];
    assert_eq!(phases, expected.map(|(id, phase)| (id.to_owned(), phase)));
}

#[test]
fn argo_cd_applications_of_a_real_api_server() {
    let phase = |format, name: &str| {
        let Content::Deployments(deployments) = content(format, name)? else { panic!("{name}") };
        Some((deployments.len(), deployments[0].phase))
    };
    let Some(operating) = phase(Format::ArgoCd, "k8s-1.36/app-op.json") else { return };
    assert_eq!(operating, (1, UnderWay));
    assert_eq!(phase(Format::ArgoCd, "k8s-1.36/app-status.json"), Some((1, UnderWay)));
}

#[test]
fn prometheus_answer_of_a_real_server() {
    let Some(content) = content(Format::PrometheusQuery, "alertmanager/prom-query.json") else { return };
    let Content::Metrics(metrics) = content else { panic!() };
    assert_eq!((metrics.series.len(), metrics.series[0].samples[0].value), (1, Some(0.0)));
    assert_eq!(metrics.series[0].labels["service"], "checkout");
}

#[test]
fn resources_in_yaml() {
    let Some(content) = content(Format::Kustomize, "k8s-1.36/app.yaml") else { return };
    let Content::Resources(found) = content else { panic!() };
    assert_eq!((found.resources.len(), found.resources[0].kind.as_str()), (1, "Application"));
}

/// The state of each webhook of these kinds, in the order of their names.
fn states(kind: &str) -> Option<Vec<ExternalState>> {
    let folder = folder()?.join("github/webhooks");
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.starts_with(&format!("{kind}.")));
    names.sort();
    Some(
        names
            .iter()
            .map(|name| {
                let Some(Content::ExternalChecks(checks)) = content(Format::GithubChecks, &format!("github/webhooks/{name}"))
                else {
                    panic!("{name}")
                };
                let [check] = checks.as_slice() else { panic!("{name}: {checks:?}") };
                assert_eq!(check.commit.as_deref().map(str::len), Some(40), "{name}");
                check.state
            })
            .collect(),
    )
}

#[test]
fn github_webhooks() {
    let failed = ExternalState::Failed;
    let Some(runs) = states("check_run") else { return };
    // The last two of both were asked to run again, and tell how they ended before.
    assert_eq!(runs, [failed, Passed, Passed, Pending, Pending, Pending, Pending, Pending, Pending]);
    assert_eq!(states("check_suite").unwrap(), [Passed, Passed, Passed, Passed, Pending, Pending, Pending, Pending, Pending]);
    assert_eq!(states("workflow_run").unwrap(), [Pending, Passed, Passed, Pending, failed]);
    let expected = [("0", Settled), ("1", UnderWay), ("2", Settled), ("3", Settled)];
    for (number, phase) in expected {
        let Some(Content::Deployments(found)) =
            content(Format::GithubDeployment, &format!("github/webhooks/deployment_status.created.{number}.json"))
        else {
            panic!()
        };
        assert_eq!((found[0].phase, found[0].revisions.len()), (phase, 1), "{number}");
    }
}

#[test]
fn gitlab_webhooks_and_answers() {
    let Some(content_of_pipeline) = content(Format::GitlabPipeline, "gitlab/webhooks/pipeline.json") else { return };
    let Content::ExternalChecks(checks) = content_of_pipeline else { panic!() };
    let shown: Vec<_> = checks.iter().map(|check| check.state).collect();
    assert_eq!(shown, [Passed, Neutral, Passed, Passed, Passed, Pending]);
    for (name, state) in [("job", Passed), ("build", Pending)] {
        let Some(Content::ExternalChecks(checks)) = content(Format::GitlabPipeline, &format!("gitlab/webhooks/{name}.json"))
        else {
            panic!()
        };
        assert_eq!((checks.len(), checks[0].state), (1, state), "{name}");
    }
    let merge_request: Value = serde_json::from_slice(&bytes("gitlab/api/get_merge_request.json").unwrap()).unwrap();
    for key in ["pipeline", "head_pipeline"] {
        let report = parse(&serde_json::to_vec(&merge_request[key]).unwrap()).unwrap();
        assert_eq!(report.format, Format::GitlabPipeline);
        assert!(matches!(report.content, Content::ExternalChecks(checks) if checks[0].state == Passed));
    }
    let Some(Content::Tests(tests)) = content(Format::GitlabTests, "gitlab/api/get_pipeline_testreport.json") else { panic!() };
    assert_eq!((tests.passed.len(), tests.failed.len()), (2, 3));
}
