//! Finding everything in a line, and in what it is the encoded form of.

use aho_corasick::AhoCorasick;

use super::Removed;
use super::bytes::{at, before, cut, is_space, skip, skip_back};
use super::encoded;
use super::entropy::looks_random;
use super::escaped::{decode, has_escapes, trace_back};
use super::lines::{OfKey, OpenKey, Place, goes_on, is_within, units};
use super::rules::Rules;
use super::span::{Label, Span, merge, placeholders, replace, subtract};
use super::structure::{Structure, closes_key, opens_key, value_beside};
use super::words::Trigger;

/// How far before its keyword a rule's match may begin, and how much after it is looked at first.
const BEFORE: usize = 512;
const AFTER: usize = 4_096;

/// How much may be decoded for each byte of a line. Ordinary lines are far below; one above is taken out as a whole.
const MOST_DECODED: usize = 16;

/// What is looked for.
pub(super) struct Scanner {
    pub(super) rules: Rules,
    pub(super) known: Option<AhoCorasick>,
    pub(super) people: Option<AhoCorasick>,
    pub(super) emails: bool,
    pub(super) high_entropy: bool,
    pub(super) depth: u8,
}

/// How deep and how much may still be decoded.
struct Limits {
    depth: u8,
    bytes: Option<usize>,
}

impl Limits {
    /// Whether there is enough left for that.
    fn spend(&mut self, bytes: usize) -> bool {
        self.bytes = self.bytes.and_then(|left| left.checked_sub(bytes));
        self.bytes.is_some()
    }
}

impl Scanner {
    /// What is found in a line, or in lines of wrapped base64, without the last line's end: places in order.
    pub(super) fn unit(&self, unit: &[u8], place: Place) -> Vec<Span> {
        let mut limits = Limits { depth: self.depth, bytes: Some(65_536 + unit.len().saturating_mul(MOST_DECODED)) };
        let spans = self.spans(unit, place, &mut limits);
        match limits.bytes {
            Some(_) => spans,
            None => vec![Span { start: 0, end: unit.len(), label: Label::Unsettled }],
        }
    }

    /// What is found in a text of any number of lines.
    pub(super) fn text(&self, text: &[u8]) -> Vec<Span> {
        let bytes = Some(65_536 + text.len().saturating_mul(MOST_DECODED));
        let mut spans = Vec::new();
        self.lines(text, &mut Limits { depth: self.depth, bytes }, &mut spans);
        spans
    }

    fn lines(&self, text: &[u8], limits: &mut Limits, spans: &mut Vec<Span>) {
        let (mut place, mut key) = (Place::Text, OpenKey::default());
        for (start, end) in units(text) {
            let whole = cut(text, start, end);
            let line = whole.strip_suffix(b"\n").unwrap_or(whole);
            let rest = match key.next(line) {
                OfKey::Nothing | OfKey::Other => 0,
                OfKey::All => line.len(),
                OfKey::UpTo(end) => end,
            };
            if rest > 0 {
                spans.push(Span { start, end: start + rest, label: Label::PrivateKey });
            }
            let line = cut(line, rest, line.len());
            let found = self.spans(line, place, limits);
            if !found.is_empty() && opens_key(line) {
                key.open();
            }
            place = if found.is_empty() {
                place.after(line)
            } else {
                place.after(&replace(line, &found, &self.rules, &mut Removed::new()))
            };
            spans.extend(found.into_iter().map(|span| shifted(span, start + rest)));
        }
    }

    fn spans(&self, unit: &[u8], place: Place, limits: &mut Limits) -> Vec<Span> {
        let mut spans = Vec::new();
        match place {
            Place::Block(indent) if is_within(unit, indent) => {
                let start = skip(unit, 0, usize::MAX, is_space);
                spans.push(Span { start, end: unit.len(), label: Label::Assignment });
            }
            Place::Header(indent, label) if goes_on(unit, indent) => {
                let start = skip(unit, 0, usize::MAX, is_space);
                spans.push(Span { start, end: unit.len(), label });
            }
            Place::Named => spans.extend(value_beside(unit)),
            Place::Block(_) | Place::Header(..) | Place::Text => {}
        }
        if memchr::memchr(b'\n', unit).is_some() {
            self.wrapped(unit, limits, &mut spans);
        } else {
            self.line(unit, true, limits, &mut spans);
        }
        if !spans.is_empty() {
            merge(&mut spans);
            subtract(&mut spans, &placeholders(unit, &self.rules), unit);
        }
        spans
    }

    /// Each line, and what all of them together are the encoded form of. Whatever is found, all of it is taken out: what
    /// was left would be no wrapped base64 any more.
    fn wrapped(&self, unit: &[u8], limits: &mut Limits, spans: &mut Vec<Span>) {
        let mut found = Vec::new();
        for line in unit.split(|byte| *byte == b'\n') {
            self.line(line, false, limits, &mut found);
        }
        self.joined(unit, |byte| !byte.is_ascii_whitespace(), limits, &mut found);
        let start = skip(unit, 0, usize::MAX, is_space);
        if unit.rsplit(|byte| *byte == b'\n').next().is_some_and(closes_key) {
            // The key began before the text did.
            found.push(Span { start, end: unit.len(), label: Label::PrivateKey });
        }
        let label = found.iter().map(|span| span.label).min();
        spans.extend(label.map(|label| Span { start, end: unit.len(), label }));
    }

