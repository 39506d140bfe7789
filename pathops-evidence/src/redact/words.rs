//! The words that something begins with: one automaton looks for all of them at once.

use std::collections::BTreeMap;

use super::structure::Structure;

/// What is looked for where a word was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    Rule(u16),
    Structure(Structure),
}

#[derive(Default)]
pub(super) struct Words {
    words: BTreeMap<String, Vec<Trigger>>,
    /// Rules without a word.
    pub(super) always: Vec<u16>,
}

impl Words {
    /// The keywords of a rule. One without keywords looks at every line.
    pub(super) fn rule(&mut self, number: u16, keywords: &[String]) {
        let keywords: Vec<_> = keywords.iter().filter(|keyword| !keyword.is_empty()).collect();
        if keywords.is_empty() {
            self.always.push(number);
        }
        for keyword in keywords {
            self.add(keyword, Trigger::Rule(number));
        }
    }

    fn add(&mut self, word: &str, trigger: Trigger) {
        let triggers = self.words.entry(word.to_ascii_lowercase()).or_default();
        if !triggers.contains(&trigger) {
            triggers.push(trigger);
        }
    }

    /// All words, with those of the forms that are built in.
    pub(super) fn with_structures(&self) -> BTreeMap<String, Vec<Trigger>> {
        let mut all = Self { words: self.words.clone(), always: Vec::new() };
        for (word, structure) in Structure::words() {
            all.add(word, Trigger::Structure(structure));
        }
        all.words
    }
}
