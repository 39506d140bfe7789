//! A lower layer tightens and never loosens: field by field, and by what then passes.

use std::collections::BTreeMap;

use pathops_core::policy::{Ask, HypotheticalFacts, LayerName, Policy, PolicyLayer, PolicyProblem, Verdict, evaluate};
use serde_json::{Value, json};

use crate::base::{languages, policy};
use crate::generate::{Dice, generated, generated_policy};

/// What stands above, in full.
fn upper(kind: &str) -> Value {
    let accept = json!({"maxAgeSeconds": 60, "from": ["ci", "cluster"], "inLedger": true});
    let borne = json!([{"id": "CVE-1", "owner": "dave", "reason": "so", "until": "2026-12-01T00:00:00Z"}]);
    let terms = match kind {
        "evidence" => json!({"predicateType": "a", "about": "tree"}),
        "tests" => json!({"run": "build", "suite": "unit", "minPassed": 2, "maxSkipped": 1, "maxFlaky": 1}),
        "findings" => json!({"max": {"critical": 0, "high": 1}, "scanners": ["a"], "exceptions": borne}),
        "sbom" => json!({"formats": ["cyclonedx", "spdx"]}),
        "health" => json!({"settledSeconds": 60}),
        "soak" => json!({"seconds": 60, "maxGapSeconds": 60}),
        "signal" => json!({"name": "a", "environment": "preflight", "min": 1.0, "max": 2.0, "minSamples": 10}),
        "approvals" => return json!({"count": 2, "roles": ["owner", "reviewer"]}),
        "lifecycle" => return json!({"allowed": ["path-ready", "production"]}),
        "condition" => return json!({"language": "word", "text": "yes"}),
        "freeze" => return crate::base::freeze_on(&["friday"]),
        "deployment" | "contracts" => json!({}),
        _ => return json!({}),
    };
    let mut all = terms;
    all["accept"] = accept;
    all
}

fn requirement(kind: &str, terms: Value) -> Value {
    json!({"id": "it", "reason": "so", "asks": {kind: terms}})
}

fn layered(above: Value, below: Value) -> Result<Policy, Vec<PolicyProblem>> {
    let layers = json!([{"layer": "organisation", "requirements": [above]}, {"layer": "project", "requirements": [below]}]);
    Policy::new(serde_json::from_value(layers).unwrap(), &languages())
}

/// A field of a kind of requirement, and a value for it.
type Edit = (&'static str, &'static str, Value);

fn edited((kind, pointer, value): &Edit) -> Result<Policy, Vec<PolicyProblem>> {
    let mut below = upper(kind);
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let fields = below.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        assert!(fields.remove(name).is_some());
    } else {
        fields.insert(name.to_owned(), value.clone());
    }
    layered(requirement(kind, upper(kind)), requirement(kind, below))
}

const WITH_EVIDENCE: [&str; 9] = ["evidence", "tests", "findings", "sbom", "deployment", "health", "soak", "contracts", "signal"];

