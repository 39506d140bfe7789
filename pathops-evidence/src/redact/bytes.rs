//! Looking at bytes by position without a panic: what lies outside of the text is 0, or nothing.

/// The byte there.
pub(super) fn at(text: &[u8], position: usize) -> u8 {
    text.get(position).copied().unwrap_or(0)
}

/// The byte before there.
pub(super) fn before(text: &[u8], position: usize) -> u8 {
    position.checked_sub(1).map_or(0, |previous| at(text, previous))
}

/// The bytes between two positions.
pub(super) fn cut(text: &[u8], from: usize, to: usize) -> &[u8] {
    text.get(from..to.min(text.len())).unwrap_or_default()
}

/// The position after at most `most` bytes that are so.
pub(super) fn skip(text: &[u8], from: usize, most: usize, is: impl Fn(u8) -> bool) -> usize {
    let part = cut(text, from, from.saturating_add(most));
    from + part.iter().position(|byte| !is(*byte)).unwrap_or(part.len())
}

/// The position of the first of at most `most` bytes before `to` that are so.
pub(super) fn skip_back(text: &[u8], to: usize, most: usize, is: impl Fn(u8) -> bool) -> usize {
    let part = cut(text, to.saturating_sub(most), to);
    to - part.iter().rev().position(|byte| !is(*byte)).unwrap_or(part.len())
}

/// Space within a line.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// A quotation mark.
pub(super) fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// Part of a name: of a variable, a key, a header.
pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// Printable ASCII, or the white space of text.
pub(super) fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t')
}

/// The bytes that stand in no quotation marks, each with its position; of marks that do not close, the first one.
pub(crate) fn unquoted(text: &[u8]) -> impl Iterator<Item = (usize, u8)> {
    let mut next = 0;
    std::iter::from_fn(move || {
        loop {
            let (position, byte) = (next, *text.get(next)?);
            next += 1;
            if !matches!(byte, b'"' | b'\'') {
                return Some((position, byte));
            }
            let Some(length) = memchr::memchr(byte, cut(text, next, text.len())) else {
                next = text.len();
                return Some((position, byte));
            };
            next += length + 1;
        }
    })
}

/// Whether it ends so, whatever the case.
pub(super) fn ends_with(text: &[u8], end: &[u8]) -> bool {
    text.len().checked_sub(end.len()).and_then(|from| text.get(from..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}
