//! How the rollout of a workload stands, by the rule that Argo CD judges its health by.
//!
//! It is what people know from Argo CD, and no proof that a commit is live. For that the verdict on Flux has a stricter rule, so that
//! the two are not one: there, pods that a partition or `OnDelete` leaves old are not rolled out, nor are fewer available ones than are
//! wanted, and a workload that is paused or being deleted comes to no good end by itself. To Argo CD, the former are `Healthy`.

use serde::Deserialize;

/// The group of the kinds, and their version.
pub(super) const API: &str = "/apis/apps/v1";

/// What is rolled out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Deployment,
    StatefulSet,
    DaemonSet,
}

impl Kind {
    /// Of this name, where it is one.
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Deployment, Self::StatefulSet, Self::DaemonSet].into_iter().find(|kind| kind.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }

    /// As the API names them in a path, and what it takes to read one.
    pub(super) fn plural_and_operation(self) -> (&'static str, &'static str) {
        match self {
            Self::Deployment => ("deployments", "get deployments.apps"),
            Self::StatefulSet => ("statefulsets", "get statefulsets.apps"),
            Self::DaemonSet => ("daemonsets", "get daemonsets.apps"),
        }
    }
}

/// A workload as the API server gives it, as far as it matters. Each kind fills some of it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Object {
    metadata: Metadata,
    spec: Spec,
    status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    generation: i64,
    deletion_timestamp: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    replicas: Option<i64>,
    paused: bool,
    update_strategy: Strategy,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Strategy {
    #[serde(rename = "type")]
    name: String,
    rolling_update: Option<RollingUpdate>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RollingUpdate {
    partition: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    observed_generation: i64,
    replicas: i64,
    ready_replicas: i64,
    updated_replicas: i64,
    available_replicas: i64,
    current_revision: String,
    update_revision: String,
    desired_number_scheduled: i64,
    updated_number_scheduled: i64,
    number_available: i64,
    conditions: Vec<Condition>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Condition {
    #[serde(rename = "type")]
    name: String,
    reason: String,
    message: String,
}

/// A word of Argo CD for it, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Health {
    pub(super) word: &'static str,
    pub(super) why: String,
}

fn healthy(why: impl Into<String>) -> Health {
    Health { word: "Healthy", why: why.into() }
}

fn progressing(why: impl Into<String>) -> Health {
    Health { word: "Progressing", why: why.into() }
}

/// How it stands.
pub(super) fn health(kind: Kind, object: &Object) -> Health {
    if object.metadata.deletion_timestamp.is_some() {
        return progressing("it is being deleted");
    }
    match kind {
        Kind::Deployment => deployment(object),
        Kind::StatefulSet => stateful_set(object),
        Kind::DaemonSet => daemon_set(object),
    }
}

fn deployment(Object { metadata, spec, status }: &Object) -> Health {
    if spec.paused {
        return Health { word: "Suspended", why: "it is paused".to_owned() };
    }
    if metadata.generation > status.observed_generation {
        return unseen();
    }
    let stuck = status.conditions.iter().find(|it| it.name == "Progressing").filter(|it| it.reason == "ProgressDeadlineExceeded");
    if let Some(stuck) = stuck {
        return Health { word: "Degraded", why: format!("its progress deadline is exceeded: {}", stuck.message) };
    }
    let Status { replicas, updated_replicas: updated, available_replicas: available, .. } = status;
    match spec.replicas {
        Some(wanted) if *updated < wanted => progressing(format!("{updated} of {wanted} pods are new")),
        _ if replicas > updated => progressing(format!("{} old pods are still there", replicas.saturating_sub(*updated))),
        _ if available < updated => progressing(format!("{available} of {updated} new pods are available")),
        _ => healthy(format!("{updated} pods are new and available")),
    }
}

fn stateful_set(Object { metadata, spec, status }: &Object) -> Health {
    if status.observed_generation == 0 || metadata.generation > status.observed_generation {
        return unseen();
    }
    let (ready, updated) = (status.ready_replicas, status.updated_replicas);
    if let Some(wanted) = spec.replicas.filter(|wanted| ready < *wanted) {
        return progressing(format!("{ready} of {wanted} pods are ready"));
    }
    match (spec.update_strategy.name.as_str(), &spec.update_strategy.rolling_update) {
        ("RollingUpdate", Some(RollingUpdate { partition })) => {
            let wanted = spec.replicas.zip(*partition).map(|(replicas, partition)| replicas.saturating_sub(partition));
            match wanted.filter(|wanted| updated < *wanted) {
                Some(wanted) => progressing(format!("{updated} of {wanted} pods are new")),
                None => healthy(format!("{updated} pods are new, of {ready} that are ready")),
            }
        }
        ("OnDelete", _) => healthy(format!("{ready} pods are ready; they become new as they are deleted")),
        _ if status.update_revision != status.current_revision => {
            progressing(format!("{updated} pods are at revision {}", status.update_revision))
        }
        _ => healthy(format!("{ready} pods are ready at revision {}", status.current_revision)),
    }
}

fn daemon_set(Object { metadata, spec, status }: &Object) -> Health {
    if metadata.generation > status.observed_generation {
        return unseen();
    }
    let (wanted, updated, available) =
        (status.desired_number_scheduled, status.updated_number_scheduled, status.number_available);
    if spec.update_strategy.name == "OnDelete" {
        return healthy(format!("{updated} of {wanted} pods are new; they become it as they are deleted"));
    }
    if updated < wanted {
        return progressing(format!("{updated} of {wanted} pods are new"));
    }
    if available < wanted {
        return progressing(format!("{available} of {wanted} pods are available"));
    }
    healthy(format!("{wanted} pods are new and available"))
}

fn unseen() -> Health {
    progressing("its controller has not seen what it asks for")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_rule_is_that_of_argo_cd() {
        use Kind::{DaemonSet, Deployment, StatefulSet};
        let deployed =
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3, "availableReplicas": 3});
        let stuck = json!([{"type": "Available", "reason": "ProgressDeadlineExceeded"},
            {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "timed out"}]);
        let other = json!([{"type": "Available", "reason": "ProgressDeadlineExceeded"},
            {"type": "Progressing", "reason": "NewReplicaSet"}]);
        let rolling = |partition: Value| {
            let strategy = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": partition}});
            json!({"replicas": 3, "updateStrategy": strategy})
        };
        let on_delete = json!({"replicas": 3, "updateStrategy": {"type": "OnDelete"}});
        let bare = json!({"replicas": 3, "updateStrategy": {"type": "RollingUpdate"}});
        let stateful = json!({"observedGeneration": 2, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 3, "currentRevision": "a",
            "updateRevision": "a"});
        let daemons =
            json!({"observedGeneration": 2, "desiredNumberScheduled": 4, "updatedNumberScheduled": 4, "numberAvailable": 4});
        let cases = [
            (Deployment, json!({"replicas": 3}), &deployed, json!({}), "Healthy", "3 pods are new"),
            (Deployment, json!({"replicas": 3}), &deployed, json!({"updatedReplicas": 2}), "Progressing", "2 of 3 pods are new"),
            (Deployment, json!({"replicas": 3}), &deployed, json!({"replicas": 4}), "Progressing", "1 old pods"),
            (Deployment, json!({"replicas": 3}), &deployed, json!({"availableReplicas": 1}), "Progressing", "1 of 3 new pods"),
            (Deployment, json!({"replicas": 3}), &deployed, json!({"observedGeneration": 1}), "Progressing", "has not seen"),
            // It may have seen a later one than was read.
            (Deployment, json!({"replicas": 3}), &deployed, json!({"observedGeneration": 3}), "Healthy", ""),
            (Deployment, json!({"replicas": 3}), &deployed, json!({"conditions": stuck}), "Degraded", "timed out"),
            (Deployment, json!({"replicas": 3}), &deployed, json!({"conditions": other}), "Healthy", ""),
            // What it was stuck at before, while it has not seen what it asks for now, is no failure of that.
            (
                Deployment,
                json!({"replicas": 3}),
                &deployed,
                json!({"conditions": stuck, "observedGeneration": 1}),
                "Progressing",
                "has not seen",
            ),
            (Deployment, json!({"replicas": 3, "paused": true}), &deployed, json!({"conditions": stuck}), "Suspended", "paused"),
            (Deployment, json!({"replicas": 0}), &json!({"observedGeneration": 2}), json!({}), "Healthy", "0 pods"),
            (StatefulSet, rolling(json!(0)), &stateful, json!({}), "Healthy", "3 pods are new"),
            (StatefulSet, rolling(json!(0)), &stateful, json!({"updatedReplicas": 2}), "Progressing", "2 of 3 pods are new"),
            (StatefulSet, rolling(json!(2)), &stateful, json!({"updatedReplicas": 1}), "Healthy", "1 pods are new"),
            (StatefulSet, rolling(json!(1)), &stateful, json!({"updatedReplicas": 1}), "Progressing", "1 of 2 pods"),
            (StatefulSet, rolling(json!(null)), &stateful, json!({"updatedReplicas": 0}), "Healthy", "0 pods are new"),
            (StatefulSet, rolling(json!(2)), &stateful, json!({"readyReplicas": 2}), "Progressing", "2 of 3 pods are ready"),
            (
                StatefulSet,
                on_delete.clone(),
                &stateful,
                json!({"updatedReplicas": 0, "updateRevision": "b"}),
                "Healthy",
                "deleted",
            ),
            (StatefulSet, bare.clone(), &stateful, json!({"updateRevision": "b"}), "Progressing", "revision b"),
            (StatefulSet, bare, &stateful, json!({}), "Healthy", "revision a"),
            (StatefulSet, rolling(json!(0)), &stateful, json!({"observedGeneration": 1}), "Progressing", "has not seen"),
            (StatefulSet, rolling(json!(0)), &json!({}), json!({}), "Progressing", "has not seen"),
            (DaemonSet, json!({}), &daemons, json!({}), "Healthy", "4 pods"),
            (DaemonSet, json!({}), &daemons, json!({"updatedNumberScheduled": 3}), "Progressing", "3 of 4 pods are new"),
            (DaemonSet, json!({}), &daemons, json!({"numberAvailable": 3}), "Progressing", "3 of 4 pods are available"),
            (DaemonSet, on_delete, &daemons, json!({"updatedNumberScheduled": 1, "numberAvailable": 0}), "Healthy", "1 of 4"),
            (DaemonSet, json!({}), &daemons, json!({"observedGeneration": 1}), "Progressing", "has not seen"),
        ];
        for (kind, spec, status, but, word, why) in cases {
            let mut status = status.clone();
            status.as_object_mut().unwrap().extend(but.as_object().unwrap().clone());
            let mut object = json!({"metadata": {"generation": 2}, "spec": spec, "status": status});
            let read = |object: &Value| health(kind, &serde_json::from_value(object.clone()).unwrap());
            let found = read(&object);
            assert!(found.word == word && found.why.contains(why), "{kind:?} {object}: {found:?}, not {word}: {why}");
            object["metadata"]["deletionTimestamp"] = json!("2026-11-22T11:45:49Z");
            assert_eq!(read(&object), progressing("it is being deleted"));
        }
        // Nothing has been seen yet, of a generation that nobody tells either: to Argo CD that says something of StatefulSets alone.
        let bare = json!({"spec": {"replicas": 0}, "status": {"observedGeneration": 0}});
        for (kind, word) in [(StatefulSet, "Progressing"), (Deployment, "Healthy"), (DaemonSet, "Healthy")] {
            assert_eq!(health(kind, &serde_json::from_value(bare.clone()).unwrap()).word, word, "{kind:?}");
        }
    }
}
