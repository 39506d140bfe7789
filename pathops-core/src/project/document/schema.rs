//! JSON Schemas of the documents, for editors and other tools.

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};

use super::{AppSpec, ComponentSpec, ContractSpec, Document, IncidentSpec, Kind, PeopleSpec, ProjectSpec, RequestSpec, StopSpec};
use crate::policy::PolicyLayer;

/// The JSON Schema (draft 2020-12) of each kind of document, by the kind's name in lower case. They are published in the
/// folder `schemas` of this crate, as `<kind>.schema.json`.
#[must_use]
pub fn schemas() -> Vec<(&'static str, Schema)> {
    vec![
        ("project", of::<ProjectSpec>(Kind::Project)),
        ("people", of::<PeopleSpec>(Kind::People)),
        ("policy", of::<PolicyLayer>(Kind::Policy)),
        ("app", of::<AppSpec>(Kind::App)),
        ("component", of::<ComponentSpec>(Kind::Component)),
        ("contract", of::<ContractSpec>(Kind::Contract)),
        ("incident", of::<IncidentSpec>(Kind::Incident)),
        ("stop", of::<StopSpec>(Kind::Stop)),
        ("featurerequest", of::<RequestSpec>(Kind::FeatureRequest)),
    ]
}

fn of<S: JsonSchema>(kind: Kind) -> Schema {
    let mut schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Document<S>>();
    let name = format!("{kind:?}");
    if let Some(field) = schema.pointer_mut("/properties/kind") {
        *field = serde_json::json!({ "const": name });
    }
    if let Some(definitions) = schema.get_mut("$defs").and_then(serde_json::Value::as_object_mut) {
        definitions.remove("Kind");
    }
    schema.insert("title".to_owned(), name.into());
    schema
}
