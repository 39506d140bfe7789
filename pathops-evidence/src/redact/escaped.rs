//! Escapes: `%41` of URLs, and `\"` and `\u0041` of JSON and of most languages.
//!
//! A line with escapes is looked at once more without them, and what is found there is traced back to where it stands. Both kinds
//! are decoded at once: so each level of them costs one more look and not two.

use super::bytes::{at, cut};
use super::span::Span;

/// A part of the text: as it stands, or an escape.
struct Part {
    /// How many bytes it has in the text.
    length: usize,
    /// What it means, where it is an escape.
    means: Option<Decoded>,
}

/// A character, in UTF-8, or a byte.
struct Decoded {
    bytes: [u8; 4],
    length: usize,
}

impl Decoded {
    fn byte(byte: u8) -> Self {
        Self { bytes: [byte, 0, 0, 0], length: 1 }
    }

    fn character(character: char) -> Self {
        let mut bytes = [0; 4];
        let length = character.encode_utf8(&mut bytes).len();
        Self { bytes, length }
    }
}

/// Whether there is any escape in a line.
pub(super) fn has_escapes(line: &[u8]) -> bool {
    memchr::memchr2_iter(b'%', b'\\', line).any(|found| escape(cut(line, found, found + 6)).is_some())
}

/// The text without escapes.
pub(super) fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut position = 0;
    for part in parts(text) {
        match part.means {
            None => out.extend_from_slice(cut(text, position, position + part.length)),
            Some(means) => out.extend_from_slice(cut(&means.bytes, 0, means.length)),
        }
        position += part.length;
    }
    out
}

/// Moves places in the decoded text to where they stand in the text. They are in order, and none overlaps another.
pub(super) fn trace_back(text: &[u8], spans: &mut [Span]) {
    let (mut here, mut decoded) = (0, 0);
    let mut parts = parts(text);
    let mut part = parts.next();
    // The position in the text of a position in the decoded text; the end of an escape, where it is the end of a place.
    let mut trace = |position: usize, is_end: bool| {
        while let Some(current) = &part {
            let length = current.means.as_ref().map_or(current.length, |means| means.length);
            let inside = position < decoded + length || (is_end && position == decoded + length);
            if inside {
                let offset = position - decoded;
                return match &current.means {
                    None => here + offset,
                    Some(_) if is_end && offset > 0 => here + current.length,
                    Some(_) => here,
                };
            }
            (here, decoded) = (here + current.length, decoded + length);
            part = parts.next();
        }
        here
    };
    for span in spans {
        span.start = trace(span.start, false);
        span.end = trace(span.end, true);
    }
}

fn parts(text: &[u8]) -> impl Iterator<Item = Part> {
    let mut position = 0;
    std::iter::from_fn(move || {
        let rest = text.get(position..).filter(|rest| !rest.is_empty())?;
        let part = escape(rest).map(|(length, means)| Part { length, means: Some(means) }).unwrap_or_else(|| {
            let next = memchr::memchr2(b'%', b'\\', rest.get(1..).unwrap_or_default());
            Part { length: next.map_or(rest.len(), |next| next + 1), means: None }
        });
        position += part.length;
        Some(part)
    })
}

/// The escape that the text begins with: how long it is, and what it means.
fn escape(text: &[u8]) -> Option<(usize, Decoded)> {
    match (at(text, 0), at(text, 1)) {
        (b'%', _) => Some((3, Decoded::byte(u8::try_from(hex(text.get(1..3)?)?).ok()?))),
        (b'\\', b'x') => Some((4, Decoded::byte(u8::try_from(hex(text.get(2..4)?)?).ok()?))),
        (b'\\', b'u') => {
            let code = hex(text.get(2..6)?)?;
            Some((6, Decoded::character(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))))
        }
        (b'\\', b'n') => Some((2, Decoded::byte(b'\n'))),
        (b'\\', b'r') => Some((2, Decoded::byte(b'\r'))),
        (b'\\', b't') => Some((2, Decoded::byte(b'\t'))),
        (b'\\', mark @ (b'"' | b'\'' | b'\\' | b'/')) => Some((2, Decoded::byte(mark))),
        _ => None,
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value * 16 + char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::super::span::Label;
    use super::*;

    /// What is found at `part` of the decoded text stands at the same part of the text, encoded.
    #[track_caller]
    fn check(text: &str, decoded: &str, part: &str, encoded: &str) {
        assert_eq!(String::from_utf8(decode(text.as_bytes())).unwrap(), decoded);
        assert_eq!(has_escapes(text.as_bytes()), decoded != text);
        let start = decoded.find(part).unwrap();
        let mut spans = [Span { start, end: start + part.len(), label: Label::Known }];
        trace_back(text.as_bytes(), &mut spans);
        assert_eq!(&text[spans[0].start..spans[0].end], encoded);
    }

    #[test]
    fn escapes_are_decoded_and_traced_back() {
        check("a%3Db%20c", "a=b c", "b ", "b%20");
        check("100%, %4x %C3%A9", "100%, %4x \u{e9}", "4x", "4x");
        check(r#"{\"a\":\"b\\c\"}"#, r#"{"a":"b\c"}"#, r#""b\c""#, r#"\"b\\c\""#);
        check(r"\u0070a\u0073s", "pass", "pas", r"\u0070a\u0073");
        check(r"\u00e9x\x41%41", "\u{e9}xAA", "AA", r"\x41%41");
        check(r"C:\Temp \", r"C:\Temp \", "Temp", "Temp");
    }
}
