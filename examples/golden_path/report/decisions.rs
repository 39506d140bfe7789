//! The decisions: all of them at a glance, and each with its requirements, reasons and evidence.

use std::collections::BTreeMap;

use pathops_coordinator::change_set::{Decided, State};
use pathops_core::UnitId;
use pathops_core::evidence::EvidenceId;
use pathops_core::policy::{self, Missing, RequirementResult, Severity, Stage, Verdict};
use serde::Serialize;

use super::page::{Digest, digest};
use super::words::{Instant, Mark, instant, mark};

#[derive(Serialize)]
pub(super) struct Decisions {
    overview: Overview,
    each: Vec<Decision>,
}

/// Requirements by units, from the newest decision of each.
#[derive(Serialize)]
struct Overview {
    units: Vec<String>,
    rows: Vec<OverviewRow>,
}

#[derive(Serialize)]
struct OverviewRow {
    requirement: String,
    /// `None` where the unit was not asked for it.
    marks: Vec<Option<Mark>>,
}

#[derive(Serialize)]
struct Decision {
    unit: String,
    summary: String,
    stage: &'static str,
    mark: Mark,
    /// Whether it is the newest of its unit.
    newest: bool,
    met: usize,
    counted: usize,
    at: Instant,
    policy: Digest,
    facts: Digest,
    overridden: Option<Overridden>,
    remaining: Option<Remaining>,
    requirements: Vec<Requirement>,
}

/// How people got past what stood in the way.
#[derive(Serialize)]
struct Overridden {
    by: Vec<Breaker>,
    requirements: Vec<String>,
    until: Instant,
}

#[derive(Serialize)]
struct Breaker {
    who: String,
    reason: String,
}

/// What would let it pass.
#[derive(Serialize)]
struct Remaining {
    steps: Vec<String>,
    not_before: Option<Instant>,
    /// Whether that is all that is known to be needed, and no less.
    least: Option<&'static str>,
    without_a_way: Vec<String>,
}

#[derive(Serialize)]
struct Requirement {
    id: String,
    reason: String,
    mark: Mark,
    because: String,
    missing: Vec<String>,
    earliest: Option<Instant>,
    /// Whether people may get past it in an emergency.
    breakable: bool,
    evidence: Vec<Cited>,
}

#[derive(Serialize)]
struct Cited {
    name: String,
    id: Digest,
}

/// `order` is the deploy order.
pub(super) fn decisions(state: &State, order: &[UnitId]) -> Decisions {
    let names: BTreeMap<EvidenceId, &str> = state.evidence().map(|record| (record.id, record.name.as_str())).collect();
    let progress = || order.iter().filter_map(|unit| state.units.get(unit));
    let newest: Vec<&Decided> = progress().filter_map(|progress| progress.last.as_ref().or(progress.first.as_ref())).collect();
    let each = progress().flat_map(|progress| {
        let first = progress.first.as_ref().map(|decided| decision(decided, progress.last.is_none(), &names));
        progress.last.as_ref().map(|decided| decision(decided, true, &names)).into_iter().chain(first)
    });
    Decisions { overview: overview(&newest), each: each.collect() }
}

fn overview(decisions: &[&Decided]) -> Overview {
    let mut requirements: Vec<String> = Vec::new();
    for requirement in decisions.iter().flat_map(|decided| &decided.decision.requirements) {
        if !requirements.iter().any(|known| known == requirement.id.as_str()) {
            requirements.push(requirement.id.to_string());
        }
    }
    let of = |decided: &Decided, requirement: &str| {
        decided.decision.requirements.iter().find(|result| result.id.as_str() == requirement).map(result_mark)
    };
    let row = |requirement: String| OverviewRow {
        marks: decisions.iter().map(|decided| of(decided, &requirement)).collect(),
        requirement,
    };
    Overview {
        units: decisions.iter().map(|decided| decided.decision.unit.to_string()).collect(),
        rows: requirements.into_iter().map(row).collect(),
    }
}

fn decision(decided: &Decided, newest: bool, names: &BTreeMap<EvidenceId, &str>) -> Decision {
    let decision = &decided.decision;
    let counted = decision.requirements.iter().filter(|requirement| requirement.counts()).count();
    Decision {
        unit: decision.unit.to_string(),
        summary: decision.summary(),
        stage: match decision.stage {
            Stage::First => "First decision, before the production pull request",
            Stage::Final => "Final decision, on the head of the production pull request",
        },
        mark: mark(decision.verdict),
        newest,
        met: counted - decision.blocking().count(),
        counted,
        at: instant(decision.at),
        policy: digest(&decision.policy),
        facts: digest(&decision.facts),
        overridden: decision.overridden.as_ref().map(overridden),
        remaining: decision.remaining.as_ref().map(remaining),
        requirements: decision.requirements.iter().map(|result| requirement(result, names)).collect(),
    }
}

fn requirement(result: &RequirementResult, names: &BTreeMap<EvidenceId, &str>) -> Requirement {
    let cited =
        |id: &EvidenceId| Cited { name: names.get(id).map_or_else(|| id.0.short(), ToString::to_string), id: digest(&id.0) };
    Requirement {
        id: result.id.to_string(),
        reason: result.reason.clone(),
        mark: result_mark(result),
        because: result.because.clone(),
        missing: result.all_missing().map(missing).collect(),
        earliest: result.earliest.map(instant),
        breakable: result.breakable && result.verdict != Verdict::Pass,
        evidence: result.evidence.iter().map(cited).collect(),
    }
}

fn result_mark(result: &RequirementResult) -> Mark {
    match (result.severity, mark(result.verdict)) {
        _ if result.deferred => Mark::Later,
        (Severity::Advisory, Mark::Fail | Mark::Unknown) => Mark::Advice,
        (_, mark) => mark,
    }
}

/// What is missing, and who could supply it.
fn missing(missing: &Missing) -> String {
    match missing.from.as_slice() {
        [] => missing.what.clone(),
        from if missing.count > 1 => format!("{}, from {} of {}", missing.what, missing.count, from.join(", ")),
        from => format!("{}, from {}", missing.what, from.join(" or ")),
    }
}

fn overridden(overridden: &policy::Overridden) -> Overridden {
    Overridden {
        by: overridden.by.iter().map(|(who, reason)| Breaker { who: who.to_string(), reason: reason.clone() }).collect(),
        requirements: overridden.requirements.iter().map(ToString::to_string).collect(),
        until: instant(overridden.until),
    }
}

fn remaining(remaining: &policy::Remaining) -> Remaining {
    let step = |step: &policy::Step| match &step.from {
        Some(from) => format!("{}, from {from}", step.what),
        None => step.what.clone(),
    };
    let least = match (remaining.steps.len(), remaining.is_smallest) {
        (0, _) => None,
        (_, true) => Some("Nothing less would do."),
        (_, false) => Some("This is enough. Whether less would do was not worked out."),
    };
    Remaining {
        steps: remaining.steps.iter().map(step).collect(),
        not_before: remaining.not_before.map(instant),
        least: least.filter(|_| remaining.without_a_way.is_empty()),
        without_a_way: remaining.without_a_way.iter().map(ToString::to_string).collect(),
    }
}
