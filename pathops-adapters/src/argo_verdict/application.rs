//! The parts of an `Application` that the verdict rests on.

use serde::Deserialize;
use serde::de::{Error as _, IgnoredAny};
use serde_json::Value;

use crate::live::{Instant, objects, or_default};

/// An `Application` of Argo CD (`argoproj.io/v1alpha1`), as far as it matters. Fields that are not known are ignored.
#[derive(Clone, Debug, Deserialize)]
pub struct Application {
    #[serde(default, deserialize_with = "or_default")]
    pub(super) metadata: Metadata,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) spec: Spec,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) status: Status,
    /// An operation that is asked for or in progress.
    #[serde(default)]
    pub(super) operation: Option<IgnoredAny>,
}

/// What was read is no `Application`.
#[derive(Debug, thiserror::Error)]
#[error("this is no Application of Argo CD: {0}")]
pub struct Unreadable(#[from] serde_json::Error);

impl Application {
    /// Reads one in JSON, as the API servers of Kubernetes and of Argo CD give it.
    ///
    /// # Errors
    /// Where it is no JSON, or a field that matters has another type.
    pub fn from_json(json: &[u8]) -> Result<Self, Unreadable> {
        // A list would be taken for the fields in their order.
        if json.trim_ascii_start().first() != Some(&b'{') {
            return Err(no_object());
        }
        Ok(serde_json::from_slice(json)?)
    }

    /// The same from JSON that is read already.
    ///
    /// # Errors
    /// As [`Application::from_json`].
    pub fn from_value(value: &Value) -> Result<Self, Unreadable> {
        if value.is_object() { Ok(Self::deserialize(value)?) } else { Err(no_object()) }
    }

    /// Which version of the object it is.
    #[must_use]
    pub fn resource_version(&self) -> Option<&str> {
        self.metadata.resource_version.as_deref()
    }
}

fn no_object() -> Unreadable {
    Unreadable(serde_json::Error::custom("it is no object"))
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct Metadata {
    #[cfg(feature = "argocd")]
    #[serde(deserialize_with = "or_default")]
    pub(super) namespace: String,
    #[cfg(feature = "argocd")]
    #[serde(deserialize_with = "or_default")]
    pub(super) name: String,
    pub(super) resource_version: Option<String>,
    pub(super) deletion_timestamp: Option<IgnoredAny>,
    #[serde(deserialize_with = "or_default")]
    pub(super) annotations: Annotations,
}

/// The annotations that tell what Argo CD does at the moment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", default)]
pub(super) struct Annotations {
    #[serde(rename = "argocd.argoproj.io/refresh")]
    pub(super) refresh: Option<IgnoredAny>,
    #[serde(rename = "argocd.argoproj.io/hydrate")]
    pub(super) hydrate: Option<IgnoredAny>,
    #[serde(rename = "argocd.argoproj.io/skip-reconcile")]
    pub(super) skip_reconcile: Option<String>,
    /// What it is made of, by `;`, from the source's folder on, or from the root after a `/`.
    #[serde(rename = "argocd.argoproj.io/manifest-generate-paths")]
    pub(super) generate_paths: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct Spec {
    #[serde(flatten)]
    pub(super) compared: Compared,
    pub(super) source_hydrator: Option<SourceHydrator>,
    #[serde(deserialize_with = "or_default")]
    pub(super) sync_policy: SyncPolicy,
}

/// What Argo CD does by itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct SyncPolicy {
    automated: Option<Automated>,
    /// Labels and annotations of the namespace.
    pub(super) managed_namespace_metadata: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
struct Automated {
    enabled: Option<bool>,
    #[serde(deserialize_with = "or_default")]
    self_heal: bool,
}

impl SyncPolicy {
    /// Whether a revision is synced that was not tried before.
    pub(super) fn syncs(&self) -> bool {
        self.automated.as_ref().is_some_and(|automated| automated.enabled != Some(false))
    }

    /// Whether one is synced again that was synced before.
    pub(super) fn heals(&self) -> bool {
        self.syncs() && self.automated.as_ref().is_some_and(|automated| automated.self_heal)
    }
}

impl Spec {
    /// Whether revisions come in a list.
    pub(super) fn has_several_sources(&self) -> bool {
        self.source_hydrator.is_none() && !self.compared.sources.is_empty()
    }
}

/// Sources, destination and ignored differences: of the spec, or those of a comparison.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct Compared {
    pub(super) source: Option<Source>,
    #[serde(deserialize_with = "or_default")]
    pub(super) sources: Vec<Source>,
    pub(super) destination: Value,
    pub(super) ignore_differences: Value,
}

impl Compared {
    /// As Argo CD takes them: where `sources` has any, `source` does not count.
    pub(super) fn sources(&self) -> &[Source] {
        if self.sources.is_empty() { self.source.as_slice() } else { &self.sources }
    }
}

/// A source with all its settings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Source(pub(super) Value);

/// Where [`Source::named`] is kept of settings that are dropped.
pub(super) const NAMED: &str = "pathops/named";

/// Something of a repository that a source names beside its folder, as it stands in the spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named<'a> {
    /// A file, from the source's folder on, or from the root after a `/`; after `$name/` in the source that is called so.
    File(&'a str),
    /// The same, a folder.
    Folder(&'a str),
    /// A folder, from the root of the repository on.
    FromRoot(&'a str),
}

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{path}"),
            Self::Folder(path) => write!(f, "folder:{path}"),
            Self::FromRoot(path) => write!(f, "root:{path}"),
        }
    }
}

impl<'a> Named<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        Some(match text.split_once(':')? {
            ("file", path) => Self::File(path),
            ("folder", path) => Self::Folder(path),
            ("root", path) => Self::FromRoot(path),
            _ => return None,
        })
    }
}

