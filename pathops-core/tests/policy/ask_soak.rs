//! Soak: time in preflight without a gap, a change or bad news.

use pathops_core::evidence::Statement;
use pathops_core::policy::Verdict::{self, Fail, Pass, Unknown};
use serde_json::json;

use crate::shop::{Kind, MINUTE, Shop, after};

/// A promotion that asks for ten minutes with gaps of one, and has only this evidence of deployments and health.
fn soaked(evidence: &[Statement]) -> Shop {
    let rule = json!({"seconds": 600, "maxGapSeconds": 60, "accept": {"maxAgeSeconds": 3_600}});
    let mut shop = Shop::asking(json!({"id": "soak", "reason": "It has run for a while.", "asks": {"soak": rule}}));
    shop.envelopes.clear();
    evidence.iter().for_each(|statement| shop.give(statement));
    shop
}

/// Healthy so many minutes ago, for so many minutes.
fn healthy(ago: i64, settled: i64) -> Statement {
    let mut statement = Kind::Health.dated(after(-ago * MINUTE));
    statement.predicate["settledMillis"] = json!(settled * MINUTE);
    statement
}

fn deployed(ago: i64) -> Statement {
    Kind::Deployment.dated(after(-ago * MINUTE))
}

fn bad(kind: Kind, ago: i64) -> Statement {
    let mut statement = kind.dated(after(-ago * MINUTE));
    kind.fail(&mut statement);
    statement
}

fn of_another(mut statement: Statement) -> Statement {
    statement.subject.iter_mut().for_each(|subject| {
        subject.digest.entry("sha256".to_owned()).and_modify(|digest| *digest = "a".repeat(64));
    });
    statement
}

#[track_caller]
fn check(evidence: &[Statement], verdict: Verdict, because: &str) {
    soaked(evidence).stands("soak", verdict, because);
}

#[test]
fn one_long_look_or_many_short_ones_are_the_same() {
    check(&[healthy(0, 10)], Pass, "it has run for 10 min 0 s without a gap");
    let looks: Vec<_> = (0..=10).map(|ago| healthy(ago, 0)).collect();
    check(&looks, Pass, "it has run for 10 min 0 s without a gap");
    check(&[deployed(10), healthy(5, 4), healthy(0, 4)], Pass, "it has run for 10 min 0 s without a gap");
}

#[test]
fn too_short_a_time_says_from_when_on_it_is_enough() {
    let shop = soaked(&[healthy(0, 9)]);
    shop.stands("soak", Unknown, "it has run for 9 min 0 s of 10 min 0 s");
    let requirement = shop.requirement("soak");
    assert_eq!((requirement.earliest, requirement.stale), (Some(after(MINUTE)), true), "and looking again is all it takes");
}

/// Health that is dated ahead is believed once the clocks may be so far apart.
#[test]
fn health_from_the_future_says_from_when_it_counts() {
    let mut shop = soaked(&[healthy(-5, 20)]);
    shop.give(&deployed(30));
    assert_eq!(shop.requirement("soak").earliest, Some(after(4 * MINUTE)));
    shop.at = after(4 * MINUTE - 1);
    assert_eq!(shop.requirement("soak").verdict, Unknown);
    shop.at = after(4 * MINUTE);
    assert_eq!(shop.requirement("soak").verdict, Pass);
    let short = soaked(&[healthy(-5, 6)]).requirement("soak");
    assert_eq!((short.earliest, short.stale), (Some(after(9 * MINUTE)), true), "ten minutes after it began");
}

/// Before that it could not have run for long enough, whatever was seen.
#[test]
fn it_is_looked_at_again_when_it_can_have_run_for_long_enough() {
    let rule = json!({"seconds": 600, "maxGapSeconds": 60, "accept": {"maxAgeSeconds": 3_600}});
    let mut shop = Shop::asking(json!({"id": "soak", "reason": "It has run for a while.", "asks": {"soak": rule}}));
    shop.give(&healthy(0, 9));
    for (at, due) in [(after(0), false), (after(MINUTE - 1), false), (after(MINUTE), true), (after(MINUTE + 1), true)] {
        shop.at = at;
        let decision = shop.decision();
        let blocking: Vec<_> = decision.blocking().map(|it| (it.id.as_str(), it.earliest)).collect();
        assert_eq!(blocking, [("soak", Some(after(MINUTE)))]);
        assert_eq!(decision.needs_newer_evidence(), due, "{at}");
    }
}

