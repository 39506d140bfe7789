//! What cannot be read is told, with how to write it; and whatever is written, the work is bounded.

use std::time::{Duration, Instant};

use pathops_core::UnixMillis;
use pathops_core::policy::{Freeze, FreezeError, FreezeState};
use proptest::prelude::*;

use super::at;

/// Far more than any of this takes, even unoptimised and on a busy machine.
const SOON: Duration = Duration::from_secs(10);

fn window(from: &str, until: &str, repeat: &str) -> Freeze {
    Freeze {
        time_zone: "Europe/Berlin".to_owned(),
        from: from.to_owned(),
        until: until.to_owned(),
        repeat: (!repeat.is_empty()).then(|| repeat.to_owned()),
        except: [].into(),
    }
}

/// A Friday.
fn friday(repeat: &str) -> Freeze {
    window("2026-01-02T16:00", "2026-01-02T18:00", repeat)
}

#[expect(clippy::disallowed_methods, reason = "a test measures how long something takes")]
fn soon<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let begin = Instant::now();
    let done = work();
    assert!(begin.elapsed() < SOON, "{what} took {:?}", begin.elapsed());
    done
}

fn complaint(window: &Freeze) -> String {
    soon(&format!("{window:?}"), || window.occurrences()).unwrap_err().to_string()
}

#[test]
fn a_rule_that_is_none_is_told() {
    for (rule, problem) in [
        ("every Monday", "`every Monday` is not `NAME=VALUE`"),
        ("RRULE:FREQ=WEEKLY", "`RRULE:FREQ` is none of its parts"),
        ("FREQ=WEEKLY;BYDAYS=FR", "`BYDAYS` is none of its parts"),
        ("freq=weekly", "`freq` is none of its parts"),
        ("FREQ=WEEKLY;BYDAY=FR;BYDAY=SA", "`BYDAY` is there twice"),
        ("FREQ=WEEKLY;BYDAY=", "`BYDAY` has no value, or an empty one among several"),
        ("FREQ=WEEKLY;BYDAY=FR,,SA", "`BYDAY` has no value, or an empty one among several"),
        ("FREQ=WEEKLY; BYDAY=FR", "` BYDAY` is none of its parts"),
        ("FREQ=WEEKLY;", "`` is not `NAME=VALUE`"),
        ("BYDAY=FR", "Missing recurrence frequency"),
        ("FREQ=FORTNIGHTLY", "Unknown recurrence frequency"),
        ("FREQ=WEEKLY;BYDAY=FREITAG", "Unknown recurrence weekday"),
        ("FREQ=WEEKLY;INTERVAL=0", "Recurrence interval cannot be zero"),
        ("FREQ=WEEKLY;INTERVAL=-1", "Invalid recurrence interval: invalid digit found in string"),
        ("FREQ=MONTHLY;BYMONTHDAY=32", "Recurrence number out of range"),
        ("FREQ=WEEKLY;COUNT=0", "`COUNT=0` names no time"),
        ("FREQ=WEEKLY;COUNT=3;UNTIL=20270101T000000Z", "UNTIL and COUNT may not both be given"),
        ("FREQ=WEEKLY;BYMONTHDAY=2", "BYMONTHDAY may not be used with FREQ=WEEKLY"),
        ("FREQ=MONTHLY;BYDAY=FR,0SA", "a number in `BYDAY` is from 1 to 53, or from -53 to -1"),
        ("FREQ=DAILY;BYSECOND=0,60", "no time of day has a second 60 in it"),
        ("FREQ=WEEKLY;RSCALE=HEBREW", "`RSCALE` is none of its parts"),
    ] {
        let expected =
            format!("`{rule}` is not a recurrence rule of RFC 5545: {problem}; write for example `FREQ=WEEKLY;BYDAY=FR`");
        assert_eq!(complaint(&friday(rule)), expected);
    }
}