impl Source {
    /// What it names: files with values for Helm, components and patches for Kustomize, libraries for Jsonnet.
    pub(super) fn named(&self) -> impl Iterator<Item = Named<'_>> {
        fn path(value: &Value) -> Option<&str> {
            value.get("path").and_then(Value::as_str)
        }
        let list = |tool: &str, field: &str| self.0.get(tool).and_then(|it| it.get(field)).and_then(Value::as_array);
        let list = move |tool: &str, field: &str| list(tool, field).into_iter().flatten();
        let files = list("helm", "valueFiles").filter_map(Value::as_str);
        let files = files.chain(list("helm", "fileParameters").chain(list("kustomize", "patches")).filter_map(path));
        let folders = list("kustomize", "components").filter_map(Value::as_str);
        let libraries = self.0.pointer("/directory/jsonnet/libs").and_then(Value::as_array).into_iter().flatten();
        let kept = self.0.get(NAMED).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        files
            .map(Named::File)
            .chain(folders.map(Named::Folder))
            .chain(libraries.filter_map(Value::as_str).map(Named::FromRoot))
            .chain(kept.filter_map(Named::parse))
    }

    pub(super) fn text(&self, field: &str) -> &str {
        self.0.get(field).and_then(Value::as_str).unwrap_or_default()
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase")]
pub(super) struct SourceHydrator {
    pub(super) dry_source: Source,
    pub(super) sync_source: Source,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct Status {
    #[serde(deserialize_with = "or_default")]
    pub(super) sync: Sync,
    #[serde(deserialize_with = "or_default")]
    pub(super) health: Health,
    pub(super) operation_state: Option<OperationState>,
    #[serde(deserialize_with = "or_default")]
    pub(super) conditions: Vec<Condition>,
    pub(super) reconciled_at: Option<Instant>,
    #[serde(deserialize_with = "or_default")]
    pub(super) resources: Vec<Resource>,
    #[cfg(feature = "argocd")]
    pub(super) resource_health_source: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) summary: Summary,
    #[serde(deserialize_with = "or_default")]
    pub(super) source_hydrator: HydratorStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct Sync {
    pub(super) status: Option<String>,
    #[serde(flatten)]
    pub(super) at: Revisions,
    #[serde(deserialize_with = "or_default")]
    pub(super) compared_to: Compared,
}

/// One revision for each source, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(remote = "Self", default)]
pub(super) struct Revisions {
    revision: Option<String>,
    #[serde(deserialize_with = "or_default")]
    revisions: Vec<String>,
}

impl Revisions {
    /// Of `several` sources Argo CD fills the list, else the one.
    pub(super) fn of(&self, several: bool) -> &[String] {
        if several { &self.revisions } else { self.revision.as_slice() }
    }
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct Health {
    pub(super) status: Option<String>,
    pub(super) message: Option<String>,
    pub(super) last_transition_time: Option<Instant>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", default)]
pub(super) struct Condition {
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub(super) kind: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) message: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct Resource {
    #[serde(deserialize_with = "or_default")]
    pub(super) group: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) kind: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) namespace: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) name: String,
    pub(super) status: Option<String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) health: Health,
    #[serde(deserialize_with = "or_default")]
    pub(super) hook: bool,
    #[serde(deserialize_with = "or_default")]
    pub(super) requires_pruning: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct Summary {
    #[serde(deserialize_with = "or_default")]
    pub(super) images: Vec<String>,
    /// Whether an Application is among all that it manages and all that came of that.
    #[serde(deserialize_with = "or_default")]
    pub(super) is_app_of_apps: bool,
    #[cfg(feature = "argocd")]
    #[serde(rename = "externalURLs", deserialize_with = "or_default")]
    pub(super) external_urls: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct HydratorStatus {
    pub(super) current_operation: Option<Hydration>,
    /// The dry commit that was last found to need no hydration, or was hydrated.
    pub(super) last_compared_dry_revision: Option<String>,
    pub(super) last_successful_operation: Option<Hydration>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct Hydration {
    pub(super) phase: Option<String>,
    pub(super) message: Option<String>,
    #[serde(rename = "drySHA")]
    pub(super) dry: Option<String>,
    #[serde(rename = "hydratedSHA")]
    pub(super) hydrated: Option<String>,
    pub(super) source_hydrator: Option<SourceHydrator>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct OperationState {
    pub(super) phase: Option<String>,
    pub(super) message: Option<String>,
    #[cfg(feature = "argocd")]
    pub(super) started_at: Option<Instant>,
    pub(super) finished_at: Option<Instant>,
    #[serde(deserialize_with = "or_default")]
    pub(super) operation: Operation,
    pub(super) sync_result: Option<SyncResult>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", default)]
pub(super) struct Operation {
    pub(super) sync: Option<SyncOperation>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct SyncOperation {
    /// What was asked for; a name of a branch, or nothing, where that was left to Argo CD.
    #[serde(flatten)]
    pub(super) at: Revisions,
    #[serde(deserialize_with = "or_default")]
    pub(super) dry_run: bool,
    #[serde(deserialize_with = "or_default")]
    pub(super) resources: Vec<IgnoredAny>,
    #[serde(deserialize_with = "or_default")]
    pub(super) manifests: Vec<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct SyncResult {
    #[serde(flatten)]
    pub(super) at: Revisions,
    #[serde(flatten)]
    pub(super) compared: Compared,
    #[serde(deserialize_with = "or_default")]
    pub(super) resources: Vec<SyncedResource>,
    pub(super) managed_namespace_metadata: Option<Value>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", rename_all = "camelCase", default)]
pub(super) struct SyncedResource {
    #[serde(deserialize_with = "or_default")]
    pub(super) kind: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) name: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) message: String,
    pub(super) hook_type: Option<String>,
    pub(super) hook_phase: Option<String>,
}

objects!(
    Metadata,
    Annotations,
    Spec,
    SyncPolicy,
    Automated,
    Compared,
    SourceHydrator,
    Status,
    Sync,
    Revisions,
    Health,
    Condition,
    Resource,
    Summary,
    HydratorStatus,
    Hydration,
    OperationState,
    Operation,
    SyncOperation,
    SyncResult,
    SyncedResource,
);

/// A resource, for people.
pub(super) fn label(kind: &str, name: &str) -> String {
    if name.is_empty() { kind.to_owned() } else { format!("{kind}/{name}") }
}
