//! Flux, as far as the adapter asks of it: the API server of Kubernetes with Kustomizations, Git repositories, HelmReleases and
//! Deployments, and [`Controller`], which plays Flux's controllers and that of Deployments on them.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a fake: what it cannot play is a failed test")]
#![expect(clippy::disallowed_methods, reason = "the fakes take real time")]

mod controller;
mod source;
mod write;

use serde_json::{Value, json};

use crate::kubernetes::{Cluster, Key, Reply, Request, Resource, Server};

pub use controller::{Controller, Deployed};
pub use source::revision;

const KUSTOMIZATIONS: Resource = Resource {
    group: "kustomize.toolkit.fluxcd.io",
    version: "v1",
    plural: "kustomizations",
    kind: "Kustomization",
    has_status: true,
};
const SOURCES: Resource = Resource {
    group: "source.toolkit.fluxcd.io",
    version: "v1",
    plural: "gitrepositories",
    kind: "GitRepository",
    has_status: true,
};
const RELEASES: Resource =
    Resource { group: "helm.toolkit.fluxcd.io", version: "v2", plural: "helmreleases", kind: "HelmRelease", has_status: true };
const DEPLOYMENTS: Resource =
    Resource { group: "apps", version: "v1", plural: "deployments", kind: "Deployment", has_status: true };

/// What is in the cluster, a kind at a time. Reviews of rights are answered by what the Kustomizations are told. Clones are the same.
#[derive(Clone, Debug)]
pub struct Objects {
    /// Flux's own.
    pub kustomizations: Cluster,
    /// Where desired states come from.
    pub sources: Cluster,
    /// Releases of charts.
    pub releases: Cluster,
    /// What runs.
    pub deployments: Cluster,
}

impl Objects {
    fn new() -> Self {
        let of = |resource| Cluster::of(resource, |_: &Value| ());
        let [kustomizations, sources, releases, deployments] = [KUSTOMIZATIONS, SOURCES, RELEASES, DEPLOYMENTS].map(of);
        Self { kustomizations, sources, releases, deployments }
    }

    fn all(&self) -> [&Cluster; 4] {
        [&self.kustomizations, &self.sources, &self.releases, &self.deployments]
    }

    /// The requests since the last call.
    #[must_use]
    pub fn calls(&self) -> Vec<String> {
        self.all().into_iter().flat_map(Cluster::calls).collect()
    }

    async fn answer(&self, request: Request) -> Reply {
        let kind = self.all().into_iter().find(|kind| kind.serves(&request.path));
        kind.unwrap_or(&self.kustomizations).answer(request).await
    }
}

/// The API server, which stops when it is dropped.
#[derive(Debug)]
pub struct Servers {
    /// What is in it.
    pub objects: Objects,
    /// The API server of Kubernetes.
    pub kubernetes: Server,
}

impl Servers {
    /// Starts one without any object.
    pub async fn start() -> Self {
        let objects = Objects::new();
        let told = objects.clone();
        let kubernetes = Server::start(move |request| {
            let objects = told.clone();
            async move { objects.answer(request).await }
        });
        Self { objects, kubernetes: kubernetes.await }
    }
}

/// A Kustomization that was never reconciled: a folder of what a Git repository of the same namespace holds.
#[must_use]
pub fn kustomization(key: &Key, source: &str, path: &str) -> Value {
    let (namespace, name) = key;
    json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"namespace": namespace, "name": name, "annotations": {}},
        "spec": {"interval": "10m", "path": format!("./{path}"), "prune": true, "wait": true, "timeout": "1m",
            "sourceRef": {"kind": "GitRepository", "name": source}},
        "status": {"observedGeneration": -1}
    })
}

/// A Git repository that was never fetched.
#[must_use]
pub fn git_repository(key: &Key, url: &str, branch: &str) -> Value {
    let (namespace, name) = key;
    json!({
        "apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
        "metadata": {"namespace": namespace, "name": name, "annotations": {}},
        "spec": {"interval": "1m", "url": url, "ref": {"branch": branch}},
        "status": {"observedGeneration": -1}
    })
}