#[test]
fn a_gap_begins_the_time_anew() {
    check(&[healthy(5, 5), healthy(0, 4)], Pass, "it has run for 10 min 0 s without a gap");
    check(&[healthy(5, 5), healthy(0, 3)], Unknown, "it has run for 3 min 0 s of 10 min 0 s");
}

#[test]
fn another_combination_begins_the_time_anew() {
    for other in [of_another(healthy(2, 0)), of_another(deployed(2))] {
        check(&[healthy(3, 20), other.clone(), healthy(0, 1)], Unknown, "it has run for 1 min 0 s of 10 min 0 s");
        check(&[healthy(3, 20), other.clone()], Unknown, "another combination ran in preflight");
        check(&[other, healthy(0, 20)], Unknown, "it has run for 2 min 0 s of 10 min 0 s");
    }
}

/// Whatever a later look says of the time before.
#[test]
fn bad_news_begins_the_time_anew() {
    for kind in [Kind::Health, Kind::Deployment] {
        check(&[healthy(3, 20), bad(kind, 2), healthy(0, 1)], Unknown, "it has run for 1 min 0 s of 10 min 0 s");
        check(&[healthy(3, 20), bad(kind, 2), healthy(0, 20)], Unknown, "it has run for 2 min 0 s of 10 min 0 s");
        check(&[healthy(3, 20), bad(kind, 2)], Unknown, "it was not healthy in preflight");
        check(&[bad(kind, 11), healthy(0, 20)], Pass, "it has run for 11 min 0 s without a gap");
    }
}

#[test]
fn at_one_instant_bad_news_wins() {
    for kind in [Kind::Health, Kind::Deployment] {
        check(&[healthy(0, 20), bad(kind, 0)], Unknown, "it was not healthy in preflight");
    }
}

#[test]
fn what_was_long_ago_is_not_known_to_go_on() {
    let shop = soaked(&[healthy(61, 20)]);
    shop.stands(
        "soak",
        Unknown,
        "it has run for 20 min 0 s without a gap, but that was 1 h 1 min ago, and 1 h 0 min is the limit",
    );
    let shop = soaked(&[healthy(60, 20)]);
    assert_eq!(shop.requirement("soak").verdict, Pass);
}

/// A pull request may wait for people until it is: then it is not given up, but preflight is looked at once more.
#[test]
fn what_was_long_ago_is_looked_at_again() {
    let rule = json!({"seconds": 600, "maxGapSeconds": 60, "accept": {"maxAgeSeconds": 3_600}});
    let mut shop = Shop::asking(json!({"id": "soak", "reason": "It has run for a while.", "asks": {"soak": rule}}));
    shop.give(&healthy(0, 20));
    for (at, old) in [(after(60 * MINUTE), false), (after(60 * MINUTE + 1), true)] {
        shop.at = at;
        let decision = shop.decision();
        assert_eq!(
            decision.blocking().map(|it| (it.id.as_str(), it.stale)).collect::<Vec<_>>(),
            if old { vec![("soak", true)] } else { vec![] }
        );
        assert_eq!(decision.needs_newer_evidence(), old);
    }
}

#[test]
fn nothing_is_unknown_and_a_failure_is_for_the_other_requirements() {
    check(&[], Unknown, "it has not run in preflight yet");
    let mut shop = soaked(&[bad(Kind::Health, 1)]);
    assert_eq!(shop.requirement("preflight-health").verdict, Fail);
    shop.without_rule("preflight-health");
    assert_eq!(shop.requirement("soak").verdict, Unknown);
}
