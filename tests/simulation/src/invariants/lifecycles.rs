//! The lifecycles that the workflow keeps.

use pathops_coordinator::change_set::{End, Progress, State};
use pathops_core::lifecycle::{ArtifactLifecycle, ArtifactState, ChangeSetState, Ground, Record, Transition};
use pathops_core::project::Lifecycle;

use super::{Found, holds};

/// What has to be true of every change set that has ended: each lifecycle is where the change set is, and names evidence that
/// is there.
///
/// # Errors
/// What is not so.
pub fn lifecycles_are_kept(state: &State) -> Result<(), String> {
    let broken = state.remarks.iter().find(|remark| remark.contains("lifecycle"));
    holds!(broken.is_none(), "a lifecycle could not be kept: {broken:?}");
    let (whole, brought) = match state.end {
        Some(End::Live) => (ChangeSetState::Closed, ArtifactState::Promoted),
        Some(End::Recovered) => (ChangeSetState::Recovered, ArtifactState::NotPromotable),
        Some(End::Cancelled) => (ChangeSetState::Cancelled, ArtifactState::NotPromotable),
        Some(End::Incomplete) => (ChangeSetState::LeftToPeople, ArtifactState::NotPromotable),
        None => return Ok(()),
    };
    let reached = state.lifecycle.state();
    holds!(reached == whole, "{} ended {:?}, and its lifecycle is at {reached}", state.start.change_set, state.end);
    for (unit, progress) in &state.units {
        holds!(progress.artifact.is_some() || state.end != Some(End::Live), "{unit} brought nothing");
        let reached = progress.artifact.as_ref().map(Record::state);
        holds!(reached.is_none_or(|it| it == brought), "what {unit} brought is at {reached:?}, and not at {brought}");
        let own = progress.artifact.iter().chain(&progress.again).chain(&progress.replaced);
        own.into_iter().try_for_each(|record| names_what_there_is(record, progress))?;
        app_is_kept(state, progress)?;
    }
    Ok(())
}

/// Each promotion of the unit, and nothing else, brought its app into production; and so did what is taken back.
fn app_is_kept(state: &State, progress: &Progress) -> Found {
    let Some(app) = &progress.app else {
        holds!(state.start.apps.is_empty(), "an owner has declared apps, and one has no lifecycle");
        return Ok(());
    };
    let (mut promoted, mut before) = (0, 0);
    for it in progress.artifact.iter().chain(&progress.again).filter(|it| it.promotion().is_some()) {
        *(if it.subject().change_set == state.start.change_set { &mut promoted } else { &mut before }) += 1;
    }
    let has_landed = state.start.recovery.is_some() && progress.production.is_some();
    holds!(before == usize::from(has_landed), "{before} promotions of what is taken back");
    let ours = |it: &&Transition<Lifecycle>| matches!(&it.ground, Ground::Promotion(it) if it.granted.change_set == state.start.change_set);
    let brought = app.transitions().iter().filter(ours).count();
    holds!(brought == promoted, "{promoted} promotions, and {brought} brought the app into production: {app:?}");
    let first = app.transitions().first();
    holds!(first.is_some_and(|it| matches!(it.ground, Ground::Declared { .. })), "nobody has declared the app: {app:?}");
    Ok(())
}

fn names_what_there_is(record: &ArtifactLifecycle, progress: &Progress) -> Found {
    for evidence in record.transitions().iter().flat_map(|transition| transition.ground.evidence()) {
        holds!(progress.evidence.iter().any(|it| it.id == evidence), "{evidence} is nowhere, and a lifecycle rests on it");
    }
    Ok(())
}
