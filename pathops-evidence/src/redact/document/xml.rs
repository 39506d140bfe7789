//! XML: each text under the name of its element, each attribute under its own, comments and instructions by themselves.

use std::borrow::Cow;
use std::collections::BTreeMap;

use quick_xml::escape::{escape, partial_escape, unescape};

use super::super::bytes::{at, cut, is_name, is_quote, skip, unquoted};
use super::key::Begun;
use super::{Texts, as_text, names_what_is_beside, short};

pub(super) fn redact(document: &[u8], texts: &mut Texts<'_>) -> Vec<u8> {
    let mut writer = Writer { out: Vec::with_capacity(document.len()), open: Vec::new(), keys: BTreeMap::new(), texts };
    let mut position = 0;
    while position < document.len() {
        let rest = cut(document, position, document.len());
        position += writer.next(rest).max(1);
    }
    writer.out
}

/// How the encodings begin whose units are wider than a byte.
const WIDE: &[&[u8]] = &[b"utf-16", b"utf16", b"utf-32", b"utf32", b"ucs-", b"iso-10646-ucs-"];

struct Writer<'t, 'r> {
    out: Vec<u8>,
    /// The names of the elements that are open, as far as they are looked at.
    open: Vec<Vec<u8>>,
    /// In texts of which elements a private key has begun.
    keys: BTreeMap<Vec<u8>, Begun>,
    texts: &'t mut Texts<'r>,
}

impl Writer<'_, '_> {
    /// Writes what comes next, and tells how long that is.
    fn next(&mut self, rest: &[u8]) -> usize {
        if let Some(length) = self.between(rest, b"<!--", b"-->").or_else(|| self.between(rest, b"<![CDATA[", b"]]>")) {
            return length;
        }
        let declares = rest.starts_with(b"<?xml") && at(rest, 5).is_ascii_whitespace();
        if !declares && let Some(length) = self.between(rest, b"<?", b"?>") {
            return length;
        }
        match (at(rest, 0), at(rest, 1)) {
            (b'<', b'/') => {
                self.open.pop();
                self.as_it_is(rest, end_of_tag(rest))
            }
            (b'<', b'!') => self.declaration(cut(rest, 0, end_of_tag(rest))),
            (b'<', b'?') => self.xml_declaration(cut(rest, 0, end_of_tag(rest))),
            (b'<', _) => self.tag(cut(rest, 0, end_of_tag(rest))),
            _ => self.text(cut(rest, 0, memchr::memchr(b'<', rest).unwrap_or(rest.len()))),
        }
    }

    fn as_it_is(&mut self, rest: &[u8], length: usize) -> usize {
        self.out.extend_from_slice(cut(rest, 0, length));
        length
    }

    /// The declaration that it is XML, of a document that is in UTF-8, or was turned into that: it does not name an encoding with wider
    /// units, by which no other reader could read what is stored.
    fn xml_declaration(&mut self, declaration: &[u8]) -> usize {
        let value = memchr::memmem::find(declaration, b"encoding").map_or(declaration.len(), |start| start + b"encoding".len());
        let from = skip(declaration, value, 16, |byte| byte.is_ascii_whitespace() || byte == b'=' || is_quote(byte));
        let to = skip(declaration, from, 64, is_name);
        let is_wide = WIDE.iter().any(|wide| cut(declaration, from, from + wide.len()).eq_ignore_ascii_case(wide));
        self.out.extend_from_slice(cut(declaration, 0, from));
        self.out.extend_from_slice(if is_wide { b"UTF-8" } else { cut(declaration, from, to) });
        self.out.extend_from_slice(cut(declaration, to, declaration.len()));
        declaration.len()
    }

    /// A document type: its texts are what stands in quotation marks.
    fn declaration(&mut self, declaration: &[u8]) -> usize {
        let mut position = 0;
        while let Some(quote) = memchr::memchr2(b'"', b'\'', cut(declaration, position, declaration.len())) {
            let from = position + quote + 1;
            let rest = cut(declaration, from, declaration.len());
            let text = cut(rest, 0, memchr::memchr(at(declaration, from - 1), rest).unwrap_or(rest.len()));
            let redacted = self.texts.plain(text);
            self.out.extend_from_slice(cut(declaration, position, from));
            self.out.extend_from_slice(redacted.as_deref().unwrap_or(text));
            position = (from + text.len() + 1).min(declaration.len());
            self.out.extend_from_slice(cut(declaration, from + text.len(), position));
        }
        self.out.extend_from_slice(cut(declaration, position, declaration.len()));
        declaration.len()
    }

    /// A text in which nothing is escaped, between its marks.
    fn between(&mut self, rest: &[u8], begin: &[u8], end: &[u8]) -> Option<usize> {
        let inner = rest.strip_prefix(begin)?;
        let inner = cut(inner, 0, memchr::memmem::find(inner, end)?);
        let is_text = begin.ends_with(b"[");
        self.out.extend_from_slice(begin);
        let redacted = if is_text { self.of_element(inner) } else { self.texts.plain(inner) };
        match redacted.map(as_text) {
            // What ends a placeholder may be part of what ends the text.
            Some(redacted) if is_text => self.out.extend_from_slice(redacted.replace("]]>", "]]]]><![CDATA[>").as_bytes()),
            Some(redacted) => self.out.extend_from_slice(redacted.as_bytes()),
            None => self.out.extend_from_slice(inner),
        }
        self.out.extend_from_slice(end);
        Some(begin.len() + inner.len() + end.len())
    }

