//! What people tell change sets while they are under way: to stop, to pause, to go on, and to go back to an earlier step.

use std::time::Duration;

use futures_util::future::join_all;
use pathops_coordinator::ControlPlane;
use pathops_coordinator::change_set::Stage;
use pathops_core::adapter::Clock as _;
use pathops_core::{ChangeSetId, ErrorKind, PersonId, Result, UnitId};

use crate::dice::Dice;
use crate::shape::{Asked, GUEST, OWNER, STRANGER, Shape, person};
use crate::world::World;

/// What somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wish {
    Cancel,
    Pause,
    Resume,
    /// Take back what is in production.
    TakeBack,
    /// Have a unit go back to an earlier step.
    Reset(UnitId),
}

/// Something that somebody is going to tell a change set.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    /// Under which key the change set was asked for.
    key: String,
    wish: Wish,
    by: PersonId,
    after: Duration,
}

/// Who has paused a change set lets it go on.
pub(crate) fn roll(dice: &Dice, shape: &Shape) -> Vec<Planned> {
    let keys: Vec<String> = shape.asked.iter().map(|asked| asked.key.clone()).collect();
    let mut planned = told(dice, keys.iter().cloned());
    let (resets, dice) = (dice.of("resets"), dice.of("take back"));
    // What comes first finds nothing to go back to.
    for key in keys.into_iter().skip(1).filter(|_| dice.chance(800)) {
        let by = *dice.pick(&["bob", "bob", "bob", "carol", "carol", GUEST, STRANGER]);
        planned.push(Planned { key, wish: Wish::TakeBack, by: person(by), after: dice.seconds(60, 9_000) });
    }
    let again = shape.asked.iter().filter(|_| shape.operators && resets.chance(600));
    planned.extend(again.map(|asked| reset(&resets, asked)));
    planned
}

fn reset(dice: &Dice, asked: &Asked) -> Planned {
    let units: Vec<&UnitId> = asked.request.changes.iter().map(|change| &change.unit).collect();
    let (key, unit) = (asked.key.clone(), (*dice.pick(&units)).clone());
    let by = dice.pick::<&str>(&["bob", "bob", "carol", GUEST]);
    let by = person(by);
    Planned { key, wish: Wish::Reset(unit), by, after: dice.seconds(300, 4_000) }
}

/// To the last step that it still may go back to.
async fn have_back(plane: &ControlPlane, change_set: &ChangeSetId, unit: &UnitId, by: &PersonId) -> Result<()> {
    let state = plane.state(change_set).await?;
    let may = |to: &Stage| state.as_ref().is_some_and(|state| state.objection_to_reset(unit, *to).is_none());
    let to = [Stage::PreflightDeploy, Stage::Rebuilding, Stage::Building].into_iter().find(may);
    plane.reset(change_set, unit, to.unwrap_or(Stage::Building), by, "look again").await
}

/// Whether somebody still wants to take back what was asked for.
pub(crate) fn wants_back(world: &World, planned: &[Planned]) -> bool {
    let is_left = |(place, it): (usize, &Planned)| {
        it.wish == Wish::TakeBack && world.lens.asked(&it.key).is_some() && !world.lens.was_told(place)
    };
    planned.iter().enumerate().any(is_left)
}

fn told(dice: &Dice, keys: impl Iterator<Item = String>) -> Vec<Planned> {
    let mut planned = Vec::new();
    for key in keys {
        if dice.chance(150) {
            let after = dice.seconds(1, 9_000);
            planned.push(Planned { key: key.clone(), wish: Wish::Pause, by: person("bob"), after });
            let after = after + dice.seconds(10, 4_000);
            planned.push(Planned { key: key.clone(), wish: Wish::Resume, by: person("carol"), after });
        }
        if dice.chance(120) {
            let who = *dice.pick(&[OWNER, "bob"]);
            planned.push(Planned { key, wish: Wish::Cancel, by: person(who), after: dice.seconds(1, 12_000) });
        }
    }
    planned
}

/// Everybody tells what they want, until there is an answer; a process that died has forgotten what it was told if it had not answered.
pub(crate) async fn tell(world: &World, plane: &ControlPlane, planned: &[Planned]) {
    join_all(planned.iter().enumerate().map(|(place, planned)| tell_one(world, plane, place, planned))).await;
}

async fn tell_one(world: &World, plane: &ControlPlane, place: usize, planned: &Planned) {
    let Planned { key, wish, by, after } = planned;
    let clock = &world.truth.clock;
    clock.sleep(after.saturating_sub(world.truth.elapsed())).await;
    loop {
        // Whoever lets it go on was called for by who has paused it.
        let is_due = *wish != Wish::Resume || world.lens.was_told(place - 1);
        if world.lens.was_told(place) {
            return;
        }
        if let Some(change_set) = world.lens.asked(key).filter(|_| is_due)
            && (*wish != Wish::TakeBack || has_ended(plane, &change_set).await)
        {
            let told: Result<()> = match wish {
                Wish::Cancel => plane.cancel(&change_set, by, "nobody wants it").await,
                Wish::Pause => plane.pause(&change_set, by, "wait a moment").await,
                Wish::Resume => plane.resume(&change_set, by, "go on").await,
                Wish::TakeBack => plane.take_back(&change_set, by, "it burns").await.map(drop),
                Wish::Reset(unit) => have_back(plane, &change_set, unit, by).await,
            };
            let says = told.as_ref().map_or_else(ToString::to_string, |()| "told".to_owned());
            world.lens.note(format_args!("? {wish:?} {change_set} by {by}: {says}"));
            if told.is_ok() || told.is_err_and(|error| matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Denied)) {
                world.lens.tell(place);
                return;
            }
        }
        clock.sleep(Duration::from_secs(120)).await;
    }
}

async fn has_ended(plane: &ControlPlane, change_set: &ChangeSetId) -> bool {
    matches!(plane.state(change_set).await, Ok(Some(state)) if state.ended)
}
