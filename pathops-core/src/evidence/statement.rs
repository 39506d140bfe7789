use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest::Digest;
use crate::evidence::{Predicate as _, Snapshot, canonical};
use crate::id::{CommitId, TreeId};

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
}

impl Subject {
    /// A subject without any digest yet; add at least one.
    #[must_use]
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), digest: BTreeMap::new() }
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
