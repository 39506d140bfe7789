//! As much of Go as the samples of gitleaks are written in: texts, lists of them, and calls of a few functions.

use std::collections::{BTreeMap, BTreeSet};

use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

/// What an expression is.
#[derive(Clone, Debug)]
pub(crate) enum Said {
    Text(String),
    List(Vec<String>),
}

impl Said {
    fn text(self) -> Option<String> {
        if let Said::Text(text) = self { Some(text) } else { None }
    }

    fn list(self) -> Vec<String> {
        match self {
            Said::Text(text) => vec![text],
            Said::List(list) => list,
        }
    }
}

/// Reads expressions.
pub(crate) struct Go<'s> {
    rest: &'s str,
    pub(crate) variables: BTreeMap<String, Said>,
    runner: TestRunner,
}

impl<'s> Go<'s> {
    pub(crate) fn new() -> Self {
        Self { rest: "", variables: BTreeMap::new(), runner: TestRunner::deterministic() }
    }

    /// Carries out the assignments in the body of a function, and names those that say what is not known here.
    pub(crate) fn carry_out(&mut self, body: &'s str) -> Vec<&'s str> {
        let (mut unknown, mut rest) = (Vec::new(), body);
        while let Some(place) = [":= ", "= "].iter().filter_map(|sign| rest.find(sign).map(|at| (at, sign.len()))).min() {
            let name = rest[..place.0].trim_end().rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            let starts_line = rest[..place.0]
                .trim_end()
                .strip_suffix(name)
                .is_some_and(|before| before.trim_end_matches([' ', '\t']).ends_with('\n'));
            rest = &rest[place.0 + place.1..];
            if !starts_line || name.is_empty() {
                continue;
            }
            self.rest = rest;
            match self.expression() {
                Some(said) => {
                    rest = self.rest;
                    self.variables.insert(name.to_owned(), said);
                }
                None if ["tps", "fps"].contains(&name) => unknown.push(name),
                None => {}
            }
        }
        unknown
    }

    fn space(&mut self) {
        loop {
            self.rest = self.rest.trim_start();
            match self.rest.strip_prefix("//") {
                Some(comment) => self.rest = comment.split_once('\n').map_or("", |it| it.1),
                None => return,
            }
        }
    }

    fn takes(&mut self, sign: &str) -> bool {
        self.space();
        let after = self.rest.strip_prefix(sign);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn expression(&mut self) -> Option<Said> {
        let mut said = self.term()?;
        while self.takes("+") {
            said = Said::Text(said.text()? + &self.term()?.text()?);
        }
        Some(said)
    }

    fn term(&mut self) -> Option<Said> {
        self.space();
        if let Some(rest) = self.rest.strip_prefix('`') {
            let (text, rest) = rest.split_once('`')?;
            self.rest = rest;
            return Some(Said::Text(text.to_owned()));
        }
        if self.rest.starts_with('"') {
            let mut values = serde_json::Deserializer::from_str(self.rest).into_iter::<String>();
            let text = values.next()?.ok()?;
            self.rest = &self.rest[values.byte_offset()..];
            return Some(Said::Text(text));
        }
        if self.takes("[]string{") {
            return self.items("}").map(Said::List);
        }
        if self.takes("map[string]string{") {
            return None;
        }
        let end = self.rest.find(|c: char| !(c.is_alphanumeric() || c == '.' || c == '_')).unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        match self.takes("(") {
            true => {
                let arguments = self.items(")")?;
                self.call(name, &arguments)
            }
            false => self.variables.get(name).cloned(),
        }
    }

    /// What stands between commas, up to the end; a list among it with all that it holds.
    fn items(&mut self, end: &str) -> Option<Vec<String>> {
        let mut items = Vec::new();
        while !self.takes(end) {
            items.extend(self.expression()?.list());
            self.takes("...");
            self.takes(",");
        }
        Some(items)
    }

    fn call(&mut self, name: &str, arguments: &[String]) -> Option<Said> {
        let class = |class: &str| Some(Said::Text(format!("[{class}]{{{}}}", arguments.first()?)));
        match (name, arguments) {
            ("utils.Numeric", _) => class("0-9"),
            ("utils.Hex", _) => class("a-f0-9"),
            ("utils.AlphaNumeric", _) => class("a-z0-9"),
            ("utils.AlphaNumericExtendedShort", _) => class("a-z0-9_-"),
            ("utils.AlphaNumericExtended", _) => class(r"a-z0-9=_\-"),
            ("utils.AlphaNumericExtendedLong", _) => class(r"a-z0-9/=_\+\-"),
            ("utils.Hex8_4_4_4_12", []) => {
                Some(Said::Text("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}".to_owned()))
            }
            ("secrets.NewSecret", [pattern]) => {
                // In Go these are of ASCII.
                let pattern = pattern.replace(r"\w", "[0-9A-Za-z_]").replace(r"\d", "[0-9]");
                let texts = proptest::string::string_regex(&pattern).ok()?;
                let drawn = (0..16).filter_map(|_| Some(texts.new_tree(&mut self.runner).ok()?.current()));
                // A rule asks for much entropy: of several the one with the most different characters.
                drawn.max_by_key(|text| text.chars().collect::<BTreeSet<_>>().len()).map(Said::Text)
            }
            ("strings.ToUpper", [text]) => Some(Said::Text(text.to_uppercase())),
            ("fmt.Sprintf", [form, values @ ..]) if form.matches('%').count() == values.len() => {
                Some(Said::Text(values.iter().fold(form.clone(), |text, value| text.replacen("%s", value, 1))))
            }
            ("utils.GenerateSampleSecret", [name, secret]) => Some(Said::Text(format!("{name}_api_token = \"{secret}\""))),
            ("utils.GenerateSampleSecrets", [name, secret]) => Some(Said::List(samples(name, secret))),
            ("append", _) => Some(Said::List(arguments.to_vec())),
            _ => None,
        }
    }
}

/// A secret where programs and their settings have one, as far as it is in one line.
fn samples(name: &str, secret: &str) -> Vec<String> {
    let upper = name.to_uppercase();
    vec![
        format!("{name}Token=\"{secret}\""),
        format!("{name}Token = {secret}"),
        format!("\"{name}_token\": \"{secret}\""),
        format!("{{\"config.ini\": \"{upper}_TOKEN={secret}\\nBACKUP_ENABLED=true\"}}"),
        format!("{name}_token: '{secret}'"),
        format!("string {name}Token = \"{secret}\";"),
        format!("var {name}Token string = \"{secret}\""),
        format!("{name}Token := `{secret}`"),
        format!("System.setProperty(\"{upper}_TOKEN\", \"{secret}\")"),
        format!("  \"{name}Token\" => \"{secret}\""),
        format!("{name}_TOKEN ?= \"{secret}\""),
    ]
}
