//! Rules in gitleaks' format: reading them, and finding what they describe in a line.

use std::sync::{Arc, OnceLock};

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton as _, StateID};
use aho_corasick::dfa::{Builder, DFA};
use serde::Deserialize;

use super::allow::{Allow, RawAllow};
use super::canonical::field;
use super::rule::Rule;
use super::span::Span;
use super::words::{Trigger, Words};

/// The longest id of a rule, in bytes.
pub(super) const LONGEST_ID: usize = 64;

/// A set of rules in gitleaks' format.
///
/// [`Rules::ours`] come with this crate; [`Rules::from_toml`] reads a file, such as the one that gitleaks has built in. They are
/// used as gitleaks uses them, with these differences, which come from reading a stream line by line instead of a file:
///
/// * a keyword and the secret stand in the same line, and a match does not go past its end;
/// * a stream has no path and no commit: a rule with `path` and `regex` holds everywhere, one with `path` alone is left out,
///   and an allowlist of paths or commits allows nothing;
/// * a rule with `required` holds by itself, and one with `skipReport`, which is only there for others, is left out.
///
/// ```
/// use pathops_evidence::redact::{Redactor, Rules};
///
/// let rules = Rules::from_toml(
///     r#"
///     [[rules]]
///     id = "shop-ticket"
///     regex = '''\bshop-ticket-([0-9a-f]{16})\b'''
///     keywords = ["shop-ticket-"]
///     "#,
/// )?;
/// let redactor = Redactor::builder().rules(rules).build()?;
/// let text = redactor.redact_text("paid with shop-ticket-00ff00ff00ff00ff");
/// assert_eq!(text, "paid with shop-ticket-[redacted shop-ticket]");
/// # Ok::<(), pathops_evidence::redact::RulesError>(())
/// ```
#[derive(Clone)]
pub struct Rules(Arc<Compiled>);

struct Compiled {
    rules: Vec<Rule>,
    /// Rules without a keyword: they look at every line.
    always: Vec<u16>,
    allow: Vec<Allow>,
    automaton: DFA,
    /// What each pattern of the automaton is the beginning of.
    triggers: Vec<Vec<Trigger>>,
    canonical: Vec<u8>,
}

