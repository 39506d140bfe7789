//! What people tell a change set is heard before anything else is done; and what is cancelled or paused goes nowhere.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use pathops_coordinator::change_set::{Command, Role, State};
use pathops_core::RunId;
use pathops_core::adapter::{CheckState, SignalNumber};

use super::{Found, Invariant, holds};
use crate::step::Step;
use crate::truth::{Place, Truth};

/// Whoever drives a run is told at once, and looks every few seconds where that got lost. A call that was begun before may take minutes
/// in a slow world, and so may the one after.
const LATE: Duration = Duration::from_secs(600);

#[derive(Default)]
pub(super) struct Heard {
    /// What each run was told, and when.
    told: BTreeMap<RunId, Vec<(SignalNumber, Duration)>>,
    heard: BTreeMap<RunId, SignalNumber>,
    cancelled: BTreeSet<RunId>,
    paused: BTreeSet<RunId>,
}

impl Invariant for Heard {
    fn name(&self) -> &'static str {
        "what is told is heard"
    }

    fn see(&mut self, truth: &Truth, step: &Step<'_>) -> Found {
        match step {
            Step::Signalled { run, number } => {
                let told = self.told.entry((*run).clone()).or_default();
                if told.iter().all(|(known, _)| known != number) {
                    told.push((*number, truth.elapsed()));
                }
            }
            Step::Journaled { run, transition, .. } if self.told.contains_key(*run) => {
                if let Some(number) = transition.hears {
                    self.heard.insert((*run).clone(), number);
                } else {
                    let heard = self.heard.get(*run).copied().unwrap_or_default();
                    let unheard = self.told[*run].iter().find(|(number, at)| *number > heard && truth.elapsed() > *at + LATE);
                    holds!(unheard.is_none(), "{run} was told {unheard:?}, goes on, and has not heard it");
                }
                let state: State = serde_json::from_value(transition.state.clone()).map_err(|error| error.to_string())?;
                let note = |runs: &mut BTreeSet<RunId>, is: bool| {
                    let _changed = if is { runs.insert((*run).clone()) } else { runs.remove(*run) };
                };
                note(&mut self.cancelled, state.cancelled.is_some());
                note(&mut self.paused, state.paused.is_some());
                for open in transition.opens.iter().filter(|_| state.cancelled.is_some()) {
                    let command: Command = serde_json::from_value(open.command.clone()).map_err(|error| error.to_string())?;
                    holds!(goes_back(&command), "{run} is cancelled, and begins {command:?}");
                }
            }
            Step::Posted { repo, commit, state: CheckState::Success, .. } => {
                let place = truth.proposing(repo, commit).and_then(|it| Place::of(repo, &it.head_branch));
                let Some(Place { change_set, role, .. }) = place else { return Ok(()) };
                let run = change_set.parse().map_err(|_| "no name of a run")?;
                holds!(!self.paused.contains(&run), "{change_set} is paused, and may be merged into production");
                let forward = role == Role::Production;
                holds!(
                    !forward || !self.cancelled.contains(&run),
                    "{change_set} is cancelled, and may be merged into production"
                );
            }
            _ => {}
        }
        Ok(())
    }
}

/// What a change set still does that is cancelled.
fn goes_back(command: &Command) -> bool {
    match command {
        Command::Collect { .. }
        | Command::Close { .. }
        | Command::Revert { .. }
        | Command::Comment { .. }
        | Command::Record { .. }
        | Command::Observe { .. }
        | Command::AwaitRetry { .. } => true,
        Command::Decide { wait, .. } => !wait,
        Command::AwaitMerge { role, .. } | Command::Propose { role, .. } | Command::Promote { role, .. } => {
            matches!(role, Role::Recovery | Role::Restore)
        }
        Command::AwaitTurn { .. }
        | Command::Announce { .. }
        | Command::Work { .. }
        | Command::Build { .. }
        | Command::Stage { .. }
        | Command::MergePreflight { .. } => false,
    }
}
