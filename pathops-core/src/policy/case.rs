//! Tests of a policy: facts, and what has to be decided over them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{RepoPath, RequirementId};
use crate::policy::render::{block, line};
use crate::policy::{Decision, Facts, HypotheticalFacts, Policy, Verdict, evaluate};
use crate::time::UnixMillis;

/// The cases of one document.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyTest {
    /// Where they are written.
    pub file: RepoPath,
    /// The cases.
    pub cases: Vec<PolicyCase>,
}

/// Facts, and what a policy has to decide over them.
#[derive(Clone, Debug, PartialEq)]
pub struct PolicyCase {
    /// What it shows.
    pub name: String,
    /// The facts.
    pub facts: Facts,
    /// The instant.
    pub at: UnixMillis,
    /// What has to come of it.
    pub expect: Expected,
}

/// What has to be decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Expected {
    /// The verdict of the whole.
    pub verdict: Verdict,
    /// Whether a grant would follow; not looked at where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granted: Option<bool>,
    /// Whether people got past what stood in the way; not looked at where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overridden: Option<bool>,
    /// How requirements have to stand; others are not looked at.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requirements: BTreeMap<RequirementId, ExpectedRequirement>,
    /// Requirements that must not be asked for at all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub not_asked: BTreeSet<RequirementId>,
}

/// How a requirement has to stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExpectedRequirement {
    /// Its verdict.
    pub verdict: Verdict,
    /// A text that its reason must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseResult {
    /// The case.
    pub name: String,
    /// What was decided.
    pub decision: Decision,
    /// What is not as it was expected; nothing where the case passes.
    pub differences: Vec<CaseDifference>,
}

/// Something that is not as a case expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaseDifference {
    /// The requirement; `None`: the decision as a whole.
    pub requirement: Option<RequirementId>,
    /// What was expected.
    pub expected: String,
    /// What came.
    pub got: String,
}

impl CaseResult {
    /// Whether everything is as it was expected.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.differences.is_empty()
    }
}

/// A line for a case that passes; for one that fails also what was expected, what came, and how those requirements stand
/// or, where it is the whole that differs, what stands in the way. The same result gives the same text.
impl fmt::Display for CaseResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = line(&self.name);
        if self.passes() {
            return write!(f, "pass    {name}");
        }
        write!(f, "FAIL    {name}")?;
        for difference in &self.differences {
            write!(f, "\n  {difference}")?;
        }
        for requirement in &self.decision.requirements {
            let differs = |it: &CaseDifference| match &it.requirement {
                Some(id) => *id == requirement.id,
                None => requirement.counts() && requirement.verdict != Verdict::Pass,
            };
            if self.differences.iter().any(differs) {
                write!(f, "\n  {}", block(requirement).trim_end().replace('\n', "\n  "))?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for CaseDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = self.requirement.as_ref().map_or("the decision", RequirementId::as_str);
        write!(f, "{of}: expected {}, got {}", line(&self.expected), line(&self.got))
    }
}

/// Runs cases, each by itself: the result at a place is that of the case there. Pure, as [`evaluate`] is.
///
/// ```
/// # use pathops_core::policy::{Policy, PolicyCase, run_cases};
/// # fn check(policy: &Policy, cases: &[PolicyCase]) {
/// for failed in run_cases(policy, cases).iter().filter(|result| !result.passes()) {
///     println!("{failed}");
/// }
/// # }
/// ```
#[must_use]
pub fn run_cases(policy: &Policy, cases: &[PolicyCase]) -> Vec<CaseResult> {
    let run = |case: &PolicyCase| {
        let decision = evaluate(policy, &HypotheticalFacts::from(case.facts.clone()), case.at);
        CaseResult { name: case.name.clone(), differences: differences(&case.expect, &decision), decision }
    };
    cases.iter().map(run).collect()
}

fn differences(expect: &Expected, decision: &Decision) -> Vec<CaseDifference> {
    let mut found = Vec::new();
    let mut compare = |requirement: Option<&RequirementId>, expected: String, got: String| {
        if expected != got {
            found.push(CaseDifference { requirement: requirement.cloned(), expected, got });
        }
    };
    compare(None, expect.verdict.to_string(), decision.verdict.to_string());
    let yes_or_no = |yes: bool, what: &str| if yes { what.to_owned() } else { format!("not {what}") };
    for (expected, is, what) in
        [(expect.granted, decision.is_granted(), "granted"), (expect.overridden, decision.overridden.is_some(), "overridden")]
    {
        if let Some(expected) = expected {
            compare(None, yes_or_no(expected, what), yes_or_no(is, what));
        }
    }
    let result = |id: &RequirementId| decision.requirements.iter().find(|it| it.id == *id);
    let not_asked = || "that it is not asked for".to_owned();
    for (id, expected) in &expect.requirements {
        match result(id) {
            None => compare(Some(id), expected.verdict.to_string(), not_asked()),
            Some(result) => {
                compare(Some(id), expected.verdict.to_string(), result.verdict.to_string());
                if let Some(text) = expected.because.as_ref().filter(|text| !result.because.contains(*text)) {
                    compare(Some(id), format!("a reason with \"{text}\""), format!("\"{}\"", result.because));
                }
            }
        }
    }
    for id in &expect.not_asked {
        if let Some(result) = result(id) {
            compare(Some(id), not_asked(), result.verdict.to_string());
        }
    }
    found
}
