//! What lines have to do with the lines before them: private keys, blocks of YAML, names above values, folded headers, wrapped base64.

use super::bytes::{at, cut, is_quote, is_space, skip};
use super::encoded::is_base64;
use super::span::{Label, PLACEHOLDER};
use super::structure::{closes_key, end_of_key, names_a_secret, open_header, opens_key};

/// Where a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere in particular.
    Text,
    /// Under `password: |`, with that indent: what is further in is the secret.
    Block(usize),
    /// After `name: DB_PASSWORD`: the next line may hold its value.
    Named,
    /// After a header that is a secret of this kind, with that indent: what is further in may be the rest of it.
    Header(usize, Label),
}

impl Place {
    /// Where the line after this one stands, which is without its secrets.
    pub(super) fn after(self, line: &[u8]) -> Self {
        match self {
            Self::Block(indent) if line.trim_ascii().is_empty() || is_within(line, indent) => self,
            Self::Header(indent, _) if goes_on(line, indent) => self,
            _ => Self::begun_by(line),
        }
    }

    fn begun_by(line: &[u8]) -> Self {
        let from = skip(line, 0, usize::MAX, |byte| is_space(byte) || byte == b'-');
        let text = cut(line, from, line.len()).trim_ascii_end();
        if matches!(text.last(), Some(b'|' | b'>' | b'-' | b'+')) && opens_block(text) {
            return Self::Block(from);
        }
        if matches!(text.last(), Some(b':' | b']'))
            && let Some(label) = open_header(text)
        {
            return Self::Header(from, label);
        }
        if matches!(text.first(), Some(b'n' | b'"')) && names_above(text) { Self::Named } else { Self::Text }
    }
}

/// Whether a line is indented further than that.
pub(super) fn is_within(line: &[u8], indent: usize) -> bool {
    skip(line, 0, usize::MAX, is_space) > indent
}

/// Whether a line goes on with the value of a header that is indented so far: it is further in, and what was taken out of it, a part
/// with a name, or words of which none shares its line with another. A line of a stack trace does not.
pub(super) fn goes_on(line: &[u8], indent: usize) -> bool {
    let is_a_word = |line: &[u8]| {
        let word = line.trim_ascii();
        word.first().is_some_and(u8::is_ascii_alphanumeric) && !word.iter().any(u8::is_ascii_whitespace)
    };
    is_within(line, indent)
        && (line.trim_ascii_start().starts_with(PLACEHOLDER)
            || memchr::memchr(b'=', line).is_some()
            || line.split(|byte| *byte == b'\n').all(is_a_word))
}

/// `password: |`
fn opens_block(text: &[u8]) -> bool {
    let marks = text.iter().rev().take_while(|byte| matches!(byte, b'|' | b'>' | b'-' | b'+')).count();
    let before = cut(text, 0, text.len() - marks).trim_ascii_end();
    let marked = matches!(at(text, text.len() - marks), b'|' | b'>') && marks <= 2;
    marked && before.strip_suffix(b":").is_some_and(|name| names_a_secret(unquoted(name)))
}

/// `name: DB_PASSWORD`
fn names_above(text: &[u8]) -> bool {
    let Some(colon) = memchr::memchr(b':', cut(text, 0, 16)) else { return false };
    let value = cut(text, colon + 1, text.len()).trim_ascii();
    unquoted(cut(text, 0, colon)) == b"name" && names_a_secret(unquoted(value.strip_suffix(b",").unwrap_or(value)))
}

fn unquoted(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    let from = skip(text, 0, 1, is_quote);
    let end = text.len() - usize::from(text.len() > from && text.last().is_some_and(|last| is_quote(*last)));
    cut(text, from, end)
}

/// How many lines that do not look like part of a key end one that has no end.
const UNLIKE: u8 = 3;

/// Whether a private key over several lines has begun, and how many lines since then did not look like one.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OpenKey(Option<u8>);

/// What a line is of an open key.
pub(super) enum OfKey {
    /// Nothing: none is open.
    Nothing,
    All,
    /// The key ends there in the line.
    UpTo(usize),
    /// Nothing: the key has no end, and this is something else.
    Other,
}

impl OpenKey {
    pub(super) fn open(&mut self) {
        self.0 = Some(0);
    }

    pub(super) fn is_open(self) -> bool {
        self.0.is_some()
    }

