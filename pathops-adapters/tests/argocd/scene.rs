//! One Application of `orders` that is live, and the adapter on it.

use std::sync::Arc;
use std::time::Duration;

use pathops_adapters::argocd::ArgoCd;
use pathops_adapters::system::SystemClock;
use pathops_core::UnixMillis;
use pathops_core::adapter::{Clock as _, ExpectedDeployment, GitOps as _, Observation, Readiness};
use pathops_core::conformance::gitops::{Committed, Desired, DesiredState as _};
use pathops_fakes::argocd::{Key, Servers, key, second};
use serde_json::{Value, json};

use crate::controller::{HOOKS, IMAGE};
use crate::world::{Git, Running, Way, application, argo_cd, cluster, cx, jobs, repo, target, unit, watch};

pub(crate) fn place() -> Key {
    key("argocd", "orders-preflight")
}

pub(crate) fn ago(seconds: i64) -> UnixMillis {
    UnixMillis(SystemClock.now().0 - seconds * 1000)
}

/// One Application of `orders`, and the adapter on it.
pub(crate) struct Scene {
    pub(crate) servers: Servers,
    pub(crate) git: Git,
    pub(crate) committed: Committed,
}

impl Scene {
    /// Version 1 is committed, and live and healthy.
    pub(crate) async fn new() -> Self {
        let (servers, git) = (Servers::start(cluster()).await, Git::new());
        let committed = git.commit(Desired::Healthy { version: 1 }).await;
        servers.cluster.put(live(application("argocd", "orders-preflight"), &committed));
        Self { servers, git, committed }
    }

    pub(crate) fn argo(&self, way: Way) -> Arc<ArgoCd> {
        argo_cd(&self.git, way.instance(&self.servers))
    }

    pub(crate) fn expected(&self) -> ExpectedDeployment {
        ExpectedDeployment {
            unit: unit(),
            target: target(),
            repo: repo(),
            commit: self.committed.commit.clone(),
            tree: self.committed.tree.clone(),
            artifact: self.committed.artifact,
            jobs: jobs(),
            settle: Duration::ZERO,
            since: ago(60),
        }
    }

    /// Something happens to the Application: a refresh is under way, which is not ready. The new version is returned.
    pub(crate) fn refreshing(&self) -> String {
        let refresh = |object: &mut Value| object["metadata"]["annotations"]["argocd.argoproj.io/refresh"] = json!("normal");
        self.servers.cluster.edit(&place(), refresh).to_string()
    }

    /// Waits until the watch has told of `version`, which takes no read.
    pub(crate) async fn told(&self, argo: &ArgoCd, version: &str) -> Observation {
        for _ in 0..400 {
            self.servers.cluster.calls();
            let observation = argo.observe(&cx(), &self.expected()).await;
            let read = self.servers.cluster.calls().iter().any(|call| call.contains("/orders-preflight?"));
            if let Ok(observation) = observation {
                assert_ne!(observation.readiness, Readiness::Ready, "a refresh is under way");
                if !read && observation.resource_version == version {
                    return observation;
                }
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("the watch never told of version {version}; it knows {:?}", argo.observe(&cx(), &self.expected()).await);
    }

    pub(crate) async fn watched(&self, way: Way) -> (Arc<ArgoCd>, Running) {
        let argo = self.argo(way);
        let watching = watch(&argo);
        let version = self.refreshing();
        self.told(&argo, &version).await;
        (argo, watching)
    }
}

/// `application` as it looks when `committed` is live, tested and healthy.
pub(crate) fn live(mut application: Value, committed: &Committed) -> Value {
    let spec = application["spec"].clone();
    let hook = |name: &&str| {
        json!({"group": "batch", "version": "v1", "kind": "Job", "namespace": "shop", "name": name, "message": "ok",
            "hookType": "PostSync", "hookPhase": "Succeeded", "syncPhase": "PostSync"})
    };
    application["status"] = json!({
        "sync": {"status": "Synced", "revision": committed.commit,
            "comparedTo": {"source": spec["source"], "destination": spec["destination"]}},
        "health": {"status": "Healthy", "lastTransitionTime": second(ago(20))},
        "reconciledAt": second(ago(10)),
        "resources": [{"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "orders", "status": "Synced"}],
        "summary": {"images": [format!("{IMAGE}@{}", committed.artifact.unwrap())], "externalURLs": ["https://orders.example"]},
        "operationState": {
            "phase": "Succeeded", "message": "successfully synced", "startedAt": second(ago(40)), "finishedAt": second(ago(30)),
            "operation": {"sync": {"revision": committed.commit}},
            "syncResult": {"revision": committed.commit, "source": spec["source"], "resources": HOOKS.iter().map(hook).collect::<Vec<_>>()}
        }
    });
    application
}
