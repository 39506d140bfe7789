//! States that look like a ready one and are not, and such that look unready.

use super::*;

const SETTINGS: [&str; 3] = ["/spec/source", "/status/sync/comparedTo/source", "/status/operationState/syncResult/source"];

/// The ready state with these settings of its source: asked for, compared, and applied.
fn settings(asked: &Value, compared: &Value, applied: &Value) -> Value {
    SETTINGS.into_iter().zip([asked, compared, applied]).fold(ready(), |state, (place, settings)| {
        let mut source = source();
        for (field, value) in settings.as_object().unwrap() {
            source[field] = value.clone();
        }
        put(state, place, source)
    })
}

fn tested() -> Expected {
    expected().hook(ExpectedHook::Type("PostSync".to_owned()))
}

/// The reason, also once what does not matter is dropped.
fn reason(expected: &Expected, state: &Value) -> String {
    let said = reason_of(&verdict(expected, state));
    #[cfg(feature = "argocd")]
    {
        let mut application = Application::from_value(state).unwrap();
        application.compact();
        assert_eq!(reason_of(&judge(expected, &application, &history(), at(30).parse().unwrap())), said, "{state:#}");
    }
    said
}

/// Where people choose freely, a `false`, a zero or an empty text says something: Argo CD leaves out only its own fields.
#[test]
fn what_people_choose_freely_is_compared_as_it_is() {
    let long = "x".repeat(300);
    for (one, other) in [
        (json!({"helm": {"valuesObject": {"ingress": {"enabled": false}}}}), json!({"helm": {"valuesObject": {}}})),
        (json!({"helm": {"valuesObject": {"replicas": 0}}}), json!({"helm": {}})),
        (json!({"helm": {"valuesObject": {"list": [0]}}}), json!({"helm": {"valuesObject": {"list": [null]}}})),
        (json!({"helm": {"valuesObject": {"a": 0, "b": long}}}), json!({"helm": {"valuesObject": {"a": false, "b": long}}})),
        (json!({"kustomize": {"commonAnnotations": {"a": ""}}}), json!({})),
        (json!({"plugin": {"parameters": [{"name": "a", "string": ""}]}}), json!({"plugin": {"parameters": [{"name": "a"}]}})),
    ] {
        for (asked, compared) in [(&one, &other), (&other, &one)] {
            let state = settings(asked, compared, compared);
            assert_eq!(reason(&expected(), &state), "not-yet other-spec", "{asked} {compared}");
            assert_eq!(reason(&expected(), &settings(asked, asked, asked)), "ready", "{asked}");
        }
    }
    for (one, other) in [
        (json!({"helm": {"valuesObject": {}, "skipCrds": false}}), json!({"helm": {}})),
        (
            json!({"helm": {"parameters": [{"name": "a", "value": "", "forceString": false}]}}),
            json!({"helm": {"parameters": [{"name": "a"}]}}),
        ),
        // A merge patch takes away what is `null`.
        (json!({"helm": {"valuesObject": {"probe": null, "a": {"b": null}}}}), json!({"helm": {"valuesObject": {"a": {}}}})),
        (json!({"helm": {"valuesObject": {"replicas": null}}}), json!({})),
        (json!({"kustomize": {"images": []}}), json!({"kustomize": {"namePrefix": ""}})),
    ] {
        assert_eq!(reason(&tested(), &settings(&one, &other, &other)), "ready", "{one} {other}");
    }
}

#[test]
fn hooks_that_ran_for_other_settings_tell_nothing() {
    let [old, new] = ["old", "new"].map(|value| json!({"helm": {"parameters": [{"name": "v", "value": value}]}}));
    assert_eq!(reason(&tested(), &settings(&new, &new, &new)), "ready");
    assert_eq!(reason(&tested(), &settings(&new, &new, &old)), "stale not-tested");
    assert_eq!(reason(&expected(), &settings(&new, &new, &old)), "ready", "without a hook nothing rests on it");
    // At another name of the same revision they ran for this.
    assert_eq!(reason(&tested(), &settings(&new, &new, &json!({"helm": new["helm"], "targetRevision": "HEAD"}))), "ready");
}

