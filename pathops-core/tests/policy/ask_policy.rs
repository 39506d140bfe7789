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

/// What a host can demand: as many approvals as every change waits for, whatever glass is broken.
#[test]
fn how_many_approvals_of_itself_a_policy_waits_for_is_told() {
    let told = |requirements: &[Value], glass: Option<&str>| {
        let mut shop = Shop::passing();
        shop.layer.requirements.extend(requirements.iter().map(|it| serde_json::from_value(it.clone()).unwrap()));
        let past = |id: &str| json!({"requirements": [id], "roles": ["owner"], "people": 2, "validSeconds": 60});
        shop.layer.break_glass = glass.map(|id| serde_json::from_value(past(id)).unwrap());
        shop.policy().approvals_of_itself(&shop.readings.unit)
    };
    let asking = |id: &str, approvals: u32, more: Value| {
        let mut it = checked();
        (it["id"], it["asks"]["policy"]["approvals"]) = (json!(id), json!(approvals));
        it.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        it
    };
    let (two, three) = (asking("two", 2, json!({})), asking("three", 3, json!({})));
    assert_eq!(told(&[], None), None);
    assert_eq!(told(&[], Some("preflight-smoke")), None);
    assert_eq!(told(std::slice::from_ref(&two), None), Some(2));
    assert_eq!(told(&[two.clone(), three.clone()], None), Some(3));
    assert_eq!(told(std::slice::from_ref(&two), Some("preflight-smoke")), Some(2));
    assert_eq!(told(std::slice::from_ref(&two), Some("two")), None, "a broken glass gets past it");
    assert_eq!(told(&[two, three], Some("three")), Some(2));
    for more in [json!({"severity": "advisory"}), json!({"changes": "opaque"}), json!({"covers": {"units": ["web"]}})] {
        assert_eq!(told(&[asking("some", 1, more.clone())], None), None, "{more}");
    }
}

/// That PathOps has doubts is made of evidence, and is none: nobody asks for it, and it is no word against anything.
#[test]
fn a_doubt_is_no_evidence() {
    let kind = "https://pathops.dev/predicate/in-doubt/v0.1";
    let subject = Subject::named("orders").with_sha256(&Shop::passing().readings.artifact.unwrap());
    let asks = json!({"evidence": {"predicateType": kind, "about": "artifact", "accept": {"maxAgeSeconds": 86_400}}});
    let mut shop = Shop::asking(json!({"id": "doubted", "reason": "odd", "asks": asks}));
    shop.give(&Statement::new(vec![subject], kind, &json!({"seenOn": AT.to_string(), "timestamp": AT.to_string()})).unwrap());
    shop.refuses("it is asked for", &[("doubted", Verdict::Unknown)]);
    assert!(shop.facts().facts().rejected.is_empty());
}