    fn line(&self, line: &[u8], random: bool, limits: &mut Limits, spans: &mut Vec<Span>) {
        self.words(line, spans);
        self.values(line, spans);
        for (start, end) in encoded::words(line) {
            self.encoded(line, start, end, limits, spans);
            if random && self.high_entropy && looks_random(line, start, end) && !encoded::is_encoded_text(cut(line, start, end)) {
                spans.push(Span { start, end: encoded::padded(line, end), label: Label::HighEntropy });
            }
        }
        for (start, end) in encoded::pairs(line) {
            let mut found = Vec::new();
            self.joined(cut(line, start, end), encoded::is_hex, limits, &mut found);
            let label = found.iter().map(|span| span.label).min();
            spans.extend(label.map(|label| Span { start, end, label }));
        }
        self.escaped(line, limits, spans);
    }

    /// Rules and forms, each looked for where its word was seen.
    fn words(&self, line: &[u8], spans: &mut Vec<Span>) {
        let mut windows: Vec<Window> = self.rules.always().iter().map(|rule| Window::all(*rule, line)).collect();
        // Up to where each form has taken everything: its words in there are part of that.
        let mut taken = [0; Structure::COUNT];
        self.rules.words(line, |start, end, triggers| {
            for trigger in triggers {
                match trigger {
                    Trigger::Rule(rule) => self.widen(&mut windows, *rule, line, start, end, spans),
                    Trigger::Structure(structure) => {
                        let Some(taken) = taken.get_mut(*structure as usize).filter(|taken| **taken <= start) else { continue };
                        if let Some(span) = structure.find(line, start, end) {
                            *taken = span.end;
                            spans.push(span);
                        }
                    }
                }
            }
        });
        for window in windows {
            self.rules.find(window.rule, line, window.from, window.to, spans);
        }
    }

    /// Makes a rule's window reach around another of its words, or lets it look at the last one and opens the next.
    fn widen(&self, windows: &mut Vec<Window>, rule: u16, line: &[u8], start: usize, end: usize, spans: &mut Vec<Span>) {
        let (from, to) = (start.saturating_sub(BEFORE), (end + AFTER).min(line.len()));
        let Some(window) = windows.iter_mut().find(|window| window.rule == rule) else {
            return windows.push(Window { rule, from, to });
        };
        if from > window.to {
            self.rules.find(rule, line, window.from, window.to, spans);
            window.from = from;
        }
        window.to = window.to.max(to);
    }

    /// What the host named, and what says who somebody is.
    fn values(&self, line: &[u8], spans: &mut Vec<Span>) {
        if let Some(known) = self.known.as_ref().filter(|known| known.is_match(line)) {
            let found = known.find_overlapping_iter(line);
            spans.extend(found.map(|found| Span { start: found.start(), end: found.end(), label: Label::Known }));
        }
        if let Some(people) = self.people.as_ref().filter(|people| people.is_match(line)) {
            let found = people.find_overlapping_iter(line).map(|found| (found.start(), found.end()));
            let whole = found.filter(|(start, end)| !is_letter(before(line, *start)) && !is_letter(at(line, *end)));
            spans.extend(whole.map(|(start, end)| Span { start, end, label: Label::Person }));
        }
        if self.emails {
            spans.extend(memchr::memchr_iter(b'@', line).filter_map(|at_sign| email(line, at_sign)));
        }
    }

    /// A text of letters with something between them, as what these may be the encoded form of together.
    fn joined(&self, text: &[u8], is_letter: impl Fn(u8) -> bool, limits: &mut Limits, spans: &mut Vec<Span>) {
        let joined: Vec<u8> = text.iter().copied().filter(|byte| is_letter(*byte)).collect();
        self.encoded(&joined, 0, joined.len(), limits, spans);
    }

    /// A word, as what it may be the encoded form of.
    fn encoded(&self, line: &[u8], start: usize, end: usize, limits: &mut Limits, spans: &mut Vec<Span>) {
        if limits.depth == 0 || limits.bytes.is_none() {
            return;
        }
        for (begin, text) in encoded::decoded(cut(line, start, end)) {
            if let Some(label) = self.deeper(&text, limits).iter().map(|span| span.label).min() {
                spans.push(Span { start: start + begin, end: encoded::padded(line, end), label });
            }
        }
    }

    /// The line without its escapes.
    fn escaped(&self, line: &[u8], limits: &mut Limits, spans: &mut Vec<Span>) {
        if limits.depth > 0 && limits.bytes.is_some() && has_escapes(line) {
            let mut found = self.deeper(&decode(line), limits);
            trace_back(line, &mut found);
            spans.extend(found);
        }
    }

    fn deeper(&self, text: &[u8], limits: &mut Limits) -> Vec<Span> {
        let mut spans = Vec::new();
        if limits.spend(text.len()) {
            limits.depth -= 1;
            self.lines(text, limits, &mut spans);
            limits.depth += 1;
        }
        spans
    }
}

/// The part of a line that a rule looks at.
struct Window {
    rule: u16,
    from: usize,
    to: usize,
}

impl Window {
    fn all(rule: u16, line: &[u8]) -> Self {
        Self { rule, from: 0, to: line.len() }
    }
}

fn shifted(span: Span, by: usize) -> Span {
    Span { start: span.start + by, end: span.end + by, ..span }
}

/// A letter of a name: bytes above ASCII are parts of letters.
fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// An e-mail address; `git@host:path` and `git@host/path` are addresses of repositories.
fn email(line: &[u8], at_sign: usize) -> Option<Span> {
    let is_local = |byte: u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(&byte) || byte >= 0x80;
    let start = skip_back(line, at_sign, 64, is_local);
    let end = skip(line, at_sign + 1, 255, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    let domain = cut(line, at_sign + 1, end);
    let end = end - domain.iter().rev().take_while(|byte| matches!(byte, b'.' | b'-')).count();
    let is_domain = memchr::memchr(b'.', cut(line, at_sign + 1, end)).is_some_and(|dot| dot > 0);
    let repository = cut(line, start, at_sign) == b"git";
    (start < at_sign && is_domain && !repository).then_some(Span { start, end, label: Label::Email })
}
