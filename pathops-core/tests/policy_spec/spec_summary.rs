//! What conditions are told, written once more from its documentation: plain, and apart from the evaluator.

use std::collections::{BTreeMap, BTreeSet};

use pathops_core::policy::{
    Authoring, ChangeSummary, EvidenceFact, EvidenceSummary, Finding, FindingSeverity, FindingsSummary, PreflightSummary,
    Summary, TestRun, TestsSummary, UnitSummary, Vulnerability,
};
use pathops_core::project::{Role, UnitKind};

use crate::spec::{
    Question, age, is_bad, is_of_artifact, is_of_build, is_of_preflight, is_of_unit, names, names_what_was_tried, open_incidents,
    said_by,
};
use crate::spec_people::{pipeline_is_approved, votes};

pub(crate) fn summary(question: Question<'_>) -> Summary {
    let facts = question.facts;
    let readings = &facts.readings;
    let unit = &readings.unit;
    let all_roles = BTreeSet::from([Role::Owner, Role::Reviewer]);
    let approvals = readings.proposal.as_ref().map_or(0, |it| votes(question, it, &all_roles).yes.len());
    let about: Vec<_> = facts.evidence.iter().filter(|it| is_about_it(question, it)).collect();
    let is_agent = |it: &pathops_core::Principal| matches!(it, pathops_core::Principal::Agent { .. });
    Summary {
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
            by_agents: readings.authors.iter().any(is_agent),
            authors: small(readings.authors.len()),
            is_way_back: readings.way_back,
        },
        at_seconds: question.at.0.div_euclid(1_000),
        evidence: EvidenceSummary {
            total: small(about.iter().filter(|it| !is_late(question, it)).count()),
            bad: small(about.iter().filter(|it| is_bad(&it.says)).count()),
            rejected: small(facts.rejected.len()),
        },
        tests: tests(question),
        findings: findings(question),
        sbom_parts: sbom_parts(question),
        preflight: PreflightSummary { was_ready: was_ready(question), healthy_seconds: healthy_seconds(question) },
        signals: signals(question),
        approvals: small(approvals),
        incidents: small(open_incidents(readings)),
    }
}

fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap()
}

fn is_late(question: Question<'_>, fact: &EvidenceFact) -> bool {
    age(question, fact) < -60_000
}

/// In any way: the bytes, their source, or what was tried in preflight.
fn is_about_it(question: Question<'_>, fact: &EvidenceFact) -> bool {
    let readings = &question.facts.readings;
    let source = readings.source.as_ref();
    let of_source =
        source.is_some_and(|it| names(fact, "gitCommit", it.commit.as_str()) || names(fact, "gitTree", it.tree.as_str()));
    let here = fact.environment.as_ref() == Some(&readings.preflight);
    let of_unit = fact.unit.is_none() || is_of_unit(question, fact);
    of_unit && (of_source || is_of_artifact(question, fact) || (here && names_what_was_tried(question, fact)))
}

/// The pieces of the last instant, of those that answer.
fn newest<'q>(question: Question<'q>, answers: impl Fn(&EvidenceFact) -> bool) -> Vec<&'q EvidenceFact> {
    let these: Vec<_> = question.facts.evidence.iter().filter(|it| answers(it)).collect();
    let last = these.iter().map(|it| it.at).max();
    these.into_iter().filter(|it| Some(it.at) == last).collect()
}

fn was_ready(question: Question<'_>) -> bool {
    let words = newest(question, |it| matches!(it.says, Finding::Deployment { .. }) && is_of_preflight(question, it));
    !words.is_empty() && words.iter().all(|it| !is_late(question, it) && !is_bad(&it.says))
}

fn healthy_seconds(question: Question<'_>) -> u64 {
    let words = newest(question, |it| matches!(it.says, Finding::Health { .. }) && is_of_preflight(question, it));
    let seconds = |it: &&EvidenceFact| match it.says {
        Finding::Health { healthy: true, settled_millis } if !is_late(question, it) => settled_millis / 1_000,
        _ => 0,
    };
    words.iter().map(seconds).min().unwrap_or(0)
}

fn sbom_parts(question: Question<'_>) -> u64 {
    let words = newest(question, |it| matches!(it.says, Finding::Sbom { .. }) && is_of_artifact(question, it));
    let parts = |it: &&EvidenceFact| match it.says {
        Finding::Sbom { parts, .. } if !is_late(question, it) => parts,
        _ => 0,
    };
    words.iter().map(parts).min().unwrap_or(0)
}

