//! Escapes: `%41` of URLs, `\"` and `\u0041` of JSON and of most languages, `&#65;` and `&quot;` of XML, and characters that nobody
//! sees, which say nothing and hide a word.
//!
//! A line with escapes is looked at once more without them, and what is found there is traced back to where it stands. All kinds
//! are decoded at once: so each level of them costs one more look and not one for each.

use super::bytes::{at, cut, skip};
use super::span::Span;

/// No escape is longer.
const LONGEST: usize = 12;

/// What an entity of XML stands for.
const NAMED: &[(&[u8], u8)] = &[(b"&amp;", b'&'), (b"&lt;", b'<'), (b"&gt;", b'>'), (b"&quot;", b'"'), (b"&apos;", b'\'')];

/// A part of the text: as it stands, or an escape.
struct Part {
    /// How many bytes it has in the text.
    length: usize,
    /// What it means, where it is an escape.
    means: Option<Decoded>,
}

/// A character, in UTF-8, a byte, or nothing.
struct Decoded {
    bytes: [u8; 4],
    length: usize,
}

impl Decoded {
    const NOTHING: Self = Self { bytes: [0; 4], length: 0 };

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
    let is_one = |found: usize| escape(cut(line, found, found + LONGEST)).is_some();
    memchr::memchr3_iter(b'%', b'\\', b'&', line).any(is_one) || memchr::memchr3_iter(0xc2, 0xe2, 0xef, line).any(is_one)
}

/// Whether an escape may begin with that.
fn may_begin(byte: u8) -> bool {
    matches!(byte, b'%' | b'\\' | b'&' | 0xc2 | 0xe2 | 0xef)
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
            let next = rest.iter().skip(1).position(|byte| may_begin(*byte));
            Part { length: next.map_or(rest.len(), |next| next + 1), means: None }
        });
        position += part.length;
        Some(part)
    })
}

/// The escape that the text begins with: how long it is, and what it means.
fn escape(text: &[u8]) -> Option<(usize, Decoded)> {
    match (at(text, 0), at(text, 1)) {
        (b'%', _) => Some((3, Decoded::byte(u8::try_from(number(text.get(1..3)?, 16)?).ok()?))),
        (b'\\', b'x') => Some((4, Decoded::byte(u8::try_from(number(text.get(2..4)?, 16)?).ok()?))),
        (b'\\', b'u') => {
            let code = number(text.get(2..6)?, 16)?;
            Some((6, Decoded::character(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))))
        }
        (b'\\', b'n') => Some((2, Decoded::byte(b'\n'))),
        (b'\\', b'r') => Some((2, Decoded::byte(b'\r'))),
        (b'\\', b't') => Some((2, Decoded::byte(b'\t'))),
        (b'\\', mark @ (b'"' | b'\'' | b'\\' | b'/')) => Some((2, Decoded::byte(mark))),
        (b'&', b'#') => numbered(text),
        (b'&', _) => {
            let (name, means) = NAMED.iter().find(|(name, _)| text.starts_with(name))?;
            Some((name.len(), Decoded::byte(*means)))
        }
        (0xc2 | 0xe2 | 0xef, _) => Some((unseen(text)?, Decoded::NOTHING)),
        _ => None,
    }
}

/// `&#65;` or `&#x41;`
fn numbered(text: &[u8]) -> Option<(usize, Decoded)> {
    let (from, radix) = if matches!(at(text, 2), b'x' | b'X') { (3, 16) } else { (2, 10) };
    let end = skip(text, from, 7, |byte| byte != b';');
    let code = number(cut(text, from, end), radix).filter(|_| end > from && at(text, end) == b';')?;
    Some((end + 1, Decoded::character(char::from_u32(code)?)))
}

/// How long the character is that a text begins with, where it has no width: a soft hyphen, a joiner, a mark of a direction, a byte
/// order mark.
fn unseen(text: &[u8]) -> Option<usize> {
    match text {
        [0xc2, 0xad, ..] => Some(2),
        [0xe2, 0x80, 0x8b..=0x8f | 0xaa..=0xae, ..] | [0xe2, 0x81, 0xa0..=0xa4, ..] | [0xef, 0xbb, 0xbf, ..] => Some(3),
        _ => None,
    }
}

fn number(digits: &[u8], radix: u32) -> Option<u32> {
    digits.iter().try_fold(0, |value, digit| Some(value * radix + char::from(*digit).to_digit(radix)?))
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
        check("a&#112;&#x61;ss &amp;amp; &#; &#xZ1; &nbsp;", "apass &amp; &#; &#xZ1; &nbsp;", "pass", "&#112;&#x61;ss");
        check(
            "pa\u{200b}s\u{ad}s\u{2060}w\u{feff}ord \u{2026}",
            "password \u{2026}",
            "password",
            "pa\u{200b}s\u{ad}s\u{2060}w\u{feff}ord",
        );
        check("\u{feff}a\u{200b}", "a", "a", "a");
    }
}
