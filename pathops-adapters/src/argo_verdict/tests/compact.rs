//! What is dropped changes no verdict.

use super::*;

/// The verdicts on a state as it is, and once what does not matter is dropped.
fn both(expected: &Expected, state: &Value) -> [Verdict; 2] {
    let whole = Application::from_value(state).unwrap();
    let mut compact = whole.clone();
    compact.compact();
    [whole, compact].map(|application| judge(expected, &application, &history(), at(30).parse().unwrap()))
}

fn unchanged(expected: &Expected, state: &Value) -> Verdict {
    let [whole, compact] = both(expected, state);
    assert_eq!(whole, compact, "{state:#}");
    whole
}

#[test]
fn whatever_the_state_is() {
    let mut all = Vec::new();
    pointers(&ready(), "", &mut all);
    let tested = expected().hook(ExpectedHook::Type("PostSync".to_owned())).hook(ExpectedHook::Named("load".to_owned()));
    let strange =
        [json!(null), json!(-1), json!(""), json!("x"), json!([]), json!({"x": {}}), json!("Failed"), json!("OutOfSync")];
    for (pointer, value) in all.iter().flat_map(|pointer| strange.iter().map(move |value| (pointer, value))) {
        let state = put(ready(), pointer, value.clone());
        if Application::from_value(&state).is_ok() {
            unchanged(&tested, &state);
        }
    }
}

#[test]
fn whichever_of_many_resources_it_is_about() {
    let resource = |number: usize| json!({"kind": "Service", "name": format!("s{number}"), "status": "Synced"});
    let many = json!((0..50).map(resource).collect::<Vec<_>>());
    for (field, value, reason) in [
        ("status", json!("OutOfSync"), "not-yet out-of-sync"),
        ("health", json!({"status": "Degraded", "message": "no"}), "not-yet unhealthy"),
        ("requiresPruning", json!(true), "ready"),
    ] {
        for index in [0, 1, 49] {
            let mut state = put(ready(), "/status/resources", many.clone());
            state["status"]["resources"][index][field] = value.clone();
            state["status"]["resources"][49]["hook"] = json!(index != 49);
            assert_eq!(reason_of(&unchanged(&expected(), &state)), reason);
        }
    }
    let mut application = Application::from_value(&put(ready(), "/status/resources", many)).unwrap();
    application.compact();
    assert_eq!(application.status.resources.len(), 1);
}

#[test]
fn whatever_it_manages_that_argo_cd_deploys_by() {
    let child = |number: usize| json!({"group": "argoproj.io", "kind": "Application", "namespace": "argocd", "name": format!("a{number}")});
    let mut resources =
        vec![json!({"kind": "Deployment", "name": "app", "status": "Synced"}), json!({"kind": "Service", "name": "app"})];
    resources.extend((0..3).map(child));
    let state = put(ready(), "/status/resources", json!(resources));
    let two = expected().judged_apart("argocd", "a0").judged_apart("argocd", "a1");
    let applications = vec!["argocd/a2".to_owned()];
    assert_eq!(unchanged(&two, &state), Verdict::Stale(Stale::UnnamedApplications { applications }, StaleAction::AskPeople));
    assert_eq!(unchanged(&two.judged_apart("argocd", "a2"), &state), Verdict::Ready);
    let mut application = Application::from_value(&state).unwrap();
    application.compact();
    assert_eq!(application.children().collect::<Vec<_>>(), [("argocd", "a0"), ("argocd", "a1"), ("argocd", "a2")]);
    let set = put(state, "/status/resources/4/kind", json!("ApplicationSet"));
    assert_eq!(reason_of(&unchanged(&expected(), &set)), "stale application-set");
    let mut left_over = put(ready(), "/status/summary/isAppOfApps", json!(true));
    left_over["status"]["resources"][1] = json!({"group": "argoproj.io", "kind": "Application", "requiresPruning": true});
    assert_eq!(unchanged(&expected(), &left_over), Verdict::Ready);
}

#[test]
fn settings_stay_as_alike_as_they_were() {
    let helm =
        |values: &str| json!({"values": values.repeat(200), "parameters": [{"name": "a", "value": "b", "forceString": false}]});
    for (asked, compared, alike) in [
        (helm("a: 1\n"), helm("a: 1\n"), true),
        (helm("a: 1\n"), helm("a: 2\n"), false),
        (helm("a: 1\n"), json!({"values": "a: 1"}), false),
        (
            json!({"parameters": [{"value": "b", "name": "a"}], "values": "a: 1\n".repeat(200), "fileParameters": []}),
            helm("a: 1\n"),
            true,
        ),
    ] {
        let state = put(ready(), "/spec/source/helm", asked);
        let state = put(state, "/status/sync/comparedTo/source/helm", compared);
        let verdict = unchanged(&expected(), &state);
        assert_eq!(verdict.is_ready(), alike, "{verdict}");
    }
}

#[test]
fn little_is_left() {
    let mut state = put(ready(), "/status/conditions/0/message", json!("é".repeat(5_000)));
    state["spec"]["source"]["helm"] = json!({"values": "x".repeat(100_000)});
    let mut application = Application::from_value(&state).unwrap();
    application.compact();
    let left = format!("{application:?}").len();
    assert!(left < 5_000, "{left}");
}
