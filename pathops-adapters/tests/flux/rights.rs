//! What the credentials may do, and the roles that the crate ships for that.

use libtest_mimic::Trial;
use pathops_adapters::flux::{ManagedKustomization, REFRESH_ROLE, ROLE, RightsFinding};
use pathops_fakes::flux::Servers;
use serde_json::{Value, json};

use crate::desired_state::{Git, cx};
use crate::trial;
use crate::world::{REPO_URL, Way, cluster, flux, orders};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("what_the_shipped_roles_grant_is_enough_and_no_more", what_the_shipped_roles_grant_is_enough_and_no_more),
        trial("what_is_missing_and_what_is_too_much_is_found", what_is_missing_and_what_is_too_much_is_found),
    ]
}

/// The rules of these roles, and those that everybody has.
fn rules(roles: &[&str]) -> Value {
    let documents = roles.iter().flat_map(|yaml| serde_saphyr::from_multiple::<Value>(yaml).unwrap());
    let roles = documents.filter(|document| document["kind"] == "Role" || document["kind"] == "ClusterRole");
    let mut rules: Vec<Value> = roles.flat_map(|role| role["rules"].as_array().unwrap().clone()).collect();
    rules.push(json!({"verbs": ["create"], "apiGroups": ["authorization.k8s.io"],
        "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"]}));
    json!(rules)
}

async fn findings(servers: &Servers, way: Way, orders: ManagedKustomization) -> Vec<String> {
    let flux = flux(&Git::new(), cluster(servers, way), orders);
    let findings = flux.check_rights(&cx()).await.unwrap();
    findings.into_iter().map(|(cluster, finding)| format!("{cluster}: {finding}")).collect()
}

async fn what_the_shipped_roles_grant_is_enough_and_no_more() {
    let servers = Servers::start().await;
    servers.objects.kustomizations.allow(rules(&[ROLE]));
    assert_eq!(findings(&servers, Way::Interval, orders()).await, [""; 0]);
    servers.objects.kustomizations.allow(rules(&[ROLE, REFRESH_ROLE]));
    assert_eq!(findings(&servers, Way::Annotation, orders()).await, [""; 0]);
}

async fn what_is_missing_and_what_is_too_much_is_found() {
    let servers = Servers::start().await;
    let missing = |right: &str| format!("main: {}", RightsFinding::Missing { right: right.to_owned() });
    let excess = |right: &str| format!("main: {}", RightsFinding::Excess { right: right.to_owned() });
    let without_images = || ManagedKustomization::new("main", "flux-system", "orders", REPO_URL);
    assert_eq!(
        findings(&servers, Way::Interval, without_images()).await,
        [
            missing("get gitrepositories.source.toolkit.fluxcd.io"),
            missing("get helmreleases.helm.toolkit.fluxcd.io"),
            missing("get kustomizations.kustomize.toolkit.fluxcd.io"),
            missing("get ocirepositories.source.toolkit.fluxcd.io"),
        ]
    );
    servers.objects.kustomizations.allow(rules(&[ROLE]));
    assert_eq!(
        findings(&servers, Way::Interval, without_images()).await,
        [excess("get daemonsets.apps"), excess("get deployments.apps"), excess("get statefulsets.apps")]
    );
    assert_eq!(
        findings(&servers, Way::Annotation, orders()).await,
        [
            missing("patch gitrepositories.source.toolkit.fluxcd.io"),
            missing("patch kustomizations.kustomize.toolkit.fluxcd.io"),
            missing("patch ocirepositories.source.toolkit.fluxcd.io"),
        ]
    );
    servers.objects.kustomizations.allow(rules(&[ROLE, REFRESH_ROLE]));
    assert_eq!(
        findings(&servers, Way::Interval, orders()).await,
        [
            excess("patch gitrepositories.source.toolkit.fluxcd.io"),
            excess("patch kustomizations.kustomize.toolkit.fluxcd.io"),
            excess("patch ocirepositories.source.toolkit.fluxcd.io"),
        ]
    );
}
