//! What the facts come to, for conditions.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::policy::evaluate::{Case, Votes};
use crate::policy::{Authoring, EvidenceFact, Finding, FindingSeverity, TestRun, Vulnerability};
use crate::project::{Role, UnitKind};
use crate::time::UnixMillis;

/// The facts of a promotion, aggregated: what a condition is held against. Counts and truths only, so that a language
/// without loops can use it.
///
/// Each kind of evidence is taken from what the typed requirement for it looks at, whoever signed it: the newest piece, and of
/// one instant the worse one. Where the newest is dated in the future, it is as if the worst had been said.
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
    /// Results of tests, by suite. Where the suite was run in the build and in preflight, each number is the worse of the two.
    pub tests: BTreeMap<String, TestsSummary>,
    /// Of all scanners together.
    pub findings: FindingsSummary,
    /// Parts that the bill of materials lists; 0 where there is none.
    pub sbom_parts: u64,
    /// What ran in preflight.
    pub preflight: PreflightSummary,
    /// Values that were measured in preflight, by name; left out is what is no number, rests on nothing or on failed measurements,
    /// or was measured twice at one instant with different values.
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

/// Pieces of evidence that are about what would be promoted in any way, in whatever environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EvidenceSummary {
    /// How many there are, less those that are dated in the future.
    pub total: u32,
    /// How many speak against a promotion, whatever their date.
    pub bad: u32,
    /// How many envelopes prove nothing.
    pub rejected: u32,
}

/// The newest result of a suite. Where a pipeline gives it that the change touched, and nobody has approved that, nothing has
/// passed, and each other number is the greatest that there is.
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

/// What scanners found: of each the newest report by each who signs its reports. Where none has reported, or a report is dated
/// in the future, each number is the greatest that there is.
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

/// What ran in preflight: exactly the combination that was tried there.
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
        summary.take_evidence(case);
        summary
    }

    /// What each piece speaks to is what the typed requirement takes it for.
    fn take_evidence(&mut self, case: &Case<'_>) {
        let mut matters = Matters::default();
        for fact in case.known.near(None).rev() {
            if case.is_about_this(fact) {
                let is_known = !case.is_from_the_future(fact);
                self.evidence.total = self.evidence.total.saturating_add(u32::from(is_known));
                self.evidence.bad = self.evidence.bad.saturating_add(u32::from(fact.says.is_bad()));
            }
            matters.take(case, fact);
        }
        let Matters { tests, deployment, health, sbom, signals } = matters;
        for ((suite, _), (_, word)) in tests.0 {
            self.tests.entry(suite.to_owned()).and_modify(|other| *other = other.worst(&word)).or_insert(word);
        }
        self.preflight.was_ready = deployment.only().unwrap_or_default();
        self.preflight.healthy_seconds = health.only().unwrap_or_default();
        self.sbom_parts = sbom.only().unwrap_or_default();
        self.signals = signals.0.into_iter().filter_map(|(name, (_, value))| Some((name.to_owned(), value?))).collect();
        self.findings = FindingsSummary::of(case);
    }
}

/// What the evidence says on each matter.
#[derive(Default)]
struct Matters<'f> {
    tests: Words<(&'f str, bool), TestsSummary>,
    deployment: Words<(), bool>,
    health: Words<(), u64>,
    sbom: Words<(), u64>,
    signals: Words<&'f str, Option<f64>>,
}

impl<'f> Matters<'f> {
    /// Takes the pieces from the newest to the oldest. What is from the future says that nobody knows.
    fn take(&mut self, case: &Case<'_>, fact: &'f EvidenceFact) {
        let (at, is_known) = (fact.at, !case.is_from_the_future(fact));
        match &fact.says {
            Finding::Tests { suite, .. } => {
                for (run, in_build) in [(TestRun::Build, true), (TestRun::Preflight, false)] {
                    if case.is_of_run(run, fact) {
                        let word = || {
                            let word = TestsSummary::of(case, fact).filter(|_| is_known);
                            word.unwrap_or_else(|| TestsSummary::unknown(age(case.at, at)))
                        };
                        self.tests.hear((suite, in_build), at, word, |a, b| a.worst(b));
                    }
                }
            }
            Finding::Deployment { failure } if case.is_of_trial(fact) => {
                self.deployment.hear((), at, || is_known && failure.is_none(), |a, b| *a && *b);
            }
            Finding::Health { healthy, settled_millis } if case.is_of_trial(fact) => {
                let seconds = if is_known && *healthy { settled_millis / 1_000 } else { 0 };
                self.health.hear((), at, || seconds, |a, b| *a.min(b));
            }
            Finding::Sbom { parts, .. } if case.is_of_artifact(fact) => {
                self.sbom.hear((), at, || if is_known { *parts } else { 0 }, |a, b| *a.min(b));
            }
            Finding::Signal { name, value, samples, errors } if case.is_of_trial(fact) => {
                let value = value.filter(|value| is_known && value.is_finite() && *samples > 0 && *errors == 0);
                // Of two values nobody knows which is the worse one.
                self.signals.hear(name, at, || value, |a, b| if a == b { *a } else { None });
            }
            _ => {}
        }
    }
}

