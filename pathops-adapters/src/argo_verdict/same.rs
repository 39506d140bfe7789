//! Whether two parts of a spec say the same.

use serde_json::{Map, Value};

/// Fields whose values people choose freely, and Argo CD keeps as they are: there a `false`, a `0` or an empty text says something.
const FREE: [&str; 6] = ["valuesObject", "commonAnnotations", "commonLabels", "string", "array", "map"];

/// Whether two JSON values say the same to Argo CD, which leaves out what is empty where it writes a spec down again.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => same_fields(one, other, None),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        _ => one == other || (empty(one) && empty(other)),
    }
}

/// Whether two sources have the same settings, at whatever revision.
pub(super) fn same_settings(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => same_fields(one, other, Some("targetRevision")),
        _ => same(one, other),
    }
}

/// All fields but the one that is left `out`.
fn same_fields(one: &Map<String, Value>, other: &Map<String, Value>, out: Option<&str>) -> bool {
    let same_field = |key: &str, one: &Value, other: &Value| {
        out == Some(key)
            || if is_free(key) { same_free(one, other) || (nothing(one) && nothing(other)) } else { same(one, other) }
    };
    // As Argo CD writes the two, they have the same fields in the same order.
    if one.keys().eq(other.keys()) {
        return one.iter().zip(other.values()).all(|((key, one), other)| same_field(key, one, other));
    }
    one.iter().all(|(key, value)| same_field(key, value, other.get(key).unwrap_or(&Value::Null)))
        && other.iter().all(|(key, value)| one.contains_key(key) || same_field(key, &Value::Null, value))
}

/// Where people choose freely all counts but a `null` in an object: Argo CD writes what it compared by a merge patch, in which a `null` takes
/// away what has its name.
fn same_free(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            one.iter().all(|(key, value)| same_free(value, other.get(key).unwrap_or(&Value::Null)))
                && other.iter().all(|(key, value)| one.contains_key(key) || value.is_null())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same_free(one, other))
        }
        _ => one == other,
    }
}

/// Whether the value of a field is kept as it is.
pub(super) fn is_free(key: &str) -> bool {
    FREE.contains(&key)
}

/// Whether it is as good as left out, where people choose freely.
pub(super) fn nothing(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(|fields| fields.values().all(Value::is_null))
}

pub(super) fn empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.iter().all(|(key, value)| if is_free(key) { nothing(value) } else { empty(value) }),
    }
}