fn signals(question: Question<'_>) -> BTreeMap<String, f64> {
    let name = |fact: &EvidenceFact| match &fact.says {
        Finding::Signal { name, .. } => Some(name.clone()),
        _ => None,
    };
    let measured: BTreeSet<String> = question.facts.evidence.iter().filter_map(name).collect();
    let value = |wanted: String| {
        let words = newest(question, |it| name(it).as_ref() == Some(&wanted) && is_of_preflight(question, it));
        let values = words.iter().map(|it| match it.says {
            Finding::Signal { value: Some(value), samples: 1.., errors: 0, .. }
                if value.is_finite() && !is_late(question, it) =>
            {
                Some(value)
            }
            _ => None,
        });
        let values: Vec<Option<f64>> = values.collect();
        let first = (*values.first()?)?;
        values.iter().all(|it| *it == Some(first)).then_some((wanted, first))
    };
    measured.into_iter().filter_map(value).collect()
}

/// Of the build and of preflight the newest, each number at its worst.
fn tests(question: Question<'_>) -> BTreeMap<String, TestsSummary> {
    let suite = |fact: &EvidenceFact| match &fact.says {
        Finding::Tests { suite, .. } => Some(suite.clone()),
        _ => None,
    };
    let suites: BTreeSet<String> = question.facts.evidence.iter().filter_map(suite).collect();
    let told = |wanted: String| {
        let is_run = |run: TestRun, fact: &EvidenceFact| match run {
            TestRun::Build => is_of_build(question, fact),
            TestRun::Preflight => is_of_preflight(question, fact),
        };
        let of = |run: TestRun| newest(question, |it| suite(it).as_ref() == Some(&wanted) && is_run(run, it));
        let words: Vec<_> = [TestRun::Build, TestRun::Preflight].into_iter().flat_map(of).collect();
        let numbers: Vec<[u32; 4]> = words.iter().map(|it| numbers(question, it)).collect();
        let most = |place: usize| numbers.iter().map(|it| it[place]).max();
        let oldest = words.iter().map(|it| age(question, it)).max()?;
        let summary = TestsSummary {
            passed: numbers.iter().map(|it| it[0]).min()?,
            failed: most(1)?,
            skipped: most(2)?,
            flaky: most(3)?,
            age_seconds: i64::try_from(oldest / 1_000).unwrap(),
        };
        Some((wanted, summary))
    };
    suites.into_iter().filter_map(told).collect()
}

/// Passed, failed, skipped, flaky: at their worst where nobody knows, or nobody has to believe it.
fn numbers(question: Question<'_>, fact: &EvidenceFact) -> [u32; 4] {
    match &fact.says {
        Finding::Tests { passed, skipped, flaky, failed, pipeline_changed, .. }
            if !is_late(question, fact) && (!pipeline_changed || pipeline_is_approved(&question.facts.readings)) =>
        {
            [*passed, *failed, *skipped, *flaky]
        }
        _ => [0, u32::MAX, u32::MAX, u32::MAX],
    }
}

fn findings(question: Question<'_>) -> FindingsSummary {
    let report = |fact: &EvidenceFact| match &fact.says {
        Finding::Vulnerabilities { scanner, .. } if is_of_artifact(question, fact) => Some((scanner.clone(), said_by(fact))),
        _ => None,
    };
    let all: Vec<_> = question.facts.evidence.iter().filter(|it| report(it).is_some()).collect();
    let found = |fact: &EvidenceFact| match &fact.says {
        Finding::Vulnerabilities { found, .. } => found.clone(),
        _ => Vec::new(),
    };
    let mut by_scanner: BTreeMap<String, BTreeSet<Vulnerability>> = BTreeMap::new();
    for fact in &all {
        let of = report(fact).unwrap();
        for newest in newest(question, |it| report(it).as_ref() == Some(&of)) {
            by_scanner.entry(of.0.clone()).or_default().extend(found(newest));
        }
    }
    let scanners = small(by_scanner.len());
    if by_scanner.is_empty() || all.iter().any(|it| is_late(question, it)) {
        return FindingsSummary { scanners, critical: u32::MAX, high: u32::MAX, medium: u32::MAX, low: u32::MAX };
    }
    let count = |wanted: &[Option<FindingSeverity>]| {
        small(by_scanner.values().flatten().filter(|it| wanted.contains(&it.severity)).count())
    };
    FindingsSummary {
        scanners,
        critical: count(&[None, Some(FindingSeverity::Critical)]),
        high: count(&[Some(FindingSeverity::High)]),
        medium: count(&[Some(FindingSeverity::Medium)]),
        low: count(&[Some(FindingSeverity::Low)]),
    }
}
