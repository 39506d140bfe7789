//! A forge, a cluster with one Argo CD, and the adapter on them.

use std::any::Any;
use std::sync::Arc;

use async_trait::async_trait;
use pathops_adapters::argocd::{Access, ArgoCd, Builder, Instance, ManagedApplication};
use pathops_adapters::system::SystemClock;
use pathops_core::JobName;
use pathops_core::adapter::JobKind;
use pathops_core::conformance::gitops::{GitOpsFixture, GitOpsWorld};
use pathops_fakes::argocd::{self, Cluster, Servers, key};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::controller::{Controller, HOOKS, IMAGE};
use crate::crd;
pub(crate) use crate::desired_state::{Git, cx, repo, target, unit};

pub(crate) const REPO_URL: &str = "https://git.example/shop/orders-gitops.git";

pub(crate) fn jobs() -> Vec<JobName> {
    ["smoke", "health"].map(|name| name.parse().unwrap()).into()
}

/// An Application that nobody has looked at yet.
pub(crate) fn application(namespace: &str, name: &str) -> Value {
    argocd::application(&key(namespace, name), REPO_URL, target().path.as_str(), target().branch.as_str())
}

/// A cluster whose objects are held against their definition.
pub(crate) fn cluster() -> Cluster {
    Cluster::new(crd::check)
}

pub(crate) fn kubernetes_access(servers: &Servers) -> Access {
    Access::url(&servers.kubernetes.url).token("first")
}

pub(crate) fn argo_access(servers: &Servers) -> Access {
    Access::url(&servers.argo.url).token("first")
}

/// How the adapter reads and refreshes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// By Kubernetes, refreshed by Argo CD.
    Kubernetes,
    /// By Argo CD alone.
    Server,
    /// By Kubernetes alone.
    Annotation,
}

impl Way {
    pub(crate) fn instance(self, servers: &Servers) -> Instance {
        match self {
            Way::Kubernetes => Instance::cluster(kubernetes_access(servers)).refreshing_through(argo_access(servers)),
            Way::Server => Instance::server(argo_access(servers)),
            Way::Annotation => Instance::cluster(kubernetes_access(servers)).namespace("argocd").refreshing_by_annotation(),
        }
    }
}

pub(crate) fn orders() -> ManagedApplication {
    let [smoke, health] = HOOKS;
    ManagedApplication::new("main", "argocd", "orders-preflight", REPO_URL)
        .image(IMAGE)
        .job("smoke".parse().unwrap(), JobKind::Smoke, smoke)
        .job("health".parse().unwrap(), JobKind::Health, health)
}

fn builder(git: &Git, instance: Instance) -> Builder {
    let builder = ArgoCd::builder(git.scm.clone(), Arc::new(SystemClock)).instance("main", instance);
    builder.manage(unit(), target().environment, repo(), orders())
}

pub(crate) fn argo_cd(git: &Git, instance: Instance) -> Arc<ArgoCd> {
    Arc::new(builder(git, instance).build().unwrap())
}

/// The same, where these tell what runs.
#[cfg(feature = "kubernetes")]
pub(crate) fn argo_cd_with(git: &Git, instance: Instance, pods: Arc<dyn pathops_adapters::argocd::Pods>) -> Arc<ArgoCd> {
    Arc::new(builder(git, instance).pods(pods).build().unwrap())
}

/// The same, of a unit with a second Application.
#[cfg(feature = "kubernetes")]
pub(crate) fn argo_cd_of_two(
    git: &Git,
    instance: Instance,
    other: ManagedApplication,
    pods: Arc<dyn pathops_adapters::argocd::Pods>,
) -> Arc<ArgoCd> {
    Arc::new(builder(git, instance).manage(unit(), target().environment, repo(), other).pods(pods).build().unwrap())
}

/// A task that ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Running(JoinHandle<()>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Running {
    pub(crate) fn begin(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task))
    }
}

pub(crate) fn watch(argo: &Arc<ArgoCd>) -> Running {
    let argo = argo.clone();
    Running::begin(async move { argo.run(std::future::pending()).await })
}

/// One unit in one environment, whether the adapter watches or not.
#[derive(Debug)]
pub(crate) struct Conformance {
    pub(crate) way: Way,
    pub(crate) watching: bool,
}

#[async_trait]
impl GitOpsFixture for Conformance {
    async fn fresh(&self) -> GitOpsWorld {
        let (git, servers) = (Git::new(), Servers::start(cluster()).await);
        servers.cluster.put(application("argocd", "orders-preflight"));
        let controller = Controller::start(servers.cluster.clone(), git.scm.clone(), repo());
        let argo = argo_cd(&git, self.way.instance(&servers));
        let watching = self.watching.then(|| watch(&argo));
        let guard: Box<dyn Any + Send + Sync> = Box::new((servers, controller, watching));
        GitOpsWorld {
            gitops: argo,
            git: Arc::new(git),
            clock: Arc::new(SystemClock),
            unit: unit(),
            target: target(),
            repo: repo(),
            jobs: jobs(),
            guard,
        }
    }
}
