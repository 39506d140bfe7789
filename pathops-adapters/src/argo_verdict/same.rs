//! Whether two parts of a spec say the same.

use serde_json::Value;

/// Whether two JSON values say the same to Argo CD, which leaves out what is empty where it writes a spec down again.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        // As Argo CD writes the two, they have the same fields in the same order.
        (Value::Object(one), Value::Object(other)) if one.keys().eq(other.keys()) => {
            one.values().zip(other.values()).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            let within = |one: &serde_json::Map<String, Value>, other: &serde_json::Map<String, Value>| {
                one.iter().all(|(key, value)| other.get(key).map_or_else(|| empty(value), |other| same(value, other)))
            };
            within(one, other) && other.iter().all(|(key, value)| one.contains_key(key) || empty(value))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        _ => one == other || (empty(one) && empty(other)),
    }
}

pub(super) fn empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.values().all(empty),
    }
}
