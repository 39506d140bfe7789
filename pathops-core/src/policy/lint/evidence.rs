//! Evidence that nothing in the project can produce.

use super::{Linter, Spot, names};
use crate::evidence::{Predicate as _, SbomSummary};
use crate::policy::read::{ask_for, sbom_format};
use crate::policy::{About, Accept, Ask, EvidenceRule, TestRun, TestsRule};
use crate::project::{EnvironmentKind, Unit, UnitKind};

/// Whether somebody or something can make what a requirement asks for.
pub(super) fn requirement<'l>(linter: &mut Linter<'l>, spot: Spot<'l>) {
    let Some(accept) = spot.requirement.asks.accept() else { return };
    age(linter, spot, accept);
    producers(linter, spot, accept);
    kinds(linter, spot, accept);
    for unit in linter.units(spot) {
        made(linter, spot, unit);
    }
    match &spot.requirement.asks {
        Ask::Tests(TestsRule { run: TestRun::Build, suite, .. }) => build_suite(linter, spot, suite),
        Ask::Evidence(rule) => predicate_type(linter, spot, rule),
        Ask::Signal(rule) if rule.environment == EnvironmentKind::Agents => {
            let what = format!("`{}` is measured where agents work, and nothing is ever deployed there", spot.requirement.id);
            linter.never(spot, None, what, "measure it in preflight or in production");
        }
        _ => {}
    }
}

fn age(linter: &mut Linter<'_>, spot: Spot<'_>, accept: &Accept) {
    if accept.max_age_seconds == 0 {
        let what = format!("evidence for `{}` is too old as soon as it is there", spot.requirement.id);
        linter.never(spot, None, what, "let `maxAgeSeconds` be longer than it takes to decide");
    }
}

fn producers(linter: &mut Linter<'_>, spot: Spot<'_>, accept: &Accept) {
    let context = linter.context;
    let Some(known) = &context.producers else { return };
    let id = &spot.requirement.id;
    let Some(from) = &accept.from else {
        if is_of_others(&spot.requirement.asks) && known.len() > 1 {
            let what =
                format!("`{id}` believes each of {}, and a newer word of one may stand in place of another's", names(known));
            linter.warn(spot, None, what, "name in `from` whose matter it is");
        }
        return;
    };
    let strange = from.difference(known);
    if from.is_disjoint(known) {
        let what = format!("nobody whose word counts for `{id}` is trusted: {}", names(strange));
        linter.never(spot, None, what, "correct `from`, or add them to the host's trust root");
    } else if strange.clone().next().is_some() {
        let what = format!("`{id}` counts the word of {}, whom the host does not trust", names(strange));
        linter.warn(spot, None, what, "correct `from`, or add them to the host's trust root");
    }
}

/// Whether anybody whose word counts makes evidence of this kind.
fn kinds(linter: &mut Linter<'_>, spot: Spot<'_>, accept: &Accept) {
    let (Some(kinds), asks) = (&linter.context.kinds, &spot.requirement.asks) else { return };
    let (what, ask) = match asks {
        Ask::Tests(rule) if rule.run == TestRun::Build => ("results of tests".to_owned(), "tests"),
        Ask::Findings(_) => ("reports of scanners".to_owned(), "findings"),
        Ask::Sbom(_) => ("bills of materials in a format that counts".to_owned(), "sbom"),
        Ask::Contracts(_) => ("comparisons of contracts".to_owned(), "contracts"),
        Ask::Signal(rule) => (format!("measurements of {}", rule.name), "signal"),
        Ask::Evidence(rule) => (format!("evidence of the type `{}`", rule.predicate_type), "evidence"),
        // PathOps states the rest itself.
        _ => return,
    };
    let is_it = |kind: &String| match asks {
        Ask::Evidence(rule) => rule.predicate_type == *kind,
        // The summary says its format itself.
        Ask::Sbom(rule) => *kind == SbomSummary::TYPE || sbom_format(kind).is_some_and(|format| rule.formats.contains(&format)),
        _ => ask_for(kind) == Some(ask),
    };
    let mut counting = kinds.iter().filter(|(name, _)| accept.from.as_ref().is_none_or(|from| from.contains(*name)));
    if !counting.any(|(_, made)| made.iter().any(is_it)) {
        let what = format!("`{}` asks for {what}, which nobody makes whose word counts", spot.requirement.id);
        linter.never(spot, None, what, "let one of them make it, or correct `from`");
    }
}

/// Whether others than PathOps say what it asks for.
fn is_of_others(asks: &Ask) -> bool {
    matches!(asks, Ask::Findings(_) | Ask::Sbom(_) | Ask::Signal(_) | Ask::Contracts(_) | Ask::Evidence(_))
}

/// Whether there is anything of a unit that the evidence could be about, or a job that makes it.
fn made<'l>(linter: &mut Linter<'l>, spot: Spot<'l>, unit: &'l Unit) {
    let (id, asks) = (&spot.requirement.id, &spot.requirement.asks);
    if matches!(unit.kind, UnitKind::Component { .. }) && is_of_build(asks) {
        let what = format!("`{id}` asks for what a build makes, and a component is not built");
        linter.never(spot, Some(unit), what, "write `covers: {kind: app}`, or leave these components out of it");
    }
    if let Ask::Tests(TestsRule { run: TestRun::Preflight, suite, .. }) = asks
        && !unit.checks.iter().any(|job| job.as_str() == suite)
    {
        let what = format!("`{id}` asks for the job `{suite}`, which is none of the unit's `checks`");
        linter.never(spot, Some(unit), what, "add the job to its `checks`, or leave it out of `covers`");
    }
}

/// Whether it asks for something about a source or an artifact. What keeps no contract has no contract to be compared.
fn is_of_build(asks: &Ask) -> bool {
    match asks {
        Ask::Tests(rule) => rule.run == TestRun::Build,
        Ask::Evidence(rule) => rule.about != About::Deployment,
        Ask::Sbom(_) | Ask::Findings(_) => true,
        _ => false,
    }
}

fn build_suite(linter: &mut Linter<'_>, spot: Spot<'_>, suite: &str) {
    if let Some(known) = &linter.context.build_suites
        && !known.contains(suite)
    {
        let what = format!("`{}` asks for the suite `{suite}`, and builds report {}", spot.requirement.id, names(known));
        linter.never(spot, None, what, "correct `suite`, or let the build report it");
    }
}

fn predicate_type(linter: &mut Linter<'_>, spot: Spot<'_>, rule: &EvidenceRule) {
    let (id, given) = (&spot.requirement.id, &rule.predicate_type);
    if !given.contains(':') {
        let what = format!("`{id}` asks for the predicate type `{given}`, which is no URI, so no statement has it");
        linter.never(spot, None, what, "write the whole URI, for example `https://slsa.dev/provenance/v1`");
    }
}
