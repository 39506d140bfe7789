//! A lower layer never asks for less (a table of every field of every ask), and both places are named where it does.

use std::sync::Arc;

use pathops_core::policy::{
    Condition, ConditionError, ConditionLanguage, Languages, LayerName, Place, Policy, PolicyLayer, PolicyProblem,
};
use serde_json::{Value, json};

/// A language of which every text can be read. What it says is nobody's business here.
#[derive(Debug)]
struct Words;

impl ConditionLanguage for Words {
    fn name(&self) -> &'static str {
        "words"
    }

    fn version(&self) -> String {
        "1".to_owned()
    }

    fn compile(&self, _: &str) -> Result<Arc<dyn Condition>, ConditionError> {
        Ok(Arc::new(Words))
    }
}

impl Condition for Words {
    fn evaluate(&self, _: &pathops_core::policy::Summary) -> Result<pathops_core::policy::ConditionAnswer, ConditionError> {
        Err(ConditionError::new("it means nothing"))
    }
}

fn languages() -> Languages {
    Languages::none().with(Arc::new(Words)).with(Arc::new(OtherWords))
}

#[derive(Debug)]
struct OtherWords;

impl ConditionLanguage for OtherWords {
    fn name(&self) -> &'static str {
        "other"
    }

    fn version(&self) -> String {
        "1".to_owned()
    }

    fn compile(&self, text: &str) -> Result<Arc<dyn Condition>, ConditionError> {
        Words.compile(text)
    }
}

#[test]
fn a_language_that_the_host_does_not_know_is_named_with_those_that_it_knows() {
    let told = |languages: Languages| languages.compile("latin", "ita").unwrap_err().to_string();
    assert_eq!(told(languages()), "the host knows no language `latin`; it knows other, words");
    assert_eq!(told(Languages::none()), "the host knows no language `latin`; it knows none");
}

/// An ask of each kind, with something in every field.
fn asks() -> Vec<Value> {
    let accept = json!({"maxAgeSeconds": 60, "from": ["ci", "audit"], "inLedger": true});
    let exception = json!({"id": "CVE-1", "owner": "bob", "reason": "rare", "until": "2026-12-01T00:00:00Z"});
    vec![
        json!({"evidence": {"predicateType": "https://example.com/a", "about": "artifact", "accept": accept}}),
        json!({"tests": {"run": "build", "suite": "unit", "minPassed": 2, "maxSkipped": 2, "maxFlaky": 2, "accept": accept}}),
        json!({"findings": {"max": {"critical": 1, "high": 2}, "scanners": ["a", "b"], "exceptions": [exception], "accept": accept}}),
        json!({"sbom": {"formats": ["cyclonedx"], "accept": accept}}),
        json!({"deployment": {"accept": accept}}),
        json!({"health": {"settledSeconds": 60, "accept": accept}}),
        json!({"soak": {"seconds": 60, "maxGapSeconds": 60, "accept": accept}}),
        json!({"contracts": {"accept": accept}}),
        json!({"approvals": {"count": 2, "roles": ["owner"]}}),
        json!({"lifecycle": {"allowed": ["path-ready", "production"]}}),
        json!({"dependencies": {}}),
        json!({"incidents": {}}),
        json!({"stop-the-line": {}}),
        crate::shop::closed_window(),
        json!({"signal": {"name": "errors", "environment": "preflight", "min": 0.1, "max": 0.5, "minSamples": 10, "accept": accept}}),
        json!({"condition": {"language": "words", "text": "calm"}}),
    ]
}

fn kind(asks: &Value) -> &str {
    asks.as_object().unwrap().keys().next().unwrap()
}

fn requirement(asks: &Value) -> Value {
    json!({"id": "asked", "reason": "It is asked for.", "asks": asks})
}

fn layer(name: Value, requirement: &Value) -> PolicyLayer {
    serde_json::from_value(json!({"layer": name, "requirements": [requirement]})).unwrap()
}

/// The organisation asks for the one, and the project for the other.
fn stacked(upper: &Value, lower: &Value) -> Result<Policy, Vec<PolicyProblem>> {
    Policy::new(vec![layer(json!("project"), lower), layer(json!("organisation"), upper)], &languages())
}

