//! A fake of Argo CD's own API server, on the objects of a fake cluster.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{Beside, REFRESH};
use crate::kubernetes::{Cluster, Reply, Request, key};

fn refusal(status: u16, code: u16, message: &str) -> Reply {
    Reply::json(status, &json!({"error": message, "code": code, "message": message}))
}

pub(super) async fn answer(cluster: Cluster, beside: Beside, request: Request) -> Reply {
    if let Err(refused) = cluster.admit(&request).await {
        return if refused.status == 401 { refusal(401, 16, "no session information") } else { refused };
    }
    let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["api", "v1", "applications"]) => {
            let metadata = json!({"resourceVersion": cluster.version().to_string()});
            Reply::json(200, &json!({"metadata": metadata, "items": cluster.all()}))
        }
        ("GET", ["api", "v1", "stream", "applications"]) => stream(cluster, &request),
        ("GET", ["api", "v1", "account", "can-i", resource, action, object @ ..]) => {
            if !ACTIONS.contains(action) {
                return refusal(400, 3, &format!("{ACTIONS:?} does not contain {action}"));
            }
            let asked = [*resource, *action, &object.join("/")];
            let value = if may(&cluster.account_policy(), asked) { "yes" } else { "no" };
            Reply::json(200, &json!({"value": value}))
        }
        ("GET", ["api", "v1", "applications", name]) => one(&cluster, &request, name).await,
        ("GET", ["api", "v1", "applications", name, what]) => {
            let told = beside.told(&key(request.query("appNamespace").unwrap_or("argocd"), name), what);
            told.map_or_else(|| refusal(404, 5, "Not Found"), |told| Reply::json(200, &told))
        }
        _ => refusal(404, 5, "Not Found"),
    }
}

/// What may be asked of a policy.
const ACTIONS: [&str; 8] = ["get", "create", "update", "delete", "sync", "override", "action", "invoke"];

/// What a policy says of a resource, an action and an object: allowed by a line, and refused by none.
fn may(policy: &str, asked: [&str; 3]) -> bool {
    let lines = policy.lines().map(|line| line.split(',').map(str::trim).collect::<Vec<_>>());
    let matching = lines.filter_map(|line| match *line.as_slice() {
        ["p", _, resource, action, object, effect] => {
            let pairs = [resource, action, object].into_iter().zip(asked);
            pairs.into_iter().all(|(pattern, text)| is_like(pattern.as_bytes(), text.as_bytes())).then(|| effect == "allow")
        }
        _ => None,
    });
    let effects: Vec<bool> = matching.collect();
    !effects.is_empty() && effects.into_iter().all(|allowed| allowed)
}

/// A star stands for anything, slashes too.
fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|at| is_like(rest, &text[at..])),
        [one, rest @ ..] => text.split_first().is_some_and(|(first, left)| first == one && is_like(rest, left)),
    }
}

async fn one(cluster: &Cluster, request: &Request, name: &str) -> Reply {
    let at = key(request.query("appNamespace").unwrap_or("argocd"), name);
    if cluster.get(&at).is_none() {
        return refusal(404, 5, &format!("applications.argoproj.io {name:?} not found"));
    }
    if let Some(kind) = request.query("refresh") {
        let mut changes = cluster.changes();
        cluster.edit(&at, |object| object["metadata"]["annotations"][REFRESH] = json!(kind));
        // It answers once the controller has taken the annotation away.
        while cluster.get(&at).is_some_and(|object| object["metadata"]["annotations"].get(REFRESH).is_some()) {
            changes.changed().await.unwrap();
        }
    }
    match cluster.get(&at) {
        Some(object) => Reply::json(200, &object),
        None => refusal(404, 5, "gone"),
    }
}

fn stream(cluster: Cluster, request: &Request) -> Reply {
    let version: u64 = request.query("resourceVersion").unwrap().parse().unwrap();
    let (pieces, reply) = mpsc::channel(16);
    tokio::spawn(async move {
        let say =
            |word: &str, object: &Value| (word != "BOOKMARK").then(|| json!({"result": {"type": word, "application": object}}));
        let _over = tokio::time::timeout(Duration::from_secs(300), cluster.tell(version, &pieces, say)).await;
    });
    Reply::stream(reply)
}
