//! JSON, one value or several: each string under its key, in a list under the key of the list.

use std::collections::{BTreeMap, BTreeSet};

use super::super::bytes::{at, cut, skip};
use super::super::span::Label;
use super::key::Begun;
use super::kubernetes::VALUES;
use super::{Texts, as_text, names_what_is_beside, short};

/// How placeholders begin: only a key with one in it can meet another that was made so.
const PLACEHOLDER: &str = "[redacted ";

pub(super) fn redact(document: &[u8], texts: &mut Texts<'_>) -> Vec<u8> {
    let mut writer =
        Writer { secrets: secrets(document), out: Vec::with_capacity(document.len()), open: vec![Frame::default()], texts };
    for (start, token) in Tokens::new(document) {
        writer.token(start, &token);
    }
    writer.out
}

/// Whether it is one JSON document.
pub(super) fn is_json(text: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok()
}

/// A part of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    /// An object or a list begins.
    Open {
        is_object: bool,
    },
    Close {
        is_object: bool,
    },
    /// The name of a field, with its quotation marks.
    Key(&'a [u8]),
    /// A string, with its quotation marks.
    Text(&'a [u8]),
    /// A number or a word.
    Other(&'a [u8]),
    /// A sign or white space.
    Mark(&'a [u8]),
}

/// The parts of a document, each with where it begins. All of them together are the document, whatever it is.
struct Tokens<'a> {
    document: &'a [u8],
    position: usize,
    /// Whether each of those that are open is an object.
    open: Vec<bool>,
    at_key: bool,
}

impl<'a> Tokens<'a> {
    fn new(document: &'a [u8]) -> Self {
        Self { document, position: 0, open: Vec::new(), at_key: false }
    }

    fn length(&self, start: usize) -> usize {
        match at(self.document, start) {
            b'"' => end_of_string(self.document, start) - start,
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            byte if byte.is_ascii_whitespace() => {
                skip(self.document, start, usize::MAX, |byte| byte.is_ascii_whitespace()) - start
            }
            _ => {
                let ends = |byte: u8| byte.is_ascii_whitespace() || b"\"{}[],:".contains(&byte);
                skip(self.document, start, usize::MAX, |byte| !ends(byte)) - start
            }
        }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = (usize, Token<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.position;
        let first = *self.document.get(start)?;
        self.position = start + self.length(start).max(1);
        let part = cut(self.document, start, self.position);
        let in_object = self.open.last().copied().unwrap_or(false);
        let token = match first {
            b'{' | b'[' => {
                self.open.push(first == b'{');
                self.at_key = first == b'{';
                Token::Open { is_object: first == b'{' }
            }
            b'}' | b']' => {
                self.open.pop();
                self.at_key = false;
                Token::Close { is_object: first == b'}' }
            }
            b'"' if self.at_key => Token::Key(part),
            b'"' => Token::Text(part),
            b',' | b':' => {
                self.at_key = first == b',' && in_object;
                Token::Mark(part)
            }
            byte if byte.is_ascii_whitespace() => Token::Mark(part),
            _ => Token::Other(part),
        };
        Some((start, token))
    }
}

/// The position after the quotation mark that ends the string there.
fn end_of_string(document: &[u8], start: usize) -> usize {
    let mut position = start + 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', cut(document, position, document.len())) {
        position += found;
        if at(document, position) == b'"' {
            return position + 1;
        }
        position += 2;
    }
    document.len()
}

fn string(literal: &[u8]) -> Option<String> {
    serde_json::from_slice(literal).ok()
}

/// Where objects begin that are Secrets of Kubernetes.
fn secrets(document: &[u8]) -> BTreeSet<usize> {
    let (mut found, mut open, mut at_kind) = (BTreeSet::new(), Vec::new(), false);
    for (start, token) in Tokens::new(document) {
        match token {
            Token::Open { .. } => open.push(start),
            Token::Close { .. } => {
                open.pop();
            }
            Token::Key(literal) => at_kind = string(literal).is_some_and(|key| key == "kind"),
            Token::Text(literal) if at_kind && string(literal).is_some_and(|kind| kind == "Secret") => found.extend(open.last()),
            Token::Text(_) | Token::Other(_) | Token::Mark(_) => {}
        }
        at_kind &= matches!(token, Token::Key(_) | Token::Mark(_));
    }
    found
}

/// An object or a list that is open; the first one is all of the document.
#[derive(Default)]
struct Frame {
    is_object: bool,
    /// The key of the value that comes next, as far as it is looked at; of a list its own.
    key: String,
    /// What an object says that a value is named by.
    beside: Option<String>,
    /// The keys of an object that hold a placeholder, each with the last number behind it.
    placed: BTreeMap<String, u64>,
    /// Of a list: under which names a private key has begun.
    keys: BTreeMap<String, Begun>,
    is_secret: bool,
    /// All in it is a secret.
    is_taken: bool,
}

impl Frame {
    /// The name of what comes next.
    fn name(&self) -> &str {
        match &self.beside {
            Some(name) if self.is_object && self.key.eq_ignore_ascii_case("value") => name,
            _ => &self.key,
        }
    }

    /// Keeps a text of an object, if a value beside it is named by that.
    fn keep(&mut self, text: &str) {
        let text = short(text.as_bytes());
        if self.is_object && names_what_is_beside(self.key.as_bytes(), text, self.beside.as_deref().map(str::as_bytes)) {
            self.beside = Some(as_text(text.to_vec()));
        }
    }

    /// Whether all in what comes next is a secret.
    fn takes(&self) -> bool {
        self.is_taken || self.is_secret && VALUES.contains(&self.key.as_str())
    }
}

struct Writer<'t, 'r> {
    secrets: BTreeSet<usize>,
    out: Vec<u8>,
    open: Vec<Frame>,
    texts: &'t mut Texts<'r>,
}

impl Writer<'_, '_> {
    fn token(&mut self, start: usize, token: &Token<'_>) {
        match token {
            Token::Open { is_object } => {
                let (key, is_taken) = self.open.last().map(|frame| (frame.name().to_owned(), frame.takes())).unwrap_or_default();
                let key = if *is_object { String::new() } else { key };
                let is_secret = self.secrets.contains(&start);
                self.open.push(Frame { is_object: *is_object, key, is_secret, is_taken, ..Frame::default() });
                self.out.push(if *is_object { b'{' } else { b'[' });
            }
            Token::Close { is_object } => {
                if self.open.len() > 1 {
                    self.open.pop();
                }
                self.out.push(if *is_object { b'}' } else { b']' });
            }
            Token::Key(literal) => self.key(literal),
            Token::Text(literal) => self.text(literal),
            Token::Other(literal) => self.other(literal),
            Token::Mark(part) => self.out.extend_from_slice(part),
        }
    }

    /// Two fields whose names are the same without their secrets are told apart by a number.
    fn key(&mut self, literal: &[u8]) {
        let key = string(literal).unwrap_or_default();
        let redacted = self.texts.plain(key.as_bytes()).map(as_text);
        let Some(frame) = self.open.last_mut() else { return };
        let mut name = redacted.unwrap_or_else(|| key.clone());
        if name.contains(PLACEHOLDER) {
            let own = name.clone();
            while frame.placed.contains_key(&name) {
                let number = frame.placed.entry(own.clone()).or_insert(1);
                *number += 1;
                name = format!("{own} ({number})");
            }
            frame.placed.insert(name.clone(), 1);
        }
        let is_same = name == key;
        frame.key = as_text(short(key.as_bytes()).to_vec());
        if is_same {
            self.out.extend_from_slice(literal);
        } else {
            self.write(&name);
        }
    }

    fn text(&mut self, literal: &[u8]) {
        let Some(text) = string(literal) else {
            // No reader can tell what it is.
            let placeholder = self.texts.whole(Label::Unsettled);
            return self.write(&as_text(placeholder));
        };
        let Some(frame) = self.open.last_mut() else { return };
        let (name, takes) = (frame.name().to_owned(), frame.takes());
        frame.keep(&text);
        let redacted = if takes {
            self.texts.kubernetes_secret(text.as_bytes())
        } else {
            let redacted = self.redacted(&name, text.as_bytes());
            self.texts.told_apart(name.as_bytes(), text.as_bytes(), redacted)
        };
        match redacted {
            Some(redacted) => self.write(&as_text(redacted)),
            None => self.out.extend_from_slice(literal),
        }
    }

    /// A number that is a secret becomes a text.
    fn other(&mut self, literal: &[u8]) {
        let Some(frame) = self.open.last() else { return };
        let (name, takes) = (frame.name().to_owned(), frame.takes());
        let is_number = literal.iter().any(u8::is_ascii_digit);
        let redacted = match literal {
            b"null" => None,
            _ if takes => self.texts.kubernetes_secret(literal),
            _ if is_number => self.texts.named(name.as_bytes(), literal),
            _ => None,
        };
        match redacted {
            Some(redacted) => self.write(&as_text(redacted)),
            None => self.out.extend_from_slice(literal),
        }
    }

    fn write(&mut self, text: &str) {
        self.out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
    }

    /// A text without its secrets, where it has any.
    fn redacted(&mut self, name: &str, text: &[u8]) -> Option<Vec<u8>> {
        let mut key = self.list().and_then(|list| list.keys.remove(name));
        let redacted = self.texts.behind_key(&mut key, name.as_bytes(), text);
        if let (Some(key), Some(list)) = (key, self.list()) {
            list.keys.insert(name.to_owned(), key);
        }
        redacted
    }

    /// The list that is open, or all of the document.
    fn list(&mut self) -> Option<&mut Frame> {
        self.open.iter_mut().rfind(|frame| !frame.is_object)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Shape;
    use super::*;
    use crate::redact::Redactor;

    #[test]
    fn what_holds_no_secret_stays_byte_for_byte() {
        let redactor = Redactor::new([]).unwrap();
        for document in [
            r#"{"a": [1, -2.5e3, true, null, "x\"y\\\u00e9", ""], "b": {}} {"c":"d"}"#,
            "\u{feff}[\"\u{e9}\"]\r\n",
            "[[], [[{}]]]",
            "}{][",
            "",
        ] {
            assert_eq!(as_text(redactor.redact_document(document.as_bytes(), Shape::Json).bytes), document);
        }
    }

    #[test]
    fn keys_are_told_from_texts() {
        let keys =
            |document: &'static str| Tokens::new(document.as_bytes()).filter(|(_, it)| matches!(it, Token::Key(_))).count();
        assert_eq!(keys(r#"{"a": "b", "c": ["d", "e"], "f": {"g": 1}, "h": "i"}"#), 5);
    }
}
