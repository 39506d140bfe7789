//! Canonical JSON (RFC 8785) of a statement: what its name and its signature rest on, so it is made and checked for each one.

use serde_json::{Number, Result, Value};

/// Whole numbers up to here are the same in JavaScript, by whose rules canonical JSON writes numbers.
const EXACT: u64 = 1 << 53;

/// Appends an object with these fields.
pub(super) fn object(mut fields: Vec<(&str, &Value)>, out: &mut Vec<u8>) -> Result<()> {
    fields.sort_unstable_by(|(one, _), (other, _)| one.encode_utf16().cmp(other.encode_utf16()));
    out.push(b'{');
    for (place, (name, value)) in fields.into_iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        serde_json::to_writer(&mut *out, name)?;
        out.push(b':');
        append(value, out)?;
    }
    out.push(b'}');
    Ok(())
}

fn append(value: &Value, out: &mut Vec<u8>) -> Result<()> {
    match value {
        Value::Object(fields) => object(fields.iter().map(|(name, value)| (name.as_str(), value)).collect(), out),
        Value::Array(items) => {
            out.push(b'[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(b',');
                }
                append(item, out)?;
            }
            out.push(b']');
            Ok(())
        }
        Value::Number(number) if !is_exact(number) => {
            out.extend(serde_json_canonicalizer::to_vec(number)?);
            Ok(())
        }
        // These have one form in compact JSON.
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => serde_json::to_writer(out, value),
    }
}

fn is_exact(number: &Number) -> bool {
    let magnitude = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
    magnitude.is_some_and(|magnitude| magnitude <= EXACT)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ours(value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        append(value, &mut out).unwrap();
        out
    }

    /// The library writes the whole of it, some ten times slower.
    fn theirs(value: &Value) -> Vec<u8> {
        serde_json_canonicalizer::to_vec(value).unwrap()
    }

    fn values() -> impl Strategy<Value = Value> {
        let text = proptest::collection::vec(any::<char>(), 0..6).prop_map(String::from_iter);
        let number = prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            (-3_i64..3).prop_map(|near| Value::from((1_i64 << 53) + near)),
        ];
        let leaf =
            prop_oneof![Just(Value::Null), any::<bool>().prop_map(Value::from), number, text.clone().prop_map(Value::from)];
        leaf.prop_recursive(4, 32, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::vec((text.clone(), inner), 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_what_the_library_writes(value in values()) {
            prop_assert_eq!(String::from_utf8(ours(&value)), String::from_utf8(theirs(&value)));
        }
    }

    /// The examples of RFC 8785, sections 3.2.2 and 3.2.3.
    #[test]
    fn the_examples_of_the_standard() {
        let text = r#"{
            "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
            "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
            "literals": [null, true, false]
        }"#;
        let expected = concat!(
            r#"{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"#,
            r#""string":"€$\u000f\nA'B\"\\\\\"/"}"#
        );
        assert_eq!(String::from_utf8(ours(&serde_json::from_str(text).unwrap())).unwrap(), expected);
        let keys = "{\"\u{20ac}\":0,\"\\r\":1,\"\u{fb33}\":2,\"1\":3,\"\u{1f600}\":4,\"\u{80}\":5,\"\u{f6}\":6}";
        let sorted = "{\"\\r\":1,\"1\":3,\"\u{80}\":5,\"\u{f6}\":6,\"\u{20ac}\":0,\"\u{1f600}\":4,\"\u{fb33}\":2}";
        assert_eq!(String::from_utf8(ours(&serde_json::from_str(keys).unwrap())).unwrap(), sorted);
    }
}
