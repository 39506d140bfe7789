//! Pods, events, logs and measurements of the fake cluster, in the shapes of the official API.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::UnixMillis;
use serde_json::{Value, json};

use super::cluster::{Cluster, Key, key, status};
use super::http::{Body, Reply, Request};
use super::verifications::{KINDS, kind_of};

/// What runs in the cluster.
#[derive(Debug, Default)]
pub struct Runs {
    pods: BTreeMap<Key, Value>,
    events: BTreeMap<Key, Value>,
    /// `None` where nothing measures.
    measured: Option<BTreeMap<Key, Value>>,
    logs: BTreeMap<Log, Vec<(UnixMillis, Vec<u8>)>>,
    forbidden: BTreeSet<String>,
    /// Deployments and their like, by kind.
    workloads: BTreeMap<(String, Key), Value>,
    /// By kind; a kind that is not in it is not installed.
    verifications: BTreeMap<&'static str, BTreeMap<Key, Value>>,
}

/// Whose log: the pod, its container, and whether it is the one from before its last restart.
pub type Log = (Key, String, bool);

impl Runs {
    /// Adds or replaces a pod.
    pub fn pod(&mut self, pod: Value) {
        self.pods.insert(place(&pod), pod);
    }

    /// Takes a pod away.
    pub fn stop(&mut self, pod: &Key) {
        self.pods.remove(pod);
    }

    /// Adds or replaces a Deployment, a StatefulSet or a DaemonSet.
    pub fn workload(&mut self, object: Value) {
        let kind = object["kind"].as_str().unwrap().to_owned();
        self.workloads.insert((kind, place(&object)), object);
    }

    /// Adds an event.
    pub fn event(&mut self, event: Value) {
        self.events.insert(place(&event), event);
    }

    /// Measures from now on; this is what a pod uses.
    pub fn measure(&mut self, pod: Value) {
        self.measured.get_or_insert_default().insert(place(&pod), pod);
    }

    /// A container printed this, with the end of its line.
    pub fn print(&mut self, log: Log, at: UnixMillis, line: impl Into<Vec<u8>>) {
        self.logs.entry(log).or_default().push((at, line.into()));
    }

    /// Argo Rollouts, Kargo and GitOps Promoter are installed from now on.
    pub fn verify(&mut self) {
        self.verifications.extend(KINDS.map(|kind| (kind.kind, BTreeMap::new())));
    }

    /// This kind of theirs is not installed any more.
    pub fn uninstall(&mut self, kind: &str) {
        self.verifications.remove(kind);
    }

    /// Adds or replaces an object of theirs.
    pub fn verified(&mut self, object: Value) {
        let kind = kind_of(&object).kind;
        self.verifications.get_mut(kind).unwrap().insert(place(&object), object);
    }

    /// From now on the credential may not do this: `get pods/log`.
    pub fn forbid(&mut self, right: &str) {
        self.forbidden.insert(right.to_owned());
    }
}

fn place(object: &Value) -> Key {
    key(object["metadata"]["namespace"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
}

/// A pod that a ReplicaSet of a Deployment runs, with these container statuses.
#[must_use]
pub fn pod(at: &Key, instance: &str, containers: &Value) -> Value {
    let (namespace, name) = at;
    let (replica_set, _) = name.rsplit_once('-').unwrap();
    let (_, hash) = replica_set.rsplit_once('-').unwrap();
    json!({
        "metadata": {
            "name": name, "generateName": format!("{replica_set}-"), "namespace": namespace, "uid": format!("uid-{name}"),
            "resourceVersion": "1", "creationTimestamp": "2026-11-22T11:45:49Z",
            "labels": {"app.kubernetes.io/instance": instance, "pod-template-hash": hash},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": replica_set, "uid": format!("uid-{replica_set}"),
                "controller": true, "blockOwnerDeletion": true}]
        },
        "spec": {"containers": containers.as_array().unwrap().iter().map(|it| json!({"name": it["name"]})).collect::<Vec<_>>()},
        "status": {"phase": "Running", "startTime": "2026-11-22T11:45:49Z", "qosClass": "Burstable", "containerStatuses": containers}
    })
}

/// The status of a container.
#[must_use]
pub fn container(name: &str, image: &str, restarts: u64, state: &Value, last_state: &Value) -> Value {
    json!({"name": name, "image": image, "imageID": image, "containerID": "containerd://0", "started": true,
        "ready": state.get("running").is_some(), "restartCount": restarts, "state": state, "lastState": last_state})
}

