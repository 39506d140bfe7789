//! The rule of promotion, written once more from its documentation: slow, plain, and apart from the evaluator.

use pathops_core::adapter::{Review, ReviewState};
use pathops_core::policy::{
    Calendar, Coverage, CoveredKind, EvidenceFact, EvidenceKind, EvidenceRule, Facts, Finding, Policy, Readings, RuleSet,
};
use pathops_core::project::{Role, Unit, UnitKind};
use pathops_core::{CommitId, Principal, UnixMillis};

/// Whether the facts meet the policy.
pub(crate) fn meets(policy: &Policy, facts: &Facts, at: UnixMillis) -> bool {
    let readings = &facts.readings;
    let sets: Vec<_> = policy.production.iter().filter(|set| covers(&set.covers, &readings.unit)).collect();
    let combination = readings.proposal.as_ref().is_none_or(|proposal| proposal.carries_tested);
    !sets.is_empty() && facts.rejected.is_empty() && combination && sets.into_iter().all(|set| meets_set(set, facts, at))
}

fn covers(coverage: &Coverage, unit: &Unit) -> bool {
    let Coverage { kind, classes, units } = coverage;
    let is_app = matches!(unit.kind, UnitKind::App { .. });
    let kind = match kind {
        None => true,
        Some(CoveredKind::App) => is_app,
        Some(CoveredKind::Component) => !is_app,
    };
    let class = match (classes, &unit.class) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(classes), Some(class)) => classes.iter().any(|it| it == class),
    };
    kind && class && units.as_ref().is_none_or(|units| units.iter().any(|it| *it == unit.id))
}

fn meets_set(set: &RuleSet, facts: &Facts, at: UnixMillis) -> bool {
    let RuleSet { covers: _, evidence, approvals, lifecycle, incidents: _, freeze } = set;
    let readings = &facts.readings;
    let approved = readings.proposal.as_ref().is_none_or(|proposal| {
        let roles: Vec<_> = approvals.roles.iter().copied().collect();
        let count = approvers(readings, &proposal.reviews, &proposal.head, &roles);
        readings.strangers.is_empty() && count.is_some_and(|count| count >= approvals.count.get())
    });
    evidence.iter().all(|rule| has_evidence(rule, facts, at))
        && approved
        && lifecycle.allowed.iter().any(|state| *state == readings.unit.lifecycle)
        && (readings.way_back || is_calm(readings) && freeze.iter().all(|window| window.at(at) == Ok(Calendar::Open)))
}

fn is_calm(readings: &Readings) -> bool {
    readings.incidents.iter().all(|incident| incident.unit.as_ref().is_some_and(|unit| *unit != readings.unit.id))
}

/// The newest evidence about this is good, not from the future, and fresh.
fn has_evidence(rule: &EvidenceRule, facts: &Facts, at: UnixMillis) -> bool {
    let about: Vec<_> = facts.evidence.iter().filter(|fact| is_about(&rule.kind, fact, &facts.readings)).collect();
    let Some(newest) = about.iter().map(|fact| fact.at.0).max() else { return false };
    let age = i128::from(at.0) - i128::from(newest);
    let ageless = facts.readings.way_back && matches!(rule.kind, EvidenceKind::BuildTest { .. });
    let fresh = age <= i128::from(rule.max_age_seconds) * 1_000 || ageless;
    age >= -60_000
        && fresh
        && about.iter().filter(|fact| fact.at.0 == newest).all(|fact| is_good(&rule.kind, fact, &facts.readings))
}

fn is_about(kind: &EvidenceKind, fact: &EvidenceFact, readings: &Readings) -> bool {
    let has = |algorithm: &str, value: &str| {
        fact.subjects.iter().any(|subject| subject.digest.iter().any(|(of, digest)| of == algorithm && digest == value))
    };
    let names_none = fact.subjects.iter().all(|subject| !subject.digest.contains_key("sha256"));
    let is_bad = match &fact.says {
        Finding::Tests { failed, .. } => *failed > 0,
        Finding::Deployment { failure } => failure.is_some(),
        Finding::Health { healthy, .. } => !healthy,
    };
    let artifact = match &readings.artifact {
        _ if is_bad && names_none => true,
        Some(digest) => has("sha256", &digest.hex()),
        None => true,
    };
    let right_kind = match (kind, &fact.says) {
        (EvidenceKind::BuildTest { suite, .. } | EvidenceKind::PreflightTest { suite, .. }, Finding::Tests { suite: of, .. }) => {
            suite == of
        }
        (EvidenceKind::PreflightDeployment, Finding::Deployment { .. }) => true,
        (EvidenceKind::PreflightHealth { .. }, Finding::Health { .. }) => true,
        _ => false,
    };
    let right_place = match kind {
        EvidenceKind::BuildTest { .. } => {
            let source = readings.source.as_ref().is_some_and(|source| has("gitTree", source.tree.as_str()));
            fact.environment.is_none() && readings.artifact.is_some() && source
        }
        _ => fact.environment == Some(readings.preflight.clone()) && has("gitTree", readings.tested.tree.as_str()),
    };
    fact.unit == Some(readings.unit.id.clone()) && right_kind && right_place && artifact
}

fn is_good(kind: &EvidenceKind, fact: &EvidenceFact, readings: &Readings) -> bool {
    match (kind, &fact.says) {
        (
            EvidenceKind::BuildTest { min_passed, .. } | EvidenceKind::PreflightTest { min_passed, .. },
            Finding::Tests { passed, failed, pipeline_changed, .. },
        ) => {
            let believed = !pipeline_changed || pipeline_approved(readings);
            *failed == 0 && *passed >= 1 && passed >= min_passed && believed
        }
        (EvidenceKind::PreflightDeployment, Finding::Deployment { failure }) => failure.is_none(),
        (EvidenceKind::PreflightHealth { settled_seconds }, Finding::Health { healthy, settled_millis }) => {
            *healthy && u128::from(*settled_millis) >= u128::from(*settled_seconds) * 1_000
        }
        _ => false,
    }
}

fn pipeline_approved(readings: &Readings) -> bool {
    readings.source_head.as_ref().is_some_and(|head| {
        approvers(readings, &readings.source_reviews, head, &[Role::Owner, Role::Reviewer]).is_some_and(|count| count >= 1)
    })
}

/// How many people approve a head; `None` where one who holds a role asks for changes. The last word of a person counts,
/// and a comment is no word.
fn approvers(readings: &Readings, reviews: &[Review], head: &CommitId, roles: &[Role]) -> Option<u32> {
    let mut count = 0;
    for (person, held) in &readings.people {
        let me = Principal::Human(person.clone());
        let mut words = reviews.iter().filter(|review| review.author == me && review.state != ReviewState::Commented);
        let Some(last) = words.next_back() else { continue };
        if !roles.iter().any(|role| held.contains(role)) {
            continue;
        }
        let involved = readings.authors.iter().any(|author| match author {
            Principal::Human(name) | Principal::Agent { sponsor: name, .. } => name == person,
            Principal::System => false,
        });
        match last.state {
            ReviewState::ChangesRequested => return None,
            ReviewState::Approved if last.commit == *head && !involved => count += 1,
            _ => {}
        }
    }
    Some(count)
}
