//! Layers on each other: a lower one adds and tightens, where it applies.

use pathops_core::policy::{Authoring, FreezeState, Languages, LayerName, Place, Policy, PolicyLayer, PolicyProblem, Verdict};
use serde_json::{Value, json};

use crate::shop::{AT, DAY, Kind, Shop, about_this, after, closed_window, unit};

fn layer(value: Value) -> PolicyLayer {
    serde_json::from_value(value).unwrap()
}

fn tests(id: &str, suite: &str, least: u32) -> Value {
    let tests = json!({"run": "build", "suite": suite, "minPassed": least, "accept": {"maxAgeSeconds": 604_800}});
    json!({"id": id, "reason": format!("At least {least}."), "asks": {"tests": tests}})
}

fn policy(layers: &[Value]) -> Result<Policy, Vec<PolicyProblem>> {
    Policy::new(layers.iter().cloned().map(layer).collect(), &Languages::none())
}

/// Requirements that people wrote for the unit `orders` of this class, with the layers that they are from.
fn asked(policy: &Policy, class: Option<&str>) -> Vec<(String, String)> {
    let mut unit = unit();
    unit.class = class.map(ToOwned::to_owned);
    let written = policy.requirements(&unit).filter(|(layer, _)| **layer != LayerName::BuiltIn);
    written.map(|(layer, requirement)| (requirement.id.to_string(), layer.to_string())).collect()
}

/// A layer of each name, with a requirement of its own.
fn one_each() -> Vec<Value> {
    let names = [json!("organisation"), json!("project"), json!({"class": "web"}), json!({"unit": "orders"})];
    let own = |(name, id): (Value, &str)| json!({"layer": name, "requirements": [tests(id, id, 1)]});
    names.into_iter().zip(["a", "b", "c", "d"]).map(own).collect()
}

#[test]
fn the_layers_over_a_unit_add_up() {
    let pairs = |ids: &[(&str, &str)]| ids.iter().map(|(id, from)| (String::from(*id), String::from(*from))).collect::<Vec<_>>();
    let (organisation, project) = (("a", "the organisation's policy"), ("b", "the project's policy"));
    let (class, unit) = (("c", "the policy of the class `web`"), ("d", "the policy of `orders`"));
    let all = policy(&one_each()).unwrap();
    assert_eq!(asked(&all, Some("web")), pairs(&[organisation, project, class, unit]));
    assert_eq!(asked(&all, Some("batch")), pairs(&[organisation, project, unit]));
    assert_eq!(asked(&all, None), pairs(&[organisation, project, unit]));
    let others = policy(&[json!({"layer": {"unit": "web"}, "requirements": [tests("d", "d", 1)]})]).unwrap();
    assert_eq!(asked(&others, Some("web")), pairs(&[]));
    assert!(!others.covers(&crate::shop::unit()), "the layer of another unit covers nothing here");
}

/// What is only told, and what is for some changes only, leaves changes that nothing stops: a unit that has no more is not
/// covered (I11), and such a window closes no calendar.
#[test]
fn only_what_stops_every_change_covers_a_unit_and_closes_its_calendar() {
    for (field, value, stops) in [
        ("severity", "required", true),
        ("changes", "all", true),
        ("severity", "advisory", false),
        ("changes", "opaque", false),
        ("changes", "by-agents", false),
    ] {
        let with = |mut requirement: Value| {
            requirement[field] = json!(value);
            policy(&[json!({"layer": "project", "requirements": [requirement]})]).unwrap()
        };
        assert_eq!(with(tests("a", "a", 1)).covers(&unit()), stops, "{field}: {value}");
        let window = with(json!({"id": "afternoon", "reason": "Lunch.", "asks": closed_window()}));
        let answer = window.freezes(&unit()).at(AT).unwrap();
        assert_eq!(matches!(answer.state, FreezeState::Closed { .. }), stops, "{field}: {value}: {answer:?}");
    }
}

#[test]
fn the_order_in_which_layers_are_handed_in_does_not_matter() {
    let layers = one_each();
    let first = policy(&layers).unwrap();
    for turn in 0..layers.len() {
        let mut turned = layers.clone();
        turned.rotate_left(turn);
        for layers in [turned.clone(), turned.into_iter().rev().collect()] {
            let again = policy(&layers).unwrap();
            assert_eq!((again.digest(), &again), (first.digest(), &first));
            assert_eq!(asked(&again, Some("web")), asked(&first, Some("web")));
        }
    }
}

/// The shop with the same name in other layers: the project asks for 2 unit tests, and 2 have passed.
fn shop(others: &[Value]) -> Shop {
    let mut shop = Shop::passing();
    shop.others = others.iter().cloned().map(layer).collect();
    shop
}

