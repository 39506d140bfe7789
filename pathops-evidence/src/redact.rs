//! Taking secrets out of what tools print, before it is hashed, stored or shown (I8).
//!
//! Four nets, from the surest to the widest:
//!
//! 1. *Values* that the host knows to be secret, wherever they stand.
//! 2. *Rules* in gitleaks' format: ours ([`Rules::ours`]), or a file of the host's choice ([`Rules::from_toml`]).
//! 3. *Forms* that are read by hand: private keys, also where the beginning of one is not there, JSON Web Tokens, `Authorization` and
//!    `Cookie` headers, also folded ones, basic authentication, passwords in URLs and in options of well-known commands, signed URLs,
//!    connection strings, kubeconfigs, and whatever is assigned to a name such as `password`, also on the line after it
//!    (`password: |`, `name: DB_PASSWORD`).
//! 4. *Words that look random.* This net takes out what is no secret now and then; [`RedactorBuilder::high_entropy`] switches
//!    it off.
//!
//! Each looks at the text as it stands, and at what words and lines of it are the encoded form of: base64 (either alphabet,
//! with or without padding, wrapped or glued to a name), hexadecimal (also in pairs with a mark between them, `67:68`), `%41` of URLs,
//! `\"` or `\u0041` of JSON and `&#65;` or `&quot;` of XML, within each other up to [`RedactorBuilder::depth`]; and without characters
//! that have no width. Of base64 and hexadecimal the whole encoded word is taken out, of an escaped text only the secret.
//!
//! It errs on the side of taking out too much: a log with a gap is better than a leak.
//!
//! A report is no log: [`report::parse_redacted`](crate::report::parse_redacted) takes secrets out of its texts alone, so that it says
//! what it said. There the values in Secrets of Kubernetes go as well, whatever they look like.
//!
//! # What is guaranteed
//!
//! * **Pieces.** A [`Stream`] gives the same bytes as [`Redactor::redact`] of the whole text, however the text is cut, and holds
//!   no more of it than one line.
//! * **Twice is once.** What was redacted is not changed by redacting it again: a placeholder, `[redacted <id>]`, is no secret.
//! * **No half secrets.** A line that is too long to be looked at, or that would take too long, is taken out as a whole. A
//!   private key of many lines and a word of any length are taken out up to their end, and a quoted value that has none up to
//!   the end of its line.
//! * **No trace.** What is told is which rules there were ([`Redactor::digest`]) and how often each was used ([`Removed`]),
//!   never a secret or its hash.
//! * **Bounded time.** Time grows with the length of the text and no faster, whatever it holds.
//!
//! # What is not found
//!
//! A secret that no net describes, in an encoding that is not named above, or that goes over several lines and is none of those
//! named above: of a quoted password with a line end in it, the first line is found. Nothing is unpacked: whoever keeps archives or compressed files unpacks and redacts what is in them. There is no exception for files
//! that are not text, since that would be a way around all of it: they are searched as text is, which changes a compressed file
//! in practice never, and one that holds a secret in the open always.

mod allow;
mod bytes;
mod canonical;
mod document;
mod encoded;
mod entropy;
mod escaped;
mod go;
mod known;
mod lines;
mod rule;
mod rules;
mod scan;
mod span;
mod stream;
mod structure;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use pathops_core::Digest;
use serde_json::{Map, Value};

use self::canonical::field;
use self::scan::Scanner;
use self::span::Label;

pub(crate) use self::bytes::unquoted;
pub(crate) use self::document::{Shape, holds_a_secret};
pub use self::rules::{Rules, RulesError};
pub use self::stream::{RedactingReader, Stream};

/// What was taken out: how often, by the id of the rule; `known` for values that the host named.
pub type Removed = BTreeMap<String, u32>;

/// The number of the forms that are built in: another one whenever they find something else than before.
const FORMS: &[u8] = b"4";

/// A text without the secrets that were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redacted {
    /// What may be stored.
    pub bytes: Vec<u8>,
    /// What was taken out.
    pub removed: Removed,
}

