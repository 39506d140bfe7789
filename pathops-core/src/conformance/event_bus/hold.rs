//! What a subscriber holds, and what becomes of it.

use std::pin::pin;
use std::task::Poll;

use super::*;

pub(super) fn cases() -> Vec<Case<EventBusWorld>> {
    named!["event_bus":
        what_is_held_comes_again,
        what_is_given_back_comes_again,
        acknowledging_again_changes_nothing,
        what_is_not_held_is_not_acknowledged,
        what_is_held_is_given_to_nobody_else,
        what_is_not_acknowledged_in_time_goes_to_another,
        what_a_dropped_subscriber_held_goes_to_another,
        a_name_shares_its_events,
    ]
}

async fn what_is_held_comes_again(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut subscriber = world.subscribe(&*bus, Some("one")).await?;
    publish(&*bus, &["e1", "e2"]).await?;
    comes(&mut *subscriber, "e1").await?;
    comes(&mut *subscriber, "e1").await?;
    takes(&mut *subscriber, "e1").await?;
    takes(&mut *subscriber, "e2").await?;
    nothing_comes(&mut *subscriber).await
}

async fn what_is_given_back_comes_again(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    for name in [Some("one"), None] {
        let id = name.unwrap_or("no-name");
        let mut subscriber = world.subscribe(&*bus, name).await?;
        publish(&*bus, &[id, &format!("{id}-2")]).await?;
        comes(&mut *subscriber, id).await?;
        let parsed = id.parse().map_err(told)?;
        subscriber.nack(&cx("nack"), &parsed).await.works()?;
        subscriber.ack(&cx("ack"), &parsed).await.fails(ErrorKind::Conflict, "an event was given back")?;
        takes(&mut *subscriber, id).await?;
        takes(&mut *subscriber, &format!("{id}-2")).await?;
    }
    Ok(())
}

async fn acknowledging_again_changes_nothing(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut subscriber = world.subscribe(&*bus, Some("one")).await?;
    publish(&*bus, &["e1", "e2", "e3"]).await?;
    takes(&mut *subscriber, "e1").await?;
    ack(&mut *subscriber, "e1").await?;
    takes(&mut *subscriber, "e2").await?;
    takes(&mut *subscriber, "e3").await
}

async fn what_is_not_held_is_not_acknowledged(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut subscriber = world.subscribe(&*bus, Some("one")).await?;
    publish(&*bus, &["e1", "e2"]).await?;
    let (first, second) = ("e1".parse().map_err(told)?, "e2".parse().map_err(told)?);
    subscriber.ack(&cx("ack"), &first).await.fails(ErrorKind::Conflict, "no event has come yet")?;
    comes(&mut *subscriber, "e1").await?;
    subscriber.ack(&cx("ack"), &second).await.fails(ErrorKind::Conflict, "another event is held")?;
    subscriber.nack(&cx("nack"), &second).await.fails(ErrorKind::Conflict, "another event is held")?;
    takes(&mut *subscriber, "e1").await?;
    subscriber.nack(&cx("nack"), &first).await.fails(ErrorKind::Conflict, "it was acknowledged")?;
    takes(&mut *subscriber, "e2").await
}

async fn what_is_held_is_given_to_nobody_else(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut first = world.subscribe(&*bus, Some("one")).await?;
    publish(&*bus, &["e1", "e2"]).await?;
    comes(&mut *first, "e1").await?;
    let mut second = world.subscribe(&*bus, Some("one")).await?;
    nothing_comes(&mut *second).await?;
    ack(&mut *first, "e1").await?;
    let left = shared(&mut *first, &mut *second, 1).await?;
    ensure!(left == ["e2"], "`e1` was acknowledged, and then {left:?} came");
    Ok(())
}

async fn what_is_not_acknowledged_in_time_goes_to_another(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut first = world.subscribe(&*bus, Some("one")).await?;
    publish(&*bus, &["e1", "e2"]).await?;
    comes(&mut *first, "e1").await?;
    let mut second = world.subscribe(&*bus, Some("one")).await?;
    takes(&mut *second, "e1").await?;
    let late = first.ack(&cx("ack"), &"e1".parse().map_err(told)?).await;
    let told = late.is_ok() || late.as_ref().is_err_and(|it| it.kind() == ErrorKind::Conflict);
    ensure!(told, "what is acknowledged late is acknowledged or a conflict, and not {late:?}");
    let left = shared(&mut *first, &mut *second, 1).await?;
    ensure!(left == ["e2"], "`e1` was acknowledged, and then {left:?} came");
    Ok(())
}

async fn what_a_dropped_subscriber_held_goes_to_another(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut first = world.subscribe(&*bus, Some("one")).await?;
    publish(&*bus, &["e1", "e2"]).await?;
    comes(&mut *first, "e1").await?;
    drop(first);
    let mut second = world.subscribe(&*bus, Some("one")).await?;
    takes(&mut *second, "e1").await?;
    takes(&mut *second, "e2").await
}

async fn a_name_shares_its_events(world: EventBusWorld) -> Outcome {
    let bus = (world.open)().await;
    let mut first = world.subscribe(&*bus, Some("one")).await?;
    let mut second = world.subscribe(&*bus, Some("one")).await?;
    let ids = ["e1", "e2", "e3", "e4", "e5", "e6"];
    publish(&*bus, &ids).await?;
    let came = shared(&mut *first, &mut *second, ids.len()).await?;
    ensure!(came == ids, "two who share a name are told of each event once and in order, and not {came:?}");
    nothing_comes(&mut *first).await?;
    nothing_comes(&mut *second).await
}

/// The ids of what comes to either of two subscribers, who acknowledge it, until it is so many.
async fn shared(first: &mut dyn Subscriber, second: &mut dyn Subscriber, count: usize) -> Result<Vec<String>, String> {
    let mut came = Vec::new();
    while came.len() < count {
        let (answer, of_first) = {
            let context = cx("next").with_timeout(PATIENCE);
            let (mut one, mut two) = (pin!(first.next(&context)), pin!(second.next(&context)));
            std::future::poll_fn(|cx| match one.as_mut().poll(cx) {
                Poll::Ready(answer) => Poll::Ready((answer, true)),
                Poll::Pending => two.as_mut().poll(cx).map(|answer| (answer, false)),
            })
            .await
        };
        let event = answer.works()?;
        let holder = if of_first { &mut *first } else { &mut *second };
        holder.ack(&cx("ack"), event.id()).await.works()?;
        came.push(event.id().to_string());
    }
    Ok(came)
}
