//! YAML: lines, as in a log, of one document, where a private key ends with the text that it stands in. Before that the values in Secrets of
//! Kubernetes, whatever they look like, wherever in a document or a list such a Secret stands; the keys stay.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::bytes::{cut, is_quote, skip};
use super::super::structure::opens_key;
use super::json::{self, VALUES, is_json};
use super::{TAKEN_OUT, Texts};

pub(super) fn redact(document: &[u8], texts: &mut Texts<'_>) -> Vec<u8> {
    let lines: Vec<Line<'_>> = document.split_inclusive(|byte| *byte == b'\n').map(Line::read).collect();
    let mut values = vec![Of::Nothing; lines.len()];
    // Where the last Secret at each column ends: what says so twice is one.
    let mut ends: BTreeMap<usize, usize> = BTreeMap::new();
    for (number, line) in lines.iter().enumerate() {
        let is_new = ends.get(&line.column).is_none_or(|end| *end <= number);
        if line.key == b"kind" && is_new && plain(line.value) == b"Secret" {
            ends.insert(line.column, mark(&lines, number, &mut values));
        }
    }
    let mut out = Vec::with_capacity(document.len());
    for (line, of) in lines.iter().zip(values) {
        line.write(of, &mut out, texts);
    }
    lines_of(&out, texts)
}

/// Takes what is found in lines out of them. What ends a document stays.
fn lines_of(yaml: &[u8], texts: &mut Texts<'_>) -> Vec<u8> {
    let (mut out, mut part, mut key) = (Vec::with_capacity(yaml.len()), Vec::new(), 0);
    let mut end = |part: &mut Vec<u8>, out: &mut Vec<u8>| {
        out.extend(texts.plain(part).as_deref().unwrap_or(part));
        part.clear();
    };
    for line in yaml.split_inclusive(|byte| *byte == b'\n').map(Line::read) {
        if line.is_border() || !line.is_empty() && line.indent < key {
            end(&mut part, &mut out);
            key = 0;
        }
        if line.is_border() {
            out.extend_from_slice(line.whole);
            continue;
        }
        part.extend_from_slice(line.whole);
        if opens_key(line.whole) {
            key = line.indent;
        }
    }
    end(&mut part, &mut out);
    out
}

/// Whether a Secret of Kubernetes still holds a value.
pub(crate) fn holds_a_secret(yaml: &str) -> bool {
    if memchr::memmem::find(yaml.as_bytes(), b"Secret").is_none() {
        return false;
    }
    let documents: Result<Vec<Value>, _> = serde_saphyr::from_multiple(yaml);
    // What cannot be looked through may hold anything.
    !documents.is_ok_and(|all| !all.iter().any(holds_one))
}

fn holds_one(value: &Value) -> bool {
    match value {
        Value::Object(fields) => {
            let is_secret = fields.get("kind").is_some_and(|kind| kind == "Secret");
            let held = VALUES.iter().filter_map(|key| fields.get(*key)).any(|values| !is_taken_out(values));
            is_secret && held || fields.values().any(holds_one)
        }
        Value::Array(items) => items.iter().any(holds_one),
        _ => false,
    }
}

fn is_taken_out(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().all(is_taken_out),
        Value::Array(items) => items.iter().all(is_taken_out),
        Value::String(text) => text.is_empty() || text.as_bytes() == TAKEN_OUT,
        other => other.is_null(),
    }
}

/// What a line is of a value in a Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Of {
    Nothing,
    /// It has the key.
    Key,
    /// The value goes on.
    Rest,
}

/// A line, and what it is of a mapping.
struct Line<'a> {
    whole: &'a [u8],
    /// How far its text is indented; a dash before a key belongs to that.
    column: usize,
    /// The same, without the key of an item.
    indent: usize,
    /// Without quotation marks; empty where there is none.
    key: &'a [u8],
    /// Where what follows the colon begins.
    from: usize,
    value: &'a [u8],
}

impl<'a> Line<'a> {
    fn read(whole: &'a [u8]) -> Self {
        let indent = skip(whole, 0, usize::MAX, |byte| byte == b' ');
        let mut column = indent;
        while cut(whole, column, whole.len()).starts_with(b"- ") {
            column = skip(whole, column + 1, usize::MAX, |byte| byte == b' ');
        }
        let text = cut(whole, column, whole.len()).trim_ascii_end();
        let (length, key) = key(text).unwrap_or_default();
        let value = cut(text, length, text.len()).trim_ascii();
        Self { whole, column, indent, key, from: column + length, value }
    }

