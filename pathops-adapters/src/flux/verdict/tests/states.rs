//! The Kustomization and its source.

use super::*;

const READY: &str = "/kustomization/status/conditions/0";
const HEALTHY: &str = "/kustomization/status/conditions/1";

#[test]
fn everything_as_expected_is_ready() {
    assert_eq!(verdict(&expected(), &ready()), Verdict::Ready);
    assert_eq!(verdict(&expected().settle(Duration::from_secs(8)), &ready()), Verdict::Ready);
    let with_no_workload = put(ready(), "/workload", json!(null));
    let without_images = Expected::new(REPO, PATH, commit('b'), at(5).parse().unwrap());
    assert_eq!(verdict(&without_images, &with_no_workload), Verdict::Ready);
}

#[test]
fn each_thing_that_is_amiss_though_it_is_ready_has_its_reason() {
    check([
        ("/kustomization/metadata/deletionTimestamp", json!(at(1)), "failed deleting"),
        ("/source/metadata/deletionTimestamp", json!(at(1)), "failed deleting"),
        ("/kustomization/spec/suspend", json!(true), "stale frozen"),
        ("/source/spec/suspend", json!(true), "stale frozen"),
        ("/kustomization/metadata/annotations/reconcile.fluxcd.io~1requestedAt", json!("later"), "not-yet refreshing"),
        ("/kustomization/status/lastHandledReconcileAt", json!(null), "not-yet refreshing"),
        ("/source/metadata/annotations", json!({"reconcile.fluxcd.io/requestedAt": "now"}), "not-yet refreshing"),
        ("/kustomization/spec/sourceRef/name", json!("other"), "not-yet no-such-source"),
        ("/kustomization/spec/sourceRef/namespace", json!("other"), "not-yet no-such-source"),
        ("/kustomization/spec/sourceRef/kind", json!("OCIRepository"), "not-yet no-such-source"),
        ("/kustomization/spec/sourceRef/kind", json!("Bucket"), "not-yet no-such-source"),
        ("/source", json!(null), "not-yet missing"),
        ("/kustomization/spec/sourceRef", json!(null), "not-yet no-such-source"),
        ("/source/spec/url", json!("https://git.example/shop/orders"), "not-yet no-such-source"),
        ("/kustomization/spec/path", json!("./envs/production"), "not-yet no-such-source"),
        ("/kustomization/spec/path", json!(null), "not-yet no-such-source"),
        ("/source/metadata/generation", json!(3), "not-yet other-spec"),
        ("/source/status/observedGeneration", json!(1), "not-yet other-spec"),
        ("/source/status/conditions/0/observedGeneration", json!(1), "not-yet other-spec"),
        ("/source/status/conditions/0/status", json!("False"), "not-yet condition"),
        ("/source/status/conditions/0/status", json!("Unknown"), "not-yet condition"),
        ("/source/status/conditions", json!(null), "not-yet not-reconciled"),
        ("/source/status/artifact", json!(null), "not-yet no-revision"),
        ("/source/status/artifact/revision", json!("main"), "not-yet no-revision"),
        ("/source/status/artifact/revision", json!(revision('a')), "not-yet not-seen"),
        ("/source/status/artifact/revision", json!(revision('e')), "not-yet not-seen"),
        ("/source/status/artifact/revision", json!(revision('d')), "stale superseded"),
        ("/source/status/artifact/revision", json!(revision('f')), "stale unknown-tree"),
        ("/kustomization/metadata/generation", json!(4), "not-yet other-spec"),
        ("/kustomization/metadata/generation", json!(null), "not-yet other-spec"),
        ("/kustomization/status/observedGeneration", json!(2), "not-yet other-spec"),
        ("/kustomization/status/observedGeneration", json!(-1), "not-yet other-spec"),
        ("/kustomization/status/observedGeneration", json!(null), "not-yet other-spec"),
        (&format!("{READY}/observedGeneration"), json!(2), "not-yet other-spec"),
        (&format!("{READY}/observedGeneration"), json!(null), "not-yet other-spec"),
        (&format!("{READY}/lastTransitionTime"), json!(at(5)), "stale not-looking"),
        (&format!("{READY}/lastTransitionTime"), json!(at(31)), "not-yet clock-ahead"),
        (&format!("{READY}/lastTransitionTime"), json!("yesterday"), "stale not-looking"),
        (&format!("{READY}/lastTransitionTime"), json!(null), "stale not-looking"),
        (&format!("{READY}/status"), json!("Unknown"), "not-yet reconciling"),
        (&format!("{READY}/status"), json!("true"), "not-yet reconciling"),
        (&format!("{READY}/status"), json!(null), "not-yet reconciling"),
        (&format!("{READY}/type"), json!("Reddy"), "not-yet not-reconciled"),
        ("/kustomization/status/conditions", json!([]), "not-yet not-reconciled"),
        ("/kustomization/status", json!(null), "not-yet refreshing"),
        ("/kustomization/status/lastAppliedRevision", json!(revision('a')), "not-yet not-applied"),
        ("/kustomization/status/lastAppliedRevision", json!(revision('c')), "not-yet not-applied"),
        ("/kustomization/status/lastAttemptedRevision", json!(revision('c')), "not-yet not-applied"),
        ("/kustomization/status/lastAppliedRevision", json!(null), "not-yet no-revision"),
        ("/kustomization/status/inventory", json!(null), "failed no-resources"),
        ("/kustomization/status/inventory/entries", json!([]), "failed no-resources"),
        ("/kustomization/spec/wait", json!(false), "not-yet not-health-checked"),
        ("/kustomization/spec/wait", json!(null), "not-yet not-health-checked"),
        (&format!("{HEALTHY}/status"), json!("False"), "not-yet condition"),
        (&format!("{HEALTHY}/status"), json!("Unknown"), "not-yet condition"),
        (&format!("{HEALTHY}/observedGeneration"), json!(2), "not-yet other-spec"),
        (&format!("{HEALTHY}/type"), json!("Unheard"), "not-yet not-health-checked"),
    ]);
}

