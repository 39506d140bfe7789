//! A report as it came in, and the cheap look at it by which its format is recognised.

use std::borrow::Cow;
use std::cell::Cell;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::report::error::{Fail, Place};
use crate::report::pod_log::is_log;
use crate::report::xml::Element;
use crate::report::{Fault, MAX_BYTES, json, xml, yaml};

/// How many lines of a report in JSON lines, and how many bytes of a text, are shown to those who recognise it.
pub(super) const SHOWN_LINES: usize = 32;
pub(super) const SHOWN_TEXT: usize = 64 * 1024;

/// A report as it came in, known to be within the limits and whole.
#[derive(Debug)]
pub(super) struct Input<'a> {
    bytes: &'a [u8],
    pub(super) look: Look<'a>,
}

/// What a report is at first sight.
#[derive(Debug)]
pub(super) enum Look<'a> {
    /// One JSON value: a sketch of it.
    Json(Value),
    /// Several JSON values, one in a line: sketches of the first ones.
    Lines(Vec<Value>),
    /// An XML document.
    Xml(Element),
    /// Documents in YAML that are objects of Kubernetes.
    Yaml(Vec<Value>),
    /// The beginning of any other text.
    Text(&'a str),
}

impl<'a> Input<'a> {
    /// Looks at a report.
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, Fail> {
        let plain = Self::open_as_text(bytes)?;
        let look = match plain.bytes.trim_ascii_start() {
            // No name in XML begins so, but the priority of syslog does.
            [b'<', b'0'..=b'9', ..] => return Ok(plain),
            [b'{' | b'[', ..] => match look_at_json(plain.bytes) {
                // Lines of logs begin as lists do, and between lines of JSON there may be others.
                Err(_) if matches!(plain.look, Look::Text(text) if is_log(text)) => return Ok(plain),
                look => look?,
            },
            [b'<', ..] => Look::Xml(xml::read(plain.bytes)?),
            _ => match plain.look {
                Look::Text(text) if yaml::is_of_objects(text) => match yaml::documents(plain.text()) {
                    Ok(documents) => Look::Yaml(documents),
                    Err(_) => return Ok(plain),
                },
                _ => return Ok(plain),
            },
        };
        Ok(Self { look, ..plain })
    }

    /// Takes a report for plain text, whatever it begins with.
    pub(super) fn open_as_text(bytes: &'a [u8]) -> Result<Self, Fail> {
        if bytes.len() > MAX_BYTES {
            let problem = format!("{} bytes, and {MAX_BYTES} are the limit", bytes.len());
            return Err(Fail::new(Fault::TooLarge, Place::Whole, problem));
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let not_utf8 = |error: std::str::Utf8Error| {
            let at = Place::Byte(u64::try_from(error.valid_up_to()).unwrap_or(u64::MAX));
            Fail::malformed(at, "it is not UTF-8")
        };
        let text = std::str::from_utf8(bytes).map_err(not_utf8)?;
        if text.trim().is_empty() {
            return Err(Fail::new(Fault::Empty, Place::Whole, "there is nothing in it"));
        }
        let shown = text.floor_char_boundary(SHOWN_TEXT);
        Ok(Self { bytes, look: Look::Text(text.get(..shown).unwrap_or(text)) })
    }

    /// All of it as one JSON value.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, Fail> {
        match self.look {
            Look::Json(_) => Ok(serde_json::from_slice(self.bytes)?),
            Look::Lines(_) => Err(Fail::malformed(Place::Line(2), "there is more after the first JSON value")),
            _ => Err(Fail::malformed(Place::Whole, "it is not JSON")),
        }
    }

    /// All of it as an object of Kubernetes or a list of some, in JSON or YAML.
    pub(super) fn kubernetes<T: DeserializeOwned>(&self) -> Result<T, Fail> {
        match self.look {
            Look::Yaml(_) | Look::Text(_) => Ok(serde_json::from_value(yaml::in_json(&self.documents()?))?),
            Look::Json(_) | Look::Lines(_) | Look::Xml(_) => self.json(),
        }
    }

