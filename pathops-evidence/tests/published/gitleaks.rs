//! gitleaks' own samples of each of its rules: texts in which the rule has to find something, and texts in which it may not.

use std::collections::BTreeSet;

use pathops_evidence::redact::{Redactor, Rules};

use super::go::{Go, Said};
use super::*;

/// A rule, and what it has to find and may not find.
struct Samples {
    rule: String,
    positives: Vec<String>,
    negatives: Vec<String>,
}

/// The samples, and of how many rules some are written in a way that is not read here.
fn samples(clone: &Path) -> (Vec<Samples>, usize) {
    let (mut all, mut unknown) = (Vec::new(), 0);
    for file in files(&clone.join("cmd/generate/config/rules"), "go") {
        let text = std::fs::read_to_string(&file).unwrap();
        for body in text.split("\nfunc ").skip(1) {
            let Some((_, rest)) = body.split_once("RuleID:") else { continue };
            let rule = rest.split('"').nth(1).unwrap().to_owned();
            let mut go = Go::new();
            let samples = rest.split("return ").next().unwrap();
            unknown += usize::from(!go.carry_out(samples).is_empty());
            let mut named = |name| match go.variables.remove(name) {
                Some(Said::List(texts)) => texts,
                Some(Said::Text(text)) => vec![text],
                None => Vec::new(),
            };
            all.push(Samples { rule, positives: named("tps"), negatives: named("fps") });
        }
    }
    (all, unknown)
}

/// The file that gitleaks has built in, with one rule of it; `None` for one without a text to look for.
fn alone(built_in: &str, rule: &str) -> Option<Rules> {
    let mut blocks = built_in.split("[[rules]]");
    let head = blocks.next().unwrap();
    let block = blocks.find(|block| block.contains(&format!("\nid = \"{rule}\"\n")))?;
    Rules::from_toml(&format!("{head}[[rules]]{block}")).ok().filter(|rules| !rules.is_empty())
}

/// What came of the samples.
#[derive(Default)]
struct Counts<'s> {
    rules: BTreeSet<&'s str>,
    found: usize,
    missed: Vec<(&'s str, &'s str)>,
    /// Missed, and the secret stands in another line than what names it: we look at each line by itself.
    in_several_lines: usize,
    quiet: usize,
    loud: Vec<(&'s str, &'s str)>,
}

impl<'s> Counts<'s> {
    fn count(&mut self, samples: &'s Samples, finds: impl Fn(&str) -> bool, finds_too_much: impl Fn(&str) -> bool) {
        self.rules.insert(&samples.rule);
        for text in &samples.positives {
            match finds(text) {
                true => self.found += 1,
                false if text.trim().contains('\n') => self.in_several_lines += 1,
                false => self.missed.push((&samples.rule, text)),
            }
        }
        for text in &samples.negatives {
            if finds_too_much(text) { self.loud.push((&samples.rule, text)) } else { self.quiet += 1 }
        }
    }

    fn tell(&self) {
        let Counts { rules, found, missed, in_several_lines, quiet, loud } = self;
        eprintln!(
            "{} rules: {found} positives found, {} missed, {in_several_lines} in several lines missed; \
             {quiet} negatives left alone, {} found",
            rules.len(),
            missed.len(),
            loud.len()
        );
        missed.iter().for_each(|(rule, text)| eprintln!("missed, of {rule}: {text}"));
        loud.iter().for_each(|(rule, text)| eprintln!("found, of {rule}: {text}"));
    }
}

#[test]
fn each_rule_of_gitleaks_finds_what_it_has_to_and_nothing_else() {
    let Some(clone) = clone_of("gitleaks/gitleaks") else { return };
    let built_in = std::fs::read_to_string(clone.join("config/gitleaks.toml")).unwrap();
    let (all, unknown) = samples(&clone);
    let mut counts = Counts::default();
    for samples in &all {
        let Some(rule) = alone(&built_in, &samples.rule) else { continue };
        let redactor = Redactor::builder().rules(rule).high_entropy(false).build().unwrap();
        let finds = |text: &str| redactor.redact_text(text).contains(&format!("[redacted {}]", samples.rule));
        counts.count(samples, finds, finds);
    }
    counts.tell();
    eprintln!("of {unknown} rules some samples are written in a way that is not read here");
    assert!(counts.missed.is_empty() && counts.loud.is_empty(), "see above");
    assert!(
        counts.rules.len() >= 200 && counts.found >= 2_200 && counts.quiet >= 90 && counts.in_several_lines <= 8 && unknown <= 15
    );
}

/// The first word of an id: whose secret it is.
fn service(rule: &str) -> &str {
    rule.split('-').next().unwrap()
}

/// With all that is built in, as whoever embeds this has it: the services are those that our rules know. What looks like a token and
/// is none is taken out more often than by gitleaks, which has to ask somebody to look at each.
#[test]
fn what_is_built_in_finds_what_gitleaks_has_to_of_the_same_services() {
    let Some(clone) = clone_of("gitleaks/gitleaks") else { return };
    let ours = Rules::ours().unwrap();
    let services: BTreeSet<_> = ours.ids().map(service).collect();
    let marks: Vec<_> = ours.ids().map(|id| format!("[redacted {id}]")).collect();
    let redactor = Redactor::builder().build().unwrap();
    let (all, _) = samples(&clone);
    let mut counts = Counts::default();
    for samples in all.iter().filter(|samples| services.contains(service(&samples.rule))) {
        let finds = |text: &str| redactor.redact_text(text) != text;
        let finds_too_much = |text: &str| marks.iter().any(|mark| redactor.redact_text(text).contains(mark));
        counts.count(samples, finds, finds_too_much);
    }
    counts.tell();
    assert!(counts.rules.len() >= 85 && counts.found >= 950 && counts.quiet >= 20, "see above");
    assert!(counts.missed.is_empty() && counts.loud.len() <= 8, "see above");
}
