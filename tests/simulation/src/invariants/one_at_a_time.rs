//! One change set at a time changes a unit; and whoever gave way for another one is named by that, or carried.

use std::collections::{BTreeMap, BTreeSet};

use pathops_coordinator::change_set::{Stage, State};
use pathops_core::policy::Supersession;
use pathops_core::project::Unit;
use pathops_core::{RunId, UnitId};
use serde_json::Value;

use super::{Found, Invariant, holds};
use crate::step::Step;
use crate::truth::{Truth, is_incident};

#[derive(Default)]
pub(super) struct OneAtATime {
    /// What is being changed, and by whom.
    changing: BTreeMap<RunId, Works>,
}

impl Invariant for OneAtATime {
    fn name(&self) -> &'static str {
        "one at a time changes a unit"
    }

    fn see(&mut self, _: &Truth, step: &Step<'_>) -> Found {
        match step {
            Step::Began { run, .. } | Step::Journaled { run, .. } if is_incident(run) => Ok(()),
            Step::Began { run, transition } | Step::Journaled { run, transition, .. } => self.stands(run, &transition.state),
            _ => Ok(()),
        }
    }

    fn end(&mut self, _: &Truth, states: &[State]) -> Found {
        states.iter().try_for_each(|state| gave_way_rightly(state, states))
    }
}

impl OneAtATime {
    fn stands(&mut self, run: &RunId, state: &Value) -> Found {
        let state: State = serde_json::from_value(state.clone()).map_err(|error| error.to_string())?;
        // One that was stopped before its turn closes nothing.
        let has_nothing = state.units.values().all(|unit| unit.stage >= Stage::FailureEvidence && unit.pull_requests.is_empty());
        if state.is_queued() || state.ended || has_nothing {
            self.changing.remove(run);
            return Ok(());
        }
        let mine = Works::of(&state);
        for (other, theirs) in self.changing.iter().filter(|(other, _)| *other != run) {
            let both = mine.touches.intersection(&theirs.changes).chain(mine.changes.intersection(&theirs.touches)).next();
            holds!(both.is_none(), "{run} and {other} change {both:?} at the same time, or work with it");
        }
        self.changing.insert(run.clone(), mine);
        Ok(())
    }
}

/// What a change set changes, and that with all it works with.
struct Works {
    changes: BTreeSet<UnitId>,
    touches: BTreeSet<UnitId>,
}

impl Works {
    fn of(state: &State) -> Self {
        let units = state.start.units.values();
        let needed = |unit: &Unit| {
            // In these worlds a contract is named after who keeps it.
            let kept = unit.consumes.iter().filter_map(|contract| contract.as_str().strip_suffix("-http")?.parse().ok());
            unit.depends_on.iter().cloned().chain(kept).chain([unit.id.clone()]).collect::<Vec<UnitId>>()
        };
        Self { changes: state.start.units.keys().cloned().collect(), touches: units.flat_map(needed).collect() }
    }
}

fn gave_way_rightly(state: &State, states: &[State]) -> Found {
    let (this, Some(newer)) = (&state.start.change_set, &state.superseded_by) else { return Ok(()) };
    let found = states.iter().find(|it| it.start.change_set == *newer);
    let found = found.ok_or_else(|| format!("{this} gave way to {newer}, which is none"))?;
    let ahead = found.start.turn.as_ref().and_then(|turn| turn.after.get(this));
    let ahead = ahead.ok_or_else(|| format!("{this} gave way to {newer}, which did not wait for it"))?;
    let had_begun = state.units.values().any(|unit| !unit.pull_requests.is_empty());
    match ahead.supersession {
        Supersession::FirstCome => return Err(format!("{this} gave way to {newer}, and was to go first")),
        Supersession::Batch | Supersession::Latest => holds!(!had_begun, "{this} gave way to {newer}, and had begun"),
        Supersession::Supersede => {}
    }
    let (mut last, mut batch) = (state, true);
    while let Some(next) = last.superseded_by.as_ref().and_then(|next| states.iter().find(|it| it.start.change_set == *next)) {
        let ahead = next.start.turn.as_ref().and_then(|turn| turn.after.get(&last.start.change_set));
        batch &= ahead.is_some_and(|ahead| ahead.supersession == Supersession::Batch);
        last = next;
    }
    let begins = last.units.values().any(|unit| !unit.pull_requests.is_empty());
    let carries = last.start.carries.iter().any(|it| it.change_set == *this);
    holds!(carries == (batch && begins), "{} took the place of {this}, and carries it: {carries}", last.start.change_set);
    Ok(())
}
