//! Who may do what, and how people get past something: a lower layer allows no more than is allowed above.

use pathops_core::policy::Action::{self, BreakGlass, Freeze, Request, Stop};
use pathops_core::policy::{Languages, LayerName, MergeBy, Place, Policy};
use pathops_core::project::Role::{Owner, Reviewer};
use pathops_core::project::{Role, Unit};
use serde_json::{Value, json};

use crate::shop::unit;

fn policy(layers: &[Value]) -> Policy {
    Policy::new(layers.iter().map(|it| serde_json::from_value(it.clone()).unwrap()).collect(), &Languages::none()).unwrap()
}

/// Whether nobody in particular, a reviewer and an owner may do it.
fn may(policy: &Policy, action: Action, unit: Option<&Unit>) -> [bool; 3] {
    [&[][..], &[Reviewer], &[Owner]].map(|roles: &[Role]| policy.may(action, &roles.iter().copied().collect(), unit))
}

#[test]
fn without_a_word_everybody_requests_and_roles_stop_and_freeze_and_nobody_breaks_glass() {
    for policy in [policy(&[]), policy(&[json!({"layer": "organisation"}), json!({})])] {
        for unit in [None, Some(&unit())] {
            assert_eq!(may(&policy, Request, unit), [true, true, true]);
            assert_eq!(may(&policy, Stop, unit), [false, true, true]);
            assert_eq!(may(&policy, Freeze, unit), [false, true, true]);
            assert_eq!(may(&policy, BreakGlass, unit), [false, false, false]);
        }
    }
}

#[test]
fn the_lowest_word_over_a_unit_counts() {
    let layered = policy(&[
        json!({"layer": "organisation", "permissions": {"request": ["owner", "reviewer"], "stop": ["owner", "reviewer"]}}),
        json!({"layer": {"class": "web"}, "permissions": {"request": ["owner"], "stop": [], "freeze": ["owner"]}}),
        json!({"layer": {"unit": "orders"}, "permissions": {"stop": []}}),
    ]);
    let (orders, mut web, mut other) = (unit(), unit(), unit());
    (web.id, web.class) = ("web".parse().unwrap(), Some("web".to_owned()));
    other.id = "other".parse().unwrap();
    for (unit, request, stop, freeze) in [
        (None, [false, true, true], [false, true, true], [false, true, true]),
        (Some(&other), [false, true, true], [false, true, true], [false, true, true]),
        (Some(&web), [false, false, true], [false, false, false], [false, false, true]),
        (Some(&orders), [false, true, true], [false, false, false], [false, true, true]),
    ] {
        let name = unit.map(|unit| unit.id.clone());
        let found = [Request, Stop, Freeze].map(|action| may(&layered, action, unit));
        assert_eq!(found, [request, stop, freeze], "{name:?}");
    }
}

fn glass(requirements: &[&str], roles: &[&str], people: u32, seconds: u32) -> Value {
    json!({"requirements": requirements, "roles": roles, "people": people, "validSeconds": seconds})
}

#[test]
fn those_with_a_role_in_the_lowest_word_break_the_glass() {
    let layered = policy(&[
        json!({"breakGlass": glass(&["a", "b"], &["owner", "reviewer"], 2, 60)}),
        json!({"layer": {"unit": "orders"}, "breakGlass": glass(&["a"], &["owner"], 3, 30)}),
    ]);
    assert_eq!(may(&layered, BreakGlass, None), [false, true, true]);
    assert_eq!(may(&layered, BreakGlass, Some(&unit())), [false, false, true]);
    assert_eq!(layered.break_glass(&unit()).unwrap().people.get(), 3);
}

#[test]
fn pathops_merges_where_every_layer_that_says_it_lets_it() {
    let merge = |layers: &[Value]| policy(layers).preflight_merge(&unit());
    assert_eq!(merge(&[json!({})]), MergeBy::People);
    assert_eq!(merge(&[json!({"preflightMerge": "pathops"})]), MergeBy::Pathops);
    let both = [json!({"layer": "organisation", "preflightMerge": "pathops"}), json!({"preflightMerge": "people"})];
    assert_eq!(merge(&both), MergeBy::People);
    assert_eq!(merge(&[json!({"layer": "organisation", "preflightMerge": "pathops"}), json!({})]), MergeBy::Pathops);
}

