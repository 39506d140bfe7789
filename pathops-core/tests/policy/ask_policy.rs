//! Requirements about the policy itself.

use pathops_core::evidence::{Statement, Subject};
use pathops_core::policy::Verdict;
use serde_json::{Value, json};

use crate::shop::{AT, DAY, Shop};

pub(crate) fn checked() -> Value {
    let asks = json!({"approvals": 1, "roles": ["reviewer"], "accept": {"maxAgeSeconds": DAY / 1_000}});
    json!({"id": "checked", "reason": "Rules are looked at.", "asks": {"policy": asks}})
}

/// A check of the policy of a shop, in which so much failed and which these people, with their roles, have approved.
pub(crate) fn check_of(shop: &Shop, failed: &[&str], approved_by: &Value) -> Statement {
    let subject = Subject::named("policy").with_sha256(&shop.policy().digest());
    let annotations = json!({"pipelineChanged": false, "policy": {"approvedBy": approved_by}});
    let predicate = json!({
        "result": if failed.is_empty() { "PASSED" } else { "FAILED" },
        "passedTests": ["the project can be read"],
        "failedTests": failed,
        "finishedOn": AT.to_string(),
        "configuration": [{"name": "policy", "annotations": annotations}],
    });
    Statement::new(vec![subject], "https://in-toto.io/attestation/test-result/v0.1", &predicate).unwrap()
}

/// In an emergency nobody is there to look at rules. What is known to be wrong with them is known, though.
#[test]
fn the_way_back_waits_for_no_check_and_heeds_one_that_failed() {
    let mut shop = Shop::asking(checked());
    for way_back in [false, true] {
        shop.readings.way_back = way_back;
        let mut unapproved = shop.clone();
        unapproved.give(&check_of(&shop, &[], &json!({})));
        for shop in [&shop, &unapproved] {
            if way_back { shop.passes("back") } else { shop.refuses("on", &[("checked", Verdict::Unknown)]) }
        }
        let mut good = shop.clone();
        good.give(&check_of(&shop, &[], &json!({"bob": ["reviewer"]})));
        good.passes("checked and approved");
        let mut bad = shop.clone();
        bad.give(&check_of(&shop, &["a case"], &json!({"bob": ["reviewer"]})));
        bad.refuses("it failed", &[("checked", Verdict::Fail)]);
    }
}

#[test]
fn as_many_approvals_as_are_not_there_yet_are_missing() {
    let mut asks = checked();
    asks["asks"]["policy"]["approvals"] = json!(3);
    let mut shop = Shop::asking(asks);
    let check = check_of(&shop, &[], &json!({"bob": ["reviewer"]}));
    shop.give(&check);
    assert_eq!(shop.requirement("checked").missing.unwrap().count, 2);
}
