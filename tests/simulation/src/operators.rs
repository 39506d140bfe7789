//! Operators: they call features off, early, late, twice, and not always with a right to.

use std::time::Duration;

use pathops_coordinator::ControlPlane;
use pathops_core::adapter::Clock as _;
use pathops_core::{ChangeSetId, ErrorKind};

use crate::dice::Dice;
use crate::shape::{GUEST, OWNER, SECRET, STRANGER, person};
use crate::step::Step;
use crate::world::World;

/// That somebody calls a feature off.
#[derive(Clone, Debug)]
pub(crate) struct CallOff {
    by: &'static str,
    after: Duration,
}

/// Those who try; some may not.
const WHO: [&str; 6] = [OWNER, OWNER, "bob", "erin", GUEST, STRANGER];

/// Who calls a feature off, and when: nobody mostly.
pub(crate) fn called_off(dice: &Dice) -> Vec<CallOff> {
    let times = if dice.chance(250) { 1 + dice.below(2) } else { 0 };
    let one = || CallOff {
        by: dice.pick::<&str>(&WHO),
        after: if dice.chance(300) { dice.seconds(0, 600) } else { dice.seconds(0, 6_000) },
    };
    (0..times).map(|_| one()).collect()
}

/// Calls a feature off until there is an answer; a process that died has forgotten it, and is told again.
pub(crate) async fn call_off(world: &World, plane: &ControlPlane, change_set: &ChangeSetId, planned: &CallOff) {
    let (clock, by) = (&world.truth.clock, planned.by);
    clock.sleep(planned.after.saturating_sub(world.truth.elapsed())).await;
    loop {
        let answer = plane.cancel(change_set, &person(by), &format!("nobody wants it, nor {SECRET}")).await;
        let says = answer.as_ref().map_or_else(ToString::to_string, |by| format!("cancelled by {}", by.person));
        world.lens.note(format_args!("? {change_set} is called off by {by}: {says}"));
        let taken = match &answer {
            Ok(_) => true,
            Err(error) if error.kind() == ErrorKind::Denied => false,
            // It has come to its end.
            Err(error) if error.kind() == ErrorKind::Conflict => return,
            Err(_) => {
                clock.sleep(Duration::from_secs(60)).await;
                continue;
            }
        };
        world.lens.step(&Step::CalledOff { change_set, by, taken });
        return;
    }
}
