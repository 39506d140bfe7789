//! HelmReleases that a Kustomization applied.

use super::*;

/// The workload comes from a release, which says so in its inventory.
fn released() -> Value {
    let condition = |kind: &str, reason: &str| {
        json!({"type": kind, "status": "True", "reason": reason, "message": "fine", "observedGeneration": 4,
            "lastTransitionTime": at(15)})
    };
    let release = json!({
        "apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": {"namespace": "shop", "name": "orders", "generation": 4},
        "spec": {"interval": "10m", "suspend": false},
        "status": {
            "observedGeneration": 4, "lastAttemptedGeneration": 4, "lastAttemptedRevision": "1.2.3+abc",
            "lastAttemptedConfigDigest": "sha256:2",
            "conditions": [condition("Ready", "UpgradeSucceeded"), condition("Released", "UpgradeSucceeded"),
                condition("TestSuccess", "TestSucceeded")],
            "history": [
                {"chartName": "app", "chartVersion": "1.2.3+abc", "configDigest": "sha256:2", "digest": "sha256:3",
                    "status": "deployed", "version": 2},
                {"chartName": "app", "chartVersion": "1.2.2", "configDigest": "sha256:1", "status": "superseded", "version": 1}
            ],
            "inventory": {"entries": [{"id": "shop_orders_apps_Deployment", "v": "v1"}]}
        }
    });
    with([
        ("/kustomization/status/inventory/entries", json!([{"id": "shop_orders_helm.toolkit.fluxcd.io_HelmRelease", "v": "v2"}])),
        ("/release", release),
    ])
}

#[test]
fn a_release_has_deployed_what_it_asks_for() {
    assert_eq!(verdict(&expected(), &released()), Verdict::Ready);
    let ready = "/release/status/conditions/0";
    let states = [
        ("/release", json!(null), "not-yet missing"),
        ("/release/metadata/name", json!("other"), "not-yet missing"),
        ("/release/metadata/deletionTimestamp", json!(at(1)), "failed deleting"),
        ("/release/spec/suspend", json!(true), "stale frozen"),
        ("/release/metadata/annotations", json!({"reconcile.fluxcd.io/requestedAt": "x"}), "not-yet refreshing"),
        ("/release/metadata/generation", json!(5), "not-yet other-spec"),
        ("/release/status/observedGeneration", json!(3), "not-yet other-spec"),
        ("/release/status/conditions/0/observedGeneration", json!(3), "not-yet other-spec"),
        ("/release/status/conditions/0/status", json!("Unknown"), "not-yet condition"),
        ("/release/status/conditions/0/status", json!("False"), "not-yet condition"),
        ("/release/status/conditions", json!([]), "not-yet not-reconciled"),
        ("/release/status/conditions/1/status", json!("False"), "failed release"),
        ("/release/status/conditions/2/status", json!("False"), "failed release"),
        ("/release/status/conditions/2/status", json!("Unknown"), "ready"),
        ("/release/status/conditions/2/type", json!("Remediated"), "failed release"),
        ("/release/status/conditions/2/type", json!("Stalled"), "failed stalled"),
        ("/release/status/conditions/2/type", json!("Reconciling"), "not-yet reconciling"),
        ("/release/status/lastAttemptedGeneration", json!(3), "not-yet not-released"),
        ("/release/status/lastAttemptedRevision", json!("1.2.4"), "not-yet not-released"),
        ("/release/status/lastAttemptedRevision", json!(null), "not-yet not-released"),
        ("/release/status/lastAttemptedConfigDigest", json!("sha256:4"), "not-yet not-released"),
        ("/release/status/history/0/status", json!("failed"), "not-yet not-released"),
        ("/release/status/history/0/status", json!("pending-upgrade"), "not-yet not-released"),
        ("/release/status/history", json!(null), "not-yet not-released"),
        ("/release/status/inventory", json!(null), "ready"),
    ];
    for (pointer, value, reason) in states {
        let state = put(released(), pointer, value.clone());
        assert_eq!(reason_of(&verdict(&expected(), &state)), reason, "{pointer} = {value}");
    }
    let of_another_generation = put(released(), &format!("{ready}/observedGeneration"), json!(null));
    assert_eq!(reason_of(&verdict(&expected(), &of_another_generation)), "not-yet other-spec");
}

#[test]
fn what_a_release_applied_is_told_since_2_8_and_in_this_cluster_alone() {
    let without = |pointer: &str, value: Value| {
        let state = put(put(released(), pointer, value), "/workload", json!(null));
        reason_of(&verdict(&expected(), &state))
    };
    assert_eq!(without("/release/status/observedGeneration", json!(4)), "not-yet missing");
    assert_eq!(without("/release/status/inventory", json!(null)), "not-yet not-told");
    assert_eq!(without("/release/spec/kubeConfig", json!({"secretRef": {"name": "far"}})), "not-yet not-told");
}

#[test]
fn health_checks_have_to_name_releases_too() {
    let check = json!([{"kind": "HelmRelease", "namespace": "shop", "name": "orders"}]);
    let unwaited = put(released(), "/kustomization/spec/wait", json!(false));
    assert_eq!(reason_of(&verdict(&expected(), &unwaited)), "not-yet not-health-checked");
    assert_eq!(verdict(&expected(), &put(unwaited, "/kustomization/spec/healthChecks", check)), Verdict::Ready);
}