/// An event about an object, as those who write the old form do it.
#[must_use]
pub fn event(name: &str, about: (&str, &Key), reason: &str, message: &str, at: UnixMillis, count: u64) -> Value {
    let (kind, (namespace, object)) = about;
    json!({
        "metadata": {"name": name, "namespace": namespace, "uid": format!("uid-{name}"), "resourceVersion": "1",
            "creationTimestamp": super::second(at)},
        "involvedObject": {"kind": kind, "namespace": namespace, "name": object, "uid": format!("uid-{object}"), "apiVersion": "v1",
            "resourceVersion": "1"},
        "reason": reason, "message": message, "source": {"component": "kubelet", "host": "node-1"}, "firstTimestamp": super::second(at),
        "lastTimestamp": super::second(at), "count": count, "type": if count > 1 { "Warning" } else { "Normal" },
        "eventTime": null, "reportingComponent": "kubelet", "reportingInstance": "node-1"
    })
}

/// The same as those who write the new form do it.
#[must_use]
pub fn series(name: &str, about: (&str, &Key), reason: &str, message: &str, (first, last): (UnixMillis, UnixMillis)) -> Value {
    let mut event = event(name, about, reason, message, first, 1);
    let micros = |at: UnixMillis| UnixMillis(at.0 - at.0.rem_euclid(1_000)).to_string().replace('Z', ".123456Z");
    event["eventTime"] = json!(micros(first));
    event["series"] = json!({"count": 7, "lastObservedTime": micros(last)});
    event["action"] = json!("Scheduling");
    for old in ["firstTimestamp", "lastTimestamp"] {
        event[old] = Value::Null;
    }
    event["source"] = json!({});
    event.as_object_mut().unwrap().remove("count");
    event
}

/// What a pod uses.
#[must_use]
pub fn usage(at: &Key, instance: &str, measured: UnixMillis, containers: &[(&str, &str, &str)]) -> Value {
    let containers = containers.iter().map(|(name, cpu, memory)| json!({"name": name, "usage": {"cpu": cpu, "memory": memory}}));
    json!({
        "metadata": {"name": at.1, "namespace": at.0, "creationTimestamp": super::second(measured),
            "labels": {"app.kubernetes.io/instance": instance}},
        "timestamp": super::second(measured), "window": "17.5s", "containers": containers.collect::<Vec<_>>()
    })
}

impl Cluster {
    pub(super) fn core(&self, request: &Request, parts: &[&str]) -> Reply {
        let unknown = || Reply::json(404, &status(404, "NotFound", "the server could not find the requested resource"));
        let runs = self.runs();
        match parts {
            ["api", "v1", "namespaces", namespace, "pods"] => {
                list(&runs, request, namespace, ("", "pods", "PodList", "v1"), &runs.pods)
            }
            ["api", "v1", "namespaces", namespace, "events"] => {
                list(&runs, request, namespace, ("", "events", "EventList", "v1"), &runs.events)
            }
            ["apis", "metrics.k8s.io", version, "namespaces", namespace, "pods"] => match &runs.measured {
                Some(measured) => {
                    assert_eq!(*version, "v1beta1");
                    let of = ("metrics.k8s.io", "pods", "PodMetricsList", "metrics.k8s.io/v1beta1");
                    list(&runs, request, namespace, of, measured)
                }
                // As the aggregator does it, behind the rights: no object at all.
                None => denied(&runs, "list", "metrics.k8s.io", "pods", namespace).unwrap_or(not_there()),
            },
            ["apis", "apps", "v1", "namespaces", namespace, plural, name] => workload(&runs, plural, &key(namespace, name)),
            ["apis", group, version, "namespaces", namespace, plural] => {
                let is_asked_for = |it: &&super::Resource| it.group == *group && it.version == *version && it.plural == *plural;
                let Some(kind) = KINDS.iter().find(is_asked_for) else { return unknown() };
                let denied = denied(&runs, "list", kind.group, kind.plural, namespace);
                let (name, api_version) = (format!("{}List", kind.kind), format!("{group}/{version}"));
                match runs.verifications.get(kind.kind) {
                    Some(all) => list(&runs, request, namespace, (kind.group, kind.plural, &name, &api_version), all),
                    // As the server does it for a group that it does not have, behind the rights: no object at all.
                    None => denied.unwrap_or(not_there()),
                }
            }
            ["api", "v1", "namespaces", namespace, "pods", name, "log"] => log(&runs, request, &key(namespace, name)),
            _ => unknown(),
        }
    }
}