#[test]
fn a_rule_that_promises_too_much_or_nothing_is_told() {
    let first = "the rule does not name the first occurrence (2026-01-02T16:00); let `from` be a time that it names";
    let until = |text: &str| {
        format!("`UNTIL={text}` is no instant in UTC from the first occurrence on; write for example `UNTIL=20271231T230000Z`")
    };
    for (rule, expected) in [
        ("FREQ=WEEKLY;BYDAY=SA", first.to_owned()),
        ("FREQ=MONTHLY;BYDAY=2FR", first.to_owned()),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", first.to_owned()),
        ("FREQ=DAILY;BYHOUR=16;BYSETPOS=2", first.to_owned()),
        ("FREQ=WEEKLY;UNTIL=20271231", until("20271231")),
        ("FREQ=WEEKLY;UNTIL=20271231T230000", until("20271231T230000")),
        ("FREQ=WEEKLY;UNTIL=20260102T145959Z", until("20260102T145959Z")),
        ("FREQ=HOURLY", frequency("HOURLY")),
        ("FREQ=MINUTELY;BYHOUR=16", frequency("MINUTELY")),
        ("FREQ=SECONDLY;BYSETPOS=2;BYSECOND=0", frequency("SECONDLY")),
        (
            "FREQ=DAILY;BYMINUTE=0,15,30,45;BYHOUR=8,9,10,11,12,13,14,15,16",
            "it repeats 36 times a day, and 24 is the limit".to_owned(),
        ),
        (
            "FREQ=WEEKLY;COUNT=4294967295",
            "`COUNT=4294967295` takes more than 100 years; write a lower one, `UNTIL`, or neither".to_owned(),
        ),
        (
            "FREQ=DAILY;INTERVAL=4294967295;COUNT=2",
            "`COUNT=2` takes more than 100 years; write a lower one, `UNTIL`, or neither".to_owned(),
        ),
    ] {
        assert_eq!(complaint(&friday(rule)), expected, "{rule}");
    }
}

fn frequency(name: &str) -> String {
    format!("`FREQ={name}` repeats more often than daily; write `FREQ=DAILY`, with `BYHOUR` for several times of a day")
}

#[test]
fn times_that_are_none_are_told() {
    for text in [
        "",
        "soon",
        "2026-01-02",
        "2026-01-02T16",
        "16:00",
        "2026-01-02 16:00",
        "2026-01-02T16:00Z",
        "2026-01-02T16:00+05:00",
        "2026-01-02T16:00[Asia/Tokyo]",
        "2026-02-30T16:00",
        "2026-01-02T25:00",
        "2026-01-02T16:00:60",
        "2026-01-02T16:00:00.5",
        "+002026-01-02T16:00",
        "10000-01-01T00:00",
        "9999-12-31T23:59",
        "２026-01-02T16:00",
    ] {
        let expected = format!("`{text}` is not a local date and time; write for example `2026-12-20T16:00`");
        assert_eq!(complaint(&window(text, "2026-01-02T18:00", "")), expected);
        assert_eq!(complaint(&window("2026-01-02T16:00", text, "")), expected);
        let mut except = friday("FREQ=DAILY");
        except.except.insert(text.to_owned());
        assert_eq!(complaint(&except), expected);
    }
    let order = "it ends (2026-01-02T16:00) before it begins (2026-01-02T16:00)";
    assert_eq!(complaint(&window("2026-01-02T16:00", "2026-01-02T16:00", "")), order);
}

#[test]
fn zones_that_are_none_are_told() {
    for zone in ["", "Europe/Atlantis", "Etc/Unknown", "CET-1CEST", "+01:00", "../Europe/Berlin"] {
        let bad = Freeze { time_zone: zone.to_owned(), ..friday("") };
        assert_eq!(complaint(&bad), format!("there is no time zone `{zone}`; use an IANA name such as `Europe/Berlin`"));
    }
}

#[test]
fn an_exception_to_nothing_is_told() {
    for (rule, except) in [("FREQ=WEEKLY", "2026-01-08T16:00"), ("FREQ=WEEKLY", "2026-01-09T17:00"), ("", "2026-01-02T16:00")] {
        let bad = Freeze { except: [except.to_owned()].into(), ..friday(rule) };
        let expected =
            format!("no repetition closes at `{except}`, so there is nothing to except; name the local time at which one does");
        assert_eq!(complaint(&bad), expected);
    }
}

#[test]
fn what_never_opens_is_told_and_never_called_open() {
    let limit = FreezeError::Limit.to_string();
    for (from, until, rule) in [
        ("2006-01-01T00:00", "2006-01-02T00:00", "FREQ=DAILY"),
        ("2006-01-01T00:00", "2007-02-01T00:00", "FREQ=DAILY;BYHOUR=0,6,12,18"),
        ("2006-01-01T00:00", "2006-01-08T00:00", "FREQ=WEEKLY"),
        ("2006-01-01T00:00", "2006-01-01T12:00", "FREQ=DAILY;BYHOUR=0,12"),
    ] {
        assert_eq!(complaint(&window(from, until, rule)), limit);
    }
    // The calendar ends before a thousand of these do.
    assert_eq!(window("9000-01-01T00:00", "9001-01-02T00:00", "FREQ=YEARLY").occurrences().unwrap_err(), FreezeError::Range);
}

