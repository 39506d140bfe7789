//! What a decision takes from memory does not grow with the history of what it is about.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;

use allocation_counter::{AllocationInfo, measure};
use pathops_core::evidence::EvidenceId;
use pathops_core::policy::{
    Condition, ConditionAnswer, ConditionError, ConditionLanguage, DecisionRecord, HypotheticalFacts, Languages, Policy, Summary,
    evaluate,
};
use pathops_core::{Digest, UnixMillis};
use serde_json::json;

const RECORD: &str = include_str!("fixtures/record-of-evaluator-0.json");

/// Conditions that hold where anything was told.
#[derive(Debug)]
struct Told;

impl ConditionLanguage for Told {
    fn name(&self) -> &'static str {
        "told"
    }

    fn version(&self) -> String {
        "1".to_owned()
    }

    fn compile(&self, _: &str) -> Result<Arc<dyn Condition>, ConditionError> {
        Ok(Arc::new(Told))
    }
}

impl Condition for Told {
    fn evaluate(&self, summary: &Summary) -> Result<ConditionAnswer, ConditionError> {
        Ok(ConditionAnswer { holds: summary.evidence.total > 0, reasons: Vec::new() })
    }
}

/// One requirement of each kind that looks at evidence, and so many conditions.
fn policy(conditions: usize) -> Policy {
    let accept = json!({"maxAgeSeconds": 864_000});
    let kinds = [
        json!({"tests": {"run": "build", "suite": "unit", "minPassed": 1, "accept": accept}}),
        json!({"findings": {"max": {"critical": 0}, "accept": accept}}),
        json!({"deployment": {"accept": accept}}),
        json!({"health": {"settledSeconds": 1, "accept": accept}}),
        json!({"soak": {"seconds": 1, "maxGapSeconds": 60, "accept": accept}}),
        json!({"sbom": {"formats": ["spdx"], "accept": accept}}),
        json!({"signal": {"name": "load", "environment": "preflight", "max": 1.0, "accept": accept}}),
        json!({"contracts": {"accept": accept}}),
        json!({"policy": {"accept": accept}}),
    ];
    let condition = || json!({"condition": {"language": "told", "text": "x"}});
    let all = kinds.into_iter().chain(std::iter::repeat_with(condition).take(conditions)).enumerate();
    let all: Vec<_> = all.map(|(number, asks)| json!({"id": format!("it-{number}"), "reason": "why", "asks": asks})).collect();
    let layer = serde_json::from_value(json!({"requirements": all})).unwrap();
    Policy::new(vec![layer], &Languages::none().with(Arc::new(Told))).unwrap()
}

/// The facts of a promotion, and so many pieces more of what is there, each older than the one before.
fn history(record: &DecisionRecord, more: u32) -> HypotheticalFacts {
    let mut facts = record.facts.clone();
    let pieces = facts.evidence.clone();
    facts.evidence.extend(pieces.iter().cycle().zip(0..more).map(|(piece, number)| {
        let mut piece = piece.clone();
        piece.id = EvidenceId(Digest::of(&number.to_be_bytes()));
        piece.at = UnixMillis(piece.at.0 - 1 - i64::from(number));
        piece
    }));
    facts.into()
}

fn taken(policy: &Policy, known: &HypotheticalFacts, at: UnixMillis) -> AllocationInfo {
    measure(|| drop(evaluate(policy, known, at)))
}

#[test]
fn a_decision_allocates_as_much_for_a_short_history_as_for_a_long_one() {
    let record: DecisionRecord = serde_json::from_str(RECORD).unwrap();
    let (policy, at) = (policy(2), record.decision.at);
    let [few, many] = [100, 100_000].map(|more| taken(&policy, &history(&record, more), at));
    assert!(few.count_total > 0, "it counts");
    assert_eq!(many.count_total, few.count_total, "{many:?} for many, {few:?} for few");
    // Numbers of pieces, written out, are longer.
    assert!(many.bytes_total <= few.bytes_total + 64, "{many:?} for many, {few:?} for few");
}

/// What conditions are told is put together once, however many there are.
#[test]
fn a_condition_more_costs_no_summary_more() {
    let record: DecisionRecord = serde_json::from_str(RECORD).unwrap();
    let known = history(&record, 100);
    let of = |conditions| taken(&policy(conditions), &known, record.decision.at).count_total;
    let (first, fifth) = (of(1) - of(0), of(5) - of(4));
    assert!(fifth < first, "{first} for the first, {fifth} for the fifth");
}
