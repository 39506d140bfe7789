//! What goes off while everything is under way, and who tells PathOps of it.

use std::time::Duration;

use futures_util::future::join_all;
use pathops_coordinator::ControlPlane;
use pathops_core::adapter::{AlertHint, Clock as _};
use pathops_core::{IdempotencyKey, OpContext, UnitId};

use crate::dice::Dice;
use crate::world::World;

/// An alarm, by the name that its sender gives it.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    pub(crate) name: String,
    pub(crate) subject: String,
    pub(crate) after: Duration,
    since: &'static str,
    /// Whether the host begins with incidents as soon as it was told, and not only when it looks for them.
    at_once: bool,
}

/// Most worlds are quiet.
pub(crate) fn roll(dice: &Dice, units: &[UnitId]) -> Vec<Alarm> {
    let many = if dice.chance(350) { 1 + dice.below(3) } else { 0 };
    let alarm = |number| {
        let subject = if dice.chance(100) { "nobody-knows".to_owned() } else { dice.pick(units).to_string() };
        let since = *dice.pick(&["", "a while", "2025-11-24T07:00:00Z", "2025-11-24T09:30:00Z"]);
        Alarm { name: format!("alarm-{number}"), subject, after: dice.seconds(60, 6_000), since, at_once: dice.chance(700) }
    };
    (0..many).map(alarm).collect()
}

impl Alarm {
    fn hint(&self) -> AlertHint {
        AlertHint {
            fingerprint: self.name.as_str().into(),
            name: "Errors".into(),
            severity: "page".into(),
            subject: self.subject.as_str().into(),
            since: self.since.into(),
        }
    }
}

/// Each goes off in its time, and is told until it was heard; a process that died has forgotten what it had not answered.
pub(crate) async fn go_off(world: &World, plane: &ControlPlane) {
    join_all(world.truth.shape.alarms.iter().map(|alarm| tell(world, plane, alarm))).await;
}

async fn tell(world: &World, plane: &ControlPlane, alarm: &Alarm) {
    let clock = &world.truth.clock;
    clock.sleep(alarm.after.saturating_sub(world.truth.elapsed())).await;
    let (cx, source) = (OpContext::new(IdempotencyKey::new(&alarm.name)), "alarms".parse().unwrap());
    while !world.lens.has_heard(&alarm.name) {
        let opened = plane.open_incidents(&cx, &source, &[alarm.hint()]).await;
        let says = opened.as_ref().map_or_else(ToString::to_string, |opened| format!("{opened:?}"));
        world.lens.note(format_args!("? {} of {}: {says}", alarm.name, alarm.subject));
        match opened {
            Ok(_) => world.lens.hear(&alarm.name),
            Err(_) => clock.sleep(Duration::from_secs(60)).await,
        }
    }
    if alarm.at_once
        && let Err(error) = plane.start_incidents().await
    {
        world.lens.note(format_args!("? {}: nobody begins with it: {error}", alarm.name));
    }
}
