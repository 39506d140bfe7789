//! Why a requirement stands as it does, piece by piece.

use pathops_core::evidence::{ContractComparison, SignalReading, Statement, Subject, TrustRoot};
use pathops_core::memory::MemorySigner;
use pathops_core::policy::{Explanation, explain};
use pathops_core::{Digest, UnixMillis};
use serde_json::{Value, json};

use crate::shop::{AT, Kind, Shop, after, commit, seal_bytes, stated};

fn explained(shop: &Shop, id: &str) -> Explanation {
    explain(&shop.policy(), &shop.facts(), shop.at, &id.parse().unwrap()).unwrap()
}

/// What became of the evidence of each instant, so many milliseconds before the decision.
fn became(shop: &Shop, id: &str) -> Vec<(i64, &'static str)> {
    explained(shop, id).evidence.into_iter().map(|(_, at, became)| (AT.0 - at.0, became)).collect()
}

const DECIDED: &str = "it decided";
const ELSE: &str = "it is about something else";
const OTHER: &str = "it says something else than what is asked for";
const NEWER: &str = "a newer word, or a worse one of the same instant, stands in its place";
const WORD: &str = "its producer's word does not count here";
const LEDGER: &str = "it is not in the ledger";

/// A promotion with no evidence but this.
fn with(mut shop: Shop, evidence: &[Statement]) -> Shop {
    shop.envelopes.clear();
    evidence.iter().for_each(|statement| shop.give(statement));
    shop
}

fn asking(asks: Value) -> Shop {
    Shop::asking(json!({"id": "asked", "reason": "It is asked for.", "asks": asks}))
}

fn about_another(mut statement: Statement) -> Statement {
    statement.subject = vec![Subject::named("other").with_sha256(&Digest::of(b"other"))];
    statement
}

#[test]
fn every_piece_of_evidence_is_told_of() {
    let smoke = |ago: i64| Kind::Smoke.dated(after(-ago));
    let shop = with(Shop::passing(), &[smoke(4), about_another(smoke(3)), Kind::Health.dated(after(-2)), smoke(1)]);
    assert_eq!(became(&shop, "preflight-smoke"), [(4, NEWER), (3, ELSE), (2, OTHER), (1, DECIDED)]);
}

#[test]
fn what_does_not_count_is_told_from_what_is_outdone() {
    let tests = |accept: Value| json!({"tests": {"run": "preflight", "suite": "smoke", "minPassed": 1, "accept": accept}});
    let shop = with(asking(tests(json!({"maxAgeSeconds": 60, "from": ["ci"]}))), &[Kind::Smoke.dated(after(-1))]);
    assert_eq!(became(&shop, "asked"), [(1, WORD)]);
    let shop = with(asking(tests(json!({"maxAgeSeconds": 60, "inLedger": true}))), &[Kind::Smoke.dated(after(-1))]);
    assert_eq!(became(&shop, "asked"), [(1, LEDGER)]);
    let mut bad = Kind::Smoke.dated(after(-2));
    Kind::Smoke.fail(&mut bad);
    let mut shop = with(asking(tests(json!({"maxAgeSeconds": 60, "from": ["ci"]}))), &[bad]);
    let ci = MemorySigner::from_seed(3).unwrap();
    shop.trust = shop.trust.with_producer("ci".parse().unwrap(), pathops_core::adapter::Signer::public_key(&ci));
    shop.more.push(seal_bytes(&ci, &Kind::Smoke.dated(after(-1)).to_canonical().unwrap()));
    assert_eq!(became(&shop, "asked"), [(2, NEWER), (1, DECIDED)], "bad news of anybody would have counted");
}

