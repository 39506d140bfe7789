//! Taking secrets out of a report, which is a document, without changing what it says.
//!
//! A log is looked at line by line, and the value of a header goes up to the end of its line, a private key up to wherever it ends. In
//! a document quotation marks, tags, directives and whole findings stand there. So each of its texts is looked at alone: the strings
//! of JSON, the texts, attributes and comments of XML, what TAP describes and prints between its test points. Beside what a text itself
//! shows, it is looked at under the name that it has: the key, the element, the attribute, or for a `value` the text beside it that is
//! a `name` or the name of a secret; and a text that is JSON, or YAML with a Secret of Kubernetes, as the document that it is. Only a text
//! in which something is found is written anew; every other byte stays, but for a declaration of XML that names an encoding which no
//! UTF-8 can be read in.
//!
//! Where two names are the same without their secrets, a report may say something else. Then they are told apart by a number, which says
//! nothing of the secrets.
//!
//! So no rule need know where a text ends, and that holds for rules of hosts, too. Bounds in each form would have to hold in every
//! format at once, and would find less in logs. What a text may be a part of is another matter: it may be a name, a number or a
//! verdict, so that [`parse_redacted`](crate::report::parse_redacted) compares what the report says before and after.
//!
//! Of a private key over several texts, each in the place of the last one (the lines of a list, what a test printed), all are taken
//! out: strings under the same name in a list, texts of elements with the same name. What others print between them stays.

mod json;
mod key;
mod kubernetes;
mod tap;
mod xml;
mod yaml;

use std::collections::BTreeMap;

use super::bytes::{cut, is_name, skip_back};
use super::lines::Place;
use super::span::{Label, PLACEHOLDER, Span, put, replace};
use super::structure::names_a_value;
use super::{Redacted, Redactor, Removed};

pub(crate) use kubernetes::holds_a_secret;

/// No name of a value is longer.
const LONGEST_NAME: usize = 128;
/// How far forms look back from a word in a name.
const LONGEST_END: usize = 64;
/// How often a text is looked at again, since what was taken out may make something else visible.
const PASSES: usize = 4;

/// What kind of document something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// None: lines.
    Text,
    /// JSON, one value or several.
    Json,
    Xml,
    Tap,
    /// Lines, with Secrets of Kubernetes among them.
    Yaml,
}

impl Redactor {
    /// As [`Redactor::redact`], of a document that is known to be whole: it stays one.
    pub(crate) fn redact_document(&self, document: &[u8], shape: Shape) -> Redacted {
        self.document(document, shape, None)
    }

    /// The same. Of names in JSON and XML that would be the same without their secrets, all but the first get a number.
    pub(crate) fn redact_document_by_number(&self, document: &[u8], shape: Shape) -> Redacted {
        self.document(document, shape, Some(Names::new()))
    }

    fn document(&self, document: &[u8], shape: Shape, names: Option<Names>) -> Redacted {
        let mut texts = Texts { redactor: self, removed: Removed::new(), names };
        let bytes = match shape {
            Shape::Text => return self.redact(document),
            Shape::Json => json::redact(document, &mut texts),
            Shape::Xml => xml::redact(document, &mut texts),
            Shape::Tap => tap::redact(document, &mut texts),
            Shape::Yaml => yaml::redact(document, &mut texts),
        };
        Redacted { bytes, removed: texts.removed }
    }
}

/// What is left of names, and of each by which number the names with their secrets are told apart.
type Names = BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, usize>>;

/// Takes secrets out of the texts of a document, and counts them.
struct Texts<'r> {
    redactor: &'r Redactor,
    removed: Removed,
    /// Where names are told apart.
    names: Option<Names>,
}

