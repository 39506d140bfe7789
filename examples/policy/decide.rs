//! One decision.

use std::path::Path;

use pathops_core::RequirementId;
use pathops_core::policy::{DecisionRecord, HypotheticalFacts, Policy, evaluate as decide, explain as explanation};
use serde::Serialize;

use crate::arguments::Over;
use crate::input::{Unusable, facts, policy};
use crate::{Answer, BLOCKED, HOLDS};

fn read(over: &Over) -> Result<(Policy, HypotheticalFacts), Unusable> {
    let policy = policy(&over.policy)?;
    let facts = facts(&over.facts, &policy)?;
    Ok((policy, facts.into()))
}

/// Decides, and keeps what it was made of where that is wanted.
pub(crate) fn evaluate(over: &Over, as_json: bool, record: Option<&Path>) -> Result<Answer, Unusable> {
    let (policy, facts) = read(over)?;
    let decision = decide(&policy, &facts, over.at);
    if let Some(path) = record {
        let text = json(&DecisionRecord::new(&policy, &facts, decision.clone()))?;
        let wrong = |error| Unusable::new(format!("{} cannot be written: {error}", path.display()));
        std::fs::write(path, text).map_err(wrong)?;
    }
    let text = if as_json { json(&decision)? } else { decision.to_text() };
    Ok(Answer { text, code: if decision.is_granted() { HOLDS } else { BLOCKED } })
}

/// Explains one requirement.
pub(crate) fn explain(over: &Over, requirement: &RequirementId) -> Result<Answer, Unusable> {
    let (policy, facts) = read(over)?;
    if let Some(explanation) = explanation(&policy, &facts, over.at, requirement) {
        return Ok(Answer { text: explanation.to_text(), code: HOLDS });
    }
    let decision = decide(&policy, &facts, over.at);
    let names: Vec<_> = decision.requirements.iter().map(|it| it.id.as_str()).collect();
    let unit = &decision.unit;
    Err(Unusable::new(format!("nothing called `{requirement}` is asked of {unit} here, but {}", names.join(", "))))
}

fn json(value: &impl Serialize) -> Result<String, Unusable> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| text + "\n").map_err(|error| Unusable::new(format!("the answer cannot be written: {error}")))
}
