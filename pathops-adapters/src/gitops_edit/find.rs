//! From a path to the one node.

use super::error::EditError;
use super::path::{Path, Segment};
use super::scalar::written;
use super::splice::{Effect, Splice};
use super::tree::{Document, Kind, Node};

/// A value with the mapping's key before it, if that is where it stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'d> {
    pub(super) document: &'d Document,
    pub(super) key: Option<&'d Node>,
    pub(super) node: &'d Node,
}

impl<'d> Place<'d> {
    pub(super) fn root(document: &'d Document) -> Self {
        Self { document, key: None, node: &document.root }
    }

    /// The entries of a mapping, as places.
    pub(super) fn entries(self) -> impl Iterator<Item = Self> {
        self.node.entries().iter().map(move |(key, node)| Self { document: self.document, key: Some(key), node })
    }

    /// The value of `key`, if it is there once.
    pub(super) fn entry(self, key: &str) -> Option<Self> {
        let mut found = self.entries().filter(|it| it.key.and_then(Node::text) == Some(key));
        let first = found.next()?;
        found.next().is_none().then_some(first)
    }

    pub(super) fn items(self) -> impl Iterator<Item = Self> {
        self.node.items().iter().map(move |node| Self { document: self.document, key: None, node })
    }

    /// Puts `value` here; `text` is whether it is text whatever was there.
    pub(super) fn set(self, value: &str, text: bool, wanted: &str, source: &str) -> Result<Splice, EditError> {
        let node = self.node;
        let refused = |why: &str| EditError::refused(wanted, node.line, why);
        if let Kind::Alias(_) = node.kind {
            return Err(refused("it repeats a value that stands elsewhere; change that one"));
        }
        if self.is_repeated() {
            return Err(refused("aliases repeat it elsewhere in the file, where it would change too"));
        }
        let written = written(node, value, text);
        let written = written.ok_or_else(|| refused("only a value on one line can be put in the place of one on one line"))?;
        let (range, written) = match self.key {
            // Nothing stands there: it comes behind the colon.
            Some(key) if node.span.is_empty() => {
                let behind =
                    source.get(key.span.end..).and_then(|rest| rest.find(':')).map_or(key.span.end, |at| key.span.end + at + 1);
                (behind..behind, format!(" {written}"))
            }
            _ => (node.span.clone(), written),
        };
        let effect = Effect::Set { node: node.span.start, text: value.to_owned() };
        Ok(Splice { range, text: written, effect, wanted: wanted.to_owned(), line: node.line })
    }

    /// Whether an alias repeats it, or something that it is a part of.
    fn is_repeated(self) -> bool {
        fn around(node: &Node, wanted: &Node, document: &Document) -> bool {
            let holds = node.span.start <= wanted.span.start && wanted.span.end <= node.span.end;
            let inside = |node| around(node, wanted, document);
            holds && document.repeated.contains(&node.anchor)
                || node.entries().iter().any(|(_, value)| inside(value))
                || node.items().iter().any(inside)
        }
        around(&self.document.root, self.node, self.document)
    }
}

/// The one place at `path` in all documents.
pub(super) fn at<'d>(path: &Path, documents: &'d [Document]) -> Result<Place<'d>, EditError> {
    let mut found = Vec::new();
    for document in documents {
        let mut here = vec![Place::root(document)];
        for segment in &path.segments {
            here = here.into_iter().flat_map(|place| step(place, segment)).collect();
        }
        found.extend(here);
    }
    one(found, &path.to_string())
}

fn step<'d>(place: Place<'d>, segment: &Segment) -> Vec<Place<'d>> {
    match segment {
        Segment::Key(key) => place.entries().filter(|it| it.key.and_then(Node::text) == Some(key)).collect(),
        Segment::Index(index) => place.items().nth(*index).into_iter().collect(),
        Segment::Where { key, value } => place.items().filter(|it| it.node.get_text(key) == Some(value)).collect(),
    }
}

/// The only one.
pub(super) fn one<'d>(found: Vec<Place<'d>>, wanted: &str) -> Result<Place<'d>, EditError> {
    match found.as_slice() {
        [] => Err(EditError::NotFound { wanted: wanted.to_owned(), hint: String::new() }),
        [one] => Ok(*one),
        several => Err(ambiguous(several, wanted)),
    }
}

pub(super) fn ambiguous(places: &[Place<'_>], wanted: &str) -> EditError {
    let named: Vec<String> = places
        .iter()
        .map(|it| match it.key.and_then(Node::text) {
            Some(key) => format!("`{key}` in line {}", it.node.line),
            None => format!("line {}", it.node.line),
        })
        .collect();
    EditError::Ambiguous { wanted: wanted.to_owned(), places: named.join(", ") }
}
