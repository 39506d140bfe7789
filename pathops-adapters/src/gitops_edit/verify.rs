//! Whether the edited text says what it said before, but for what was asked for.

use super::error::EditError;
use super::splice::{Effect, Splice};
use super::tree::{Document, Kind, Node, parse};

pub(super) fn only_these_changed(old: &[Document], edited: &str, splices: &[Splice]) -> Result<(), EditError> {
    let Some(first) = splices.first() else { return Ok(()) };
    let same = |new: &[Document]| {
        old.len() == new.len() && old.iter().zip(new).all(|(old, new)| is_as_asked(&old.root, &new.root, splices))
    };
    if parse(edited).is_ok_and(|new| same(&new)) {
        return Ok(());
    }
    let why = "the file would say something else besides; change it by hand";
    Err(EditError::refused(&first.wanted, first.line, why))
}

fn is_as_asked(old: &Node, new: &Node, splices: &[Splice]) -> bool {
    let properties = old.tag == new.tag && old.anchor == new.anchor;
    let set = splices.iter().find_map(|splice| match &splice.effect {
        Effect::Set { node, text } if *node == old.span.start && matches!(old.kind, Kind::Scalar { .. }) => Some(text),
        _ => None,
    });
    properties
        && match (&old.kind, &new.kind) {
            (Kind::Scalar { text, style }, Kind::Scalar { text: now, style: written }) => match set {
                Some(wanted) => now == wanted,
                None => text == now && style == written,
            },
            (Kind::Alias(one), Kind::Alias(other)) => one == other,
            (Kind::Sequence { items, flow }, Kind::Sequence { items: now, flow: written }) => {
                flow == written
                    && items.len() == now.len()
                    && items.iter().zip(now).all(|(old, new)| is_as_asked(old, new, splices))
            }
            (Kind::Mapping { entries, flow }, Kind::Mapping { entries: now, flow: written }) => {
                flow == written && has_entries(old, entries, now, splices)
            }
            _ => false,
        }
}

/// The entries that were there, in their order, and those that were put in.
fn has_entries(mapping: &Node, old: &[(Node, Node)], new: &[(Node, Node)], splices: &[Splice]) -> bool {
    let mut inserted: Vec<(&str, &str)> = splices
        .iter()
        .filter_map(|splice| match &splice.effect {
            Effect::Insert { mapping: at, key, text } if *at == mapping.span.start => Some((key.as_str(), text.as_str())),
            _ => None,
        })
        .collect();
    let mut old = old.iter().peekable();
    for (key, value) in new {
        let known = old.peek().is_some_and(|(name, was)| is_as_asked(name, key, splices) && is_as_asked(was, value, splices));
        if known {
            old.next();
            continue;
        }
        let Some(at) = inserted.iter().position(|(name, text)| key.text() == Some(name) && value.text() == Some(text)) else {
            return false;
        };
        inserted.remove(at);
    }
    old.next().is_none() && inserted.is_empty()
}
