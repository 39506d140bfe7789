//! A stateful fake of the API server of Kubernetes, as far as objects of one kind, what runs and reviews of one's own access go.
//! Answers have the shapes that a real server (1.36) gave.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};

use super::core_api::Runs;
use super::http::{Piece, Reply, Request};

/// Namespace and name.
pub type Key = (String, String);

/// The place of an object.
pub fn key(namespace: &str, name: &str) -> Key {
    (namespace.to_owned(), name.to_owned())
}

/// A kind of objects, as the API calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resource {
    /// The group of the API.
    pub group: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The name in paths.
    pub plural: &'static str,
    /// The name in objects.
    pub kind: &'static str,
    /// Whether what is written into the status leaves the generation as it is.
    pub has_status: bool,
}

/// Argo CD's.
pub(crate) const APPLICATIONS: Resource =
    Resource { group: "argoproj.io", version: "v1alpha1", plural: "applications", kind: "Application", has_status: false };

/// What goes wrong on the way.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Answers to the next requests, whatever they are.
    pub answers: VecDeque<(u16, Option<u64>)>,
    /// Each event is told twice.
    pub duplicate: bool,
    /// Of two events that are told together the later one comes first.
    pub reorder: bool,
    /// So many more events, and the connection breaks off in the middle of the next one.
    pub cut_after: Option<usize>,
    /// So long before each answer.
    pub delay: Duration,
    /// Watches say nothing, not even bookmarks.
    pub deaf: bool,
    /// The server ends all watches, well.
    pub end: bool,
}

#[derive(Debug, Default)]
struct Store {
    objects: BTreeMap<Key, Value>,
    version: u64,
    log: VecDeque<(u64, &'static str, Arc<Value>)>,
    /// What happened up to here is forgotten.
    compacted: u64,
}

#[derive(Debug)]
struct Inner {
    resource: Resource,
    check: fn(&Value),
    store: Mutex<Store>,
    version: watch::Sender<u64>,
    faults: Mutex<Faults>,
    calls: Mutex<Vec<String>>,
    token: Mutex<String>,
    rules: Mutex<Value>,
    account: Mutex<String>,
    runs: Mutex<Runs>,
}

/// The cluster. Clones are the same one.
#[derive(Clone, Debug)]
pub struct Cluster(Arc<Inner>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

pub(crate) fn status(code: u16, reason: &str, message: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason,
        "code": code})
}

impl Cluster {
    /// Without any `Application`. Each one that is put into it is shown to `check` first.
    #[must_use]
    pub fn new(check: fn(&Value)) -> Self {
        Self::of(APPLICATIONS, check)
    }

    /// Without any object, of this kind.
    #[must_use]
    pub fn of(resource: Resource, check: fn(&Value)) -> Self {
        Self(Arc::new(Inner {
            resource,
            check,
            store: Mutex::default(),
            version: watch::Sender::new(0),
            faults: Mutex::default(),
            calls: Mutex::default(),
            token: Mutex::new("first".to_owned()),
            rules: Mutex::new(json!([])),
            account: Mutex::default(),
            runs: Mutex::default(),
        }))
    }