#[track_caller]
fn loosens(upper: &Value, lower: &Value, why: &str) {
    let problems = stacked(upper, lower).err().unwrap_or_else(|| panic!("{lower} is taken for as tight as {upper}"));
    let [problem] = problems.as_slice() else { panic!("{lower}: {problems:?}") };
    let place = |layer| Place { layer, requirement: Some(0) };
    assert_eq!((&problem.at, problem.against.as_ref()), (&place(LayerName::Project), Some(&place(LayerName::Organisation))));
    assert_eq!(problem.what, format!("`asked` loosens the organisation's policy: {why}"), "{lower}");
}

#[track_caller]
fn tightens(upper: &Value, lower: &Value) {
    assert!(stacked(upper, lower).is_ok(), "{lower} is taken for less than {upper}");
}

fn ask(name: &str) -> Value {
    asks().into_iter().find(|ask| kind(ask) == name).unwrap()
}

const ANOTHER: &str = "it asks for something else";

#[test]
fn every_field_may_be_tighter_and_never_looser() {
    let borne = |id: &str, owner: &str, until: &str| json!([{"id": id, "owner": owner, "reason": "new", "until": until}]);
    let (longer, shorter) = ("2026-12-01T00:00:00.001Z", "2026-11-30T00:00:00Z");
    let same = "2026-12-01T00:00:00Z";
    // The ask, its field, something looser and why, something tighter.
    let table: [(&str, &str, Value, &str, Option<Value>); 39] = [
        ("evidence", "predicateType", json!("https://example.com/b"), ANOTHER, None),
        ("evidence", "about", json!("tree"), ANOTHER, None),
        ("tests", "run", json!("preflight"), ANOTHER, None),
        ("tests", "suite", json!("smoke"), ANOTHER, None),
        ("tests", "minPassed", json!(1), "fewer tests are enough", Some(json!(3))),
        ("tests", "maxSkipped", json!(3), "more tests may be skipped", Some(json!(1))),
        ("tests", "maxFlaky", json!(3), "more tests may be flaky", Some(json!(1))),
        ("findings", "max", json!({"critical": 2, "high": 2}), "more findings may stay", Some(json!({"critical": 0, "high": 0}))),
        ("findings", "max", json!({"critical": 1}), "more findings may stay", Some(json!({"critical": 1, "high": 2, "low": 9}))),
        // What is left out is held to the limit for what is milder, and to none for what is worse.
        ("findings", "max", json!({"high": 2}), "more findings may stay", Some(json!({"high": 1}))),
        ("findings", "max", json!({"critical": 1, "medium": 3}), "more findings may stay", Some(json!({"low": 0}))),
        ("findings", "max", json!({"critical": 0}), "more findings may stay", Some(json!({"critical": 1, "medium": 2}))),
        ("findings", "scanners", json!(["a"]), "fewer scanners must report", Some(json!(["a", "b", "c"]))),
        ("findings", "exceptions", borne("CVE-2", "bob", same), BORNE, Some(json!([]))),
        ("findings", "exceptions", borne("CVE-1", "bob", longer), BORNE, Some(borne("CVE-1", "bob", shorter))),
        ("findings", "exceptions", borne("CVE-1", "alice", same), BORNE, Some(borne("CVE-1", "bob", same))),
        ("sbom", "formats", json!(["cyclonedx", "spdx"]), "more formats count", None),
        ("sbom", "formats", json!(["spdx"]), "more formats count", None),
        ("health", "settledSeconds", json!(59), "a shorter time is enough", Some(json!(61))),
        ("soak", "seconds", json!(59), "a shorter time is enough", Some(json!(61))),
        ("soak", "maxGapSeconds", json!(61), "longer gaps are allowed", Some(json!(59))),
        ("approvals", "count", json!(1), "fewer approvals are enough", Some(json!(3))),
        ("approvals", "roles", json!(["owner", "reviewer"]), "more roles count", None),
        ("approvals", "roles", json!(["reviewer"]), "more roles count", None),
        ("lifecycle", "allowed", json!(["prototype", "production"]), "more states are allowed", Some(json!(["production"]))),
        ("signal", "name", json!("latency"), ANOTHER, None),
        ("signal", "environment", json!("production"), ANOTHER, None),
        ("signal", "min", json!(0.05), "its bounds are wider", Some(json!(0.2))),
        ("signal", "min", json!(null), "its bounds are wider", Some(json!(0.5))),
        ("signal", "max", json!(0.6), "its bounds are wider", Some(json!(0.4))),
        ("signal", "max", json!(null), "its bounds are wider", Some(json!(0.1))),
        ("signal", "minSamples", json!(9), "fewer samples are enough", Some(json!(11))),
        ("condition", "text", json!("calm or not"), ANOTHER, None),
        ("condition", "language", json!("other"), ANOTHER, None),
        ("freeze", "timeZone", json!("Europe/Paris"), ANOTHER, None),
        ("freeze", "from", json!("2026-11-20T12:01"), ANOTHER, None),
        ("freeze", "until", json!("2026-11-20T14:29"), ANOTHER, None),
        ("freeze", "repeat", json!("FREQ=DAILY"), ANOTHER, None),
        ("findings", "max", json!({"critical": 1, "high": 3}), "more findings may stay", None),
    ];
    for (name, field, looser, why, tighter) in table {
        let upper = ask(name);
        let with = |value: Value| {
            let mut asks = upper.clone();
            asks[name][field] = value;
            requirement(&asks)
        };
        loosens(&requirement(&upper), &with(looser), why);
        if let Some(tighter) = tighter {
            tightens(&requirement(&upper), &with(tighter));
        }
    }
}

