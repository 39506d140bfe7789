//! What was read together.

use std::fmt;

use serde::Deserialize;

use super::kustomization::Kustomization;
use super::release::{self, HelmRelease};
use super::source::Source;
use super::workload::{self, Workload};
use crate::live::{objects, or_default};

/// A Kustomization, its source, and what of its inventory matters.
#[derive(Clone, Debug)]
pub struct Objects {
    pub(super) kustomization: Kustomization,
    pub(super) source: Option<Source>,
    pub(super) releases: Vec<HelmRelease>,
    pub(super) workloads: Vec<Workload>,
}

/// Where an object of a cluster is, as an inventory names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Its namespace; empty where it has none.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// The group of its API; empty for the core group.
    pub group: String,
    /// Its kind.
    pub kind: String,
}

impl Objects {
    /// A Kustomization and its source, where that is there.
    #[must_use]
    pub fn new(kustomization: Kustomization, source: Option<Source>) -> Self {
        Self { kustomization, source, releases: Vec::new(), workloads: Vec::new() }
    }

    /// With this HelmRelease of the inventory.
    #[must_use]
    pub fn release(mut self, release: HelmRelease) -> Self {
        self.releases.push(release);
        self
    }

    /// With this workload of the inventory, or of that of a HelmRelease.
    #[must_use]
    pub fn workload(mut self, workload: Workload) -> Self {
        self.workloads.push(workload);
        self
    }

    /// The Kustomization.
    #[must_use]
    pub fn kustomization(&self) -> &Kustomization {
        &self.kustomization
    }

    /// What of the inventories is a workload whose images can be read.
    #[must_use]
    pub fn workloads_named(&self) -> Vec<Reference> {
        let released = self.releases.iter().flat_map(HelmRelease::inventory);
        self.kustomization.inventory().into_iter().chain(released).filter(Reference::is_workload).collect()
    }
}

impl Reference {
    /// Whether it is a Deployment, StatefulSet or DaemonSet.
    #[must_use]
    pub fn is_workload(&self) -> bool {
        self.group == workload::GROUP && workload::KINDS.contains(&self.kind.as_str())
    }

    /// Whether it is a HelmRelease.
    #[must_use]
    pub fn is_release(&self) -> bool {
        self.group == release::GROUP && self.kind == "HelmRelease"
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.kind, self.name)
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", default)]
pub(super) struct Inventory {
    #[serde(deserialize_with = "or_default")]
    pub(super) entries: Vec<Entry>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", default)]
pub(super) struct Entry {
    #[serde(deserialize_with = "or_default")]
    id: String,
}

impl Inventory {
    /// `shop_orders_apps_Deployment`: names hold no `_`, but for those of roles, where Flux writes two for a colon.
    pub(super) fn references(&self) -> Vec<Reference> {
        let reference = |entry: &Entry| {
            let (rest, kind) = entry.id.rsplit_once('_')?;
            let (rest, group) = rest.rsplit_once('_')?;
            let (namespace, name) = rest.split_once('_')?;
            let [namespace, name, group, kind] = [namespace, name, group, kind].map(str::to_owned);
            Some(Reference { namespace, name, group, kind })
        };
        self.entries.iter().filter_map(reference).collect()
    }
}

objects!(Inventory, Entry);