    /// Text of an element.
    fn text(&mut self, text: &[u8]) -> usize {
        let redacted = if text.trim_ascii().is_empty() { None } else { self.of_element(&unescaped(text)) };
        match redacted.map(as_text) {
            Some(redacted) => self.out.extend_from_slice(partial_escape(redacted).as_bytes()),
            None => self.out.extend_from_slice(text),
        }
        text.len()
    }

    /// A text of the element that is open, not escaped, without its secrets, where it has any.
    fn of_element(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let name = self.open.last().cloned().unwrap_or_default();
        let mut key = self.keys.remove(&name);
        let redacted = self.texts.behind_key(&mut key, &name, text);
        if let Some(key) = key {
            self.keys.insert(name.clone(), key);
        }
        self.texts.told_apart(&name, text, redacted)
    }

    /// The first tag of an element, or its only one.
    fn tag(&mut self, tag: &[u8]) -> usize {
        let is_name = |byte: u8| !byte.is_ascii_whitespace() && !matches!(byte, b'/' | b'>' | b'=');
        let mut position = skip(tag, 1, usize::MAX, is_name);
        if !tag.ends_with(b"/>") {
            self.open.push(short(local(cut(tag, 1, position))).to_vec());
        }
        self.out.extend_from_slice(cut(tag, 0, position));
        let mut beside = None;
        while position < tag.len() {
            let name = skip(tag, position, usize::MAX, |byte| !is_name(byte));
            let name_end = skip(tag, name, usize::MAX, is_name);
            let quote = skip(tag, name_end, usize::MAX, |byte| byte.is_ascii_whitespace() || byte == b'=');
            if name == name_end || !is_quote(at(tag, quote)) {
                break;
            }
            let from = quote + 1;
            let to = memchr::memchr(at(tag, quote), cut(tag, from, tag.len())).map_or(tag.len(), |length| from + length);
            let (key, value) = (local(cut(tag, name, name_end)), cut(tag, from, to));
            self.out.extend_from_slice(cut(tag, position, from));
            self.attribute(key, value, &mut beside);
            position = to;
            // The mark that closes goes before the next name.
            if position < tag.len() {
                self.out.push(at(tag, position));
                position += 1;
            }
        }
        self.out.extend_from_slice(cut(tag, position, tag.len()));
        tag.len()
    }

    /// `name="db.password" value="…"` is one value with its name.
    fn attribute(&mut self, key: &[u8], value: &[u8], beside: &mut Option<Vec<u8>>) {
        let name = match beside {
            Some(name) if key.eq_ignore_ascii_case(b"value") => name.clone(),
            _ => key.to_vec(),
        };
        let text = short(value);
        if names_what_is_beside(key, text, beside.as_deref()) {
            *beside = Some(text.to_vec());
        }
        let text = unescaped(value);
        let redacted = self.texts.named(&name, &text);
        match self.texts.told_apart(&name, &text, redacted).map(as_text) {
            // A reader takes a line end in an attribute for a space.
            Some(redacted) => self.out.extend_from_slice(escape(redacted).replace('\n', "&#10;").as_bytes()),
            None => self.out.extend_from_slice(value),
        }
    }
}

/// An escaped text as it is without that.
fn unescaped(escaped: &[u8]) -> Cow<'_, [u8]> {
    match std::str::from_utf8(escaped).ok().and_then(|text| unescape(text).ok()) {
        Some(Cow::Owned(text)) => Cow::Owned(text.into_bytes()),
        _ => Cow::Borrowed(escaped),
    }
}

/// The position after the end of the tag that a text begins with. Values in quotation marks may hold what ends it.
fn end_of_tag(rest: &[u8]) -> usize {
    unquoted(rest).find(|(_, byte)| *byte == b'>').map_or(rest.len(), |(position, _)| position + 1)
}

/// A name without the prefix of its namespace.
fn local(name: &[u8]) -> &[u8] {
    name.iter().rposition(|byte| *byte == b':').map_or(name, |colon| cut(name, colon + 1, name.len()))
}

#[cfg(test)]
mod tests {
    use super::super::Shape;
    use super::*;
    use crate::redact::Redactor;

    #[track_caller]
    fn check(document: &str, expected: &str) {
        let redacted = Redactor::new(["hunter2-long".to_owned()]).unwrap().redact_document(document.as_bytes(), Shape::Xml);
        assert_eq!(as_text(redacted.bytes), expected);
    }

    #[test]
    fn what_holds_no_secret_stays_byte_for_byte() {
        for document in [
            "<?xml version=\"1.0\"?>\n<!DOCTYPE a SYSTEM 'x>y'>\n<a b='1>2' c = \"d\" ><e/>t &lt; u<![CDATA[ <f> ]]><!-- g --><?h i?></a>\n",
            "<a",
            "a>b",
            "<a b=\"",
            "",
        ] {
            check(document, document);
        }
    }

    #[test]
    fn a_secret_ends_where_its_text_ends() {
        check("<a><b>Cookie: c=d</b><e/></a>", "<a><b>Cookie: [redacted cookie]</b><e/></a>");
        check("<a><![CDATA[Cookie: c=d]]></a>", "<a><![CDATA[Cookie: [redacted cookie]]]></a>");
        check("<a><![CDATA[x[hunter2-long]>y]]></a>", "<a><![CDATA[x[[redacted known]]]]><![CDATA[>y]]></a>");
        check("<a><!-- password=\"x1y2 --><b/></a>", "<a><!-- password=\"[redacted assignment]--><b/></a>");
        check("<a b='hunter&#50;-long'/>", "<a b='[redacted known]'/>");
        check("<p name=\"db.password\" value='s3cr&amp;t'/>", "<p name=\"db.password\" value='[redacted assignment]'/>");
        check("<n:password>swordfish</n:password>", "<n:password>[redacted assignment]</n:password>");
    }
}