const BORNE: &str = "it bears findings that are not borne above";

#[test]
fn what_evidence_counts_may_be_less_and_never_more() {
    let mut asked = 0;
    for upper in asks() {
        let name = kind(&upper).to_owned();
        if upper[&name].get("accept").is_none() {
            continue;
        }
        asked += 1;
        let with = |field: &str, value: Value| {
            let mut asks = upper.clone();
            asks[&name]["accept"][field] = value;
            requirement(&asks)
        };
        let upper = requirement(&upper);
        loosens(&upper, &with("maxAgeSeconds", json!(61)), "older evidence counts");
        loosens(&upper, &with("from", json!(["ci", "laptop"])), "more producers count");
        loosens(&upper, &with("from", json!(null)), "more producers count");
        loosens(&upper, &with("inLedger", json!(false)), "evidence outside of the ledger counts");
        tightens(&upper, &with("maxAgeSeconds", json!(59)));
        tightens(&upper, &with("from", json!(["ci"])));
        tightens(&with("from", json!(null)), &upper);
        tightens(&with("inLedger", json!(false)), &upper);
    }
    assert_eq!(asked, 9);
}

#[test]
fn the_same_once_more_is_as_tight() {
    asks().iter().for_each(|ask| tightens(&requirement(ask), &requirement(ask)));
}

#[test]
fn something_else_under_the_same_name_is_no_tightening() {
    for upper in asks() {
        for lower in asks().iter().filter(|lower| kind(lower) != kind(&upper)) {
            loosens(&requirement(&upper), &requirement(lower), ANOTHER);
        }
    }
}

#[test]
fn advice_does_not_stand_in_place_of_what_is_required() {
    for ask in asks() {
        let (required, mut advice) = (requirement(&ask), requirement(&ask));
        advice["severity"] = json!("advisory");
        loosens(&required, &advice, "it only advises");
        tightens(&advice, &required);
        tightens(&advice, &advice);
    }
}

/// Of what is built in: each once more, looser.
#[test]
fn what_is_built_in_is_not_loosened() {
    let table = [
        ("approval", json!({"approvals": {"count": 1, "roles": ["owner"]}}), None),
        ("lifecycle", json!({"lifecycle": {"allowed": ["prototype"]}}), Some("more states are allowed")),
        ("preflight-deployment", json!({"health": {"settledSeconds": 1, "accept": {"maxAgeSeconds": 1}}}), Some(ANOTHER)),
        ("dependencies", json!({"incidents": {}}), Some(ANOTHER)),
        ("no-open-incident", json!({"stop-the-line": {}}), Some(ANOTHER)),
        ("stop-the-line", json!({"dependencies": {}}), Some(ANOTHER)),
    ];
    for (id, asks, why) in table {
        let lower = json!({"id": id, "reason": "Easier.", "asks": asks});
        let stacked = Policy::new(vec![layer(json!("project"), &lower)], &Languages::none());
        let told = stacked.err().map(|problems| problems[0].what.clone());
        assert_eq!(told, why.map(|why| format!("`{id}` loosens what is built in: {why}")), "{id}");
    }
}