/// What failed before it knew a commit has failed for what it was asked for, and for anything where that is not told.
#[test]
fn a_failure_before_the_commit_was_known_counts() {
    let operation = "/status/operationState";
    for (told, asked, reason_is) in [
        (json!(""), json!(commit('b')), "failed sync"),
        (json!(null), json!(null), "failed sync"),
        (json!("main"), json!("main"), "failed sync"),
        (json!(""), json!(commit('a')), "ready"),
        (json!(commit('a')), json!(commit('b')), "ready"),
    ] {
        let mut state = put(ready(), &format!("{operation}/phase"), json!("Error"));
        state = put(state, &format!("{operation}/syncResult/revision"), told.clone());
        state = put(state, &format!("{operation}/operation/sync/revision"), asked.clone());
        assert_eq!(
            reason(&expected(), &put(state.clone(), &format!("{operation}/syncResult/resources"), json!([]))),
            reason_is,
            "{told} {asked}"
        );
    }
}

/// Without a result it is known what was asked for, or not at all: then it counts where it ended since our request. An earlier one may be
/// what is live, or not: nobody knows.
#[test]
fn a_failure_that_left_no_result_counts_for_what_was_asked_for() {
    for (asked, ended, is, reason_is) in [
        (json!(commit('b')), 10, "OutOfSync", "failed sync"),
        (json!(commit('a')), 10, "OutOfSync", "not-yet out-of-sync"),
        (json!(""), 10, "OutOfSync", "failed sync"),
        (json!(""), 2, "OutOfSync", "not-yet out-of-sync"),
        (json!(""), 2, "Synced", "stale not-tested"),
        (json!(""), 10, "Synced", "failed sync"),
    ] {
        let operation = json!({"phase": "Error", "finishedAt": at(ended), "operation": {"sync": {"revision": asked}}});
        let state = put(put(ready(), "/status/operationState", operation), "/status/sync/status", json!(is));
        assert_eq!(reason(&expected(), &state), reason_is, "{asked} {ended} {is}");
    }
}

/// What failed with other settings, or at an earlier commit, has not been tried where a sync will follow.
#[test]
fn what_is_yet_to_be_tried_has_not_failed() {
    let [old, new] = ["old", "new"].map(|value| json!({"helm": {"parameters": [{"name": "v", "value": value}]}}));
    let failed = |state| {
        put(put(state, "/status/operationState/phase", json!("Failed")), "/status/operationState/syncResult/resources", json!([]))
    };
    for (is, reason_is) in [("Synced", "failed sync"), ("OutOfSync", "not-yet out-of-sync")] {
        let state = put(failed(settings(&new, &new, &old)), "/status/sync/status", json!(is));
        assert_eq!(reason(&expected(), &state), reason_is, "other settings");
        // `b` failed; `c`, which holds the same, is expected.
        let later = Expected::new(ExpectedSource::git(REPO, PATH, commit('c')), at(5).parse().unwrap());
        let state = put(put(failed(ready()), "/status/sync/revision", json!(commit('c'))), "/status/sync/status", json!(is));
        assert_eq!(reason(&later, &state), reason_is, "an earlier commit");
    }
    assert_eq!(
        reason(&expected(), &put(failed(ready()), "/status/sync/status", json!("OutOfSync"))),
        "failed sync",
        "this very state"
    );
}

/// Lists are no objects, wherever one is read.
#[test]
fn a_list_is_taken_for_no_object() {
    let mut all = Vec::new();
    pointers(&ready(), "", &mut all);
    all.push("/metadata".to_owned());
    let mut tried = 0;
    for pointer in all {
        let Some(Value::Object(fields)) = ready().pointer(&pointer).cloned() else { continue };
        for list in [fields.values().cloned().collect::<Vec<_>>(), Vec::new(), vec![json!("Healthy"), json!("Healthy")]] {
            let state = put(ready(), &pointer, Value::Array(list));
            let ready = Application::from_value(&state)
                .is_ok_and(|it| judge(&tested(), &it, &history(), at(30).parse().unwrap()).is_ready());
            assert!(!ready, "{pointer}: {state:#}");
            tried += 1;
        }
    }
    assert!(tried > 30, "{tried}");
}

#[test]
fn what_argo_cd_has_not_compared_is_nothing_that_is_there() {
    let only = |resource: Value| reason(&expected(), &put(ready(), "/status/resources", json!([resource])));
    assert_eq!(only(json!({"kind": "Endpoints", "name": "app"})), "failed no-resources");
    assert_eq!(only(json!({"kind": "Job", "name": "smoke", "hook": true, "status": "Synced"})), "failed no-resources");
    // Go writes an empty text for what is not there.
    let copy =
        json!([{"kind": "Endpoints", "name": "app", "status": "", "health": {"status": ""}}, ready()["status"]["resources"][0]]);
    assert_eq!(reason(&expected(), &put(ready(), "/status/resources", copy)), "ready");
}

