//! Windows that nobody thought of, against a slow reading of the rules: every day since the first is asked, and every
//! quarter of an hour is looked at.

use std::collections::BTreeSet;

use jiff::civil::{Date, DateTime, Weekday, date};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{Span, ToSpan as _};
use pathops_core::UnixMillis;
use pathops_core::policy::{Freeze, FreezeError, FreezeState};
use proptest::prelude::*;
use proptest::sample::select;

const QUARTER: i64 = 15 * 60_000;
const NAMES: [&str; 7] = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
const ZONES: [&str; 8] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Beirut",
    "Pacific/Apia",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "UTC",
];

#[derive(Clone, Debug)]
enum Days {
    Daily { months: Option<BTreeSet<i8>> },
    Weekly { days: BTreeSet<i8>, sunday_first: bool },
    MonthDay,
    NthWeekday,
    LastWeekday,
    LastWorkingDay,
}

#[derive(Clone, Debug)]
struct Plan {
    zone: &'static str,
    first: DateTime,
    minutes: i64,
    interval: i64,
    days: Days,
    count: Option<usize>,
    /// How many days after the first occurrence it is looked at.
    later: i64,
}

fn plan() -> impl Strategy<Value = Plan> {
    let days = prop_oneof![
        proptest::option::of(proptest::collection::btree_set(1..=12_i8, 1..4)).prop_map(|months| Days::Daily { months }),
        (proptest::collection::btree_set(0..7_i8, 0..4), any::<bool>())
            .prop_map(|(days, sunday_first)| Days::Weekly { days, sunday_first }),
        select(vec![Days::MonthDay, Days::NthWeekday, Days::LastWeekday, Days::LastWorkingDay]),
    ];
    let minutes = prop_oneof![(1..96_i64).prop_map(|quarters| quarters * 15), select(vec![1440, 2880, 4320])];
    let count = proptest::option::weighted(0.2, 1..100_usize);
    (select(ZONES.to_vec()), 0..1_000_i64, 0..96_i64, minutes, 1..4_i64, days, count, 0..7_300_i64).prop_map(
        |(zone, day, quarter, minutes, interval, days, count, later)| {
            let day = days.first_from(date(2006, 1, 1) + day.days());
            let first = day.to_datetime(jiff::civil::Time::midnight()) + (quarter * 15).minutes();
            Plan { zone, first, minutes, interval, days, count, later }
        },
    )
}

impl Days {
    /// The first day from `day` on that can be the first occurrence.
    fn first_from(&self, day: Date) -> Date {
        let fits = |day: &Date| match self {
            Days::LastWorkingDay => is_last_working_day(*day),
            Days::LastWeekday => (*day + 7.days()).month() != day.month(),
            Days::Daily { months } => months.as_ref().is_none_or(|months| months.contains(&day.month())),
            Days::Weekly { .. } | Days::MonthDay | Days::NthWeekday => true,
        };
        day.series(1.day()).find(fits).unwrap()
    }
}

fn is_last_working_day(day: Date) -> bool {
    let working = |day: &Date| !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    working(&day)
        && !day.tomorrow().unwrap().series(1.day()).take_while(|next| next.month() == day.month()).any(|day| working(&day))
}

fn number(day: Date) -> i8 {
    day.weekday().to_monday_zero_offset()
}

fn nth(day: Date) -> i8 {
    (day.day() - 1) / 7 + 1
}

fn months(day: Date) -> i64 {
    i64::from(day.year()) * 12 + i64::from(day.month())
}

impl Plan {
    fn rule(&self) -> String {
        let first = self.first.date();
        let list = |items: Vec<String>| items.join(",");
        let days = match &self.days {
            Days::Daily { months: None } => "FREQ=DAILY".to_owned(),
            Days::Daily { months: Some(months) } => {
                format!("FREQ=DAILY;BYMONTH={}", list(months.iter().map(ToString::to_string).collect()))
            }
            Days::Weekly { days, sunday_first } => {
                let days: BTreeSet<i8> = days.iter().copied().chain([number(first)]).collect();
                let days = list(days.iter().map(|day| NAMES[usize::try_from(*day).unwrap()].to_owned()).collect());
                format!("FREQ=WEEKLY;BYDAY={days};WKST={}", if *sunday_first { "SU" } else { "MO" })
            }
            Days::MonthDay => "FREQ=MONTHLY".to_owned(),
            Days::NthWeekday => {
                format!("FREQ=MONTHLY;BYDAY={}{}", nth(first), NAMES[usize::try_from(number(first)).unwrap()])
            }
            Days::LastWeekday => format!("FREQ=MONTHLY;BYDAY=-1{}", NAMES[usize::try_from(number(first)).unwrap()]),
            Days::LastWorkingDay => "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1".to_owned(),
        };
        let count = self.count.map(|count| format!(";COUNT={count}")).unwrap_or_default();
        format!("{days};INTERVAL={}{count}", self.interval)
    }

