use ical::recur::expand::IcalRecurExpand;
use ical::recur::{IcalRecurDateTime, IcalRecurFreq, IcalRecurRule, IcalRecurWeekday, IcalRecurWeekdayNum};

use super::FreezeError;

/// A local time, as the seconds that UTC would count to it.
pub(super) type Local = i64;

pub(super) const DAY: Local = 86_400;

/// How far ahead repetitions are looked for.
pub(super) const HORIZON: Local = 100 * 366 * DAY;

/// How often a window may close on one day. The expansion holds a whole period, a year at most, in memory.
const TIMES_A_DAY: usize = 24;

/// What RFC 5545 knows; its parts of RFC 7529 (other calendars) are not taken.
const PARTS: [&str; 14] = [
    "FREQ",
    "UNTIL",
    "COUNT",
    "INTERVAL",
    "BYSECOND",
    "BYMINUTE",
    "BYHOUR",
    "BYDAY",
    "BYMONTHDAY",
    "BYYEARDAY",
    "BYWEEKNO",
    "BYMONTH",
    "BYSETPOS",
    "WKST",
];

/// A rule that can be expanded from any period on: it says itself what RFC 5545 takes from the first occurrence.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    rule: IcalRecurRule,
    first: Local,
}

/// How a rule ends.
pub(super) enum End {
    Never,
    Until(UtcText),
    Count(u32),
}

/// The instant that `UNTIL` names, with its text.
pub(super) struct UtcText {
    pub(super) seconds: i64,
    pub(super) text: String,
}

impl Rule {
    pub(super) fn parse(text: &str, first: Local) -> Result<(Self, End), FreezeError> {
        let wrong = |problem: String| FreezeError::Rule { rule: text.to_owned(), problem };
        check_parts(text).map_err(wrong)?;
        let mut rule = IcalRecurRule::parse(text).map_err(|error| wrong(error.to_string()))?;
        if let [problem, ..] = rule.problems().as_slice() {
            return Err(wrong(problem.to_string()));
        }
        check_numbers(&rule).map_err(wrong)?;
        if matches!(rule.freq, IcalRecurFreq::Secondly | IcalRecurFreq::Minutely | IcalRecurFreq::Hourly) {
            return Err(FreezeError::Frequency(value(text, "FREQ").unwrap_or_default().to_owned()));
        }
        let end = end(&rule, text)?;
        (rule.until, rule.count) = (None, None);
        complete(&mut rule, first);
        let times = rule.by_hour.len().saturating_mul(rule.by_minute.len()).saturating_mul(rule.by_second.len());
        if times > TIMES_A_DAY {
            return Err(FreezeError::Often(times));
        }
        Ok((Self { rule, first }, end))
    }

    /// The local times that the rule names from `from` to `to`, both included, in order.
    pub(super) fn between(&self, from: Local, to: Local) -> Result<impl Iterator<Item = Local> + use<>, FreezeError> {
        let from = from.max(self.first);
        let start = self.period(from).ok_or(FreezeError::Range)?;
        let mut rule = self.rule.clone();
        rule.until = Some(IcalRecurDateTime::from_seconds(to));
        let expansion = IcalRecurExpand::new(rule, start);
        Ok(expansion.map(|local| local.seconds()).filter(move |local| *local >= from))
    }

    /// The beginning of the last period of the rule that begins by `from`. As the rule is complete, expanding it from
    /// there gives what expanding it from its first occurrence does.
    fn period(&self, from: Local) -> Option<IcalRecurDateTime> {
        let interval = Local::from(self.rule.interval);
        let floor = |first: Local, at: Local, step: Local| first + (at - first).div_euclid(step) * step;
        let (first, at) = (IcalRecurDateTime::from_seconds(self.first), IcalRecurDateTime::from_seconds(from));
        let (first_day, day) = (self.first.div_euclid(DAY), from.div_euclid(DAY));
        let month = |time: &IcalRecurDateTime| Local::from(time.year) * 12 + Local::from(time.month) - 1;
        Some(match self.rule.freq {
            IcalRecurFreq::Weekly => {
                // 1970-01-01 was a Thursday, the fourth day of a week that counts from Sunday.
                let into = (first_day + 4 - Local::from(self.rule.week_start as u8)).rem_euclid(7);
                IcalRecurDateTime::from_seconds(floor(first_day - into, day, 7 * interval) * DAY)
            }
            IcalRecurFreq::Monthly => {
                let month = floor(month(&first), month(&at), interval);
                let year = i32::try_from(month.div_euclid(12)).ok()?;
                IcalRecurDateTime::date(year, u8::try_from(month.rem_euclid(12) + 1).ok()?, 1)
            }
            IcalRecurFreq::Yearly => {
                // The last week of a year may end in the next one.
                let year = if self.rule.by_week_no.is_empty() { at.year } else { at.year - 1 };
                let year = floor(first.year.into(), Local::from(year).max(first.year.into()), interval);
                IcalRecurDateTime::date(i32::try_from(year).ok()?, 1, 1)
            }
            _ => IcalRecurDateTime::from_seconds(floor(first_day, day, interval) * DAY),
        })
    }
}

/// The library passes over what it does not know and what is empty. In a policy that would be a freeze at other times
/// than its author wrote.
fn check_parts(text: &str) -> Result<(), String> {
    let mut seen = Vec::new();
    for part in text.split(';') {
        let Some((name, value)) = part.split_once('=') else { return Err(format!("`{part}` is not `NAME=VALUE`")) };
        if !PARTS.contains(&name) {
            return Err(format!("`{name}` is none of its parts"));
        }
        if seen.contains(&name) {
            return Err(format!("`{name}` is there twice"));
        }
        let plain = |item: &str| !item.is_empty() && item.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-".contains(&b));
        if !value.split(',').all(plain) {
            return Err(format!("`{name}` has no value, or an empty one among several"));
        }
        seen.push(name);
    }
    Ok(())
}

