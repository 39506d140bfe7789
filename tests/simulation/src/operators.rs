//! Operators: they have tried again what could not be done, and move what has ended to the archive. Not every world has them.

use std::time::Duration;

use futures_util::future::join;
use pathops_coordinator::ControlPlane;
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
        join(look_after(world, plane), tidy_up(world, plane)).await;
    }
}

/// Whoever is told that something waits has it tried again, soon or not at all.
async fn look_after(world: &World, plane: &ControlPlane) {
    loop {
        world.truth.clock.sleep(Duration::from_secs(300)).await;
        let stuck = std::mem::take(&mut *world.stuck.lock().unwrap());
        for (change_set, unit, _) in stuck.into_iter().filter(|(.., attempt)| *attempt <= PATIENCE && world.operators.chance(800))
        {
            let by = *world.operators.pick(&["bob", "bob", "carol", GUEST]);
            let told = plane.retry(&change_set, &unit, &person(by), "once more").await;
            let says = told.map_or_else(|error| error.to_string(), |()| "told".to_owned());
            world.lens.note(format_args!("? Retry {unit} of {change_set} by {by}: {says}"));
        }
    }
}

async fn tidy_up(world: &World, plane: &ControlPlane) {
    loop {
        world.truth.clock.sleep(AGE * 2).await;
        let moved = plane.archive(AGE).await;
        let says = moved.map_or_else(|error| error.to_string(), |moved| format!("{moved} are moved"));
        world.lens.note(format_args!("? archive: {says}"));
    }
}
