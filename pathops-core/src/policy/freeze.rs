use std::collections::BTreeSet;
use std::str::FromStr;

use jiff::civil::{self, DateTime};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{ToSpan as _, Zoned};
use serde::{Deserialize, Serialize};

use crate::id::RequirementId;
use crate::time::UnixMillis;

/// A time without promotions: once, or every week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FreezeWindow {
    /// The name of the requirement.
    pub id: RequirementId,
    /// Why, in words.
    pub reason: String,
    /// The IANA time zone that the times are in, for example `Europe/Berlin`.
    pub time_zone: String,
    /// When.
    pub when: FreezeTimes,
}

/// When promotions are closed, in local time of the window's zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum FreezeTimes {
    /// From one instant to another: `2026-12-20T16:00`.
    Once {
        /// Closed from here on.
        from: String,
        /// Open again from here on.
        until: String,
    },
    /// On some days of every week, from one time of day to another; where `until` is not later than `from`, it is on the next day.
    Weekly {
        /// The days on which it closes.
        days: BTreeSet<Weekday>,
        /// Closed from here on: `16:00`.
        from: String,
        /// Open again from here on: `08:00`.
        until: String,
    },
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(missing_docs, reason = "the names say it")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// Whether promotions are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calendar {
    /// They are open.
    Open,
    /// They are closed, and open again at `until`.
    Closed {
        /// Since when.
        since: UnixMillis,
        /// The first instant at which this window is open again.
        until: UnixMillis,
    },
}

/// What is wrong with a freeze window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FreezeError {
    /// No such time zone in the bundled database.
    #[error("there is no time zone `{0}`; use an IANA name such as `Europe/Berlin`")]
    TimeZone(String),
    /// Not a local date and time.
    #[error("`{0}` is not a local date and time; write for example `2026-12-20T16:00`")]
    DateTime(String),
    /// Not a time of day.
    #[error("`{0}` is not a time of day; write for example `16:00`")]
    Time(String),
    /// It ends before it begins.
    #[error("it ends ({until}) before it begins ({from})")]
    Order {
        /// Begin.
        from: String,
        /// End.
        until: String,
    },
    /// No day is named.
    #[error("it names no day")]
    NoDays,
    /// Outside of what calendars can say.
    #[error("the instant is outside of the calendar's range")]
    Range,
}

impl FreezeWindow {
    /// Whether promotions are closed at `at`. Days without that local time (daylight saving) are handled as RFC 5545
    /// does: a time that is skipped moves forward by the gap, one that occurs twice is the earlier.
    ///
    /// # Errors
    /// [`FreezeError`] where the window cannot be read; the evaluator takes that as *unknown*.
    pub fn at(&self, at: UnixMillis) -> Result<Calendar, FreezeError> {
        // The bundled database alone: a decision must not depend on the machine it is made on.
        let zone = TimeZoneDatabase::bundled().get(&self.time_zone).map_err(|_| FreezeError::TimeZone(self.time_zone.clone()))?;
        match &self.when {
            FreezeTimes::Once { from, until } => {
                let (begin, end) = (date_time(from)?, date_time(until)?);
                if end <= begin {
                    return Err(FreezeError::Order { from: from.clone(), until: until.clone() });
                }
                Ok(closed(instant(begin, &zone)?, instant(end, &zone)?, at))
            }
            FreezeTimes::Weekly { days, from, until } => weekly(days, time_of_day(from)?, time_of_day(until)?, &zone, at),
        }
    }
}

fn weekly(
    days: &BTreeSet<Weekday>,
    from: civil::Time,
    until: civil::Time,
    zone: &TimeZone,
    at: UnixMillis,
) -> Result<Calendar, FreezeError> {
    if days.is_empty() {
        return Err(FreezeError::NoDays);
    }
    let today = Zoned::new(at.timestamp(), zone.clone()).date();
    // Adjacent windows are one closed time: walk on from the one that covers `at` until a gap.
    let mut result = Calendar::Open;
    for offset in -7..=8_i64 {
        let day = today.checked_add(offset.days()).map_err(|_| FreezeError::Range)?;
        if !days.contains(&weekday(day)) {
            continue;
        }
        let last = if until <= from { day.tomorrow().map_err(|_| FreezeError::Range)? } else { day };
        let (begin, end) = (instant(day.to_datetime(from), zone)?, instant(last.to_datetime(until), zone)?);
        result = match result {
            Calendar::Closed { since, until } if begin <= until => Calendar::Closed { since, until: until.max(end) },
            Calendar::Closed { since, until } if at < until => return Ok(Calendar::Closed { since, until }),
            _ if begin > at => return Ok(Calendar::Open),
            _ => Calendar::Closed { since: begin, until: end },
        };
    }
    Ok(match result {
        Calendar::Closed { since, until } => closed(since, until, at),
        Calendar::Open => Calendar::Open,
    })
}

