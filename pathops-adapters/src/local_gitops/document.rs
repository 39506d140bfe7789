//! What people and PathOps write into an environment's folder, as types. A field that is not known is an error, and
//! every error names file and line.

use std::collections::BTreeMap;

use pathops_core::adapter::JobKind;
use pathops_core::{CommitId, Digest, JobName, RepoId, RepoPath};
use serde::Deserialize;
use serde::de::DeserializeOwned;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Document<Kind, Spec> {
    #[serde(rename = "apiVersion")]
    _api_version: ApiVersion,
    #[serde(rename = "kind")]
    _kind: Kind,
    spec: Spec,
}

#[derive(Debug, Deserialize)]
enum ApiVersion {
    #[serde(rename = "pathops.dev/v1alpha1")]
    V1Alpha1,
}

#[derive(Debug, Deserialize)]
enum DeploymentKind {
    Deployment,
}

#[derive(Debug, Deserialize)]
enum SettingsKind {
    Settings,
}

#[derive(Debug, Deserialize)]
enum ArtifactKind {
    ArtifactReference,
}

/// `deployment.yaml`: what runs, and how it is checked.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Deployment {
    pub(super) run: Run,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    pub(super) health: Health,
    #[serde(default)]
    pub(super) jobs: Vec<JobSpec>,
}

/// What is started.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "RunFields")]
pub(super) struct Run {
    pub(super) what: Executable,
    pub(super) args: Vec<String>,
}

/// Where the executable comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Executable {
    /// A file of the unpacked artifact.
    Artifact(RepoPath),
    /// A program that the machine provides, by name.
    Program(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RunFields {
    artifact: Option<RepoPath>,
    program: Option<String>,
    #[serde(default)]
    args: Vec<String>,
}

impl TryFrom<RunFields> for Run {
    type Error = &'static str;

    fn try_from(RunFields { artifact, program, args }: RunFields) -> Result<Self, Self::Error> {
        match (artifact, program) {
            (Some(path), None) => Ok(Run { what: Executable::Artifact(path), args }),
            (None, Some(name)) => Ok(Run { what: Executable::Program(name), args }),
            _ => Err("`run` needs either `artifact` or `program`"),
        }
    }
}

/// How it is asked whether it is well.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Health {
    pub(super) path: HttpPath,
}

/// A post-deploy job.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JobSpec {
    pub(super) name: JobName,
    pub(super) kind: JobKind,
    /// What it asks for. A health job without any asks for the health path.
    #[serde(default)]
    pub(super) requests: Vec<RequestSpec>,
}

/// One request of a job, and what must hold for its answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestSpec {
    pub(super) name: String,
    pub(super) get: HttpPath,
    #[serde(default = "ok")]
    pub(super) status: u16,
    #[serde(default)]
    pub(super) contains: Vec<String>,
    pub(super) schema: Option<String>,
}

fn ok() -> u16 {
    200
}

/// The path and query of a URL on the unit itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct HttpPath(String);

impl HttpPath {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HttpPath {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let absolute = text.starts_with('/') && !text.starts_with("//");
        if absolute && text.bytes().all(|b| b.is_ascii_graphic()) {
            return Ok(HttpPath(text));
        }
        Err(format!("`{text}` is not the path of a URL: start it with one `/` and percent-encode what is not printable ASCII"))
    }
}

/// `settings.yaml`: what belongs to the environment and never moves.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    pub(super) port: Option<std::num::NonZeroU16>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
}

/// `artifact.yaml`: which artifact runs.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ArtifactReference {
    pub(super) digest: Digest,
    #[serde(rename = "repository")]
    _repository: RepoId,
    #[serde(rename = "commit")]
    _commit: CommitId,
}

pub(super) fn deployment(file: &str, bytes: &[u8]) -> Result<Deployment, String> {
    parse::<DeploymentKind, _>(file, bytes)
}

pub(super) fn settings(file: &str, bytes: &[u8]) -> Result<Settings, String> {
    parse::<SettingsKind, _>(file, bytes)
}

pub(super) fn artifact(file: &str, bytes: &[u8]) -> Result<ArtifactReference, String> {
    parse::<ArtifactKind, _>(file, bytes)
}

fn parse<Kind: DeserializeOwned, Spec: DeserializeOwned>(file: &str, bytes: &[u8]) -> Result<Spec, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| format!("{file}: is not UTF-8 text"))?;
    serde_saphyr::from_str::<Document<Kind, Spec>>(text).map(|document| document.spec).map_err(|error| {
        let line = error.location().map(|at| format!(":{}", at.line())).unwrap_or_default();
        format!("{file}{line}: {}", error.without_snippet())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment_with(spec: &str) -> Result<Deployment, String> {
        let text = format!("apiVersion: pathops.dev/v1alpha1\nkind: Deployment\nspec:\n{spec}");
        deployment("deployment.yaml", text.as_bytes())
    }

    #[test]
    fn reads_what_the_format_says() {
        let spec = "  run: {artifact: bin/app, args: [-v]}\n  environment: {URL: \"${url.store}\", N: \"1\"}\n  health: {path: /health}\n  jobs:\n    - name: smoke\n      kind: smoke\n      requests: [{name: home, get: /, status: 200, contains: [\"Hi\"], schema: home.json}]\n";
        let deployment = deployment_with(spec).unwrap();
        assert_eq!(deployment.run.what, Executable::Artifact(RepoPath::parse("bin/app").unwrap()));
        assert_eq!(deployment.jobs[0].requests[0].schema.as_deref(), Some("home.json"));
    }

    #[test]
    fn an_unknown_field_is_named_with_its_line() {
        let error = deployment_with("  run: {program: a}\n  health: {path: /}\n  helth: {}\n").unwrap_err();
        assert!(error.starts_with("deployment.yaml:6:") && error.contains("helth"), "{error}");
    }

    #[test]
    fn what_is_run_is_one_thing_inside_the_artifact() {
        for run in ["{}", "{artifact: a, program: b}", "{artifact: ../../bin/sh}", "{artifact: /bin/sh}"] {
            let error = deployment_with(&format!("  run: {run}\n  health: {{path: /}}\n")).unwrap_err();
            assert!(error.starts_with("deployment.yaml:4:"), "{run}: {error}");
        }
    }

    #[test]
    fn a_request_stays_on_the_unit() {
        for path in ["health", "//elsewhere/", "http://elsewhere/", "/a b"] {
            let error = deployment_with(&format!("  run: {{program: a}}\n  health: {{path: \"{path}\"}}\n"));
            assert!(error.is_err(), "{path}");
        }
    }

    #[test]
    fn another_kind_or_version_is_refused() {
        let other = b"apiVersion: pathops.dev/v2\nkind: Settings\nspec: {}\n";
        assert!(settings("settings.yaml", other).unwrap_err().starts_with("settings.yaml:1:"));
        let other = b"apiVersion: pathops.dev/v1alpha1\nkind: Deployment\nspec: {}\n";
        assert!(settings("settings.yaml", other).unwrap_err().starts_with("settings.yaml:2:"));
    }
}
