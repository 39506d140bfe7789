//! A forge, a cluster with Flux, and the adapter on them.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pathops_adapters::flux::{Access, Cluster, Flux, ManagedKustomization};
use pathops_adapters::system::SystemClock;
use pathops_core::conformance::gitops::{GitOpsFixture, GitOpsWorld};
use pathops_fakes::flux::{Controller, Deployed, Servers, git_repository, kustomization};
use pathops_fakes::kubernetes::{Key, key};

use crate::desired_state::{Git, repo, target, unit};

pub(crate) const REPO_URL: &str = "https://git.example/shop/orders-gitops.git";

/// The repository of the image that everything runs.
pub(crate) const IMAGE: &str = "registry.example/shop/orders";

pub(crate) fn place() -> Key {
    key("flux-system", "orders")
}

pub(crate) fn source() -> Key {
    key("flux-system", "desired")
}

/// How Flux gets to look at Git.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// It is asked to.
    Annotation,
    /// By itself.
    Interval,
}

impl Way {
    fn interval(self) -> Duration {
        match self {
            Way::Annotation => Duration::from_secs(60 * 60),
            Way::Interval => Duration::from_secs(2),
        }
    }
}

pub(crate) fn cluster(servers: &Servers, way: Way) -> Cluster {
    let cluster = Cluster::new(Access::url(&servers.kubernetes.url).token("first"));
    if way == Way::Annotation { cluster.refreshing_by_annotation() } else { cluster }
}

pub(crate) fn orders() -> ManagedKustomization {
    let (namespace, name) = place();
    ManagedKustomization::new("main", namespace, name, REPO_URL).image(IMAGE)
}

pub(crate) fn flux(git: &Git, cluster: Cluster, orders: ManagedKustomization) -> Arc<Flux> {
    let builder = Flux::builder(git.scm.clone(), Arc::new(SystemClock)).cluster("main", cluster);
    Arc::new(builder.manage(unit(), target().environment, repo(), orders).build().unwrap())
}

/// Flux, with one Kustomization that was never reconciled.
pub(crate) async fn servers() -> Servers {
    let servers = Servers::start().await;
    servers.objects.sources.put(git_repository(&source(), REPO_URL, target().branch.as_str()));
    servers.objects.kustomizations.put(kustomization(&place(), &source().1, target().path.as_str()));
    servers
}

pub(crate) fn play(servers: &Servers, git: &Git, way: Way) -> Controller {
    let deployed = Deployed {
        kustomization: place(),
        source: source(),
        repo: repo(),
        branch: target().branch,
        image: IMAGE.to_owned(),
        interval: way.interval(),
    };
    Controller::start(servers.objects.clone(), git.scm.clone(), Arc::new(SystemClock), deployed)
}

/// One unit in one environment.
#[derive(Debug)]
pub(crate) struct Conformance {
    pub(crate) way: Way,
}

#[async_trait]
impl GitOpsFixture for Conformance {
    async fn fresh(&self) -> GitOpsWorld {
        let (git, servers) = (Git::new(), servers().await);
        let controller = play(&servers, &git, self.way);
        let gitops = flux(&git, cluster(&servers, self.way), orders());
        let guard: Box<dyn Any + Send + Sync> = Box::new((servers, controller));
        GitOpsWorld {
            gitops,
            git: Arc::new(git),
            clock: Arc::new(SystemClock),
            unit: unit(),
            target: target(),
            repo: repo(),
            jobs: Vec::new(),
            guard,
        }
    }
}