/// What is done with e-mail addresses and with names of people.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Personal {
    /// They stay.
    #[default]
    Keep,
    /// They are taken out: every e-mail address, and the names given to [`RedactorBuilder::people`].
    Mask,
}

/// Finds secrets and takes them out.
pub struct Redactor {
    scanner: Scanner,
    longest_line: usize,
    digest: Digest,
    known: usize,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} known values, {} rules)", self.known, self.scanner.rules.len())
    }
}

impl Redactor {
    /// Knows these values, and all that [`Redactor::builder`] has from the beginning. A value shorter than 4 bytes is too common
    /// to be replaced and is left out.
    ///
    /// # Errors
    /// None in practice, unless there are more values than fit into an automaton: our rules are part of the crate.
    pub fn new(known: impl IntoIterator<Item = String>) -> Result<Self, RulesError> {
        Self::builder().known(known).build()
    }

    /// Our rules, all forms and encodings, words that look random; e-mail addresses and names stay.
    #[must_use]
    pub fn builder() -> RedactorBuilder {
        RedactorBuilder {
            known: Vec::new(),
            rules: None,
            people: Vec::new(),
            personal: Personal::Keep,
            high_entropy: true,
            depth: 4,
            longest_line: 16 << 20,
        }
    }

    /// The text without the secrets that were found, each replaced by `[redacted <id of the rule>]`.
    ///
    /// ```
    /// use pathops_evidence::redact::Redactor;
    ///
    /// let redactor = Redactor::new(["hunter2-long".to_owned()])?;
    /// let redacted = redactor.redact(b"logged in with hunter2-long");
    /// assert_eq!(redacted.bytes, b"logged in with [redacted known]");
    /// assert_eq!(redacted.removed["known"], 1);
    /// # Ok::<(), pathops_evidence::redact::RulesError>(())
    /// ```
    #[must_use]
    pub fn redact(&self, bytes: &[u8]) -> Redacted {
        let (mut stream, mut out) = (self.stream(), Vec::with_capacity(bytes.len()));
        stream.push(bytes, &mut out);
        let removed = stream.finish(&mut out);
        Redacted { bytes: out, removed }
    }

    /// As [`Redactor::redact`], for the end of a text that was cut somewhere before. The first line may be half a secret, and goes;
    /// so does the rest of a private key whose beginning is not there.
    #[must_use]
    pub fn redact_end(&self, bytes: &[u8]) -> Redacted {
        let line_end = memchr::memchr(b'\n', bytes).map_or(bytes.len(), |end| end + 1);
        let whole_lines = bytes.get(line_end..).unwrap_or_default();
        let (mut stream, mut out) = (self.stream(), Vec::with_capacity(whole_lines.len()));
        let rest = stream.end_key(whole_lines, &mut out);
        stream.push(rest, &mut out);
        let removed = stream.finish(&mut out);
        Redacted { bytes: out, removed }
    }

    /// As [`Redactor::redact`], for text.
    #[must_use]
    pub fn redact_text(&self, text: &str) -> String {
        String::from_utf8_lossy(&self.redact(text.as_bytes()).bytes).into_owned()
    }

