//! Results of tests: how many passed, and how many may be skipped or flaky.

use pathops_core::policy::Verdict::{self, Fail, Pass, Unknown};
use serde_json::json;

use crate::shop::{Kind, Shop};

/// Two tests pass; those that warn are skipped, apart from those that are named as flaky.
#[track_caller]
fn check(max: (u32, u32), warned: &[&str], flaky: &[&str], verdict: Verdict, because: &str) {
    let mut shop = Shop::passing();
    shop.rule("unit-tests").asks = serde_json::from_value(json!({"tests": {"run": "build", "suite": "unit", "minPassed": 2,
        "maxSkipped": max.0, "maxFlaky": max.1, "accept": {"maxAgeSeconds": 3_600}}}))
    .unwrap();
    shop.edit(Kind::UnitTests, |statement| {
        statement.predicate["warnedTests"] = json!(warned);
        statement.predicate["configuration"][0]["annotations"]["flakyTests"] = json!(flaky);
    });
    shop.stands("unit-tests", verdict, because);
}

#[test]
fn skipped_tests_have_a_bound() {
    check((0, 0), &[], &[], Pass, "2 passed, 0 failed");
    check((0, 0), &["a"], &[], Unknown, "2 passed, 0 failed, 1 skipped; at most 0 may be skipped");
    check((1, 0), &["a"], &[], Pass, "2 passed, 0 failed, 1 skipped");
    check((1, 0), &["a", "b"], &[], Unknown, "2 passed, 0 failed, 2 skipped; at most 1 may be skipped");
}

#[test]
fn flaky_tests_have_a_bound_of_their_own() {
    check((9, 0), &["a"], &["a"], Unknown, "2 passed, 0 failed, 1 flaky; at most 0 may be flaky");
    check((0, 1), &["a"], &["a"], Pass, "2 passed, 0 failed, 1 flaky");
    check((0, 1), &["a", "b"], &["a", "b"], Unknown, "2 passed, 0 failed, 2 flaky; at most 1 may be flaky");
    check((0, 1), &["a", "b"], &["b"], Unknown, "2 passed, 0 failed, 1 skipped, 1 flaky; at most 0 may be skipped");
    check((1, 1), &["a", "b"], &["b"], Pass, "2 passed, 0 failed, 1 skipped, 1 flaky");
}

#[test]
fn a_test_that_did_not_warn_is_not_flaky_by_its_name() {
    check((0, 0), &["a"], &["b"], Unknown, "2 passed, 0 failed, 1 skipped; at most 0 may be skipped");
}

#[test]
fn skipped_and_flaky_tests_do_not_count_as_passed() {
    let mut shop = Shop::passing();
    shop.edit(Kind::UnitTests, |statement| {
        statement.predicate["passedTests"] = json!(["adds up"]);
        statement.predicate["warnedTests"] = json!(["takes away"]);
    });
    shop.stands("unit-tests", Unknown, "1 passed, 0 failed, 1 skipped; at least 2 must pass");
}

#[test]
fn a_failure_outweighs_every_bound() {
    let mut shop = Shop::passing();
    shop.edit(Kind::UnitTests, |statement| {
        statement.predicate["warnedTests"] = json!(["a", "b"]);
        Kind::UnitTests.fail(statement);
    });
    shop.stands("unit-tests", Fail, "2 passed, 1 failed, 2 skipped");
}