#[test]
fn a_requirement_that_tightens_stands_in_place_of_the_one_above() {
    let mut shop = shop(&[
        json!({"layer": "organisation", "requirements": [tests("unit-tests", "unit", 1)]}),
        json!({"layer": {"unit": "orders"}, "requirements": [tests("unit-tests", "unit", 3)]}),
    ]);
    shop.refuses("three are asked for", &[("unit-tests", Verdict::Unknown)]);
    let of_that_name: Vec<_> =
        shop.decision().requirements.into_iter().filter(|it| it.id.as_str() == "unit-tests").map(|it| it.reason).collect();
    assert_eq!(of_that_name, ["At least 3."]);
    shop.edit(Kind::UnitTests, |it| it.predicate["passedTests"] = json!(["a", "b", "c"]));
    shop.passes("three");
}

/// A lower layer that takes fewer formats does not look at the others; the one above does, and stays in force beside it.
#[test]
fn what_a_tighter_requirement_does_not_look_at_still_counts_above() {
    let bom = |formats: Value| {
        let rule = json!({"formats": formats, "accept": {"maxAgeSeconds": DAY / 1_000}});
        json!({"id": "sbom", "reason": "Known parts.", "asks": {"sbom": rule}})
    };
    let organisation = |formats: Value| json!({"layer": "organisation", "requirements": [bom(formats)]});
    let unit = json!({"layer": {"unit": "orders"}, "requirements": [bom(json!(["spdx"]))]});
    let of = |at: i64, predicate_type: &str, field: &str, parts: Value| {
        about_this(predicate_type, &json!({field: parts, "timestamp": after(at).to_string()}))
    };
    for (formats, verdict) in [(json!(["spdx"]), Verdict::Pass), (json!(["cyclonedx", "spdx"]), Verdict::Unknown)] {
        let mut shop = shop(&[organisation(formats.clone()), unit.clone()]);
        shop.give(&of(-2, "https://spdx.dev/Document", "packages", json!([{"name": "serde"}])));
        shop.give(&of(-1, "https://cyclonedx.org/bom", "components", json!([])));
        assert_eq!(shop.requirement("sbom").verdict, verdict, "{formats}");
    }
}

#[test]
fn what_is_tightened_for_some_units_stands_as_it_was_for_the_others() {
    for (covers, least) in [
        (json!({"units": ["orders"]}), "At least 3."),
        (json!({"units": ["web"]}), "Tests guard behaviour."),
        (json!({"kind": "component"}), "Tests guard behaviour."),
        (json!({"classes": ["web"]}), "Tests guard behaviour."),
    ] {
        let mut narrow = tests("unit-tests", "unit", 3);
        narrow["covers"] = covers.clone();
        let shop = shop(&[json!({"layer": {"unit": "orders"}, "requirements": [narrow]})]);
        assert_eq!(shop.requirement("unit-tests").reason, least, "{covers}");
    }
}

#[test]
fn what_is_tightened_for_some_changes_stands_as_it_was_for_the_others() {
    let mut narrow = tests("unit-tests", "unit", 3);
    narrow["changes"] = json!("opaque");
    let mut shop = shop(&[json!({"layer": {"class": "web"}, "requirements": [narrow]})]);
    shop.readings.unit.class = Some("web".to_owned());
    assert_eq!(shop.requirement("unit-tests").reason, "Tests guard behaviour.");
    shop.readings.authoring = Authoring::Opaque;
    assert_eq!(shop.requirement("unit-tests").reason, "At least 3.");
}

#[test]
fn a_layer_that_is_tightened_twice_is_held_to_each() {
    let layers = |unit: u32| {
        [
            json!({"layer": "organisation", "requirements": [tests("t", "unit", 1)]}),
            json!({"layer": "project", "requirements": [tests("t", "unit", 3)]}),
            json!({"layer": {"unit": "orders"}, "requirements": [tests("t", "unit", unit)]}),
        ]
    };
    assert!(policy(&layers(3)).is_ok());
    let problems = policy(&layers(2)).unwrap_err();
    let against: Vec<_> = problems.iter().map(|it| it.against.as_ref().unwrap().layer.clone()).collect();
    assert_eq!(against, [LayerName::Project], "more than the organisation asks for, and less than the project does");
}

/// Layers of different classes are over different units, and say nothing of each other.
#[test]
fn layers_beside_each_other_are_not_compared() {
    let of = |class: &str, least| json!({"layer": {"class": class}, "requirements": [tests("t", "unit", least)]});
    let policy = policy(&[of("web", 5), of("batch", 1)]).unwrap();
    assert_eq!(asked(&policy, Some("batch")), [("t".to_owned(), "the policy of the class `batch`".to_owned())]);
}