fn not_there() -> Reply {
    Reply { status: 404, headers: Vec::new(), body: Body::Whole(b"404 page not found\n".to_vec()) }
}

fn denied(runs: &Runs, verb: &str, group: &str, resource: &str, namespace: &str) -> Option<Reply> {
    let dot = if group.is_empty() { "" } else { "." };
    let right = format!("{verb} {resource}{dot}{group}");
    let message = format!(
        "{resource}{dot}{group} is forbidden: User \"bot\" cannot {verb} resource {resource:?} in API group {group:?} in the namespace \
         {namespace:?}"
    );
    let mut refusal = status(403, "Forbidden", &message);
    refusal["details"] = json!({"kind": resource});
    runs.forbidden.contains(&right).then(|| Reply::json(403, &refusal))
}

fn list(
    runs: &Runs,
    request: &Request,
    namespace: &str,
    (group, resource, kind, version): (&str, &str, &str, &str),
    all: &BTreeMap<Key, Value>,
) -> Reply {
    if let Some(refusal) = denied(runs, "list", group, resource, namespace) {
        return refusal;
    }
    let selector = request.query("labelSelector").map(|it| it.split_once('=').unwrap());
    let limit: usize = request.query("limit").unwrap().parse().unwrap();
    let after = request.query("continue").unwrap_or_default();
    let has = |object: &Value| selector.is_none_or(|(label, value)| object["metadata"]["labels"][label] == value);
    let mut rest = all.iter().filter(|((within, name), object)| within == namespace && name.as_str() > after && has(object));
    let items: Vec<&Value> = rest.by_ref().take(limit).map(|(_, object)| object).collect();
    let remaining = rest.count();
    let mut metadata = json!({"resourceVersion": "1"});
    if remaining > 0 {
        metadata["continue"] = items.last().unwrap()["metadata"]["name"].clone();
        metadata["remainingItemCount"] = json!(remaining);
    }
    Reply::json(200, &json!({"kind": kind, "apiVersion": version, "metadata": metadata, "items": items}))
}

fn workload(runs: &Runs, plural: &str, at: &Key) -> Reply {
    let kinds = [("deployments", "Deployment"), ("statefulsets", "StatefulSet"), ("daemonsets", "DaemonSet")];
    let (_, kind) = kinds.into_iter().find(|(name, _)| *name == plural).unwrap();
    if let Some(refusal) = denied(runs, "get", "apps", plural, &at.0) {
        return refusal;
    }
    let mut missing = status(404, "NotFound", &format!("{plural}.apps {:?} not found", at.1));
    missing["details"] = json!({"name": at.1, "group": "apps", "kind": plural});
    let found = runs.workloads.get(&(kind.to_owned(), at.clone()));
    found.map_or_else(|| Reply::json(404, &missing), |object| Reply::json(200, object))
}

/// As the kubelet gives it: all lines since then, or the last ones, and of those the first bytes.
fn log(runs: &Runs, request: &Request, pod: &Key) -> Reply {
    if let Some(refusal) = denied(runs, "get", "", "pods/log", &pod.0) {
        return refusal;
    }
    if !runs.pods.contains_key(pod) {
        let mut missing = status(404, "NotFound", &format!("pods {:?} not found", pod.1));
        missing["details"] = json!({"name": pod.1, "kind": "pods"});
        return Reply::json(404, &missing);
    }
    let (container, previous) = (request.query("container").unwrap(), request.query("previous") == Some("true"));
    let Some(lines) = runs.logs.get(&(pod.clone(), container.to_owned(), previous)) else {
        let which = if previous { "previous terminated " } else { "" };
        let message = format!("{which}container {container:?} in pod {:?} not found", pod.1);
        return Reply::json(400, &status(400, "BadRequest", &message));
    };
    let since: UnixMillis = request.query("sinceTime").unwrap().parse().unwrap();
    let tail: usize = request.query("tailLines").map_or(usize::MAX, |lines| lines.parse().unwrap());
    let limit: usize = request.query("limitBytes").unwrap().parse().unwrap();
    let lines: Vec<&Vec<u8>> = lines.iter().filter(|(at, _)| *at >= since).map(|(_, line)| line).collect();
    let mut bytes: Vec<u8> = lines[lines.len().saturating_sub(tail)..].iter().copied().flatten().copied().collect();
    bytes.truncate(limit);
    Reply { status: 200, headers: Vec::new(), body: Body::Whole(bytes) }
}
