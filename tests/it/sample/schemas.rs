//! The published schemas, held against the samples.

use pathops_core::project::{format_schemas, schemas};
use serde_json::{Value, json};

use super::text;

fn fits(name: &str, value: &Value) -> bool {
    let schemas: Vec<_> = schemas().into_iter().chain(format_schemas()).collect();
    let (_, schema) = schemas.iter().find(|(known, _)| *known == name).unwrap();
    jsonschema::validator_for(schema.as_value()).unwrap().is_valid(value)
}

fn yaml(file: &str) -> Value {
    serde_saphyr::from_str(&text(file)).unwrap()
}

fn json(file: &str) -> Value {
    serde_json::from_str(&text(file)).unwrap()
}

#[test]
fn the_examples_fit_their_schemas_and_wrong_ones_do_not() {
    let decision = json("policy/decision.json");
    let mut fitting = vec![
        ("policy", yaml("policy/policy.yaml")),
        ("policytest", yaml("shop/meta/policy-tests/orders.yaml")),
        ("policytest", yaml("shop/meta/policy-tests/store.yaml")),
        ("facts", yaml("shop/meta/policy-tests/orders.facts.yaml")),
        ("facts", json("policy/facts.json")),
        ("facts", json("policy/blocked.json")),
        ("facts", decision["facts"].clone()),
        ("decision", decision["decision"].clone()),
        ("decisionrecord", decision),
    ];
    let history = text("policy/history.jsonl");
    fitting.extend(history.lines().map(|line| ("historyline", serde_json::from_str(line).unwrap())));
    for (name, value) in fitting {
        assert!(fits(name, &value), "{name}");
        assert!(!fits(name, &json!({})), "{name}");
    }
    // A record is complete, and what people write is not.
    let mut facts = json("policy/facts.json");
    facts["readings"]["wayback"] = json!(true);
    assert!(!fits("facts", &facts));
    let mut record = json("policy/decision.json");
    record["facts"] = json("policy/facts.json");
    assert!(!fits("decisionrecord", &record));
}
