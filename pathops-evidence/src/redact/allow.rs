//! Allowlists of gitleaks' format: what a rule finds and is no secret.

use aho_corasick::AhoCorasick;
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

use super::canonical::field;
use super::go::in_our_syntax;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RawAllow {
    #[serde(default)]
    condition: String,
    #[serde(default)]
    paths: Vec<String>,
    #[serde(default)]
    commits: Vec<String>,
    #[serde(default)]
    regex_target: String,
    #[serde(default)]
    regexes: Vec<String>,
    #[serde(default)]
    stopwords: Vec<String>,
    /// Rules that it is for; all, where there is none.
    #[serde(default)]
    target_rules: Vec<String>,
}

impl RawAllow {
    pub(super) fn canonical(&self, of: &str, out: &mut Vec<u8>) {
        field(out, "allow", of.as_bytes());
        field(out, "condition", self.condition.to_ascii_lowercase().as_bytes());
        field(out, "target", self.regex_target.as_bytes());
        let lists = [
            ("path", &self.paths),
            ("commit", &self.commits),
            ("regex", &self.regexes),
            ("stopword", &self.stopwords),
            ("rule", &self.target_rules),
        ];
        for (name, list) in lists {
            list.iter().for_each(|value| field(out, name, value.as_bytes()));
        }
    }
}

enum Target {
    Secret,
    Match,
    Line,
}

/// Says of what was found whether it is none.
pub(super) struct Allow {
    regexes: Vec<Regex>,
    stopwords: Option<AhoCorasick>,
    target: Target,
    all: bool,
    /// It asks for a path or a commit, which a stream has not.
    asks_for_a_place: bool,
    rules: Vec<String>,
}

impl Allow {
    pub(super) fn new(raw: RawAllow) -> Result<Self, String> {
        let all = match raw.condition.to_ascii_uppercase().as_str() {
            "" | "OR" | "||" => false,
            "AND" | "&&" => true,
            _ => return Err(format!("its allowlist has the unknown condition `{}`", raw.condition)),
        };
        let target = match raw.regex_target.as_str() {
            "" | "secret" => Target::Secret,
            "match" => Target::Match,
            "line" => Target::Line,
            other => return Err(format!("its allowlist has the unknown target `{other}`")),
        };
        let words = |words: &[String]| AhoCorasick::builder().ascii_case_insensitive(true).build(words);
        Ok(Self {
            regexes: raw.regexes.iter().map(|source| compile(source)).collect::<Result<_, _>>().map_err(|e| e.to_string())?,
            stopwords: (!raw.stopwords.is_empty()).then(|| words(&raw.stopwords)).transpose().map_err(|e| e.to_string())?,
            target,
            all,
            asks_for_a_place: !raw.paths.is_empty() || !raw.commits.is_empty(),
            rules: raw.target_rules,
        })
    }

    /// Whether this is no secret of that rule.
    pub(super) fn allows(&self, rule: &str, secret: &[u8], matched: &[u8], line: &[u8]) -> bool {
        let text = match self.target {
            Target::Secret => secret,
            Target::Match => matched,
            Target::Line => line,
        };
        let for_it = self.rules.is_empty() || self.rules.iter().any(|id| id == rule);
        let regexes = (!self.regexes.is_empty()).then(|| self.regexes.iter().any(|regex| regex.is_match(text)));
        let stopwords = self.stopwords.as_ref().map(|words| words.is_match(secret));
        let place = self.asks_for_a_place.then_some(false);
        let mut asked = [regexes, stopwords, place].into_iter().flatten().peekable();
        for_it && asked.peek().is_some() && if self.all { asked.all(|yes| yes) } else { asked.any(|yes| yes) }
    }
}

/// Expressions are over bytes, and mean ASCII by letters and digits.
pub(super) fn compile(source: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(&in_our_syntax(source)).unicode(false).size_limit(64 << 20).build()
}
