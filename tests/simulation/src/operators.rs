//! Operators: they have tried again what could not be done, and move what has ended to the archive. Not every world has them.

use std::time::Duration;

use futures_util::future::{join, join_all};
use pathops_coordinator::ControlPlane;
use pathops_coordinator::change_set::State;
use pathops_core::UnitId;
use pathops_core::adapter::Clock as _;

use crate::shape::{GUEST, person};
use crate::world::World;

/// So often somebody has something tried again. After that it is left to its limit.
const PATIENCE: u32 = 3;

/// How long a run has to have ended before it is moved.
const AGE: Duration = Duration::from_secs(600);

/// Looks after everything, for as long as the process lives.
pub(crate) async fn operate(world: &World, plane: &ControlPlane) {
    if world.truth.shape.operators {
        let asked = world.truth.shape.asked.iter();
        join(join_all(asked.map(|asked| look_after(world, plane, &asked.key))), tidy_up(world, plane)).await;
    }
}

/// Until it has ended.
async fn look_after(world: &World, plane: &ControlPlane, key: &str) {
    loop {
        world.truth.clock.sleep(Duration::from_secs(300)).await;
        let Some(change_set) = world.lens.asked(key) else { continue };
        let Ok(Some(state)) = plane.state(&change_set).await else { continue };
        if state.ended {
            return;
        }
        for unit in waiting(&state) {
            if world.operators.chance(700) {
                let by = *world.operators.pick(&["bob", "bob", "carol", GUEST]);
                let told = plane.retry(&change_set, &unit, &person(by), "once more").await;
                let says = told.map_or_else(|error| error.to_string(), |()| "told".to_owned());
                world.lens.note(format_args!("? Retry {unit} of {change_set} by {by}: {says}"));
            }
        }
    }
}

/// Units of which something waits to be tried again, and was not too often.
fn waiting(state: &State) -> Vec<UnitId> {
    let waits = |unit: &&UnitId| state.awaits_retry(unit).is_some_and(|it| it.attempt <= PATIENCE);
    state.units.keys().filter(waits).cloned().collect()
}

async fn tidy_up(world: &World, plane: &ControlPlane) {
    loop {
        world.truth.clock.sleep(AGE * 2).await;
        let moved = plane.archive(AGE).await;
        let says = moved.map_or_else(|error| error.to_string(), |moved| format!("{moved} are moved"));
        world.lens.note(format_args!("? archive: {says}"));
    }
}