#[track_caller]
fn problem(layers: &[Value], at: (LayerName, Option<usize>), against: Option<(LayerName, usize)>, told: &str) {
    let place = |layer, requirement| Place { layer, requirement };
    let problems = policy(layers).err().unwrap_or_else(|| panic!("not told: {told}"));
    let found = problems.iter().find(|problem| problem.to_string() == told);
    let problem = found.unwrap_or_else(|| panic!("not `{told}`, but {problems:?}"));
    assert_eq!(problem.at, place(at.0, at.1), "{told}");
    assert_eq!(problem.against, against.map(|(layer, requirement)| place(layer, Some(requirement))), "{told}");
}

#[test]
fn a_name_is_there_once_in_a_layer_and_a_layer_once() {
    let twice = json!({"requirements": [tests("t", "unit", 1), tests("u", "unit", 1), tests("t", "unit", 2)]});
    let told = "two requirements of one layer are named `t`; give it a name of its own";
    problem(&[twice], (LayerName::Project, Some(2)), Some((LayerName::Project, 0)), told);
    let one = || json!({"layer": {"class": "web"}, "requirements": []});
    let web = LayerName::Class("web".to_owned());
    problem(&[one(), one()], (web, None), None, "the policy of the class `web` is there twice; put the two together");
    let problems = Policy::new(vec![PolicyLayer { layer: LayerName::BuiltIn, ..PolicyLayer::default() }], &Languages::none());
    assert_eq!(problems.unwrap_err()[0].what, "what is built in is there twice", "nobody writes that layer");
}

#[test]
fn the_names_of_what_is_always_asked_for_are_taken() {
    for name in ["covered", "evidence-integrity", "tested-combination"] {
        let told = format!("the name `{name}` is PathOps' own; give it a name of its own");
        problem(&[json!({"requirements": [tests(name, "unit", 1)]})], (LayerName::Project, Some(0)), None, &told);
    }
}

#[test]
fn what_can_never_hold_or_cannot_be_read_is_told() {
    let accept = json!({"maxAgeSeconds": 60});
    let signal = |bounds: Value| {
        let mut rule = json!({"name": "errors", "environment": "preflight", "accept": accept});
        rule.as_object_mut().unwrap().extend(bounds.as_object().unwrap().clone());
        json!({"signal": rule})
    };
    for (asks, told) in [
        (
            json!({"lifecycle": {"allowed": []}}),
            "`asked` allows no lifecycle state, so nothing is ever promoted; name at least one, for example `production`",
        ),
        (
            json!({"approvals": {"count": 1, "roles": []}}),
            "`asked` names no role, so no approval counts; name `owner`, `reviewer` or both",
        ),
        (
            json!({"sbom": {"formats": [], "accept": accept}}),
            "`asked` names no format, so nothing counts; name `cyclonedx`, `spdx` or both",
        ),
        (
            json!({"findings": {"max": {}, "accept": accept}}),
            "`asked` limits no severity; give a limit, for example `critical: 0`",
        ),
        (signal(json!({})), "`asked` has no bound; give `min`, `max` or both"),
        (signal(json!({"min": 2.0, "max": 1.0})), "no value is within the bounds of `asked`; let `min` be at most `max`"),
        (
            json!({"condition": {"language": "cedar", "text": "x"}}),
            "the condition `asked` cannot be read: the host knows no language `cedar`; it knows none; correct it",
        ),
    ] {
        let requirement = json!({"id": "asked", "reason": "It is asked for.", "asks": asks});
        problem(&[json!({"requirements": [requirement]})], (LayerName::Project, Some(0)), None, told);
    }
}

/// YAML has such numbers, and so do programs.
#[test]
fn a_bound_that_is_no_number_is_told() {
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for (min, max) in [(Some(odd), None), (None, Some(odd)), (Some(odd), Some(1.0))] {
            let rule = json!({"name": "errors", "environment": "preflight", "min": 0.0, "accept": {"maxAgeSeconds": 60}});
            let requirement = json!({"id": "asked", "reason": "It is asked for.", "asks": {"signal": rule}});
            let mut layer = layer(json!({"requirements": [requirement]}));
            let pathops_core::policy::Ask::Signal(rule) = &mut layer.requirements[0].asks else { panic!("no signal") };
            (rule.min, rule.max) = (min, max);
            let problems = Policy::new(vec![layer], &Languages::none()).unwrap_err();
            assert_eq!(problems[0].to_string(), "`asked` has a bound that is no number; write a number", "{min:?} {max:?}");
        }
    }
}

#[test]
fn every_problem_is_told_at_once() {
    let problems = policy(&[
        json!({"requirements": [tests("covered", "unit", 1), tests("t", "unit", 1), tests("t", "unit", 1)]}),
        json!({"layer": {"unit": "orders"}, "requirements": [tests("t", "unit", 0), json!({"id": "life", "reason": "x", "asks": {"lifecycle": {"allowed": []}}})]}),
    ]);
    assert_eq!(problems.unwrap_err().len(), 4);
}