    /// Takes the secrets out of every text in a JSON document, which itself stays whole, and counts them in `removed`. A name of a
    /// field is such a text, too: what is left of it gets a number where another field has that name by now.
    pub fn redact_json(&self, value: &mut Value, removed: &mut Removed) {
        match value {
            Value::String(text) => {
                if let Some(redacted) = self.redact_counting(text, removed) {
                    *text = redacted;
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.redact_json(item, removed)),
            Value::Object(fields) => {
                fields.values_mut().for_each(|field| self.redact_json(field, removed));
                let named: Vec<_> = fields.keys().map(|name| self.redact_counting(name, removed)).collect();
                if named.iter().any(Option::is_some) {
                    Self::rename(fields, named);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// A text without its secrets, where it has any.
    fn redact_counting(&self, text: &str, removed: &mut Removed) -> Option<String> {
        let redacted = self.redact(text.as_bytes());
        for (rule, count) in &redacted.removed {
            *removed.entry(rule.clone()).or_default() += count;
        }
        (!redacted.removed.is_empty()).then(|| String::from_utf8_lossy(&redacted.bytes).into_owned())
    }

    /// Gives fields other names, in their order; those that have none keep their own.
    fn rename(fields: &mut Map<String, Value>, named: Vec<Option<String>>) {
        let mut taken: BTreeSet<String> =
            fields.keys().zip(&named).filter(|(_, new)| new.is_none()).map(|(own, _)| own.clone()).collect();
        let renamed = std::mem::take(fields).into_iter().zip(named).map(|((own, value), new)| {
            let Some(new) = new else { return (own, value) };
            let mut names = std::iter::once(new.clone()).chain((2_u64..).map(|number| format!("{new} ({number})")));
            let name = names.find(|name| !taken.contains(name)).unwrap_or(new);
            taken.insert(name.clone());
            (name, value)
        });
        *fields = renamed.collect();
    }

    /// For a text that comes in pieces, or is too large to be held in memory.
    #[must_use]
    pub fn stream(&self) -> Stream<&Self> {
        Stream::new(self)
    }

    /// What `reader` reads, without the secrets in it.
    pub fn reader<R: Read>(&self, reader: R) -> RedactingReader<'_, R> {
        RedactingReader::new(self, reader)
    }

    /// Says which rules, forms and options were used, for the record. It depends neither on the values that the host named nor
    /// on the names of people.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The id of what is surely a secret in the text, for gates: a word such as `password =` alone, which code is full of, is
    /// none.
    #[must_use]
    pub fn finds_token(&self, bytes: &[u8]) -> Option<&str> {
        let sure = self.scanner.text(bytes).into_iter().map(|span| span.label).filter(|label| label.is_sure());
        sure.min().map(|label: Label| label.id(&self.scanner.rules))
    }
}

/// Makes a [`Redactor`].
#[derive(Clone)]
pub struct RedactorBuilder {
    known: Vec<String>,
    rules: Option<Rules>,
    people: Vec<String>,
    personal: Personal,
    high_entropy: bool,
    depth: u8,
    longest_line: usize,
}

impl std::fmt::Debug for RedactorBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RedactorBuilder({} known values)", self.known.len())
    }
}

impl RedactorBuilder {
    /// Values that are secret, wherever they stand. Of one with several lines, each line is. Those with fewer than 4 bytes are
    /// too common and are left out.
    #[must_use]
    pub fn known(mut self, values: impl IntoIterator<Item = String>) -> Self {
        self.known.extend(values);
        self
    }

    /// These rules instead of ours. The forms that are built in stay.
    #[must_use]
    pub fn rules(mut self, rules: Rules) -> Self {
        self.rules = Some(rules);
        self
    }

    /// What is done with e-mail addresses and names. They stay where nothing is said.
    #[must_use]
    pub fn personal(mut self, personal: Personal) -> Self {
        self.personal = personal;
        self
    }

    /// Names of people, for [`Personal::Mask`]. They are found as whole words, in any case; those with fewer than 3 bytes are
    /// left out.
    #[must_use]
    pub fn people(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.people.extend(names);
        self
    }

    /// Whether words that look random are taken out. They are where nothing is said.
    #[must_use]
    pub fn high_entropy(mut self, on: bool) -> Self {
        self.high_entropy = on;
        self
    }

    /// How many encodings around each other are looked through: 4 where nothing is said; 0 for none.
    #[must_use]
    pub fn depth(mut self, depth: u8) -> Self {
        self.depth = depth;
        self
    }

    /// The bytes of the longest line that is looked at, 16 MiB where nothing is said, and 64 at least. A longer one is taken out
    /// as a whole, and so is one that placeholders make longer. It bounds how much of a text a [`Stream`] holds.
    #[must_use]
    pub fn longest_line(mut self, bytes: usize) -> Self {
        self.longest_line = bytes.max(64);
        self
    }

    /// The redactor.
    ///
    /// # Errors
    /// There are more values or names than fit into an automaton.
    pub fn build(self) -> Result<Redactor, RulesError> {
        let rules = self.rules.clone().map_or_else(Rules::ours, Ok)?;
        let digest = Digest::of(&self.canonical(&rules));
        let masked = self.personal == Personal::Mask;
        let scanner = Scanner {
            rules,
            known: known::values(&self.known)?,
            people: if masked { known::names(&self.people)? } else { None },
            emails: masked,
            high_entropy: self.high_entropy,
            depth: self.depth,
        };
        Ok(Redactor { scanner, longest_line: self.longest_line, digest, known: self.known.len() })
    }

    fn canonical(&self, rules: &Rules) -> Vec<u8> {
        let mut out = Vec::new();
        field(&mut out, "forms", FORMS);
        field(&mut out, "personal", if self.personal == Personal::Mask { b"mask" } else { b"keep" });
        field(&mut out, "high entropy", self.high_entropy.to_string().as_bytes());
        field(&mut out, "depth", self.depth.to_string().as_bytes());
        field(&mut out, "longest line", self.longest_line.to_string().as_bytes());
        out.extend_from_slice(rules.canonical());
        out
    }
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
        check("postgres://app:s3cr3t@db/x", "postgres://app:[redacted url-password]@db/x", "url-password");
        check("DB_PASSWORD=swordfish next", "DB_PASSWORD=[redacted assignment] next", "assignment");
        check(r#"password: "two words" x"#, r#"password: "[redacted assignment]" x"#, "assignment");
        let json = r#"{"authorization": "Bearer abc.def"}"#;
        check(json, r#"{"authorization": "Bearer [redacted authorization]"}"#, "authorization");
        check("redis://:s3cr3t@host", "redis://:[redacted url-password]@host", "url-password");
        check(
            "-----BEGIN EC PRIVATE KEY-----\nabc\n-----END EC PRIVATE KEY-----\nrest",
            "[redacted private-key]\nrest",
            "private-key",
        );
        check("-----BEGIN PRIVATE KEY-----\ncut off", "[redacted private-key]", "private-key");
        check("mysql -uroot -pswordfish -h db", "mysql -uroot -p[redacted basic-auth] -h db", "basic-auth");
        check("sshpass -p 'swordfish' ssh -p 2222 db", "sshpass -p '[redacted basic-auth]' ssh -p 2222 db", "basic-auth");
    }

    #[test]
    fn what_was_taken_out_is_not_taken_out_again() {
        let once = redactor().redact(b"token=abcdefgh and AKIAABCDEFGHIJKLMNOP");
        assert_eq!(redactor().redact(&once.bytes).bytes, once.bytes);
    }

    #[test]
    fn ordinary_output_stays_as_it_is() {
        let text = "test checkout ... ok\n3 passed; took 0.2s\nmkdir -p mysql/data; mysql -P 3306 -p3306:3306 -p\n\u{fffd}";
        let redacted = redactor().redact(text.as_bytes());
        assert_eq!((redacted.bytes.as_slice(), redacted.removed.len()), (text.as_bytes(), 0));
        let binary = [0_u8, 255, 10, 128];
        assert_eq!(redactor().redact(&binary).bytes, binary);
    }

    #[test]
    fn our_rules_are_read_and_each_of_them_compiles() {
        let rules = Rules::ours().unwrap();
        rules.check().unwrap();
        assert!(rules.len() > 40, "{}", rules.len());
    }

    #[test]
    fn the_digest_is_that_of_rules_and_options_and_not_of_secrets() {
        let digest = |builder: RedactorBuilder| builder.build().unwrap().digest().hex();
        let ours = digest(Redactor::builder());
        assert_eq!(digest(Redactor::builder().known(["swordfish".to_owned()]).people(["Ann".to_owned()])), ours);
        let none = || Rules::from_toml("").unwrap();
        let other = [
            digest(Redactor::builder().depth(3)),
            digest(Redactor::builder().high_entropy(false)),
            digest(Redactor::builder().longest_line(1_000)),
            digest(Redactor::builder().personal(Personal::Mask)),
            digest(Redactor::builder().rules(none())),
        ];
        assert!(!other.contains(&ours));
        assert_eq!(digest(Redactor::builder().rules(none())), other[4]);
    }
}
