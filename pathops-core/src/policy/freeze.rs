use std::collections::BTreeSet;
use std::str::FromStr;

use jiff::civil::{self, DateTime};
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{ToSpan as _, Zoned};
use serde::{Deserialize, Serialize};

use crate::time::UnixMillis;

/// A time without promotions: once, or every week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Freeze {
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
    Open {
        /// Until when.
        until: Option<UnixMillis>,
    },
    /// They are closed, and open again at `until`.
    Closed {
        /// Since when.
        since: UnixMillis,
        /// The first instant at which this window is open again.
        until: Option<UnixMillis>,
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

/// The version of the bundled time zone data.
#[must_use]
pub fn time_zone_data_version() -> &'static str {
    "bundled"
}

/// A window that was read.
#[derive(Clone, Debug)]
pub struct FreezeCalendar(Freeze);

impl FreezeCalendar {
    /// Whether promotions are closed.
    ///
    /// # Errors
    /// Where nobody can tell.
    pub fn at(&self, at: UnixMillis) -> Result<Calendar, FreezeError> {
        self.0.at(at)
    }
}

impl Freeze {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn calendar(&self) -> Result<FreezeCalendar, FreezeError> {
        self.at(UnixMillis(0)).map(|_| FreezeCalendar(self.clone()))
    }

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
    let mut result = Calendar::Open { until: None };
    for offset in -7..=8_i64 {
        let day = today.checked_add(offset.days()).map_err(|_| FreezeError::Range)?;
        if !days.contains(&weekday(day)) {
            continue;
        }
        let last = if until <= from { day.tomorrow().map_err(|_| FreezeError::Range)? } else { day };
        let (begin, end) = (instant(day.to_datetime(from), zone)?, instant(last.to_datetime(until), zone)?);
        result = match result {
            Calendar::Closed { since, until } if Some(begin) <= until => Calendar::Closed { since, until: until.max(Some(end)) },
            Calendar::Closed { since, until } if Some(at) < until => return Ok(Calendar::Closed { since, until }),
            _ if begin > at => return Ok(Calendar::Open { until: None }),
            _ => Calendar::Closed { since: begin, until: Some(end) },
        };
    }
    Ok(match result {
        Calendar::Closed { since, until } => closed(since, until.unwrap_or(at), at),
        open @ Calendar::Open { .. } => open,
    })
}

fn closed(since: UnixMillis, until: UnixMillis, at: UnixMillis) -> Calendar {
    if since <= at && at < until { Calendar::Closed { since, until: Some(until) } } else { Calendar::Open { until: None } }
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

