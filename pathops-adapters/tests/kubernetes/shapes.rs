//! The fake answers as a real API server did, where its recorded answers lie beside the workspace.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use pathops_fakes::argocd::{Body, Cluster, Reply, Request};
use serde_json::Value;

use crate::trial;
use crate::world::Scene;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("the_fake_answers_in_the_shapes_of_a_real_server", the_fake_answers_in_the_shapes_of_a_real_server)]
}

fn recorded(name: &str) -> Option<Value> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/k8s-1.36");
    Some(serde_json::from_str(&std::fs::read_to_string(folder.join(name)).ok()?).unwrap())
}

/// The names of the fields, and what is equal in every answer of the kind.
fn shape(value: &Value) -> BTreeSet<String> {
    let own = |key: &str| matches!(key, "kind" | "status" | "reason" | "code");
    value.as_object().unwrap().iter().map(|(key, value)| if own(key) { format!("{key}={value}") } else { key.clone() }).collect()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

async fn ask(cluster: &Cluster, path: &str) -> Value {
    let head = format!("GET {path} HTTP/1.1\r\nauthorization: Bearer first");
    let Reply { body, .. } = cluster.answer(Request::parse(&head).unwrap()).await;
    let Body::Whole(bytes) = body else { panic!("it is no stream") };
    serde_json::from_slice(&bytes).unwrap()
}

async fn the_fake_answers_in_the_shapes_of_a_real_server() {
    let (Some(denied), Some(missing), Some(page), Some(discovery)) =
        (recorded("403.json"), recorded("cm-404.json"), recorded("list-page.json"), recorded("discovery-v1.json"))
    else {
        println!("SKIPPED: there are no recorded answers of a real server");
        return;
    };
    // What is asked for is there, by these names and with these verbs.
    for (resource, kind, verb) in [("pods", "Pod", "list"), ("events", "Event", "list"), ("pods/log", "Pod", "get")] {
        let resources = discovery["resources"].as_array().unwrap();
        let found = resources.iter().find(|it| it["name"] == resource).unwrap();
        assert_eq!((&found["kind"], &found["namespaced"]), (&Value::from(kind), &Value::from(true)), "{resource}");
        assert!(found["verbs"].as_array().unwrap().contains(&Value::from(verb)), "{resource}");
    }
    let scene = Scene::new().await;
    let cluster = &scene.servers.cluster;
    scene.healthy("aaaaa");
    scene.healthy("bbbbb");
    let list = ask(cluster, "/api/v1/namespaces/shop/pods?limit=1").await;
    assert_eq!((keys(&list), keys(&list["metadata"])), (keys(&page), keys(&page["metadata"])));
    let log = "/api/v1/namespaces/shop/pods/none/log?container=app&sinceTime=2026-11-22T11:45:49Z&tailLines=1&limitBytes=1";
    assert_eq!(shape(&ask(cluster, log).await), shape(&missing));
    cluster.runs().forbid("list pods");
    let refused = ask(cluster, "/api/v1/namespaces/shop/pods?limit=1").await;
    assert_eq!(shape(&refused), shape(&denied));
    assert_eq!(
        refused["message"].as_str().unwrap(),
        denied["message"].as_str().unwrap().replace("secrets", "pods").replace("web", "shop")
    );
}
