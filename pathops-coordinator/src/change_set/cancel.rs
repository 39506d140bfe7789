//! A person calls the change set off, at any moment.
//!
//! That is a fact of the run like any other, and it never has to be undone by somebody else: nothing new is begun, and what is
//! under way comes to its end first, since nobody can tell before then what there is to undo. Then everything goes the way that it
//! goes after a failure: all pull requests are closed, those too whose opening nobody has heard of; what was merged into
//! preflight, or into production while not all of it was there, goes back by a pull request. At last its branches are deleted.

use std::collections::BTreeMap;

use pathops_core::policy::GitState;
use pathops_core::{BranchName, RepoId, UnitId, UnixMillis};

use crate::change_set::step::{go_on, record_now, remark};
use crate::change_set::{Cancelled, Command, Outcome, Role, Signal, State, Undo, branch_name, why_not};

/// Whether it is still to be told that.
pub(super) fn hears(state: &State, Signal::Cancel(_): &Signal) -> bool {
    state.cancelled.is_none() && !state.ended
}

/// Takes it up.
pub(super) fn told(mut state: State, Signal::Cancel(by): &Signal, at: UnixMillis) -> (State, Vec<Command>) {
    let mut commands = Vec::new();
    if hears(&state, &Signal::Cancel(by.clone())) {
        let too_late = state.end.is_some();
        let undo = if too_late { Undo::TooLate } else { Undo::GoingBack };
        state.cancelled = Some(Cancelled { by: by.clone(), undo });
        if too_late {
            let (person, reason) = (&by.get().person, &by.get().reason);
            remark(&mut state, format!("{person} cancelled it ({reason}) when it had come to its end; nothing was taken back"));
            commands.push(record_now(&mut state, at));
        }
        go_on(&mut state, &mut commands, at);
    }
    (state, commands)
}

/// The last thing that is to be done for a cancelled change set, and nothing while it is being done; `None` where none is.
pub(super) fn tidy(state: &mut State) -> Option<Vec<Command>> {
    let why = why_not(state);
    let (cancelled, start) = (state.cancelled.as_mut()?, &state.start);
    match cancelled.undo {
        Undo::GoingBack => cancelled.undo = Undo::Tidying,
        Undo::Tidying => return Some(Vec::new()),
        Undo::Done | Undo::TooLate => return None,
    }
    let own = |repo: &RepoId, role| {
        let branch = BranchName::parse(branch_name(&start.change_set, role)).ok()?;
        Some((repo.clone(), branch))
    };
    let branches = start.units.values().flat_map(|unit| {
        let source = unit.source().and_then(|repo| own(repo, Role::Source));
        let others = [Role::Preflight, Role::Production, Role::Recovery, Role::Restore];
        source.into_iter().chain(others.into_iter().filter_map(|role| own(&unit.desired_state, role)))
    });
    let branches = branches.collect();
    Some(vec![Command::Tidy { change_set: start.change_set.clone(), why, branches }])
}

/// Its branches are gone, or some are left.
pub(super) fn tidied(state: &mut State, outcome: &Outcome) {
    if let Some(cancelled) = &mut state.cancelled {
        cancelled.undo = Undo::Done;
    }
    match outcome {
        Outcome::Tidied { left } => left.iter().for_each(|left| remark(state, format!("it is left as it is: {left}"))),
        Outcome::Failed { reason } => remark(state, format!("not all of its branches could be deleted: {reason}")),
        _ => {}
    }
}

/// Notes what cannot be taken back: source that people have merged is on their branch, and nothing that was built from it goes
/// anywhere.
pub(super) fn what_stays(state: &mut State, unit: &UnitId, merged: &BTreeMap<Role, GitState>) {
    if let Some(source) = merged.get(&Role::Source) {
        let commit = &source.commit;
        remark(state, format!("{unit}: its source was merged (commit {commit}) and stays; take it back by a change of its own"));
    }
}
