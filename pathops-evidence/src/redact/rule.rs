//! One rule: an expression, and what has to be true of what it finds.

use std::ops::Range;
use std::sync::OnceLock;

use regex::bytes::Regex;

use super::allow::{Allow, compile};
use super::bytes::cut;
use super::entropy::shannon;
use super::span::{Label, Span};

/// A first group shorter than this is part of a secret, such as a repeated piece: the whole match is taken out then.
const SHORTEST_GROUP: usize = 12;

pub(super) struct Rule {
    pub(super) id: String,
    source: String,
    /// Compiled when it is first needed; nothing, where it does not compile.
    regex: OnceLock<Option<Regex>>,
    group: usize,
    entropy: f64,
    allow: Vec<Allow>,
}

impl Rule {
    pub(super) fn new(id: String, source: String, group: usize, entropy: f64, allow: Vec<Allow>) -> Self {
        Self { id, source, regex: OnceLock::new(), group, entropy, allow }
    }

    fn regex(&self) -> Option<&Regex> {
        self.regex.get_or_init(|| compile(&self.source).ok()).as_ref()
    }

    /// Why it cannot be used.
    pub(super) fn check(&self) -> Result<(), String> {
        let regex = self.regex().ok_or("its expression does not compile")?;
        if self.group >= regex.captures_len() {
            return Err(format!("its expression has no group {}", self.group));
        }
        Ok(())
    }

    /// Adds what it finds in that part of a line. A match that goes to the end of the part may go on: it is then looked for
    /// up to the end of the line.
    pub(super) fn find(&self, number: u16, everywhere: &[Allow], line: &[u8], part: Range<usize>, spans: &mut Vec<Span>) {
        let label = Label::Rule(number);
        let Some(regex) = self.regex() else {
            return spans.push(Span { start: part.start, end: part.end, label });
        };
        let (mut position, mut end) = (part.start, part.end.min(line.len()));
        while position <= end
            && let Some(found) = regex.find_at(cut(line, 0, end), position)
        {
            if found.end() == end && end < line.len() {
                end = line.len();
                continue;
            }
            if let Some((start, end)) = self.secret(regex, line, found.range(), end, everywhere) {
                spans.push(Span { start, end, label });
            }
            position = found.end().max(position + 1);
        }
    }

    /// The place of the secret in a match, where it is one.
    fn secret(
        &self,
        regex: &Regex,
        line: &[u8],
        found: Range<usize>,
        end: usize,
        everywhere: &[Allow],
    ) -> Option<(usize, usize)> {
        let captures = regex.captures_at(cut(line, 0, end), found.start)?;
        let group = match self.group {
            0 => captures.iter().skip(1).flatten().find(|group| !group.is_empty()).or_else(|| captures.get(0)),
            group => captures.get(group),
        }?;
        let (secret, matched) = (group.as_bytes(), cut(line, found.start, found.end));
        let allowed = self.allow.iter().chain(everywhere).any(|allow| allow.allows(&self.id, secret, matched, line));
        let random_enough = self.entropy <= 0.0 || shannon(secret) > self.entropy;
        let place = if self.group == 0 && group.len() < SHORTEST_GROUP { found } else { group.range() };
        (random_enough && !allowed && !place.is_empty()).then_some((place.start, place.end))
    }
}
