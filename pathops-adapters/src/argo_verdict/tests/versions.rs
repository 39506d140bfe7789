//! What differs between versions of Argo CD, where it matters: each version's way to write down the same state.

use super::*;

/// The state as Argo CD 2.14 writes it: health with each resource, and nothing said of where it comes from.
fn inline_health() -> Value {
    let resources = json!([
        {"version": "v1", "group": "apps", "kind": "Deployment", "namespace": "shop", "name": "app", "status": "Synced",
            "health": {"status": "Healthy", "lastTransitionTime": at(9)}},
        {"version": "v1", "kind": "ConfigMap", "namespace": "shop", "name": "app", "status": "Synced"}
    ]);
    let mut state = put(ready(), "/status/resources", resources);
    state["status"]["sourceType"] = json!("Kustomize");
    state["status"]["controllerNamespace"] = json!("argocd");
    state
}

/// Since 3.0 health is not written with each resource by default.
fn health_in_the_tree() -> Value {
    let mut state = inline_health();
    state["status"]["resourceHealthSource"] = json!("appTree");
    state["status"]["resources"][0].as_object_mut().unwrap().remove("health");
    state
}

/// 3.2: `automated.enabled`, and a hydrator whose status says what it made of what.
fn hydrated() -> Value {
    let dry = json!({"repoURL": REPO, "path": "dry", "targetRevision": "main"});
    let sync = json!({"targetBranch": "env", "path": PATH});
    let compared = json!({"repoURL": REPO, "path": PATH, "targetRevision": "env"});
    let mut state = health_in_the_tree();
    let hydrator = json!({"drySource": dry, "syncSource": sync});
    state["spec"].as_object_mut().unwrap().remove("source");
    state["spec"]["sourceHydrator"] = hydrator.clone();
    state["spec"]["syncPolicy"] = json!({"automated": {"enabled": true}});
    state["status"]["sync"]["comparedTo"]["source"] = compared.clone();
    state["status"]["sync"]["revision"] = json!(commit('e'));
    state["status"]["operationState"]["syncResult"]["revision"] = json!(commit('e'));
    state["status"]["operationState"]["syncResult"]["source"] = compared;
    state["status"]["sourceHydrator"] = json!({"lastSuccessfulOperation":
        {"drySHA": commit('b'), "hydratedSHA": commit('e'), "sourceHydrator": hydrator}});
    state
}

pub(super) fn states() -> [Value; 3] {
    [inline_health(), health_in_the_tree(), hydrated()]
}

#[test]
fn every_version_is_read() {
    for state in [inline_health(), health_in_the_tree()] {
        assert_eq!(verdict(&expected(), &state), Verdict::Ready);
    }
    let dry = Expected::new(ExpectedSource::git(REPO, "dry", commit('b')), at(5).parse().unwrap());
    assert_eq!(verdict(&dry, &hydrated()), Verdict::Ready);
    assert_eq!(reason_of(&verdict(&dry, &put(hydrated(), "/status/sync/revision", json!(commit('d'))))), "not-yet not-seen");
}

#[test]
fn health_counts_wherever_it_is_written() {
    let ailing = put(inline_health(), "/status/resources/0/health/status", json!("Progressing"));
    assert_eq!(reason_of(&verdict(&expected(), &ailing)), "not-yet unhealthy");
    let ailing = put(health_in_the_tree(), "/status/health/status", json!("Progressing"));
    assert_eq!(reason_of(&verdict(&expected(), &ailing)), "not-yet unhealthy");
}

#[test]
fn what_later_versions_add_is_no_hindrance() {
    let mut state = health_in_the_tree();
    state["metadata"]["annotations"]["argocd.argoproj.io/refresh-timestamp"] = json!("2026-11-22T12:00:04Z");
    state["status"]["operationState"]["operation"]["sync"]["autoHealAttemptsCount"] = json!(1);
    state["status"]["summary"]["whatever"] = json!({"comes": ["next"]});
    assert_eq!(verdict(&expected(), &state), Verdict::Ready);
    // The request itself is the older annotation, in all versions.
    state["metadata"]["annotations"]["argocd.argoproj.io/refresh"] = json!("normal");
    assert_eq!(verdict(&expected(), &state), Verdict::NotYet(NotYet::Refreshing));
}
