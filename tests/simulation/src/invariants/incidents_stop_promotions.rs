//! While an incident of a unit or of the project is open, nothing new of it may be merged into production. The way back may.

use std::time::Duration;

use pathops_coordinator::change_set::Role;
use pathops_core::adapter::CheckState;

use super::{Found, Invariant, holds};
use crate::step::Step;
use crate::truth::{Place, Truth};

/// Nobody can be quicker than an incident that is declared while a decision is on its way. In a slow world several calls lie between
/// the look at the meta repository and the status, and each may take its time.
const LATE: Duration = Duration::from_secs(900);

pub(super) struct Stopped;

impl Invariant for Stopped {
    fn name(&self) -> &'static str {
        "incidents stop promotions"
    }

    fn see(&mut self, truth: &Truth, step: &Step<'_>) -> Found {
        let Step::Posted { repo, commit, state: CheckState::Success, .. } = step else { return Ok(()) };
        let Some(proposed) = truth.proposing(repo, commit) else { return Ok(()) };
        let Some(Place { unit, role: Role::Production, .. }) = Place::of(repo, &proposed.head_branch) else { return Ok(()) };
        let (now, records) = (truth.elapsed(), truth.records.lock().unwrap());
        let open = records.incidents.iter().find(|(_, it)| it.is_about(&unit) && it.closed.is_none() && now > it.opened + LATE);
        holds!(open.is_none(), "{unit} may be merged into production, and an incident is open: {open:?}");
        Ok(())
    }
}
