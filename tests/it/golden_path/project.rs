//! A project of one small app, in a folder, to make go wrong.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

const PROJECT: &str = "\
apiVersion: pathops.dev/v1alpha1
kind: Project
metadata: {name: small}
spec:
  environments:
    - {name: preflight, kind: preflight}
    - {name: production, kind: production}
    - {name: agents, kind: agents}
";

const PEOPLE: &str = "\
apiVersion: pathops.dev/v1alpha1
kind: People
metadata: {name: small}
spec: {people: [{name: alice, roles: [owner]}, {name: bob, roles: [reviewer]}]}
";

const POLICY: &str = "\
apiVersion: pathops.dev/v1alpha1
kind: Policy
metadata: {name: small}
spec:
  preflightMerge: pathops
  requirements:
    - {id: unit-tests, reason: tested, asks: {tests: {run: build, suite: unit, minPassed: 1, accept: {maxAgeSeconds: 3600}}}}
    - {id: preflight-smoke, reason: it works, asks: {tests: {run: preflight, suite: smoke, minPassed: 1, accept: {maxAgeSeconds: 3600}}}}
";

const DEPLOYMENT: &str = "\
apiVersion: pathops.dev/v1alpha1
kind: Deployment
spec:
  run: {artifact: bin/app}
  environment: {ENVIRONMENT}
  health: {path: /health}
  jobs:
    - name: smoke
      kind: smoke
      requests: [{name: the feature is there, get: /, status: 200, contains: [feature]}]
";

const MAIN: &str = r#"
use std::io::{Read as _, Write as _};

fn wait(variable: &str) {
    let millis = std::env::var(variable).map_or(0, |millis| millis.parse().unwrap());
    std::thread::sleep(std::time::Duration::from_millis(millis));
}

fn main() {
    let feature = include_str!("../feature").trim().replace('|', "");
    if let Some(reason) = feature.strip_prefix("dies ") {
        eprintln!("the app cannot go on: {reason}");
        std::process::exit(3);
    }
    wait("START_MILLIS");
    let port = std::env::var("PORT").unwrap().parse().unwrap();
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut request = [0; 4096];
        let read = stream.read(&mut request).unwrap_or(0);
        let works = || {
            wait("ANSWER_MILLIS");
            let needed = std::env::var("NEEDS").ok();
            let broken = std::env::var("BREAKS").is_ok_and(|word| feature.contains(&word));
            let there = needed.map_or(true, |url| std::net::TcpStream::connect(&url["http://".len()..]).is_ok());
            there && !broken && feature.starts_with("feature")
        };
        let healthy = request[..read].starts_with(b"GET /health ");
        let status = if healthy || works() { 200 } else { 500 };
        let length = feature.len();
        let _ = write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{feature}");
    }
}
"#;

const CI: &str = r#"#!/bin/sh
set -eu
mkdir -p "$PATHOPS_OUT/artifact/bin"
rustc --edition 2021 -C debuginfo=0 -C strip=symbols -o "$PATHOPS_OUT/artifact/bin/app" src/main.rs
printf '<testsuites><testsuite name="unit" tests="1"><testcase classname="app" name="compiles"/></testsuite></testsuites>' >"$PATHOPS_OUT/junit.xml"
"#;

/// The folder of a project.
#[derive(Debug)]
pub(super) struct SmallProject {
    folder: TempDir,
}

impl SmallProject {
    /// One whose only feature request, `change`, replaces the line `nothing` of the app's file `feature` by `feature`.
    pub(super) fn new(feature: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        project.write("meta/project.yaml", PROJECT).write("meta/people.yaml", PEOPLE).write("meta/policy.yaml", POLICY);
        project.app("app", "", "").request("change", &["app"], "feature", "nothing", feature);
        project
    }

    /// One more app, `base`, which needs `start_millis` to come up. The other one does not work without it, and needs
    /// `answer_millis` for an answer.
    pub(super) fn with_base(self, start_millis: u64, answer_millis: u64) -> Self {
        self.app("base", "", &format!("START_MILLIS: \"{start_millis}\""));
        self.app("app", "dependsOn: [base]", &format!("NEEDS: \"${{url.base}}\", ANSWER_MILLIS: \"{answer_millis}\""));
        self.request("change", &["base", "app"], "feature", "nothing", "feature");
        self
    }

    /// The app needs so long to come up.
    pub(super) fn starting_after(self, millis: u64) -> Self {
        self.app("app", "", &format!("START_MILLIS: \"{millis}\""));
        self
    }

    fn app(&self, name: &str, declaration: &str, environment: &str) -> &Self {
        let spec = format!(
            "owner: alice, intent: wanted, boundaries: its own, lifecycle: path-ready, rollback: revert, checks: [smoke], {declaration}"
        );
        self.write(&format!("meta/apps/{name}.yaml"), &document("App", name, &spec));
        self.write(&format!("{name}-src/src/main.rs"), MAIN).write(&format!("{name}-src/feature"), "nothing\n");
        self.ci_of(name, "");
        let gitops = |branch: &str, file: &str| format!("{name}-gitops/{branch}/environments/{branch}/{file}");
        self.write(&gitops("preflight", "deployment.yaml"), &DEPLOYMENT.replace("ENVIRONMENT", environment));
        self.write(&gitops("production", "settings.yaml"), &settings(""))
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(super) fn write(&self, file: &str, text: &str) -> &Self {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        self
    }

    /// Has the app's CI end with these commands.
    pub(super) fn ci(&self, commands: &str) -> &Self {
        self.ci_of("app", commands)
    }

    fn ci_of(&self, app: &str, commands: &str) -> &Self {
        let file = format!("{app}-src/ci/run");
        self.write(&file, &format!("{CI}{commands}"));
        fs::set_permissions(self.join(&file), fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// Settings of preflight.
    pub(super) fn preflight(&self, spec: &str) -> &Self {
        self.write("app-gitops/preflight/environments/preflight/settings.yaml", &settings(spec))
    }

    /// In production the app does not work once its feature holds this word.
    pub(super) fn breaking_in_production(&self, word: &str) -> &Self {
        let spec = format!("environment: {{BREAKS: \"{word}\"}}");
        self.write("app-gitops/production/environments/production/settings.yaml", &settings(&spec))
    }

    /// The feature request `name`: a patch that replaces the first line of a file in the source repository of each unit.
    pub(super) fn request(&self, name: &str, units: &[&str], file: &str, from: &str, to: &str) -> &Self {
        let changes: Vec<String> =
            units.iter().map(|unit| format!("{{unit: {unit}, reason: it has it, patch: patches/{name}.patch}}")).collect();
        let spec = format!("title: Make it {name}, text: It is wanted., requestedBy: alice, changes: [{}]", changes.join(", "));
        let patch = format!("--- a/{file}\n+++ b/{file}\n@@ -1 +1 @@\n-{from}\n+{to}\n");
        self.write(&format!("meta/requests/{name}.yaml"), &document("FeatureRequest", name, &spec));
        self.write(&format!("meta/patches/{name}.patch"), &patch)
    }

    pub(super) fn join(&self, file: &str) -> PathBuf {
        self.path().join(file)
    }
}

fn settings(spec: &str) -> String {
    format!("apiVersion: pathops.dev/v1alpha1\nkind: Settings\nspec: {{{spec}}}\n")
}

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!("apiVersion: pathops.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
}
