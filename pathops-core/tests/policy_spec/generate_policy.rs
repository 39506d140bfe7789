//! Blows at the policy.

use std::collections::BTreeSet;

use pathops_core::ProducerName;
use pathops_core::policy::{
    About, Accept, Ask, Changes, Coverage, CoveredKind, FindingSeverity, FindingsRule, LayerName, PolicyLayer, SbomFormat,
    Severity, TestRun,
};
use pathops_core::project::{EnvironmentKind, Lifecycle, Role};

use crate::base::freeze_on;
use crate::generate::Dice;

pub(crate) fn strike_policy(dice: &mut Dice, layers: &mut Vec<PolicyLayer>) {
    if layers.is_empty() {
        return;
    }
    let place = dice.below(layers.len());
    match dice.below(16) {
        0 if dice.one_in(2) => drop(layers.remove(place)),
        1 => {
            let names = [LayerName::Class("web".to_owned()), LayerName::Class("batch".to_owned()), LayerName::Organisation];
            layers[place].layer = dice.pick(&names);
        }
        2 => strike_glass(dice, &mut layers[place]),
        3 => lower_once_more(dice, layers, place),
        4 if dice.one_in(4) => {
            let narrow = coverage(dice);
            layers.iter_mut().flat_map(|layer| &mut layer.requirements).for_each(|it| it.covers = narrow.clone());
        }
        _ => strike_requirement(dice, &mut layers[place]),
    }
}

/// Asks for something in a lower layer once more.
fn lower_once_more(dice: &mut Dice, layers: &mut [PolicyLayer], from: usize) {
    let requirements = &layers[from].requirements;
    if requirements.is_empty() {
        return;
    }
    let again = requirements[dice.below(requirements.len())].clone();
    if let Some(last) = layers.last_mut() {
        last.requirements.retain(|it| it.id != again.id);
        last.requirements.push(again);
        strike_requirement(dice, last);
    }
}

fn strike_glass(dice: &mut Dice, layer: &mut PolicyLayer) {
    let Some(glass) = &mut layer.break_glass else { return };
    match dice.below(5) {
        0 => layer.break_glass = None,
        1 => glass.valid_seconds = dice.pick(&[0, 59, 60, 61, u64::MAX]),
        2 => glass.people = dice.pick(&[2, 3]).try_into().unwrap(),
        3 => glass.roles = dice.pick(&[BTreeSet::from([Role::Owner]), BTreeSet::from([Role::Reviewer])]),
        _ => drop(glass.requirements.pop_last()),
    }
}

fn strike_requirement(dice: &mut Dice, layer: &mut PolicyLayer) {
    let requirements = &mut layer.requirements;
    if requirements.is_empty() {
        return;
    }
    let place = dice.below(requirements.len());
    let requirement = &mut requirements[place];
    match dice.below(10) {
        0 => drop(requirements.remove(place)),
        1 => requirement.severity = dice.pick(&[Severity::Advisory, Severity::Required]),
        2 => requirement.covers = coverage(dice),
        3 => requirement.changes = dice.pick(&[Changes::All, Changes::Opaque, Changes::ByAgents]),
        _ => strike_ask(dice, &mut requirement.asks),
    }
}

fn coverage(dice: &mut Dice) -> Coverage {
    let kind = dice.pick(&[None, None, Some(CoveredKind::App), Some(CoveredKind::Component)]);
    let classes = dice.one_in(3).then(|| dice.some(&["web".to_owned(), "batch".to_owned()]));
    let units = dice.one_in(3).then(|| dice.some(&["orders", "web"].map(|it| it.parse().unwrap())));
    Coverage { kind, classes, units }
}

fn strike_accept(dice: &mut Dice, accept: &mut Accept) {
    match dice.below(3) {
        0 => accept.max_age_seconds = dice.pick(&[0, 59, 60, 61, 3_600, 86_400, u64::MAX]),
        1 => {
            let names = ["ci", "cluster", "other"].map(|it| it.parse::<ProducerName>().unwrap());
            accept.from = dice.one_in(2).then(|| dice.some(&names));
        }
        _ => accept.in_ledger = dice.one_in(2),
    }
}

