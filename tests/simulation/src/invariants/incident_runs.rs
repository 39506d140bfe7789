//! Each incident has one run, which goes by what people have declared, tells them once of each way back, and ends with a signature, after
//! a snapshot of everything that could be looked at before it was over.

use std::collections::BTreeSet;

use pathops_coordinator::change_set::State;
use pathops_coordinator::incident::{self, End, Standing};
use pathops_core::adapter::Transition;

use super::{Found, Invariant, holds};
use crate::step::Step;
use crate::truth::{Truth, is_incident};

#[derive(Default)]
pub(super) struct Runs {
    begun: BTreeSet<String>,
    /// Of which incident people were told which change set could be taken back.
    told: BTreeSet<(String, String)>,
}

impl Invariant for Runs {
    fn name(&self) -> &'static str {
        "runs of incidents"
    }

    fn see(&mut self, truth: &Truth, step: &Step<'_>) -> Found {
        match step {
            Step::Began { run, transition } if is_incident(run) => {
                let incident::Start { incident: it, apps, .. } = read(transition)?.start;
                let records = truth.records.lock().unwrap();
                // Nobody has looked at it yet where it was declared in this very moment.
                let declared = records.incidents.get(&it.id);
                let same = declared.is_none_or(|known| (known.since, &known.unit) == (it.since, &it.unit));
                holds!(same && apps.len() <= 1, "{run} begins with {it:?}, and it was declared as {declared:?}");
                holds!(self.begun.insert(it.id.clone()), "the incident {} has another run", it.id);
            }
            Step::Journaled { run, transition, .. } if is_incident(run) => is_over_where_people_say(truth, &read(transition)?)?,
            Step::Told { says, more: true, .. } => {
                // incident `…` is open (…), and `…`, which is in production, …
                let mut names = says.strip_prefix("incident ").into_iter().flat_map(|rest| rest.split('`').skip(1).step_by(2));
                if let (Some(incident), Some(change_set)) = (names.next(), names.next()) {
                    let once = self.told.insert((incident.to_owned(), change_set.to_owned()));
                    holds!(once, "people were told again how to take {change_set} back, because of {incident}");
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, truth: &Truth, states: &[State]) -> Found {
        for (run, state) in truth.incidents() {
            let id = &run.id;
            let over = state.over.as_ref().ok_or_else(|| format!("{id} is not over"))?;
            holds!(run.ended && matches!(over.signed, Some(Standing::Done(_))), "{id} has no signed end: {over:?}");
            for (unit, affected) in &state.affected {
                let tried = matches!(affected.snapshot, Standing::Done(_) | Standing::Missed { .. });
                holds!(tried, "{id} has ended, and nobody looks at {unit} any more: {:?}", affected.snapshot);
                let known = states.iter().any(|it| it.start.change_set == affected.reached.change_set);
                holds!(known, "{unit} of {id} was brought by {}, which is none", affected.reached.change_set);
            }
        }
        let records = truth.records.lock().unwrap();
        let open = records.incidents.iter().find(|(_, it)| it.closed.is_none());
        holds!(open.is_none(), "an incident was left open: {open:?}");
        Ok(())
    }
}

fn read(transition: &Transition) -> Result<incident::State, String> {
    serde_json::from_value(transition.state.clone()).map_err(|error| error.to_string())
}

fn is_over_where_people_say(truth: &Truth, state: &incident::State) -> Found {
    let Some(over) = &state.over else { return Ok(()) };
    let (id, records) = (&state.start.incident.id, truth.records.lock().unwrap());
    let closed = records.incidents.get(id).and_then(|it| it.closed);
    let said = matches!(over.end, End::Closed { at, .. } if closed == Some(at));
    holds!(said, "{id} is taken for over, {:?}, and people say {closed:?}", over.end);
    Ok(())
}
