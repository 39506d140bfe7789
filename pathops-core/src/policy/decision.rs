use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::evidence::EvidenceId;
use crate::id::{ChangeSetId, EnvironmentId, RequirementId, UnitId};
use crate::time::UnixMillis;

/// Whether something holds. Ordered by what wins when several are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It holds.
    Pass,
    /// Nobody knows. It stops a promotion as a failure does, and may become a pass.
    Unknown,
    /// It does not hold.
    Fail,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Pass => "pass",
            Verdict::Unknown => "unknown",
            Verdict::Fail => "fail",
        })
    }
}

/// At which point of a promotion a decision was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Before the production pull request: everything but what is about that pull request.
    First,
    /// For the head of the production pull request: everything.
    Final,
}

/// One requirement and how it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequirementResult {
    /// The requirement.
    pub id: RequirementId,
    /// Why it is asked for.
    pub reason: String,
    /// How it stands.
    pub verdict: Verdict,
    /// It is about the production pull request, which does not exist at the first decision: it does not count then.
    pub deferred: bool,
    /// Why the verdict is what it is.
    pub because: String,
    /// The evidence that decided it.
    pub evidence: Vec<EvidenceId>,
    /// The evidence passed and has become too old, and is of a kind that looking at preflight again gives anew.
    #[serde(default)]
    pub stale: bool,
    /// What is missing, and who could supply it.
    pub missing: Option<Missing>,
    /// The earliest instant at which it could pass if nothing else changes; `None` where time alone does not help.
    pub earliest: Option<UnixMillis>,
}

/// What a requirement still needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// What.
    pub what: String,
    /// Who could supply it: people by name, or a system in words.
    pub from: Vec<String>,
    /// Whether people can supply it at any time, so that waiting makes sense.
    pub by_people: bool,
}

/// Whether a unit may be promoted, and why. The same policy, facts and instant give the same decision, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// The version of this form.
    pub format: u32,
    /// The change set.
    pub change_set: ChangeSetId,
    /// The app or component.
    pub unit: UnitId,
    /// Where it would go.
    pub environment: EnvironmentId,
    /// At which point.
    pub stage: Stage,
    /// The greatest verdict of the requirements that count.
    pub verdict: Verdict,
    /// The instant it was made for.
    #[serde(with = "crate::time::rfc3339")]
    pub at: UnixMillis,
    /// The policy.
    pub policy: Digest,
    /// The facts.
    pub facts: Digest,
    /// Every requirement.
    pub requirements: Vec<RequirementResult>,
    /// All evidence that went in.
    pub inputs: Vec<EvidenceId>,
}

impl Decision {
    /// The requirements that stand in the way.
    pub fn blocking(&self) -> impl Iterator<Item = &RequirementResult> {
        self.requirements.iter().filter(|requirement| !requirement.deferred && requirement.verdict != Verdict::Pass)
    }

    /// Whether everything that stands in the way may be settled by time or by people, so that waiting makes sense.
    #[must_use]
    pub fn can_wait(&self) -> bool {
        let people = |requirement: &RequirementResult| requirement.missing.as_ref().is_some_and(|missing| missing.by_people);
        self.blocking().all(|requirement| requirement.earliest.is_some() || people(requirement))
    }

    /// Whether newer evidence, time and people are all that stands in the way.
    #[must_use]
    pub fn needs_newer_evidence(&self) -> bool {
        let people = |requirement: &RequirementResult| requirement.missing.as_ref().is_some_and(|missing| missing.by_people);
        let passing =
            |requirement: &RequirementResult| requirement.stale || requirement.earliest.is_some() || people(requirement);
        self.blocking().any(|requirement| requirement.stale) && self.blocking().all(passing)
    }

    /// One sentence.
    #[must_use]
    pub fn summary(&self) -> String {
        let Self { unit, environment, .. } = self;
        let blocking: Vec<_> = self.blocking().map(|requirement| requirement.id.as_str()).collect();
        match (self.verdict, self.stage) {
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
        for requirement in &self.requirements {
            let mark = if requirement.deferred { "later" } else { mark(requirement.verdict) };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {mark:<7} {:<24} {}", requirement.id, line(&requirement.because));
            for advice in advice(requirement) {
                let _ = writeln!(text, "  {:<7} {:<24} {}", "", "", line(&advice));
            }
        }
        text
    }

    /// For a pull request: a heading, a table of the requirements, and what to do.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let mut text =
            format!("### {}\n\n| | requirement | why it is asked for | how it stands |\n|---|---|---|---|\n", self.summary());
        for requirement in &self.requirements {
            let mark = if requirement.deferred { "later" } else { mark(requirement.verdict) };
            let stands: Vec<_> =
                std::iter::once(requirement.because.clone()).chain(advice(requirement)).map(|text| cell(&text)).collect();
            let (reason, stands) = (cell(&requirement.reason), stands.join("<br>"));
            let _ = writeln!(text, "| {mark} | `{}` | {reason} | {stands} |", requirement.id);
        }
        let _ =
            write!(text, "\nDecided for {} under policy `{}`, facts `{}`.\n", self.at, self.policy.short(), self.facts.short());
        text
    }
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Unknown => "unknown",
        Verdict::Fail => "FAIL",
    }
}

fn advice(requirement: &RequirementResult) -> impl Iterator<Item = String> {
    let missing = requirement.missing.as_ref().map(|missing| match missing.from.as_slice() {
        [] => format!("needs {}", missing.what),
        from => format!("needs {}, from {}", missing.what, from.join(" or ")),
    });
    let earliest = requirement.earliest.map(|at| format!("could pass from {at}"));
    missing.into_iter().chain(earliest)
}

/// Text that came from outside stays on its line: no line break, no terminal control, nothing that reorders what is read.
fn line(text: &str) -> String {
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
