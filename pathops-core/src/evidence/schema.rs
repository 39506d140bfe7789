//! JSON Schemas of the predicates that are our own or that we state, for those who read evidence with other tools.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde_json::{Value, json};

use super::{
    Approval, ContractComparison, Deployment, Health, InDoubt, Incident, Predicate, Provenance, Redaction, Release, RuntimeTrace,
    SNAPSHOT_FORMAT, SbomSummary, SignalReading, Snapshot, TakenReport, TestResult, VerificationSummary, VerifiedProperties,
    Vulnerabilities, snapshot::FIRST_WITH_PLACE,
};

/// The JSON Schema (draft 2020-12) of each predicate type that PathOps states, by the name under which it is published in the folder
/// `schemas` of this crate, as `<name>.schema.json`. The `$id` of a type is its predicate type, but for the two that are
/// `reference/v0.1`: a snapshot and a report that was taken in. A bill of materials that is stated as it is has the schema of its format.
///
/// Of a type of in-toto or SLSA it is the form in which PathOps states and reads it, with what it adds; what else such a statement has
/// is not forbidden.
///
/// A schema says what form each field has. That a snapshot leaves out nothing that was expected is for
/// [`Snapshot::is_whole`] to say.
#[must_use]
pub fn predicate_schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("predicate-approval-v0.1", of::<Approval>()),
        ("predicate-contract-comparison-v0.1", of::<ContractComparison>()),
        ("predicate-deployment-v0.1", of::<Deployment>()),
        ("predicate-health-v0.1", of::<Health>()),
        ("predicate-in-doubt-v0.1", of::<InDoubt>()),
        ("predicate-incident-v0.1", of::<Incident>()),
        ("predicate-provenance-v1", of::<Provenance>()),
        ("predicate-redaction-v0.1", of::<Redaction>()),
        ("predicate-release-v0.1", of::<Release>()),
        ("predicate-report-v1", named::<TakenReport>("https://pathops.dev/report/v1")),
        ("predicate-runtime-trace-v0.2", trace()),
        ("predicate-sbom-v0.1", of::<SbomSummary>()),
        ("predicate-signal-v0.1", of::<SignalReading>()),
        ("predicate-snapshot-v4", snapshot()),
        ("predicate-svr-v0.2", properties()),
        ("predicate-test-result-v0.1", of::<TestResult>()),
        ("predicate-verification-summary-v1", of::<VerificationSummary>()),
        ("predicate-vulns-v0.2", of::<Vulnerabilities>()),
    ]
}

fn of<T: JsonSchema + Predicate>() -> Schema {
    named::<T>(T::TYPE)
}

fn named<T: JsonSchema>(id: &str) -> Schema {
    let mut schema = generated::<T>();
    schema.insert("$id".to_owned(), id.into());
    schema
}

/// Those of version 0.1 had no policies; since then their list is always there.
fn properties() -> Schema {
    let mut schema = of::<VerifiedProperties>();
    if let Some(required) = schema.pointer_mut("/$defs/PropertyVerifier/required").and_then(Value::as_array_mut) {
        required.push("policies".into());
    }
    schema
}

/// One of the lists at least is there.
fn trace() -> Schema {
    let mut schema = of::<RuntimeTrace>();
    if let Some(log) = schema.pointer_mut("/$defs/MonitorLog").and_then(Value::as_object_mut) {
        let lists = ["process", "network", "fileAccess"].map(|list| json!({ "required": [list] }));
        log.insert("anyOf".to_owned(), json!(lists));
    }
    schema
}

/// The type is in-toto's, and what is added is ours. Only those of before this form had no place.
fn snapshot() -> Schema {
    let mut schema = named::<Snapshot>("https://pathops.dev/snapshot/v4");
    if let Some(required) = schema.pointer_mut("/$defs/SnapshotExtent/required").and_then(Value::as_array_mut) {
        required.push("place".into());
    }
    if let Some(place) = schema.pointer_mut("/$defs/SnapshotExtent/properties/place") {
        *place = json!({ "$ref": "#/$defs/Place" });
    }
    if let Some(format) = schema.pointer_mut("/$defs/Place/properties/format") {
        *format = json!({ "type": "integer", "minimum": FIRST_WITH_PLACE, "maximum": SNAPSHOT_FORMAT });
    }
    schema
}

fn generated<T: JsonSchema>() -> Schema {
    SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>()
}
