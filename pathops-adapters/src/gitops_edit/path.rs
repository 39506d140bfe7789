//! Where a value is.

use std::fmt;

use super::error::EditError;

/// A path: keys joined by dots, items by number or by one of their values: `spec.containers[name=app].image`,
/// `images[0].newTag`, `metadata.annotations."example.com/owner"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    text: String,
    pub(super) segments: Vec<Segment>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Key(String),
    Index(usize),
    Where { key: String, value: String },
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for Path {
    type Err = EditError;
    fn from_str(text: &str) -> Result<Self, EditError> {
        let error = |why: &str| EditError::Change { text: text.to_owned(), why: why.to_owned() };
        let mut segments = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (segment, after) = segment(rest, segments.is_empty()).map_err(error)?;
            segments.push(segment);
            rest = after;
        }
        if segments.is_empty() { Err(error("the path is empty")) } else { Ok(Self { text: text.to_owned(), segments }) }
    }
}

fn segment(rest: &str, first: bool) -> Result<(Segment, &str), &'static str> {
    if let Some(inside) = rest.strip_prefix('[') {
        let (item, after) = inside.split_once(']').ok_or("a `[` has no `]`")?;
        let segment = match item.split_once('=') {
            Some((key, value)) if !key.is_empty() => Segment::Where { key: key.to_owned(), value: value.to_owned() },
            _ => Segment::Index(item.parse().map_err(|_| "an item is neither a number nor `key=value`")?),
        };
        return Ok((segment, after));
    }
    let rest = if first { rest } else { rest.strip_prefix('.').ok_or("a dot is missing")? };
    let (key, after) = match rest.strip_prefix('"') {
        Some(quoted) => quoted.split_once('"').ok_or("a quote is not closed")?,
        None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
    };
    if key.is_empty() { Err("a key is empty") } else { Ok((Segment::Key(key.to_owned()), after)) }
}
