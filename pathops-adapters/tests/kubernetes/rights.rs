//! What the credential may do, and what the crate ships for that. On the fake.

use libtest_mimic::Trial;
use pathops_adapters::kubernetes::{ROLE, RightsFinding};
use serde_json::{Value, json};

use crate::trial;
use crate::world::{Scene, cx};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("what_the_shipped_role_grants_is_enough_and_no_more", what_the_shipped_role_grants_is_enough_and_no_more),
        trial("what_is_missing_and_what_is_too_much_is_found", what_is_missing_and_what_is_too_much_is_found),
    ]
}

async fn findings(scene: &Scene) -> Vec<String> {
    let findings = scene.kubernetes.check_rights(&cx()).await.unwrap();
    findings.into_iter().map(|(place, finding)| format!("{place}: {finding}")).collect()
}

async fn what_the_shipped_role_grants_is_enough_and_no_more() {
    let documents: Vec<Value> = serde_saphyr::from_multiple(ROLE).unwrap();
    let role = documents.into_iter().find(|document| document["kind"] == "Role").unwrap();
    let mut rules = role["rules"].as_array().unwrap().clone();
    let verbs = rules.iter().flat_map(|rule| rule["verbs"].as_array().unwrap());
    assert!(verbs.clone().all(|verb| verb == "get" || verb == "list"), "it only reads");
    // What everybody may.
    rules.push(json!({"verbs": ["create"], "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]}));
    let scene = Scene::new().await;
    scene.servers.cluster.allow(json!(rules));
    assert_eq!(findings(&scene).await, [""; 0]);
}

async fn what_is_missing_and_what_is_too_much_is_found() {
    let scene = Scene::new().await;
    let told = |finding: RightsFinding| format!("main/shop: {finding}");
    let missing = |right: &str| told(RightsFinding::Missing { right: right.to_owned() });
    let excess = |right: &str| told(RightsFinding::Excess { right: right.to_owned() });
    let workloads = ["get daemonsets.apps", "get deployments.apps", "get statefulsets.apps"];
    let all = [
        "get daemonsets.apps",
        "get deployments.apps",
        "get pods/log",
        "get statefulsets.apps",
        "list events",
        "list pods",
        "list pods.metrics.k8s.io",
    ];
    assert_eq!(findings(&scene).await, all.map(missing));
    scene.servers.cluster.allow(json!([
        {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "pods/log", "events"]},
        {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]},
        {"verbs": ["get"], "apiGroups": ["apps"], "resources": ["deployments", "replicasets"]},
    ]));
    assert_eq!(
        findings(&scene).await,
        [
            missing(workloads[0]),
            missing(workloads[2]),
            missing("list pods.metrics.k8s.io"),
            excess("get events"),
            excess("get pods"),
            excess("get replicasets.apps"),
            excess("get secrets"),
            excess("list pods/log"),
        ]
    );
}
