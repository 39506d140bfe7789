//! The parts of a `Kustomization` that the verdict rests on.

use pathops_core::UnixMillis;
use serde::Deserialize;

use super::object::{Condition, Metadata, Reconciled, Unreadable, condition, instant, read};
use super::objects::{Inventory, Reference};
use crate::live::{Instant, objects, or_default};

pub(super) const GROUP: &str = "kustomize.toolkit.fluxcd.io";

/// A `Kustomization` of Flux (`kustomize.toolkit.fluxcd.io/v1`), as far as it matters. Fields that are not known are ignored.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Kustomization {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) metadata: Metadata,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) spec: Spec,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct Spec {
    #[serde(deserialize_with = "or_default")]
    pub(super) path: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) source_ref: Named,
    #[serde(deserialize_with = "or_default")]
    pub(super) suspend: bool,
    #[serde(deserialize_with = "or_default")]
    pub(super) wait: bool,
    #[serde(deserialize_with = "or_default")]
    pub(super) health_checks: Vec<Named>,
    pub(super) kube_config: Option<serde::de::IgnoredAny>,
}

/// An object that is named: the source, or one whose health is checked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", default)]
pub(super) struct Named {
    #[serde(deserialize_with = "or_default")]
    pub(super) kind: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) namespace: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct Status {
    pub(super) observed_generation: Option<i64>,
    #[serde(deserialize_with = "or_default")]
    pub(super) last_applied_revision: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) last_applied_origin_revision: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) last_attempted_revision: String,
    pub(super) last_handled_reconcile_at: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) conditions: Vec<Condition>,
    #[serde(deserialize_with = "or_default")]
    pub(super) inventory: Inventory,
    #[serde(deserialize_with = "or_default")]
    pub(super) history: Vec<Attempt>,
}

/// Attempts with the same outcome, the latest first.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct Attempt {
    #[serde(deserialize_with = "instant")]
    pub(super) first_reconciled: Option<Instant>,
    #[serde(deserialize_with = "instant")]
    pub(super) last_reconciled: Option<Instant>,
    #[serde(deserialize_with = "or_default")]
    pub(super) last_reconciled_status: String,
}

impl Kustomization {
    /// Reads one in JSON, as the API server of Kubernetes gives it.
    ///
    /// # Errors
    /// Where it is no JSON, no Kustomization, or a field that matters has another type.
    pub fn from_json(json: &[u8]) -> Result<Self, Unreadable> {
        read(json, GROUP, &["Kustomization"], "Kustomization").map(|(_, kustomization)| kustomization)
    }

    /// Which version of the object it is.
    #[must_use]
    pub fn resource_version(&self) -> Option<&str> {
        self.metadata.resource_version.as_deref()
    }

    /// The source that it names.
    #[must_use]
    pub fn source(&self) -> Reference {
        let Named { kind, namespace, name } = &self.spec.source_ref;
        let namespace = if namespace.is_empty() { &self.metadata.namespace } else { namespace };
        let [namespace, name, kind] = [namespace, name, kind].map(Clone::clone);
        Reference { namespace, name, group: super::source::GROUP.to_owned(), kind }
    }

    /// What it has applied.
    #[must_use]
    pub fn inventory(&self) -> Vec<Reference> {
        self.status.inventory.references()
    }

    /// Whether what it applies is in another cluster (`spec.kubeConfig`).
    #[must_use]
    pub fn applies_elsewhere(&self) -> bool {
        self.spec.kube_config.is_some()
    }

    /// Whether it was asked to reconcile, and has not done so yet.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.reconciled().is_asked()
    }

    /// When the last reconciliation ended.
    #[must_use]
    pub fn looked_at(&self) -> Option<UnixMillis> {
        condition(&self.status.conditions, "Ready").filter(|ready| !ready.is("Unknown")).and_then(Condition::at)
    }

    pub(super) fn reconciled(&self) -> Reconciled<'_> {
        Reconciled {
            kind: "Kustomization",
            metadata: &self.metadata,
            suspended: self.spec.suspend,
            observed_generation: self.status.observed_generation,
            handled: self.status.last_handled_reconcile_at.as_deref(),
            conditions: &self.status.conditions,
        }
    }
}

objects!(Spec, Named, Status, Attempt);
