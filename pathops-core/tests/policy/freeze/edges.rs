//! What lies just within a limit, and just beyond it.

use pathops_core::policy::{Freeze, FreezeError, FreezeState};

use super::at;

fn window(from: &str, until: &str, repeat: &str) -> Freeze {
    let (time_zone, repeat) = ("Europe/Berlin".to_owned(), Some(repeat.to_owned()));
    Freeze { time_zone, from: from.to_owned(), until: until.to_owned(), repeat, except: [].into() }
}

fn open_until(window: &Freeze, instant: &str) -> Option<String> {
    match window.occurrences().unwrap().at(at(instant)).unwrap() {
        FreezeState::Open { until } => until.map(|it| it.to_string()),
        closed @ FreezeState::Closed { .. } => panic!("{closed:?}"),
    }
}

/// Where clocks go from 02:00 to 03:00, nothing is left of the hour between.
#[test]
fn a_window_that_falls_into_a_gap_closes_nothing() {
    let night = window("2026-03-27T02:00", "2026-03-27T03:00", "FREQ=DAILY");
    assert_eq!(open_until(&night, "2026-03-28T12:00:00Z").as_deref(), Some("2026-03-30T00:00:00Z"));
}

#[test]
fn a_rule_may_end_with_its_first_occurrence() {
    let until = |utc: &str| window("2026-01-02T16:00", "2026-01-02T18:00", &format!("FREQ=WEEKLY;UNTIL={utc}"));
    assert_eq!(open_until(&until("20260102T150000Z"), "2026-01-02T17:00:00Z"), None);
    let early = until("20260102T145959Z").occurrences().unwrap_err();
    assert_eq!(early, FreezeError::Until("20260102T145959Z".to_owned()));
}

#[test]
fn it_may_close_at_every_hour_of_a_day() {
    let hours = |minutes: &str| {
        let all: Vec<_> = (0..24).map(|hour| hour.to_string()).collect();
        window("2026-01-02T00:00", "2026-01-02T00:10", &format!("FREQ=DAILY;BYHOUR={};BYMINUTE={minutes}", all.join(",")))
    };
    assert_eq!(open_until(&hours("0"), "2026-01-05T10:30:00Z").as_deref(), Some("2026-01-05T11:00:00Z"));
    assert_eq!(hours("0,30").occurrences().unwrap_err(), FreezeError::Often(48));
}

#[test]
fn a_year_has_53_mondays_at_the_most() {
    let mondays = |number: &str| window("2024-12-30T16:00", "2024-12-30T18:00", &format!("FREQ=YEARLY;BYDAY={number}MO"));
    assert_eq!(open_until(&mondays("53"), "2024-12-31T00:00:00Z").as_deref(), Some("2029-12-31T15:00:00Z"));
    for number in ["54", "-54"] {
        let told = mondays(number).occurrences().unwrap_err().to_string();
        assert!(told.contains("a number in `BYDAY` is from 1 to 53, or from -53 to -1"), "{told}");
    }
}

/// What a weekly rule leaves to its first occurrence is the day, whichever that is.
#[test]
fn a_week_repeats_its_own_day() {
    for day in 2..9 {
        let weekly = window(&format!("2026-02-{day:02}T16:00"), &format!("2026-02-{day:02}T18:00"), "FREQ=WEEKLY");
        let next = format!("2026-02-{:02}T15:00:00Z", day + 7);
        assert_eq!(open_until(&weekly, &format!("2026-02-{day:02}T18:00:00Z")), Some(next));
    }
}

/// The last week of a year may end in the next one, and is looked for from there, too.
#[test]
fn a_week_of_the_year_before_is_found_in_january() {
    let sunday = window("2020-12-28T10:00", "2020-12-28T18:00", "FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO,SU");
    assert_eq!(open_until(&sunday, "2027-01-03T06:00:00Z").as_deref(), Some("2027-01-03T09:00:00Z"));
}