impl Texts<'_> {
    /// A text without its secrets, where it has any.
    fn plain(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let Redacted { mut bytes, removed } = self.redactor.redact(text);
        if removed.is_empty() {
            return None;
        }
        for (rule, count) in removed {
            let counted = self.removed.entry(rule).or_default();
            *counted = counted.saturating_add(count);
        }
        // A private key without an end takes that of its last line along.
        if text.ends_with(b"\n") && !bytes.ends_with(b"\n") {
            bytes.push(b'\n');
        }
        Some(bytes)
    }

    /// A text that has a name without its secrets, where it has any.
    fn named(&mut self, name: &[u8], text: &[u8]) -> Option<Vec<u8>> {
        let name = looked_at(name);
        if text.is_empty() || name.is_empty() {
            return self.plain(text);
        }
        let is_a_line = text.len() <= self.redactor.longest_line && !text.iter().any(|byte| matches!(byte, b'\n' | b'\r' | b'"'));
        if is_a_line {
            // A name says of a word that looks random whether it is a secret.
            return self.under(name, text);
        }
        let plain = self.plain(text);
        let named = self.under(name, plain.as_deref().unwrap_or(text));
        named.or(plain)
    }

    /// A text without what is found in it where it stands behind its name.
    fn under(&mut self, name: &[u8], text: &[u8]) -> Option<Vec<u8>> {
        let mut redacted: Option<Vec<u8>> = None;
        for _ in 0..PASSES {
            let text = redacted.as_deref().unwrap_or(text);
            let spans = self.behind(name, text);
            if spans.is_empty() {
                return redacted;
            }
            redacted = Some(replace(text, &spans, &self.redactor.scanner.rules, &mut self.removed));
        }
        Some(self.whole(Label::Unsettled))
    }

    /// What is found in a text behind `"name": "`. A secret may have several lines; what any other name stands above is looked at up to
    /// the end of the first one.
    fn behind(&self, name: &[u8], text: &[u8]) -> Vec<Span> {
        let line_end = if names_a_value(name) { None } else { memchr::memchr(b'\n', text) };
        let line = cut(text, 0, line_end.unwrap_or(text.len()));
        let mut assigned = [&b"\""[..], name, b"\": \""].concat();
        let from = assigned.len();
        // Nothing in it ends it before its end.
        assigned.extend(line.iter().map(|byte| match byte {
            b'\n' | b'\r' => b' ',
            b'"' => b'\'',
            other => *other,
        }));
        let to = assigned.len();
        assigned.push(b'"');
        let mut spans = self.redactor.scanner.unit(&assigned, Place::Text);
        for span in &mut spans {
            span.start = span.start.clamp(from, to) - from;
            span.end = span.end.clamp(from, to) - from;
        }
        spans.retain(|span| span.start < span.end);
        spans
    }

    /// What stands for a text that is a secret as a whole.
    fn whole(&mut self, label: Label) -> Vec<u8> {
        let mut out = Vec::new();
        put(label, &mut out, &self.redactor.scanner.rules, &mut self.removed);
        out
    }

    /// What is left of a text, with a number where another text is the same without its secrets, if names are told apart. None is what has
    /// several lines, or where a number would be taken for a secret.
    fn told_apart(&mut self, name: &[u8], text: &[u8], redacted: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let Some(names) = &mut self.names else { return redacted };
        let left = redacted.as_deref().unwrap_or(text);
        if left.contains(&b'\n') || memchr::memmem::find(left, PLACEHOLDER).is_none() {
            return redacted;
        }
        let same = names.entry(left.to_vec()).or_default();
        let next = same.len() + 1;
        let number = *same.entry(text.to_vec()).or_insert(next);
        let numbered = [left, format!(" ({number})").as_bytes()].concat();
        if number > 1 && self.behind(looked_at(name), &numbered).is_empty() { Some(numbered) } else { redacted }
    }
}

/// What of a name says what stands under it: all of it, or its end, where there is anything else in it.
fn looked_at(name: &[u8]) -> &[u8] {
    let is_plain = |byte: &u8| is_name(*byte) || matches!(byte, b' ' | b'/');
    if name.len() <= LONGEST_NAME && name.iter().all(is_plain) { name } else { end_of(name) }
}

/// A name as it is kept for all that stands under it: however long it is, only its end is looked at.
fn short(name: &[u8]) -> &[u8] {
    if name.len() <= LONGEST_NAME { name } else { end_of(name) }
}

fn end_of(name: &[u8]) -> &[u8] {
    cut(name, skip_back(name, name.len(), LONGEST_END, is_name), name.len())
}

/// Whether a text is the name of the `value` beside it: it stands under `name`, or is the name of a secret, which no other text
/// takes the place of.
fn names_what_is_beside(key: &[u8], text: &[u8], earlier: Option<&[u8]>) -> bool {
    names_a_value(text) || key.eq_ignore_ascii_case(b"name") && !earlier.is_some_and(names_a_value)
}

/// A text that was made of one in UTF-8.
fn as_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_any_length_is_kept_by_its_end() {
        let long = format!("{}:{}password", "x".repeat(1_000), "a".repeat(100));
        assert_eq!(short(long.as_bytes()).len(), LONGEST_END);
        assert!(names_a_value(short(long.as_bytes())));
        assert_eq!(short(b"a:b"), b"a:b");
        assert_eq!(looked_at(b"a:b c"), b"c");
    }
}
