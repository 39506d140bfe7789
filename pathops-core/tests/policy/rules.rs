//! What the rules cover (I11), and the requirements that are no evidence and no approval.

use pathops_core::adapter::ReviewState::{Approved, ChangesRequested, Commented, Dismissed};
use pathops_core::policy::{Ask, Coverage, Stage, Verdict};
use pathops_core::project::{Lifecycle, OpenIncident, UnitKind};
use serde_json::{Value, json};

use crate::shop::{AT, Kind, Shop, agent, by, review};

fn covers(value: Value) -> Shop {
    let mut shop = Shop::passing();
    let covers: Coverage = serde_json::from_value(value).unwrap();
    shop.layer.requirements.iter_mut().for_each(|requirement| requirement.covers = covers.clone());
    shop
}

const UNCOVERED: &[(&str, Verdict)] = &[("covered", Verdict::Fail)];

#[test]
fn what_no_rule_covers_is_refused() {
    let mut shop = Shop::passing();
    shop.layer.requirements.clear();
    shop.refuses("no rules at all", UNCOVERED);
    shop.readings.proposal = None;
    shop.refuses("at the first stage too", UNCOVERED);
}

#[test]
fn a_requirement_covers_what_all_its_selectors_match() {
    for matching in
        [json!({}), json!({"kind": "app"}), json!({"units": ["orders", "web"]}), json!({"kind": "app", "units": ["orders"]})]
    {
        covers(matching.clone()).passes(&matching.to_string());
    }
    for other in [
        json!({"kind": "component"}),
        json!({"units": ["web"]}),
        json!({"units": []}),
        json!({"classes": []}),
        json!({"classes": ["web"]}),
        json!({"kind": "component", "units": ["orders"]}),
        json!({"kind": "app", "units": ["web"]}),
    ] {
        covers(other.clone()).refuses(&other.to_string(), UNCOVERED);
    }
}

#[test]
fn a_class_selects_units_of_that_class_only() {
    let mut shop = covers(json!({"classes": ["web", "service"]}));
    shop.refuses("a unit without a class", UNCOVERED);
    shop.readings.unit.class = Some("batch".to_owned());
    shop.refuses("a unit of another class", UNCOVERED);
    shop.readings.unit.class = Some("service".to_owned());
    shop.passes("a unit of that class");
}

#[test]
fn every_requirement_that_covers_a_unit_applies() {
    let owners = json!({"id": "owners", "reason": "Owners answer.", "asks": {"approvals": {"count": 1, "roles": ["owner"]}}});
    let shop = Shop::asking(owners);
    shop.refuses("bob is a reviewer, and the second one wants an owner", &[("owners", Verdict::Unknown)]);
}

#[test]
fn a_component_has_no_artifact_and_no_build() {
    let mut shop = Shop::passing();
    shop.readings.unit.kind = UnitKind::Component { component_type: "store".to_owned() };
    shop.readings.artifact = None;
    shop.readings.source = None;
    shop.passes("judged by what ran in preflight");
    shop.rule("unit-tests").covers = Coverage::default();
    shop.refuses("asked for the tests of a build", &[("unit-tests", Verdict::Unknown)]);
    shop.without_rule("unit-tests");
    for kind in [Kind::Deployment, Kind::Health, Kind::Smoke] {
        let mut shop = shop.clone();
        shop.remove(kind);
        shop.refuses("which must be there", &[(kind.requirement(), Verdict::Unknown)]);
    }
}

#[test]
fn the_tests_of_an_unknown_build_prove_nothing() {
    let mut shop = Shop::passing();
    shop.readings.source = None;
    shop.refuses("no source", &[("unit-tests", Verdict::Unknown)]);
    let mut shop = Shop::passing();
    shop.readings.artifact = None;
    shop.refuses("no artifact", &[("unit-tests", Verdict::Unknown)]);
}

#[test]
fn a_rule_that_asks_for_no_test_to_pass_is_not_met_by_tests_that_did_not_run() {
    for kind in [Kind::UnitTests, Kind::Smoke] {
        let mut shop = Shop::passing();
        let Ask::Tests(rule) = &mut shop.rule(kind.requirement()).asks else { panic!("no rule about tests") };
        rule.min_passed = 0;
        shop.passes("tests ran");
        shop.edit(kind, |statement| statement.predicate["passedTests"] = json!([]));
        shop.refuses(&format!("{kind:?}"), &[(kind.requirement(), Verdict::Unknown)]);
    }
}

