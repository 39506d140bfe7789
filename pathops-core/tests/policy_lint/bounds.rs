//! The bounds at which the linter begins to say something, and what is on this side of them.

use std::collections::BTreeMap;

use pathops_core::policy::{Languages, LintContext, lint};
use pathops_core::project::{Role, load_policy};

use crate::{AT, SOME, all_said_to, asking, asks, documents, people, said, staff, units};

/// The notes of a lint of app `orders`, with these producers and what they make.
fn said_of(asks: &str, producers: Option<&[&str]>, makes: Option<&[&str]>) -> Vec<String> {
    let (units, people) = (units(), staff());
    let made = |kinds: &[&str]| BTreeMap::from([("ci".parse().unwrap(), kinds.iter().map(|it| (*it).to_owned()).collect())]);
    let context = LintContext {
        units: &units,
        people: &people,
        producers: producers.map(|all| all.iter().map(|name| name.parse().unwrap()).collect()),
        kinds: makes.map(made),
        build_suites: None,
        at: AT,
    };
    let policy = load_policy(&documents(&[&asking(asks)]), &Languages::none()).unwrap();
    let notes = lint(&policy, &context).iter().map(|note| note.said()).collect::<Vec<_>>();
    notes.into_iter().filter(|note| note.contains("`it`")).collect()
}

#[test]
fn a_freeze_of_just_five_years_ends() {
    let until = |until: &str| format!("freeze: {{timeZone: Etc/UTC, from: \"2026-01-01T00:00\", until: \"{until}\"}}");
    asks(
        &until("2031-11-24T12:01"),
        "error: promotions are closed for the next 5 years at least, by `it` (for orders)",
        &until("2031-11-24T12:00"),
    );
}

#[test]
fn signals_of_different_names_or_places_do_not_exclude_each_other() {
    let with = |name: &str, environment: &str| {
        format!(
            "requirements:\n  - {{id: least, reason: why, asks: {{signal: {{name: load, environment: preflight, min: 5, {SOME}}}}}}}\n  - {{id: most, reason: why, asks: {{signal: {{name: {name}, environment: {environment}, max: 4, {SOME}}}}}}}"
        )
    };
    assert_eq!(said(&[&with("load", "preflight")]).len(), 1);
    for (name, environment) in [("errors", "preflight"), ("load", "production"), ("errors", "production")] {
        assert_eq!(said(&[&with(name, environment)]), [""; 0], "{name} in {environment}");
    }
}

#[test]
fn to_be_healthy_for_a_while_is_a_wait_too() {
    let with = |asks: &str| {
        format!(
            "requirements:\n  - {{id: health, reason: why, asks: {{health: {{settledSeconds: 7200, {SOME}}}}}}}\n  - {{id: it, reason: why, covers: {{kind: app}}, asks: {{{asks}}}}}"
        )
    };
    let about = |about: &str| {
        let accept = "accept: {maxAgeSeconds: 3600, from: [ci]}";
        format!("evidence: {{predicateType: \"https://example.com/review/v1\", about: {about}, {accept}}}")
    };
    for of_source in ["commit", "tree", "artifact"] {
        let told = said(&[&with(&about(of_source))]);
        let note = "warning: `health` takes 7200 s, and evidence for `it` from before is too old after 3600 s (for orders);";
        assert!(matches!(told.as_slice(), [one] if one.starts_with(note)), "{of_source}: {told:#?}");
    }
    assert_eq!(said(&[&with(&about("deployment"))]), [""; 0]);
}

#[test]
fn whose_matter_it_is_is_asked_where_there_is_a_choice() {
    let any = "findings: {max: {critical: 0}, accept: {maxAgeSeconds: 86400}}";
    assert_eq!(said_of(any, Some(&["ci", "gitops"]), None).len(), 1);
    assert_eq!(said_of(any, Some(&["ci"]), None), [""; 0]);
}

#[test]
fn of_what_is_made_only_the_kind_that_counts_is_looked_for() {
    let spdx = format!("sbom: {{formats: [spdx], {SOME}}}");
    assert_eq!(said_of(&spdx, None, Some(&["https://cyclonedx.org/bom/v1.6"])).len(), 1);
    // The controller runs these, whatever CI makes.
    assert_eq!(said_of(&format!("tests: {{run: preflight, suite: smoke, minPassed: 1, {SOME}}}"), None, Some(&[])), [""; 0]);
}

/// Whoever changes the policy does not approve that.
#[test]
fn a_policy_needs_one_more_keeper_than_it_asks_for() {
    let told = |count: u32, people: &BTreeMap<_, _>| {
        let asks = format!("policy: {{approvals: {count}, roles: [owner], accept: {{maxAgeSeconds: 86400}}}}");
        let notes = all_said_to(&[&asking(&asks)], people);
        notes.into_iter().filter(|note| note.contains("`it`")).collect::<Vec<_>>()
    };
    let mend = "ask for fewer, or give more people a role";
    assert_eq!(told(1, &staff()), [""; 0]);
    let all = "`it` takes everybody who holds one of the roles `owner` to approve the policy, so none of them can change it";
    assert_eq!(told(2, &staff()), [format!("warning: {all}; {mend}")]);
    let more = "`it` asks for 3 approval(s) of the policy, and 2 people hold one of the roles `owner`";
    assert_eq!(told(3, &staff()), [format!("error: {more}; {mend}")]);
    let nobody = people(&[("alice", &[Role::Reviewer]), ("bob", &[])]);
    assert_eq!(told(0, &nobody), [""; 0]);
}
