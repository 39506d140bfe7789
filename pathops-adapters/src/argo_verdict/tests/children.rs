//! Applications that manage Applications: none is ready whose children nobody judges.

use super::*;

/// That it manages these as well, of these groups and kinds.
pub(super) fn managing(children: &[(&str, &str, &str)]) -> Value {
    let mut state = ready();
    for (group, kind, name) in children {
        let child =
            json!({"group": group, "version": "v1alpha1", "kind": kind, "namespace": "argocd", "name": name, "status": "Synced"});
        state["status"]["resources"].as_array_mut().unwrap().push(child);
    }
    state
}

const APPLICATION: (&str, &str, &str) = ("argoproj.io", "Application", "orders-db");

#[test]
fn children_without_a_verdict_are_never_taken_for_ready() {
    let unnamed = |names: &[&str]| {
        let applications = names.iter().map(|name| format!("argocd/{name}")).collect();
        Verdict::Stale(Stale::UnnamedApplications { applications }, StaleAction::AskPeople)
    };
    let other = ("argoproj.io", "Application", "orders-api");
    let state = managing(&[APPLICATION, other]);
    assert_eq!(verdict(&expected(), &state), unnamed(&["orders-db", "orders-api"]));
    assert_eq!(
        verdict(&expected(), &state).to_string(),
        "it manages Applications that nothing here judges: argocd/orders-db, argocd/orders-api; name each as one of the same unit"
    );
    let one = expected().judged_apart("argocd", "orders-db");
    assert_eq!(verdict(&one, &state), unnamed(&["orders-api"]));
    assert_eq!(verdict(&one.clone().judged_apart("elsewhere", "orders-api"), &state), unnamed(&["orders-api"]));
    assert_eq!(verdict(&one.judged_apart("argocd", "orders-api"), &state), Verdict::Ready);
    // Where the health of a child is told, it is no proof of a commit either.
    let healthy = put(managing(&[APPLICATION]), "/status/resources/2/health", json!({"status": "Healthy"}));
    assert_eq!(verdict(&expected(), &healthy), unnamed(&["orders-db"]));
    let as_a_hook = put(managing(&[APPLICATION]), "/status/resources/2/hook", json!(true));
    assert_eq!(verdict(&expected(), &as_a_hook), unnamed(&["orders-db"]));
    let many: Vec<String> = (0..50).map(|number| format!("a{number}")).collect();
    let many: Vec<_> = many.iter().map(|name| ("argoproj.io", "Application", name.as_str())).collect();
    let Verdict::Stale(Stale::UnnamedApplications { applications }, _) = verdict(&expected(), &managing(&many)) else { panic!() };
    assert_eq!(applications.len(), 10);
}

#[test]
fn what_is_amiss_with_the_parent_itself_is_told_first() {
    for (pointer, value, reason) in [
        ("/status/health/status", "Degraded", "failed degraded"),
        ("/status/resources/2/health", "Progressing", "not-yet unhealthy"),
        ("/status/resources/2/status", "OutOfSync", "not-yet out-of-sync"),
    ] {
        let value = if pointer.ends_with("/health") { json!({"status": value}) } else { json!(value) };
        assert_eq!(reason_of(&verdict(&expected(), &put(managing(&[APPLICATION]), pointer, value))), reason);
    }
}

#[test]
fn of_what_an_application_set_makes_nothing_is_known() {
    let state = managing(&[APPLICATION, ("argoproj.io", "ApplicationSet", "shops")]);
    let named = expected().judged_apart("argocd", "orders-db").judged_apart("argocd", "shops");
    for expected in [expected(), named] {
        let application_set = "argocd/shops".to_owned();
        let stale = Verdict::Stale(Stale::ApplicationSet { application_set }, StaleAction::AskPeople);
        assert_eq!(verdict(&expected, &state), stale);
        // One that is no longer asked for, and not pruned, goes on making them.
        let left_over = put(state.clone(), "/status/resources/3/requiresPruning", json!(true));
        assert_eq!(verdict(&expected, &left_over), stale);
    }
}

/// Since 3.5 a summary says whether there are any.
#[test]
fn applications_that_come_of_something_else_are_seen_to_be_there() {
    let some = |state| put(state, "/status/summary/isAppOfApps", json!(true));
    let hidden = Verdict::Stale(Stale::HiddenApplications, StaleAction::AskPeople);
    assert_eq!(verdict(&expected(), &some(ready())), hidden);
    let named = expected().judged_apart("argocd", "orders-db");
    assert_eq!(verdict(&named, &some(managing(&[APPLICATION]))), Verdict::Ready);
    let left_over = put(managing(&[APPLICATION]), "/status/resources/2/requiresPruning", json!(true));
    assert_eq!(verdict(&expected(), &some(left_over)), Verdict::Ready);
}

#[test]
fn what_deploys_nothing_by_argo_cd_needs_no_verdict() {
    for other in [
        ("app.k8s.io", "Application", "orders"),
        ("argoproj.io", "AppProject", "shop"),
        ("argoproj.io", "Rollout", "orders"),
        ("", "ConfigMap", "Application"),
    ] {
        assert_eq!(verdict(&expected(), &managing(&[other])), Verdict::Ready, "{other:?}");
    }
    // It is no longer asked for, and not pruned.
    let left_over = put(managing(&[APPLICATION]), "/status/resources/2/requiresPruning", json!(true));
    assert_eq!(verdict(&expected(), &left_over), Verdict::Ready);
}
