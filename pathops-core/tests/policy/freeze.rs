//! Freeze windows in a decision: closed is a no with the opening, and what cannot be read is never open.

mod bad;
mod calendar;
mod edges;
mod oracle;
mod table;

use pathops_core::UnixMillis;
use pathops_core::policy::{Languages, Policy, Verdict, what_if};
use serde_json::{Value, json};

use crate::shop::{Shop, layer};

fn frozen(zone: &str, from: &str, until: &str, repeat: Option<&str>) -> Shop {
    Shop::asking(window(zone, from, until, repeat))
}

fn window(zone: &str, from: &str, until: &str, repeat: Option<&str>) -> Value {
    let freeze = json!({"timeZone": zone, "from": from, "until": until, "repeat": repeat});
    json!({"id": "weekend", "reason": "Nobody is there.", "asks": {"freeze": freeze}})
}

fn once(from: &str, until: &str) -> Shop {
    frozen("Europe/Berlin", from, until, None)
}

/// Fridays from 12:00 to 08:00 of the next day.
fn fridays() -> Shop {
    frozen("Europe/Berlin", "2026-01-02T12:00", "2026-01-03T08:00", Some("FREQ=WEEKLY;BYDAY=FR"))
}

fn at(text: &str) -> UnixMillis {
    text.parse().unwrap()
}

#[test]
fn a_closed_window_refuses_until_it_opens() {
    let mut shop = fridays();
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
    for (from, closed) in [("2026-11-20T13:00", true), ("2026-11-20T13:00:01", false)] {
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
fn what_cannot_be_read_is_no_policy() {
    let (from, until) = ("2027-01-04T16:00", "2027-01-04T18:00");
    for (zone, from, until, repeat) in [
        ("Europe/Atlantis", from, until, None),
        ("", from, until, None),
        ("Europe/Berlin", "4 pm", until, None),
        ("Europe/Berlin", from, "", None),
        ("Europe/Berlin", "2027-01-01T00:00Z", until, None),
        ("Europe/Berlin", until, from, None),
        ("Europe/Berlin", from, until, Some("")),
        ("Europe/Berlin", from, until, Some("every Monday")),
        ("Europe/Berlin", from, until, Some("FREQ=WEEKLY;BYDAY=TU")),
        ("Europe/Berlin", from, until, Some("FREQ=HOURLY")),
    ] {
        let mut layer = layer();
        layer.requirements.push(serde_json::from_value(window(zone, from, until, repeat)).unwrap());
        let problems = Policy::new(vec![layer], &Languages::none()).unwrap_err();
        let told: Vec<_> = problems.iter().map(|problem| problem.what.as_str()).collect();
        assert!(
            matches!(told.as_slice(), [what] if what.contains("`weekend` cannot be read")),
            "{zone} {from} {repeat:?}: {told:?}"
        );
    }
}

#[test]
fn the_ends_of_time_are_no_way_around_a_window() {
    let mut shop = fridays();
    for (end, verdict) in [(i64::MIN, Verdict::Pass), (i64::MAX, Verdict::Unknown)] {
        shop.at = UnixMillis(end);
        assert_eq!(shop.requirement("weekend").verdict, verdict, "{end}: it has not closed yet, or nobody can tell");
    }
}

#[test]
fn a_window_is_not_read_with_other_time_zone_data() {
    let shop = once("2027-01-01T00:00", "2027-01-02T00:00");
    let known = shop.facts();
    let decision = what_if(&shop.policy(), &known, shop.at, |facts| facts.time_zones = "1970a".to_owned());
    let window = decision.blocking().next().unwrap();
    assert_eq!((window.id.as_str(), window.verdict), ("weekend", Verdict::Unknown));
}
