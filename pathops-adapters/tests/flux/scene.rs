//! One Kustomization of `orders` that is live, with nobody at work on it, and the adapter on it.

use std::sync::Arc;
use std::time::Duration;

use pathops_adapters::flux::Flux;
use pathops_adapters::system::SystemClock;
use pathops_core::UnixMillis;
use pathops_core::adapter::{Clock as _, ExpectedDeployment, GitOps as _, NotYet, Observation, Readiness};
use pathops_core::conformance::gitops::{Committed, Desired, DesiredState as _};
use pathops_fakes::flux::{Servers, revision};
use pathops_fakes::kubernetes::{Cluster, Key, key, second};
use serde_json::{Value, json};

use crate::desired_state::{Git, cx, repo, target, unit};
use crate::world::{IMAGE, Way, cluster, flux, orders, place, servers, source};

pub(crate) fn ago(seconds: i64) -> UnixMillis {
    UnixMillis(SystemClock.now().0 - seconds * 1000)
}

pub(crate) fn deployment() -> Key {
    key("shop", "orders")
}

pub(crate) struct Scene {
    pub(crate) servers: Servers,
    pub(crate) git: Git,
    pub(crate) committed: Committed,
}

impl Scene {
    /// Version 1 is committed, and live and healthy.
    pub(crate) async fn new() -> Self {
        let (servers, git) = (servers().await, Git::new());
        let committed = git.commit(Desired::Healthy { version: 1 }).await;
        let objects = &servers.objects;
        let revision = revision(&committed.commit);
        live(&objects.sources, &source(), json!({"artifact": {"revision": revision, "digest": "sha256:0"}}), &["Ready"]);
        let status = json!({
            "lastAppliedRevision": revision, "lastAttemptedRevision": revision,
            "inventory": {"entries": [{"id": "shop_orders_apps_Deployment", "v": "v1"}]},
            "history": [{"firstReconciled": second(ago(20)), "lastReconciled": second(ago(10)),
                "lastReconciledStatus": "ReconciliationSucceeded"}]
        });
        live(&objects.kustomizations, &place(), status, &["Ready", "Healthy"]);
        let image = format!("{IMAGE}@{}", committed.artifact.unwrap());
        objects.deployments.put(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": "shop", "name": "orders"},
            "spec": {"replicas": 1, "template": {"spec": {"containers": [{"image": image}]}}},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 1}
        }));
        Self { servers, git, committed }
    }

    pub(crate) fn flux(&self, way: Way) -> Arc<Flux> {
        flux(&self.git, cluster(&self.servers, way), orders())
    }

    pub(crate) fn expected(&self) -> ExpectedDeployment {
        ExpectedDeployment {
            unit: unit(),
            target: target(),
            repo: repo(),
            commit: self.committed.commit.clone(),
            tree: self.committed.tree.clone(),
            artifact: self.committed.artifact,
            jobs: Vec::new(),
            settle: Duration::ZERO,
            since: ago(60),
        }
    }

    pub(crate) async fn observe(&self) -> Observation {
        self.flux(Way::Interval).observe(&cx(), &self.expected()).await.unwrap()
    }

    /// The verdict once a Kustomization has been changed.
    pub(crate) async fn with(&self, change: impl FnOnce(&mut Value)) -> Readiness {
        self.servers.objects.kustomizations.edit(&place(), change);
        self.observe().await.readiness
    }

    /// What is reported, once a Kustomization has been changed.
    pub(crate) async fn reported(&self, change: impl FnOnce(&mut Value)) -> String {
        match self.with(change).await {
            Readiness::NotYet(NotYet::Reported { message }) => message,
            other => format!("{other:?}"),
        }
    }
}

/// Writes a status with these conditions, all of which hold.
fn live(objects: &Cluster, key: &Key, status: Value, conditions: &[&str]) {
    objects.edit(key, |object| {
        let generation = object["metadata"]["generation"].clone();
        object["status"] = status;
        object["status"]["observedGeneration"] = generation.clone();
        let condition = |kind: &&str| {
            json!({"type": kind, "status": "True", "reason": "Succeeded", "message": "fine", "observedGeneration": generation,
                "lastTransitionTime": second(ago(10))})
        };
        object["status"]["conditions"] = conditions.iter().map(condition).collect();
    });
}
