//! What the host of a control plane does beside running it: it hands on what its gateway has received.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join;
use pathops_coordinator::gateway::{DeliveryHandler, Gateway};
use pathops_coordinator::{ControlPlane, OpensIncidents};
use pathops_core::adapter::{Clock as _, DeliveryState, InboxQuery, StoredDelivery};
use pathops_core::{OpContext, Result};

use crate::alarms;
use crate::lens::Lens;
use crate::step::Step;
use crate::world::World;

/// Receives alarms and hands them on, for as long as the process lives. Where nothing ever goes off, there is no gateway.
pub(crate) async fn listen(world: &World, plane: &Arc<ControlPlane>) {
    if world.truth.shape.alarms.is_empty() {
        return;
    }
    let (gateway, handler) = (world.gateway(), Handler::new(world, plane));
    join(alarms::go_off(world, &gateway), hand_on(world, &gateway, Arc::new(handler))).await;
}

/// A gateway looks into its inbox every second, and hours pass here in which nothing is there: so it runs while something is. What it
/// has given up is handled once more when everything is calm.
async fn hand_on(world: &World, gateway: &Gateway, handler: Arc<Handler>) {
    let waits = || world.truth.deliveries().iter().any(|it| it.state == DeliveryState::Waiting);
    let is_dead = |it: &StoredDelivery| matches!(it.state, DeliveryState::Dead(_));
    let given_up = || world.truth.elapsed() >= world.chaos.over && world.truth.deliveries().iter().any(is_dead);
    loop {
        poll_fn(|_| if waits() || given_up() { Poll::Ready(()) } else { Poll::Pending }).await;
        if given_up() {
            let dead = InboxQuery { dead: true, ..InboxQuery::default() };
            let replayed = gateway.replay(&dead, usize::MAX, false).await;
            let says = replayed.map_or_else(|error| error.to_string(), |all| format!("{} are handled again", all.len()));
            world.lens.note(format_args!("? dead letters: {says}"));
        }
        gateway.run(handler.clone(), poll_fn(|_| if waits() { Poll::Pending } else { Poll::Ready(()) })).await;
        world.truth.clock.sleep(Duration::from_secs(10)).await;
    }
}

/// Opens incidents, and begins with them.
#[derive(Debug)]
struct Handler {
    opens: OpensIncidents,
    plane: Arc<ControlPlane>,
    lens: Arc<Lens>,
}

impl Handler {
    fn new(world: &World, plane: &Arc<ControlPlane>) -> Self {
        Self { opens: OpensIncidents::new(plane.clone()), plane: plane.clone(), lens: world.lens.clone() }
    }
}

#[async_trait]
impl DeliveryHandler for Handler {
    async fn handle(&self, cx: &OpContext, delivery: &StoredDelivery) -> Result<()> {
        self.lens.step(&Step::Handles { delivery });
        self.opens.handle(cx, delivery).await?;
        let key = delivery.delivery.key.as_str();
        if self.lens.truth.shape.alarms.iter().any(|alarm| alarm.name == key && alarm.at_once) {
            self.plane.start_incidents().await?;
        }
        self.lens.note(format_args!("= {key} is handled"));
        Ok(())
    }
}
