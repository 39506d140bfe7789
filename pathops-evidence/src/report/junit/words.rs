//! What the names of elements and the words in attributes say of a test.

use crate::report::content::Outcome;
use crate::report::xml::Element;

/// What a suite and a test have of their own, in which no test stands: `property` as old tools write it in a test, and attachments as
/// Azure and Jenkins read them.
const DETAILS: [&str; 6] = ["properties", "property", "system-out", "system-err", "attachments", "attachment"];

/// Elements in a suite that tell of a failure, beside those that are a failure or an error by their name.
const FAILURES: [&str; 14] = [
    "fail",
    "failed",
    "timeout",
    "aborted",
    "crash",
    "crashed",
    "interrupted",
    "exception",
    "fatal",
    "broken",
    "canceled",
    "cancelled",
    "inconclusive",
    "warning",
];

pub(super) fn is_detail(name: &str) -> bool {
    DETAILS.iter().any(|detail| detail.eq_ignore_ascii_case(name))
}

/// Whether an element of this name tells of a failure.
pub(super) fn tells_failure(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.ends_with("failure") || name.ends_with("error") || FAILURES.contains(&name.as_str())
}

/// What an element of this name in a test says of it; `None` where it is not known, which is no success.
pub(super) fn of_element(name: &str) -> Option<Outcome> {
    match name.to_ascii_lowercase().as_str() {
        "flakyfailure" | "flakyerror" => Some(Outcome::Flaky),
        // A rerun that is no flake is one that did not help.
        lower if tells_failure(lower) => Some(Outcome::Failed),
        lower if is_detail(lower) => Some(Outcome::Passed),
        lower => known(lower),
    }
}

/// What the attributes of a test or a suite say. A word that is not known is no success.
pub(super) fn stated(element: &Element) -> Outcome {
    let outcomes = element.attributes.iter().map(|(key, word)| {
        let word = word.trim().to_ascii_lowercase();
        match key.to_ascii_lowercase().as_str() {
            "status" | "result" if !word.is_empty() => known(&word).unwrap_or(Outcome::Failed),
            "success" if !matches!(word.as_str(), "" | "true") => Outcome::Failed,
            "executed" if word == "false" => Outcome::Skipped,
            _ => Outcome::Passed,
        }
    });
    outcomes.max().unwrap_or(Outcome::Passed)
}

/// A word for a test that ran well, or that did not run.
fn known(word: &str) -> Option<Outcome> {
    match word {
        "run" | "completed" | "ok" | "pass" | "passed" | "success" | "successful" | "succeeded" => Some(Outcome::Passed),
        "notrun" | "notexecuted" | "disabled" | "suppressed" | "skip" | "skipped" | "ignored" | "pending" => {
            Some(Outcome::Skipped)
        }
        _ => None,
    }
}
