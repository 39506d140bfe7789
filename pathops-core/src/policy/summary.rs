//! What the facts come to, for conditions.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::policy::evaluate::{Case, Votes};
use crate::policy::{Authoring, EvidenceFact, Facts, Finding, FindingSeverity};
use crate::project::{Role, UnitKind};
use crate::time::UnixMillis;

/// The facts of a promotion, aggregated: what a condition is held against. Counts and truths only, so that a language
/// without loops can use it; of each kind of evidence the newest piece that is about what would be promoted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The app or component.
    pub unit: UnitSummary,
    /// Where it would go.
    pub environment: String,
    /// Whether this is about the production pull request, and not the first decision.
    pub is_final: bool,
    /// The change.
    pub change: ChangeSummary,
    /// The instant, in seconds since 1970-01-01T00:00:00Z.
    pub at_seconds: i64,
    /// Pieces of evidence about it, and how many of them speak against it.
    pub evidence: EvidenceSummary,
    /// Results of tests, by suite.
    pub tests: BTreeMap<String, TestsSummary>,
    /// Of all scanners together.
    pub findings: FindingsSummary,
    /// Parts that the bill of materials lists; 0 where there is none.
    pub sbom_parts: u64,
    /// What ran in preflight.
    pub preflight: PreflightSummary,
    /// Measured values, by name; one that is no number, rests on nothing or on failed measurements is left out.
    pub signals: BTreeMap<String, f64>,
    /// Approvals of the production pull request's head that count, of any role.
    pub approvals: u32,
    /// Incidents that are open for the unit or the project.
    pub incidents: u32,
}

/// The app or component.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitSummary {
    /// Its name.
    pub id: String,
    /// Whether it is an app; else it is a component.
    pub is_app: bool,
    /// Its class; empty where it has none.
    pub class: String,
    /// `prototype`, `path-ready` or `production`.
    pub lifecycle: String,
    /// Who answers for it.
    pub owner: String,
}

/// The change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeSummary {
    /// Whether nobody saw it being made.
    pub is_opaque: bool,
    /// Whether an agent has a part in it.
    pub by_agents: bool,
    /// How many have a part in it.
    pub authors: u32,
    /// Whether it goes back to what was there before.
    pub is_way_back: bool,
}

/// Pieces of evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceSummary {
    /// How many there are.
    pub total: u32,
    /// How many speak against a promotion.
    pub bad: u32,
    /// How many envelopes prove nothing.
    pub rejected: u32,
}

/// The newest result of a suite.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TestsSummary {
    /// How many passed.
    pub passed: u32,
    /// How many failed.
    pub failed: u32,
    /// How many were skipped.
    pub skipped: u32,
    /// How many passed only when they were run again.
    pub flaky: u32,
    /// How old it is.
    pub age_seconds: i64,
}

/// What scanners found. Where none has reported, each number is the greatest that there is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingsSummary {
    /// How many scanners have reported.
    pub scanners: u32,
    /// Critical ones, and those of unknown severity.
    pub critical: u32,
    /// High ones.
    pub high: u32,
    /// Medium ones.
    pub medium: u32,
    /// Low ones.
    pub low: u32,
}

/// What ran in preflight.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PreflightSummary {
    /// Whether exactly what would be promoted was live there.
    pub was_ready: bool,
    /// For how long it was healthy without a gap.
    pub healthy_seconds: u64,
}

impl Summary {
    pub(super) fn new(case: &Case<'_>) -> Self {
        let (facts, readings) = (case.facts, &case.facts.readings);
        let unit = &readings.unit;
        let mut summary = Self {
            unit: UnitSummary {
                id: unit.id.to_string(),
                is_app: matches!(unit.kind, UnitKind::App { .. }),
                class: unit.class.clone().unwrap_or_default(),
                lifecycle: unit.lifecycle.to_string(),
                owner: unit.owner.to_string(),
            },
            environment: readings.environment.to_string(),
            is_final: readings.proposal.is_some(),
            change: ChangeSummary {
                is_opaque: readings.authoring == Authoring::Opaque,
                by_agents: readings.by_agents(),
                authors: count(readings.authors.len()),
                is_way_back: readings.way_back,
            },
            at_seconds: case.at.0.div_euclid(1_000),
            evidence: EvidenceSummary { rejected: count(facts.rejected.len()), ..EvidenceSummary::default() },
            approvals: approvals(case),
            incidents: count(case.incidents().count()),
            ..Self::default()
        };
        summary.take_evidence(case, facts);
        summary
    }

    /// The facts are sorted by time: what comes later stands in place of what came before.
    fn take_evidence(&mut self, case: &Case<'_>, facts: &Facts) {
        let mut scans = BTreeMap::new();
        let known = |fact: &&EvidenceFact| !case.is_from_the_future(fact) && case.is_about_this(fact);
        for fact in facts.evidence.iter().filter(known) {
            self.evidence.total = self.evidence.total.saturating_add(1);
            self.evidence.bad = self.evidence.bad.saturating_add(u32::from(fact.says.is_bad()));
            match &fact.says {
                Finding::Tests { suite, passed, skipped, flaky, failed, .. } => {
                    let (passed, failed, skipped, flaky) = (*passed, *failed, *skipped, *flaky);
                    let tests = TestsSummary { passed, failed, skipped, flaky, age_seconds: age(case.at, fact.at) };
                    let last = self.tests.entry(suite.clone()).or_insert_with(|| tests.clone());
                    // Of two results of one instant the worse one stands.
                    if last.age_seconds != tests.age_seconds || tests.failed >= last.failed {
                        *last = tests;
                    }
                }
                Finding::Deployment { failure } => self.preflight.was_ready = failure.is_none(),
                Finding::Health { healthy, settled_millis } => {
                    self.preflight.healthy_seconds = if *healthy { settled_millis / 1_000 } else { 0 };
                }
                Finding::Vulnerabilities { scanner, found } => drop(scans.insert(scanner, found)),
                Finding::Sbom { parts, .. } => self.sbom_parts = *parts,
                Finding::Signal { name, value, samples, errors } => match value {
                    Some(value) if *samples > 0 && *errors == 0 => drop(self.signals.insert(name.clone(), *value)),
                    _ => drop(self.signals.remove(name)),
                },
                Finding::Contract { .. } | Finding::Verified { .. } | Finding::Stated {} => {}
            }
        }
        self.findings.scanners = count(scans.len());
        if scans.is_empty() {
            // Nobody has looked: there may be any number.
            let any = u32::MAX;
            self.findings = FindingsSummary { scanners: 0, critical: any, high: any, medium: any, low: any };
        }
        for finding in scans.into_values().flatten() {
            let slot = match finding.severity {
                None | Some(FindingSeverity::Critical) => &mut self.findings.critical,
                Some(FindingSeverity::High) => &mut self.findings.high,
                Some(FindingSeverity::Medium) => &mut self.findings.medium,
                Some(FindingSeverity::Low) => &mut self.findings.low,
            };
            *slot = slot.saturating_add(1);
        }
    }
}

fn approvals(case: &Case<'_>) -> u32 {
    let roles = [Role::Owner, Role::Reviewer].into();
    case.facts.readings.proposal.as_ref().map_or(0, |proposal| count(Votes::of(proposal, &roles, case).yes.len()))
}

fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn age(now: UnixMillis, then: UnixMillis) -> i64 {
    now.0.saturating_sub(then.0) / 1_000
}