    /// All of it as documents in YAML, of which there is at least one.
    pub(super) fn documents(&self) -> Result<Cow<'_, [Value]>, Fail> {
        if !matches!(self.look, Look::Yaml(_) | Look::Text(_)) {
            return Err(Fail::malformed(Place::Whole, "it is JSON or XML, and not YAML"));
        }
        let text = self.whole_lines()?;
        let documents = match &self.look {
            Look::Yaml(documents) => Cow::Borrowed(documents.as_slice()),
            _ => Cow::Owned(yaml::documents(text)?),
        };
        if documents.is_empty() {
            return Err(Fail::new(Fault::Empty, Place::Whole, "it holds no resource"));
        }
        Ok(documents)
    }

    /// All of it as JSON values, one in a line, each with the number of its line.
    pub(super) fn json_lines<T: DeserializeOwned>(&self) -> Result<Vec<(usize, T)>, Fail> {
        if !matches!(self.look, Look::Json(_) | Look::Lines(_)) {
            return Err(Fail::malformed(Place::Whole, "it is not JSON in lines"));
        }
        let read = |(number, line): (usize, &[u8])| {
            serde_json::from_slice(line).map(|value| (number, value)).map_err(|error| json::in_line(number, &error))
        };
        json::lines(self.bytes).map(read).collect()
    }

    /// All of it as XML, below a root of one of these names.
    pub(super) fn xml(&self, roots: &[&str]) -> Result<&Element, Fail> {
        match &self.look {
            Look::Xml(root) if roots.contains(&root.name.as_str()) => Ok(root),
            Look::Xml(root) => {
                let problem = format!("its root is <{}>, not <{}>", root.name, roots.join("> or <"));
                Err(Fail::malformed(root.place(), problem))
            }
            _ => Err(Fail::malformed(Place::Whole, "it is not XML")),
        }
    }

    /// All of it as text whose last line has an end: where it has none, a part of the line may be missing.
    pub(super) fn whole_lines(&self) -> Result<&'a str, Fail> {
        let text = self.text();
        let last = text.lines().count();
        let ended = text.ends_with('\n');
        ended.then_some(text).ok_or_else(|| Fail::truncated(Place::Line(last), "the last line has no end"))
    }

    /// All of it as text.
    pub(super) fn text(&self) -> &'a str {
        std::str::from_utf8(self.bytes).unwrap_or_default()
    }
}

fn look_at_json<'a>(bytes: &[u8]) -> Result<Look<'a>, Fail> {
    let counted = Cell::new(0);
    let error = match json::sketch(bytes, &counted) {
        Ok(value) => return Ok(Look::Json(value)),
        Err(error) => error,
    };
    let mut shown = Vec::new();
    counted.set(0);
    for (number, line) in json::lines(bytes) {
        match json::sketch(line, &counted) {
            Ok(value) if shown.len() < SHOWN_LINES => shown.push(value),
            Ok(_) => {}
            // Not in lines at all: what is wrong with it as one value says more.
            Err(_) if shown.is_empty() => return Err(error.into()),
            Err(error) => return Err(json::in_line(number, &error)),
        }
    }
    Ok(Look::Lines(shown))
}

impl Look<'_> {
    /// The root, where it is one JSON object.
    pub(super) fn object(&self) -> Option<&serde_json::Map<String, Value>> {
        match self {
            Look::Json(Value::Object(object)) => Some(object),
            _ => None,
        }
    }

    /// The first elements, where it is one JSON list.
    pub(super) fn list(&self) -> Option<&[Value]> {
        match self {
            Look::Json(Value::Array(list)) => Some(list),
            _ => None,
        }
    }

    /// The first objects of JSON lines; the only one, where there is one.
    pub(super) fn lines(&self) -> &[Value] {
        match self {
            Look::Lines(lines) => lines,
            Look::Json(value) => std::slice::from_ref(value),
            _ => &[],
        }
    }

    /// Whether it is one JSON object with all of these keys.
    pub(super) fn has(&self, keys: &[&str]) -> bool {
        self.object().is_some_and(|object| keys.iter().all(|key| object.contains_key(*key)))
    }

    /// A text in it.
    pub(super) fn text_at(&self, pointer: &str) -> Option<&str> {
        match self {
            Look::Json(value) => value.pointer(pointer)?.as_str(),
            _ => None,
        }
    }

    /// What stands in it.
    pub(super) fn at(&self, pointer: &str) -> Option<&Value> {
        match self {
            Look::Json(value) => value.pointer(pointer),
            _ => None,
        }
    }
}