#[test]
fn what_asks_for_less_is_refused_and_both_places_are_named() {
    let later = json!([{"id": "CVE-1", "owner": "dave", "reason": "so", "until": "2026-12-01T00:00:00.001Z"}]);
    let another = json!([{"id": "CVE-2", "owner": "dave", "reason": "so", "until": "2026-11-01T00:00:00Z"}]);
    let by_another = json!([{"id": "CVE-1", "owner": "erin", "reason": "so", "until": "2026-12-01T00:00:00Z"}]);
    let mut looser: Vec<Edit> = vec![
        ("findings", "/exceptions", by_another),
        ("evidence", "/predicateType", json!("b")),
        ("evidence", "/about", json!("artifact")),
        ("tests", "/run", json!("preflight")),
        ("tests", "/suite", json!("smoke")),
        ("tests", "/minPassed", json!(1)),
        ("tests", "/maxSkipped", json!(2)),
        ("tests", "/maxFlaky", json!(2)),
        ("findings", "/max/high", json!(2)),
        ("findings", "/max/high", Value::Null),
        ("findings", "/max/critical", Value::Null),
        ("findings", "/max", json!({"medium": 1})),
        ("findings", "/max", json!({"critical": 0, "low": 2})),
        ("findings", "/scanners", json!(["b"])),
        ("findings", "/scanners", Value::Null),
        ("findings", "/exceptions", later),
        ("findings", "/exceptions", another),
        ("health", "/settledSeconds", json!(59)),
        ("soak", "/seconds", json!(59)),
        ("soak", "/maxGapSeconds", json!(61)),
        ("approvals", "/count", json!(1)),
        ("lifecycle", "/allowed", json!(["path-ready", "prototype"])),
        ("signal", "/name", json!("b")),
        ("signal", "/environment", json!("production")),
        ("signal", "/min", json!(0.9)),
        ("signal", "/min", Value::Null),
        ("signal", "/max", json!(2.1)),
        ("signal", "/max", Value::Null),
        ("signal", "/minSamples", json!(9)),
        ("condition", "/text", json!("no")),
        ("freeze", "/timeZone", json!("UTC")),
    ];
    for kind in WITH_EVIDENCE {
        looser.push((kind, "/accept/maxAgeSeconds", json!(61)));
        looser.push((kind, "/accept/from", json!(["ci", "other"])));
        looser.push((kind, "/accept/from", Value::Null));
        looser.push((kind, "/accept/inLedger", json!(false)));
    }
    for edit in &looser {
        let problems = edited(edit).expect_err(&format!("{edit:?} loosens"));
        let [problem] = problems.as_slice() else { panic!("{edit:?}: {problems:?}") };
        let against = problem.against.as_ref().unwrap();
        assert_eq!((&problem.at.layer, problem.at.requirement), (&LayerName::Project, Some(0)), "{edit:?}");
        assert_eq!((&against.layer, against.requirement), (&LayerName::Organisation, Some(0)), "{edit:?}");
        assert!(problem.what.contains("loosens"), "{problem}");
    }
}

#[test]
fn what_asks_for_as_much_or_more_is_taken() {
    let earlier = json!([{"id": "CVE-1", "owner": "dave", "reason": "other", "until": "2026-11-30T00:00:00Z"}]);
    let mut tighter: Vec<Edit> = vec![
        ("tests", "/minPassed", json!(3)),
        ("tests", "/maxSkipped", json!(0)),
        ("tests", "/maxFlaky", json!(0)),
        ("findings", "/max/high", json!(0)),
        ("findings", "/max/low", json!(5)),
        ("findings", "/max", json!({"high": 0})),
        ("findings", "/max", json!({"low": 0})),
        ("findings", "/max", json!({"critical": 0, "medium": 1})),
        ("findings", "/max", json!({"critical": 5, "high": 0})),
        ("findings", "/scanners", json!(["a", "b"])),
        ("findings", "/exceptions", earlier),
        ("findings", "/exceptions", Value::Null),
        ("sbom", "/formats", json!(["spdx"])),
        ("health", "/settledSeconds", json!(61)),
        ("soak", "/seconds", json!(61)),
        ("soak", "/maxGapSeconds", json!(59)),
        ("approvals", "/count", json!(3)),
        ("approvals", "/roles", json!(["owner"])),
        ("lifecycle", "/allowed", json!(["production"])),
        ("signal", "/min", json!(1.1)),
        ("signal", "/max", json!(1.9)),
        ("signal", "/minSamples", json!(11)),
    ];
    for kind in WITH_EVIDENCE {
        tighter.push((kind, "/accept/maxAgeSeconds", json!(59)));
        tighter.push((kind, "/accept/from", json!(["ci"])));
    }
    for edit in &tighter {
        edited(edit).unwrap_or_else(|problems| panic!("{edit:?}: {problems:?}"));
    }
    for kind in WITH_EVIDENCE.into_iter().chain(["approvals", "lifecycle", "condition", "freeze", "incidents", "dependencies"]) {
        let it = requirement(kind, upper(kind));
        layered(it.clone(), it).unwrap_or_else(|problems| panic!("the same {kind}: {problems:?}"));
    }
}

