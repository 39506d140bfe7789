//! Freeze windows in a decision: closed is a no with the opening, and what cannot be read is never open.

use pathops_core::UnixMillis;
use pathops_core::policy::{FreezeWindow, Verdict};
use serde_json::{Value, json};

use crate::shop::Shop;

fn frozen(zone: &str, when: Value) -> Shop {
    let mut shop = Shop::passing();
    let window = json!({"id": "weekend", "reason": "Nobody is there.", "timeZone": zone, "when": when});
    shop.policy.production[0].freeze = vec![serde_json::from_value::<FreezeWindow>(window).unwrap()];
    shop
}

fn once(from: &str, until: &str) -> Shop {
    frozen("Europe/Berlin", json!({"once": {"from": from, "until": until}}))
}

fn at(text: &str) -> UnixMillis {
    text.parse().unwrap()
}

#[test]
fn a_closed_window_refuses_until_it_opens() {
    let mut shop = frozen("Europe/Berlin", json!({"weekly": {"days": ["friday"], "from": "12:00", "until": "08:00"}}));
    shop.refuses("Friday, 13:00 in Berlin", &[("weekend", Verdict::Fail)]);
    let opening = at("2026-11-21T07:00:00Z");
    assert_eq!(shop.requirement("weekend").earliest, Some(opening));
    assert!(shop.decision().can_wait());
    shop.at = UnixMillis(opening.0 - 1);
    shop.refuses("a millisecond before it opens", &[("weekend", Verdict::Fail)]);
    shop.at = opening;
    shop.passes("once it is open");
}

#[test]
fn a_window_closes_at_its_first_instant() {
    for (from, closed) in [("2026-11-20T13:00", true), ("2026-11-20T13:00:00.001", false)] {
        let shop = once(from, "2026-11-20T14:00");
        if closed { shop.refuses(from, &[("weekend", Verdict::Fail)]) } else { shop.passes(from) }
    }
}

#[test]
fn the_first_decision_waits_for_a_window_too() {
    let mut shop = once("2026-11-20T00:00", "2026-11-21T00:00");
    shop.readings.proposal = None;
    shop.refuses("closed", &[("weekend", Verdict::Fail)]);
}

/// Each of these lies in the past or future, and would be open if it were taken for something else.
#[test]
fn what_cannot_be_read_is_unknown() {
    let week = |from: &str, until: &str| json!({"weekly": {"days": ["monday"], "from": from, "until": until}});
    let year = |from: &str, until: &str| json!({"once": {"from": from, "until": until}});
    for (zone, when) in [
        ("Europe/Atlantis", week("16:00", "18:00")),
        ("", week("16:00", "18:00")),
        ("Europe/Berlin", week("4 pm", "18:00")),
        ("Europe/Berlin", week("16:00", "")),
        ("Europe/Berlin", week("25:00", "26:00")),
        ("Europe/Berlin", week("2026-11-20T16:00", "18:00")),
        ("Europe/Berlin", week("16:00+05:00", "18:00")),
        ("Europe/Berlin", json!({"weekly": {"days": [], "from": "16:00", "until": "18:00"}})),
        ("Europe/Berlin", year("2027-01-01T00:00Z", "2027-01-02T00:00Z")),
        ("Europe/Berlin", year("2027-01-01T00:00+05:00", "2027-01-02T00:00+05:00")),
        ("Europe/Berlin", year("2027-01-01T00:00[Asia/Tokyo]", "2027-01-02T00:00[Asia/Tokyo]")),
        ("Europe/Berlin", year("2027-02-30T00:00", "2027-03-02T00:00")),
        ("Europe/Berlin", year("2027-01-02T00:00", "2027-01-01T00:00")),
        ("Europe/Berlin", year("2027-01-01T00:00", "2027-01-01T00:00")),
        ("Europe/Berlin", year("soon", "later")),
    ] {
        let shop = frozen(zone, when.clone());
        shop.refuses(&format!("{zone:?} {when}"), &[("weekend", Verdict::Unknown)]);
        assert!(!shop.decision().can_wait(), "{zone:?} {when}: it does not mend itself");
    }
}

#[test]
fn the_ends_of_time_are_no_way_around_a_window() {
    let mut shop = frozen("Europe/Berlin", json!({"weekly": {"days": ["friday"], "from": "12:00", "until": "08:00"}}));
    for end in [i64::MIN, i64::MAX] {
        shop.at = UnixMillis(end);
        assert_eq!(shop.requirement("weekend").verdict, Verdict::Unknown, "{end}");
    }
}
