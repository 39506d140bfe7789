//! Reads types from a tree. Fields that the type does not have are noted, all of them, and passed over.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::tree::{Node, Value};
use crate::project::check::{list, mean};
use crate::project::document::FIELD;

/// What is wrong at a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) line: usize,
    pub(crate) what: String,
    pub(crate) mend: String,
}

/// Reads a `T`; mistakes that do not keep it from being read go to `noted`.
pub(crate) fn read<T: DeserializeOwned>(node: &Node, noted: &mut Vec<Mistake>) -> Result<T, Mistake> {
    let sink = RefCell::new(Vec::new());
    let result = T::deserialize(Reader { node, noted: &sink });
    noted.append(&mut sink.into_inner());
    result.map_err(|error| Mistake { line: error.line.unwrap_or(node.line), what: error.message, mend: "correct it".to_owned() })
}

#[derive(Clone, Copy)]
struct Reader<'n> {
    node: &'n Node,
    noted: &'n RefCell<Vec<Mistake>>,
}

/// Why a value is not of the wanted type; the innermost line that is known.
#[derive(Debug)]
struct ReadError {
    line: Option<usize>,
    message: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ReadError {}

impl serde::de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { line: None, message: message.to_string() }
    }
}

impl<'n> Reader<'n> {
    fn located<T>(self, result: Result<T, ReadError>) -> Result<T, ReadError> {
        result.map_err(|error| ReadError { line: error.line.or(Some(self.node.line)), ..error })
    }

    fn of(self, node: &'n Node) -> Self {
        Self { node, ..self }
    }

    /// The entries of a mapping, each key once and, where `fields` are given, only those; notes the others.
    fn entries(self, fields: Option<&'static [&'static str]>) -> Vec<(&'n str, Self)> {
        let Value::Map(written) = &self.node.value else { return Vec::new() };
        let (mut seen, mut entries) = (BTreeSet::new(), Vec::new());
        for entry in written {
            if !seen.insert(&entry.key) {
                self.note(entry.line, format!("`{}` is there twice", entry.key), "keep one of them".to_owned());
            } else if let Some(fields) = fields.filter(|fields| !fields.contains(&entry.key.as_str())) {
                let what = format!("there is no field `{}` here", entry.key);
                self.note(entry.line, what, mean(&entry.key, fields.iter().copied()));
            } else {
                entries.push((entry.key.as_str(), self.of(&entry.value)));
            }
        }
        entries
    }

    fn note(self, line: usize, what: String, mend: String) {
        self.noted.borrow_mut().push(Mistake { line, what, mend });
    }

    fn visit_map<'de, V: Visitor<'de>>(self, fields: Option<&'static [&'static str]>, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_map(MapDeserializer::new(self.entries(fields).into_iter()))
    }
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.located(match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Integer(value) => visitor.visit_i64(*value),
            Value::Float(value) => visitor.visit_f64(*value),
            Value::Text(text) => visitor.visit_str(text),
            Value::List(items) => visitor.visit_seq(SeqDeserializer::new(items.iter().map(|item| self.of(item)))),
            Value::Map(_) => self.visit_map(None, visitor),
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        if matches!(self.node.value, Value::Null) { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match &self.node.value {
            Value::Map(_) => self.located(self.visit_map(Some(fields), visitor)),
            // Fields have names: a list of their values would be read by their order, which nobody sees.
            other => self.located(Err(serde::de::Error::invalid_type(other.unexpected(), &"a mapping"))),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.located(match &self.node.value {
            Value::Text(text) => visitor.visit_enum(text.as_str().into_deserializer()),
            Value::Map(entries) if entries.len() == 1 => {
                visitor.visit_enum(MapAccessDeserializer::new(MapDeserializer::new(self.entries(None).into_iter())))
            }
            _ => Err(serde::de::Error::custom(format!("expected one of {}", list(variants.iter().copied())))),
        })
    }

    /// A field is told its line first and reads its value second, so that a value that cannot be read stays its own affair.
    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, ReadError> {
        if name == FIELD {
            let line = Node { line: self.node.line, value: Value::Integer(i64::try_from(self.node.line).unwrap_or(0)) };
            return visitor.visit_seq(SeqDeserializer::new([Reader { node: &line, noted: self.noted }, self].into_iter()));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier
    }
}

impl<'de> IntoDeserializer<'de, ReadError> for Reader<'_> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}