/// Beside `Ready=True`, which alone would have said yes.
#[test]
fn what_stands_beside_ready_counts() {
    let beside = |place: &str, kind: &str, status: &str, reason: &str| {
        let mut state = ready();
        let generation = state[place]["metadata"]["generation"].clone();
        let condition = json!({"type": kind, "status": status, "reason": reason, "message": "so it is",
            "observedGeneration": generation, "lastTransitionTime": at(21)});
        state[place]["status"]["conditions"].as_array_mut().unwrap().push(condition);
        reason_of(&verdict(&expected(), &state))
    };
    for (place, kind, status, reason, answer) in [
        ("kustomization", "Reconciling", "True", "Progressing", "not-yet reconciling"),
        ("kustomization", "Reconciling", "True", "ProgressingWithRetry", "not-yet reconciling"),
        ("kustomization", "Reconciling", "Unknown", "Progressing", "not-yet reconciling"),
        ("kustomization", "Reconciling", "False", "Progressing", "ready"),
        ("kustomization", "Stalled", "True", "InvalidCELExpression", "failed stalled"),
        ("kustomization", "Stalled", "False", "Whatever", "ready"),
        ("source", "Reconciling", "True", "NewRevision", "not-yet fetching"),
        ("source", "Stalled", "True", "URLInvalid", "failed stalled"),
        ("source", "FetchFailed", "True", "GitOperationFailed", "not-yet condition"),
        ("source", "FetchFailed", "Unknown", "GitOperationFailed", "not-yet condition"),
        ("source", "StorageOperationFailed", "True", "ArchiveOperationFailed", "not-yet condition"),
        ("source", "IncludeUnavailable", "True", "IncludeNotFound", "not-yet condition"),
        ("source", "ArtifactOutdated", "True", "NewRevision", "not-yet condition"),
        ("source", "SomethingNew", "True", "Whatever", "ready"),
    ] {
        assert_eq!(beside(place, kind, status, reason), answer, "{place} {kind}={status} {reason}");
    }
}

#[test]
fn a_stall_of_another_generation_is_over_or_not_known() {
    let stalled = json!([{"type": "Stalled", "status": "True", "observedGeneration": 2, "message": "old"}]);
    let mut state = ready();
    let conditions = state["kustomization"]["status"]["conditions"].as_array_mut().unwrap();
    conditions.extend(stalled.as_array().unwrap().clone());
    assert_eq!(reason_of(&verdict(&expected(), &state)), "not-yet other-spec");
}

