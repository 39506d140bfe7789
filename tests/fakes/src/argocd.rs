//! Argo CD, as far as the adapters ask of it: the API server of Kubernetes with its `Application` objects and with what runs there, and
//! Argo CD's own API on the same Applications. Their answers have the shapes of real ones; requests are counted, and go wrong on demand.
//!
//! Who plays the controller is another matter: a test, or [`Controller`], which tells of what a machine really runs.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a fake: what it cannot play is a failed test")]
#![expect(clippy::disallowed_methods, reason = "the fakes take real time")]

mod argo_api;
mod beside;
mod controller;

use serde_json::{Value, json};

pub use crate::kubernetes::{
    Body, Cluster, Faults, Key, Log, Piece, Reply, Request, Runs, Server, container, event, key, pod, second, series, usage,
};
pub use beside::Beside;
pub use controller::{Controller, Deployed};

/// The annotation that asks for a look at Git.
const REFRESH: &str = "argocd.argoproj.io/refresh";

/// A cluster with both of its servers, which stop when it is dropped.
#[derive(Debug)]
pub struct Servers {
    /// What is in it.
    pub cluster: Cluster,
    /// The API server of Kubernetes.
    pub kubernetes: Server,
    /// Argo CD's own.
    pub argo: Server,
    /// What that one tells of an Application beside it.
    pub beside: Beside,
}

impl Servers {
    /// Starts both for a cluster.
    pub async fn start(cluster: Cluster) -> Self {
        let (one, other, beside) = (cluster.clone(), cluster.clone(), Beside::default());
        let told = beside.clone();
        let kubernetes = Server::start(move |request| {
            let cluster = one.clone();
            async move { cluster.answer(request).await }
        });
        let argo = Server::start(move |request| argo_api::answer(other.clone(), told.clone(), request));
        Self { cluster, kubernetes: kubernetes.await, argo: argo.await, beside }
    }
}

/// An Application that nobody has looked at yet: a folder of a repository, on a branch.
#[must_use]
pub fn application(key: &Key, repo_url: &str, path: &str, branch: &str) -> Value {
    let (namespace, name) = key;
    json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"namespace": namespace, "name": name, "uid": format!("{namespace}-{name}"), "annotations": {}},
        "spec": {
            "project": "shop",
            "source": {"repoURL": repo_url, "path": path, "targetRevision": branch},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"},
            "syncPolicy": {"automated": {"prune": true, "selfHeal": true}}
        },
        "status": {}
    })
}
