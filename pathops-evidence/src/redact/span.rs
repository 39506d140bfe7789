//! Places in a text, and what replaces them.

use super::Removed;
use super::bytes::cut;
use super::rules::{LONGEST_ID, Rules};

/// What a place was found to be. Where places overlap, the first in this order names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Label {
    Known,
    PrivateKey,
    /// The rule of this number.
    Rule(u16),
    Jwt,
    UrlPassword,
    BasicAuth,
    Authorization,
    Cookie,
    SignedUrl,
    Assignment,
    HighEntropy,
    Email,
    Person,
    LongLine,
    Unsettled,
    KubernetesSecret,
}

impl Label {
    const BUILT_IN: [Self; 15] = [
        Self::Known,
        Self::PrivateKey,
        Self::Jwt,
        Self::BasicAuth,
        Self::Authorization,
        Self::Cookie,
        Self::UrlPassword,
        Self::SignedUrl,
        Self::Assignment,
        Self::HighEntropy,
        Self::Email,
        Self::Person,
        Self::LongLine,
        Self::Unsettled,
        Self::KubernetesSecret,
    ];

    /// The id that stands in the text and in the counts.
    pub(super) fn id(self, rules: &Rules) -> &str {
        match self {
            Self::Known => "known",
            Self::PrivateKey => "private-key",
            Self::Rule(number) => rules.id(number),
            Self::Jwt => "jwt",
            Self::BasicAuth => "basic-auth",
            Self::Authorization => "authorization",
            Self::Cookie => "cookie",
            Self::UrlPassword => "url-password",
            Self::SignedUrl => "signed-url",
            Self::Assignment => "assignment",
            Self::HighEntropy => "high-entropy",
            Self::Email => "email",
            Self::Person => "person",
            Self::LongLine => "long-line",
            Self::Unsettled => "unsettled",
            Self::KubernetesSecret => "kubernetes-secret",
        }
    }

    /// Whether it is surely a secret, and no word that code and prose are full of.
    pub(super) fn is_sure(self) -> bool {
        matches!(self, Self::Known | Self::PrivateKey | Self::Rule(_) | Self::Jwt | Self::UrlPassword)
    }

    /// Whether a placeholder may bear this id.
    pub(super) fn exists(id: &[u8], rules: &Rules) -> bool {
        Self::BUILT_IN.iter().any(|label| label.id(rules).as_bytes() == id) || rules.has(id)
    }
}

/// A place in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) label: Label,
}

/// What begins every placeholder.
pub(super) const PLACEHOLDER: &[u8] = b"[redacted ";

/// Where placeholders stand in a text.
pub(super) fn placeholders(text: &[u8], rules: &Rules) -> Vec<(usize, usize)> {
    let end = |start: usize| {
        let id = cut(text, start + PLACEHOLDER.len(), start + PLACEHOLDER.len() + LONGEST_ID + 1);
        let length = memchr::memchr(b']', id)?;
        Label::exists(cut(id, 0, length), rules).then_some((start, start + PLACEHOLDER.len() + length + 1))
    };
    memchr::memmem::find_iter(text, PLACEHOLDER).filter_map(end).collect()
}

/// The places in order, with those that overlap made one.
pub(super) fn merge(spans: &mut Vec<Span>) {
    spans.retain(|span| span.start < span.end);
    spans.sort_unstable_by_key(|span| (span.start, span.end, span.label));
    spans.dedup_by(|later, earlier| {
        let overlaps = later.start < earlier.end;
        if overlaps {
            earlier.end = earlier.end.max(later.end);
            earlier.label = earlier.label.min(later.label);
        }
        overlaps
    });
}

/// The parts of the places that lie outside of the holes, but for blank ones. Both are in order, and neither overlaps
/// itself.
pub(super) fn subtract(spans: &mut Vec<Span>, holes: &[(usize, usize)], text: &[u8]) {
    if holes.is_empty() {
        return;
    }
    let mut parts = Vec::with_capacity(spans.len());
    let mut holes = holes.iter().copied().peekable();
    let mut covered = 0;
    for span in spans.iter() {
        let mut start = covered.max(span.start);
        while holes.next_if(|(_, end)| *end <= start).is_some() {}
        while let Some((from, to)) = holes.next_if(|(from, _)| *from < span.end) {
            parts.push(Span { start, end: from, ..*span });
            start = to;
        }
        covered = start;
        parts.push(Span { start, ..*span });
    }
    parts.retain(|part| !cut(text, part.start, part.end).trim_ascii().is_empty());
    *spans = parts;
}

/// The text with a placeholder for each place. They are in order, and none overlaps another.
pub(super) fn replace(text: &[u8], spans: &[Span], rules: &Rules, removed: &mut Removed) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut kept = 0;
    for span in spans {
        out.extend_from_slice(text.get(kept..span.start).unwrap_or_default());
        put(span.label, &mut out, rules, removed);
        kept = span.end;
    }
    out.extend_from_slice(text.get(kept..).unwrap_or_default());
    out
}

/// Writes a placeholder, and counts it.
pub(super) fn put(label: Label, out: &mut Vec<u8>, rules: &Rules, removed: &mut Removed) {
    let id = label.id(rules);
    out.extend_from_slice(PLACEHOLDER);
    out.extend_from_slice(id.as_bytes());
    out.push(b']');
    let count = removed.entry(id.to_owned()).or_default();
    *count = count.saturating_add(1);
}