fn strike_ask(dice: &mut Dice, ask: &mut Ask) {
    let seconds = [0, 1, 60, 3_600, 10_799, 10_800, 10_860, 10_861, u64::MAX];
    let counts = [0, 1, 2, 3, u32::MAX];
    let strikes_terms = dice.one_in(2);
    match ask {
        Ask::Evidence(rule) if strikes_terms => {
            rule.about = dice.pick(&[About::Commit, About::Tree, About::Artifact, About::Deployment])
        }
        Ask::Tests(rule) if strikes_terms => match dice.below(5) {
            0 => rule.run = dice.pick(&[TestRun::Build, TestRun::Preflight]),
            1 => dice.pick(&["unit", "smoke", "lint"]).clone_into(&mut rule.suite),
            2 => rule.min_passed = dice.pick(&counts),
            3 => rule.max_skipped = dice.pick(&counts),
            _ => rule.max_flaky = dice.pick(&counts),
        },
        Ask::Findings(rule) if strikes_terms => strike_findings(dice, rule),
        Ask::Sbom(rule) if strikes_terms => {
            rule.formats = dice.pick(&[[SbomFormat::Spdx].into(), [SbomFormat::Cyclonedx].into()])
        }
        Ask::Health(rule) if strikes_terms => rule.settled_seconds = dice.pick(&seconds),
        Ask::Soak(rule) => match dice.below(3) {
            0 => rule.seconds = dice.pick(&seconds),
            1 => rule.max_gap_seconds = dice.pick(&[0, 59, 60, 61, 3_600, u64::MAX]),
            _ => strike_accept(dice, &mut rule.accept),
        },
        Ask::Approvals(rule) if strikes_terms => rule.count = dice.pick(&[1, 2, 3]).try_into().unwrap(),
        Ask::Approvals(rule) => {
            rule.roles = dice.pick(&[[Role::Owner].into(), [Role::Reviewer].into(), [Role::Owner, Role::Reviewer].into()])
        }
        Ask::Policy(rule) if strikes_terms => {
            rule.approvals = dice.pick(&counts);
            rule.roles = dice.some(&[Role::Owner, Role::Reviewer]);
        }
        Ask::Lifecycle(rule) => rule.allowed = dice.pick(&[[Lifecycle::Production].into(), [Lifecycle::Prototype].into()]),
        Ask::Freeze(window) => {
            let days = dice.pick(&[&["friday"][..], &["monday", "friday"], &["thursday"], &["tuesday"]]);
            *window = serde_json::from_value(freeze_on(days)).unwrap();
        }
        Ask::Signal(rule) if strikes_terms => match dice.below(4) {
            0 => rule.min = dice.pick(&[None, Some(0.0), Some(0.1)]),
            1 => rule.max = dice.pick(&[None, Some(0.001), Some(0.005), Some(0.2)]),
            2 => rule.min_samples = dice.pick(&[0, 1, 100, 1_000, u64::MAX]),
            _ => {
                rule.environment = dice.pick(&[EnvironmentKind::Preflight, EnvironmentKind::Production, EnvironmentKind::Agents])
            }
        },
        Ask::Condition(rule) => dice.pick(&["yes", "no", "error", "approved", "calm"]).clone_into(&mut rule.text),
        Ask::Evidence(_)
        | Ask::Tests(_)
        | Ask::Findings(_)
        | Ask::Sbom(_)
        | Ask::Deployment(_)
        | Ask::Health(_)
        | Ask::Contracts(_)
        | Ask::Policy(_)
        | Ask::Signal(_) => {
            if let Some(accept) = accept_of(ask) {
                strike_accept(dice, accept);
            }
        }
        Ask::Dependencies(_) | Ask::Incidents(_) | Ask::StopTheLine(_) => {}
    }
}

fn accept_of(ask: &mut Ask) -> Option<&mut Accept> {
    match ask {
        Ask::Evidence(rule) => Some(&mut rule.accept),
        Ask::Tests(rule) => Some(&mut rule.accept),
        Ask::Findings(rule) => Some(&mut rule.accept),
        Ask::Sbom(rule) => Some(&mut rule.accept),
        Ask::Deployment(rule) => Some(&mut rule.accept),
        Ask::Health(rule) => Some(&mut rule.accept),
        Ask::Contracts(rule) => Some(&mut rule.accept),
        Ask::Signal(rule) => Some(&mut rule.accept),
        Ask::Policy(rule) => Some(&mut rule.accept),
        _ => None,
    }
}

fn strike_findings(dice: &mut Dice, rule: &mut FindingsRule) {
    let severities = [FindingSeverity::Low, FindingSeverity::Medium, FindingSeverity::High, FindingSeverity::Critical];
    match dice.below(6) {
        0 => drop(rule.max.insert(dice.pick(&severities), dice.pick(&[0, 1, 2]))),
        // A milder limit alone.
        5 => rule.max = [(dice.pick(&severities), dice.pick(&[0, 1, 2]))].into(),
        1 => rule.scanners = dice.some(&["trivy".to_owned(), crate::base::GRYPE.to_owned()]),
        2 => rule.exceptions.clear(),
        3 => rule.exceptions.extend(rule.exceptions.first().cloned()),
        _ => {
            if let Some(borne) = rule.exceptions.first_mut() {
                borne.owner = dice.pick(&["dave", "mallory", "frank", "bob-2"]).parse().unwrap();
                borne.until = pathops_core::UnixMillis(dice.pick(&[0, 1, -1]) + crate::base::AT.0);
            }
        }
    }
}
