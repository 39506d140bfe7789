//! JSON Schemas of the documents, for editors and other tools.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, json_schema};
use serde_json::{Value, json};

use super::{
    AppSpec, ComponentSpec, ContractSpec, Document, IncidentSpec, Kind, PeopleSpec, PolicyTestSpec, ProjectSpec, RequestSpec,
    StopSpec,
};
use crate::evidence::{RetentionPolicy, Tombstone};
use crate::policy::{Decision, DecisionRecord, Facts, PolicyLayer};
use crate::project::RedactionPolicy;

/// The JSON Schema (draft 2020-12) of each kind of document, by the kind's name in lower case. They are published in the
/// folder `schemas` of this crate, as `<kind>.schema.json`.
#[must_use]
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("project", of::<ProjectSpec>(Kind::Project)),
        ("people", of::<PeopleSpec>(Kind::People)),
        ("policy", of::<PolicyLayer>(Kind::Policy)),
        ("retention", of::<RetentionPolicy>(Kind::Retention)),
        ("redaction", of::<RedactionPolicy>(Kind::Redaction)),
        ("app", of::<AppSpec>(Kind::App)),
        ("component", of::<ComponentSpec>(Kind::Component)),
        ("contract", of::<ContractSpec>(Kind::Contract)),
        ("incident", of::<IncidentSpec>(Kind::Incident)),
        ("stop", of::<StopSpec>(Kind::Stop)),
        ("featurerequest", of::<RequestSpec>(Kind::FeatureRequest)),
        ("policytest", of::<PolicyTestSpec>(Kind::PolicyTest)),
    ]
}

/// The JSON Schema (draft 2020-12) of what is no document of the meta repository: facts, as [`load_facts`] reads them,
/// decisions, decision records, lines of a history, retention policies and tombstones. They are published beside those of [`schemas`].
///
/// [`load_facts`]: crate::project::load_facts
#[must_use]
pub fn format_schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("facts", written(by_itself::<Facts>("Facts"))),
        ("decision", by_itself::<Decision>("Decision")),
        ("decisionrecord", by_itself::<DecisionRecord>("DecisionRecord")),
        ("historyline", history_line()),
        ("retentionpolicy", by_itself::<RetentionPolicy>("RetentionPolicy")),
        ("tombstone", by_itself::<Tombstone>("Tombstone")),
    ]
}

fn of<S: JsonSchema>(kind: Kind) -> Schema {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Document<S>>();
    let name = format!("{kind:?}");
    if let Some(field) = schema.pointer_mut("/properties/kind") {
        *field = json!({ "const": name });
    }
    if let Some(definitions) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
        definitions.remove("Kind");
    }
    schema.insert("title".to_owned(), name.into());
    schema
}

fn by_itself<T: JsonSchema>(title: &str) -> Schema {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
    schema.insert("title".to_owned(), title.into());
    schema
}

/// Facts as people write them down: what can be filled in may be left out, and evidence may have names.
fn written(mut facts: Schema) -> Schema {
    let filled_in = [
        ("/required", ["timeZones", "rejected"].as_slice()),
        ("/$defs/Shown/required", &["policy"]),
        ("/$defs/EvidenceFact/required", &["subjects"]),
    ];
    for (pointer, names) in filled_in {
        if let Some(required) = facts.pointer_mut(pointer).and_then(Value::as_array_mut) {
            required.retain(|name| !names.iter().any(|filled_in| name == filled_in));
        }
    }
    if let Some(evidence) = facts.pointer_mut("/properties/evidence") {
        let of = json!({ "$ref": "#/$defs/EvidenceFact" });
        let description = evidence.get("description").cloned();
        *evidence = json!({
            "description": description,
            "anyOf": [{ "type": "array", "items": of }, { "type": "object", "additionalProperties": of }],
        });
    }
    facts
}

/// A line of a history: facts and an instant, or a decision record. Both schemas are in it whole, each with a name of its own.
fn history_line() -> Schema {
    let named = |name: &str, mut schema: Schema| {
        schema.insert("$id".to_owned(), format!("urn:pathops:{name}").into());
        schema
    };
    json_schema!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "HistoryLine",
        "description": "A line of a history: facts and the instant of a decision, or a decision record.",
        "anyOf": [
            {
                "type": "object",
                "properties": {
                    "facts": { "$ref": "urn:pathops:facts" },
                    "at": { "description": "The instant.", "type": "string", "format": "date-time" },
                },
                "required": ["facts", "at"],
                "additionalProperties": false,
            },
            { "$ref": "urn:pathops:decisionrecord" },
        ],
        "$defs": {
            "facts": named("facts", written(by_itself::<Facts>("Facts"))),
            "decisionrecord": named("decisionrecord", by_itself::<DecisionRecord>("DecisionRecord")),
        },
    })
}
