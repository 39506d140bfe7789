//! Plays Argo CD: compares Applications with Git when it is asked to and after each operation, syncs by itself, runs hooks, and
//! writes down what it sees as Argo CD does. What runs is a line in memory.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{Clock as _, Scm};
use pathops_core::{CommitId, IdempotencyKey, OpContext, RepoId, RepoPath, TreeId, UnixMillis};
use pathops_fakes::argocd::{Cluster, Key, second};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

const REFRESH: &str = "argocd.argoproj.io/refresh";

/// The repository of the image that everything runs.
pub(crate) const IMAGE: &str = "registry.example/shop/orders";

/// The hooks that every desired state declares: the first may fail.
pub(crate) const HOOKS: [&str; 2] = ["orders-smoke", "orders-health"];

/// What a commit asks for.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    tree: TreeId,
    /// The file `desired`: what becomes of it.
    fate: String,
    digest: String,
}

#[derive(Clone, Debug, Default)]
struct App {
    live: Option<Asked>,
    health: Option<(&'static str, UnixMillis)>,
    operation: Option<Operation>,
    /// The head, and what it asks for.
    seen: Option<(CommitId, Asked)>,
    compare: bool,
}

#[derive(Clone, Debug)]
struct Operation {
    commit: CommitId,
    asked: Asked,
    started: UnixMillis,
    finished: Option<UnixMillis>,
}

/// A controller that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Controller(JoinHandle<()>);

impl Drop for Controller {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Playing {
    cluster: Cluster,
    scm: Arc<dyn Scm>,
    repo: RepoId,
    apps: HashMap<Key, App>,
}

impl Controller {
    pub(crate) fn start(cluster: Cluster, scm: Arc<dyn Scm>, repo: RepoId) -> Self {
        let mut playing = Playing { cluster, scm, repo, apps: HashMap::new() };
        Self(tokio::spawn(async move {
            loop {
                playing.step().await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }))
    }
}

fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("controller"))
}

impl Playing {
    async fn step(&mut self) {
        for object in self.cluster.all() {
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap().to_owned();
            let at = (text("/metadata/namespace"), text("/metadata/name"));
            let mut app = self.apps.remove(&at).unwrap_or_default();
            let asked = object["metadata"]["annotations"].get(REFRESH).is_some();
            if app.operation.as_ref().is_some_and(|operation| operation.finished.is_none()) {
                self.end_operation(&at, &mut app);
            } else if asked || app.compare {
                self.compare(&at, &mut app, &object).await;
            }
            self.apps.insert(at, app);
        }
    }

    async fn compare(&self, at: &Key, app: &mut App, object: &Value) {
        let began = SystemClock.now();
        let spec = &object["spec"];
        let branch = spec["source"]["targetRevision"].as_str().unwrap().parse().unwrap();
        let path: RepoPath = spec["source"]["path"].as_str().unwrap().parse().unwrap();
        let Some(head) = self.scm.branch_head(&cx(), &self.repo, &branch).await.unwrap() else { return };
        app.seen = self.asked(&head, &path).await.map(|asked| (head.clone(), asked));
        let live = app.live.as_ref();
        let in_sync = live.map(|it| &it.tree) == app.seen.as_ref().map(|(_, asked)| &asked.tree);
        let health = match live.map(|it| it.fate.as_str()) {
            None => "Missing",
            Some("Broken") => "Degraded",
            Some(_) => "Healthy",
        };
        if app.health.is_none_or(|(was, _)| was != health) {
            app.health = Some((health, SystemClock.now()));
        }
        let since = app.health.unwrap().1;
        let image = live.map(|it| format!("{IMAGE}@{}", it.digest));
        let resource = json!({"version": "v1", "kind": "Deployment", "group": "apps", "namespace": "shop", "name": "orders",
            "status": if in_sync { "Synced" } else { "OutOfSync" }});
        self.cluster.edit(at, |object| {
            if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
                annotations.remove(REFRESH);
            }
            let spec = object["spec"].clone();
            let status = &mut object["status"];
            status["sync"] = json!({"status": if in_sync { "Synced" } else { "OutOfSync" }, "revision": head,
                "comparedTo": {"source": spec["source"], "destination": spec["destination"]}});
            status["health"] = json!({"status": health, "lastTransitionTime": second(since)});
            status["reconciledAt"] = second(began);
            status["resources"] = json!([resource]);
            status["summary"] = json!({"images": image.as_slice(), "externalURLs": ["https://orders.example"]});
        });
        app.compare = false;
        let Some((commit, asked)) = app.seen.clone().filter(|_| !in_sync) else { return };
        // It does not sync again to what it has tried.
        if app.operation.as_ref().is_some_and(|last| last.commit == commit) {
            return;
        }
        app.operation = Some(Operation { commit, asked, started: SystemClock.now(), finished: None });
        let operation = app.operation.clone().unwrap();
        self.cluster.edit(at, |object| object["status"]["operationState"] = written(&operation, object));
    }

    fn end_operation(&self, at: &Key, app: &mut App) {
        let operation = app.operation.as_mut().unwrap();
        operation.finished = Some(SystemClock.now());
        app.live = Some(operation.asked.clone());
        app.compare = true;
        let operation = operation.clone();
        self.cluster.edit(at, |object| object["status"]["operationState"] = written(&operation, object));
    }

    async fn asked(&self, head: &CommitId, path: &RepoPath) -> Option<Asked> {
        let tree = self.scm.tree_at(&cx(), &self.repo, head, path).await.unwrap()?;
        let file = async |name: &str| {
            let bytes = self.scm.read_file(&cx(), &self.repo, head, &path.join(name).unwrap()).await.unwrap()?;
            Some(String::from_utf8(bytes).unwrap())
        };
        Some(Asked { tree, fate: file("desired").await?, digest: file("image").await? })
    }
}

/// The state of an operation, as Argo CD writes it.
fn written(operation: &Operation, object: &Value) -> Value {
    let fate = operation.asked.fate.as_str();
    let (phase, message) = match (operation.finished, fate) {
        (None, _) => ("Running", "waiting for healthy state of apps/Deployment/orders"),
        (_, "Broken") => ("Failed", "one or more objects failed to become healthy: apps/Deployment/orders"),
        (_, "FailingJob") => ("Failed", "one or more synchronization tasks completed unsuccessfully"),
        _ => ("Succeeded", "successfully synced (all tasks run)"),
    };
    let hook = |(index, name): (usize, &&str)| {
        let fails = index == 0 && fate == "FailingJob";
        let (phase, message) =
            if fails { ("Failed", "Job has reached the specified backoff limit") } else { ("Succeeded", "ok") };
        json!({"group": "batch", "version": "v1", "kind": "Job", "namespace": "shop", "name": name, "message": message,
            "hookType": "PostSync", "hookPhase": phase, "syncPhase": "PostSync"})
    };
    let mut resources =
        vec![json!({"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "orders",
        "status": "Synced", "message": "deployment.apps/orders configured", "syncPhase": "Sync"})];
    if operation.finished.is_some() && fate != "Broken" {
        resources.extend(HOOKS.iter().enumerate().map(hook));
    }
    let mut state = json!({
        "phase": phase, "message": message, "startedAt": second(operation.started),
        "operation": {"sync": {"revision": operation.commit}, "initiatedBy": {"automated": true}, "retry": {"limit": 5}},
        "syncResult": {"revision": operation.commit, "source": object["spec"]["source"], "resources": resources}
    });
    if let Some(finished) = operation.finished {
        state["finishedAt"] = second(finished);
    }
    state
}
