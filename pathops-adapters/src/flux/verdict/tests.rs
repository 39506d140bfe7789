//! Each condition taken away from a state that is ready, one at a time. The states are made by hand, in the shape of Flux's and
//! Kubernetes' definitions.

use std::time::Duration;

use pathops_core::{CommitId, UnixMillis};
use serde_json::{Value, json};

use super::*;

mod any;
mod releases;
mod settling;
mod states;
mod versions;
mod workloads;

const REPO: &str = "https://git.example/shop/orders-gitops";
const PATH: &str = "envs/preflight";

fn commit(digit: char) -> CommitId {
    CommitId::parse(digit.to_string().repeat(40)).unwrap()
}

fn revision(digit: char) -> String {
    format!("main@sha1:{}", commit(digit))
}

fn at(second: u32) -> String {
    format!("2026-11-22T12:00:{second:02}Z")
}

/// `a`, then the expected `b`, then `c` with the same tree as `b`, then `d` with that of `a`. Nothing is known of the tree of `f`.
struct Line;

impl Line {
    fn place(commit: &CommitId) -> Option<usize> {
        "abcdf".find(commit.as_str().chars().next()?)
    }
}

impl History for Line {
    fn descends(&self, _: &str, commit: &CommitId, ancestor: &CommitId) -> Option<bool> {
        Some(Self::place(commit)? > Self::place(ancestor)?)
    }

    fn same_tree(&self, _: &str, path: &str, one: &CommitId, other: &CommitId) -> Option<bool> {
        assert_eq!(path, PATH);
        let tree = |commit: &CommitId| [0, 1, 1, 0].get(Self::place(commit)?).copied();
        Some(tree(one)? == tree(other)?)
    }
}

/// The three objects that a state is made of here: the Kustomization, its source, its only workload.
fn ready() -> Value {
    let condition = |kind: &str, reason: &str, generation: u32, second: u32| {
        json!({"type": kind, "status": "True", "reason": reason, "message": "fine", "observedGeneration": generation,
            "lastTransitionTime": at(second)})
    };
    json!({
        "kustomization": {
            "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"namespace": "flux-system", "name": "orders", "generation": 3, "resourceVersion": "7",
                "annotations": {"reconcile.fluxcd.io/requestedAt": "now"}},
            "spec": {"path": "./envs/preflight", "prune": true, "wait": true, "interval": "10m", "suspend": false,
                "sourceRef": {"kind": "GitRepository", "name": "desired"}},
            "status": {
                "observedGeneration": 3, "lastHandledReconcileAt": "now",
                "lastAppliedRevision": revision('b'), "lastAttemptedRevision": revision('b'),
                "conditions": [condition("Ready", "ReconciliationSucceeded", 3, 20), condition("Healthy", "Succeeded", 3, 20)],
                "inventory": {"entries": [
                    {"id": "shop_orders_apps_Deployment", "v": "v1"}, {"id": "shop_orders__Service", "v": "v1"},
                    {"id": "_shop__Namespace", "v": "v1"}, {"id": "shop_a__b_rbac.authorization.k8s.io_Role", "v": "v1"}
                ]},
                "history": [{"digest": "sha256:1", "firstReconciled": at(11), "lastReconciled": at(20),
                    "lastReconciledStatus": "ReconciliationSucceeded", "totalReconciliations": 3}]
            }
        },
        "source": {
            "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": {"namespace": "flux-system", "name": "desired", "generation": 2},
            "spec": {"url": format!("{REPO}.git"), "ref": {"branch": "main"}, "suspend": false},
            "status": {
                "observedGeneration": 2, "artifact": {"revision": revision('b'), "digest": "sha256:0", "lastUpdateTime": at(8)},
                "conditions": [condition("Ready", "Succeeded", 2, 8), condition("ArtifactInStorage", "Succeeded", 2, 8)]
            }
        },
        "workload": {
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"namespace": "shop", "name": "orders", "generation": 5},
            "spec": {"replicas": 2, "template": {"spec": {
                "initContainers": [{"image": "reg/proxy:1"}], "containers": [{"image": "reg/app:v2@sha256:good"}]}}},
            "status": {"observedGeneration": 5, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2,
                "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]}
        },
        "release": null
    })
}

fn expected() -> Expected {
    Expected::new(REPO, PATH, commit('b'), at(5).parse().unwrap()).image("reg/app@sha256:good".parse().unwrap())
}

fn objects(state: &Value) -> Result<Objects, Unreadable> {
    let json = |name: &str| Some(state[name].to_string().into_bytes()).filter(|_| !state[name].is_null());
    let kustomization = Kustomization::from_json(&json("kustomization").unwrap_or_default())?;
    let source = json("source").map(|source| Source::from_json(&source)).transpose()?;
    let mut objects = Objects::new(kustomization, source);
    if let Some(workload) = json("workload") {
        objects = objects.workload(Workload::from_json(&workload)?);
    }
    if let Some(release) = json("release") {
        objects = objects.release(HelmRelease::from_json(&release)?);
    }
    Ok(objects)
}

fn verdict(expected: &Expected, state: &Value) -> Verdict {
    judge(expected, &objects(state).unwrap(), &Line, at(30).parse().unwrap())
}

fn put(mut state: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    match state.pointer_mut(parent).unwrap() {
        Value::Array(values) => values[field.parse::<usize>().unwrap()] = value,
        parent => parent[field.replace("~1", "/")] = value,
    }
    state
}

/// The state with these changes.
fn with<const N: usize>(changes: [(&str, Value); N]) -> Value {
    changes.into_iter().fold(ready(), |state, (pointer, value)| put(state, pointer, value))
}

fn reason_of(verdict: &Verdict) -> String {
    let (kind, reason) = match verdict {
        Verdict::Ready => return "ready".to_owned(),
        Verdict::NotYet(reason) => ("not-yet", serde_json::to_value(reason)),
        Verdict::Stale(reason, _) => ("stale", serde_json::to_value(reason)),
        Verdict::Failed(reason) => ("failed", serde_json::to_value(reason)),
    };
    format!("{kind} {}", reason.unwrap()["reason"].as_str().unwrap())
}

/// Holds each state against the reason that it has to have.
fn check<'a>(states: impl IntoIterator<Item = (&'a str, Value, &'a str)>) {
    for (pointer, value, reason) in states {
        let state = put(ready(), pointer, value.clone());
        assert_eq!(reason_of(&verdict(&expected(), &state)), reason, "{pointer} = {value}");
    }
}
