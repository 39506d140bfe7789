//! Cases of a policy: what is held against the decision, and what is told where something differs.

use pathops_core::policy::{CaseResult, Expected, PolicyCase, run_cases};
use serde_json::{Value, json};

use crate::shop::{Kind, Shop};

fn run(shop: &Shop, expect: Value) -> CaseResult {
    let expect: Expected = serde_json::from_value(expect).unwrap();
    let case = PolicyCase { name: "it".to_owned(), facts: shop.facts().facts().clone(), at: shop.at, expect };
    run_cases(&shop.policy(), &[case]).remove(0)
}

/// What differs, as it is told.
fn differences(shop: &Shop, expect: Value) -> Vec<String> {
    let result = run(shop, expect);
    assert_eq!(result.passes(), result.differences.is_empty(), "{result}");
    result.differences.iter().map(ToString::to_string).collect()
}

fn untested() -> Shop {
    let mut shop = Shop::passing();
    shop.remove(Kind::UnitTests);
    shop
}

#[test]
fn nothing_differs_where_all_is_as_expected() {
    for (shop, expect) in [
        (Shop::passing(), json!({"verdict": "pass"})),
        (
            Shop::passing(),
            json!({"verdict": "pass", "granted": true, "overridden": false, "notAsked": ["christmas"],
                   "requirements": {"approval": {"verdict": "pass", "because": "approved by bob"}}}),
        ),
        (Shop::first_stage(), json!({"verdict": "pass", "granted": false})),
        (untested(), json!({"verdict": "unknown", "requirements": {"unit-tests": {"verdict": "unknown"}}})),
    ] {
        let result = run(&shop, expect);
        assert_eq!((result.passes(), result.to_string()), (true, "pass    it".to_owned()));
    }
}

#[test]
fn whatever_is_not_as_expected_is_told_by_itself() {
    for (shop, expect, told) in [
        (Shop::passing(), json!({"verdict": "fail"}), "the decision: expected fail, got pass"),
        (Shop::passing(), json!({"verdict": "pass", "granted": false}), "the decision: expected not granted, got granted"),
        (Shop::first_stage(), json!({"verdict": "pass", "granted": true}), "the decision: expected granted, got not granted"),
        (
            Shop::passing(),
            json!({"verdict": "pass", "overridden": true}),
            "the decision: expected overridden, got not overridden",
        ),
        (
            Shop::passing(),
            json!({"verdict": "pass", "requirements": {"approval": {"verdict": "fail"}}}),
            "approval: expected fail, got pass",
        ),
        (
            Shop::passing(),
            json!({"verdict": "pass", "requirements": {"approval": {"verdict": "pass", "because": "zoe"}}}),
            "approval: expected a reason with \"zoe\", got \"approved by bob\"",
        ),
        (
            Shop::passing(),
            json!({"verdict": "pass", "requirements": {"christmas": {"verdict": "pass"}}}),
            "christmas: expected pass, got that it is not asked for",
        ),
        (
            untested(),
            json!({"verdict": "unknown", "notAsked": ["unit-tests"]}),
            "unit-tests: expected that it is not asked for, got unknown",
        ),
    ] {
        assert_eq!(differences(&shop, expect), [told]);
    }
}

/// Where it is the whole that differs, what is in the way is told, and what is not is left out.
#[test]
fn a_case_that_fails_tells_how_what_differs_stands() {
    let lines = |expect: Value| {
        let text = run(&untested(), expect).to_string();
        text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>()
    };
    let unit_tests = [
        "    unknown unit-tests               there is no result of the unit tests for this",
        "                                     needs result of the unit tests, from CI",
    ];
    let whole = lines(json!({"verdict": "pass"}));
    assert_eq!(whole[..2], ["FAIL    it", "  the decision: expected pass, got unknown"]);
    assert_eq!(whole[2..], unit_tests);
    let named = lines(json!({"verdict": "unknown", "requirements": {"approval": {"verdict": "fail"}}}));
    assert_eq!(
        named,
        ["FAIL    it", "  approval: expected fail, got pass", "    pass    approval                 approved by bob"]
    );
}