    /// Blank, or nothing but a comment.
    fn is_empty(&self) -> bool {
        let text = self.whole.trim_ascii();
        text.is_empty() || text.starts_with(b"#")
    }

    /// Whether a document ends or begins here.
    fn is_border(&self) -> bool {
        self.whole.starts_with(b"---") || self.whole.starts_with(b"...")
    }

    fn write(&self, of: Of, out: &mut Vec<u8>, texts: &mut Texts<'_>) {
        let text = self.whole.trim_ascii();
        match of {
            Of::Nothing if text.starts_with(b"{") && is_json(text) => {
                // `kubectl apply` writes down what was applied in one line.
                out.extend_from_slice(cut(self.whole, 0, self.indent));
                out.extend(json::redact(text, texts));
                out.extend_from_slice(cut(self.whole, self.indent + text.len(), self.whole.len()));
            }
            Of::Nothing => out.extend_from_slice(self.whole),
            Of::Rest => {}
            Of::Key => match texts.kubernetes_secret(plain(self.value)) {
                None => out.extend_from_slice(self.whole),
                Some(placeholder) => {
                    out.extend_from_slice(cut(self.whole, 0, self.from));
                    out.extend_from_slice(b" \"");
                    out.extend(placeholder);
                    out.extend_from_slice(if self.whole.ends_with(b"\n") { b"\"\n" } else { b"\"" });
                }
            },
        }
    }
}

/// How long a key is with its colon, and the key.
fn key(text: &[u8]) -> Option<(usize, &[u8])> {
    let quoted = text.first().copied().filter(|first| matches!(first, b'"' | b'\''));
    let (begin, end) = match quoted {
        Some(quote) => (1, 1 + memchr::memchr(quote, text.get(1..)?)?),
        None => {
            let ends = |(at, byte): (usize, &u8)| *byte == b':' && text.get(at + 1).is_none_or(u8::is_ascii_whitespace);
            (0, text.iter().enumerate().position(ends)?)
        }
    };
    let colon = end + begin;
    let is_key = text.get(colon) == Some(&b':') && text.get(colon + 1).is_none_or(u8::is_ascii_whitespace);
    is_key.then(|| (colon + 1, cut(text, begin, end)))
}

/// A value on one line without quotation marks and without a comment.
fn plain(value: &[u8]) -> &[u8] {
    let comment = memchr::memmem::find(value, b" #").unwrap_or(value.len());
    let value = cut(value, 0, comment).trim_ascii();
    let quoted = value.len() > 1 && value.first() == value.last() && value.first().is_some_and(|first| is_quote(*first));
    if quoted { cut(value, 1, value.len() - 1) } else { value }
}

/// Finds the values of the Secret that says so in this line, and tells before which line it ends.
fn mark(lines: &[Line<'_>], kind: usize, values: &mut [Of]) -> usize {
    let column = lines.get(kind).map_or(0, |line| line.column);
    let begins_item = |line: &Line<'_>| line.indent < column && line.column == column && !line.key.is_empty();
    let is_inside = |line: &Line<'_>| !line.is_border() && (line.is_empty() || line.indent >= column);
    let begin = first_of(lines, kind, is_inside, begins_item);
    let mut holds = None;
    for (number, line) in lines.iter().enumerate().skip(begin) {
        if number > kind && !is_inside(line) {
            return number;
        }
        let Some(of) = values.get_mut(number) else { return number };
        if line.column == column && !line.key.is_empty() {
            let is_held = VALUES.iter().any(|key| key.as_bytes() == line.key);
            // A value on the line itself is a mapping in braces, unless it is empty.
            let in_braces = is_held && !matches!(plain(line.value), b"" | b"{}" | b"null" | b"~");
            holds = is_held.then_some(None);
            if in_braces {
                (*of, holds) = (Of::Key, Some(Some(usize::MAX)));
            }
        } else if let Some(keys) = holds.as_mut().filter(|_| !line.is_empty() || line.indent > column) {
            let keys = *keys.get_or_insert(line.indent);
            *of = if line.indent == keys && !line.key.is_empty() { Of::Key } else { Of::Rest };
        }
    }
    lines.len()
}

/// The first line of the mapping that a line belongs to.
fn first_of(
    lines: &[Line<'_>],
    from: usize,
    is_inside: impl Fn(&Line<'_>) -> bool,
    begins_item: impl Fn(&Line<'_>) -> bool,
) -> usize {
    let mut first = from;
    if lines.get(from).is_some_and(&begins_item) {
        return from;
    }
    for (number, line) in lines.iter().enumerate().take(from).rev() {
        if begins_item(line) {
            return number;
        }
        if !is_inside(line) {
            break;
        }
        first = number;
    }
    first
}