    /// What goes wrong from now on.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.0.faults)
    }

    /// What runs in it: pods, their logs, events, and what is measured.
    pub fn runs(&self) -> MutexGuard<'_, Runs> {
        lock(&self.0.runs)
    }

    /// From now on this token counts alone.
    pub fn accept(&self, token: &str) {
        token.clone_into(&mut lock(&self.0.token));
    }

    /// What the credential may do: rules as a review gives them.
    pub fn allow(&self, rules: Value) {
        *lock(&self.0.rules) = rules;
    }

    /// What the account in Argo CD may do: the lines of its policy, `p, role:pathops, applications, get, */*, allow`.
    pub fn allow_account(&self, policy: &str) {
        policy.clone_into(&mut lock(&self.0.account));
    }

    pub(crate) fn account_policy(&self) -> String {
        lock(&self.0.account).clone()
    }

    /// The requests since the last call.
    pub fn calls(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.0.calls))
    }

    /// An object, where it is there.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<Value> {
        lock(&self.0.store).objects.get(key).cloned()
    }

    /// All objects.
    #[must_use]
    pub fn all(&self) -> Vec<Value> {
        lock(&self.0.store).objects.values().cloned().collect()
    }

    pub(crate) fn version(&self) -> u64 {
        lock(&self.0.store).version
    }

    fn events_after(&self, version: u64) -> Vec<(u64, &'static str, Arc<Value>)> {
        lock(&self.0.store).log.iter().filter(|(at, ..)| *at > version).cloned().collect()
    }

    /// Adds or replaces an object; returns its version.
    pub fn put(&self, mut object: Value) -> u64 {
        (self.0.check)(&object);
        let mut store = lock(&self.0.store);
        let key = key(object["metadata"]["namespace"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        store.version += 1;
        let version = store.version;
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        let before = store.objects.get(&key).filter(|_| self.0.resource.has_status);
        if before.is_none_or(|before| before["spec"] != object["spec"]) {
            let generation = object["metadata"]["generation"].as_u64().unwrap_or(0) + 1;
            object["metadata"]["generation"] = json!(generation);
        }
        let word = if store.objects.insert(key, object.clone()).is_some() { "MODIFIED" } else { "ADDED" };
        store.log.push_back((version, word, Arc::new(object)));
        drop(store);
        self.0.version.send_replace(version);
        version
    }

    /// Changes an object in place; returns its version.
    pub fn edit(&self, key: &Key, change: impl FnOnce(&mut Value)) -> u64 {
        let mut object = self.get(key).unwrap();
        change(&mut object);
        self.put(object)
    }

    /// Takes an object away.
    pub fn delete(&self, key: &Key) {
        let mut store = lock(&self.0.store);
        let mut object = store.objects.remove(key).unwrap();
        store.version += 1;
        let version = store.version;
        object["metadata"]["resourceVersion"] = json!(version.to_string());
        store.log.push_back((version, "DELETED", Arc::new(object)));
        drop(store);
        self.0.version.send_replace(version);
    }

    /// Forgets what has happened so far: watches from before are told 410.
    pub fn compact(&self) {
        let mut store = lock(&self.0.store);
        store.compacted = store.version;
        store.log.clear();
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.0.version.subscribe()
    }

    /// Whether the request may go on: notes it, and lets happen what goes wrong.
    pub(crate) async fn admit(&self, request: &Request) -> Result<(), Reply> {
        lock(&self.0.calls).push(request.line());
        let (delay, answer) = {
            let mut faults = self.faults();
            (faults.delay, faults.answers.pop_front())
        };
        tokio::time::sleep(delay).await;
        if let Some((code, after)) = answer {
            let mut reply = Reply::json(code, &status(code, "Fault", "a planted fault"));
            reply.headers.extend(after.map(|seconds| ("retry-after", seconds.to_string())));
            return Err(reply);
        }
        let bearer = format!("Bearer {}", lock(&self.0.token));
        if request.header("authorization") == Some(bearer.as_str()) {
            Ok(())
        } else {
            Err(Reply::json(401, &status(401, "Unauthorized", "Unauthorized")))
        }
    }

    /// The API server's answer to a request.
    pub async fn answer(&self, request: Request) -> Reply {
        if let Err(refusal) = self.admit(&request).await {
            return refusal;
        }
        let parts: Vec<&str> = request.path.trim_matches('/').split('/').collect();
        let Resource { group, version, plural, .. } = self.0.resource;
        match (request.method.as_str(), parts.as_slice()) {
            ("POST", ["apis", "authorization.k8s.io", "v1", review]) => self.review(&request, review),
            (method, ["apis", of, at, within @ ..]) if (*of, *at) == (group, version) => match (method, within) {
                ("GET", [all]) if *all == plural => self.list_or_watch(&request, None),
                ("GET", ["namespaces", namespace, all]) if *all == plural => self.list_or_watch(&request, Some(namespace)),
                (method, ["namespaces", namespace, all, name]) if *all == plural => {
                    self.one(method, &request, &key(namespace, name))
                }
                ("GET", _) => self.core(&request, &parts),
                _ => unknown(),
            },
            ("GET", parts) => self.core(&request, parts),
            _ => unknown(),
        }
    }

    /// Whether a request is about objects of this kind.
    #[must_use]
    pub fn serves(&self, path: &str) -> bool {
        let Resource { group, version, plural, .. } = self.0.resource;
        path.starts_with(&format!("/apis/{group}/{version}/")) && path.split('/').any(|part| part == plural)
    }

    fn one(&self, method: &str, request: &Request, key: &Key) -> Reply {
        let Some(mut object) = self.get(key) else {
            let Resource { group, plural, .. } = self.0.resource;
            let message = format!("{plural}.{group} {:?} not found", key.1);
            let mut missing = status(404, "NotFound", &message);
            missing["details"] = json!({"name": key.1, "group": group, "kind": plural});
            return Reply::json(404, &missing);
        };
        match method {
            "GET" => Reply::json(200, &object),
            "PATCH" => {
                assert_eq!(request.header("content-type"), Some("application/merge-patch+json"));
                let patch: Value = serde_json::from_slice(&request.body).unwrap();
                let seen = patch.pointer("/metadata/resourceVersion");
                if seen.is_some_and(|seen| *seen != object["metadata"]["resourceVersion"]) {
                    let Resource { group, plural, .. } = self.0.resource;
                    let message = format!("Operation cannot be fulfilled on {plural}.{group}: the object has been modified");
                    return Reply::json(409, &status(409, "Conflict", &message));
                }
                merge(&mut object, &patch);
                self.put(object);
                Reply::json(200, &self.get(key).unwrap())
            }
            _ => Reply::json(405, &status(405, "MethodNotAllowed", "the server does not allow this method")),
        }
    }

    fn list_or_watch(&self, request: &Request, namespace: Option<&str>) -> Reply {
        let selector =
            request.query("labelSelector").and_then(|it| it.split_once('=')).map(|(k, v)| (k.to_owned(), v.to_owned()));
        let scope = Scope { namespace: namespace.map(str::to_owned), selector };
        if request.query("watch").is_some() { self.watch(request, scope) } else { self.list(request, &scope) }
    }

    fn list(&self, request: &Request, scope: &Scope) -> Reply {
        let store = lock(&self.0.store);
        let limit = request.query("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
        let (version, after) = match request.query("continue") {
            None => (store.version, None),
            Some(token) => {
                let (version, after) = token.split_once(':').unwrap();
                (version.parse().unwrap(), after.split_once('/'))
            }
        };
        if version < store.compacted {
            return Reply::json(410, &status(410, "Expired", "The provided continue parameter is too old"));
        }
        let after = after.map(|(namespace, name)| key(namespace, name));
        let mut rest =
            store.objects.iter().filter(|(key, object)| after.as_ref().is_none_or(|it| *key > it) && scope.has(object));
        let items: Vec<&Value> = rest.by_ref().take(limit).map(|(_, object)| object).collect();
        let remaining = rest.count();
        let mut metadata = json!({"resourceVersion": version.to_string()});
        if remaining > 0 {
            let last = &items.last().unwrap()["metadata"];
            let token = format!("{version}:{}/{}", last["namespace"].as_str().unwrap(), last["name"].as_str().unwrap());
            metadata["continue"] = json!(token);
            metadata["remainingItemCount"] = json!(remaining);
        }
        let Resource { group, version, kind, .. } = self.0.resource;
        let (kind, api_version) = (format!("{kind}List"), format!("{group}/{version}"));
        let list = json!({"kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items});
        Reply::json(200, &list)
    }

    fn watch(&self, request: &Request, scope: Scope) -> Reply {
        assert_eq!(request.query("allowWatchBookmarks"), Some("true"));
        let seconds = request.query("timeoutSeconds").unwrap().parse().unwrap();
        let version: u64 = request.query("resourceVersion").unwrap().parse().unwrap();
        let gone = version < lock(&self.0.store).compacted;
        let (pieces, reply) = mpsc::channel(16);
        let cluster = self.clone();
        tokio::spawn(async move {
            if gone {
                let object = status(410, "Expired", &format!("too old resource version: {version}"));
                let _gone = pieces.send(line(&json!({"type": "ERROR", "object": object}))).await;
                return;
            }
            let told =
                cluster.tell(version, &pieces, |word, object| scope.has(object).then(|| json!({"type": word, "object": object})));
            let _over = tokio::time::timeout(Duration::from_secs(seconds), told).await;
        });
        Reply::stream(reply)
    }

    /// Tells of all that happens after `version`, with the faults of the moment, and of nothing else by bookmarks.
    pub(crate) async fn tell(
        &self,
        mut version: u64,
        pieces: &mpsc::Sender<Piece>,
        say: impl Fn(&str, &Value) -> Option<Value>,
    ) -> Option<()> {
        let (mut changes, resource) = (self.changes(), self.0.resource);
        loop {
            let mut events = self.events_after(version);
            let faults = self.faults().clone();
            if faults.end {
                return None;
            }
            if faults.deaf {
                events.clear();
            }
            version = events.last().map_or(version, |(at, ..)| *at);
            if faults.reorder {
                events.chunks_exact_mut(2).for_each(<[_]>::reverse);
            }
            if faults.duplicate {
                events = events.into_iter().flat_map(|event| [event.clone(), event]).collect();
            }
            for (_, word, object) in events {
                let Some(event) = say(word, &object) else { continue };
                let Piece::Bytes(mut bytes) = line(&event) else { continue };
                let cut = {
                    let mut faults = self.faults();
                    let cut = faults.cut_after == Some(0);
                    faults.cut_after = if cut { None } else { faults.cut_after.map(|left| left - 1) };
                    cut
                };
                if cut {
                    bytes.truncate(bytes.len() / 2);
                    pieces.send(Piece::Bytes(bytes)).await.ok()?;
                    pieces.send(Piece::Cut).await.ok()?;
                    return None;
                }
                pieces.send(Piece::Bytes(bytes)).await.ok()?;
            }
            tokio::select! {
                _ = changes.changed() => {}
                () = tokio::time::sleep(Duration::from_secs(1)), if !faults.deaf => {
                    let bookmark = json!({"kind": resource.kind, "apiVersion": format!("{}/{}", resource.group, resource.version),
                        "metadata": {"resourceVersion": version.to_string(), "creationTimestamp": null}, "spec": {}});
                    if let Some(said) = say("BOOKMARK", &bookmark) {
                        pieces.send(line(&said)).await.ok()?;
                    }
                }
                () = tokio::time::sleep(Duration::from_millis(50)), if faults.deaf => {}
                () = pieces.closed() => return None,
            }
        }
    }

    fn review(&self, request: &Request, review: &str) -> Reply {
        let mut object: Value = serde_json::from_slice(&request.body).unwrap();
        let rules = lock(&self.0.rules).clone();
        object["status"] = match review {
            "selfsubjectrulesreviews" => {
                assert!(object["spec"]["namespace"].is_string());
                json!({"resourceRules": rules, "nonResourceRules": [], "incomplete": false})
            }
            "selfsubjectaccessreviews" => {
                let asked = &object["spec"]["resourceAttributes"];
                let part = asked["subresource"].as_str().filter(|part| !part.is_empty()).map(|part| format!("/{part}"));
                let resource = json!(format!("{}{}", asked["resource"].as_str().unwrap(), part.unwrap_or_default()));
                let has = |rule: &Value, list: &str, wanted: &Value| {
                    rule[list].as_array().unwrap().iter().any(|it| it == wanted || it == "*")
                };
                let allowed = rules.as_array().unwrap().iter().any(|rule| {
                    has(rule, "verbs", &asked["verb"])
                        && has(rule, "apiGroups", &asked["group"])
                        && has(rule, "resources", &resource)
                });
                json!({"allowed": allowed})
            }
            _ => return unknown(),
        };
        Reply::json(201, &object)
    }
}

fn unknown() -> Reply {
    Reply::json(404, &status(404, "NotFound", "the server could not find the requested resource"))
}

/// Which objects a list or a watch is of.
#[derive(Debug)]
struct Scope {
    namespace: Option<String>,
    selector: Option<(String, String)>,
}

impl Scope {
    fn has(&self, object: &Value) -> bool {
        let metadata = &object["metadata"];
        let bookmark = metadata.get("name").is_none();
        let namespace = self.namespace.as_deref().is_none_or(|namespace| metadata["namespace"] == namespace);
        let selected = self.selector.as_ref().is_none_or(|(name, value)| metadata["labels"][name] == value.as_str());
        bookmark || (namespace && selected)
    }
}

fn line(event: &Value) -> Piece {
    let mut bytes = serde_json::to_vec(event).unwrap();
    bytes.push(b'\n');
    Piece::Bytes(bytes)
}

/// RFC 7396.
fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        patch.clone_into(object);
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    for (name, value) in patch {
        if value.is_null() {
            object.as_object_mut().unwrap().remove(name);
        } else {
            merge(&mut object[name], value);
        }
    }
}