/// The newest word on each of several things.
struct Words<K, W>(BTreeMap<K, (UnixMillis, W)>);

impl<K, W> Default for Words<K, W> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord, W> Words<K, W> {
    /// They are heard from the newest to the oldest: what is older than one that was heard is not asked for its word, and of one
    /// instant the worse one stands.
    fn hear(&mut self, of: K, at: UnixMillis, word: impl FnOnce() -> W, worse: impl Fn(&W, &W) -> W) {
        match self.0.get_mut(&of) {
            Some((then, other)) if *then == at => *other = worse(other, &word()),
            Some(_) => {}
            None => drop(self.0.insert(of, (at, word()))),
        }
    }
}

impl<W> Words<(), W> {
    fn only(self) -> Option<W> {
        self.0.into_values().next().map(|(_, word)| word)
    }
}

impl TestsSummary {
    /// `None` where nobody has to believe it: a pipeline says it that the change touched, and that nobody approved.
    fn of(case: &Case<'_>, fact: &EvidenceFact) -> Option<Self> {
        let Finding::Tests { passed, skipped, flaky, failed, pipeline_changed, .. } = &fact.says else { return None };
        let (passed, failed, skipped, flaky) = (*passed, *failed, *skipped, *flaky);
        let tests = Self { passed, failed, skipped, flaky, age_seconds: age(case.at, fact.at) };
        (!pipeline_changed || case.pipeline_is_approved()).then_some(tests)
    }

    fn unknown(age_seconds: i64) -> Self {
        let any = u32::MAX;
        Self { passed: 0, failed: any, skipped: any, flaky: any, age_seconds }
    }

    /// Each number as bad as in one of the two.
    fn worst(&self, other: &Self) -> Self {
        Self {
            passed: self.passed.min(other.passed),
            failed: self.failed.max(other.failed),
            skipped: self.skipped.max(other.skipped),
            flaky: self.flaky.max(other.flaky),
            age_seconds: self.age_seconds.max(other.age_seconds),
        }
    }
}

impl FindingsSummary {
    /// What two say of one scanner counts once, as it does for typed requirements.
    fn of(case: &Case<'_>) -> Self {
        let (mut reports, mut late): (BTreeMap<&str, BTreeSet<&Vulnerability>>, bool) = (BTreeMap::new(), false);
        for (scanner, all) in case.known.reports() {
            let mut all = all.rev().filter(|fact| case.is_of_artifact(fact)).peekable();
            let Some(newest) = all.peek().map(|fact| fact.at) else { continue };
            let of_newest = all.take_while(|fact| fact.at == newest).inspect(|fact| late |= case.is_from_the_future(fact));
            reports.entry(scanner).or_default().extend(of_newest.flat_map(found));
        }
        let scanners = count(reports.len());
        if reports.is_empty() || late {
            // Nobody knows: there may be any number.
            let any = u32::MAX;
            return Self { scanners, critical: any, high: any, medium: any, low: any };
        }
        let mut findings = Self { scanners, ..Self::default() };
        for finding in reports.into_values().flatten() {
            let slot = match finding.severity {
                None | Some(FindingSeverity::Critical) => &mut findings.critical,
                Some(FindingSeverity::High) => &mut findings.high,
                Some(FindingSeverity::Medium) => &mut findings.medium,
                Some(FindingSeverity::Low) => &mut findings.low,
            };
            *slot = slot.saturating_add(1);
        }
        findings
    }
}

fn found(report: &EvidenceFact) -> &[Vulnerability] {
    match &report.says {
        Finding::Vulnerabilities { found, .. } => found,
        _ => &[],
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
