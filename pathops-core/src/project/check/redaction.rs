//! What of people is taken out of payloads: what is wrong with a policy of it, and what a change of it lets stay.

use super::Notes;
use crate::project::load::Node;
use crate::project::{PersonalData, RedactionPolicy};

/// The shortest name that is looked for, in bytes: shorter ones are in every text.
const SHORTEST: usize = 3;

/// Names are there to be taken out, and long enough to be found.
pub(crate) fn redaction(notes: &mut Notes<'_>, spec: &Node, policy: &RedactionPolicy) {
    let line = spec.entry("names").map_or(spec.line, |entry| entry.line);
    if policy.personal == PersonalData::Keep && !policy.names.is_empty() {
        notes.note(line, "names are listed, and they stay", "write `personal: mask`, or take the names out");
    }
    for name in policy.names.iter().filter(|name| name.trim().len() < SHORTEST) {
        let what = format!("`{name}` is too short to be looked for");
        notes.note(line, what, format!("write a name of {SHORTEST} bytes at least"));
    }
}

/// What stays after a change that was taken out before it, in words; where nothing was said before, it was the host's matter.
pub(crate) fn loosened_redaction(was: Option<&RedactionPolicy>, is: Option<&RedactionPolicy>) -> Vec<String> {
    if was.is_none() && is.is_some_and(|is| is.personal == PersonalData::Keep) {
        return vec!["e-mail addresses and names of people stay, whatever the host says".to_owned()];
    }
    let Some(was) = was.filter(|was| was.personal == PersonalData::Mask) else { return Vec::new() };
    match is.filter(|is| is.personal == PersonalData::Mask) {
        None => vec!["e-mail addresses and names of people are not taken out any more".to_owned()],
        Some(is) => was.names.difference(&is.names).map(|name| format!("`{name}` is not taken out any more")).collect(),
    }
}
