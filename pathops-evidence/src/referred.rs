//! What evidence refers to: what verification looks for is what retention keeps.

use pathops_core::Digest;
use pathops_core::evidence::{
    Predicate as _, Provenance, Redaction, Retention, Snapshot, Statement, TestResult, VerificationSummary,
};
use serde_json::Value;

/// The predicates that refer to payloads, what to call one of them, and where in it they are.
const PLACES: [(&str, &str, &str); 5] = [
    (Snapshot::TYPE, "reference", "/references"),
    (TestResult::TYPE, "test result", "/configuration"),
    (Provenance::TYPE, "provenance", "/runDetails/byproducts"),
    (Redaction::TYPE, "redaction", "/replacement"),
    (VerificationSummary::TYPE, "decision", "/https:~1~1pathops.dev~1decision-record"),
];

/// A payload that evidence refers to.
#[derive(Debug)]
pub(crate) struct Referred {
    pub(crate) name: String,
    /// `None` where it is referred to without a SHA-256.
    pub(crate) digest: Option<Digest>,
    pub(crate) retention: Option<Retention>,
    /// Whether it is said that it is stored encrypted; `None` where nothing is said of it.
    pub(crate) sealed: Option<bool>,
}

/// What a statement is that refers to payloads, in words; `None` where its type refers to none.
pub(crate) fn referring(statement: &Statement) -> Option<&'static str> {
    let what = place(statement).map(|(what, _)| what);
    if statement.is_snapshot() { Some("snapshot") } else { what }
}

/// The payloads that a statement refers to; `None` where it is not in the form of its type.
pub(crate) fn payloads(statement: &Statement) -> Option<Vec<Referred>> {
    let Some((_, pointer)) = place(statement) else { return Some(Vec::new()) };
    // The others have things beside them that are stored nowhere, such as the commit of a configuration.
    let has_to = statement.predicate_type == Snapshot::TYPE;
    let found = match statement.predicate.pointer(pointer) {
        Some(Value::Array(found)) => found.as_slice(),
        Some(one @ Value::Object(_)) if !has_to => std::slice::from_ref(one),
        None | Some(Value::Null) if !has_to => &[],
        _ => return None,
    };
    let referred = |it: &Value| {
        let name = it.as_object()?.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        Some(Referred { name, digest: digest_of(it), retention: retention_of(it), sealed: sealed_of(it) })
    };
    let referred: Vec<_> = found.iter().map(referred).collect::<Option<_>>()?;
    Some(referred.into_iter().filter(|it| has_to || it.digest.is_some()).collect())
}

fn place(statement: &Statement) -> Option<(&'static str, &'static str)> {
    PLACES.iter().find(|(kind, ..)| *kind == statement.predicate_type).map(|(_, what, pointer)| (*what, *pointer))
}

/// Every SHA-256 in a value, wherever it stands and in either way of writing; with what a reference says of how long its payload is
/// kept.
pub(crate) fn each_digest(value: &Value, found: &mut impl FnMut(Digest, Option<Retention>)) {
    match value {
        Value::String(text) => {
            if let Some(digest) = text.parse().ok().or_else(|| Digest::from_hex(text).ok()) {
                found(digest, None);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| each_digest(value, found)),
        Value::Object(fields) => {
            let referred = digest_of(value).zip(retention_of(value));
            for (name, value) in fields {
                if referred.is_none() || name != "digest" {
                    each_digest(value, found);
                }
            }
            if let Some((digest, retention)) = referred {
                found(digest, Some(retention));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The SHA-256 of an in-toto `ResourceDescriptor`.
fn digest_of(descriptor: &Value) -> Option<Digest> {
    Digest::from_hex(descriptor.get("digest")?.get("sha256")?.as_str()?).ok()
}

/// Whether what it describes is encrypted.
fn sealed_of(descriptor: &Value) -> Option<bool> {
    descriptor.get("annotations")?.get("https://pathops.dev/sealed")?.as_bool()
}

/// How long what it describes is kept; what says nothing is kept for ever.
fn retention_of(descriptor: &Value) -> Option<Retention> {
    let retention = descriptor.get("annotations")?.get("https://pathops.dev/retention")?;
    serde_json::from_value(retention.clone()).ok()
}
