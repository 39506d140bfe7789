//! The official definition of an `Application`, where it lies beside the workspace.

use std::path::Path;
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::Value;

const FILE: &str = "../../shared/data/argo-cd/application-crd.yaml";

/// `None` where the definition is not there, which is said once.
static VALIDATOR: LazyLock<Option<Validator>> = LazyLock::new(|| {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if !file.exists() {
        println!("SKIPPED: objects are not validated, since {} is not there", file.display());
        return None;
    }
    let definition: Value = serde_saphyr::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone();
    close(&mut schema);
    // Kubernetes checks it by itself.
    schema["properties"]["metadata"] = serde_json::json!({"type": "object"});
    Some(jsonschema::options().should_validate_formats(true).build(&schema).unwrap())
});

/// A field that nobody defines is a mistake of the fake.
fn close(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    if fields.contains_key("properties") && !fields.contains_key("x-kubernetes-preserve-unknown-fields") {
        fields.entry("additionalProperties").or_insert(Value::Bool(false));
    }
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(close);
    }
    for nested in ["items", "additionalProperties"] {
        if let Some(nested) = fields.get_mut(nested) {
            close(nested);
        }
    }
}

/// Fails where `application` is not what the definition says.
pub(crate) fn check(application: &Value) {
    let Some(validator) = &*VALIDATOR else { return };
    let errors: Vec<String> = validator.iter_errors(application).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "this is no Application: {errors:#?}\n{application:#}");
}

/// The same of what is sent to the API server, which leaves out what is null.
pub(crate) fn check_sent(application: &Value) {
    check(&without_nulls(application));
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let there = fields.iter().filter(|(_, value)| !value.is_null());
            Value::Object(there.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        Value::Array(values) => Value::Array(values.iter().map(without_nulls).collect()),
        other => other.clone(),
    }
}

/// Whether the definition is there.
pub(crate) fn is_there() -> bool {
    VALIDATOR.is_some()
}
