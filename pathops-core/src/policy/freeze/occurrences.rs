use std::collections::BTreeSet;
use std::str::FromStr as _;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};

use super::rule::{DAY, End, HORIZON, Local, Rule};
use super::{Freeze, FreezeError, FreezeState};
use crate::time::UnixMillis;

/// How much a local time may lie beside the instant that it names, more or less. No zone ever moved by more than a day.
const SLACK: Local = 2 * DAY;

/// How many closed times may run into each other.
pub(super) const LIMIT: usize = 1000;

/// When a freeze window is closed: read once, it answers for any instant, at a cost that does not grow with the years
/// since the first occurrence.
#[derive(Clone, Debug)]
pub struct Occurrences {
    zone: TimeZone,
    first: Local,
    length: Local,
    rule: Option<Rule>,
    /// The last instant at which it may close, and a local time after that.
    last: UnixMillis,
    end: Local,
    except: BTreeSet<Local>,
}

/// One closed time.
#[derive(Clone, Copy, Debug)]
struct Closed {
    since: UnixMillis,
    until: UnixMillis,
}

impl Freeze {
    /// Reads the window.
    ///
    /// # Errors
    /// [`FreezeError`], with how to write what is wrong.
    pub fn occurrences(&self) -> Result<Occurrences, FreezeError> {
        let (first, until) = (date_time(&self.from)?, date_time(&self.until)?);
        if until <= first {
            return Err(FreezeError::Order { from: self.from.clone(), until: self.until.clone() });
        }
        let parsed = self.repeat.as_ref().map(|text| Rule::parse(text, first)).transpose()?;
        let (rule, end) = parsed.map_or((None, End::Never), |(rule, end)| (Some(rule), end));
        let (last, forever) = (UnixMillis(i64::MAX), Local::MAX);
        let zone = zone(&self.time_zone)?;
        let mut read = Occurrences { zone, first, length: until - first, rule, last, end: forever, except: BTreeSet::new() };
        if read.locals(first, first)?.next().is_none() {
            return Err(FreezeError::First(self.from.clone()));
        }
        if let Some(last) = read.last(end)? {
            (read.last, read.end) = (last, read.local(last)? + SLACK);
        }
        for text in &self.except {
            let local = date_time(text)?;
            if read.rule.is_none() || read.locals(local, local)?.next().is_none() {
                return Err(FreezeError::Except(text.clone()));
            }
            read.except.insert(local);
        }
        read.at(read.instant(first)?)?;
        Ok(read)
    }
}

impl Occurrences {
    /// Whether the window is closed at `at`.
    ///
    /// # Errors
    /// [`FreezeError::Range`] where `at` is within 100 years of the end of the calendar or beyond, and
    /// [`FreezeError::Limit`] where more than 1000 repetitions run into each other. Take both as *unknown*, never as open.
    pub fn at(&self, at: UnixMillis) -> Result<FreezeState, FreezeError> {
        let here = self.local(at)?;
        let reach = self.length + SLACK;
        // What is looked at grows in both directions, until the closed time around `at` lies whole within it.
        let (mut back, mut ahead) = (here - 2 * reach, here + reach + SLACK);
        loop {
            let around = self.closed(back, ahead)?;
            let Some(closed) = around.into_iter().find(|closed| closed.since <= at && at < closed.until) else {
                return Ok(FreezeState::Open { until: self.next(at)? });
            };
            let whole_before = back <= self.first || back + reach <= self.local(closed.since)?;
            let whole_after = self.rule.is_none() || self.local(closed.until)? + SLACK <= ahead;
            if whole_before && whole_after {
                return Ok(FreezeState::Closed { since: closed.since, until: closed.until, next: self.next(closed.until)? });
            }
            if !whole_before {
                back -= here - back;
            }
            if !whole_after {
                ahead += ahead - here;
            }
        }
    }

    /// The closed times of the occurrences that begin from `from` to `to`, in order; those that touch are one.
    fn closed(&self, from: Local, to: Local) -> Result<Vec<Closed>, FreezeError> {
        let mut closed = Vec::new();
        for local in self.locals(from, to)? {
            closed.extend(self.placed(local)?);
            if closed.len() > LIMIT {
                return Err(FreezeError::Limit);
            }
        }
        closed.sort_by_key(|closed: &Closed| closed.since);
        closed.dedup_by(|later, earlier| {
            let touch = later.since <= earlier.until;
            earlier.until = if touch { earlier.until.max(later.until) } else { earlier.until };
            touch
        });
        Ok(closed)
    }

