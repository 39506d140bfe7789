//! What a `HelmRelease` that a Kustomization applied says of itself.

use serde::Deserialize;

use super::Step;
use super::object::{Condition, Metadata, Reconciled, Unreadable, condition, read};
use super::objects::{Inventory, Reference};
use super::reason::{Failed, NotYet, Verdict};
use crate::live::{objects, or_default};

pub(super) const GROUP: &str = "helm.toolkit.fluxcd.io";

/// A `HelmRelease` of Flux (`helm.toolkit.fluxcd.io/v2`), as far as it matters.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct HelmRelease {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) metadata: Metadata,
    #[serde(default, deserialize_with = "or_default")]
    spec: Spec,
    #[serde(default, deserialize_with = "or_default")]
    status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
struct Spec {
    #[serde(deserialize_with = "or_default")]
    suspend: bool,
    kube_config: Option<serde::de::IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
struct Status {
    observed_generation: Option<i64>,
    last_attempted_generation: Option<i64>,
    #[serde(deserialize_with = "or_default")]
    last_attempted_revision: String,
    #[serde(deserialize_with = "or_default")]
    last_attempted_config_digest: String,
    last_handled_reconcile_at: Option<String>,
    #[serde(deserialize_with = "or_default")]
    conditions: Vec<Condition>,
    #[serde(deserialize_with = "or_default")]
    history: Vec<Release>,
    #[serde(deserialize_with = "or_default")]
    inventory: Inventory,
}

/// A release that was made, the latest first.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
struct Release {
    #[serde(deserialize_with = "or_default")]
    chart_version: String,
    #[serde(deserialize_with = "or_default")]
    config_digest: String,
    #[serde(deserialize_with = "or_default")]
    status: String,
}

impl HelmRelease {
    /// Reads one in JSON, as the API server of Kubernetes gives it.
    ///
    /// # Errors
    /// Where it is no JSON, no HelmRelease, or a field that matters has another type.
    pub fn from_json(json: &[u8]) -> Result<Self, Unreadable> {
        read(json, GROUP, &["HelmRelease"], "HelmRelease").map(|(_, release)| release)
    }

    /// What it has applied, as Flux 2.8 and later write it down; nothing of what is in another cluster.
    #[must_use]
    pub fn inventory(&self) -> Vec<Reference> {
        if self.spec.kube_config.is_some() { Vec::new() } else { self.status.inventory.references() }
    }

    pub(super) fn is(&self, reference: &Reference) -> bool {
        self.metadata.namespace == reference.namespace && self.metadata.name == reference.name
    }

    fn reconciled(&self) -> Reconciled<'_> {
        Reconciled {
            kind: "HelmRelease",
            metadata: &self.metadata,
            suspended: self.spec.suspend,
            observed_generation: self.status.observed_generation,
            handled: self.status.last_handled_reconcile_at.as_deref(),
            conditions: &self.status.conditions,
        }
    }

    /// It has deployed what it asks for now.
    pub(super) fn is_deployed(&self) -> Step {
        let of = self.reconciled();
        of.goes_on()?;
        of.not_stalled()?;
        for (kind, bad) in [("Remediated", "True"), ("TestSuccess", "False"), ("Released", "False")] {
            if let Some(condition) = condition(of.conditions, kind).filter(|it| it.is(bad) && of.is_current(it)) {
                let message = format!("{}: {}", condition.reason, condition.message);
                return Err(Verdict::Failed(Failed::Release { what: of.label(), message }));
            }
        }
        of.at_rest()?;
        of.ready()?;
        let (status, generation) = (&self.status, self.metadata.generation);
        let last = status.history.first().filter(|last| last.status == "deployed");
        let attempted = last.is_some_and(|last| {
            last.chart_version == status.last_attempted_revision && last.config_digest == status.last_attempted_config_digest
        });
        let told = !status.last_attempted_revision.is_empty() && !status.last_attempted_config_digest.is_empty();
        if attempted && told && status.last_attempted_generation == generation {
            Ok(())
        } else {
            Err(Verdict::NotYet(NotYet::NotReleased { what: of.label() }))
        }
    }
}

objects!(Spec, Status, Release);
