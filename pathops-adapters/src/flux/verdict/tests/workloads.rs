//! What runs.

use super::*;

const STATUS: &str = "/workload/status";

#[test]
fn a_workload_that_is_not_rolled_out_is_not_ready() {
    check([
        ("/workload", json!(null), "not-yet missing"),
        ("/workload/metadata/name", json!("other"), "not-yet missing"),
        ("/workload/metadata/deletionTimestamp", json!(at(1)), "failed deleting"),
        ("/workload/metadata/annotations", json!({"kustomize.toolkit.fluxcd.io/reconcile": "disabled"}), "stale frozen"),
        ("/workload/metadata/annotations", json!({"kustomize.toolkit.fluxcd.io/reconcile": "enabled"}), "ready"),
        ("/workload/spec/paused", json!(true), "stale frozen"),
        ("/workload/metadata/generation", json!(6), "not-yet rolling-out"),
        ("/workload/metadata/generation", json!(null), "not-yet rolling-out"),
        (&format!("{STATUS}/observedGeneration"), json!(null), "not-yet rolling-out"),
        (&format!("{STATUS}/updatedReplicas"), json!(1), "not-yet rolling-out"),
        (&format!("{STATUS}/replicas"), json!(3), "not-yet rolling-out"),
        (&format!("{STATUS}/availableReplicas"), json!(1), "not-yet rolling-out"),
        (&format!("{STATUS}/availableReplicas"), json!(null), "not-yet rolling-out"),
        (STATUS, json!(null), "not-yet rolling-out"),
        (&format!("{STATUS}/conditions/0/reason"), json!("ProgressDeadlineExceeded"), "failed rollout-failed"),
        (&format!("{STATUS}/conditions"), json!(null), "ready"),
        ("/workload/spec/replicas", json!(3), "not-yet rolling-out"),
    ]);
    let to_nothing = with([("/workload/spec/replicas", json!(0)), (STATUS, json!({"observedGeneration": 5, "replicas": 0}))]);
    assert_eq!(verdict(&expected(), &to_nothing), Verdict::Ready);
}

#[test]
fn each_kind_tells_of_its_pods_in_its_own_way() {
    let kind = |kind: &str, status: Value| {
        let id = format!("shop_orders_apps_{kind}");
        let state = with([
            ("/kustomization/status/inventory/entries/0/id", json!(id)),
            ("/workload/kind", json!(kind)),
            (STATUS, status),
        ]);
        reason_of(&verdict(&expected(), &state))
    };
    let set = json!({"observedGeneration": 5, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2});
    assert_eq!(kind("StatefulSet", set.clone()), "ready");
    assert_eq!(kind("StatefulSet", put(set, "/readyReplicas", json!(1))), "not-yet rolling-out");
    let everywhere =
        json!({"observedGeneration": 5, "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3});
    assert_eq!(kind("DaemonSet", everywhere.clone()), "ready");
    assert_eq!(kind("DaemonSet", put(everywhere.clone(), "/updatedNumberScheduled", json!(2))), "not-yet rolling-out");
    assert_eq!(kind("DaemonSet", put(everywhere.clone(), "/numberAvailable", json!(2))), "not-yet rolling-out");
    assert_eq!(kind("DaemonSet", put(everywhere, "/desiredNumberScheduled", json!(null))), "not-yet rolling-out");
}

#[test]
fn images_are_told_apart_by_digest_before_tag() {
    let image = "/workload/spec/template/spec/containers/0/image";
    check([
        (image, json!("reg/app@sha256:good"), "ready"),
        (image, json!("reg/app:v2@sha256:other"), "failed wrong-image"),
        (image, json!("reg/app:v2"), "failed wrong-image"),
        (image, json!("other/app@sha256:good"), "failed wrong-image"),
        (image, json!(null), "failed wrong-image"),
        ("/workload/spec/template", json!(null), "failed wrong-image"),
        ("/workload/spec/template/spec/initContainers/0/image", json!("reg/app@sha256:old"), "failed wrong-image"),
        ("/workload/spec/template/spec/initContainers/0/image", json!("reg/app@sha256:good"), "ready"),
    ]);
    let old = put(ready(), image, json!("reg/app@sha256:old"));
    let wrong = Failed::WrongImage { expected: "reg/app@sha256:good".to_owned(), running: Some("reg/app@sha256:old".to_owned()) };
    assert_eq!(verdict(&expected(), &old), Verdict::Failed(wrong));
}

#[test]
fn a_digest_may_be_expected_alone() {
    let digest = |digit: char| format!("sha256:{}", digit.to_string().repeat(64));
    let alone = expected().image(digest('1').parse().unwrap());
    for (running, reason) in [(digest('1'), "ready"), (digest('2'), "failed wrong-image")] {
        let state = put(ready(), "/workload/spec/template/spec/initContainers/0/image", json!(format!("reg/init@{running}")));
        assert_eq!(reason_of(&verdict(&alone, &state)), reason, "{running}");
    }
}

#[test]
fn where_no_workload_is_told_nothing_is_said_of_images() {
    let none = with([
        ("/kustomization/status/inventory/entries", json!([{"id": "shop_orders__ConfigMap", "v": "v1"}])),
        ("/workload", json!(null)),
    ]);
    assert_eq!(reason_of(&verdict(&expected(), &none)), "not-yet not-told");
}
