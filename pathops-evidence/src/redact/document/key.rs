//! Private keys over several texts, each in the place of the last one.

use memchr::memmem;

use super::super::bytes::cut;
use super::super::lines::{is_header_of_key, is_last_of_wrapped, is_wrapped};
use super::super::span::Label;
use super::super::structure::{end_of_key, opens_key};
use super::Texts;

/// How many texts in a row that are no part of a private key end one that has no end: what others printed at the same time.
const MOST_OTHERS: u8 = 32;

/// A private key that began in an earlier text.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Begun {
    /// Whether a line of it was there.
    has_lines: bool,
    /// How many texts since the last one of it were none of it.
    others: u8,
}

impl Begun {
    /// How much of the beginning of a text belongs to the key, and the key, where it goes on behind that.
    fn next(mut self, text: &[u8]) -> (usize, Option<Self>) {
        // Another one in the same text has an end of its own.
        if let Some(end) = end_of_key(text).filter(|end| last_mark(cut(text, 0, *end)).is_none()) {
            return (end, None);
        }
        let (mut position, mut of_key) = (0, 0);
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            position += line.len();
            if line.trim_ascii().is_empty() {
                continue;
            }
            self.has_lines |= is_wrapped(line);
            let goes_on = is_wrapped(line) || is_header_of_key(line) || (self.has_lines && is_last_of_wrapped(line));
            if !goes_on {
                break;
            }
            of_key = position;
        }
        let is_all = cut(text, of_key, text.len()).trim_ascii().is_empty();
        self.others = if is_all { 0 } else { self.others + 1 };
        (of_key, (self.others < MOST_OTHERS).then_some(self))
    }
}

/// The position in the last mark with which a key or anything like it begins.
fn last_mark(text: &[u8]) -> Option<usize> {
    memmem::rfind(text, b"--BEGIN").max(memmem::rfind(text, b"-- BEGIN"))
}

/// The private key that a text ends in: behind its mark is nothing, or nothing but lines of it.
fn begun_in(text: &[u8]) -> Option<Begun> {
    let mark = last_mark(text)?;
    let line_end = memchr::memchr(b'\n', cut(text, mark, text.len())).map_or(text.len(), |length| mark + length);
    if !opens_key(cut(text, 0, line_end)) {
        return None;
    }
    let (_, goes_on) = Begun::default().next(cut(text, line_end, text.len()));
    goes_on.filter(|begun| begun.others == 0)
}

impl Texts<'_> {
    /// A text that has a name without its secrets, where it has any, behind texts in which a private key may have begun.
    pub(super) fn behind_key(&mut self, key: &mut Option<Begun>, name: &[u8], text: &[u8]) -> Option<Vec<u8>> {
        let left = self.within(text);
        let text = left.as_deref().unwrap_or(text);
        let (of_key, goes_on) = key.map_or((0, None), |begun| begun.next(text));
        let rest = cut(text, of_key, text.len());
        *key = begun_in(rest).or(goes_on);
        let redacted = self.named(name, rest);
        if of_key == 0 {
            return redacted.or(left);
        }
        let mut out = self.whole(Label::PrivateKey);
        out.extend(redacted.unwrap_or_else(|| rest.to_vec()));
        Some(out)
    }
}
