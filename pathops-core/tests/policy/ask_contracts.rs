//! Contracts: each that the unit keeps was compared with the one before.

use pathops_core::evidence::{ContractComparison, Statement};
use pathops_core::policy::Verdict::{self, Fail, Pass, Unknown};
use serde_json::json;

use crate::shop::{DAY, Shop, after, stated};

fn compared(contract: &str, ago: i64, breaking: &[&str]) -> Statement {
    let breaking = breaking.iter().map(|it| (*it).to_owned()).collect();
    let (unit, contract) = ("orders".parse().unwrap(), contract.parse().unwrap());
    stated(&ContractComparison { unit, contract, breaking, compared_on: after(-ago) })
}

fn keeping(contracts: &[&str], evidence: &[Statement]) -> Shop {
    let rule = json!({"accept": {"maxAgeSeconds": DAY / 1_000}});
    let mut shop = Shop::asking(json!({"id": "contracts", "reason": "Others rely on it.", "asks": {"contracts": rule}}));
    shop.readings.unit.provides = contracts.iter().map(|name| name.parse().unwrap()).collect();
    evidence.iter().for_each(|statement| shop.give(statement));
    shop
}

#[track_caller]
fn check(contracts: &[&str], evidence: &[Statement], verdict: Verdict, because: &str) {
    keeping(contracts, evidence).stands("contracts", verdict, because);
}

#[test]
fn every_contract_that_is_kept_must_be_compatible() {
    let (http, events) = (compared("http", 1, &[]), compared("events", 1, &[]));
    check(&[], &[], Pass, "it keeps no contract");
    check(&["http", "events"], &[http.clone(), events], Pass, "2 contract(s) are compatible with what they were");
    check(&["http", "events"], &[http], Unknown, "nobody has compared events with what it was");
    let both = "nobody has compared events with what it was; nobody has compared http with what it was";
    check(&["http", "events"], &[], Unknown, both);
}

#[test]
fn all_that_is_missing_is_named_and_all_that_decided() {
    let it = keeping(&["http", "events"], &[]).requirement("contracts");
    let missing: Vec<_> = it.all_missing().map(|missing| missing.what.as_str()).collect();
    assert_eq!(missing, ["a comparison of events", "a comparison of http"]);
    let good = keeping(&["http", "events"], &[compared("http", 1, &[]), compared("events", 2, &[])]);
    assert_eq!(good.requirement("contracts").evidence.len(), 2);
}

#[test]
fn one_that_breaks_outweighs_all_others() {
    let broken = compared("http", 1, &["`total` is gone", "`id` is a number"]);
    let because = "http breaks in 2 place(s): `total` is gone";
    check(&["http", "events"], &[broken.clone(), compared("events", 1, &[])], Fail, because);
    check(&["http", "events"], &[broken], Fail, because);
}

#[test]
fn the_newest_comparison_counts_and_at_one_instant_the_worse() {
    let (good, bad) = (|ago| compared("http", ago, &[]), |ago| compared("http", ago, &["gone"]));
    let compatible = "1 contract(s) are compatible with what they were";
    check(&["http"], &[bad(2), good(1)], Pass, compatible);
    for evidence in [[good(2), bad(1)], [good(1), bad(1)], [bad(1), good(1)]] {
        check(&["http"], &evidence, Fail, "http breaks in 1 place(s): gone");
    }
}

#[test]
fn a_contract_that_is_not_kept_says_nothing() {
    check(
        &["http"],
        &[compared("http", 1, &[]), compared("events", 1, &["gone"])],
        Pass,
        "1 contract(s) are compatible with what they were",
    );
}

#[test]
fn an_old_comparison_is_unknown_but_on_the_way_back() {
    let mut shop = keeping(&["http"], &[compared("http", DAY + 1, &[])]);
    assert_eq!(shop.requirement("contracts").verdict, Unknown);
    shop.readings.way_back = true;
    assert_eq!(shop.requirement("contracts").verdict, Pass);
}