    /// What this line is, and remembers it.
    pub(super) fn next(&mut self, line: &[u8]) -> OfKey {
        let Some(unlike) = self.0 else { return OfKey::Nothing };
        if let Some(end) = end_of_key(line) {
            self.0 = None;
            return OfKey::UpTo(end);
        }
        self.0 = match unlike {
            _ if is_like_a_key(line) => Some(0),
            unlike => Some(unlike + 1).filter(|unlike| *unlike < UNLIKE),
        };
        if self.is_open() { OfKey::All } else { OfKey::Other }
    }
}

/// How much of the beginning of a text is the rest of a private key that began before it: all up to its end, or lines of nothing
/// but base64 where it has none.
pub(super) fn rest_of_key(text: &[u8]) -> usize {
    let (mut key, mut position, mut plain) = (OpenKey(Some(0)), 0, 0);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if opens_key(line) {
            break;
        }
        match key.next(line) {
            OfKey::All => {}
            OfKey::UpTo(end) => return position + end,
            OfKey::Other | OfKey::Nothing => break,
        }
        if plain == position && (is_wrapped(line) || (plain > 0 && is_last_of_wrapped(line))) {
            plain += line.len();
        }
        position += line.len();
    }
    plain
}

/// A line of base64, perhaps behind the time and the name of what printed it, or a header in a key.
fn is_like_a_key(line: &[u8]) -> bool {
    let letters = |word: &[u8]| word.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte));
    let words = line.split(|byte| byte.is_ascii_whitespace() || is_quote(*byte));
    is_header_of_key(line) || words.into_iter().any(|word| word.len() >= 20 && letters(word))
}

/// A header in a key.
pub(super) fn is_header_of_key(line: &[u8]) -> bool {
    let headers = [&b"Proc-Type:"[..], b"DEK-Info:", b"Comment:", b"Version:"];
    headers.iter().any(|header| line.trim_ascii_start().starts_with(header))
}

/// How long the lines of wrapped base64 are.
const WRAPPED: std::ops::RangeInclusive<usize> = 56..=128;

/// Whether a line is nothing but base64, as long as a wrapped line is.
pub(super) fn is_wrapped(line: &[u8]) -> bool {
    let text = line.trim_ascii();
    WRAPPED.contains(&text.len()) && is_letters(text)
}

/// Whether a line can be the last one of wrapped base64.
pub(super) fn is_last_of_wrapped(line: &[u8]) -> bool {
    let text = line.trim_ascii();
    !text.is_empty() && text.len() < *WRAPPED.start() && is_letters(text)
}

/// How far wrapped base64 is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Wrapped {
    /// None has begun.
    #[default]
    Nothing,
    /// A line was as long as a wrapped one is.
    Lines,
    /// The last one was there.
    Last,
    /// And what ends a private key: it is all of one, or the rest of one whose beginning is not there.
    Key,
}

impl Wrapped {
    /// How far it is with this line, where that belongs to it.
    pub(super) fn with(self, line: &[u8]) -> Option<Self> {
        match self {
            Self::Nothing | Self::Lines if is_wrapped(line) => Some(Self::Lines),
            Self::Lines if is_last_of_wrapped(line) => Some(Self::Last),
            Self::Lines | Self::Last if is_checksum(line) => Some(Self::Last),
            Self::Lines | Self::Last if closes_key(line) => Some(Self::Key),
            _ => None,
        }
    }
}

/// `=aB3d`, as PGP writes it below its base64.
fn is_checksum(line: &[u8]) -> bool {
    line.trim_ascii().strip_prefix(b"=").is_some_and(|sum| sum.len() == 4 && sum.iter().all(|byte| is_base64(*byte)))
}

fn is_letters(text: &[u8]) -> bool {
    let end = skip(text, 0, usize::MAX, is_base64);
    skip(text, end, 2, |byte| byte == b'=') == text.len()
}

/// The lines of a text, with wrapped base64 as one, each with its line end.
pub(super) fn units(text: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n').peekable();
    let mut position = 0;
    std::iter::from_fn(move || {
        let start = position;
        let first = lines.next()?;
        position += first.len();
        let mut wrapped = Wrapped::Nothing.with(first);
        while let Some((line, with)) = lines.peek().and_then(|line| Some((*line, wrapped?.with(line)?))) {
            (position, wrapped) = (position + line.len(), Some(with));
            lines.next();
        }
        Some((start, position))
    })
}
