//! The way back to what was in production before: incidents and freezes do not stop it, everything else does.

use pathops_core::UnixMillis;
use pathops_core::evidence::{Statement, Subject};
use pathops_core::policy::Verdict;
use pathops_core::project::{Lifecycle, OpenIncident};
use serde_json::json;

use crate::shop::{AT, DAY, Kind, Shop, artifact, closed_window, seal, stop, tree};

/// The requirement that a change leaves unmet, how it then stands, and the change.
type Change = (&'static str, Verdict, fn(&mut Shop));

fn back() -> Shop {
    let mut shop = Shop::passing();
    shop.readings.way_back = true;
    shop
}

#[test]
fn incidents_and_freezes_do_not_stop_it() {
    let mut shop = back();
    shop.readings.incidents =
        vec![OpenIncident { id: "INC-7".to_owned(), unit: None, since: AT, summary: "it is down".to_owned() }];
    let window = json!({"id": "closed", "reason": "Nobody is there.", "asks": closed_window()});
    shop.layer.requirements.push(serde_json::from_value(window).unwrap());
    shop.passes("back");
    shop.readings.way_back = false;
    shop.refuses("what is new", &[("no-open-incident", Verdict::Fail), ("closed", Verdict::Fail)]);
}

#[test]
fn the_tests_of_its_build_do_not_age_and_what_it_does_in_preflight_does() {
    let old = UnixMillis(AT.0 - 100 * DAY);
    let mut shop = back();
    shop.put(Kind::UnitTests, seal(&Kind::UnitTests.dated(old)));
    shop.passes("built long ago");
    for kind in [Kind::Deployment, Kind::Health, Kind::Smoke] {
        let mut shop = back();
        shop.put(kind, seal(&kind.dated(old)));
        shop.refuses("tried long ago", &[(kind.requirement(), Verdict::Unknown)]);
    }
}

/// What others said of the artifact still holds; what they said of a deployment was of that one.
#[test]
fn other_evidence_ages_where_it_is_about_a_deployment() {
    const REVIEW: &str = "https://example.com/review/v1";
    let said = json!({"timestamp": UnixMillis(AT.0 - 100 * DAY).to_string()});
    let subject = Subject::named("orders").with_tree(&tree('c')).with_sha256(&artifact());
    let reviewed = Statement::new(vec![subject], REVIEW, &said).unwrap();
    for (about, verdict) in [("artifact", Verdict::Pass), ("deployment", Verdict::Unknown)] {
        let mut shop = back();
        let asks = json!({"evidence": {"predicateType": REVIEW, "about": about, "accept": {"maxAgeSeconds": DAY / 1_000}}});
        let rule = json!({"id": "reviewed", "reason": "Somebody has looked.", "asks": asks});
        shop.layer.requirements.push(serde_json::from_value(rule).unwrap());
        shop.give(&reviewed);
        assert_eq!(shop.requirement("reviewed").verdict, verdict, "{about}");
    }
}

#[test]
fn everything_else_is_asked_for() {
    let changes: [Change; 10] = [
        ("covered", Verdict::Fail, |shop| shop.layer.requirements.clear()),
        ("evidence-integrity", Verdict::Fail, |shop| {
            shop.envelopes.push((Kind::Smoke, crate::shop::seal_bytes(&crate::shop::signer(), b"{}")))
        }),
        ("tested-combination", Verdict::Fail, |shop| shop.proposal().carries_tested = false),
        ("unit-tests", Verdict::Fail, |shop| shop.edit(Kind::UnitTests, |it| Kind::UnitTests.fail(it))),
        ("unit-tests", Verdict::Unknown, |shop| shop.remove(Kind::UnitTests)),
        ("unit-tests", Verdict::Unknown, |shop| shop.put(Kind::UnitTests, seal(&Kind::UnitTests.dated(UnixMillis(AT.0 + DAY))))),
        ("preflight-smoke", Verdict::Unknown, |shop| shop.remove(Kind::Smoke)),
        ("approval", Verdict::Unknown, |shop| shop.proposal().reviews.clear()),
        ("stop-the-line", Verdict::Fail, |shop| shop.readings.stops.push(stop(None))),
        ("lifecycle", Verdict::Fail, |shop| shop.readings.unit.lifecycle = Lifecycle::Prototype),
    ];
    for (requirement, verdict, change) in changes {
        let mut shop = back();
        change(&mut shop);
        shop.refuses(requirement, &[(requirement, verdict)]);
    }
}