/// Why rules cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RulesError {
    /// The text is not TOML, or not of gitleaks' form.
    #[error("the rules are not TOML of gitleaks' form")]
    Toml(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The file takes over rules from another one, which is not at hand.
    #[error("the rules extend other rules: give them as a whole")]
    Extends,
    /// A rule cannot be used.
    #[error("rule `{id}` cannot be used: {why}")]
    Rule {
        /// The id of the rule, or what stands for it.
        id: String,
        /// What is wrong with it.
        why: String,
    },
    /// The words to look for do not fit into an automaton.
    #[error("there are too many words to look for")]
    Words(#[source] Box<dyn std::error::Error + Send + Sync>),
}

#[derive(Deserialize)]
struct RawRules {
    extend: Option<toml::Table>,
    #[serde(default)]
    rules: Vec<RawRule>,
    allowlist: Option<RawAllow>,
    #[serde(default)]
    allowlists: Vec<RawAllow>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRule {
    id: String,
    regex: Option<String>,
    #[serde(default)]
    secret_group: usize,
    #[serde(default)]
    entropy: f64,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    skip_report: bool,
    allowlist: Option<RawAllow>,
    #[serde(default)]
    allowlists: Vec<RawAllow>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Rules({})", self.len())
    }
}

impl Rules {
    /// The rules that come with this crate: tokens and keys of well-known services.
    ///
    /// # Errors
    /// None in practice: the file is part of the crate, and a test reads it and compiles every rule.
    pub fn ours() -> Result<Self, RulesError> {
        static OURS: OnceLock<Rules> = OnceLock::new();
        if let Some(ours) = OURS.get() {
            return Ok(ours.clone());
        }
        let ours = Self::read(include_str!("rules.toml"))?;
        Ok(OURS.get_or_init(|| ours).clone())
    }

    /// Reads rules in gitleaks' format.
    ///
    /// # Errors
    /// The text is no TOML of that form, extends another file, or has a rule that cannot be used as it stands. A rule that
    /// does not compile is an error, never a gap in the net.
    pub fn from_toml(text: &str) -> Result<Self, RulesError> {
        let rules = Self::read(text)?;
        rules.check()?;
        Ok(rules)
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.rules.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.rules.is_empty()
    }

    /// The ids of the rules, in their order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.rules.iter().map(|rule| rule.id.as_str())
    }

    /// Compiles every rule.
    pub(super) fn check(&self) -> Result<(), RulesError> {
        self.0.rules.iter().try_for_each(|rule| rule.check().map_err(|why| unusable(&rule.id, why)))
    }

    fn read(text: &str) -> Result<Self, RulesError> {
        let raw: RawRules = toml::from_str(text).map_err(|error| RulesError::Toml(error.into()))?;
        if raw.extend.is_some() {
            return Err(RulesError::Extends);
        }
        let mut words = Words::default();
        let mut rules = Vec::new();
        let mut canonical = Vec::new();
        let used = raw.rules.into_iter().filter(|rule| rule.regex.is_some() && !rule.skip_report);
        for raw in used {
            let number = u16::try_from(rules.len()).map_err(|_| unusable(&raw.id, "there are too many before it".to_owned()))?;
            words.rule(number, &raw.keywords);
            rules.push(rule(raw, &mut canonical)?);
        }
        let mut allow = Vec::new();
        for raw in raw.allowlist.into_iter().chain(raw.allowlists) {
            raw.canonical("everywhere", &mut canonical);
            allow.push(Allow::new(raw).map_err(|why| unusable("allowlist", why))?);
        }
        Self::compile(rules, words, allow, canonical)
    }

    fn compile(rules: Vec<Rule>, words: Words, allow: Vec<Allow>, canonical: Vec<u8>) -> Result<Self, RulesError> {
        let (patterns, triggers): (Vec<_>, Vec<_>) = words.with_structures().into_iter().unzip();
        let automaton = Builder::new().ascii_case_insensitive(true).prefilter(false).build(patterns);
        let automaton = automaton.map_err(|error| RulesError::Words(error.into()))?;
        let always = words.always;
        Ok(Self(Arc::new(Compiled { rules, always, allow, automaton, triggers, canonical })))
    }

    pub(super) fn id(&self, number: u16) -> &str {
        self.0.rules.get(usize::from(number)).map_or("rule", |rule| rule.id.as_str())
    }

    pub(super) fn has(&self, id: &[u8]) -> bool {
        self.0.rules.iter().any(|rule| rule.id.as_bytes() == id)
    }

    /// The same bytes for the same rules, whatever their file looked like.
    pub(super) fn canonical(&self) -> &[u8] {
        &self.0.canonical
    }

    /// The rules that have no keyword.
    pub(super) fn always(&self) -> &[u16] {
        &self.0.always
    }

    /// What a rule finds in this part of a line.
    pub(super) fn find(&self, number: u16, line: &[u8], from: usize, to: usize, spans: &mut Vec<Span>) {
        if let Some(rule) = self.0.rules.get(usize::from(number)) {
            rule.find(number, &self.0.allow, line, from..to, spans);
        }
    }

    /// Shows every word in the line that may be the beginning of something, and where it begins and ends.
    pub(super) fn words(&self, line: &[u8], mut seen: impl FnMut(usize, usize, &[Trigger])) {
        let automaton = &self.0.automaton;
        let Ok(mut state) = automaton.start_state(Anchored::No) else { return };
        let mut position = 0;
        loop {
            let rest = line.get(position..).unwrap_or_default();
            let (next, read) = advance(automaton, state, rest);
            (state, position) = (next, position + read);
            if !automaton.is_match(state) {
                return;
            }
            for number in 0..automaton.match_len(state) {
                let pattern = automaton.match_pattern(state, number);
                let triggers = self.0.triggers.get(pattern.as_usize()).map_or(&[][..], Vec::as_slice);
                seen(position - automaton.pattern_len(pattern), position, triggers);
            }
            if read == rest.len() {
                return;
            }
        }
    }
}

/// Goes on up to the end of the next word, or of the text. Every byte of every text goes through this loop, which is why it is
/// one of its own, with nothing else in it.
#[inline(never)]
fn advance(automaton: &DFA, state: StateID, text: &[u8]) -> (StateID, usize) {
    let mut state = state;
    for (position, byte) in text.iter().enumerate() {
        state = automaton.next_state(Anchored::No, state, *byte);
        if automaton.is_special(state) {
            return (state, position + 1);
        }
    }
    (state, text.len())
}

fn rule(raw: RawRule, canonical: &mut Vec<u8>) -> Result<Rule, RulesError> {
    let ordinary = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if raw.id.is_empty() || raw.id.len() > LONGEST_ID || !raw.id.bytes().all(ordinary) {
        return Err(unusable(&raw.id, "its id must be up to 64 of A-Z a-z 0-9 - _ .".to_owned()));
    }
    let source = raw.regex.unwrap_or_default();
    field(canonical, "rule", raw.id.as_bytes());
    field(canonical, "regex", source.as_bytes());
    field(canonical, "group", raw.secret_group.to_string().as_bytes());
    field(canonical, "entropy", raw.entropy.to_string().as_bytes());
    for keyword in &raw.keywords {
        field(canonical, "keyword", keyword.to_ascii_lowercase().as_bytes());
    }
    let mut allow = Vec::new();
    for raw_allow in raw.allowlist.into_iter().chain(raw.allowlists) {
        raw_allow.canonical("rule", canonical);
        allow.push(Allow::new(raw_allow).map_err(|why| unusable(&raw.id, why))?);
    }
    Ok(Rule::new(raw.id, source, raw.secret_group, raw.entropy, allow))
}

fn unusable(id: &str, why: String) -> RulesError {
    RulesError::Rule { id: id.to_owned(), why }
}
