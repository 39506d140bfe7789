//! The part of the plain rule that is about what single requirements ask of evidence: bills of materials, deployments, health and
//! soak, contracts, the policy itself, signals, and the limits of findings.

use std::collections::BTreeSet;

use pathops_core::ContractId;
use pathops_core::policy::{
    Accept, EvidenceFact, Finding, FindingSeverity, FindingsRule, HealthRule, PolicyRule, SbomRule, SignalRule, SoakRule,
    Verdict, Vulnerability,
};
use pathops_core::project::{EnvironmentKind, Role};

use crate::spec::{
    CI, GITOPS, KEEPERS, Question, Wanted, Word, age, if_not, is_accepted, is_bad, is_of_artifact, is_of_preflight, is_of_unit,
    names, not_yet,
};
use crate::spec_told::{Held, Lack, Told};

pub(crate) fn sbom(question: Question<'_>, rule: &SbomRule) -> Held {
    let answers = |fact: &EvidenceFact| {
        let of_format = matches!(&fact.says, Finding::Sbom { format, .. } if rule.formats.contains(format));
        of_format && is_of_artifact(question, fact)
    };
    let judge = |fact: &EvidenceFact| if_not(matches!(fact.says, Finding::Sbom { parts: 1.., .. }), Verdict::Unknown).into();
    let ages = !question.facts.readings.way_back;
    Wanted { question, accept: &rule.accept, ages, lives: false, from: CI }.newest(answers, judge)
}

pub(crate) fn deployment(question: Question<'_>, accept: &Accept) -> Held {
    let answers = |fact: &EvidenceFact| matches!(fact.says, Finding::Deployment { .. }) && is_of_preflight(question, fact);
    let wanted = Wanted { question, accept, ages: true, lives: true, from: GITOPS };
    wanted.newest(answers, |it| if_not(!is_bad(&it.says), Verdict::Fail).into())
}

/// It has settled for too short a time as long as it has: from when that time is over, it is enough to look again.
pub(crate) fn health(question: Question<'_>, rule: &HealthRule) -> Held {
    let answers = |fact: &EvidenceFact| matches!(fact.says, Finding::Health { .. }) && is_of_preflight(question, fact);
    let judge = |fact: &EvidenceFact| match fact.says {
        Finding::Health { healthy: true, settled_millis } => {
            let wanted = i128::from(rule.settled_seconds) * 1_000;
            let settles = i128::from(fact.at.0) - i128::from(settled_millis) + wanted;
            let verdict = if_not(i128::from(settled_millis) >= wanted, Verdict::Unknown);
            Word { verdict, told: Some(Told::default().from(settles).looking_again()) }
        }
        _ => Verdict::Fail.into(),
    };
    Wanted { question, accept: &rule.accept, ages: true, lives: true, from: GITOPS }.newest(answers, judge)
}

/// Deployments and health of the unit in preflight, whatever was deployed there.
fn is_of_soak(question: Question<'_>, fact: &EvidenceFact) -> bool {
    let kind = matches!(fact.says, Finding::Health { .. } | Finding::Deployment { .. });
    kind && is_of_unit(question, fact) && fact.environment.as_ref() == Some(&question.facts.readings.preflight)
}

/// For how long, up to the newest piece, it is known to have been healthy: going back from there, as long as it is the same
/// combination, the news is good, and what is known touches but for the gap that is allowed.
pub(crate) fn soak(question: Question<'_>, rule: &SoakRule) -> Held {
    let here = || question.facts.evidence.iter().filter(|it| is_of_soak(question, it));
    let late: Vec<_> = here().filter(|it| age(question, it) < -60_000).collect();
    if let Some(held) = not_yet(question, &rule.accept, &late, |then| soak(then, rule)) {
        return held;
    }
    let more = Lack::of(1, [GITOPS]);
    let is_good = |fact: &EvidenceFact| !is_bad(&fact.says) && is_of_preflight(question, fact);
    let at = |fact: &EvidenceFact| i128::from(fact.at.0);
    let broken = here().filter(|it| !is_good(it)).map(at).max();
    let good: Vec<_> = here().filter(|it| is_good(it) && is_accepted(&rule.accept, it) && broken < Some(at(it))).collect();
    let Some(newest) = good.iter().copied().max_by_key(|it| it.at) else {
        return Held::new(Verdict::Unknown).lacking(&more);
    };
    let begins = |fact: &EvidenceFact| match fact.says {
        Finding::Health { settled_millis, .. } => at(fact) - i128::from(settled_millis),
        _ => at(fact),
    };
    // As long as something that touches reaches further back.
    let mut since = at(newest);
    for _ in &good {
        let touching = good.iter().filter(|it| at(it) + i128::from(rule.max_gap_seconds) * 1_000 >= since);
        since = touching.map(|it| begins(it)).min().map_or(since, |earlier| earlier.min(since));
    }
    let since = broken.map_or(since, |broken| since.max(broken));
    let wanted = i128::from(rule.seconds) * 1_000;
    let fresh = age(question, newest) <= i128::from(rule.accept.max_age_seconds) * 1_000;
    let last = good.iter().filter(|it| it.at == newest.at).map(|it| Told::by(&[it]));
    if at(newest) - since < wanted {
        return Held { verdict: Verdict::Unknown, ways: last.map(|told| told.from(since + wanted).looking_again()).collect() };
    }
    if fresh {
        return Held { verdict: Verdict::Pass, ways: last.collect() };
    }
    Held { verdict: Verdict::Unknown, ways: last.map(Told::looking_again).collect() }.lacking(&more)
}

