//! Taking secrets out of what tools print, before it is hashed, stored or shown (I8).
//!
//! Two nets: values that the host knows to be secret, replaced wherever they stand; and forms that secrets of well-known
//! kinds have. It errs on the side of taking out too much: a log with a gap is better than a leak.

use std::collections::BTreeMap;

use regex::bytes::{Captures, Regex, RegexBuilder};

/// A secret's form. The first group, where there is one, is kept: it says what stood there.
const FORMS: &[(&str, &str)] = &[
    ("private-key", r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)"),
    ("aws-access-key", r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    ("github-token", r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})"),
    ("gitlab-token", r"\bglpat-[A-Za-z0-9_-]{16,}"),
    ("slack-token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    ("jwt", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+"),
    ("authorization", r#"(?i)(\bauthorization["']?\s*[:=]\s*["']?(?:bearer|basic|token)\s+)[^\s"',;]+"#),
    ("url-password", r"([a-zA-Z][a-zA-Z0-9+.-]*://[^\s/:@]*:)[^\s/@]+@"),
    (
        "assignment",
        // A quoted value up to its closing quote, or a word; not one that was taken out already.
        r#"(?i)([a-z0-9_.-]*(?:password|passwd|secret|token|api[_-]?key|private[_-]?key)["']?\s*[:=]\s*)(?:"[^"\n]{4,}"|'[^'\n]{4,}'|[^\s"',;\[<]{4,})"#,
    ),
];

/// What was taken out, by the name of the form; `known` for values that the host named.
pub type Removed = BTreeMap<&'static str, u32>;

/// A text without the secrets that were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted {
    /// What may be stored.
    pub bytes: Vec<u8>,
    /// What was taken out.
    pub removed: Removed,
}

/// Finds secrets and takes them out.
pub struct Redactor {
    known: Vec<Vec<u8>>,
    forms: Vec<(&'static str, Regex)>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} known values, {} forms)", self.known.len(), self.forms.len())
    }
}

impl Redactor {
    /// Knows the forms, and these values. A value shorter than 4 bytes is too common to be replaced and is left out.
    ///
    /// # Errors
    /// None in practice: the forms are constants. A form that does not compile is an error, never a gap in the net.
    pub fn new(known: impl IntoIterator<Item = String>) -> Result<Self, regex::Error> {
        let mut known: Vec<Vec<u8>> = known.into_iter().map(String::into_bytes).filter(|value| value.len() >= 4).collect();
        // A value that contains another one goes first.
        known.sort_by_key(|value| std::cmp::Reverse(value.len()));
        let compile = |(name, form): &(&'static str, &str)| Ok((*name, RegexBuilder::new(form).unicode(false).build()?));
        Ok(Self { known, forms: FORMS.iter().map(compile).collect::<Result<_, regex::Error>>()? })
    }

    /// The text without the secrets that were found, each replaced by `[redacted <form>]`.
    #[must_use]
    pub fn redact(&self, bytes: &[u8]) -> Redacted {
        let mut removed = Removed::new();
        let mut bytes = bytes.to_vec();
        for value in &self.known {
            bytes = replace_known(&bytes, value, &mut removed);
        }
        for (name, form) in &self.forms {
            let replaced = form.replace_all(&bytes, |found: &Captures<'_>| {
                *removed.entry(name).or_default() += 1;
                let kept = found.get(1).map(|kept| kept.as_bytes()).unwrap_or_default();
                [kept, format!("[redacted {name}]").as_bytes()].concat()
            });
            bytes = replaced.into_owned();
        }
        Redacted { bytes, removed }
    }

    /// The form of the first secret that is surely one, for gates: a word such as `password =` alone, which code is full
    /// of, is none.
    #[must_use]
    pub fn finds_token(&self, bytes: &[u8]) -> Option<&'static str> {
        let known = self.known.iter().any(|value| bytes.windows(value.len()).any(|window| window == value));
        let sure = self.forms.iter().filter(|(name, _)| !matches!(*name, "assignment" | "authorization"));
        if known { Some("known") } else { sure.into_iter().find(|(_, form)| form.is_match(bytes)).map(|(name, _)| *name) }
    }

    /// As [`Redactor::redact`], for text.
    #[must_use]
    pub fn redact_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.redact(text.as_bytes()).bytes).into_owned()
    }
}

fn replace_known(bytes: &[u8], value: &[u8], removed: &mut Removed) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(value) {
            out.extend_from_slice(b"[redacted known]");
            *removed.entry("known").or_default() += 1;
            rest = after;
        } else {
            out.push(*first);
            rest = tail;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        Redactor::new(["hunter2-long".to_owned()]).unwrap()
    }

    #[track_caller]
    fn check(input: &str, expected: &str, form: &str) {
        let redacted = redactor().redact(input.as_bytes());
        assert_eq!(String::from_utf8(redacted.bytes).unwrap(), expected);
        assert!(redacted.removed.contains_key(form), "{:?}", redacted.removed);
    }

    #[test]
    fn forms_and_known_values_are_taken_out() {
        check("a hunter2-long b", "a [redacted known] b", "known");
        check("key AKIAABCDEFGHIJKLMNOP.", "key [redacted aws-access-key].", "aws-access-key");
        check("ghp_0123456789abcdefghij0123456789abcdef", "[redacted github-token]", "github-token");
        check("Authorization: Bearer abc.def", "Authorization: Bearer [redacted authorization]", "authorization");
        check("postgres://app:s3cr3t@db/x", "postgres://app:[redacted url-password]db/x", "url-password");
        check("DB_PASSWORD=swordfish next", "DB_PASSWORD=[redacted assignment] next", "assignment");
        check(r#"password: "two words" x"#, "password: [redacted assignment] x", "assignment");
        let json = r#"{"authorization": "Bearer abc.def"}"#;
        check(json, r#"{"authorization": "Bearer [redacted authorization]"}"#, "authorization");
        check("redis://:s3cr3t@host", "redis://:[redacted url-password]host", "url-password");
        check(
            "-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----\nrest",
            "[redacted private-key]\nrest",
            "private-key",
        );
        check("-----BEGIN PRIVATE KEY-----\ncut off", "[redacted private-key]", "private-key");
    }

    #[test]
    fn what_was_taken_out_is_not_taken_out_again() {
        let once = redactor().redact(b"token=abcdefgh and AKIAABCDEFGHIJKLMNOP");
        assert_eq!(redactor().redact(&once.bytes).bytes, once.bytes);
    }

    #[test]
    fn ordinary_output_stays_as_it_is() {
        let text = "test checkout ... ok\n3 passed; took 0.2s\n\u{fffd}";
        let redacted = redactor().redact(text.as_bytes());
        assert_eq!((redacted.bytes.as_slice(), redacted.removed.len()), (text.as_bytes(), 0));
        let binary = [0_u8, 255, 10, 128];
        assert_eq!(redactor().redact(&binary).bytes, binary);
    }
}
