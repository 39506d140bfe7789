//! One field as written: its line, and its value or why it cannot be read. A mistake in one field hides no other.

use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};

/// By this name a field asks its reader for the line and the value.
pub(crate) const FIELD: &str = "$pathops::field";

/// A value as written.
#[derive(Clone, Debug)]
pub(crate) struct Field<T> {
    pub(crate) line: usize,
    pub(crate) value: Result<T, String>,
}

/// A list of values, where it is written at all.
pub(crate) type List<T> = Option<Field<Vec<Field<T>>>>;

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(FIELD, FieldVisitor(PhantomData))
    }
}

struct FieldVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FieldVisitor<T> {
    type Value = Field<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a field and its line")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<Field<T>, A::Error> {
        let line = parts.next_element()?.unwrap_or(0);
        let value = match parts.next_element() {
            Ok(Some(value)) => Ok(value),
            Ok(None) => Err("there is no value".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        Ok(Field { line, value })
    }
}

#[cfg(feature = "schema")]
impl<T: schemars::JsonSchema> schemars::JsonSchema for Field<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> std::borrow::Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        T::json_schema(generator)
    }
}
