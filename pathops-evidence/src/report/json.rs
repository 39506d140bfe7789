//! JSON from strangers: bounded, and no key twice.

use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::report::MAX_VALUES;
use crate::report::error::Fail;

/// How the message begins where there are too many values.
pub(super) const TOO_MANY: &str = "more values than ";

/// How deep a sketch goes, and how many elements of a list it shows.
const SHOWN_DEPTH: usize = 4;
const SHOWN_ELEMENTS: usize = 4;
const SHOWN_TEXT: usize = 256;

/// Reads all of `bytes` as one JSON value, and returns a sketch of it: deep, long and large parts are left out. An object
/// that has a key twice is refused, since readers do not agree on which of the two counts.
pub(super) fn sketch(bytes: &[u8], counted: &Cell<usize>) -> Result<Value, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = Sketch { counted, depth: 0 }.deserialize(&mut json)?;
    json.end()?;
    Ok(value)
}

/// Lines that are each a JSON object.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let lines = bytes.split(|byte| *byte == b'\n').enumerate().map(|(number, line)| (number + 1, line.trim_ascii()));
    lines.filter(|(_, line)| !line.is_empty())
}

/// A failure in a line, with the number of the line.
pub(super) fn in_line(number: usize, error: &serde_json::Error) -> Fail {
    let text = error.to_string();
    let problem = text.split(" at line ").next().unwrap_or(&text);
    let place = crate::report::Place::Column { line: number, column: error.column() };
    match error.classify() {
        serde_json::error::Category::Eof => Fail::truncated(place, problem),
        _ if problem.starts_with(TOO_MANY) => Fail::new(crate::report::Fault::TooLarge, place, problem),
        _ => Fail::malformed(place, problem),
    }
}

/// Takes `null` for what is missing: tools written in Go have it for an empty list.
pub(super) fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[derive(Clone, Copy)]
struct Sketch<'c> {
    counted: &'c Cell<usize>,
    depth: usize,
}

impl Sketch<'_> {
    fn count<E: serde::de::Error>(self) -> Result<(), E> {
        self.counted.set(self.counted.get() + 1);
        if self.counted.get() > MAX_VALUES { Err(E::custom(format!("{TOO_MANY}{MAX_VALUES}"))) } else { Ok(()) }
    }

    fn inner(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }
}

impl<'de> DeserializeSeed<'de> for Sketch<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Sketch<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, it: bool) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_u64<E>(self, it: u64) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_i64<E>(self, it: i64) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_f64<E>(self, it: f64) -> Result<Value, E> {
        Ok(it.into())
    }

    fn visit_str<E>(self, it: &str) -> Result<Value, E> {
        Ok(if it.len() > SHOWN_TEXT { "".into() } else { it.into() })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut shown = Vec::new();
        while let Some(value) = list.next_element_seed(self.inner())? {
            if shown.len() < SHOWN_ELEMENTS && self.depth < SHOWN_DEPTH {
                shown.push(value);
            }
        }
        Ok(shown.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let (mut shown, mut keys) = (Map::new(), HashSet::new());
        while let Some(key) = map.next_key::<String>()? {
            self.count()?;
            let value = map.next_value_seed(self.inner())?;
            if keys.contains(&key) {
                return Err(A::Error::custom(format!("the key `{}` stands twice in one object", key.escape_debug())));
            }
            if self.depth < SHOWN_DEPTH {
                shown.insert(key.clone(), value);
            }
            keys.insert(key);
        }
        Ok(Value::Object(shown))
    }
}
