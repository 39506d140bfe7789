//! Private keys in PEM, and JSON Web Tokens.

use memchr::memmem;

use super::super::bytes::{at, before, cut, skip};
use super::super::span::{Label, Span};

/// The longest line with which a key begins or ends.
const LONGEST_MARK: usize = 96;

/// A private key, or all of it that the line holds.
pub(super) fn private_key(line: &[u8], start: usize) -> Option<Span> {
    let begin = begins_key(line, start)?;
    let end = end_of_key(cut(line, begin, line.len())).map_or(line.len(), |end| begin + end);
    Some(Span { start, end, label: Label::PrivateKey })
}

/// The end of the mark with which a private key begins.
fn begins_key(line: &[u8], start: usize) -> Option<usize> {
    let dashes = skip(line, start, 5, |byte| byte == b'-');
    let mark = cut(line, dashes, start + LONGEST_MARK);
    let end = memmem::find(mark, b"----")?;
    is_private(cut(mark, 0, end)).then(|| skip(line, dashes + end, 5, |byte| byte == b'-'))
}

fn is_private(mark: &[u8]) -> bool {
    memmem::find(mark, b"PRIVATE KEY").or_else(|| memmem::find(mark, b"private key")).is_some()
}

/// Whether a line is the first one of a private key over several lines.
pub(in super::super) fn opens_key(line: &[u8]) -> bool {
    let last = memmem::rfind(line, b"-----BEGIN").or_else(|| memmem::rfind(line, b"---- BEGIN"));
    let begin = last.and_then(|start| begins_key(line, start));
    begin.is_some_and(|end| cut(line, end, line.len()).trim_ascii().is_empty())
}

/// The position after the mark with which a private key ends.
pub(in super::super) fn end_of_key(text: &[u8]) -> Option<usize> {
    let found = memmem::find(text, b"-----END").or_else(|| memmem::find(text, b"---- END"))?;
    let words = skip(text, skip(text, found, 5, |byte| byte == b'-'), LONGEST_MARK, |byte| byte != b'-');
    Some(skip(text, words, 5, |byte| byte == b'-'))
}

/// Whether a line is the last one of a private key over several lines.
pub(in super::super) fn closes_key(line: &[u8]) -> bool {
    let mark = line.trim_ascii();
    let begins = mark.starts_with(b"-----END") || mark.starts_with(b"---- END");
    begins && is_private(mark) && end_of_key(mark) == Some(mark.len())
}

/// Three parts of base64, or five: the first is the beginning of a JSON object.
pub(super) fn jwt(line: &[u8], start: usize) -> Option<Span> {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if !cut(line, start, line.len()).starts_with(b"eyJ") || is_part(before(line, start)) {
        return None;
    }
    let header = skip(line, start, usize::MAX, is_part);
    let mut end = skip(line, header + 1, usize::MAX, is_part);
    if at(line, header) != b'.' || header < start + 10 || end < header + 9 || at(line, end) != b'.' {
        return None;
    }
    end = skip(line, end + 1, usize::MAX, is_part);
    while at(line, end) == b'.' && is_part(at(line, end + 1)) {
        end = skip(line, end + 1, usize::MAX, is_part);
    }
    Some(Span { start, end, label: Label::Jwt })
}
