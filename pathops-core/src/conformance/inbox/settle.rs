//! How handling ends, and begins again.

use super::*;

pub(super) fn cases() -> Vec<Case<InboxWorld>> {
    named!["inbox":
        what_is_claimed_and_not_settled_is_claimed_again,
        who_has_lost_a_lane_settles_nothing,
        what_is_tried_later_holds_its_lane_until_then,
        what_is_dead_lets_its_lane_go_on,
        settling_again_changes_nothing,
        what_comes_while_a_lane_is_held_waits,
        what_is_replayed_is_handled_once_more,
    ]
}

async fn only(inbox: &dyn Inbox, now: i64) -> Result<Claim, String> {
    let mut claims = claim(inbox, now).await?;
    match (claims.pop(), claims.is_empty()) {
        (Some(claim), true) => Ok(claim),
        (last, _) => Err(format!("one delivery can be claimed at {now}, and {claims:?} and {last:?} are")),
    }
}

async fn what_is_claimed_and_not_settled_is_claimed_again(world: InboxWorld) -> Outcome {
    let inbox = (world.open)().await;
    admit_new(&*inbox, &[("k1", "a"), ("k2", "a")]).await?;
    let first = only(&*inbox, 2_000).await?;
    ensure!(first.expires_at == UnixMillis(3_000), "it was claimed for a second, and until {:?}", first.expires_at);
    let early = claimed(&*inbox, 2_999).await?;
    ensure!(early.is_empty(), "the claim holds, and {early:?} are claimed");
    let second = only(&*inbox, 3_000).await?;
    ensure!(second.delivery == first.delivery, "{:?} is to be handled, and {:?} is claimed", first.delivery, second.delivery);
    ensure!(second.fence > first.fence, "the later claim has the fence {}, and the earlier {}", second.fence, first.fence);
    Ok(())
}

async fn who_has_lost_a_lane_settles_nothing(world: InboxWorld) -> Outcome {
    let inbox = (world.open)().await;
    admit_new(&*inbox, &[("k1", "a")]).await?;
    let first = only(&*inbox, 2_000).await?;
    let second = only(&*inbox, 3_000).await?;
    for settlement in [Settlement::Handled, Settlement::Later(UnixMillis(0)), Settlement::Dead("late".to_owned())] {
        let late = inbox.settle(&cx("late"), &first, &settlement).await;
        late.fails(ErrorKind::Conflict, "the lane was claimed again")?;
    }
    let held = claimed(&*inbox, 3_500).await?;
    ensure!(held.is_empty(), "another one holds the lane, and {held:?} are claimed");
    settle(&*inbox, &second, Settlement::Handled).await
}

async fn what_is_tried_later_holds_its_lane_until_then(world: InboxWorld) -> Outcome {
    let inbox = (world.open)().await;
    admit_new(&*inbox, &[("k1", "a"), ("k2", "a")]).await?;
    for (attempts, now) in [(0, 2_000), (1, 5_000)] {
        let claim = only(&*inbox, now).await?;
        let (key, tried) = (claim.delivery.delivery.key.as_str(), claim.delivery.attempts);
        ensure!((key, tried) == ("k1", attempts), "`k1` was tried {attempts} times, and `{key}` is claimed, tried {tried} times");
        settle(&*inbox, &claim, Settlement::Later(UnixMillis(now + 3_000))).await?;
        let early = claimed(&*inbox, now + 2_999).await?;
        ensure!(early.is_empty(), "the lane waits, and {early:?} are claimed");
    }
    Ok(())
}

async fn what_is_dead_lets_its_lane_go_on(world: InboxWorld) -> Outcome {
    let inbox = (world.open)().await;
    admit_new(&*inbox, &[("k1", "a"), ("k2", "a")]).await?;
    settle(&*inbox, &only(&*inbox, 2_000).await?, Settlement::Dead("it is spoilt".to_owned())).await?;
    let next = claimed(&*inbox, 2_000).await?;
    ensure!(next == ["k2"], "`k2` comes next, and {next:?} are claimed");
    let dead = inbox.find(&cx("find"), &InboxQuery { dead: true, ..InboxQuery::default() }, 100).await.works()?;
    let states: Vec<_> = dead.iter().map(|it| (it.delivery.key.as_str(), &it.state)).collect();
    let expected = DeliveryState::Dead("it is spoilt".to_owned());
    ensure!(states == [("k1", &expected)], "`k1` is dead with its reason, and not {states:?}");
    Ok(())
}

async fn settling_again_changes_nothing(world: InboxWorld) -> Outcome {
    let inbox = (world.open)().await;
    admit_new(&*inbox, &[("k1", "a"), ("k2", "a")]).await?;
    let claim = only(&*inbox, 2_000).await?;
    for _ in 0..2 {
        settle(&*inbox, &claim, Settlement::Later(UnixMillis(3_000))).await?;
    }
    let claim = only(&*inbox, 3_000).await?;
    ensure!(claim.delivery.attempts == 1, "it was tried once, and {} times are told", claim.delivery.attempts);
    for _ in 0..2 {
        settle(&*inbox, &claim, Settlement::Handled).await?;
    }
    let next = claimed(&*inbox, 3_000).await?;
    ensure!(next == ["k2"], "`k2` comes next, and {next:?} are claimed");
    Ok(())
}

async fn what_comes_while_a_lane_is_held_waits(world: InboxWorld) -> Outcome {
    let inbox = (world.open)().await;
    admit_new(&*inbox, &[("k1", "a")]).await?;
    let held = only(&*inbox, 2_000).await?;
    admit_new(&*inbox, &[("k2", "a")]).await?;
    let beside = claimed(&*inbox, 2_000).await?;
    ensure!(beside.is_empty(), "the lane is held, and {beside:?} are claimed");
    settle(&*inbox, &held, Settlement::Handled).await?;
    let next = claimed(&*inbox, 2_000).await?;
    ensure!(next == ["k2"], "`k2` comes next, and {next:?} are claimed");
    Ok(())
}

async fn what_is_replayed_is_handled_once_more(world: InboxWorld) -> Outcome {
    let inbox = (world.open)().await;
    admit_new(&*inbox, &[("k1", "a"), ("k2", "b"), ("k3", "c")]).await?;
    let claims = claim(&*inbox, 2_000).await?;
    for claim in &claims {
        match claim.delivery.delivery.key.as_str() {
            "k1" => settle(&*inbox, claim, Settlement::Handled).await?,
            "k2" => settle(&*inbox, claim, Settlement::Dead("spoilt".to_owned())).await?,
            _ => {}
        }
    }
    let mut numbers: Vec<_> = claims.iter().map(|claim| claim.delivery.number).collect();
    numbers.push(DeliveryNumber(99_999));
    let replayed = inbox.replay(&cx("replay"), &numbers).await.works()?;
    ensure!(replayed == 2, "two of them did not wait, and {replayed} are replayed");
    let again = claim(&*inbox, 2_000).await?;
    ensure!(again.iter().all(|claim| claim.delivery.attempts == 0), "they are tried anew, and {again:?}");
    let mut keys: Vec<_> = again.iter().map(|claim| claim.delivery.delivery.key.as_str()).collect();
    keys.sort_unstable();
    ensure!(keys == ["k1", "k2"], "`k1` and `k2` are handled once more, and {keys:?} are claimed");
    Ok(())
}