/// Every rule of limits up to one against every other: the lower one is taken where it lets nothing stay that the upper one
/// does not, over every report of up to two findings of each severity, and refused where there is one that it does.
#[test]
fn limits_of_findings_are_compared_as_what_they_let_stay() {
    const NAMES: [&str; 4] = ["low", "medium", "high", "critical"];
    let each = |most: usize| (0..most.pow(4)).map(move |it| [0, 1, 2, 3].map(|place| it / most.pow(place) % most));
    // Two for no limit.
    let let_stay = |limits: &[usize; 4], found: &[usize; 4]| {
        (0..4).all(|place| limits[place] == 2 || found[place..].iter().sum::<usize>() <= limits[place])
    };
    let rule = |limits: &[usize; 4]| {
        let max: BTreeMap<_, _> = NAMES.into_iter().zip(*limits).filter(|(_, limit)| *limit < 2).collect();
        requirement("findings", json!({"max": max, "accept": {"maxAgeSeconds": 60}}))
    };
    let limits: Vec<_> = each(3).filter(|limits| *limits != [2; 4]).collect();
    for (upper, lower) in limits.iter().flat_map(|upper| limits.iter().map(move |lower| (upper, lower))) {
        let is_tighter = each(3).all(|found| !let_stay(lower, &found) || let_stay(upper, &found));
        assert_eq!(layered(rule(upper), rule(lower)).is_ok(), is_tighter, "{upper:?} above {lower:?}");
    }
}

#[test]
fn one_bound_more_or_the_ledger_tightens() {
    let with = |terms: Value| requirement("signal", terms);
    let accept = json!({"maxAgeSeconds": 60});
    let one = |bound: &str| json!({"name": "a", "environment": "preflight", bound: 1.0, "accept": accept});
    let mut both = one("min");
    both["max"] = json!(1.0);
    for bound in ["min", "max"] {
        assert!(layered(with(one(bound)), with(both.clone())).is_ok(), "{bound}");
        assert!(layered(with(both.clone()), with(one(bound))).is_err(), "{bound}");
    }
    let mut logged = one("min");
    logged["accept"]["inLedger"] = json!(true);
    assert!(layered(with(one("min")), with(logged)).is_ok());
    let mut named = one("min");
    named["accept"]["from"] = json!(["ci"]);
    assert!(layered(with(one("min")), with(named)).is_ok());
}

#[test]
fn another_kind_of_requirement_and_mere_advice_do_not_stand_in_its_place() {
    for (above, below) in [("health", "soak"), ("incidents", "stop-the-line"), ("approvals", "lifecycle")] {
        assert!(layered(requirement(above, upper(above)), requirement(below, upper(below))).is_err(), "{above} and {below}");
    }
    let mut advice = requirement("health", upper("health"));
    advice["severity"] = json!("advisory");
    assert!(layered(requirement("health", upper("health")), advice.clone()).is_err());
    assert!(layered(advice.clone(), requirement("health", upper("health"))).is_ok());
    assert!(layered(advice.clone(), advice).is_ok());
}

fn whole(above: Value, below: Value) -> Result<Policy, Vec<PolicyProblem>> {
    let named = |layer: &str, mut it: Value| {
        it["layer"] = json!(layer);
        it
    };
    let layers = json!([named("organisation", above), named("project", below)]);
    Policy::new(serde_json::from_value(layers).unwrap(), &languages())
}