#[test]
fn only_allowed_lifecycle_states_are_promoted() {
    for (state, allowed) in [(Lifecycle::Prototype, false), (Lifecycle::PathReady, true), (Lifecycle::Production, true)] {
        let mut shop = Shop::passing();
        shop.readings.unit.lifecycle = state;
        if allowed { shop.passes(&state.to_string()) } else { shop.refuses(&state.to_string(), &[("lifecycle", Verdict::Fail)]) }
    }
}

#[test]
fn an_open_incident_of_the_unit_or_of_the_project_stops_it() {
    for (unit, stops) in [(Some("orders"), true), (None, true), (Some("web"), false)] {
        let mut shop = Shop::passing();
        let unit = unit.map(|name| name.parse().unwrap());
        shop.readings.incidents = vec![OpenIncident { id: "INC-7".to_owned(), unit, since: AT, summary: "slow".to_owned() }];
        if stops {
            shop.refuses("open", &[("no-open-incident", Verdict::Fail)]);
            assert!(shop.decision().can_wait(), "people can close it");
        } else {
            shop.passes("of another unit");
        }
    }
}

#[test]
fn a_combination_that_was_not_tested_is_refused() {
    let mut shop = Shop::passing();
    shop.proposal().carries_tested = false;
    shop.refuses("something else", &[("tested-combination", Verdict::Fail)]);
    assert!(!shop.decision().can_wait(), "time and people do not help");
}

#[test]
fn the_first_stage_defers_what_is_about_the_pull_request_and_nothing_else() {
    let shop = Shop::first_stage();
    let decision = shop.decision();
    assert_eq!((decision.stage, decision.verdict), (Stage::First, Verdict::Pass));
    let deferred: Vec<_> = decision.requirements.iter().filter(|it| it.deferred).map(|it| (it.id.as_str(), it.verdict)).collect();
    assert_eq!(deferred, [("tested-combination", Verdict::Unknown), ("approval", Verdict::Unknown)]);
    for kind in [Kind::UnitTests, Kind::Deployment, Kind::Health, Kind::Smoke] {
        let mut shop = shop.clone();
        shop.remove(kind);
        shop.refuses("evidence is asked for now", &[(kind.requirement(), Verdict::Unknown)]);
    }
    assert!(Shop::passing().decision().requirements.iter().all(|it| !it.deferred), "the final stage defers nothing");
}

/// The head of the source pull request, and the one before it.
const SOURCE: char = '1';
const EARLIER: char = '0';

fn pipeline_changed() -> Shop {
    let mut shop = Shop::passing();
    shop.edit(Kind::UnitTests, |statement| {
        statement.predicate["configuration"][0]["annotations"]["pipelineChanged"] = json!(true);
    });
    shop
}

#[test]
fn a_changed_pipeline_is_believed_once_a_person_approved_it() {
    let mut shop = pipeline_changed();
    shop.refuses("nobody looked at it", &[("unit-tests", Verdict::Unknown)]);
    assert!(!shop.decision().can_wait(), "its pull request is merged: an approval comes too late");
    shop.readings.source_reviews = vec![review("bob", Approved, SOURCE)];
    shop.passes("bob approved its head");
}

#[test]
fn a_changed_pipeline_is_not_believed_on_the_word_of_those_who_changed_it() {
    for reviews in [
        vec![review("alice", Approved, SOURCE)],
        vec![review("carol", Approved, SOURCE)],
        vec![by(agent("bob"), Approved, SOURCE)],
        vec![review("erin", Approved, SOURCE)],
        vec![review("mallory", Approved, SOURCE)],
        vec![review("bob", Approved, EARLIER)],
        vec![review("bob", Commented, SOURCE)],
        vec![review("bob", Approved, SOURCE), review("bob", Dismissed, SOURCE)],
        vec![review("bob", Approved, SOURCE), review("alice", ChangesRequested, SOURCE)],
    ] {
        let mut shop = pipeline_changed();
        shop.readings.source_reviews = reviews;
        shop.refuses(&format!("{:?}", shop.readings.source_reviews), &[("unit-tests", Verdict::Unknown)]);
    }
    let mut shop = pipeline_changed();
    shop.readings.source_reviews = vec![review("bob", Approved, SOURCE)];
    shop.readings.source_head = None;
    shop.refuses("the head of the source is not known", &[("unit-tests", Verdict::Unknown)]);
}

#[test]
fn a_failure_of_a_changed_pipeline_is_believed_at_once() {
    let mut shop = pipeline_changed();
    shop.edit(Kind::UnitTests, |statement| {
        statement.predicate["configuration"][0]["annotations"]["pipelineChanged"] = json!(true);
        Kind::UnitTests.fail(statement);
    });
    shop.refuses("it failed", &[("unit-tests", Verdict::Fail)]);
}