/// What is said of one unit is said of no other.
#[test]
fn who_merges_is_said_of_the_unit_only() {
    let layered = policy(&[
        json!({"preflightMerge": "pathops"}),
        json!({"layer": {"class": "web"}, "preflightMerge": "people"}),
        json!({"layer": {"unit": "orders"}, "preflightMerge": "people"}),
    ]);
    let (mut web, mut other) = (unit(), unit());
    (web.id, web.class) = ("web".parse().unwrap(), Some("web".to_owned()));
    other.id = "other".parse().unwrap();
    let merge = |unit: &Unit| layered.preflight_merge(unit);
    assert_eq!((merge(&unit()), merge(&web), merge(&other)), (MergeBy::People, MergeBy::People, MergeBy::Pathops));
}

/// Where the uppermost layer does not let PathOps merge, none below does: silence means people.
#[test]
fn a_unit_does_not_let_pathops_merge_where_silence_above_means_people() {
    let layers = [json!({}), json!({"layer": {"unit": "orders"}, "preflightMerge": "pathops"})];
    let problems = Policy::new(layers.map(|it| serde_json::from_value(it).unwrap()).into(), &Languages::none()).unwrap_err();
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    let place = |layer| Place { layer, requirement: None };
    let unit = LayerName::Unit("orders".parse().unwrap());
    assert_eq!((&problem.at, problem.against.as_ref()), (&place(unit), Some(&place(LayerName::Project))));
    assert_eq!(problem.what, "`preflightMerge` loosens the project's policy: people merge there");
}

/// What the organisation and the project say, and what is wrong with that.
#[track_caller]
fn loosens(above: Value, below: Value, told: &str) {
    let (mut above, mut below) = (above, below);
    (above["layer"], below["layer"]) = (json!("organisation"), json!("project"));
    let layers = [&below, &above].map(|layer| serde_json::from_value(layer.clone()).unwrap());
    let problems = Policy::new(layers.to_vec(), &Languages::none()).err().unwrap_or_else(|| panic!("not told: {told}"));
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    let place = |layer| Place { layer, requirement: None };
    assert_eq!((&problem.at, problem.against.as_ref()), (&place(LayerName::Project), Some(&place(LayerName::Organisation))));
    assert_eq!(problem.what, told);
}

#[test]
fn a_lower_layer_allows_no_more_and_both_places_are_named() {
    let merges = |by: &str| json!({"preflightMerge": by});
    for above in [merges("people"), json!({})] {
        loosens(above, merges("pathops"), "`preflightMerge` loosens the organisation's policy: people merge there");
    }
    for name in ["request", "stop", "freeze"] {
        let roles = |roles: &[&str]| json!({"permissions": {name: roles}});
        let told = format!("`permissions.{name}` loosens the organisation's policy: more roles may do it");
        loosens(roles(&["owner"]), roles(&["owner", "reviewer"]), &told);
        loosens(roles(&["owner"]), roles(&["reviewer"]), &told);
    }
    let breaks = |glass: Value| json!({"breakGlass": glass});
    let upper = || breaks(glass(&["a", "b"], &["owner"], 3, 60));
    for (glass, why) in [
        (glass(&["a", "c"], &["owner"], 3, 60), "it gets past more requirements"),
        (glass(&["a"], &["owner", "reviewer"], 3, 60), "more roles may do it"),
        (glass(&["a"], &["owner"], 2, 60), "fewer people are enough"),
        (glass(&["a"], &["owner"], 3, 61), "it holds longer"),
    ] {
        loosens(upper(), breaks(glass), &format!("`breakGlass` loosens the organisation's policy: {why}"));
    }
    let told = "`breakGlass` loosens the organisation's policy: nobody gets past anything there";
    loosens(json!({}), breaks(glass(&["a"], &["owner"], 3, 60)), told);
}

#[track_caller]
fn no_glass(glass: Value, told: &str) {
    let layer = serde_json::from_value(json!({"breakGlass": glass})).unwrap();
    let problems = Policy::new(vec![layer], &Languages::none()).err().unwrap_or_else(|| panic!("not told: {told}"));
    assert_eq!(problems.iter().map(ToString::to_string).collect::<Vec<_>>(), [told]);
}

#[test]
fn glass_that_one_breaks_or_nobody_or_that_is_built_in_is_told() {
    no_glass(glass(&["a"], &["owner"], 1, 60), "one person alone would break the glass; ask for at least two people");
    no_glass(glass(&["a"], &[], 2, 60), "`breakGlass` names no role, so nobody ever can; name `owner`, `reviewer` or both");
    for name in [
        "covered",
        "evidence-integrity",
        "tested-combination",
        "preflight-deployment",
        "approval",
        "lifecycle",
        "dependencies",
        "no-open-incident",
        "stop-the-line",
    ] {
        no_glass(glass(&["a", name], &["owner"], 2, 60), &format!("nobody gets past `{name}`: it is built in; take it out"));
    }
}
