//! The fake cluster answers as a real API server did, where its recorded answers lie beside the workspace.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use libtest_mimic::Trial;
use pathops_fakes::argocd::{Body, Cluster, Piece, Reply, Request};
use serde_json::Value;

use crate::trial;
use crate::world::{application, cluster};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("the_fake_answers_in_the_shapes_of_a_real_server", the_fake_answers_in_the_shapes_of_a_real_server)]
}

fn recorded(name: &str) -> Option<Value> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/k8s-1.36");
    let text = std::fs::read_to_string(folder.join(name)).ok()?;
    Some(serde_json::from_str(text.lines().next().filter(|line| line.ends_with('}')).unwrap_or(&text)).unwrap())
}

/// The names of the fields, and what is equal in every answer of the kind.
fn shape(value: &Value) -> BTreeSet<String> {
    let own = |key: &str| matches!(key, "kind" | "status" | "reason" | "code");
    value.as_object().unwrap().iter().map(|(key, value)| if own(key) { format!("{key}={value}") } else { key.clone() }).collect()
}

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

async fn ask(cluster: &Cluster, head: &str, body: &str) -> Value {
    let mut request = Request::parse(&format!("{head} HTTP/1.1\r\nauthorization: Bearer first")).unwrap();
    request.body = body.as_bytes().to_vec();
    value(cluster.answer(request).await).await
}

async fn value(reply: Reply) -> Value {
    let bytes = match reply.body {
        Body::Whole(bytes) => bytes,
        Body::Stream(mut pieces) => match pieces.recv().await.unwrap() {
            Piece::Bytes(bytes) => bytes,
            Piece::Cut => panic!("it broke off"),
        },
    };
    serde_json::from_slice(&bytes).unwrap()
}

async fn the_fake_answers_in_the_shapes_of_a_real_server() {
    let (Some(refused), Some(missing), Some(page), Some(event), Some(review)) = (
        recorded("401.json"),
        recorded("cm-404.json"),
        recorded("list-page.json"),
        recorded("watch.ndjson"),
        recorded("ssar.json"),
    ) else {
        println!("SKIPPED: there are no recorded answers of a real server");
        return;
    };
    let cluster = cluster();
    cluster.put(application("argocd", "a"));
    cluster.put(application("argocd", "b"));
    let all = "/apis/argoproj.io/v1alpha1/applications";
    assert_eq!(value(cluster.answer(Request::parse(&format!("GET {all} HTTP/1.1")).unwrap()).await).await, refused);
    let none = ask(&cluster, "GET /apis/argoproj.io/v1alpha1/namespaces/argocd/applications/none", "").await;
    assert_eq!(shape(&none), shape(&missing));
    let list = ask(&cluster, &format!("GET {all}?limit=1"), "").await;
    assert_eq!((keys(&list), keys(&list["metadata"])), (keys(&page), keys(&page["metadata"])));
    let watch = format!("GET {all}?watch=1&allowWatchBookmarks=true&timeoutSeconds=5&resourceVersion=0");
    let told = ask(&cluster, &watch, "").await;
    assert_eq!((keys(&told), &told["type"]), (keys(&event), &event["type"]));
    let asked = r#"{"spec":{"resourceAttributes":{"verb":"get","group":"","resource":"secrets"}}}"#;
    let allowed = ask(&cluster, "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews", asked).await;
    assert_eq!(allowed["status"], review["status"]);
}