    /// The first closing after an instant.
    fn next(&self, after: UnixMillis) -> Result<Option<UnixMillis>, FreezeError> {
        let from = self.local(after)? - SLACK;
        let mut locals = self.locals(from, from.max(self.first) + HORIZON)?;
        let later = |local: Local| Ok(self.placed(local)?.map(|closed| closed.since).filter(|since| *since > after));
        while let Some(local) = locals.next() {
            let Some(mut next) = later(local)? else { continue };
            // Across a gap of local times, the later one may be the earlier instant.
            for near in locals.take_while(|near| *near <= local + SLACK) {
                next = later(near)?.map_or(next, |since| since.min(next));
            }
            return Ok(Some(next));
        }
        Ok(None)
    }

    /// The local times at which it closes, from `from` to `to`, both included.
    fn locals(&self, from: Local, to: Local) -> Result<impl Iterator<Item = Local> + use<'_>, FreezeError> {
        let to = to.min(self.end);
        let repeated = self.rule.as_ref().map(|rule| rule.between(from, to)).transpose()?;
        let once = (self.rule.is_none() && from <= self.first && self.first <= to).then_some(self.first);
        let all = once.into_iter().chain(repeated.into_iter().flatten());
        Ok(all.filter(|local| !self.except.contains(local)))
    }

    /// When the occurrence of a local time is closed; not at all where it is after the rule's end, or the change of the
    /// clocks leaves nothing of it.
    fn placed(&self, local: Local) -> Result<Option<Closed>, FreezeError> {
        let closed = Closed { since: self.instant(local)?, until: self.instant(local + self.length)? };
        Ok((closed.since < closed.until && closed.since <= self.last).then_some(closed))
    }

    /// The last instant at which the rule closes the window, where it ends.
    fn last(&self, end: End) -> Result<Option<UnixMillis>, FreezeError> {
        match end {
            End::Never => Ok(None),
            End::Until(until) => {
                let last = UnixMillis(until.seconds.saturating_mul(1000));
                if last < self.instant(self.first)? { Err(FreezeError::Until(until.text)) } else { Ok(Some(last)) }
            }
            End::Count(count) => {
                let before = usize::try_from(count).unwrap_or(usize::MAX).saturating_sub(1);
                let last = self.locals(self.first, self.first + HORIZON)?.nth(before);
                self.instant(last.ok_or(FreezeError::Count(count))?).map(Some)
            }
        }
    }

    /// The instant of a local time, by RFC 5545, 3.3.5.
    fn instant(&self, local: Local) -> Result<UnixMillis, FreezeError> {
        let local = Timestamp::from_second(local).map_err(|_| FreezeError::Range)?;
        let ambiguous = self.zone.to_ambiguous_timestamp(Offset::UTC.to_datetime(local));
        let timestamp = ambiguous.compatible().map_err(|_| FreezeError::Range)?;
        Ok(UnixMillis(timestamp.as_millisecond()))
    }

    /// What clocks of the zone show at an instant.
    fn local(&self, at: UnixMillis) -> Result<Local, FreezeError> {
        let timestamp = Timestamp::from_millisecond(at.0).map_err(|_| FreezeError::Range)?;
        let local = seconds(self.zone.to_datetime(timestamp))?;
        let last = Timestamp::MAX.as_second() - HORIZON;
        if local <= last { Ok(local) } else { Err(FreezeError::Range) }
    }
}

/// The bundled database alone: a decision must not depend on the machine it is made on.
fn zone(name: &str) -> Result<TimeZone, FreezeError> {
    let zone = TimeZoneDatabase::bundled().get(name).ok().filter(|zone| !zone.is_unknown());
    zone.ok_or_else(|| FreezeError::TimeZone(name.to_owned()))
}

/// What `text` says, if it says nothing else: the parser would drop an offset after it, and the window would lie
/// elsewhere than its author wrote.
fn date_time(text: &str) -> Result<Local, FreezeError> {
    let wrong = || FreezeError::DateTime(text.to_owned());
    let value = DateTime::from_str(text).map_err(|_| wrong())?;
    let whole = value.subsec_nanosecond() == 0 && value.to_string().starts_with(text) && text.len() >= "2026-12-20T16:00".len();
    if whole { seconds(value).map_err(|_| wrong()) } else { Err(wrong()) }
}

fn seconds(local: DateTime) -> Result<Local, FreezeError> {
    Offset::UTC.to_timestamp(local).map(Timestamp::as_second).map_err(|_| FreezeError::Range)
}
