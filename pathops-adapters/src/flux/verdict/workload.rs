//! What runs: workloads with pods.

use serde::Deserialize;

use super::Step;
use super::object::{Condition, Metadata, Unreadable, condition, read};
use super::objects::Reference;
use super::reason::{Failed, Frozen, NotYet, Stale, Verdict};
use crate::live::{StaleAction, objects, or_default};

pub(super) const GROUP: &str = "apps";
pub(super) const KINDS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// A `Deployment`, `StatefulSet` or `DaemonSet` (`apps/v1`), as far as it matters.
#[derive(Clone, Debug)]
pub struct Workload {
    kind: String,
    fields: Fields,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self")]
struct Fields {
    #[serde(default, deserialize_with = "or_default")]
    metadata: Metadata,
    #[serde(default, deserialize_with = "or_default")]
    spec: Spec,
    #[serde(default, deserialize_with = "or_default")]
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", default)]
struct Spec {
    replicas: Option<i64>,
    #[serde(deserialize_with = "or_default")]
    paused: bool,
    #[serde(deserialize_with = "or_default")]
    template: Template,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", default)]
struct Template {
    #[serde(deserialize_with = "or_default")]
    spec: PodSpec,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
struct PodSpec {
    #[serde(deserialize_with = "or_default")]
    containers: Vec<Container>,
    #[serde(deserialize_with = "or_default")]
    init_containers: Vec<Container>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", default)]
struct Container {
    #[serde(deserialize_with = "or_default")]
    image: String,
}

/// Of all kinds; each fills some.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
struct Status {
    observed_generation: Option<i64>,
    #[serde(deserialize_with = "or_default")]
    replicas: i64,
    #[serde(deserialize_with = "or_default")]
    updated_replicas: i64,
    #[serde(deserialize_with = "or_default")]
    ready_replicas: i64,
    #[serde(deserialize_with = "or_default")]
    available_replicas: i64,
    desired_number_scheduled: Option<i64>,
    #[serde(deserialize_with = "or_default")]
    updated_number_scheduled: i64,
    #[serde(deserialize_with = "or_default")]
    number_available: i64,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<Condition>,
}

impl Workload {
    /// Reads one in JSON, as the API server of Kubernetes gives it.
    ///
    /// # Errors
    /// Where it is no JSON, no such workload, or a field that matters has another type.
    pub fn from_json(json: &[u8]) -> Result<Self, Unreadable> {
        let (kind, fields) = read(json, GROUP, &KINDS, "workload")?;
        Ok(Self { kind, fields })
    }

    /// The images that its pods are made of.
    pub fn images(&self) -> impl Iterator<Item = &str> {
        let PodSpec { containers, init_containers } = &self.fields.spec.template.spec;
        containers.iter().chain(init_containers).map(|container| container.image.as_str())
    }

    pub(super) fn is(&self, reference: &Reference) -> bool {
        let Metadata { namespace, name, .. } = &self.fields.metadata;
        self.kind == reference.kind && *namespace == reference.namespace && *name == reference.name
    }

    fn label(&self) -> String {
        format!("{}/{}", self.kind, self.fields.metadata.name)
    }

    /// All of its pods are those that it asks for now, and they are available.
    pub(super) fn is_rolled_out(&self) -> Step {
        let Fields { metadata, spec, status } = &self.fields;
        let frozen = |how| Err(Verdict::Stale(Stale::Frozen { how }, StaleAction::AskPeople));
        if metadata.deletion_timestamp.is_some() {
            return Err(Verdict::Failed(Failed::Deleting { what: self.label() }));
        }
        if metadata.annotations.reconcile.as_deref() == Some("disabled") {
            return frozen(Frozen::LeftAlone { what: self.label() });
        }
        if spec.paused {
            return frozen(Frozen::Paused { what: self.label() });
        }
        let rolling = |message: &str| {
            let (what, message) = (self.label(), message.to_owned());
            Err(Verdict::NotYet(NotYet::RollingOut { what, message }))
        };
        if metadata.generation.is_none() || status.observed_generation != metadata.generation {
            return rolling("its controller has not seen what it asks for");
        }
        if let Some(stuck) = condition(&status.conditions, "Progressing").filter(|it| it.reason == "ProgressDeadlineExceeded") {
            return Err(Verdict::Failed(Failed::RolloutFailed { what: self.label(), message: stuck.message.clone() }));
        }
        let (wanted, existing, updated, available) = if self.kind == "DaemonSet" {
            let Some(wanted) = status.desired_number_scheduled else { return rolling("it has not told of its pods") };
            (wanted, wanted, status.updated_number_scheduled, status.number_available)
        } else {
            // Not every version of Kubernetes tells of the available pods of a StatefulSet.
            let ready = if self.kind == "StatefulSet" { status.ready_replicas } else { status.available_replicas };
            (spec.replicas.unwrap_or(1), status.replicas, status.updated_replicas, ready)
        };
        if updated < wanted || existing > updated || available < wanted {
            return rolling(&format!("{updated} of {wanted} pods are new, {available} are available, {existing} are there"));
        }
        Ok(())
    }
}

objects!(Fields, Spec, Template, PodSpec, Container, Status);
