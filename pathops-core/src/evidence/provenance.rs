use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Predicate, ReferenceAnnotations};
use crate::digest::Digest;
use crate::id::{CommitId, TreeId};
use crate::time::{UnixMillis, rfc3339};

/// Where an artifact comes from: SLSA provenance v1 (<https://slsa.dev/spec/v1.0/provenance>), of an artifact as its subject.
///
/// PathOps states it for what it had a CI system build. It tells what that system answered, and claims no SLSA level.
///
/// ```
/// use pathops_core::evidence::{Build, BuildRun, Provenance, Statement, Subject, Predicate as _};
/// use pathops_core::{CommitId, Digest, TreeId, UnixMillis};
/// # let commit = CommitId::parse("6f1e2d3c4b5a69788796a5b4c3d2e1f001122334").unwrap();
/// # let tree = TreeId::parse("0a1b2c3d4e5f60718293a4b5c6d7e8f901234567").unwrap();
/// let provenance = Provenance {
///     build_definition: Build::of("https://ci.example/build/v1", "https://git.example/shop/orders-src", &commit, &tree),
///     run_details: BuildRun::by("https://ci.example/runner", "run-7", UnixMillis(1_000), UnixMillis(2_000)),
/// };
/// let artifact = Subject::named("orders").with_sha256(&Digest::of(b"orders"));
/// let statement = Statement::new(vec![artifact], Provenance::TYPE, &provenance)?;
/// assert_eq!(statement.predicate["buildDefinition"]["resolvedDependencies"][0]["digest"]["gitCommit"], commit.as_str());
/// # Ok::<(), pathops_core::evidence::StatementError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Provenance {
    /// What was to be built.
    pub build_definition: Build,
    /// How it was built.
    pub run_details: BuildRun,
}

impl Predicate for Provenance {
    const TYPE: &'static str = "https://slsa.dev/provenance/v1";
}

/// What was to be built: all that went in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Build {
    /// The URI of how the rest is to be read.
    pub build_type: String,
    /// What whoever asked for the build could choose; a verifier has to look at every one of them.
    pub external_parameters: Map<String, Value>,
    /// What the builder chose.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub internal_parameters: Map<String, Value>,
    /// What was fetched, as far as it is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolved_dependencies: Vec<Resource>,
}

impl Build {
    /// A build of a commit of a Git repository, which is named by a URI. The tree stays the same when the commit is merged.
    #[must_use]
    pub fn of(build_type: impl Into<String>, repository: &str, commit: &CommitId, tree: &TreeId) -> Self {
        let digest = BTreeMap::from([("gitCommit".to_owned(), commit.to_string()), ("gitTree".to_owned(), tree.to_string())]);
        let source = Resource { uri: Some(format!("git+{repository}@{commit}")), digest, ..Resource::default() };
        Self {
            build_type: build_type.into(),
            external_parameters: Map::from_iter([("source".to_owned(), Value::from(repository))]),
            internal_parameters: Map::new(),
            resolved_dependencies: vec![source],
        }
    }
}

/// How it was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BuildRun {
    /// Whom to trust for it.
    pub builder: Builder,
    /// Which run it was, and when.
    pub metadata: BuildTimes,
    /// What came out beside the artifact: logs, reports.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub byproducts: Vec<Resource>,
}

impl BuildRun {
    /// A run, without anything beside its artifact.
    #[must_use]
    pub fn by(builder: impl Into<String>, run: impl Into<String>, started: UnixMillis, finished: UnixMillis) -> Self {
        Self {
            builder: Builder { id: builder.into() },
            metadata: BuildTimes { invocation_id: run.into(), started_on: started, finished_on: finished },
            byproducts: Vec::new(),
        }
    }
}

/// Who built it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Builder {
    /// A URI, of the build platform with everything that it trusts.
    pub id: String,
}

/// Which run it was, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BuildTimes {
    /// The name of the run at the builder.
    pub invocation_id: String,
    /// When it began.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub started_on: UnixMillis,
    /// When it ended.
    #[serde(with = "rfc3339")]
    #[cfg_attr(feature = "schema", schemars(with = "String", extend("format" = "date-time")))]
    pub finished_on: UnixMillis,
}

/// Something that went in or came out: an in-toto `ResourceDescriptor`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Resource {
    /// What it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which one it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
    /// Its digests by algorithm.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub digest: BTreeMap<String, String>,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_location: Option<String>,
    /// For example `text/plain`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What else is said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<ReferenceAnnotations>,
}

impl Resource {
    /// A blob.
    #[must_use]
    pub fn blob(name: impl Into<String>, digest: &Digest, location: impl Into<String>, media_type: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            uri: None,
            digest: BTreeMap::from([("sha256".to_owned(), digest.hex())]),
            download_location: Some(location.into()),
            media_type: Some(media_type.into()),
            annotations: None,
        }
    }

    /// The same, with what is said of how long it is kept.
    #[must_use]
    pub fn kept(self, annotations: ReferenceAnnotations) -> Self {
        Self { annotations: Some(annotations), ..self }
    }
}