fn closed(since: UnixMillis, until: UnixMillis, at: UnixMillis) -> Calendar {
    if since <= at && at < until { Calendar::Closed { since, until } } else { Calendar::Open }
}

fn instant(local: DateTime, zone: &TimeZone) -> Result<UnixMillis, FreezeError> {
    let timestamp = zone.to_ambiguous_timestamp(local).compatible().map_err(|_| FreezeError::Range)?;
    Ok(UnixMillis(timestamp.as_millisecond()))
}

fn date_time(text: &str) -> Result<DateTime, FreezeError> {
    local(text).ok_or_else(|| FreezeError::DateTime(text.to_owned()))
}

fn time_of_day(text: &str) -> Result<civil::Time, FreezeError> {
    local(text).ok_or_else(|| FreezeError::Time(text.to_owned()))
}

/// What `text` says, if it says nothing else: the parser would drop a date before a time and an offset after it, and the
/// window would lie elsewhere than its author wrote.
fn local<T: FromStr + ToString>(text: &str) -> Option<T> {
    text.parse().ok().filter(|value: &T| value.to_string().starts_with(text))
}

fn weekday(date: civil::Date) -> Weekday {
    match date.weekday() {
        civil::Weekday::Monday => Weekday::Monday,
        civil::Weekday::Tuesday => Weekday::Tuesday,
        civil::Weekday::Wednesday => Weekday::Wednesday,
        civil::Weekday::Thursday => Weekday::Thursday,
        civil::Weekday::Friday => Weekday::Friday,
        civil::Weekday::Saturday => Weekday::Saturday,
        civil::Weekday::Sunday => Weekday::Sunday,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(when: FreezeTimes) -> FreezeWindow {
        FreezeWindow {
            id: RequirementId::parse("w").unwrap(),
            reason: String::new(),
            time_zone: "Europe/Berlin".to_owned(),
            when,
        }
    }

    fn weekend() -> FreezeWindow {
        let days = BTreeSet::from([Weekday::Friday, Weekday::Saturday, Weekday::Sunday]);
        window(FreezeTimes::Weekly { days, from: "16:00".to_owned(), until: "16:00".to_owned() })
    }

    #[track_caller]
    fn check(window: &FreezeWindow, at: &str, expected: Option<(&str, &str)>) {
        let answer = window.at(at.parse().unwrap()).unwrap();
        let expected = expected.map_or(Calendar::Open, |(since, until)| Calendar::Closed {
            since: since.parse().unwrap(),
            until: until.parse().unwrap(),
        });
        assert_eq!(answer, expected, "at {at}");
    }

    #[test]
    fn adjacent_days_are_one_closed_time() {
        let closed = Some(("2026-11-20T15:00:00Z", "2026-11-23T15:00:00Z"));
        check(&weekend(), "2026-11-20T14:59:59Z", None);
        for at in ["2026-11-20T15:00:00Z", "2026-11-21T12:00:00Z", "2026-11-23T14:59:59Z"] {
            check(&weekend(), at, closed);
        }
        check(&weekend(), "2026-11-23T15:00:00Z", None);
    }

    #[test]
    fn local_time_follows_daylight_saving() {
        // 2026-10-25 is the end of summer time in Berlin: the same local hour is another UTC hour.
        check(&weekend(), "2026-10-23T14:00:00Z", Some(("2026-10-23T14:00:00Z", "2026-10-26T15:00:00Z")));
        let skipped = window(FreezeTimes::Once { from: "2026-03-29T02:30".to_owned(), until: "2026-03-29T04:00".to_owned() });
        check(&skipped, "2026-03-29T01:30:00Z", Some(("2026-03-29T01:30:00Z", "2026-03-29T02:00:00Z")));
        check(&skipped, "2026-03-29T01:29:59Z", None);
    }

    #[test]
    fn what_cannot_be_read_is_an_error_and_never_open() {
        let mut bad = weekend();
        bad.time_zone = "Europe/Atlantis".to_owned();
        assert_eq!(bad.at(UnixMillis(0)), Err(FreezeError::TimeZone("Europe/Atlantis".to_owned())));
        let bad = window(FreezeTimes::Weekly { days: BTreeSet::new(), from: "16:00".to_owned(), until: "08:00".to_owned() });
        assert_eq!(bad.at(UnixMillis(0)), Err(FreezeError::NoDays));
        let bad = window(FreezeTimes::Once { from: "2026-12-21T00:00".to_owned(), until: "2026-12-20T00:00".to_owned() });
        assert!(matches!(bad.at(UnixMillis(0)), Err(FreezeError::Order { .. })));
    }
}