#[test]
fn a_failure_counts_for_what_failed() {
    let failed = |attempted: char, reason: &str, generation: i64| {
        with([
            ("/kustomization/status/lastAttemptedRevision", json!(revision(attempted))),
            ("/kustomization/status/lastAppliedRevision", json!(revision('a'))),
            ("/kustomization/status/observedGeneration", json!(-1)),
            (
                "/kustomization/status/conditions",
                json!([
                    {"type": "Reconciling", "status": "True", "reason": "ProgressingWithRetry", "observedGeneration": generation},
                    {"type": "Ready", "status": "False", "reason": reason, "message": "timeout waiting for Deployment/shop/orders",
                        "observedGeneration": generation, "lastTransitionTime": at(20)}
                ]),
            ),
        ])
    };
    for (attempted, reason, generation, answer) in [
        ('b', "HealthCheckFailed", 3, "failed unhealthy"),
        ('c', "HealthCheckFailed", 3, "failed unhealthy"),
        ('b', "BuildFailed", 3, "failed not-applied"),
        ('b', "ReconciliationFailed", 3, "failed not-applied"),
        ('b', "PruneFailed", 3, "failed not-applied"),
        ('b', "ArtifactFailed", 3, "not-yet condition"),
        ('b', "DependencyNotReady", 3, "not-yet condition"),
        ('b', "HealthCheckCanceled", 3, "not-yet condition"),
        ('b', "SomethingNew", 3, "not-yet condition"),
        ('b', "HealthCheckFailed", 2, "not-yet other-spec"),
        ('a', "HealthCheckFailed", 3, "not-yet not-applied"),
        ('d', "HealthCheckFailed", 3, "not-yet not-applied"),
        ('e', "BuildFailed", 3, "not-yet not-applied"),
    ] {
        let verdict = verdict(&expected(), &failed(attempted, reason, generation));
        assert_eq!(reason_of(&verdict), answer, "{attempted} {reason} {generation}");
    }
    let before = put(failed('b', "BuildFailed", 3), "/kustomization/status/conditions/1/lastTransitionTime", json!(at(4)));
    assert_eq!(reason_of(&verdict(&expected(), &before)), "stale not-looking");
}

#[test]
fn what_does_not_matter_is_no_obstacle() {
    let asked = json!({"reconcile.fluxcd.io/requestedAt": "now", "team": "shop"});
    check([
        ("/kustomization/metadata/annotations", json!(null), "ready"),
        ("/kustomization/metadata/annotations", asked, "ready"),
        ("/kustomization/spec/path", json!("envs/preflight/"), "ready"),
        ("/kustomization/spec/sourceRef/namespace", json!("flux-system"), "ready"),
        ("/kustomization/spec/prune", json!(false), "ready"),
        ("/kustomization/status/history", json!(null), "ready"),
        ("/kustomization/status/somethingNew", json!({"deep": [1, 2]}), "ready"),
        ("/source/spec/url", json!(REPO), "ready"),
        ("/source/status/conditions/1", json!({"type": "ArtifactInStorage"}), "ready"),
        // A later commit with the same tree that Flux has not applied yet.
        ("/source/status/artifact/revision", json!(revision('c')), "ready"),
    ]);
    let later = with([
        ("/source/status/artifact/revision", json!(revision('c'))),
        ("/kustomization/status/lastAppliedRevision", json!(revision('c'))),
        ("/kustomization/status/lastAttemptedRevision", json!(revision('c'))),
    ]);
    assert_eq!(verdict(&expected(), &later), Verdict::Ready);
    let reset = put(later, "/source/status/artifact/revision", json!(revision('b')));
    assert_eq!(verdict(&expected(), &reset), Verdict::Ready);
}

#[test]
fn a_later_commit_of_which_nothing_is_known_is_not_ours() {
    let state = objects(&put(ready(), "/source/status/artifact/revision", json!(revision('c')))).unwrap();
    let verdict = judge(&expected(), &state, &NoHistory, at(30).parse().unwrap());
    assert_eq!(reason_of(&verdict), "not-yet not-seen");
}

#[test]
fn health_checks_count_where_they_name_each_part() {
    let check = |name: &str| json!({"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": name});
    let checking = |checks: Value| {
        let state = with([("/kustomization/spec/wait", json!(false)), ("/kustomization/spec/healthChecks", checks)]);
        verdict(&expected(), &state)
    };
    assert_eq!(checking(json!([check("orders")])), Verdict::Ready);
    assert_eq!(checking(json!([check("db"), check("orders")])), Verdict::Ready);
    let not_checked = Verdict::NotYet(NotYet::NotHealthChecked { what: "Deployment/orders".to_owned() });
    for checks in [json!([]), json!(null), json!([check("db")]), json!([{"kind": "Deployment", "name": "orders"}])] {
        assert_eq!(checking(checks.clone()), not_checked, "{checks}");
    }
    let no_part = with([
        ("/kustomization/spec/wait", json!(false)),
        ("/kustomization/spec/healthChecks", json!([check("orders")])),
        ("/kustomization/status/inventory/entries", json!([{"id": "shop_orders__ConfigMap"}, {"id": "what is this"}])),
    ]);
    assert_eq!(reason_of(&verdict(&expected(), &no_part)), "not-yet not-health-checked");
}
