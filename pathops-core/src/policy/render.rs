//! Decisions as people read them. The same decision gives the same text.

use std::fmt::Write as _;

use crate::id::RequirementId;
use crate::policy::{Decision, Overridden, Remaining, RequirementResult, Severity, Stage, Step, Verdict};

impl Decision {
    /// One sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let Self { unit, environment, .. } = self;
        let blocking: Vec<_> = self.blocking().map(|requirement| requirement.id.as_str()).collect();
        match (self.verdict, self.stage) {
            _ if self.is_granted() && self.overridden.is_some() => {
                format!("{unit} may go to {environment}, although it does not pass: the glass was broken")
            }
            (Verdict::Pass, Stage::Final) => format!("{unit} may go to {environment}"),
            (Verdict::Pass, Stage::First) => format!("{unit} may go to {environment} once its pull request is approved"),
            (Verdict::Unknown, _) => format!("{unit} may not go to {environment} yet: {}", blocking.join(", ")),
            (Verdict::Fail, _) => format!("{unit} may not go to {environment}: {}", blocking.join(", ")),
        }
    }

    /// For a terminal: a line for the verdict and one for each requirement.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n", self.summary());
        self.requirements.iter().for_each(|requirement| text.push_str(&block(requirement)));
        for note in self.notes() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {}", line(&note));
        }
        text
    }

    /// For a pull request: a heading, a table of the requirements, and what to do.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text =
            format!("### {}\n\n| | requirement | why it is asked for | how it stands |\n|---|---|---|---|\n", self.summary());
        for requirement in &self.requirements {
            let mark = mark(requirement);
            let stands: Vec<_> =
                std::iter::once(requirement.because.clone()).chain(advice(requirement)).map(|text| cell(&text)).collect();
            let (reason, stands) = (cell(&requirement.reason), stands.join("<br>"));
            let _ = writeln!(text, "| {mark} | `{}` | {reason} | {stands} |", requirement.id);
        }
        for note in self.notes() {
            let _ = writeln!(text, "\n{}", cell(&note));
        }
        let _ =
            write!(text, "\nDecided for {} under policy `{}`, facts `{}`.\n", self.at, self.policy.short(), self.facts.short());
        text
    }

    /// What is to be said about the whole: what remains, and who broke the glass.
    fn notes(&self) -> impl Iterator<Item = String> {
        self.overridden.as_ref().map(Overridden::to_line).into_iter().chain(self.remaining.as_ref().map(Remaining::to_line))
    }
}

impl Overridden {
    fn to_line(&self) -> String {
        let by: Vec<_> = self.by.iter().map(|(who, reason)| format!("{who} ({reason})")).collect();
        format!("glass broken until {} by {}", self.until, by.join(" and "))
    }
}

impl Remaining {
    fn to_line(&self) -> String {
        let step = |step: &Step| match &step.from {
            Some(from) => format!("{} from {from}", step.what),
            None => step.what.clone(),
        };
        let mut parts: Vec<_> = self.steps.iter().map(step).collect();
        parts.extend(self.not_before.map(|at| format!("that it is {at}")));
        let least = if self.is_smallest { "at least" } else { "enough, though less may be:" };
        let ways = match self.without_a_way.as_slice() {
            [] => String::new(),
            none => format!("; nothing is known that would help with {}", list(none)),
        };
        match parts.as_slice() {
            [] if self.without_a_way.is_empty() => "newer evidence would do".to_owned(),
            [] => format!("nothing is known that would help with {}", list(&self.without_a_way)),
            parts => format!("it takes {least} {}{ways}", parts.join(", and ")),
        }
    }
}

fn list(ids: &[RequirementId]) -> String {
    ids.iter().map(RequirementId::as_str).collect::<Vec<_>>().join(", ")
}

/// The lines of one requirement on a terminal.
pub(super) fn block(requirement: &RequirementResult) -> String {
    let mut text = format!("  {:<7} {:<24} {}\n", mark(requirement), requirement.id, line(&requirement.because));
    for advice in advice(requirement) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:<7} {:<24} {}", "", "", line(&advice));
    }
    text
}

fn mark(requirement: &RequirementResult) -> &'static str {
    match (requirement.verdict, requirement.severity) {
        _ if requirement.deferred => "later",
        (Verdict::Pass, _) => "pass",
        (_, Severity::Advisory) => "advice",
        (Verdict::Unknown, _) => "unknown",
        (Verdict::Fail, _) => "FAIL",
    }
}

fn advice(requirement: &RequirementResult) -> impl Iterator<Item = String> {
    let missing = requirement.all_missing().map(|missing| match missing.from.as_slice() {
        [] => format!("needs {}", missing.what),
        from if missing.count > 1 => format!("needs {}, from {} of {}", missing.what, missing.count, from.join(", ")),
        from => format!("needs {}, from {}", missing.what, from.join(" or ")),
    });
    let earliest = requirement.earliest.map(|at| format!("could pass from {at}"));
    let breakable = requirement.breakable && requirement.verdict != Verdict::Pass;
    let breakable = breakable.then(|| "people may break the glass for it".to_owned());
    missing.chain(earliest).chain(breakable)
}

/// Text that came from outside stays on its line: no line break, no terminal control, nothing that reorders what is read.
pub(super) fn line(text: &str) -> String {
    let unseen =
        |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.replace(unseen, " ")
}

/// Text that came from outside stays in its table cell and is text there: what Markdown or HTML would read as markup is
/// written as a character reference, which neither takes for structure.
fn cell(text: &str) -> String {
    let mut cell = String::with_capacity(text.len());
    for c in line(text).chars() {
        match c {
            '&' | '<' | '>' | '|' | '\\' | '`' | '*' | '_' | '~' | '[' | ']' => {
                // Writing to a String cannot fail.
                let _ = write!(cell, "&#{};", u32::from(c));
            }
            _ => cell.push(c),
        }
    }
    cell
}
