//! Bytes put in the place of others.

use std::ops::Range;

use super::error::EditError;

/// One change of the text, and what it comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Splice {
    /// What is taken out.
    pub(super) range: Range<usize>,
    /// What is put in.
    pub(super) text: String,
    /// What it means.
    pub(super) effect: Effect,
    /// What was asked for.
    pub(super) wanted: String,
    /// From 1.
    pub(super) line: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The scalar that begins here has this text now.
    Set { node: usize, text: String },
    /// The mapping that begins here has one more entry.
    Insert { mapping: usize, key: String, text: String },
}

/// Puts them into the order of the text.
pub(super) fn sort(splices: &mut [Splice]) -> Result<(), EditError> {
    splices.sort_by_key(|it| (it.range.start, it.range.end));
    let twice = splices
        .iter()
        .zip(splices.iter().skip(1))
        .find(|(one, next)| one.range.end > next.range.start || one.range == next.range);
    match twice {
        Some((one, next)) => Err(EditError::refused(&next.wanted, next.line, format!("`{}` changes the same place", one.wanted))),
        None => Ok(()),
    }
}

/// The text with all of them, which are in order.
pub(super) fn apply(text: &str, splices: &[Splice]) -> String {
    let mut edited = String::with_capacity(text.len() + 64);
    let mut at = 0;
    for splice in splices {
        edited.push_str(text.get(at..splice.range.start).unwrap_or_default());
        edited.push_str(&splice.text);
        at = splice.range.end;
    }
    edited.push_str(text.get(at..).unwrap_or_default());
    edited
}