#[test]
fn contracts_soak_commits_and_production_are_told_of_alike() {
    let accept = json!({"maxAgeSeconds": 3_600});
    let compared = |ago: i64| {
        let (unit, contract) = ("orders".parse().unwrap(), "http".parse().unwrap());
        stated(&ContractComparison { unit, contract, breaking: Vec::new(), compared_on: after(-ago) })
    };
    let mut shop = with(asking(json!({"contracts": {"accept": accept}})), &[compared(2), compared(1)]);
    shop.readings.unit.provides = ["http".parse().unwrap()].into();
    assert_eq!(became(&shop, "asked"), [(2, NEWER), (1, DECIDED)]);

    let soak = json!({"soak": {"seconds": 1, "maxGapSeconds": 60, "accept": accept}});
    let health = |ago: i64| Kind::Health.dated(after(-ago));
    let shop = with(asking(soak), &[health(2), Kind::Smoke.dated(after(-1)), health(0)]);
    assert_eq!(became(&shop, "asked"), [(2, NEWER), (1, OTHER), (0, DECIDED)]);

    let review = |ago: i64| {
        let predicate = json!({"timestamp": after(-ago).to_string()});
        Statement::new(vec![Subject::named("source").with_commit(&commit('2'))], "https://example.com/review", &predicate)
            .unwrap()
    };
    let rule = json!({"predicateType": "https://example.com/review", "about": "commit", "accept": accept});
    let shop = with(asking(json!({"evidence": rule})), &[review(2), review(1)]);
    assert_eq!(became(&shop, "asked"), [(2, NEWER), (1, DECIDED)]);

    let measured = |ago: i64| {
        let (unit, environment, name) = ("orders".parse().unwrap(), "production".parse().unwrap(), "errors".to_owned());
        let reading =
            SignalReading { unit, environment, name, value: Some(0.0), samples: 1, errors: 0, observed_on: after(-ago) };
        about_another(stated(&reading))
    };
    let rule = json!({"name": "errors", "environment": "production", "max": 1.0, "accept": accept});
    let shop = with(asking(json!({"signal": rule})), &[measured(2), measured(1)]);
    assert_eq!(became(&shop, "asked"), [(2, NEWER), (1, DECIDED)]);
}

#[test]
fn an_explanation_in_a_terminal() {
    let shop = with(Shop::passing(), &[Kind::Smoke.dated(UnixMillis(AT.0 - 2)), Kind::Health.dated(after(-1))]);
    let explained = explained(&shop, "preflight-smoke");
    let [first, second] = explained.evidence.as_slice() else { panic!("{explained:?}") };
    let expected = format!(
        "preflight-smoke: It does its work. (the project's policy)
  pass    preflight-smoke          2 passed, 0 failed
  {} of 2026-11-20T11:59:59.998Z: it decided
  {} of 2026-11-20T11:59:59.999Z: it says something else than what is asked for
",
        first.0.0.short(),
        second.0.0.short()
    );
    assert_eq!(explained.to_text(), expected);
}

#[test]
fn what_rests_on_no_evidence_lists_none() {
    for id in ["approval", "lifecycle", "no-open-incident", "dependencies"] {
        let explained = explained(&Shop::passing(), id);
        let rule = explained.requirement.as_ref().map(|it| it.id.as_str());
        assert_eq!((rule, explained.evidence.as_slice()), (Some(id), [].as_slice()));
        assert_eq!(explained.result, Shop::passing().requirement(id));
    }
    let from_above = explained(&Shop::passing(), "dependencies");
    assert!(from_above.to_text().starts_with("dependencies: what it works with is there first (what is built in)\n"));
}

/// Of whatever a decision lists there is an explanation, and it says what the decision says.
#[test]
fn all_that_a_decision_lists_is_explained() {
    let mut forged = Shop::passing();
    forged.trust = TrustRoot::default();
    for shop in [Shop::passing(), Shop::first_stage(), forged] {
        for result in shop.decision().requirements {
            let explained = explained(&shop, result.id.as_str());
            let is_written = !["covered", "evidence-integrity", "tested-combination"].contains(&result.id.as_str());
            assert_eq!((explained.requirement.is_some(), &explained.result), (is_written, &result));
        }
    }
}

#[test]
fn what_every_policy_has_is_explained() {
    let covered = explained(&Shop::passing(), "covered").to_text();
    assert!(covered.starts_with("covered: what the rules do not cover is refused (what is built in)\n  pass"), "{covered}");
    let integrity = explained(&Shop::passing(), "evidence-integrity");
    assert_eq!(integrity.evidence.len(), 4);
    assert!(integrity.evidence.iter().all(|(_, _, became)| *became == "it is signed by a trusted key"));
    assert_eq!(explained(&Shop::passing(), "tested-combination").evidence, []);
}

#[test]
fn what_is_not_asked_for_is_not_explained() {
    let shop = Shop::passing();
    assert_eq!(explain(&shop.policy(), &shop.facts(), AT, &"nothing".parse().unwrap()), None);
    let opaque = json!({"id": "opaque", "reason": "x", "changes": "opaque", "asks": {"incidents": {}}});
    let shop = Shop::asking(opaque);
    assert_eq!(explain(&shop.policy(), &shop.facts(), AT, &"opaque".parse().unwrap()), None, "for other changes");
}