#[test]
fn what_is_allowed_beside_requirements_is_never_more_below() {
    let glass = |requirements: Value, roles: Value, people: u32, seconds: u64| json!({"breakGlass": {"requirements": requirements, "roles": roles, "people": people, "validSeconds": seconds}});
    let above = glass(json!(["a", "b"]), json!(["owner", "reviewer"]), 3, 60);
    for (below, ok) in [
        (above.clone(), true),
        (glass(json!(["a"]), json!(["owner"]), 4, 59), true),
        (json!({}), true),
        (glass(json!(["a", "c"]), json!(["owner"]), 3, 60), false),
        (glass(json!(["a"]), json!(["owner"]), 2, 60), false),
        (glass(json!(["a"]), json!(["owner"]), 3, 61), false),
    ] {
        assert_eq!(whole(above.clone(), below.clone()).is_ok(), ok, "{below}");
    }
    assert!(
        whole(glass(json!(["a"]), json!(["owner"]), 2, 60), glass(json!(["a"]), json!(["owner", "reviewer"]), 2, 60)).is_err()
    );
    assert!(whole(json!({}), above).is_err(), "nobody gets past anything above");
    for name in ["request", "stop", "freeze"] {
        let may = |roles: Value| json!({"permissions": {name: roles}});
        assert!(whole(may(json!(["owner"])), may(json!(["owner", "reviewer"]))).is_err(), "{name}");
        assert!(whole(may(json!(["owner", "reviewer"])), may(json!(["owner"]))).is_ok(), "{name}");
        assert!(whole(json!({}), may(json!(["owner"]))).is_ok(), "{name}");
    }
    let merge = |by: &str| json!({"preflightMerge": by});
    assert!(whole(merge("people"), merge("pathops")).is_err());
    assert!(whole(merge("pathops"), merge("people")).is_ok());
    assert!(whole(merge("pathops"), merge("pathops")).is_ok());
    assert!(whole(json!({}), merge("pathops")).is_err(), "people merge above");
}

#[test]
fn what_no_promotion_could_meet_or_nobody_can_read_is_no_policy() {
    let terms = |kind: &str, change: &dyn Fn(&mut Value)| {
        let mut terms = upper(kind);
        change(&mut terms);
        json!({"requirements": [requirement(kind, terms)]})
    };
    // By nobody in particular, or by somebody who holds none of no roles.
    let checked =
        |approvals: u32| requirement("policy", json!({"approvals": approvals, "roles": [], "accept": {"maxAgeSeconds": 60}}));
    let named = |id: &str| {
        let mut it = requirement("incidents", json!({}));
        it["id"] = json!(id);
        it
    };
    let glass = |change: &dyn Fn(&mut Value)| {
        let mut it = json!({"requirements": ["a"], "roles": ["owner"], "people": 2, "validSeconds": 60});
        change(&mut it);
        json!({"breakGlass": it})
    };
    let bad = [
        terms("lifecycle", &|it| it["allowed"] = json!([])),
        terms("approvals", &|it| it["roles"] = json!([])),
        json!({"requirements": [checked(1)]}),
        terms("sbom", &|it| it["formats"] = json!([])),
        terms("findings", &|it| it["max"] = json!({})),
        terms("signal", &|it| (it["min"], it["max"]) = (json!(2.0), json!(1.0))),
        terms("signal", &|it| (it["min"], it["max"]) = (Value::Null, Value::Null)),
        terms("condition", &|it| it["language"] = json!("unknown")),
        terms("freeze", &|it| it["timeZone"] = json!("Europe/Atlantis")),
        json!({"requirements": [named("a"), named("a")]}),
        json!({"requirements": [named("covered")]}),
        json!({"requirements": [named("evidence-integrity")]}),
        json!({"requirements": [named("tested-combination")]}),
        glass(&|it| it["people"] = json!(1)),
        glass(&|it| it["roles"] = json!([])),
        glass(&|it| it["requirements"] = json!(["approval"])),
        glass(&|it| it["requirements"] = json!(["a", "tested-combination"])),
    ];
    let read = |layer: &Value| Policy::new(vec![serde_json::from_value(layer.clone()).unwrap()], &languages());
    for layer in bad {
        let problems = read(&layer).expect_err(&layer.to_string());
        assert_eq!(problems.len(), 1, "{layer}: {problems:?}");
    }
    let good = [
        json!({"requirements": [checked(0)]}),
        terms("signal", &|it| (it["min"], it["max"]) = (json!(1.0), json!(1.0))),
        json!({"requirements": [named("a"), named("b")]}),
        glass(&|_| ()),
    ];
    for layer in good {
        read(&layer).unwrap_or_else(|problems| panic!("{layer}: {problems:?}"));
    }
    let mut endless: PolicyLayer = serde_json::from_value(terms("signal", &|_| ())).unwrap();
    for bound in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let Ask::Signal(rule) = &mut endless.requirements[0].asks else { panic!("another") };
        (rule.min, rule.max) = (Some(bound), None);
        assert!(Policy::new(vec![endless.clone()], &languages()).is_err(), "{bound}");
        let Ask::Signal(rule) = &mut endless.requirements[0].asks else { panic!("another") };
        (rule.min, rule.max) = (None, Some(bound));
        assert!(Policy::new(vec![endless.clone()], &languages()).is_err(), "{bound}");
    }
    let twice = serde_json::from_value::<Vec<PolicyLayer>>(json!([{"layer": "project"}, {"layer": "project"}])).unwrap();
    assert!(Policy::new(twice, &languages()).is_err());
}

