//! What outlives a process, and what several share.

use super::*;

pub(super) fn durable() -> Case<InboxWorld> {
    Case::new(SUITE, "what_is_admitted_and_settled_survives", what_is_admitted_and_settled_survives)
}

async fn what_is_admitted_and_settled_survives(world: InboxWorld) -> Outcome {
    let inbox = (world.open)().await;
    admit_new(&*inbox, &[("k1", "a"), ("k2", "a"), ("k3", "b")]).await?;
    let claims = claim(&*inbox, 2_000).await?;
    let first = claims.iter().find(|claim| claim.delivery.delivery.key.as_str() == "k1").ok_or("`k1` can be claimed")?;
    settle(&*inbox, first, Settlement::Handled).await?;
    drop(inbox);
    let inbox = (world.open)().await;
    let again = admit(&*inbox, &[delivery("one", "k1", "a")?]).await?;
    ensure!(again == [Admitted::Known], "it was there before, and is {again:?}");
    let free = claimed(&*inbox, 2_500).await?;
    ensure!(free == ["k2"], "`k2` can be claimed while `k3` is held, and {free:?} are");
    let later = claimed(&*inbox, 9_000).await?;
    ensure!(later == ["k2", "k3"], "both can be claimed once the claims have expired, and {later:?} are");
    Ok(())
}

pub(super) fn shared() -> Case<InboxWorld> {
    Case::new(SUITE, "of_many_at_once_each_gets_others", of_many_at_once_each_gets_others)
}

async fn of_many_at_once_each_gets_others(world: InboxWorld) -> Outcome {
    let inboxes = [(world.open)().await, (world.open)().await];
    let new: Vec<_> = (0..24).map(|it| delivery("one", &format!("k{it}"), &format!("l{}", it % 12))).collect::<Result<_, _>>()?;
    let mut tasks = Vec::new();
    for turn in 0..8_usize {
        let (inbox, mut new) = (inboxes.iter().cycle().nth(turn).cloned(), new.clone());
        new.rotate_left(turn * 3);
        let inbox = inbox.ok_or("there are two")?;
        tasks.push(tokio::spawn(async move { inbox.admit(&cx("admit"), &new).await }));
    }
    let mut stored = 0;
    for task in tasks {
        let admitted = task.await.map_err(|e| e.to_string())?.works()?;
        stored += admitted.iter().filter(|it| **it == Admitted::New).count();
    }
    ensure!(stored == 24, "24 deliveries came eight times each, and {stored} times one is called new");
    let claims = claim_at_once(&inboxes).await?;
    let mut lanes: Vec<_> = claims.iter().map(|claim| claim.delivery.delivery.lane.to_string()).collect();
    lanes.sort();
    let all = lanes.len();
    lanes.dedup();
    ensure!(all == 12 && lanes.len() == 12, "12 lanes are claimed by one each, and there are {all} claims of {}", lanes.len());
    Ok(())
}

/// Claims from all at once, until there is nothing more.
async fn claim_at_once(inboxes: &[Arc<dyn Inbox>; 2]) -> Result<Vec<Claim>, String> {
    let tasks: Vec<_> = inboxes.iter().cycle().take(6).cloned().collect();
    let tasks: Vec<_> = tasks
        .into_iter()
        .map(|inbox| tokio::spawn(async move { inbox.claim(&cx("claim"), UnixMillis(2_000), TTL, 2).await }))
        .collect();
    let mut claims = Vec::new();
    for task in tasks {
        claims.extend(task.await.map_err(|e| e.to_string())?.works()?);
    }
    // Where two looked at the same lanes, one went away with fewer.
    let [one, _] = inboxes;
    claims.extend(claim(&**one, 2_000).await?);
    Ok(claims)
}
