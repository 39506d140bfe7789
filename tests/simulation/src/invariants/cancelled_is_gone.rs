//! At the end: what somebody has called off is not in production, nothing of it is open, and no branch of it is there.

use std::collections::BTreeSet;

use pathops_coordinator::change_set::{End, Role, State};
use pathops_core::ChangeSetId;
use pathops_core::adapter::{Journal as _, PullRequestState};

use super::{Found, Invariant, holds};
use crate::step::Step;
use crate::truth::{Place, Truth, cx, wait};

/// Change sets that were called off before their end, as whoever did it was told.
#[derive(Default)]
pub(super) struct Gone(BTreeSet<ChangeSetId>);

impl Invariant for Gone {
    fn name(&self) -> &'static str {
        "cancelled is gone"
    }

    fn see(&mut self, truth: &Truth, step: &Step<'_>) -> Found {
        let Step::CalledOff { change_set, taken: true, .. } = step else { return Ok(()) };
        let run = change_set.as_str().parse().map_err(|_| "no name of a run")?;
        let run = wait(truth.journal.load(&cx(), &run)).map_err(|error| error.to_string())?.ok_or("a run is gone")?;
        let state: State = serde_json::from_value(run.state).map_err(|error| error.to_string())?;
        if state.end.is_none() {
            self.0.insert((*change_set).clone());
        }
        Ok(())
    }

    fn end(&mut self, truth: &Truth, states: &[State]) -> Found {
        for state in states {
            let change_set = &state.start.change_set;
            holds!(
                !self.0.contains(change_set) || state.cancelled.is_some(),
                "{change_set} was cancelled, which nobody has heard"
            );
            if state.cancelled_by().is_some() {
                holds!(state.end != Some(End::Live), "{change_set} was cancelled, and went to production");
                nothing_is_left(truth, state)?;
            }
        }
        Ok(())
    }
}

fn nothing_is_left(truth: &Truth, state: &State) -> Found {
    let change_set = &state.start.change_set;
    for repo in truth.repos() {
        for opened in truth.pull_requests(&repo) {
            let ours = Place::of(&repo, &opened.head_branch).is_some_and(|it| it.change_set == change_set.as_str());
            let open = ours && opened.state == PullRequestState::Open;
            holds!(!open, "{change_set} was cancelled, and {repo}{} is open", opened.number);
        }
        for role in [Role::Source, Role::Preflight, Role::Production, Role::Recovery, Role::Restore] {
            let branch = format!("pathops/{change_set}-{role}").parse().map_err(|_| "no branch name")?;
            holds!(truth.head(&repo, &branch).is_none(), "{change_set} was cancelled, and {repo} still has {branch}");
        }
    }
    Ok(())
}
