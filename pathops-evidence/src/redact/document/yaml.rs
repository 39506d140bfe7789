//! YAML: lines, as in a log, of one document, where a private key ends with the text that it stands in. Before that the values in Secrets of
//! Kubernetes, whatever they look like, wherever in a document or a list such a Secret stands; the keys stay.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::bytes::{at, cut, is_quote, skip};
use super::super::structure::opens_key;
use super::json::{self, is_json};
use super::kubernetes::{VALUES, says_so};
use super::{Texts, as_text};

pub(super) fn redact(document: &[u8], texts: &mut Texts<'_>) -> Vec<u8> {
    lines_of(&without_secrets(document, texts), texts)
}

/// A text without the values in Secrets of Kubernetes; other secrets stay.
pub(super) fn without_secrets(document: &[u8], texts: &mut Texts<'_>) -> Vec<u8> {
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
    let (mut out, mut written, holds_some) = (Vec::with_capacity(document.len()), 0, says_so(document));
    for (number, (line, of)) in lines.iter().zip(values).enumerate() {
        if number < written {
            continue;
        }
        let quoted = if of == Of::Nothing && holds_some { quoted(lines.get(number..).unwrap_or_default(), texts) } else { None };
        match quoted {
            Some((text, count)) => {
                out.extend(text);
                written = number + count;
            }
            None => line.write(of, &mut out, texts),
        }
    }
    out
}

/// The lines of a value in quotation marks that is a document with a Secret of Kubernetes, without the values in that, and how many
/// lines there were.
fn quoted(lines: &[Line<'_>], texts: &mut Texts<'_>) -> Option<(Vec<u8>, usize)> {
    let first = lines.first()?;
    let open = skip(first.whole, first.from, usize::MAX, |byte| byte == b' ');
    let quote = at(first.whole, open);
    if !matches!(quote, b'"' | b'\'') {
        return None;
    }
    let column = if first.key.is_empty() { first.indent } else { first.column };
    let goes_on = |line: &&Line<'_>| line.is_empty() || line.indent > column && !line.is_border();
    let mut rest = lines.iter().skip(1).take_while(goes_on);
    let (mut text, mut count) = (cut(first.whole, open, first.whole.len()).to_vec(), 1);
    let mut end = end_of_quoted(&text, 1, quote);
    while end.is_none() {
        let from = text.len();
        text.extend_from_slice(rest.next()?.whole);
        end = end_of_quoted(&text, from, quote);
        count += 1;
    }
    let (value, rest) = text.split_at_checked(end?)?;
    let is_all = matches!(rest.trim_ascii().first(), None | Some(b'#'));
    let value = std::str::from_utf8(value).ok().filter(|value| is_all && says_so(value.as_bytes()))?;
    let left = texts.within(serde_saphyr::from_str::<String>(value).ok()?.as_bytes())?;
    let left = Value::from(as_text(left)).to_string();
    Some(([cut(first.whole, 0, open), left.as_bytes(), rest].concat(), count))
}

/// The position after the first quotation mark behind `from` that closes a value.
fn end_of_quoted(text: &[u8], from: usize, quote: u8) -> Option<usize> {
    let mut position = from;
    while position < text.len() {
        position += match at(text, position) {
            b'\\' if quote == b'"' => 2,
            b'\'' if quote == b'\'' && at(text, position + 1) == b'\'' => 2,
            byte if byte == quote => return Some(position + 1),
            _ => 1,
        };
    }
    None
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
