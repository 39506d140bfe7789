use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::evidence::{Predicate as _, Snapshot, canonical};
use crate::id::{ChangeSetId, CommitId, EnvironmentId, TreeId, UnitId};

/// `_type` of every statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// What a statement is about: an in-toto `ResourceDescriptor` with digests.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Subject {
    /// A name for people, for example `orders@preflight`. Others may leave it out; then it is empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Its digests by algorithm: `sha256`, `gitCommit`, `gitTree`.
    pub digest: BTreeMap<String, String>,
    /// What else is said of it. Facts leave it out: who decides goes by digests.
    #[serde(default, deserialize_with = "ours", skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(skip))]
    pub annotations: Option<SubjectAnnotations>,
}

/// What a statement says of a subject besides what it is. What others say there is not read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SubjectAnnotations {
    /// What it is part of: where the type of a predicate is not our own, it has no field for it.
    #[serde(rename = "https://pathops.dev/part-of")]
    pub part_of: PartOf,
}

/// The change set, unit and environment that evidence belongs to. It can be found by them, and that proves nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PartOf {
    /// The change set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change_set: Option<ChangeSetId>,
    /// The app or component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitId>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<EnvironmentId>,
}

impl PartOf {
    /// Whether it names nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Annotations may be anything; those that are not ours are none.
fn ours<'de, D: Deserializer<'de>>(annotations: D) -> Result<Option<SubjectAnnotations>, D::Error> {
    Value::deserialize(annotations).map(|it| serde_json::from_value(it).ok())
}

impl Subject {
    /// A subject without any digest yet; add at least one.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), digest: BTreeMap::new(), annotations: None }
    }

    /// With the SHA-256 of its bytes.
    #[must_use]
    pub fn with_sha256(mut self, digest: &Digest) -> Self {
        self.digest.insert("sha256".to_owned(), digest.hex());
        self
    }

    /// With a Git commit.
    #[must_use]
    pub fn with_commit(mut self, commit: &CommitId) -> Self {
        self.digest.insert("gitCommit".to_owned(), commit.as_str().to_owned());
        self
    }

    /// With a Git tree.
    #[must_use]
    pub fn with_tree(mut self, tree: &TreeId) -> Self {
        self.digest.insert("gitTree".to_owned(), tree.as_str().to_owned());
        self
    }

    /// With what it is part of; where that names nothing, it is as it was.
    ///
    /// ```
    /// use pathops_core::Digest;
    /// use pathops_core::evidence::{PartOf, Subject};
    /// let part_of = PartOf { unit: Some("orders".parse()?), ..PartOf::default() };
    /// let subject = Subject::named("orders").with_sha256(&Digest::of(b"orders")).with_part_of(&part_of);
    /// assert_eq!(subject.annotations.map(|it| it.part_of), Some(part_of));
    /// # Ok::<(), pathops_core::IdError>(())
    /// ```
    #[must_use]
    pub fn with_part_of(mut self, part_of: &PartOf) -> Self {
        if !part_of.is_empty() {
            self.annotations = Some(SubjectAnnotations { part_of: part_of.clone() });
        }
        self
    }

    /// Whether it has this digest.
    #[must_use]
    pub fn has(&self, algorithm: &str, value: &str) -> bool {
        self.digest.get(algorithm).is_some_and(|digest| digest == value)
    }
}

/// An in-toto Statement v1: subjects, and what is said about them.
///
/// Its bytes are canonical JSON (RFC 8785), so the same statement has the same bytes and the same id everywhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement {
    #[serde(rename = "_type")]
    statement_type: String,
    /// What it is about; never empty.
    pub subject: Vec<Subject>,
    /// What kind of thing is said.
    pub predicate_type: String,
    /// What is said.
    pub predicate: Value,
}

/// Why something is no statement.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatementError {
    /// Not JSON of the right shape, or a number that canonical JSON does not have.
    #[error("the statement is not an in-toto Statement v1 in JSON")]
    Json(#[from] serde_json::Error),
    /// Another `_type`.
    #[error("the statement has the type `{0}`, not `{STATEMENT_TYPE}`")]
    Type(String),
    /// No subject, or one without a digest.
    #[error("the statement names no subject with a digest")]
    NoSubject,
}

impl Statement {
    /// Whether it is a snapshot of PathOps, and not a reference of another kind, which has the same type.
    #[must_use]
    pub fn is_snapshot(&self) -> bool {
        self.predicate_type == Snapshot::TYPE && self.predicate.get("https://pathops.dev/snapshot").is_some()
    }

    /// A statement about `subject`.
    ///
    /// # Errors
    /// [`StatementError`] where no subject has a digest or the predicate is not representable in JSON.
    pub fn new(subject: Vec<Subject>, predicate_type: &str, predicate: &impl Serialize) -> Result<Self, StatementError> {
        let statement = Self {
            statement_type: STATEMENT_TYPE.to_owned(),
            subject,
            predicate_type: predicate_type.to_owned(),
            predicate: serde_json::to_value(predicate)?,
        };
        statement.check()
    }

    /// Reads a statement.
    ///
    /// # Errors
    /// [`StatementError`] for anything else.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, StatementError> {
        serde_json::from_slice::<Self>(bytes)?.check()
    }

    /// Its canonical bytes (RFC 8785).
    ///
    /// # Errors
    /// [`StatementError::Json`] where the predicate holds a number that canonical JSON does not have.
    pub fn to_canonical(&self) -> Result<Vec<u8>, StatementError> {
        let (kind, predicate_type) = (Value::from(&*self.statement_type), Value::from(&*self.predicate_type));
        let subject = serde_json::to_value(&self.subject)?;
        let fields =
            vec![("_type", &kind), ("predicate", &self.predicate), ("predicateType", &predicate_type), ("subject", &subject)];
        let mut bytes = Vec::new();
        canonical::object(fields, &mut bytes)?;
        Ok(bytes)
    }

    fn check(self) -> Result<Self, StatementError> {
        if self.statement_type != STATEMENT_TYPE {
            return Err(StatementError::Type(self.statement_type));
        }
        let digests = !self.subject.is_empty() && self.subject.iter().all(|subject| !subject.digest.is_empty());
        if digests { Ok(self) } else { Err(StatementError::NoSubject) }
    }
}
