use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{EnvironmentId, RepoId};

use super::*;
use crate::local_gitops::Program;

fn watched() -> Watched {
    let environment = EnvironmentId::parse("preflight").unwrap();
    Watched {
        unit: UnitId::parse("orders").unwrap(),
        repo: RepoId::parse("shop/orders-gitops").unwrap(),
        target: EnvironmentTarget::local(environment, EnvironmentKind::Preflight),
    }
}

fn config() -> ReconcilerConfig {
    let program = Program { executable: PathBuf::from("/opt/store"), args: vec!["--first".to_owned()] };
    ReconcilerConfig {
        repositories: PathBuf::from("/repositories"),
        work: PathBuf::from("/srv"),
        watched: vec![watched()],
        programs: BTreeMap::from([("store".to_owned(), program)]),
        path: "/bin".into(),
        poll: Duration::ZERO,
        start_limit: Duration::ZERO,
        job_limit: Duration::ZERO,
    }
}

fn snapshot(files: &[(&str, &str)]) -> Snapshot {
    let document =
        |kind: &str, spec: &str| format!("apiVersion: pathops.dev/v1alpha1\nkind: {kind}\nspec: {spec}\n").into_bytes();
    let kind = |name: &str| match name {
        "deployment.yaml" => "Deployment",
        "settings.yaml" => "Settings",
        _ => "ArtifactReference",
    };
    let files = files.iter().map(|(name, spec)| ((*name).to_owned(), document(kind(name), spec))).collect();
    let id = "0".repeat(40);
    Snapshot { commit: CommitId::parse(id.clone()).unwrap(), tree: Some(TreeId::parse(id).unwrap()), files: Ok(files) }
}

fn planned(files: &[(&str, &str)]) -> Result<Option<Plan>, String> {
    let (config, watched, artifacts) = (config(), watched(), Artifacts::new(PathBuf::from("/artifacts")));
    let place = |unit: &str, environment: &str| (EnvironmentId::parse(environment).unwrap(), UnitId::parse(unit).unwrap());
    let addresses = Addresses::from([
        (place("orders", "preflight"), 1001),
        (place("store", "preflight"), 1002),
        (place("store", "production"), 1003),
    ]);
    plan(&snapshot(files), Surroundings { config: &config, artifacts: &artifacts, watched: &watched, addresses: &addresses })
}

fn refusal(files: &[(&str, &str)]) -> String {
    planned(files).map(|plan| plan.is_some()).unwrap_err()
}

const ARTIFACT_SPEC: &str = "{digest: \"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\", repository: shop/orders-src, commit: 0000000000000000000000000000000000000000}";

#[test]
fn nothing_is_declared_without_a_deployment_or_an_artifact() {
    assert!(planned(&[]).unwrap().is_none());
    assert!(planned(&[("settings.yaml", "{port: 5}"), ("artifact.yaml", ARTIFACT_SPEC)]).unwrap().is_none());
    let deployment = ("deployment.yaml", "{run: {artifact: bin/app}, health: {path: /}}");
    assert!(planned(&[deployment]).unwrap().is_none());
    let plan = planned(&[deployment, ("artifact.yaml", ARTIFACT_SPEC)]).unwrap().unwrap();
    assert!(plan.start.executable.ends_with("bin/app") && plan.start.executable.starts_with(&plan.start.folder));
}

#[test]
fn settings_go_before_the_deployment_and_urls_are_of_this_environment() {
    let deployment = "{run: {program: store, args: [--second]}, health: {path: /}, environment: {A: one, URL: \"${url.store}/x?${url.orders}\"}}";
    let plan = planned(&[("deployment.yaml", deployment), ("settings.yaml", "{environment: {A: two}}")]).unwrap().unwrap();
    let environment: BTreeMap<_, _> =
        plan.start.environment.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let wanted = [
        ("A", "two"),
        ("DATA_DIR", "/srv/data/preflight/orders"),
        ("PATH", "/bin"),
        ("PORT", "1001"),
        ("URL", "http://127.0.0.1:1002/x?http://127.0.0.1:1001"),
    ];
    assert_eq!(environment, BTreeMap::from(wanted));
    assert_eq!(plan.start.args, ["--first", "--second"]);
}

#[test]
fn what_cannot_work_is_refused_by_name() {
    for (environment, reason) in [
        ("{PORT: \"1\"}", "variable `PORT` is given"),
        ("{a-b: x}", "`a-b` is no name"),
        ("{A: \"${url.mail}\"}", "no unit `mail` is deployed to `preflight`; there are `orders`, `store`"),
        ("{A: \"${port}\"}", "`${port}` is unknown"),
        ("{A: \"${url.store\"}", "`${` is not closed"),
    ] {
        let deployment = format!("{{run: {{program: store}}, health: {{path: /}}, environment: {environment}}}");
        let refused = refusal(&[("deployment.yaml", &deployment)]);
        assert!(refused.contains(reason), "{environment}: {refused}");
    }
    let jobless = "{run: {program: store}, health: {path: /}, jobs: [{name: smoke, kind: smoke}]}";
    assert!(refusal(&[("deployment.yaml", jobless)]).contains("`smoke` declares no requests"));
    let twice = "{run: {program: store}, health: {path: /}, jobs: [{name: up, kind: health}, {name: up, kind: health}]}";
    assert!(refusal(&[("deployment.yaml", twice)]).contains("two jobs are called `up`"));
}

#[test]
fn plain_numbers_are_fine_as_values() {
    let deployment = "{run: {program: store}, health: {path: /}, environment: {N: 3, B: true}}";
    let plan = planned(&[("deployment.yaml", deployment)]).unwrap().unwrap();
    assert!(plan.start.environment.contains(&("N".to_owned(), "3".into())));
}
