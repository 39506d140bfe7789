//! What a bus keeps, and for whom.

use super::*;

pub(super) fn cases(capabilities: EventBusCapabilities) -> Vec<Case<EventBusWorld>> {
    let mut cases = named!["event_bus":
        a_subscription_begins_when_it_is_made,
        a_name_goes_on_where_it_was,
        what_is_published_twice_is_told,
    ];
    if capabilities.deduplicates {
        cases.extend(named!["event_bus": what_is_published_twice_is_told_once]);
    }
    if capabilities.durable {
        cases.extend(named!["event_bus": what_was_published_survives]);
    }
    if capabilities.shared {
        cases.extend(named!["event_bus": others_are_told]);
    }
    cases
}

async fn a_subscription_begins_when_it_is_made(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    // One that there is before does not make the later ones begin earlier.
    let mut before = world.subscribe(&*bus, Some("before")).await?;
    publish(&*bus, &["e1"]).await?;
    let mut named = world.subscribe(&*bus, Some("one")).await?;
    let mut ephemeral = world.subscribe(&*bus, None).await?;
    publish(&*bus, &["e2"]).await?;
    takes(&mut *named, "e2").await?;
    takes(&mut *ephemeral, "e2").await?;
    takes(&mut *before, "e1").await
}

async fn a_name_goes_on_where_it_was(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut subscriber = world.subscribe(&*bus, Some("one")).await?;
    publish(&*bus, &["e1"]).await?;
    takes(&mut *subscriber, "e1").await?;
    drop(subscriber);
    publish(&*bus, &["e2", "e3"]).await?;
    let mut again = world.subscribe(&*bus, Some("one")).await?;
    takes(&mut *again, "e2").await?;
    takes(&mut *again, "e3").await
}

/// Whether it is told once or once more is a capability; that it is told, and that what comes after it is, too, is not.
async fn what_is_published_twice_is_told(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut subscriber = world.subscribe(&*bus, Some("one")).await?;
    publish(&*bus, &["e1", "e1", "e2"]).await?;
    takes(&mut *subscriber, "e1").await?;
    let came = next(&mut *subscriber).await?;
    if came == event("e1")? {
        ack(&mut *subscriber, "e1").await?;
        return takes(&mut *subscriber, "e2").await;
    }
    ensure!(came == event("e2")?, "`e2` comes after `e1`, and {came:?} came");
    Ok(())
}

async fn what_is_published_twice_is_told_once(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut subscriber = world.subscribe(&*bus, Some("one")).await?;
    publish(&*bus, &["e1", "e1"]).await?;
    takes(&mut *subscriber, "e1").await?;
    publish(&*bus, &["e1", "e2"]).await?;
    takes(&mut *subscriber, "e2").await
}

async fn what_was_published_survives(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut subscriber = world.subscribe(&*bus, Some("one")).await?;
    publish(&*bus, &["e1", "e2", "e3"]).await?;
    takes(&mut *subscriber, "e1").await?;
    drop((subscriber, bus));
    let bus = (world.open)().await;
    let mut subscriber = world.subscribe(&*bus, Some("one")).await?;
    takes(&mut *subscriber, "e2").await?;
    takes(&mut *subscriber, "e3").await
}

async fn others_are_told(world: EventBusWorld) -> Outcome {
    let (here, there) = ((world.open)().await, (world.open)().await);
    let mut named = world.subscribe(&*there, Some("one")).await?;
    let mut ephemeral = world.subscribe(&*there, None).await?;
    publish(&*here, &["e1"]).await?;
    takes(&mut *named, "e1").await?;
    takes(&mut *ephemeral, "e1").await
}
