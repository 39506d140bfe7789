//! What a snapshot is expected to have: what the unit, its environment and the policy ask for, and never what happened to come.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::evidence::Occasion;
use pathops_core::policy::{Ask, EvidenceFact, Finding, Policy};
use pathops_core::project::{EnvironmentKind, EnvironmentTarget, Unit};
use pathops_core::{ContractId, EnvironmentId, JobName, UnitId};

/// The part that CI prints.
pub(super) const CI_LOG: &str = "CI log";
/// The parts of what runs.
pub(super) const SIGNALS: [&str; 3] = ["logs", "events", "metrics"];
/// The part that stands for all that the policy asks for, where the policy cannot be read.
pub(super) const POLICY: &str = "policy";

pub(super) fn unit_tests(unit: &UnitId) -> String {
    format!("{unit} unit tests")
}

/// The raw report of tests, where nothing could be read from it.
pub(super) fn unread_report(unit: &UnitId) -> String {
    format!("{unit} unread test report")
}

pub(super) fn deployment_of(unit: &UnitId, environment: &EnvironmentId) -> String {
    format!("{unit} {environment} deployment")
}

pub(super) fn health_of(unit: &UnitId, environment: &EnvironmentId) -> String {
    format!("{unit} {environment} time of health")
}

pub(super) fn job_of(unit: &UnitId, environment: &EnvironmentId, job: &JobName) -> String {
    format!("{unit} {environment} {job} job")
}

pub(super) fn decision_of(unit: &UnitId, environment: &EnvironmentId) -> String {
    format!("{unit} {environment} decision")
}

pub(super) fn approval_of(unit: &UnitId, environment: &EnvironmentId) -> String {
    format!("{unit} {environment} approval")
}

pub(super) fn release_of(unit: &UnitId, environment: &EnvironmentId) -> String {
    format!("{unit} {environment} release")
}

pub(super) fn incident_of(unit: &UnitId, environment: &EnvironmentId) -> String {
    format!("{unit} {environment} incident")
}

/// What the policy asks for: whether people have to approve, and what is looked for among the evidence of others.
pub(super) struct Asked {
    approvals: bool,
    pub(super) of_others: BTreeMap<String, Ask>,
}

impl Asked {
    /// By this policy, of this unit.
    pub(super) fn by(policy: &Policy, unit: &Unit) -> Self {
        let approvals = policy.requirements(unit).any(|(_, requirement)| matches!(requirement.asks, Ask::Approvals(_)));
        Self { approvals, of_others: of_others(policy, unit) }
    }
}

/// What is looked for among the evidence of others, by the name of the part.
fn of_others(policy: &Policy, unit: &Unit) -> BTreeMap<String, Ask> {
    let asked = policy.requirements(unit).filter(|(_, requirement)| match &requirement.asks {
        Ask::Evidence(_) | Ask::Findings(_) | Ask::Sbom(_) | Ask::Signal(_) => true,
        Ask::Contracts(_) => !unit.provides.is_empty(),
        _ => false,
    });
    asked.map(|(_, requirement)| (format!("{POLICY} {}", requirement.id), requirement.asks.clone())).collect()
}

/// Whether evidence about what is there is what was asked for, by the comparison that a decision makes: of this type, by whom the
/// rule accepts. How old it is and whether it is good is left to the decision.
pub(super) fn answers(asks: &Ask, unit: &UnitId, provides: &BTreeSet<ContractId>, fact: &EvidenceFact) -> bool {
    let Some(accept) = asks.accept() else { return false };
    let from = accept.from.as_ref().is_none_or(|from| !from.is_disjoint(&fact.producers));
    let of_unit = fact.unit.as_ref() == Some(unit);
    let is_it = match (asks, &fact.says) {
        (Ask::Evidence(rule), _) => fact.predicate_type == rule.predicate_type && (of_unit || fact.unit.is_none()),
        (Ask::Findings(_), Finding::Vulnerabilities { .. }) => true,
        (Ask::Sbom(rule), Finding::Sbom { format, .. }) => rule.formats.contains(format),
        (Ask::Contracts(_), Finding::Contract { contract, .. }) => of_unit && provides.contains(contract),
        (Ask::Signal(rule), Finding::Signal { name, .. }) => of_unit && *name == rule.name,
        _ => false,
    };
    is_it && (fact.says.is_bad() || (from && (fact.in_ledger || !accept.in_ledger)))
}

/// Everything that a snapshot of a unit should have. `asked` is what the policy asks for, `None` where it cannot be read.
pub(super) fn expected(
    unit: &Unit,
    target: &EnvironmentTarget,
    occasion: Occasion,
    asked: Option<&Asked>,
    incident: bool,
) -> BTreeSet<String> {
    let environment = &target.environment;
    let mut parts: BTreeSet<String> = SIGNALS.iter().map(|part| (*part).to_owned()).collect();
    parts.extend([deployment_of(&unit.id, environment), health_of(&unit.id, environment)]);
    parts.extend(unit.checks.iter().map(|job| job_of(&unit.id, environment, job)));
    // What is put back was built by another change set.
    if unit.source().is_some() && occasion != Occasion::Recovered {
        parts.extend([CI_LOG.to_owned(), unit_tests(&unit.id)]);
    }
    let let_in = target.kind == EnvironmentKind::Production && occasion != Occasion::Failed;
    if let_in {
        parts.insert(decision_of(&unit.id, environment));
    }
    // What goes back was released before.
    if let_in && occasion == Occasion::Deployed {
        parts.insert(release_of(&unit.id, environment));
    }
    if let_in && asked.is_some_and(|asked| asked.approvals) {
        parts.insert(approval_of(&unit.id, environment));
    }
    if incident {
        parts.insert(incident_of(&unit.id, environment));
    }
    match asked {
        Some(asked) => parts.extend(asked.of_others.keys().cloned()),
        None => drop(parts.insert(POLICY.to_owned())),
    }
    parts
}
