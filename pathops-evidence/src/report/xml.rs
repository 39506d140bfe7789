//! XML from strangers: bounded, well-formed to its end, without entities of its own.

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::redact::unquoted;
use crate::report::error::{Fail, Place};
use crate::report::{Fault, MAX_ATTRIBUTES, MAX_DEPTH, MAX_VALUES};

/// An element, with all that is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// Its name, without the prefix of its namespace.
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
    pub(super) children: Vec<Element>,
    /// Its own text.
    pub(super) text: String,
    /// Where it begins, in bytes.
    pub(super) at: u64,
}

impl Element {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// An attribute that is a whole number; `None` where it is missing.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Fail> {
        let Some(text) = self.attribute(name) else { return Ok(None) };
        let wrong = |_| Fail::malformed(self.place(), format!("`{name}` of <{}> is no whole number: `{text}`", self.name));
        text.trim().parse().map(Some).map_err(wrong)
    }

    pub(super) fn children_named(&self, name: &'static str) -> impl Iterator<Item = &Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    pub(super) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// The text of a child, trimmed; `None` where it is missing or empty.
    pub(super) fn text_of(&self, child: &str) -> Option<&str> {
        self.child(child).map(|child| child.text.trim()).filter(|text| !text.is_empty())
    }

    pub(super) fn place(&self) -> Place {
        Place::Byte(self.at)
    }
}

/// Reads a document, and returns its root.
pub(super) fn read(bytes: &[u8]) -> Result<Element, Fail> {
    let mut reader = Reader::from_reader(bytes);
    let mut tree = Tree::default();
    loop {
        let at = reader.buffer_position();
        let event = reader.read_event();
        match event.map_err(|error| broken(reader.error_position(), &error))? {
            Event::Start(tag) => tree.open(element(&tag, at)?)?,
            Event::Empty(tag) => {
                tree.open(element(&tag, at)?)?;
                tree.close();
            }
            Event::End(_) => tree.close(),
            Event::Text(text) => tree.text(&text.decode().map_err(|error| broken(at, &error))?, at)?,
            Event::CData(text) => tree.text(&text.decode().map_err(|error| broken(at, &error))?, at)?,
            Event::GeneralRef(name) => {
                let name = name.decode().map_err(|error| broken(at, &error))?;
                tree.text(&unescape(&format!("&{name};"), at)?, at)?;
            }
            Event::DocType(text) if has_declarations(&text) => {
                return Err(Fail::malformed(Place::Byte(at), "it declares entities or elements of its own"));
            }
            Event::DocType(_) | Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
            Event::Eof => return tree.finish(at),
        }
    }
}

fn broken(at: u64, error: &dyn std::fmt::Display) -> Fail {
    let problem = error.to_string();
    let cut = problem.contains("not found before end of input") || problem.contains("unclosed");
    Fail::new(if cut { Fault::Truncated } else { Fault::Malformed }, Place::Byte(at), format!("no well-formed XML: {problem}"))
}

fn element(tag: &BytesStart<'_>, at: u64) -> Result<Element, Fail> {
    let name = text(tag.local_name().as_ref(), at)?.to_owned();
    let mut attributes = Vec::new();
    for attribute in tag.attributes() {
        // Each is held against those before it, so many of them take long.
        if attributes.len() >= MAX_ATTRIBUTES {
            let problem = format!("<{name}> has more than {MAX_ATTRIBUTES} attributes");
            return Err(Fail::new(Fault::TooLarge, Place::Byte(at), problem));
        }
        let attribute = attribute.map_err(|error| broken(at, &error))?;
        attributes.push((text(attribute.key.as_ref(), at)?.to_owned(), unescape(text(&attribute.value, at)?, at)?));
    }
    Ok(Element { name, attributes, at, ..Element::default() })
}

fn text(bytes: &[u8], at: u64) -> Result<&str, Fail> {
    std::str::from_utf8(bytes).map_err(|error| Fail::malformed(Place::Byte(at), format!("no UTF-8: {error}")))
}

fn unescape(raw: &str, at: u64) -> Result<String, Fail> {
    quick_xml::escape::unescape(raw).map(std::borrow::Cow::into_owned).map_err(|error| broken(at, &error))
}

#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
    counted: usize,
}

impl Tree {
    fn open(&mut self, element: Element) -> Result<(), Fail> {
        self.counted += 1 + element.attributes.len();
        if self.counted > MAX_VALUES {
            return Err(Fail::new(Fault::TooLarge, element.place(), format!("more elements and attributes than {MAX_VALUES}")));
        }
        if self.open.len() >= MAX_DEPTH {
            return Err(Fail::new(Fault::TooLarge, element.place(), format!("nested deeper than {MAX_DEPTH}")));
        }
        if self.open.is_empty() && self.root.is_some() {
            return Err(Fail::malformed(element.place(), format!("<{}> stands after the end", element.name)));
        }
        self.open.push(element);
        Ok(())
    }

    fn close(&mut self) {
        let Some(element) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
    }

    fn text(&mut self, text: &str, at: u64) -> Result<(), Fail> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err(Fail::malformed(Place::Byte(at), "there is text outside of the root")),
        }
        Ok(())
    }

    fn finish(self, at: u64) -> Result<Element, Fail> {
        match (self.open.last(), self.root) {
            (Some(open), _) => Err(Fail::truncated(Place::Byte(at), format!("it ends in the middle of <{}>", open.name))),
            (None, None) => Err(Fail::truncated(Place::Byte(at), "it has no element")),
            (None, Some(root)) => Ok(root),
        }
    }
}

/// Whether a document type has declarations of its own: a bracket that stands in no quotation marks. One whose marks do not close may
/// have some.
fn has_declarations(doctype: &[u8]) -> bool {
    unquoted(doctype).any(|(_, byte)| matches!(byte, b'[' | b'"' | b'\''))
}
