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

/// Whatever names them, folders beside the expected one are asked for one by one: another that has changed says nothing, and of one of
/// these nobody knows whether it is what is read.
#[test]
fn each_folder_that_is_read_has_to_be_the_same() {
    type Naming = fn(&str) -> Value;
    let named: [(&str, Naming); 6] = [
        ("/spec/source/helm", |folder| json!({"valueFiles": [format!("../../{folder}/values.yaml"), "values.yaml"]})),
        ("/spec/source/helm", |folder| json!({"fileParameters": [{"name": "a", "path": format!("/{folder}/a.json")}]})),
        ("/spec/source/kustomize", |folder| json!({"components": [format!("../../{folder}")]})),
        ("/spec/source/kustomize", |folder| json!({"patches": [{"path": format!("../../{folder}/patch.yaml")}]})),
        ("/spec/source/directory", |folder| json!({"jsonnet": {"libs": [folder, "envs/preflight/lib"]}})),
        ("/metadata/annotations", |folder| json!({"argocd.argoproj.io/manifest-generate-paths": format!(".;../../{folder}")})),
    ];
    for (place, named) in named {
        let state = |folder: &str, found: char| {
            let mut state = put(ready(), place, named(folder));
            if let Some(field) = place.strip_prefix("/spec/source/") {
                state = put(state, &format!("/status/sync/comparedTo/source/{field}"), named(folder));
            }
            put(state, "/status/sync/revision", json!(commit(found)))
        };
        for (folder, reason) in [("shared", "ready"), ("moved", "stale unknown-tree"), ("strange", "stale unknown-tree")] {
            assert_eq!(reason_of(&verdict(&expected(), &state(folder, 'b'))), "ready", "{place} {folder}");
            let mut later = Application::from_value(&state(folder, 'c')).unwrap();
            for _ in 0..2 {
                let said = judge(&expected(), &later, &history(), at(30).parse().unwrap());
                assert_eq!(reason_of(&said), reason, "{place} {folder}");
                #[cfg(feature = "argocd")]
                later.compact();
            }
        }
        // What the folder itself holds still counts.
        assert_eq!(reason_of(&verdict(&expected(), &state("shared", 'd'))), "stale superseded", "{place}");
        let source = |tree: char| ExpectedSource::git(REPO, PATH, commit('b')).with_tree(tree_of(tree));
        let of = |tree: char| Expected::new(source(tree), at(5).parse().unwrap());
        for found in ['b', 'c'] {
            assert_eq!(reason_of(&verdict(&of('b'), &state("shared", found))), "ready", "{place}");
        }
        assert_eq!(reason_of(&verdict(&of('a'), &state("shared", 'b'))), "not-yet not-seen", "{place}");
    }
}

/// What an application says that it is made of may be a pattern, whose folder is the one before it.
#[test]
fn a_pattern_is_of_the_folder_before_it() {
    let made_of = |paths: &str| {
        let state = put(ready(), "/metadata/annotations", json!({"argocd.argoproj.io/manifest-generate-paths": paths}));
        reason_of(&verdict(&expected(), &put(state, "/status/sync/revision", json!(commit('c')))))
    };
    for same in [".", "/shared/*-secret.yaml", ".;/shared/*.yaml", "../../shared/s*.yaml", "*.yaml", "/shared"] {
        assert_eq!(made_of(same), "ready", "{same}");
    }
    for unknown in ["/moved/*.yaml", "/*.yaml", "../*/values.yaml", "/strange"] {
        assert_eq!(made_of(unknown), "stale unknown-tree", "{unknown}");
    }
    // A source that is only referred to has no folder that a path could go on from.
    let both = expected().and(ExpectedSource::chart("oci://charts", "app", "1.2.3"));
    let state = put(several_sources(), "/metadata/annotations", json!({"argocd.argoproj.io/manifest-generate-paths": "."}));
    assert_eq!(verdict(&both, &put(state, "/status/sync/revisions/1", json!(commit('c')))), Verdict::Ready);
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
