//! Why a requirement stands as it does.

use std::fmt::Write as _;

use crate::evidence::EvidenceId;
use crate::id::RequirementId;
use crate::policy::evaluate::{Case, answers, counts, hold};
use crate::policy::layer::INTEGRITY;
use crate::policy::render::{block, line};
use crate::policy::{EvidenceFact, Known, LayerName, Policy, Requirement, RequirementResult};
use crate::time::UnixMillis;

/// A requirement, where it comes from, how it stands, and what became of every piece of evidence.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// Whose rule it is.
    pub layer: LayerName,
    /// The rule, as it was written; `None` for what every policy has and no layer writes.
    pub requirement: Option<Requirement>,
    /// How it stands.
    pub result: RequirementResult,
    /// Evidence that was looked at, oldest first, and why it decided or did not.
    pub evidence: Vec<(EvidenceId, UnixMillis, &'static str)>,
}

/// Explains how a requirement stands, one that every policy has (`covered`, `evidence-integrity`, `tested-combination`) too;
/// `None` where there is none of that name for this unit and change.
#[must_use]
pub fn explain(policy: &Policy, known: &Known, at: UnixMillis, id: &RequirementId) -> Option<Explanation> {
    let case = Case::new(policy, known, at);
    let Some((layer, requirement, result)) = hold(&case, id) else {
        let result = case.of_every_policy().into_iter().find(|result| result.id == *id)?;
        return Some(Explanation { layer: LayerName::BuiltIn, requirement: None, evidence: signed(known, &result), result });
    };
    let evidence = match requirement.asks.accept() {
        None => Vec::new(),
        Some(_) => {
            let told = |fact: &EvidenceFact| (fact.id, fact.at, became(&case, requirement, &result, fact));
            known.facts().evidence.iter().map(told).collect()
        }
    };
    Some(Explanation { layer: layer.clone(), requirement: Some(requirement.clone()), result, evidence })
}

/// The pieces that were let in, for the requirement that is about all of them. What was not is told in its reason.
fn signed(known: &Known, result: &RequirementResult) -> Vec<(EvidenceId, UnixMillis, &'static str)> {
    let all = known.facts().evidence.iter().filter(|_| result.id.as_str() == INTEGRITY);
    all.map(|fact| (fact.id, fact.at, "it is signed by a trusted key")).collect()
}

fn became(case: &Case<'_>, requirement: &Requirement, result: &RequirementResult, fact: &EvidenceFact) -> &'static str {
    let accept = requirement.asks.accept();
    if result.evidence.contains(&fact.id) {
        return "it decided";
    }
    if answers(case, &requirement.asks, fact) {
        return match accept {
            Some(accept) if counts(accept, fact) => "a newer word, or a worse one of the same instant, stands in its place",
            Some(accept) if accept.in_ledger && !fact.in_ledger => "it is not in the ledger",
            _ => "its producer's word does not count here",
        };
    }
    if case.is_about_this(fact) { "it says something else than what is asked for" } else { "it is about something else" }
}

impl Explanation {
    /// For a terminal. The same explanation gives the same text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { layer, result, evidence, .. } = self;
        let mut text = format!("{}: {} ({})\n", result.id, line(&result.reason), layer);
        text.push_str(&block(result));
        for (id, at, became) in evidence {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {} of {at}: {became}", id.0.short());
        }
        text
    }
}