    /// Whether the rule names a day, which is not before the first.
    fn names(&self, day: Date) -> bool {
        let first = self.first.date();
        let apart = i64::from((day - first).get_days());
        let month_fits = (months(day) - months(first)) % self.interval == 0;
        match &self.days {
            Days::Daily { months } => {
                apart % self.interval == 0 && months.as_ref().is_none_or(|months| months.contains(&day.month()))
            }
            Days::Weekly { days, sunday_first } => {
                let into = if *sunday_first { (number(first) + 1) % 7 } else { number(first) };
                let week = (apart + i64::from(into)).div_euclid(7);
                week % self.interval == 0 && (days.contains(&number(day)) || number(day) == number(first))
            }
            Days::MonthDay => month_fits && day.day() == first.day(),
            Days::NthWeekday => month_fits && number(day) == number(first) && nth(day) == nth(first),
            Days::LastWeekday => month_fits && number(day) == number(first) && (day + 7.days()).month() != day.month(),
            Days::LastWorkingDay => month_fits && is_last_working_day(day),
        }
    }

    /// The quarters of an hour that are closed, of the days from `from` to `to`.
    fn closed(&self, zone: &TimeZone, from: Date, to: Date) -> BTreeSet<i64> {
        let instant = |local: DateTime| zone.to_ambiguous_timestamp(local).compatible().unwrap().as_millisecond() / QUARTER;
        let all = self.first.date().series(1.day()).take_while(|day| *day <= to).filter(|day| self.names(*day));
        let kept = all.take(self.count.unwrap_or(usize::MAX)).filter(|day| *day >= from);
        let mut closed = BTreeSet::new();
        for day in kept {
            let start = day.to_datetime(self.first.time());
            closed.extend(instant(start)..instant(start + Span::new().minutes(self.minutes)));
        }
        closed
    }

    fn window(&self) -> Freeze {
        Freeze {
            time_zone: self.zone.to_owned(),
            from: self.first.to_string(),
            until: (self.first + Span::new().minutes(self.minutes)).to_string(),
            repeat: Some(self.rule()),
            except: BTreeSet::new(),
        }
    }
}

/// What the quarters say about one of them; the steps end at `first` and `last`.
fn state(closed: &BTreeSet<i64>, quarter: i64, last: i64) -> FreezeState {
    let millis = |quarter: i64| UnixMillis(quarter * QUARTER);
    let next = |from: i64| (from..=last).find(|quarter| closed.contains(quarter)).map(millis);
    if !closed.contains(&quarter) {
        return FreezeState::Open { until: next(quarter) };
    }
    let since = (0..=quarter).rev().take_while(|quarter| closed.contains(quarter)).last().unwrap();
    let until = (quarter..).find(|quarter| !closed.contains(quarter)).unwrap();
    FreezeState::Closed { since: millis(since), until: millis(until), next: next(until) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_calendar_agrees_with_every_quarter_of_an_hour(plan in plan(), moments in proptest::collection::vec(0..120 * 96_i64, 30)) {
        let zone = TimeZoneDatabase::bundled().get(plan.zone).unwrap();
        let near = plan.first.date() + plan.later.days();
        let (from, to) = (near - 500.days(), near + 900.days());
        let closed = plan.closed(&zone, from, to);
        let begin = zone.to_timestamp(near.to_datetime(jiff::civil::Time::midnight())).unwrap().as_millisecond() / QUARTER;
        let last = begin + 850 * 96;
        let occurrences = match plan.window().occurrences() {
            Err(FreezeError::Limit) => {
                let (first, last) = (plan.first.date(), plan.first.date() + 700.days());
                let closed = plan.closed(&zone, first, last);
                prop_assert!((closed.first().unwrap() + 600 * 96) < *closed.last().unwrap());
                let gap = closed.iter().zip(closed.iter().skip(1)).any(|(one, other)| one + 1 < *other);
                return if gap { Err(TestCaseError::fail("it opens in between")) } else { Ok(()) };
            }
            read => read.unwrap(),
        };
        for moment in moments {
            let quarter = begin + moment;
            let expected = state(&closed, quarter, last);
            match (occurrences.at(UnixMillis(quarter * QUARTER + 7)).unwrap(), expected) {
                // What is further away than the steps go.
                (FreezeState::Open { until }, FreezeState::Open { until: None }) => {
                    prop_assert!(until.is_none_or(|until| until.0 > last * QUARTER));
                }
                (FreezeState::Closed { since, until, .. }, FreezeState::Closed { since: begin, until: end, next: None }) => {
                    prop_assert_eq!((since, until), (begin, end));
                }
                (answer, expected) => prop_assert_eq!(answer, expected, "{} at {}", plan.rule(), UnixMillis(quarter * QUARTER)),
            }
        }
    }
}
