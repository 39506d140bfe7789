//! The parts of a source that the verdict rests on.

use serde::Deserialize;

use super::object::{Condition, Metadata, Reconciled, Unreadable, read};
use crate::live::{objects, or_default};

pub(super) const GROUP: &str = "source.toolkit.fluxcd.io";

/// The kinds of sources whose artifacts may be of a commit.
const KINDS: [&str; 2] = ["GitRepository", "OCIRepository"];

/// A `GitRepository` or `OCIRepository` of Flux (`source.toolkit.fluxcd.io`), as far as it matters.
#[derive(Clone, Debug)]
pub struct Source {
    pub(super) kind: String,
    pub(super) fields: Fields,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self")]
pub(super) struct Fields {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) metadata: Metadata,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) spec: Spec,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", default)]
pub(super) struct Spec {
    #[serde(deserialize_with = "or_default")]
    pub(super) url: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) suspend: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct Status {
    pub(super) observed_generation: Option<i64>,
    pub(super) last_handled_reconcile_at: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) conditions: Vec<Condition>,
    #[serde(deserialize_with = "or_default")]
    pub(super) artifact: Artifact,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", default)]
pub(super) struct Artifact {
    #[serde(deserialize_with = "or_default")]
    pub(super) revision: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) metadata: ArtifactMetadata,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", default)]
pub(super) struct ArtifactMetadata {
    #[serde(rename = "org.opencontainers.image.revision", deserialize_with = "or_default")]
    pub(super) origin: String,
}

impl Source {
    /// Reads one in JSON, as the API server of Kubernetes gives it.
    ///
    /// # Errors
    /// Where it is no JSON, no such source, or a field that matters has another type.
    pub fn from_json(json: &[u8]) -> Result<Self, Unreadable> {
        let (kind, fields) = read(json, GROUP, &KINDS, "source of commits")?;
        Ok(Self { kind, fields })
    }

    /// Whether artifacts of such a source may be of a commit: a `Bucket` has none.
    #[must_use]
    pub fn is_known(kind: &str) -> bool {
        KINDS.contains(&kind)
    }

    /// Whether it was asked to reconcile, and has not done so yet.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.reconciled().is_asked()
    }

    pub(super) fn reconciled(&self) -> Reconciled<'_> {
        let Fields { metadata, spec, status } = &self.fields;
        Reconciled {
            kind: &self.kind,
            metadata,
            suspended: spec.suspend,
            observed_generation: status.observed_generation,
            handled: status.last_handled_reconcile_at.as_deref(),
            conditions: &status.conditions,
        }
    }
}

objects!(Fields, Spec, Status, Artifact, ArtifactMetadata);
