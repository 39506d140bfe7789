//! What an Application leaves out, and Argo CD's own API tells.

use std::path::Path;

use libtest_mimic::Trial;
use pathops_core::adapter::{GitOps as _, NotYet, Readiness};
use serde_json::{Value, json};

use crate::scene::{Scene, place};
use crate::trial;
use crate::world::{Way, cx};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("health_that_is_left_out_is_read_from_the_tree", health_that_is_left_out_is_read_from_the_tree),
        trial("a_tree_that_cannot_be_read_is_no_good_health", a_tree_that_cannot_be_read_is_no_good_health),
        trial("a_closed_sync_window_is_told", a_closed_sync_window_is_told),
        trial("the_fake_tells_what_argo_cd_describes", the_fake_tells_what_argo_cd_describes),
    ]
}

fn nodes(health: &str) -> Value {
    json!([
        {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "orders", "uid": "1",
            "resourceVersion": "7", "health": {"status": health, "message": "1 of 3 updated"}, "createdAt": "2026-11-22T12:00:00Z"},
        {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "other", "name": "orders", "health": {"status": "Missing"}},
        // It was evicted, and stays.
        {"version": "v1", "kind": "Pod", "namespace": "shop", "name": "orders-1", "parentRefs": [{"kind": "ReplicaSet", "uid": "2"}],
            "images": ["registry.example/shop/orders"], "health": {"status": "Degraded"}}
    ])
}

fn not_yet(message: &str) -> Readiness {
    Readiness::NotYet(NotYet::Reported { message: message.to_owned() })
}

async fn health_that_is_left_out_is_read_from_the_tree() {
    let scene = Scene::new().await;
    let (cluster, beside) = (&scene.servers.cluster, &scene.servers.beside);
    beside.resources(&place(), &nodes("Suspended"));
    for way in [Way::Kubernetes, Way::Server, Way::Annotation] {
        let argo = scene.argo(way);
        let seen = async || argo.observe(&cx(), &scene.expected()).await.unwrap().readiness;
        cluster.edit(&place(), |object| object["status"]["resourceHealthSource"] = json!(""));
        assert_eq!(seen().await, Readiness::Ready, "{way:?}: it is said to stand inline");
        cluster.edit(&place(), |object| object["status"]["resourceHealthSource"] = json!("appTree"));
        cluster.calls();
        let suspended = seen().await;
        let asked = cluster.calls();
        if matches!(way, Way::Annotation) {
            assert_eq!(suspended, Readiness::Ready, "nothing else can be asked");
            continue;
        }
        assert_eq!(suspended, not_yet("Suspended: Deployment/orders"), "{way:?}");
        assert!(asked.len() == 2 && asked[1].contains("/orders-preflight/resource-tree?appNamespace=argocd"), "{asked:?}");
        beside.resources(&place(), &nodes("Healthy"));
        assert_eq!(seen().await, Readiness::Ready, "{way:?}");
        beside.resources(&place(), &nodes("Suspended"));
    }
}

async fn a_tree_that_cannot_be_read_is_no_good_health() {
    let scene = Scene::new().await;
    scene.servers.cluster.edit(&place(), |object| object["status"]["resourceHealthSource"] = json!("appTree"));
    let argo = scene.argo(Way::Kubernetes);
    let error = argo.observe(&cx(), &scene.expected()).await.unwrap_err();
    assert!(error.to_string().contains("read the resources of an Application"), "{error}");
    scene.servers.beside.resources(&place(), &json!(7));
    assert_eq!(argo.observe(&cx(), &scene.expected()).await.unwrap_err().kind(), pathops_core::ErrorKind::Unexpected);
}

async fn a_closed_sync_window_is_told() {
    let scene = Scene::new().await;
    let (cluster, beside) = (&scene.servers.cluster, &scene.servers.beside);
    cluster.edit(&place(), |object| object["status"]["sync"]["status"] = json!("OutOfSync"));
    let argo = scene.argo(Way::Kubernetes);
    let seen = async || argo.observe(&cx(), &scene.expected()).await.unwrap().readiness;
    let Readiness::NotYet(NotYet::Reported { message }) = seen().await else { panic!("it is out of sync") };
    assert!(message.starts_with("not in sync: OutOfSync; its sync windows are not known: "), "{message}");
    let deny = json!([{"kind": "deny", "schedule": "0 22 * * *", "duration": "8h", "manualSync": true}]);
    beside.windows(&place(), &Value::Null, &deny);
    assert_eq!(seen().await, not_yet("not in sync: OutOfSync"));
    beside.windows(&place(), &deny, &deny);
    let closed = "not in sync: OutOfSync; its project denies to sync it in this window: `0 22 * * *` for 8h";
    assert_eq!(seen().await, not_yet(closed));
    let alone = scene.argo(Way::Annotation).observe(&cx(), &scene.expected()).await.unwrap().readiness;
    assert_eq!(alone, not_yet("not in sync: OutOfSync"), "nothing else can be asked");
    cluster.edit(&place(), |object| object["status"]["sync"]["status"] = json!("Synced"));
    assert_eq!(seen().await, Readiness::Ready, "what is live is not taken back by a window");
}

/// Every field that the fake gives is one of Argo CD's own description, where that lies beside the workspace.
async fn the_fake_tells_what_argo_cd_describes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/argo-cd/swagger.json");
    let Ok(text) = std::fs::read(path) else {
        println!("SKIPPED: there is no description of Argo CD's API");
        return;
    };
    let described: Value = serde_json::from_slice(&text).unwrap();
    let fields = |definition: &str| -> Vec<String> {
        described["definitions"][definition]["properties"].as_object().unwrap().keys().cloned().collect()
    };
    let node = [fields("v1alpha1ResourceNode"), fields("v1alpha1ResourceRef")].concat();
    for given in nodes("Healthy").as_array().unwrap().iter().flat_map(|node| node.as_object().unwrap().keys()) {
        assert!(node.contains(given), "{given} is no field of a node");
    }
    assert_eq!(fields("v1alpha1ApplicationTree"), ["hosts", "nodes", "orphanedNodes", "shardsCount"]);
    assert_eq!(fields("applicationApplicationSyncWindowsResponse"), ["activeWindows", "assignedWindows", "canSync"]);
    assert_eq!(fields("applicationApplicationSyncWindow"), ["duration", "kind", "manualSync", "schedule"]);
    for path in ["/api/v1/applications/{applicationName}/resource-tree", "/api/v1/applications/{name}/syncwindows"] {
        assert!(described["paths"].get(path).is_some(), "{path}");
    }
}
