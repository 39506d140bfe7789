//! What goes off while everything is under way, and is sent to the gateway over a network that loses and repeats.

use std::time::Duration;

use futures_util::future::{join, join_all};
use pathops_coordinator::gateway::{Answer, Gateway};
use pathops_core::adapter::{AlertHint, Clock as _};
use pathops_core::{UnitId, WebhookSourceName};

use crate::dice::Dice;
use crate::step::Step;
use crate::world::World;

/// What the sender of alarms and the host have agreed on.
pub(crate) const TOKEN: &str = "Bearer of alarms";

/// An alarm, by the name that its sender gives it.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    pub(crate) name: String,
    pub(crate) subject: String,
    /// Somebody else sends it.
    pub(crate) forged: bool,
    /// Whether the host begins with incidents as soon as it was told, and not only when it looks for them.
    pub(crate) at_once: bool,
    after: Duration,
    since: &'static str,
}

/// Most worlds are quiet.
pub(crate) fn roll(dice: &Dice, units: &[UnitId]) -> Vec<Alarm> {
    let many = if dice.chance(300) { 1 + dice.below(3) } else { 0 };
    let alarm = |number: u64| {
        let subject = if dice.chance(100) { "nobody-knows".to_owned() } else { dice.pick(units).to_string() };
        let since = *dice.pick(&["", "a while", "2025-11-24T07:00:00Z", "2025-11-24T09:30:00Z"]);
        let (forged, at_once) = (dice.chance(200), dice.chance(700));
        // While something is on its way, or once it is in production.
        let after = if dice.chance(500) { dice.seconds(60, 4_000) } else { dice.seconds(4_000, 12_000) };
        Alarm { name: format!("alarm-{number}"), subject, forged, at_once, after, since }
    };
    (0..many).map(alarm).collect()
}

pub(crate) fn source() -> WebhookSourceName {
    "alarms".parse().unwrap()
}

impl Alarm {
    fn body(&self) -> Vec<u8> {
        let alert = AlertHint {
            fingerprint: self.name.as_str().into(),
            name: "Errors".into(),
            severity: "page".into(),
            subject: self.subject.as_str().into(),
            since: self.since.into(),
        };
        serde_json::to_vec(&alert).unwrap()
    }
}

/// Each goes off in its time. Who sends it knows what was acknowledged, whatever becomes of the process that did.
pub(crate) async fn go_off(world: &World, gateway: &Gateway) {
    join_all(world.truth.shape.alarms.iter().map(|alarm| send(world, gateway, alarm))).await;
}

/// Sends it until somebody says that it was stored, or is not wanted.
async fn send(world: &World, gateway: &Gateway, alarm: &Alarm) {
    let (clock, network) = (&world.truth.clock, &world.network);
    clock.sleep(alarm.after.saturating_sub(world.truth.elapsed())).await;
    while !world.lens.has_heard(&alarm.name) {
        let goes_wrong = |per_mille| world.truth.elapsed() < world.chaos.over && network.chance(per_mille);
        let (is_lost, is_repeated, is_unheard) = (goes_wrong(150), goes_wrong(200), goes_wrong(150));
        let is_done = match (is_lost, is_repeated) {
            (true, _) => false,
            (false, true) => join(post(world, gateway, alarm), post(world, gateway, alarm)).await.0,
            (false, false) => post(world, gateway, alarm).await,
        };
        if is_done && !is_unheard {
            world.lens.hear(&alarm.name);
        } else {
            clock.sleep(network.seconds(20, 90)).await;
        }
    }
}

/// Whether it need not be sent again.
async fn post(world: &World, gateway: &Gateway, alarm: &Alarm) -> bool {
    let token = if alarm.forged { "Bearer of nothing" } else { TOKEN };
    let answer = gateway.receive(&source(), &[("Authorization", token.as_bytes())], alarm.body()).await;
    world.lens.note(format_args!("? {} of {}: {}", alarm.name, alarm.subject, answer.text().trim_end()));
    if matches!(answer, Answer::Stored(_)) {
        world.lens.step(&Step::Acknowledged { alarm });
    }
    matches!(answer, Answer::Stored(_) | Answer::Rejected(_))
}