/// Layers of which one is never over what the other is over have nothing to do with each other.
#[test]
fn layers_of_two_classes_do_not_tighten_each_other() {
    let asks = |count: u32| json!([requirement("approvals", json!({"count": count, "roles": ["owner"]}))]);
    for (web, batch) in [(2, 1), (1, 2)] {
        let layers = json!([
            {"layer": {"class": "web"}, "requirements": asks(web)},
            {"layer": {"class": "batch"}, "requirements": asks(batch)},
            {"layer": {"unit": "orders"}, "requirements": asks(2)},
        ]);
        assert!(Policy::new(serde_json::from_value(layers).unwrap(), &languages()).is_ok(), "{web} and {batch}");
    }
}

#[test]
fn policies_are_the_same_where_their_layers_are() {
    let one = |count: u32| {
        let it = json!([{"requirements": [requirement("approvals", json!({"count": count, "roles": ["owner"]}))]}]);
        policy(serde_json::from_value(it).unwrap())
    };
    assert_eq!((one(1) == one(1), one(1).digest() == one(1).digest()), (true, true));
    assert_eq!((one(1) == one(2), one(1).digest() == one(2).digest()), (false, false));
}

/// Whatever was taken for tighter: where the lower one passes, so would the upper one.
#[test]
fn what_passes_below_passes_above() {
    let (mut pairs, mut passed) = (0, 0);
    for seed in 0..400 {
        let mut dice = Dice::new(seed);
        let whole = generated_policy(&mut dice);
        let case = generated(&mut dice, whole.layers());
        let decision = |policy: &Policy| evaluate(policy, &HypotheticalFacts::from(case.facts(&whole)), case.at);
        for (low, layer) in whole.layers().iter().enumerate() {
            for requirement in &layer.requirements {
                let above = |it: &PolicyLayer| it.requirements.iter().any(|it| it.id == requirement.id);
                if !whole.layers()[..low].iter().any(above) || matches!(requirement.asks, Ask::Approvals(_)) {
                    continue;
                }
                pairs += 1;
                let without = policy(whole.layers()[..low].to_vec());
                let stands = |policy: &Policy| decision(policy).requirements.into_iter().find(|it| it.id == requirement.id);
                let (Some(below), Some(upper)) = (stands(&whole), stands(&without)) else { continue };
                if below.verdict == Verdict::Pass {
                    passed += 1;
                    assert_eq!(upper.verdict, Verdict::Pass, "seed {seed}: {}", requirement.id);
                }
            }
        }
    }
    assert!(pairs > 300 && passed > 200, "{pairs} pairs, {passed} passed");
}
