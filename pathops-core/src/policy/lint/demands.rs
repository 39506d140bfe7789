//! Requirements that exclude each other, or that say something strange by themselves.

use super::{Linter, Spot, names};
use crate::policy::{About, Ask, FindingsRule, Requirement, SignalRule, TestRun};
use crate::project::{Lifecycle, Unit};

type Demand<'l> = (&'l Requirement, Option<Spot<'l>>);

/// One requirement by itself.
pub(super) fn requirement<'l>(linter: &mut Linter<'l>, spot: Spot<'l>) {
    if let Ask::Findings(rule) = &spot.requirement.asks {
        findings(linter, spot, rule);
    }
}

/// A limit that a milder one, which counts the same findings, leaves nothing to.
fn findings(linter: &mut Linter<'_>, spot: Spot<'_>, rule: &FindingsRule) {
    let id = &spot.requirement.id;
    for (severity, many) in &rule.max {
        if let Some((milder, few)) = rule.max.range(..severity).find(|(_, few)| *few < many) {
            let what = format!("`{id}` lets {many} {severity} findings stay, and only {few} that are {milder} or worse");
            linter.warn(spot, None, what, "lower the limit for what is worse, or take it out");
        }
    }
}

/// All requirements of a unit, held against each other.
pub(super) fn together<'l>(linter: &mut Linter<'l>, unit: &'l Unit) {
    let demands = linter.of_unit(unit);
    lifecycles(linter, unit, &demands);
    signals(linter, unit, &demands);
    waits(linter, unit, &demands);
}

/// No lifecycle state that all allow.
fn lifecycles<'l>(linter: &mut Linter<'l>, unit: &'l Unit, demands: &[Demand<'l>]) {
    let rules = || {
        demands.iter().filter_map(|(requirement, spot)| match &requirement.asks {
            Ask::Lifecycle(rule) => Some((*requirement, *spot, &rule.allowed)),
            _ => None,
        })
    };
    let states = [Lifecycle::Prototype, Lifecycle::PathReady, Lifecycle::Production];
    if states.iter().any(|state| rules().all(|(_, _, allowed)| allowed.contains(state))) {
        return;
    }
    let all = names(rules().map(|(requirement, ..)| &requirement.id));
    if let Some(spot) = rules().filter_map(|(_, spot, _)| spot).next_back() {
        linter.never(spot, Some(unit), format!("no lifecycle state is allowed by all of {all}"), "let them have one in common");
    }
}

/// Bounds of one signal that exclude each other. Evidence from others may say another value.
fn signals<'l>(linter: &mut Linter<'l>, unit: &'l Unit, demands: &[Demand<'l>]) {
    let rules: Vec<(Spot<'l>, &SignalRule)> = demands
        .iter()
        .filter_map(|(requirement, spot)| match &requirement.asks {
            Ask::Signal(rule) => Some(((*spot)?, rule)),
            _ => None,
        })
        .collect();
    for (index, (spot, rule)) in rules.iter().enumerate() {
        for (other, above) in rules.iter().take(index) {
            let one = rule.name == above.name && rule.environment == above.environment;
            let apart = |min: Option<f64>, max: Option<f64>| min.zip(max).is_some_and(|(min, max)| min > max);
            if !one || !(apart(rule.min, above.max) || apart(above.min, rule.max)) {
                continue;
            }
            let ids = [&other.requirement.id, &spot.requirement.id];
            let (what, mend) =
                (format!("no value of {} is within the bounds of {}", rule.name, names(ids)), "correct one of them");
            if (&rule.accept.from, rule.accept.in_ledger) == (&above.accept.from, above.accept.in_ledger) {
                linter.never(*spot, Some(unit), what, mend);
            } else {
                linter.warn(*spot, Some(unit), what, mend);
            }
        }
    }
}

/// Evidence from before a wait that is too old when the wait is over.
fn waits<'l>(linter: &mut Linter<'l>, unit: &'l Unit, demands: &[Demand<'l>]) {
    let wait = |requirement: &'l Requirement| match &requirement.asks {
        Ask::Soak(rule) => Some((rule.seconds, &requirement.id)),
        Ask::Health(rule) => Some((rule.settled_seconds, &requirement.id)),
        _ => None,
    };
    let Some((seconds, waiting)) = demands.iter().filter_map(|(requirement, _)| wait(requirement)).max() else { return };
    for (requirement, spot) in demands {
        let (Some(spot), Some(accept)) = (spot, requirement.asks.accept()) else { continue };
        let again = match &requirement.asks {
            // Nobody builds the same source again.
            Ask::Tests(rule) if rule.run == TestRun::Build => false,
            Ask::Tests(_) | Ask::Findings(_) | Ask::Sbom(_) | Ask::Contracts(_) => true,
            Ask::Evidence(rule) if rule.about != About::Deployment => true,
            // What is live is looked at again.
            _ => continue,
        };
        if accept.max_age_seconds == 0 || accept.max_age_seconds >= seconds {
            continue;
        }
        let (id, age) = (&requirement.id, accept.max_age_seconds);
        let what = format!("`{waiting}` takes {seconds} s, and evidence for `{id}` from before is too old after {age} s");
        if again {
            linter.warn(*spot, Some(unit), what, "let it count for longer, or make it again meanwhile");
        } else {
            linter.never(*spot, Some(unit), what, "let it count for longer");
        }
    }
}
