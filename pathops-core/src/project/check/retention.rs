//! How long payloads are kept: what is wrong with a policy of it, and what a change of it keeps less long.

use std::collections::BTreeSet;

use super::{Notes, mean};
use crate::evidence::{PayloadKind, RetentionPolicy};
use crate::project::load::Node;

/// What a retention policy names is there, and a hold says why, is on something, and is not released at once.
pub(crate) fn retention(notes: &mut Notes<'_>, spec: &Node, policy: &RetentionPolicy) {
    let classes = || policy.classes.keys().map(String::as_str);
    let line = |path: &[&str]| {
        let mut line = spec.line;
        let mut node = Some(spec);
        for key in path {
            let entry = node.and_then(|node| node.entry(key));
            line = entry.map_or(line, |entry| entry.line);
            node = entry.map(|entry| &entry.value);
        }
        line
    };
    for (name, class) in &policy.classes {
        if class.days == 0 {
            notes.note(line(&["classes", name]), format!("`{name}` keeps nothing"), "keep it for a day at least");
        }
    }
    for (part, class) in &policy.parts {
        if !policy.classes.contains_key(class) {
            let what = format!("`{part}` is of the class `{class}`, and there is no such class");
            notes.note(line(&["parts", &part.to_string()]), what, mean(class, classes()));
        }
    }
    for (name, hold) in &policy.holds {
        let line = line(&["holds", name]);
        if hold.reason.trim().is_empty() {
            notes.note(line, format!("the hold `{name}` has no reason"), "say why nothing of it may go");
        }
        if hold.classes.is_empty() && hold.blobs.is_empty() {
            notes.note(line, format!("the hold `{name}` is on nothing"), "name `classes` or `blobs`");
        }
        for class in hold.classes.iter().filter(|class| !policy.classes.contains_key(*class)) {
            let what = format!("the hold `{name}` is on the class `{class}`, and there is no such class");
            notes.note(line, what, mean(class, classes()));
        }
        if policy.released.contains(name) {
            let what = format!("the hold `{name}` stands and is released");
            notes.note(line, what, "take it out of `holds` or of `released`; a new hold has a new name");
        }
    }
}

/// What is kept less long after a change than before it, in words. What was signed before keeps its time; a hold that is gone
/// lets go what it was on.
pub(crate) fn loosened_retention(was: Option<&RetentionPolicy>, is: Option<&RetentionPolicy>) -> Vec<String> {
    let none = RetentionPolicy::default();
    let (was, is) = (was.unwrap_or(&none), is.unwrap_or(&none));
    let days = |policy: &RetentionPolicy, part: &PayloadKind| Some(policy.classes.get(policy.parts.get(part)?)?.days);
    let mut told = Vec::new();
    for (name, class) in &was.classes {
        let now = is.classes.get(name).map(|now| now.days);
        if let Some(now) = now.filter(|now| *now < class.days) {
            told.push(format!("the class `{name}` keeps for {now} days instead of {}", class.days));
        }
    }
    for (name, class) in is.classes.iter().filter(|(_, class)| class.erasable) {
        if was.classes.get(name).is_some_and(|was| !was.erasable) {
            told.push(format!("what is collected for the class `{name}` can be erased before its {} days are over", class.days));
        }
    }
    for part in is.parts.keys() {
        match (days(was, part), days(is, part)) {
            (None, Some(now)) => told.push(format!("`{part}` is kept for {now} days instead of for ever")),
            (Some(before), Some(now)) if now < before && was.parts.get(part) != is.parts.get(part) => {
                told.push(format!("`{part}` is kept for {now} days instead of {before}"));
            }
            _ => {}
        }
    }
    for (name, hold) in &was.holds {
        match is.holds.get(name) {
            None => told.push(format!("the hold `{name}` ({}) is not there any more", hold.reason)),
            Some(now) => {
                let classes: Vec<_> = hold.classes.difference(&now.classes).map(|class| format!("the class `{class}`")).collect();
                let blobs = hold.blobs.difference(&now.blobs).map(|blob| format!("the payload {blob}"));
                let gone = classes.into_iter().chain(blobs).map(|what| format!("the hold `{name}` is not on {what} any more"));
                told.extend(gone);
            }
        }
    }
    let released: BTreeSet<_> = is.released.difference(&was.released).collect();
    told.extend(released.into_iter().map(|name| format!("the hold `{name}` is released, on what was signed with it too")));
    told
}
