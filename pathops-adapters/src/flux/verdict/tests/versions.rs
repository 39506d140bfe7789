//! What differs between versions of Flux and kinds of sources, where it matters.

use super::*;

/// As an OCI artifact says of which commit it is.
fn oci() -> Value {
    let digest = format!("latest@sha256:{}", "01234567".repeat(8));
    with([
        ("/source/kind", json!("OCIRepository")),
        ("/source/spec/url", json!("oci://registry.example/shop/orders-gitops")),
        ("/source/status/artifact/revision", json!(digest)),
        ("/source/status/artifact/metadata", json!({"org.opencontainers.image.revision": revision('b')})),
        ("/kustomization/spec/sourceRef/kind", json!("OCIRepository")),
        ("/kustomization/status/lastAppliedRevision", json!(digest)),
        ("/kustomization/status/lastAttemptedRevision", json!(digest)),
        ("/kustomization/status/lastAppliedOriginRevision", json!(revision('b'))),
    ])
}

#[test]
fn a_commit_of_an_oci_artifact_is_what_its_annotation_says() {
    let expected = Expected::new("oci://registry.example/shop/orders-gitops", PATH, commit('b'), at(5).parse().unwrap());
    assert_eq!(verdict(&expected, &oci()), Verdict::Ready);
    let other = format!("latest@sha256:{}", "76543210".repeat(8));
    for (pointer, value, reason) in [
        ("/source/status/artifact/metadata", json!(null), "not-yet no-revision"),
        ("/source/status/artifact/metadata/org.opencontainers.image.revision", json!(commit('b')), "ready"),
        ("/source/status/artifact/metadata/org.opencontainers.image.revision", json!(revision('a')), "not-yet not-seen"),
        ("/source/status/artifact/metadata/org.opencontainers.image.revision", json!(revision('d')), "stale superseded"),
        ("/kustomization/status/lastAppliedOriginRevision", json!(null), "not-yet no-revision"),
        ("/kustomization/status/lastAppliedOriginRevision", json!(revision('a')), "not-yet not-applied"),
        ("/kustomization/status/lastAppliedOriginRevision", json!(revision('c')), "ready"),
        ("/kustomization/status/lastAppliedRevision", json!(other), "not-yet not-applied"),
    ] {
        let state = put(oci(), pointer, value.clone());
        assert_eq!(reason_of(&verdict(&expected, &state)), reason, "{pointer} = {value}");
    }
    let ready = "/kustomization/status/conditions/0";
    let failed = put(put(oci(), &format!("{ready}/status"), json!("False")), &format!("{ready}/reason"), json!("BuildFailed"));
    assert_eq!(reason_of(&verdict(&expected, &failed)), "failed not-applied");
    let of_another = put(failed, "/kustomization/status/lastAttemptedRevision", json!(other));
    assert_eq!(reason_of(&verdict(&expected, &of_another)), "not-yet not-applied");
}

#[test]
fn revisions_of_before_2_0_are_read() {
    let old = format!("main/{}", commit('b'));
    let state = with([
        ("/source/status/artifact/revision", json!(old)),
        ("/kustomization/status/lastAppliedRevision", json!(old)),
        ("/kustomization/status/lastAttemptedRevision", json!(old)),
    ]);
    assert_eq!(verdict(&expected(), &state), Verdict::Ready);
}

#[test]
fn every_reason_has_words_for_people() {
    let words = |pointer: &str, value: Value| verdict(&expected(), &put(ready(), pointer, value)).to_string();
    let superseded = words("/source/status/artifact/revision", json!(revision('d')));
    assert_eq!(superseded, format!("the branch has moved on to another state, at {}", commit('d')));
    assert_eq!(words("/kustomization/spec/suspend", json!(true)), "Kustomization/orders is suspended");
    let unchecked = "Flux does not check whether Deployment/orders is healthy: set `wait: true` on the Kustomization";
    assert_eq!(words("/kustomization/spec/wait", json!(false)), unchecked);
    assert_eq!(words("/kustomization/status/inventory", json!(null)), "nothing was applied");
    assert_eq!(verdict(&expected(), &ready()).to_string(), "live and healthy");
}
