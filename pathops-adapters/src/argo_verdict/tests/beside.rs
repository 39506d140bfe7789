//! What lies beside what is expected: files beside the folder, and resources that are left over.

use super::*;

/// A later commit with the same folder asks for something else where files beside the folder are read.
#[test]
fn files_beside_the_folder_count_where_they_are_read() {
    let both =
        expected().and(ExpectedSource::chart("oci://charts", "app", "1.2.3")).hook(ExpectedHook::Type("PostSync".to_owned()));
    let reading = |file: &str, found: char| {
        let mut state = several_sources();
        for place in ["/spec", "/status/sync/comparedTo", "/status/operationState/syncResult"] {
            state = put(state, &format!("{place}/sources/0/helm"), json!({"valueFiles": [file], "values": "a: 1\n".repeat(100)}));
        }
        put(state, "/status/sync/revisions/1", json!(commit(found)))
    };
    for (file, beside) in [
        ("$values/envs/preflight/values.yaml", false),
        ("$values/envs/preflight-2/values.yaml", true),
        ("$values/common/values.yaml", true),
        ("$values/envs/preflight/../production/values.yaml", true),
        ("$other/common/values.yaml", false),
        ("values.yaml", false),
    ] {
        assert_eq!(verdict(&both, &reading(file, 'b')), Verdict::Ready, "{file}");
        // `c` is a later one whose folder is the same; of the whole nobody knows.
        let mut later = Application::from_value(&reading(file, 'c')).unwrap();
        for _ in 0..2 {
            let said = judge(&both, &later, &history(), at(30).parse().unwrap());
            assert_eq!(reason_of(&said) == "stale unknown-tree", beside, "{file}: {said}");
            #[cfg(feature = "argocd")]
            later.compact();
        }
    }
    // Of a chart in Git, files outside of it.
    let own = |file: &str| {
        let state = put(ready(), "/spec/source/helm", json!({"valueFiles": [file]}));
        let state = put(state, "/status/sync/comparedTo/source/helm", json!({"valueFiles": [file]}));
        reason_of(&verdict(&expected(), &put(state, "/status/sync/revision", json!(commit('c')))))
    };
    assert_eq!(own("values.yaml"), "ready");
    assert_eq!(own("/envs/preflight/values.yaml"), "ready");
    for beside in ["../values.yaml", "/common/values.yaml"] {
        assert_eq!(own(beside), "stale unknown-tree", "{beside}");
    }
}

#[test]
fn what_is_only_left_over_is_not_there() {
    let left_over = json!({"kind": "Deployment", "name": "old", "status": "OutOfSync", "requiresPruning": true});
    let only = put(ready(), "/status/resources", json!([left_over]));
    assert_eq!(reason_of(&verdict(&expected(), &only)), "failed no-resources");
    let first = put(ready(), "/status/resources", json!([left_over, {"kind": "Deployment", "name": "app", "status": "Synced"}]));
    let mut application = Application::from_value(&first).unwrap();
    for _ in 0..2 {
        assert_eq!(judge(&expected(), &application, &history(), at(30).parse().unwrap()), Verdict::Ready);
        #[cfg(feature = "argocd")]
        application.compact();
    }
}