pub(crate) fn contracts(question: Question<'_>, accept: &Accept) -> Held {
    let one = |wanted: &ContractId| {
        let answers = |fact: &EvidenceFact| {
            let of_it = matches!(&fact.says, Finding::Contract { contract, .. } if contract == wanted);
            let source = question.facts.readings.source.as_ref();
            let tree = source.is_some_and(|it| names(fact, "gitTree", it.tree.as_str()));
            of_it && is_of_unit(question, fact) && (tree || is_of_artifact(question, fact))
        };
        // A comparison that finds a break asks for a better one of whoever made it.
        let ages = !question.facts.readings.way_back;
        Wanted { question, accept, ages, lives: false, from: CI }
            .newest(answers, |it| if_not(!is_bad(&it.says), Verdict::Fail).into())
    };
    let kept: Vec<_> = question.facts.readings.unit.provides.iter().map(one).collect();
    if kept.is_empty() { Held::new(Verdict::Pass) } else { Held::together(&kept) }
}

/// The policy, by its digest, and nothing of one unit or environment.
pub(crate) fn policy_check(question: Question<'_>, rule: &PolicyRule) -> Held {
    let answers = |fact: &EvidenceFact| {
        let of_all = fact.unit.is_none() && fact.environment.is_none();
        matches!(fact.says, Finding::Policy { .. }) && of_all && names(fact, "sha256", &question.policy.hex())
    };
    let judge = |fact: &EvidenceFact| match &fact.says {
        Finding::Policy { passed, failed: 0, approved_by } => {
            let counts = |roles: &&BTreeSet<Role>| roles.iter().any(|role| rule.roles.contains(role));
            let given = u32::try_from(approved_by.values().filter(counts).count()).unwrap();
            let lacking = |count| Told::default().lacking(Lack::of(count, [KEEPERS]));
            let told = rule.approvals.checked_sub(given).filter(|more| *more != 0 && *passed != 0).map(lacking);
            Word { verdict: if_not(*passed != 0 && given >= rule.approvals, Verdict::Unknown), told }
        }
        _ => Verdict::Fail.into(),
    };
    let way_back = question.facts.readings.way_back;
    let held = Wanted { question, accept: &rule.accept, ages: !way_back, lives: false, from: KEEPERS }.newest(answers, judge);
    if !way_back || held.verdict != Verdict::Unknown {
        return held;
    }
    // It is not waited for.
    Held {
        verdict: Verdict::Pass,
        ways: held.ways.into_iter().map(|it| Told { evidence: it.evidence, ..Told::default() }).collect(),
    }
}

pub(crate) fn signal(question: Question<'_>, rule: &SignalRule) -> Held {
    let readings = &question.facts.readings;
    let answers = |fact: &EvidenceFact| {
        let of_it = matches!(&fact.says, Finding::Signal { name, .. } if *name == rule.name);
        let there = match rule.environment {
            EnvironmentKind::Preflight => is_of_preflight(question, fact),
            EnvironmentKind::Production => is_of_unit(question, fact) && fact.environment.as_ref() == Some(&readings.environment),
            EnvironmentKind::Agents => false,
        };
        of_it && there
    };
    let judge = |fact: &EvidenceFact| match fact.says {
        Finding::Signal { value: Some(value), samples, errors, .. } if value.is_finite() => {
            let known = samples >= 1 && samples >= rule.min_samples && errors == 0;
            let within = rule.min.is_none_or(|min| value >= min) && rule.max.is_none_or(|max| value <= max);
            if known { if_not(within, Verdict::Fail).into() } else { Verdict::Unknown.into() }
        }
        _ => Verdict::Unknown.into(),
    };
    Wanted { question, accept: &rule.accept, ages: true, lives: false, from: "the monitoring" }.newest(answers, judge)
}

/// A limit is for findings of its severity and for all that are worse.
pub(crate) fn is_bearable(question: Question<'_>, rule: &FindingsRule, found: &[&Vulnerability]) -> bool {
    let people = &question.facts.readings.people;
    let is_borne = |it: &Vulnerability| {
        rule.exceptions.iter().any(|borne| borne.id == it.id && question.at < borne.until && people.contains_key(&borne.owner))
    };
    rule.max.iter().all(|(severity, most)| {
        let of_it = |it: &&&Vulnerability| badness(it.severity) >= badness(Some(*severity)) && !is_borne(it);
        found.iter().filter(of_it).count() <= usize::try_from(*most).unwrap()
    })
}

/// Nobody knows how bad the last one is, so it is as bad as can be.
fn badness(severity: Option<FindingSeverity>) -> u8 {
    match severity {
        Some(FindingSeverity::Low) => 1,
        Some(FindingSeverity::Medium) => 2,
        Some(FindingSeverity::High) => 3,
        Some(FindingSeverity::Critical) | None => 4,
    }
}
