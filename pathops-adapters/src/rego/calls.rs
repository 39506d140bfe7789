//! What a condition can call.

use std::collections::BTreeSet;

use pathops_core::policy::ConditionError;
use regorus::Value;

use super::operators::Operator;

/// What a condition can call, with how many arguments each takes. None of the engine's own is among them: some panic, some
/// read the clock, and one can fill the memory.
pub(super) const HOST_CALLS: [(&str, usize); 16] = [
    ("abs", 1),
    ("ceil", 1),
    ("concat", 2),
    ("contains", 2),
    ("count", 1),
    ("endswith", 2),
    ("floor", 1),
    ("lower", 1),
    ("max", 1),
    ("min", 1),
    ("object.get", 3),
    ("object.keys", 1),
    ("round", 1),
    ("sprintf", 2),
    ("startswith", 2),
    ("sum", 1),
];

const MAX_BYTES: usize = 16 * 1024;

/// What a call comes to.
pub(super) fn call(name: &Value, arguments: &Value) -> Result<Value, ConditionError> {
    let (Value::String(name), Value::Array(arguments)) = (name, arguments) else {
        return Err(ConditionError::new("it calls what is no function"));
    };
    let arguments: Vec<_> = arguments.iter().collect();
    match (&**name, arguments.as_slice()) {
        ("sprintf", [Value::String(format), Value::Array(values)]) => sprintf(format, values.iter()),
        ("concat", [Value::String(between), Value::Array(parts)]) => concat(between, parts.iter()),
        ("concat", [Value::String(between), Value::Set(parts)]) => concat(between, parts.iter()),
        ("contains", [Value::String(text), Value::String(part)]) => Ok(Value::Bool(text.contains(&**part))),
        ("startswith", [Value::String(text), Value::String(part)]) => Ok(Value::Bool(text.starts_with(&**part))),
        ("endswith", [Value::String(text), Value::String(part)]) => Ok(Value::Bool(text.ends_with(&**part))),
        ("lower", [Value::String(text)]) => Ok(Value::from(text.to_lowercase())),
        ("count", [Value::String(text)]) => Ok(Value::from(text.chars().count())),
        ("count", [Value::Object(fields)]) => Ok(Value::from(fields.len())),
        ("object.keys", [Value::Object(fields)]) => {
            Ok(Value::from(fields.iter().map(|(key, _)| key.clone()).collect::<BTreeSet<_>>()))
        }
        ("object.get", [fields @ Value::Object(_), key, otherwise]) => match &fields[*key] {
            Value::Undefined => Ok((*otherwise).clone()),
            value => Ok(value.clone()),
        },
        ("abs" | "ceil" | "floor" | "round", [number @ Value::Number(_)]) => of_number(name, number),
        ("count" | "max" | "min" | "sum", [Value::Array(values)]) => of_values(name, values.iter()),
        ("count" | "max" | "min" | "sum", [Value::Set(values)]) => of_values(name, values.iter()),
        _ => Err(ConditionError::new(format!("`{name}` does not take values of these types"))),
    }
}

fn of_number(name: &str, number: &Value) -> Result<Value, ConditionError> {
    if let Ok(whole) = number.as_i64() {
        let whole = if name == "abs" { whole.checked_abs() } else { Some(whole) };
        return whole.map(Value::from).ok_or_else(|| ConditionError::new("a number is too large"));
    }
    let number = number.as_f64().map_err(|_| ConditionError::new("a number is too large"))?;
    Ok(Value::from(match name {
        "abs" => number.abs(),
        "ceil" => number.ceil(),
        "floor" => number.floor(),
        _ => number.round(),
    }))
}

fn of_values<'v>(name: &str, mut values: impl Iterator<Item = &'v Value>) -> Result<Value, ConditionError> {
    let found = match name {
        "count" => Some(Value::from(values.count())),
        "max" => values.max().cloned(),
        "min" => values.min().cloned(),
        _ => Some(values.try_fold(Value::from(0_u64), |sum, value| Operator::Add.of(&sum, value))?),
    };
    found.ok_or_else(|| ConditionError::new(format!("`{name}` of nothing")))
}

/// `%v`, `%s`, `%d` and `%%`, each value once.
fn sprintf<'v>(format: &str, mut values: impl Iterator<Item = &'v Value>) -> Result<Value, ConditionError> {
    let mut written = String::new();
    let mut format = format.chars();
    while let Some(character) = format.next() {
        if character != '%' {
            push(&mut written, character.encode_utf8(&mut [0; 4]))?;
            continue;
        }
        match (format.next(), &mut values) {
            (Some('%'), _) => push(&mut written, "%")?,
            (Some('v' | 's' | 'd'), values) => {
                let value = values.next().ok_or_else(|| ConditionError::new("`sprintf` has more verbs than values"))?;
                push(&mut written, &text(value)?)?;
            }
            _ => return Err(ConditionError::new("`sprintf` knows `%v`, `%s`, `%d` and `%%`")),
        }
    }
    if values.next().is_some() {
        return Err(ConditionError::new("`sprintf` has more values than verbs"));
    }
    Ok(Value::from(written))
}

fn concat<'v>(between: &str, parts: impl Iterator<Item = &'v Value>) -> Result<Value, ConditionError> {
    let mut written = String::new();
    for (index, part) in parts.enumerate() {
        let Value::String(part) = part else { return Err(ConditionError::new("`concat` puts strings together")) };
        push(&mut written, if index == 0 { "" } else { between })?;
        push(&mut written, part)?;
    }
    Ok(Value::from(written))
}

fn push(written: &mut String, more: &str) -> Result<(), ConditionError> {
    if written.len() + more.len() > MAX_BYTES {
        return Err(ConditionError::new(format!("a string has more than {MAX_BYTES} bytes")));
    }
    written.push_str(more);
    Ok(())
}

fn text(value: &Value) -> Result<String, ConditionError> {
    match value {
        Value::String(text) => Ok(text.to_string()),
        value => value.to_json_str().map_err(|error| ConditionError::new(format!("a value cannot be written: {error}"))),
    }
}
