//! Freezes that never open, and those that are over for good.

use std::time::Duration;

use super::{Linter, Spot, names};
use crate::policy::{Ask, FreezeError, FreezeState};
use crate::project::Unit;

/// How far is looked ahead.
const YEARS: Duration = Duration::from_secs(5 * 366 * 24 * 60 * 60);

/// Whether the freezes of a unit ever leave a gap.
pub(super) fn together<'l>(linter: &mut Linter<'l>, unit: &'l Unit) {
    let freezes = linter.of_unit(unit).into_iter().filter(|(requirement, _)| matches!(requirement.asks, Ask::Freeze(_)));
    let freezes: Vec<Spot<'l>> = freezes.filter_map(|(_, spot)| spot).collect();
    let at = linter.context.at;
    let never = match linter.policy.freezes(unit).at(at).map(|answer| answer.state) {
        Ok(FreezeState::Closed { until, .. }) => until > at + YEARS,
        Ok(FreezeState::Open { .. }) => false,
        // So many times of being closed run into each other that no end of them was found.
        Err(error) => error == FreezeError::Limit,
    };
    if let Some(spot) = freezes.last().filter(|_| never) {
        let ids = names(freezes.iter().map(|spot| &spot.requirement.id));
        let what = format!("promotions are closed for the next 5 years at least, by {ids}");
        linter.never(*spot, Some(unit), what, "leave a time at which they are open");
    }
}

/// Whether a freeze will ever close again.
pub(super) fn requirement(linter: &mut Linter<'_>, spot: Spot<'_>) {
    let Ask::Freeze(freeze) = &spot.requirement.asks else { return };
    let state = freeze.occurrences().and_then(|occurrences| occurrences.at(linter.context.at));
    if state == Ok(FreezeState::Open { until: None }) {
        linter.warn(spot, None, format!("`{}` is over and never closes again", spot.requirement.id), "take it out, or repeat it");
    }
}