/// As many closed times as may run into each other are one, and one more is told.
#[test]
fn a_thousand_closed_times_that_touch_are_one() {
    let days = |count: u32| window("2006-01-01T00:00", "2006-01-02T00:00", &format!("FREQ=DAILY;COUNT={count}"));
    let whole = FreezeState::Closed { since: at("2005-12-31T23:00:00Z"), until: at("2008-09-26T22:00:00Z"), next: None };
    assert_eq!(days(1_000).occurrences().unwrap().at(at("2007-05-01T00:00:00Z")), Ok(whole));
    assert_eq!(days(1_001).occurrences().unwrap_err(), FreezeError::Limit);
}

/// Its last repetition is found on either side of 1970, where local times are counted from.
#[test]
fn a_window_of_the_time_before_1970_ends_with_its_rule() {
    let weeks = window("1965-01-01T00:00", "1965-01-02T00:00", "FREQ=WEEKLY;COUNT=3").occurrences().unwrap();
    assert!(matches!(weeks.at(at("1965-01-15T12:00:00Z")), Ok(FreezeState::Closed { next: None, .. })));
    assert_eq!(weeks.at(at("1965-01-22T12:00:00Z")), Ok(FreezeState::Open { until: None }));
}

#[test]
fn the_end_of_the_calendar_is_unknown() {
    let occurrences = friday("FREQ=WEEKLY").occurrences().unwrap();
    for instant in [i64::MIN, at("9999-12-01T00:00:00Z").0, at("9950-01-01T00:00:00Z").0, i64::MAX] {
        assert_eq!(occurrences.at(UnixMillis(instant)), Err(FreezeError::Range), "{instant}");
    }
    let far = at("9800-01-04T15:00:00Z");
    assert!(matches!(occurrences.at(far).unwrap(), FreezeState::Open { until: Some(_) } | FreezeState::Closed { .. }));
}

#[test]
fn an_answer_does_not_cost_more_for_the_years_that_have_passed() {
    let occurrences = window("2006-01-01T20:00", "2006-01-02T06:00", "FREQ=DAILY").occurrences().unwrap();
    let begin = at("2026-01-01T00:00:00Z");
    // A walk from the first occurrence on would take some 7000 steps, each of the 2000 times.
    soon("2000 answers", || {
        for hour in 0..2000 {
            occurrences.at(begin + Duration::from_secs(3600 * hour)).unwrap();
        }
    });
}

#[test]
fn what_hardly_ever_happens_takes_no_time() {
    for (from, until, rule) in [
        ("1804-02-29T16:00", "1804-02-29T18:00", "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29;BYDAY=WE"),
        ("1804-02-29T16:00", "1804-02-29T18:00", "FREQ=YEARLY;INTERVAL=9999"),
        ("1804-02-29T16:00", "1804-02-29T18:00", "FREQ=MONTHLY;INTERVAL=4294967295"),
        ("1804-02-29T16:00", "1804-02-29T18:00", "FREQ=WEEKLY;INTERVAL=4294967295"),
        ("1804-02-29T16:00", "1804-02-29T18:00", "FREQ=DAILY;INTERVAL=4294967295"),
    ] {
        let occurrences = window(from, until, rule).occurrences().unwrap();
        for instant in ["-009990-01-01T00:00:00Z", "1804-03-01T00:00:00Z", "2026-01-01T00:00:00Z", "9800-01-01T00:00:00Z"] {
            let answer = soon(&format!("{rule} at {instant}"), || occurrences.at(at(instant)));
            assert!(matches!(answer, Ok(FreezeState::Open { .. })), "{rule} at {instant}");
        }
    }
}

proptest! {
    /// Parts of rules in any order, and any text: read or told, in no time, and then every instant has an answer.
    #[test]
    fn no_text_is_too_much(
        rule in prop_oneof![any::<String>(), proptest::collection::vec("(FREQ=(DAI|WEEK|MONTH|YEAR|SECOND)LY|COUNT=[0-9]{1,10}\
            |INTERVAL=[0-9]{1,10}|UNTIL=[0-9]{8}T[0-9]{6}Z|BY(DAY|MONTHDAY|YEARDAY|WEEKNO|MONTH|SETPOS|HOUR|SECOND)=[-+]?[0-9]{0,3}\
            (MO|SU)?(,[0-9]{1,2})?|WKST=SU)", 1..5).prop_map(|parts| parts.join(";"))],
        hours in 1..10_000_i64,
        instant in any::<i64>(),
    ) {
        let until = jiff::civil::date(2026, 1, 2).at(16, 0, 0, 0) + jiff::Span::new().hours(hours);
        let window = window("2026-01-02T16:00", &until.to_string(), &rule);
        soon(&rule, || {
            if let Ok(occurrences) = window.occurrences() {
                for instant in [instant, instant / 50_000, at("2026-01-02T15:00:00Z").0] {
                    let _answer = occurrences.at(UnixMillis(instant));
                }
            }
        });
    }
}
