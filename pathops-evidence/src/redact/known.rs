//! Values and names that the host gives.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::rules::RulesError;

/// A value that is shorter is too common.
const SHORTEST_VALUE: usize = 4;
const SHORTEST_NAME: usize = 3;
/// A line of a value over several lines that is shorter may stand anywhere.
const SHORTEST_LINE: usize = 8;
/// A longer value makes a word that is decoded anyway.
const SHORT: usize = 12;

/// Looks for each value, and for what a short one is in base64 and hexadecimal.
pub(super) fn values(values: &[String]) -> Result<Option<AhoCorasick>, RulesError> {
    let mut forms: Vec<Vec<u8>> = values.iter().flat_map(|value| lines(value)).flat_map(encoded).collect();
    forms.sort_unstable();
    forms.dedup();
    automaton(&forms, false)
}

/// Looks for each name.
pub(super) fn names(names: &[String]) -> Result<Option<AhoCorasick>, RulesError> {
    let names = names.iter().map(|name| name.trim()).filter(|name| name.len() >= SHORTEST_NAME);
    automaton(&names.map(|name| name.as_bytes().to_vec()).collect::<Vec<_>>(), true)
}

fn automaton(forms: &[Vec<u8>], any_case: bool) -> Result<Option<AhoCorasick>, RulesError> {
    let build = || AhoCorasickBuilder::new().ascii_case_insensitive(any_case).build(forms);
    (!forms.is_empty()).then(build).transpose().map_err(|error| RulesError::Words(error.into()))
}

/// The value; of several lines those that say something, since a text is looked at line by line.
fn lines(value: &str) -> Vec<&str> {
    let value = value.trim_matches(['\r', '\n']);
    if value.contains('\n') {
        let lines = value.lines().map(str::trim).filter(|line| line.len() >= SHORTEST_LINE && !line.starts_with("-----"));
        return lines.collect();
    }
    if value.len() >= SHORTEST_VALUE { vec![value] } else { Vec::new() }
}

fn encoded(value: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![value.as_bytes().to_vec()];
    if value.len() < SHORT {
        let hex: String = value.bytes().map(|byte| format!("{byte:02x}")).collect();
        let base64 = STANDARD_NO_PAD.encode(value);
        forms.extend([hex.to_uppercase(), hex, base64.replace('+', "-").replace('/', "_"), base64].map(String::into_bytes));
    }
    forms
}
