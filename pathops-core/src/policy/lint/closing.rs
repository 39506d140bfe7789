//! Freezes that never open.

use std::time::Duration;

use super::{Linter, names};
use crate::policy::{Ask, Calendar, FreezeCalendar};
use crate::project::Unit;
use crate::time::UnixMillis;

/// How far is looked ahead, and how often.
const YEARS: Duration = Duration::from_secs(5 * 366 * 24 * 60 * 60);
const MOST_LOOKS: usize = 10_000;

/// Whether the freezes of a unit ever leave a gap.
pub(super) fn together<'l>(linter: &mut Linter<'l>, unit: &'l Unit) {
    let freezes: Vec<_> = linter
        .of_unit(unit)
        .into_iter()
        .filter_map(|(requirement, spot)| match &requirement.asks {
            Ask::Freeze(freeze) => Some((spot?, freeze.calendar().ok()?)),
            _ => None,
        })
        .collect();
    let calendars = || freezes.iter().map(|(_, calendar)| calendar);
    if let Some((spot, _)) = freezes.last()
        && never_open(calendars, linter.context.at)
    {
        let ids = names(freezes.iter().map(|(spot, _)| &spot.requirement.id));
        let what = format!("promotions are closed for the next 5 years at least, by {ids}");
        linter.never(*spot, Some(unit), what, "leave a time at which they are open");
    }
}

/// Goes from one opening to the next until none of the calendars is closed.
fn never_open<'c, C: Iterator<Item = &'c FreezeCalendar>>(calendars: impl Fn() -> C, from: UnixMillis) -> bool {
    let mut at = from;
    for _ in 0..MOST_LOOKS {
        match calendars().filter_map(|calendar| closed_until(calendar, at)).max() {
            Some(opening) if opening > from + YEARS => return true,
            Some(opening) => at = opening,
            None => return false,
        }
    }
    false
}

/// The next opening of a calendar that is closed.
fn closed_until(calendar: &FreezeCalendar, at: UnixMillis) -> Option<UnixMillis> {
    match calendar.at(at) {
        Ok(Calendar::Closed { until, .. }) => Some(until.unwrap_or(UnixMillis(i64::MAX))),
        Ok(Calendar::Open { .. }) | Err(_) => None,
    }
}
