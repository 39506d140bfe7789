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

/// 3.5: what comes of the dry source goes into a repository of its own.
fn hydrated_elsewhere() -> Value {
    let mut state = hydrated();
    for hydrator in ["/spec/sourceHydrator", "/status/sourceHydrator/lastSuccessfulOperation/sourceHydrator"] {
        state = put(state, &format!("{hydrator}/syncSource/repoURL"), json!(HYDRATED));
    }
    for place in ["/status/sync/comparedTo", "/status/operationState/syncResult"] {
        state = put(state, &format!("{place}/source/repoURL"), json!(HYDRATED));
    }
    state
}

const HYDRATED: &str = "https://git.example/shop/orders-hydrated";

/// 3.5: manifests from a registry, at the digest of what the tag stood for.
fn from_a_registry() -> Value {
    let source = json!({"repoURL": REGISTRY, "path": ".", "targetRevision": "1.4.0"});
    let mut state = health_in_the_tree();
    for place in ["/spec", "/status/sync/comparedTo", "/status/operationState/syncResult"] {
        state = put(state, &format!("{place}/source"), source.clone());
    }
    for place in ["/status/sync", "/status/operationState/syncResult", "/status/operationState/operation/sync"] {
        state = put(state, &format!("{place}/revision"), json!(digest('1')));
    }
    state
}

const REGISTRY: &str = "oci://registry.example/shop/orders-manifests";

fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

/// 3.5: the newest tag of those that begin so, how often it has healed by itself, and whether there are Applications below.
fn by_tags() -> Value {
    let mut state = health_in_the_tree();
    let source = json!({"repoURL": REPO, "path": PATH, "targetRevision": "1.0.*", "tagPrefix": "orders/"});
    for place in ["/spec", "/status/sync/comparedTo", "/status/operationState/syncResult"] {
        state = put(state, &format!("{place}/source"), source.clone());
    }
    state["status"]["operationState"]["operation"]["sync"]["autoHealAttemptsCount"] = json!(1);
    state["status"]["resources"][0]["requiresDeletionConfirmation"] = json!(true);
    state["status"]["summary"]["isAppOfApps"] = json!(false);
    state
}

pub(super) fn states() -> [Value; 6] {
    [inline_health(), health_in_the_tree(), hydrated(), hydrated_elsewhere(), from_a_registry(), by_tags()]
}

#[test]
fn what_is_hydrated_is_sought_where_it_goes() {
    let requested = || at(5).parse().unwrap();
    let git = |repo: &str, path: &str, digit: char| Expected::new(ExpectedSource::git(repo, path, commit(digit)), requested());
    let state = hydrated_elsewhere();
    assert_eq!(verdict(&git(REPO, "dry", 'b'), &state), Verdict::Ready);
    assert_eq!(verdict(&git(HYDRATED, PATH, 'e'), &state), Verdict::Ready);
    assert_eq!(reason_of(&verdict(&git(REPO, PATH, 'e'), &state)), "not-yet no-such-source");
    // What was compared is that of the dry repository, as it was before.
    let before = put(state, "/status/sync/comparedTo/source/repoURL", json!(REPO));
    assert_eq!(verdict(&git(REPO, "dry", 'b'), &before), Verdict::NotYet(NotYet::OtherSpec));
}

#[test]
fn what_comes_from_a_registry_is_known_by_its_digest() {
    let requested = || at(5).parse().unwrap();
    let oci = |path: &str, revision: &str| Expected::new(ExpectedSource::oci(REGISTRY, path, revision), requested());
    let tested = |revision: &str| oci(".", revision).hook(ExpectedHook::Named("smoke".to_owned()));
    let state = from_a_registry();
    assert_eq!(verdict(&tested(&digest('1')), &state), Verdict::Ready);
    assert_eq!(verdict(&oci("", &digest('1')), &state), Verdict::Ready, "the same folder");
    for (expected, reason) in [
        (oci(".", &digest('2')), "not-yet not-seen"),
        // A tag may be moved, and says nothing of what is live.
        (oci(".", "1.4.0"), "not-yet not-seen"),
        (oci("envs", &digest('1')), "not-yet no-such-source"),
        (Expected::new(ExpectedSource::chart(REGISTRY, "orders", digest('1')), requested()), "not-yet no-such-source"),
        (Expected::new(ExpectedSource::git(REGISTRY, ".", commit('b')), requested()), "not-yet no-revision"),
    ] {
        assert_eq!(reason_of(&verdict(&expected, &state)), reason);
    }
    // Where the registry is not reached, the tag stands there, or nothing.
    for (revision, reason) in [("1.4.0", "not-yet not-seen"), ("", "not-yet no-revision")] {
        let state = put(state.clone(), "/status/sync/revision", json!(revision));
        assert_eq!(reason_of(&verdict(&oci(".", &digest('1')), &state)), reason);
    }
    let before = put(state.clone(), "/status/operationState/syncResult/revision", json!(digest('0')));
    assert_eq!(reason_of(&verdict(&tested(&digest('1')), &before)), "stale not-tested");
    let failed = put(state, "/status/operationState/phase", json!("Failed"));
    assert_eq!(reason_of(&verdict(&oci(".", &digest('1')), &failed)), "failed sync");
}

#[test]
fn tags_of_another_prefix_are_another_source() {
    assert_eq!(verdict(&expected(), &by_tags()), Verdict::Ready);
    let other = put(by_tags(), "/spec/source/tagPrefix", json!("basket/"));
    assert_eq!(verdict(&expected(), &other), Verdict::NotYet(NotYet::OtherSpec));
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
