//! The documents of a file, each node with the bytes it stands in.

use std::collections::BTreeSet;
use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};

use super::error::EditError;

/// Nodes lie in each other this deep at most.
const DEPTH: usize = 100;

#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) root: Node,
    /// The anchors that aliases repeat.
    pub(super) repeated: BTreeSet<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Its bytes, without anchor and tag.
    pub(super) span: Range<usize>,
    /// From 1.
    pub(super) line: usize,
    /// 0 where there is none.
    pub(super) anchor: usize,
    pub(super) tag: Option<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
    Scalar { text: String, style: ScalarStyle },
    Mapping { entries: Vec<(Node, Node)>, flow: bool },
    Sequence { items: Vec<Node>, flow: bool },
    Alias(usize),
}

impl Node {
    pub(super) fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    pub(super) fn entries(&self) -> &[(Node, Node)] {
        match &self.kind {
            Kind::Mapping { entries, .. } => entries,
            _ => &[],
        }
    }

    pub(super) fn items(&self) -> &[Node] {
        match &self.kind {
            Kind::Sequence { items, .. } => items,
            _ => &[],
        }
    }

    /// The value of a key that is there once.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        let mut found = self.entries().iter().filter(|(name, _)| name.text() == Some(key));
        let (_, value) = found.next()?;
        found.next().is_none().then_some(value)
    }

    pub(super) fn get_text(&self, key: &str) -> Option<&str> {
        self.get(key)?.text()
    }
}

/// A collection that is being read.
struct Open {
    node: Node,
    /// A key that waits for its value.
    key: Option<Node>,
}

pub(super) fn parse(text: &str) -> Result<Vec<Document>, EditError> {
    let mut documents = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let mut repeated = BTreeSet::new();
    let mut root = None;
    for event in Parser::new_from_str(text) {
        let no_yaml = |line, why: &str| EditError::NoYaml { line, why: why.to_owned() };
        let (event, span) = event.map_err(|error| no_yaml(error.marker().line(), &error.info()))?;
        let line = span.start.line();
        let bytes = span.byte_range().ok_or_else(|| no_yaml(line, "the parser does not say where"))?;
        let node = |kind, anchor, tag: Option<String>| Node { kind, span: bytes.clone(), line, anchor, tag };
        let tag = |tag: Option<std::borrow::Cow<'_, granit_parser::Tag>>| tag.map(|tag| tag.to_string());
        let done = match event {
            Event::Scalar(text, style, anchor, its) => node(Kind::Scalar { text: text.into_owned(), style }, anchor, tag(its)),
            Event::Alias(anchor) => {
                repeated.insert(anchor);
                node(Kind::Alias(anchor), 0, None)
            }
            Event::SequenceStart(style, anchor, its) => {
                begin(&mut open, node(Kind::Sequence { items: Vec::new(), flow: flow(style) }, anchor, tag(its)))?;
                continue;
            }
            Event::MappingStart(style, anchor, its) => {
                begin(&mut open, node(Kind::Mapping { entries: Vec::new(), flow: flow(style) }, anchor, tag(its)))?;
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open { mut node, .. }) => {
                    node.span.end = end(&node, &span);
                    node
                }
                None => continue,
            },
            Event::DocumentEnd => {
                let repeated = std::mem::take(&mut repeated);
                documents.extend(root.take().map(|root| Document { root, repeated }));
                continue;
            }
            _ => continue,
        };
        match open.last_mut() {
            Some(parent) => add(parent, done),
            None => root = Some(done),
        }
    }
    Ok(documents)
}

fn flow(style: StructureStyle) -> bool {
    style == StructureStyle::Flow
}

fn begin(open: &mut Vec<Open>, node: Node) -> Result<(), EditError> {
    if open.len() == DEPTH {
        return Err(EditError::NoYaml { line: node.line, why: format!("it is nested more than {DEPTH} deep") });
    }
    open.push(Open { node, key: None });
    Ok(())
}

fn add(parent: &mut Open, node: Node) {
    match &mut parent.node.kind {
        Kind::Sequence { items, .. } => items.push(node),
        Kind::Mapping { entries, .. } => match parent.key.take() {
            Some(key) => entries.push((key, node)),
            None => parent.key = Some(node),
        },
        Kind::Scalar { .. } | Kind::Alias(_) => {}
    }
}

/// A block ends where its last node does: what the parser says lies behind the comments that follow.
fn end(node: &Node, end: &Span) -> usize {
    let last = match &node.kind {
        Kind::Mapping { entries, flow: false } => entries.last().map(|(key, value)| value.span.end.max(key.span.end)),
        Kind::Sequence { items, flow: false } => items.last().map(|item| item.span.end),
        _ => None,
    };
    last.or_else(|| end.end.byte_offset()).unwrap_or(node.span.end)
}
