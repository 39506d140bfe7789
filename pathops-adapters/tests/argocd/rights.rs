//! What the credentials may do, and what the crate ships for that: roles, and manifests of jobs.

use libtest_mimic::Trial;
use pathops_adapters::argocd::{ACCOUNT, ROLE, RightsFinding, hooks};
use pathops_fakes::argocd::Servers;
use serde_json::{Value, json};

use crate::trial;
use crate::world::{Git, Way, argo_cd, cluster, cx};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("what_the_shipped_role_grants_is_enough_and_no_more", what_the_shipped_role_grants_is_enough_and_no_more),
        trial("what_is_missing_and_what_is_too_much_is_found", what_is_missing_and_what_is_too_much_is_found),
        trial("whatever_changes_something_in_argo_cd_is_too_much", whatever_changes_something_in_argo_cd_is_too_much),
        trial("the_shipped_jobs_are_hooks_after_the_sync", the_shipped_jobs_are_hooks_after_the_sync),
    ]
}

fn documents(yaml: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(yaml).unwrap()
}

/// The rules of the shipped role, and those that everybody has.
fn shipped() -> Value {
    let role = documents(ROLE).into_iter().find(|document| document["kind"] == "Role").unwrap();
    let mut rules = role["rules"].as_array().unwrap().clone();
    rules.push(json!({"verbs": ["create"], "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]}));
    json!(rules)
}

/// A policy with these rights, `applications/get`, as those that Argo CD has built in are written.
fn policy(rights: &[&str]) -> String {
    let lines = rights.iter().map(|right| {
        let (resource, action) = right.split_once('/').unwrap();
        let object = if ["applications", "applicationsets", "exec"].contains(&resource) { "*/*" } else { "*" };
        format!("p, role:it, {resource}, {action}, {object}, allow\n")
    });
    lines.collect()
}

async fn findings(servers: &Servers, way: Way) -> Vec<String> {
    let argo = argo_cd(&Git::new(), way.instance(servers));
    let findings = argo.check_rights(&cx()).await.unwrap();
    findings.into_iter().map(|(instance, finding)| format!("{instance}: {finding}")).collect()
}

async fn what_the_shipped_role_grants_is_enough_and_no_more() {
    let servers = Servers::start(cluster()).await;
    servers.cluster.allow(shipped());
    let policy = documents(ACCOUNT).into_iter().find_map(|document| document["data"]["policy.csv"].as_str().map(str::to_owned));
    servers.cluster.allow_account(policy.as_deref().unwrap());
    for way in [Way::Kubernetes, Way::Server] {
        assert_eq!(findings(&servers, way).await, [""; 0]);
    }
    let granted: Vec<String> = policy.unwrap().lines().filter(|line| line.starts_with("p,")).map(str::to_owned).collect();
    assert_eq!(granted, ["p, role:pathops, applications, get, */*, allow"]);
}

async fn what_is_missing_and_what_is_too_much_is_found() {
    let servers = Servers::start(cluster()).await;
    let missing = |right: &str| format!("main: {}", RightsFinding::Missing { right: right.to_owned() });
    let excess = |right: &str| format!("main: {}", RightsFinding::Excess { right: right.to_owned() });
    assert_eq!(
        findings(&servers, Way::Kubernetes).await,
        [
            missing("get applications in Argo CD"),
            missing("get applications.argoproj.io"),
            missing("list applications.argoproj.io"),
            missing("watch applications.argoproj.io"),
        ]
    );
    servers.cluster.allow(json!([
        {"verbs": ["get", "list", "watch", "patch"], "apiGroups": ["argoproj.io"], "resources": ["applications"]},
        {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]},
    ]));
    servers.cluster.allow_account(&policy(&["applications/get", "applications/sync", "exec/create"]));
    assert_eq!(
        findings(&servers, Way::Kubernetes).await,
        [
            excess("create exec in Argo CD"),
            excess("get secrets"),
            excess("patch applications.argoproj.io"),
            excess("sync applications in Argo CD"),
        ]
    );
    // Whoever refreshes by annotation has to patch.
    assert_eq!(findings(&servers, Way::Annotation).await, [excess("get secrets")]);
    servers.cluster.allow(json!([{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}]));
    assert_eq!(findings(&servers, Way::Annotation).await, [excess("* *.*")]);
}

async fn whatever_changes_something_in_argo_cd_is_too_much() {
    const TOO_MUCH: [&str; 20] = [
        "accounts/update",
        "applications/action",
        "applications/create",
        "applications/delete",
        "applications/override",
        "applications/sync",
        "applications/update",
        "applicationsets/create",
        "applicationsets/delete",
        "applicationsets/update",
        "clusters/create",
        "clusters/delete",
        "clusters/update",
        "exec/create",
        "projects/create",
        "projects/delete",
        "projects/update",
        "repositories/create",
        "repositories/delete",
        "repositories/update",
    ];
    let servers = Servers::start(cluster()).await;
    for right in TOO_MUCH {
        servers.cluster.allow_account(&policy(&["applications/get", right]));
        let (resource, action) = right.split_once('/').unwrap();
        let excess = RightsFinding::Excess { right: format!("{action} {resource} in Argo CD") };
        assert_eq!(findings(&servers, Way::Server).await, [format!("main: {excess}")]);
    }
    // Whatever is allowed, of whatever resource.
    servers.cluster.allow_account("p, role:root, *, *, *, allow");
    assert_eq!(findings(&servers, Way::Server).await.len(), TOO_MUCH.len());
}

async fn the_shipped_jobs_are_hooks_after_the_sync() {
    for (kind, yaml) in [("health", hooks::HEALTH), ("smoke", hooks::SMOKE), ("contract", hooks::CONTRACT)] {
        let [job] = <[Value; 1]>::try_from(documents(yaml)).unwrap();
        assert_eq!((&job["apiVersion"], &job["kind"]), (&json!("batch/v1"), &json!("Job")));
        assert_eq!(job["metadata"]["name"], format!("APP-{kind}"), "its name stays the same, since PathOps finds it by that");
        let annotations = &job["metadata"]["annotations"];
        assert_eq!(annotations["argocd.argoproj.io/hook"], "PostSync");
        assert_eq!(annotations["argocd.argoproj.io/hook-delete-policy"], "BeforeHookCreation", "or its logs are gone at once");
        let pod = &job["spec"]["template"]["spec"];
        assert_eq!((&pod["restartPolicy"], &pod["automountServiceAccountToken"]), (&json!("Never"), &json!(false)));
        assert!(job["spec"]["activeDeadlineSeconds"].is_u64() && job["spec"]["backoffLimit"].is_u64(), "it ends");
        let [container] = pod["containers"].as_array().unwrap().as_slice() else { panic!("one container") };
        assert_eq!(container["name"], kind);
        assert_eq!(container["securityContext"]["allowPrivilegeEscalation"], false);
    }
}
