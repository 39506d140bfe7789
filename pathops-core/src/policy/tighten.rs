//! Whether a requirement asks for at least as much as another one.

use std::collections::BTreeSet;

use crate::policy::{
    Accept, ApprovalRule, Ask, BreakGlass, FindingException, FindingsRule, HealthRule, LifecycleRule, Requirement, SbomRule,
    Severity, SignalRule, SoakRule, TestsRule,
};

/// What of `lower` asks for less than `upper`, in words; `None` where nothing does.
pub(super) fn loosens(lower: &Requirement, upper: &Requirement) -> Option<String> {
    if lower.severity < upper.severity {
        return Some("it only advises".to_owned());
    }
    let terms = match (lower.asks.accept(), upper.asks.accept()) {
        (Some(lower), Some(upper)) => accept(lower, upper),
        _ => None,
    };
    asks(&lower.asks, &upper.asks).or(terms).map(str::to_owned)
}

/// Whether `lower` looks at less evidence, or listens to fewer people, than `upper`, which stops a promotion.
pub(super) fn takes_less(lower: &Requirement, upper: &Requirement) -> bool {
    let fewer = match (&lower.asks, &upper.asks) {
        (Ask::Sbom(lower), Ask::Sbom(upper)) => lower.formats != upper.formats,
        // Whoever may approve may also ask for changes.
        (Ask::Approvals(lower), Ask::Approvals(upper)) => lower.roles != upper.roles,
        _ => false,
    };
    let terms = match (lower.asks.accept(), upper.asks.accept()) {
        (Some(lower), Some(upper)) => lower.from != upper.from || lower.in_ledger != upper.in_ledger,
        _ => false,
    };
    upper.severity == Severity::Required && (fewer || terms)
}

fn asks(lower: &Ask, upper: &Ask) -> Option<&'static str> {
    match (lower, upper) {
        (Ask::Tests(lower), Ask::Tests(upper)) => tests(lower, upper),
        (Ask::Findings(lower), Ask::Findings(upper)) => findings(lower, upper),
        (Ask::Sbom(SbomRule { formats: lower, .. }), Ask::Sbom(SbomRule { formats: upper, .. })) => {
            less(lower.is_subset(upper), "more formats count")
        }
        (Ask::Health(HealthRule { settled_seconds: lower, .. }), Ask::Health(HealthRule { settled_seconds: upper, .. })) => {
            less(lower >= upper, "a shorter time is enough")
        }
        (Ask::Soak(lower), Ask::Soak(upper)) => soak(lower, upper),
        (Ask::Approvals(lower), Ask::Approvals(upper)) => approvals(lower, upper),
        (Ask::Lifecycle(LifecycleRule { allowed: lower }), Ask::Lifecycle(LifecycleRule { allowed: upper })) => {
            less(lower.is_subset(upper), "more states are allowed")
        }
        (Ask::Signal(lower), Ask::Signal(upper)) => signal(lower, upper),
        (Ask::Policy(lower), Ask::Policy(upper)) => less(lower.approvals >= upper.approvals, "fewer approvals are enough")
            .or(less(lower.roles.is_subset(&upper.roles), "more roles count")),
        (Ask::Evidence(lower), Ask::Evidence(upper)) => {
            less(lower.predicate_type == upper.predicate_type && lower.about == upper.about, ANOTHER)
        }
        (Ask::Deployment(_), Ask::Deployment(_))
        | (Ask::Contracts(_), Ask::Contracts(_))
        | (Ask::Dependencies(_), Ask::Dependencies(_))
        | (Ask::Incidents(_), Ask::Incidents(_))
        | (Ask::StopTheLine(_), Ask::StopTheLine(_)) => None,
        // Whether one window or condition says more than another is not decided here: only the same is as tight.
        (lower, upper) => less(lower == upper, ANOTHER),
    }
}

const ANOTHER: &str = "it asks for something else";

fn less(holds: bool, what: &'static str) -> Option<&'static str> {
    (!holds).then_some(what)
}

fn accept(lower: &Accept, upper: &Accept) -> Option<&'static str> {
    let from = upper.from.as_ref().is_none_or(|upper| lower.from.as_ref().is_some_and(|lower| lower.is_subset(upper)));
    less(lower.max_age_seconds <= upper.max_age_seconds, "older evidence counts")
        .or(less(from, "more producers count"))
        .or(less(lower.in_ledger || !upper.in_ledger, "evidence outside of the ledger counts"))
}

fn tests(lower: &TestsRule, upper: &TestsRule) -> Option<&'static str> {
    less(lower.run == upper.run && lower.suite == upper.suite, ANOTHER)
        .or(less(lower.min_passed >= upper.min_passed, "fewer tests are enough"))
        .or(less(lower.max_skipped <= upper.max_skipped, "more tests may be skipped"))
        .or(less(lower.max_flaky <= upper.max_flaky, "more tests may be flaky"))
}

fn findings(lower: &FindingsRule, upper: &FindingsRule) -> Option<&'static str> {
    let limits = upper.max.iter().all(|(severity, limit)| lower.limit(*severity).is_some_and(|lower| lower <= *limit));
    let exceptions = lower.exceptions.iter().all(|exception| {
        let borne = |above: &FindingException| above.id == exception.id && above.owner == exception.owner;
        upper.exceptions.iter().any(|above| borne(above) && above.until >= exception.until)
    });
    less(limits, "more findings may stay")
        .or(less(lower.scanners.is_superset(&upper.scanners), "fewer scanners must report"))
        .or(less(exceptions, "it bears findings that are not borne above"))
}

fn soak(lower: &SoakRule, upper: &SoakRule) -> Option<&'static str> {
    less(lower.seconds >= upper.seconds, "a shorter time is enough")
        .or(less(lower.max_gap_seconds <= upper.max_gap_seconds, "longer gaps are allowed"))
}

fn approvals(lower: &ApprovalRule, upper: &ApprovalRule) -> Option<&'static str> {
    less(lower.count >= upper.count, "fewer approvals are enough")
        .or(less(lower.roles.is_subset(&upper.roles), "more roles count"))
}

fn signal(lower: &SignalRule, upper: &SignalRule) -> Option<&'static str> {
    let min = upper.min.is_none_or(|upper| lower.min.is_some_and(|lower| lower >= upper));
    let max = upper.max.is_none_or(|upper| lower.max.is_some_and(|lower| lower <= upper));
    less(lower.name == upper.name && lower.environment == upper.environment, ANOTHER)
        .or(less(min && max, "its bounds are wider"))
        .or(less(lower.min_samples >= upper.min_samples, "fewer samples are enough"))
}

/// What of `lower` lets people get past more than `upper` does.
pub(super) fn breaks_more(lower: &BreakGlass, upper: &BreakGlass) -> Option<&'static str> {
    less(lower.requirements.is_subset(&upper.requirements), "it gets past more requirements")
        .or(subset(&lower.roles, &upper.roles))
        .or(less(lower.people >= upper.people, "fewer people are enough"))
        .or(less(lower.valid_seconds <= upper.valid_seconds, "it holds longer"))
}

/// What of `lower` gives something to more roles than `upper`.
pub(super) fn subset<T: Ord>(lower: &BTreeSet<T>, upper: &BTreeSet<T>) -> Option<&'static str> {
    less(lower.is_subset(upper), "more roles may do it")
}