/// What the library reads, and no time ever is.
fn check_numbers(rule: &IcalRecurRule) -> Result<(), String> {
    let is_no_week = |ordinal| ordinal == 0 || i32::from(ordinal).unsigned_abs() > 53;
    if rule.count == Some(0) {
        Err("`COUNT=0` names no time".to_owned())
    } else if rule.by_second.contains(&60) {
        Err("no time of day has a second 60 in it".to_owned())
    } else if rule.by_day.iter().any(|day| day.ordinal.is_some_and(is_no_week)) {
        Err("a number in `BYDAY` is from 1 to 53, or from -53 to -1".to_owned())
    } else {
        Ok(())
    }
}

fn value<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.split(';').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

/// `UNTIL` is in UTC, as RFC 5545 asks where the first occurrence is in local time of a zone (3.3.10).
fn end(rule: &IcalRecurRule, text: &str) -> Result<End, FreezeError> {
    let Some(until) = rule.until else { return Ok(rule.count.map_or(End::Never, End::Count)) };
    let text = value(text, "UNTIL").unwrap_or_default();
    let form = |(place, byte): (usize, u8)| match place {
        8 => byte == b'T',
        15 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    if text.len() != 16 || !text.bytes().enumerate().all(form) {
        return Err(FreezeError::Until(text.to_owned()));
    }
    Ok(End::Until(UtcText { seconds: until.seconds(), text: text.to_owned() }))
}

/// Writes into the rule what it leaves to the first occurrence (RFC 5545, 3.3.10).
fn complete(rule: &mut IcalRecurRule, first: Local) {
    let time = IcalRecurDateTime::from_seconds(first);
    for (part, value) in [(&mut rule.by_hour, time.hour), (&mut rule.by_minute, time.minute), (&mut rule.by_second, time.second)]
    {
        if part.is_empty() {
            part.push(value);
        }
        part.sort_unstable();
        part.dedup();
    }
    let names_days =
        !(rule.by_day.is_empty() && rule.by_month_day.is_empty() && rule.by_year_day.is_empty() && rule.by_week_no.is_empty());
    match rule.freq {
        _ if names_days => {}
        IcalRecurFreq::Weekly => rule.by_day = vec![IcalRecurWeekdayNum { ordinal: None, weekday: weekday(first) }],
        IcalRecurFreq::Monthly | IcalRecurFreq::Yearly => {
            rule.by_month_day = i8::try_from(time.day).into_iter().collect();
            if rule.freq == IcalRecurFreq::Yearly && rule.by_month.is_empty() {
                rule.by_month = vec![time.month];
            }
        }
        _ => {}
    }
}

fn weekday(local: Local) -> IcalRecurWeekday {
    match (local.div_euclid(DAY) + 4).rem_euclid(7) {
        0 => IcalRecurWeekday::Sunday,
        1 => IcalRecurWeekday::Monday,
        2 => IcalRecurWeekday::Tuesday,
        3 => IcalRecurWeekday::Wednesday,
        4 => IcalRecurWeekday::Thursday,
        5 => IcalRecurWeekday::Friday,
        _ => IcalRecurWeekday::Saturday,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use super::*;

    /// Rules of every frequency and part, and first occurrences of theirs.
    fn rules() -> impl Strategy<Value = (String, Local)> {
        let parts = vec![
            "BYMONTH=2,6,12",
            "BYMONTHDAY=1,15,29,-1",
            "BYDAY=MO,WE,SU",
            "BYDAY=1MO,-1FR",
            "BYYEARDAY=1,60,-1",
            "BYWEEKNO=1,10,53",
            "BYHOUR=0,23",
            "BYSETPOS=1,-1",
            "WKST=SU",
            "WKST=TH",
        ];
        let frequency = select(vec!["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]);
        let parts = subsequence(parts, 0..4);
        (frequency, parts, 1..6_u32, 0..2_000_000_000_i64).prop_filter_map("no rule", |(frequency, parts, interval, near)| {
            let text = [vec![format!("FREQ={frequency};INTERVAL={interval}")], parts.iter().map(ToString::to_string).collect()];
            let (text, near) = (text.concat().join(";"), near / 3600 * 3600);
            let (rule, _) = Rule::parse(&text, near).ok()?;
            let first = rule.between(near, near + 40 * 366 * DAY).ok()?.next()?;
            Some((text, first))
        })
    }

    proptest! {
        #[test]
        fn a_rule_expanded_from_near_names_what_it_does_from_its_beginning((text, first) in rules(), days in 0..12_000_i64) {
            let (rule, _) = Rule::parse(&text, first).unwrap();
            let (from, to) = (first + days * DAY, first + (days + 1_000) * DAY);
            let mut written = IcalRecurRule::parse(&text).unwrap();
            written.until = Some(IcalRecurDateTime::from_seconds(to));
            let whole = IcalRecurExpand::new(written, IcalRecurDateTime::from_seconds(first)).map(|local| local.seconds());
            let near: Vec<Local> = rule.between(from, to).unwrap().collect();
            prop_assert_eq!(near, whole.filter(|local| *local >= from).collect::<Vec<_>>(), "{} from {}", text, first);
        }
    }
}
