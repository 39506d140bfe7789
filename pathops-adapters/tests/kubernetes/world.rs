//! A fake cluster in which `orders` runs, and the adapter on it.

use std::sync::Arc;

use async_trait::async_trait;
use pathops_adapters::kubernetes::{Access, Kubernetes, Workload};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{Clock as _, Collected, SignalQuery};
use pathops_core::conformance::signals::{SignalFixture, SignalWorld};
use pathops_core::evidence::AbsenceKind;
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{IdempotencyKey, OpContext, UnixMillis};
use pathops_fakes::argocd::{self, Cluster, Key, Log, Servers, container, key, second, usage};
use serde_json::{Value, json};

pub(crate) const INSTANCE: &str = "orders-preflight";
pub(crate) const IMAGE: &str =
    "registry.example/shop/orders@sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";

pub(crate) fn cx() -> OpContext {
    OpContext::new(IdempotencyKey::new("test"))
}

pub(crate) fn ago(seconds: i64) -> UnixMillis {
    UnixMillis(SystemClock.now().0 - seconds * 1000)
}

/// What `unit` did in the last five minutes.
pub(crate) fn query(unit: &str) -> SignalQuery {
    let target = EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight);
    SignalQuery { unit: unit.parse().unwrap(), target, since: ago(300), head_bytes: 0, tail_bytes: 1 << 20 }
}

/// A pod of the Deployment `orders`.
pub(crate) fn pod(name: &str) -> Key {
    key("shop", &format!("orders-7d9c5b-{name}"))
}

pub(crate) fn log(pod: &Key, container: &str, previous: bool) -> Log {
    (pod.clone(), container.to_owned(), previous)
}

pub(crate) fn running(since: UnixMillis) -> Value {
    json!({"running": {"startedAt": second(since)}})
}

pub(crate) fn terminated(reason: &str, code: i64, at: UnixMillis) -> Value {
    json!({"terminated": {"exitCode": code, "reason": reason, "startedAt": second(ago(280)), "finishedAt": second(at),
        "containerID": "containerd://1"}})
}

pub(crate) fn waiting(reason: &str, message: &str) -> Value {
    json!({"waiting": {"reason": reason, "message": message}})
}

/// A cluster and the adapter.
pub(crate) struct Scene {
    pub(crate) servers: Servers,
    pub(crate) kubernetes: Kubernetes,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(|workload| workload).await
    }

    pub(crate) async fn with(change: impl FnOnce(Workload) -> Workload) -> Self {
        let servers = Servers::start(Cluster::new(|_| {})).await;
        let workload = change(Workload::new("main", "shop", INSTANCE));
        let kubernetes = at(&servers.kubernetes.url, workload);
        Self { servers, kubernetes }
    }

    /// A pod whose one container, `app`, is healthy.
    pub(crate) fn healthy(&self, name: &str) -> Key {
        self.pod(name, &json!([container("app", IMAGE, 0, &running(ago(200)), &json!({}))]))
    }

    pub(crate) fn pod(&self, name: &str, containers: &Value) -> Key {
        let pod = pod(name);
        self.servers.cluster.runs().pod(argocd::pod(&pod, INSTANCE, containers));
        pod
    }

    pub(crate) fn print(&self, log: Log, seconds_ago: i64, line: impl Into<Vec<u8>>) {
        self.servers.cluster.runs().print(log, ago(seconds_ago), line);
    }
}

pub(crate) fn at(url: &str, workload: Workload) -> Kubernetes {
    let builder = Kubernetes::builder(Arc::new(SystemClock)).cluster("main", Access::url(url).token("first"));
    builder.workload("orders".parse().unwrap(), "preflight".parse().unwrap(), workload).build().unwrap()
}

pub(crate) fn present<T: std::fmt::Debug>(collected: Collected<T>) -> T {
    match collected {
        Collected::Present(it) => it,
        Collected::Absent(why) => panic!("it says: {why}"),
    }
}

/// Why there is nothing, which is a reason of this kind.
pub(crate) fn absent<T: std::fmt::Debug>(kind: AbsenceKind, collected: Collected<T>) -> String {
    match collected {
        Collected::Present(it) => panic!("there is {it:?}"),
        Collected::Absent(lack) => {
            assert_eq!(lack.kind, kind, "{lack}");
            lack.why
        }
    }
}

/// `orders` runs in two pods of two containers; nothing else is known.
#[derive(Debug)]
pub(crate) struct Conformance;

#[async_trait]
impl SignalFixture for Conformance {
    async fn fresh(&self) -> SignalWorld {
        let Scene { servers, kubernetes } = Scene::new().await;
        let apps = |name: &str| container(name, IMAGE, 0, &running(ago(200)), &json!({}));
        for name in ["aaaaa", "bbbbb"] {
            let at = pod(name);
            let mut runs = servers.cluster.runs();
            runs.pod(argocd::pod(&at, INSTANCE, &json!([apps("app"), apps("proxy")])));
            for app in ["app", "proxy"] {
                runs.print(log(&at, app, false), ago(400), "long ago\n");
                runs.print(log(&at, app, false), ago(100), format!("{app} of {name} listens\n"));
            }
            runs.event(argocd::event(name, ("Pod", &at), "Pulled", "the image is there", ago(201), 1));
            runs.measure(usage(&at, INSTANCE, ago(10), &[("app", "12m", "64Mi"), ("proxy", "1500000n", "8192Ki")]));
        }
        SignalWorld::new(Arc::new(kubernetes), query("orders"), query("nobody"), servers)
    }
}