#[test]
fn manifests_of_a_machine_are_not_those_of_git() {
    let local = put(ready(), "/status/operationState/operation/sync/manifests", json!(["{}"]));
    assert_eq!(reason(&expected(), &local), "stale local-manifests");
    assert_eq!(reason(&expected(), &put(local, "/status/sync/revision", json!(""))), "stale local-manifests");
    let wanted = json!({"managedNamespaceMetadata": {"labels": {"a": "b"}}});
    let state = put(ready(), "/spec/syncPolicy", wanted.clone());
    assert_eq!(reason(&expected(), &state), "not-yet other-spec");
    let set =
        put(state, "/status/operationState/syncResult/managedNamespaceMetadata", wanted["managedNamespaceMetadata"].clone());
    assert_eq!(reason(&expected(), &set), "ready");
    // An operation that fails before it sets anything says why.
    let failed = put(put(ready(), "/spec/syncPolicy", wanted), "/status/operationState/phase", json!("Failed"));
    assert_eq!(reason(&tested(), &failed), "failed sync");
}

/// A hook with a generated name is expected by what is before its last `-`.
#[test]
fn a_generated_name_goes_on() {
    let state = put(ready(), "/status/operationState/syncResult/resources/1/name", json!("smoke-aaaaaaa-postsync-1764230410"));
    let named = |name: &str| expected().hook(ExpectedHook::Named(name.to_owned()));
    assert_eq!(reason(&named("smoke-"), &state), "ready");
    assert_eq!(reason(&named("smoke"), &state), "stale not-tested");
    let other = put(state, "/status/operationState/syncResult/resources/1/name", json!("smoke-db"));
    assert_eq!(reason(&named("smoke-"), &other), "stale not-tested", "it is another hook");
}

/// The dry commit is `b`, hydrated to `2`; what is live is `9`, which a squashed pull request made of it.
#[test]
fn what_was_hydrated_may_be_merged_or_left_as_it_was() {
    struct Squashed(bool);

    impl History for Squashed {
        fn descends(&self, _: &str, commit: &CommitId, ancestor: &CommitId) -> Option<bool> {
            history().descends("", commit, ancestor).or(Some(false))
        }

        fn same_tree(&self, _: &str, path: &str, one: &CommitId, other: &CommitId) -> Option<bool> {
            match path {
                PATH => Some(self.0),
                path => history().same_tree("", path, one, other),
            }
        }
    }

    let dry = Expected::new(ExpectedSource::git(REPO, "dry", commit('b')), at(5).parse().unwrap());
    let said = |state: &Value, same| {
        let application = Application::from_value(state).unwrap();
        reason_of(&judge(&dry, &application, &Squashed(same), at(30).parse().unwrap()))
    };
    let merged = ["/status/sync/revision", "/status/operationState/syncResult/revision"]
        .iter()
        .fold(hydrated(), |state, place| put(state, place, json!(commit('9'))));
    assert_eq!(said(&merged, true), "ready");
    assert_eq!(said(&merged, false), "not-yet not-seen");
    #[cfg(feature = "argocd")]
    {
        let live = Application::from_value(&merged).unwrap();
        assert_eq!(live.applied(&ExpectedSource::git(REPO, "dry", commit('b'))), Some(commit('b')), "the dry one is told");
    }

    // `c` has the same dry folder: 3.5 compares it, and hydrates nothing.
    let later = Expected::new(ExpectedSource::git(REPO, "dry", commit('c')), at(5).parse().unwrap());
    let skipped = |compared: char| put(hydrated(), "/status/sourceHydrator/lastComparedDryRevision", json!(commit(compared)));
    let said = |state: &Value| {
        reason_of(&judge(&later, &Application::from_value(state).unwrap(), &Squashed(true), at(30).parse().unwrap()))
    };
    assert_eq!(said(&skipped('c')), "ready");
    assert_eq!(said(&skipped('b')), "not-yet not-seen");
    let read = json!({"valueFiles": ["/moved/values.yaml"]});
    let beside = ["/spec/sourceHydrator", "/status/sourceHydrator/lastSuccessfulOperation/sourceHydrator"]
        .iter()
        .fold(skipped('c'), |state, place| put(state, &format!("{place}/drySource/helm"), read.clone()));
    assert_eq!(said(&beside).split(' ').next(), Some("not-yet"), "what it reads beside its folder has moved");
}
