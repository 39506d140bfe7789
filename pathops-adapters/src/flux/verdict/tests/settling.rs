//! How long it has been healthy.

use super::*;

fn settle(seconds: u64) -> Expected {
    expected().settle(Duration::from_secs(seconds))
}

/// The same without an image, so that no workload is read.
fn by_flux_alone(seconds: u64) -> Expected {
    Expected::new(REPO, PATH, commit('b'), at(5).parse().unwrap()).settle(Duration::from_secs(seconds))
}

#[test]
fn health_has_to_hold_and_its_end_to_be_seen() {
    // Healthy since 11, looked at 20 by Flux and at 30 by us; a second is lost to cutting.
    assert_eq!(verdict(&by_flux_alone(8), &ready()), Verdict::Ready);
    assert_eq!(reason_of(&verdict(&by_flux_alone(9), &ready())), "stale not-looked-after-settling");
    assert_eq!(verdict(&by_flux_alone(19), &ready()), Verdict::NotYet(NotYet::Settling { remaining_millis: 1_000 }));
    assert_eq!(verdict(&settle(18), &ready()), Verdict::Ready);
    assert_eq!(verdict(&settle(19), &ready()), Verdict::NotYet(NotYet::Settling { remaining_millis: 1_000 }));
    assert_eq!(reason_of(&verdict(&expected().settle(Duration::MAX), &ready())), "not-yet settling");
}

#[test]
fn health_that_was_lost_in_between_counts_from_the_last_look() {
    let since = |history: Value| {
        let state = put(ready(), "/kustomization/status/history", history);
        objects(&state).unwrap().kustomization().healthy_since().unwrap().to_string().get(17..19).unwrap().to_owned()
    };
    let attempt = |first: Value, last: Value, status: &str| json!({"firstReconciled": first, "lastReconciled": last, "lastReconciledStatus": status});
    let ours = attempt(json!(at(11)), json!(at(20)), "ReconciliationSucceeded");
    assert_eq!(since(json!([ours])), "11");
    assert_eq!(since(json!([ours, attempt(json!(at(1)), json!(at(10)), "ReconciliationSucceeded")])), "11");
    assert_eq!(since(json!([ours, attempt(json!(at(1)), json!(at(11)), "HealthCheckFailed")])), "20");
    assert_eq!(since(json!([ours, attempt(json!(at(1)), json!(at(15)), "HealthCheckFailed")])), "20");
    assert_eq!(since(json!([ours, attempt(json!(at(1)), json!(null), "HealthCheckFailed")])), "20");
    assert_eq!(since(json!([attempt(json!(at(11)), json!(at(20)), "HealthCheckFailed")])), "20");
    assert_eq!(since(json!([attempt(json!("soon"), json!(at(20)), "ReconciliationSucceeded")])), "20");
    assert_eq!(since(json!([attempt(json!(at(29)), json!(at(29)), "ReconciliationSucceeded")])), "20");
    assert_eq!(since(json!(null)), "20");
}

/// Before Flux 2.7 the time begins anew with each reconciliation.
#[test]
fn without_a_history_the_last_look_is_the_beginning() {
    let state = put(ready(), "/kustomization/status/history", json!(null));
    assert_eq!(verdict(&settle(9), &state), Verdict::Ready);
    assert_eq!(verdict(&settle(10), &state), Verdict::NotYet(NotYet::Settling { remaining_millis: 1_000 }));
    assert_eq!(reason_of(&verdict(&by_flux_alone(1), &state)), "stale not-looked-after-settling");
}
