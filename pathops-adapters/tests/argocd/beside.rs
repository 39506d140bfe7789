//! What an Application leaves out, and Argo CD's own API tells.

use std::path::Path;

use libtest_mimic::Trial;
use pathops_core::adapter::{DeployFailure, GitOps as _, NotYet, Readiness};
use serde_json::{Value, json};

use crate::scene::{Scene, place};
use crate::trial;
use crate::world::{Way, cx};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("what_ails_is_told_by_the_tree", what_ails_is_told_by_the_tree),
        trial("what_does_not_count_holds_nothing_up", what_does_not_count_holds_nothing_up),
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

async fn what_ails_is_told_by_the_tree() {
    let scene = Scene::new().await;
    let (cluster, beside) = (&scene.servers.cluster, &scene.servers.beside);
    beside.resources(&place(), &nodes("Suspended"));
    cluster.edit(&place(), |object| object["status"]["health"]["status"] = json!("Suspended"));
    for way in [Way::Kubernetes, Way::Server, Way::Annotation] {
        let argo = scene.argo(way);
        let seen = async || argo.observe(&cx(), &scene.expected()).await.unwrap().readiness;
        cluster.edit(&place(), |object| object["status"]["resourceHealthSource"] = json!(""));
        assert_eq!(seen().await, not_yet("Suspended"), "{way:?}: it stands inline, and nothing does");
        cluster.edit(&place(), |object| object["status"]["resourceHealthSource"] = json!("appTree"));
        cluster.calls();
        let suspended = seen().await;
        let asked = cluster.calls();
        if matches!(way, Way::Annotation) {
            assert_eq!(suspended, not_yet("Suspended"), "nothing else can be asked");
            continue;
        }
        assert_eq!(suspended, not_yet("Suspended: Deployment/orders: 1 of 3 updated"), "{way:?}");
        assert!(asked.len() == 2 && asked[1].contains("/orders-preflight/resource-tree?appNamespace=argocd"), "{asked:?}");
    }
    // Nothing of it can be read, which is no reason to say nothing of the Application.
    beside.resources(&place(), &json!(7));
    assert_eq!(scene.argo(Way::Kubernetes).observe(&cx(), &scene.expected()).await.unwrap().readiness, not_yet("Suspended"));
    cluster.edit(&place(), |object| object["status"]["health"]["status"] = json!("Degraded"));
    beside.resources(&place(), &nodes("Degraded"));
    let seen = scene.argo(Way::Server).observe(&cx(), &scene.expected()).await.unwrap().readiness;
    let message = "degraded: Deployment/orders: 1 of 3 updated".to_owned();
    assert_eq!(seen, Readiness::Failed(DeployFailure::Unhealthy { message }));
}

/// Argo CD alone knows which resources count for the health of the whole.
async fn what_does_not_count_holds_nothing_up() {
    let scene = Scene::new().await;
    let cluster = &scene.servers.cluster;
    scene.servers.beside.resources(&place(), &nodes("Degraded"));
    cluster.edit(&place(), |object| {
        object["status"]["resourceHealthSource"] = json!("appTree");
        // As Argo CD's own API adds it.
        object["status"]["resources"][0]["health"] = json!({"status": "Degraded"});
    });
    for way in [Way::Kubernetes, Way::Server] {
        cluster.calls();
        let seen = scene.argo(way).observe(&cx(), &scene.expected()).await.unwrap().readiness;
        assert_eq!((seen, cluster.calls().len()), (Readiness::Ready, 1), "{way:?}");
        let (argo, _watching) = scene.watched(way).await;
        cluster.edit(&place(), |object| object["metadata"]["annotations"] = json!({}));
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        assert_eq!(argo.observe(&cx(), &scene.expected()).await.unwrap().readiness, Readiness::Ready, "{way:?}, watched");
    }
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
    let window = "its project denies to sync it in this window: `0 22 * * *` for 8h";
    // One that was begun waits as well, and so does the very first one.
    let operation = cluster.get(&place()).unwrap()["status"]["operationState"].clone();
    cluster.edit(&place(), |object| {
        let state = &mut object["status"]["operationState"];
        (state["phase"], state["message"]) = (json!("Running"), json!("Sync operation blocked by sync window"));
        state.as_object_mut().unwrap().remove("finishedAt");
    });
    assert_eq!(seen().await, not_yet(&format!("an operation is under way; {window}")));
    cluster.edit(&place(), |object| drop(object["status"].as_object_mut().unwrap().remove("operationState")));
    assert_eq!(seen().await, not_yet(&format!("no operation has ended; {window}")));
    cluster.edit(&place(), |object| {
        object["status"]["operationState"] = operation.clone();
        object["status"]["sync"]["status"] = json!("Synced");
    });
    assert_eq!(seen().await, Readiness::Ready, "what is live is not taken back by a window");
}

/// Every field of a node, a tree and windows is one of Argo CD's own description, where that lies beside the workspace.
async fn the_fake_tells_what_argo_cd_describes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/argo-cd/swagger.json");
    let Ok(text) = std::fs::read(path) else {
        assert!(std::env::var_os("PATHOPS_NEEDS_DATA").is_none(), "there is no description of Argo CD's API");
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
