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
  production:
    - covers: {kind: app}
      evidence:
        - {id: unit-tests, reason: tested, kind: {build-test: {suite: unit, minPassed: 1}}, maxAgeSeconds: 3600}
        - {id: preflight-deployment, reason: tried, kind: preflight-deployment, maxAgeSeconds: 3600}
        - {id: preflight-smoke, reason: it works, kind: {preflight-test: {suite: smoke, minPassed: 1}}, maxAgeSeconds: 3600}
      approvals: {id: approval, reason: somebody answers for it, count: 1, roles: [owner, reviewer]}
      lifecycle: {id: lifecycle, reason: a prototype promises nothing, allowed: [path-ready, production]}
      incidents: {id: no-open-incident, reason: the ground stands still}
";

const APP: &str = "\
apiVersion: pathops.dev/v1alpha1
kind: App
metadata: {name: app}
spec: {owner: alice, lifecycle: path-ready, rollback: revert, checks: [smoke]}
";

const DEPLOYMENT: &str = "\
apiVersion: pathops.dev/v1alpha1
kind: Deployment
spec:
  run: {artifact: bin/app}
  health: {path: /health}
  jobs:
    - name: smoke
      kind: smoke
      requests: [{name: the feature is there, get: /, status: 200, contains: [feature]}]
";

const MAIN: &str = r#"
use std::io::{Read as _, Write as _};

fn main() {
    let feature = include_str!("../feature").trim().replace('|', "");
    if let Some(reason) = feature.strip_prefix("dies ") {
        eprintln!("the app cannot go on: {reason}");
        std::process::exit(3);
    }
    let port = std::env::var("PORT").unwrap().parse().unwrap();
    let listener = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    println!("the app says: {feature}");
    for stream in listener.incoming() {
        let mut stream = stream.unwrap();
        let mut request = [0; 4096];
        let read = stream.read(&mut request).unwrap_or(0);
        let healthy = request[..read].starts_with(b"GET /health ");
        let status = if healthy || feature.starts_with("feature") { 200 } else { 500 };
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
    /// One whose only feature request replaces the line `nothing` of the file `feature` by `feature`.
    pub(super) fn new(feature: &str) -> Self {
        let project = Self { folder: tempfile::tempdir().unwrap() };
        project.write("meta/project.yaml", PROJECT).write("meta/people.yaml", PEOPLE).write("meta/policy.yaml", POLICY);
        project.write("meta/apps/app.yaml", APP).request("change", "feature", "nothing", feature);
        project.write("app-src/src/main.rs", MAIN).write("app-src/feature", "nothing\n").ci("");
        project.write("app-gitops/preflight/environments/preflight/deployment.yaml", DEPLOYMENT);
        project.write("app-gitops/production/environments/production/settings.yaml", &settings(""));
        project
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

    /// Has CI end with these commands.
    pub(super) fn ci(&self, commands: &str) -> &Self {
        self.write("app-src/ci/run", &format!("{CI}{commands}"));
        fs::set_permissions(self.path().join("app-src/ci/run"), fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    /// Settings of preflight.
    pub(super) fn preflight(&self, spec: &str) -> &Self {
        self.write("app-gitops/preflight/environments/preflight/settings.yaml", &settings(spec))
    }

    /// The feature request `name`: a patch that replaces the first line of a file of the source repository.
    pub(super) fn request(&self, name: &str, file: &str, from: &str, to: &str) -> &Self {
        let request = format!(
            "apiVersion: pathops.dev/v1alpha1\nkind: FeatureRequest\nmetadata: {{name: {name}}}\nspec:\n  title: Make it {name}\n  \
             text: It is wanted.\n  requestedBy: alice\n  changes: [{{unit: app, reason: it has it, patch: patches/{name}.patch}}]\n"
        );
        let patch = format!("--- a/{file}\n+++ b/{file}\n@@ -1 +1 @@\n-{from}\n+{to}\n");
        self.write(&format!("meta/requests/{name}.yaml"), &request).write(&format!("meta/patches/{name}.patch"), &patch)
    }

    pub(super) fn join(&self, file: &str) -> PathBuf {
        self.path().join(file)
    }
}

fn settings(spec: &str) -> String {
    format!("apiVersion: pathops.dev/v1alpha1\nkind: Settings\nspec: {{{spec}}}\n")
}
