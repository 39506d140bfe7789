//! Requirements for some changes only, and requirements that only advise.

use pathops_core::Principal;
use pathops_core::policy::{Authoring, Verdict};
use serde_json::{Value, json};

use crate::shop::{Kind, Shop, agent, human};

/// One approval more, of an owner, for these changes.
fn owners(changes: &str) -> Shop {
    let asks = json!({"approvals": {"count": 1, "roles": ["owner"]}});
    Shop::asking(json!({"id": "owners", "reason": "Nobody saw it being made.", "changes": changes, "asks": asks}))
}

const OWNERS: &[(&str, Verdict)] = &[("owners", Verdict::Unknown)];

#[test]
fn opaque_changes_have_a_stricter_set() {
    let mut shop = owners("opaque");
    shop.passes("observed");
    shop.readings.authoring = Authoring::Opaque;
    shop.refuses("opaque", OWNERS);
}

#[test]
fn changes_of_agents_have_a_stricter_set() {
    for (authors, strict) in [
        (vec![human("alice"), agent("carol")], true),
        (vec![agent("alice")], true),
        (vec![human("alice"), Principal::System], false),
        (vec![human("alice")], false),
    ] {
        let mut shop = owners("by-agents");
        shop.readings.authors = authors.into_iter().collect();
        if strict { shop.refuses("an agent", OWNERS) } else { shop.passes("people") }
    }
}

fn advisory(asks: Value) -> Shop {
    Shop::asking(json!({"id": "advice", "reason": "It would be nice.", "severity": "advisory", "asks": asks}))
}

#[test]
fn advice_stops_nothing_and_is_told() {
    let tests = json!({"tests": {"run": "build", "suite": "lint", "minPassed": 1, "accept": {"maxAgeSeconds": 60}}});
    let signal = json!({"lifecycle": {"allowed": ["production"]}});
    for (asks, verdict) in [(tests, Verdict::Unknown), (signal, Verdict::Fail)] {
        let shop = advisory(asks);
        shop.passes("advice");
        let requirement = shop.requirement("advice");
        assert_eq!((requirement.verdict, requirement.counts()), (verdict, false));
        assert!(shop.decision().to_text().contains("  advice  advice "), "{}", shop.decision().to_text());
        assert_eq!(shop.decision().remaining, None);
    }
}

#[test]
fn advice_that_is_followed_is_a_pass() {
    let shop = advisory(json!({"incidents": {}}));
    assert!(shop.decision().to_text().contains("  pass    advice "));
}

#[test]
fn advice_does_not_hide_what_stands_in_the_way() {
    let mut shop = advisory(json!({"lifecycle": {"allowed": ["production"]}}));
    shop.remove(Kind::Smoke);
    shop.refuses("the rest", &[("preflight-smoke", Verdict::Unknown)]);
}
