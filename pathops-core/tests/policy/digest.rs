//! The digest of a policy: every word of it counts.

use std::collections::BTreeSet;

use pathops_core::Digest;
use pathops_core::policy::{Languages, Policy};
use serde_json::{Value, json};

use crate::shop::closed_window;

/// A layer with something in every field.
fn layer() -> Value {
    let accept = json!({"maxAgeSeconds": 60, "from": ["ci"], "inLedger": true});
    let exception = json!({"id": "CVE-1", "owner": "bob", "reason": "rare", "until": "2026-12-01T00:00:00Z"});
    let asks = [
        json!({"evidence": {"predicateType": "https://example.com/a", "about": "artifact", "accept": accept}}),
        json!({"tests": {"run": "build", "suite": "unit", "minPassed": 2, "maxSkipped": 2, "maxFlaky": 2, "accept": accept}}),
        json!({"findings": {"max": {"critical": 1}, "scanners": ["a"], "exceptions": [exception], "accept": accept}}),
        json!({"sbom": {"formats": ["cyclonedx"], "accept": accept}}),
        json!({"deployment": {"accept": accept}}),
        json!({"health": {"settledSeconds": 60, "accept": accept}}),
        json!({"soak": {"seconds": 60, "maxGapSeconds": 60, "accept": accept}}),
        json!({"contracts": {"accept": accept}}),
        json!({"approvals": {"count": 2, "roles": ["owner"]}}),
        json!({"lifecycle": {"allowed": ["production"]}}),
        json!({"incidents": {}}),
        json!({"signal": {"name": "errors", "environment": "preflight", "min": 0.1, "max": 0.5, "minSamples": 10, "accept": accept}}),
        closed_window(),
    ];
    let covers = json!({"kind": "app", "classes": ["web"], "units": ["orders"]});
    let requirement = |(place, asks)| json!({"id": format!("r-{place}"), "reason": "Because.", "severity": "required", "covers": covers, "changes": "opaque", "asks": asks});
    let requirements: Vec<_> = asks.into_iter().enumerate().map(requirement).collect();
    json!({
        "layer": {"class": "web"},
        "preflightMerge": "people",
        "permissions": {"request": ["owner"], "stop": ["owner"], "freeze": ["owner"]},
        "breakGlass": {"requirements": ["r-1"], "roles": ["owner"], "people": 2, "validSeconds": 60},
        "requirements": requirements,
    })
}

fn digest(layer: &Value) -> Option<Digest> {
    let layer = serde_json::from_value(layer.clone()).ok()?;
    Policy::new(vec![layer], &Languages::none()).ok().map(|policy| policy.digest())
}

/// Every place in a document that holds a text, a number or a truth.
fn leaves(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| leaves(value, &format!("{at}/{name}"), found)),
        Value::Array(items) => items.iter().enumerate().for_each(|(place, value)| leaves(value, &format!("{at}/{place}"), found)),
        _ => found.push(at.to_owned()),
    }
}

/// Something else that may stand there.
fn others(value: &Value) -> Vec<Value> {
    const WORDS: [&str; 13] = [
        "other",
        "reviewer",
        "prototype",
        "preflight",
        "production",
        "tree",
        "spdx",
        "component",
        "all",
        "advisory",
        "pathops",
        "2027-01-01T00:00:00Z",
        "2026-11-20T12:01",
    ];
    match value {
        Value::Bool(it) => vec![json!(!it)],
        Value::Number(it) if it.is_f64() => vec![json!(it.as_f64().unwrap() + 0.01)],
        Value::Number(it) => vec![json!(it.as_u64().unwrap() + 1)],
        _ => WORDS.iter().map(|word| json!(word)).chain([json!("Europe/Paris")]).collect(),
    }
}

#[test]
fn every_word_of_a_policy_is_in_its_digest() {
    let first = layer();
    let mut places = Vec::new();
    leaves(&first, "", &mut places);
    let mut seen = BTreeSet::from([digest(&first).unwrap()]);
    for place in &places {
        let changed = others(first.pointer(place).unwrap()).into_iter().find_map(|other| {
            let mut layer = first.clone();
            *layer.pointer_mut(place).unwrap() = other.clone();
            (first != layer).then(|| digest(&layer)).flatten()
        });
        let changed = changed.unwrap_or_else(|| panic!("nothing else may stand at {place}"));
        assert!(seen.insert(changed), "{place} is not in the digest");
    }
    assert!(places.len() > 150, "{}", places.len());
}

#[test]
fn what_is_left_out_is_in_the_digest() {
    let first = layer();
    let mut seen = BTreeSet::from([digest(&first).unwrap()]);
    for (place, name) in [
        ("", "layer"),
        ("", "preflightMerge"),
        ("", "breakGlass"),
        ("/permissions", "request"),
        ("/permissions", "stop"),
        ("/permissions", "freeze"),
        ("/requirements/0", "covers"),
        ("/requirements/0", "changes"),
        ("/requirements/0/covers", "kind"),
        ("/requirements/0/asks/evidence/accept", "from"),
        ("/requirements/0/asks/evidence/accept", "inLedger"),
        ("/requirements/1/asks/tests", "maxSkipped"),
        ("/requirements/2/asks/findings", "scanners"),
        ("/requirements/2/asks/findings", "exceptions"),
        ("/requirements/11/asks/signal", "min"),
        ("/requirements/11/asks/signal", "minSamples"),
    ] {
        let mut layer = first.clone();
        layer.pointer_mut(place).unwrap().as_object_mut().unwrap().remove(name).unwrap();
        assert!(seen.insert(digest(&layer).unwrap()), "{place}/{name}");
    }
}

/// It is of canonical JSON, so the order of fields, sets and layers does not count; that of requirements does.
#[test]
fn the_order_of_what_has_none_is_not_in_the_digest() {
    let mut turned = layer();
    turned["requirements"][8]["asks"]["approvals"]["roles"] = json!(["reviewer", "owner", "reviewer"]);
    let mut straight = layer();
    straight["requirements"][8]["asks"]["approvals"]["roles"] = json!(["owner", "reviewer"]);
    assert_eq!(digest(&turned), digest(&straight));
    let text = serde_json::to_string(&layer()).unwrap();
    let again: Value = serde_json::from_str(&text.replace(",\"", " ,\n\"")).unwrap();
    assert_eq!(digest(&again), digest(&layer()));
    turned["requirements"].as_array_mut().unwrap().reverse();
    assert_ne!(digest(&turned), digest(&straight));
}
