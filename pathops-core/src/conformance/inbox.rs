//! What every [`Inbox`] must do.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use libtest_mimic::Trial;

use super::case::{Answer as _, cases as named};
use super::scm::world::cx;
use super::step::{Pinned, declares};
use super::{Case, Fresh, Outcome, ensure, into_trials};
use crate::adapter::{
    Admitted, Claim, Delivery, DeliveryNumber, DeliveryState, Hint, Inbox, InboxCapabilities, InboxQuery, NewDelivery, Settlement,
};
use crate::digest::Digest;
use crate::error::ErrorKind;
use crate::time::UnixMillis;

mod settle;
mod store;

const SUITE: &str = "inbox";
const TTL: Duration = Duration::from_secs(1);

/// Gives each case an inbox of its own.
#[async_trait]
pub trait InboxFixture: Send + Sync + 'static {
    /// An empty inbox.
    async fn fresh(&self) -> InboxWorld;
}

type Open = Arc<dyn Fn() -> Pinned<Arc<dyn Inbox>> + Send + Sync>;

/// A way to open one inbox, as often as a case likes.
pub struct InboxWorld {
    open: Open,
    _guard: Box<dyn Any + Send + Sync>,
}

impl InboxWorld {
    /// `open` opens the inbox of this world, which is empty at first. Where it is declared `durable`, it is opened again after
    /// the first one was dropped, and where it is declared `shared`, beside the first one; otherwise `open` is called once.
    /// `guard` is dropped at the end of the case.
    pub fn new<F>(open: impl Fn() -> F + Send + Sync + 'static, guard: impl Any + Send + Sync) -> Self
    where
        F: Future<Output = Arc<dyn Inbox>> + Send + 'static,
    {
        Self { open: Arc::new(move || Box::pin(open())), _guard: Box::new(guard) }
    }
}

impl fmt::Debug for InboxWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InboxWorld").finish_non_exhaustive()
    }
}

/// The cases as trials. `capabilities` is what the adapter is meant to declare, written down by its author.
#[must_use]
pub fn trials(fixture: Arc<dyn InboxFixture>, capabilities: InboxCapabilities) -> Vec<Trial> {
    into_trials(cases(capabilities), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn InboxFixture>) -> Fresh<InboxWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases(capabilities: InboxCapabilities) -> Vec<Case<InboxWorld>> {
    let mut cases = vec![Case::new(SUITE, "declares_what_it_is_tested_for", move |world| {
        declares_what_it_is_tested_for(world, capabilities)
    })];
    cases.extend(named!["inbox":
        what_is_admitted_is_found_as_it_came,
        what_is_admitted_again_is_known,
        another_body_under_a_key_is_told,
        a_key_belongs_to_its_source,
        a_batch_is_answered_in_its_order,
        deliveries_are_found_by_what_they_are,
        a_lane_is_claimed_in_order_and_by_one,
        lanes_are_claimed_beside_each_other,
        those_that_wait_longest_are_claimed_first,
    ]);
    cases.extend(settle::cases());
    if capabilities.durable {
        cases.push(store::durable());
    }
    if capabilities.shared {
        cases.push(store::shared());
    }
    cases
}

async fn declares_what_it_is_tested_for(world: InboxWorld, capabilities: InboxCapabilities) -> Outcome {
    declares(&(world.open)().await.capabilities(), &capabilities)
}

fn delivery(source: &str, key: &str, lane: &str) -> Result<NewDelivery, String> {
    let parsed = |it: crate::id::IdError| it.to_string();
    let (source, lane) = (source.parse().map_err(parsed)?, lane.parse().map_err(parsed)?);
    let hints = vec![Hint::Unknown { what: "tested".into(), why: format!("it is {key}: \"'\\u0000 \u{0} é\u{1f980}").into() }];
    let delivery = Delivery { source, key: key.parse().map_err(parsed)?, lane, hints };
    Ok(NewDelivery { delivery, body: Digest::of(key.as_bytes()), received_at: UnixMillis(1_000) })
}

async fn admit(inbox: &dyn Inbox, deliveries: &[NewDelivery]) -> Result<Vec<Admitted>, String> {
    inbox.admit(&cx("admit"), deliveries).await.works()
}

/// Makes sure that all of them are new.
async fn admit_new(inbox: &dyn Inbox, deliveries: &[(&str, &str)]) -> Outcome {
    for (key, lane) in deliveries {
        let admitted = admit(inbox, &[delivery("one", key, lane)?]).await?;
        ensure!(admitted == [Admitted::New], "`{key}` is new, and is {admitted:?}");
    }
    Ok(())
}

async fn claim(inbox: &dyn Inbox, now: i64) -> Result<Vec<Claim>, String> {
    inbox.claim(&cx("claim"), UnixMillis(now), TTL, 100).await.works()
}

/// The keys of what can be claimed, in order.
async fn claimed(inbox: &dyn Inbox, now: i64) -> Result<Vec<String>, String> {
    let mut keys: Vec<_> = claim(inbox, now).await?.iter().map(|claim| claim.delivery.delivery.key.to_string()).collect();
    keys.sort();
    Ok(keys)
}

async fn settle(inbox: &dyn Inbox, claim: &Claim, settlement: Settlement) -> Outcome {
    inbox.settle(&cx("settle"), claim, &settlement).await.works()
}

async fn find(inbox: &dyn Inbox, query: &InboxQuery) -> Result<Vec<String>, String> {
    let found = inbox.find(&cx("find"), query, 100).await.works()?;
    Ok(found.iter().map(|it| it.delivery.key.to_string()).collect())
}

async fn what_is_admitted_is_found_as_it_came(world: InboxWorld) -> Outcome {
    let inbox = (world.open)().await;
    let new = delivery("one", "k1", "repo/a/b")?;
    admit(&*inbox, std::slice::from_ref(&new)).await?;
    let found = inbox.find(&cx("find"), &InboxQuery::default(), 100).await.works()?;
    let [it] = &found[..] else { return Err(format!("one delivery is there, and {found:?} are found")) };
    let same = (&it.delivery, it.body, it.received_at) == (&new.delivery, new.body, new.received_at);
    ensure!(same && it.attempts == 0 && it.state == DeliveryState::Waiting, "{new:?} was admitted, and {it:?} is found");
    Ok(())
}

async fn what_is_admitted_again_is_known(world: InboxWorld) -> Outcome {
    let inbox = (world.open)().await;
    let new = [delivery("one", "k1", "a")?];
    admit(&*inbox, &new).await?;
    let again = admit(&*inbox, &new).await?;
    ensure!(again == [Admitted::Known], "it is known, and {again:?}");
    for claim in claim(&*inbox, 2_000).await? {
        settle(&*inbox, &claim, Settlement::Handled).await?;
    }
    let after = admit(&*inbox, &new).await?;
    ensure!(after == [Admitted::Known], "it is known after it was handled, and {after:?}");
    let left = claimed(&*inbox, 9_000).await?;
    ensure!(left.is_empty(), "it was handled, and {left:?} can be claimed");
    Ok(())
}

async fn another_body_under_a_key_is_told(world: InboxWorld) -> Outcome {
    let inbox = (world.open)().await;
    let new = delivery("one", "k1", "a")?;
    admit(&*inbox, std::slice::from_ref(&new)).await?;
    let other = NewDelivery { body: Digest::of(b"other"), ..new };
    let admitted = admit(&*inbox, &[other]).await?;
    ensure!(admitted == [Admitted::Taken], "its key is taken by another body, and it is {admitted:?}");
    let found = find(&*inbox, &InboxQuery::default()).await?;
    ensure!(found == ["k1"], "one delivery was stored, and {found:?} are found");
    Ok(())
}

async fn a_key_belongs_to_its_source(world: InboxWorld) -> Outcome {
    let inbox = (world.open)().await;
    let admitted = admit(&*inbox, &[delivery("one", "k1", "a")?, delivery("two", "k1", "a")?]).await?;
    ensure!(admitted == [Admitted::New; 2], "two sources have a key of their own each, and {admitted:?}");
    let claimed = claimed(&*inbox, 2_000).await?;
    ensure!(claimed == ["k1", "k1"], "two sources have a lane of their own each, and {claimed:?} are claimed");
    Ok(())
}

async fn a_batch_is_answered_in_its_order(world: InboxWorld) -> Outcome {
    let inbox = (world.open)().await;
    admit_new(&*inbox, &[("b", "x")]).await?;
    let taken = NewDelivery { body: Digest::of(b"other"), ..delivery("one", "b", "x")? };
    let (c, known, a) = (delivery("one", "c", "z")?, delivery("one", "b", "x")?, delivery("one", "a", "y")?);
    let taken_here = NewDelivery { body: Digest::of(b"other"), ..c.clone() };
    let admitted = admit(&*inbox, &[c.clone(), known, a, c, taken, taken_here]).await?;
    let expected = [Admitted::New, Admitted::Known, Admitted::New, Admitted::Known, Admitted::Taken, Admitted::Taken];
    ensure!(admitted == expected, "{expected:?} is the answer, and not {admitted:?}");
    let found = find(&*inbox, &InboxQuery::default()).await?;
    ensure!(found == ["b", "c", "a"], "they are numbered in the order of the batch, and not {found:?}");
    let none = admit(&*inbox, &[]).await?;
    ensure!(none.is_empty(), "nothing was to be stored, and {none:?}");
    Ok(())
}

async fn deliveries_are_found_by_what_they_are(world: InboxWorld) -> Outcome {
    let inbox = (world.open)().await;
    for (source, key, at) in [("one", "k1", 1_000), ("two", "k2", 2_000), ("one", "k3", 3_000)] {
        admit(&*inbox, &[NewDelivery { received_at: UnixMillis(at), ..delivery(source, key, key)? }]).await?;
    }
    let dead = claim(&*inbox, 1_500).await?;
    let [first] = &dead[..] else { return Err(format!("one has waited, and {dead:?} are claimed")) };
    settle(&*inbox, first, Settlement::Dead("spoilt".to_owned())).await?;
    let (all, at) = (InboxQuery::default(), |millis| Some(UnixMillis(millis)));
    let source = Some("one".parse().map_err(|e: crate::id::IdError| e.to_string())?);
    let key = Some("k2".parse().map_err(|e: crate::id::IdError| e.to_string())?);
    for (query, expected) in [
        (all.clone(), &["k1", "k2", "k3"][..]),
        (InboxQuery { source, ..all.clone() }, &["k1", "k3"]),
        (InboxQuery { key, ..all.clone() }, &["k2"]),
        (InboxQuery { from: at(2_000), ..all.clone() }, &["k2", "k3"]),
        (InboxQuery { to: at(2_000), ..all.clone() }, &["k1"]),
        (InboxQuery { dead: true, ..all.clone() }, &["k1"]),
        (InboxQuery { after: Some(first.delivery.number), ..all }, &["k2", "k3"]),
    ] {
        let found = find(&*inbox, &query).await?;
        ensure!(found == expected, "{query:?} finds {expected:?}, and not {found:?}");
    }
    let two = inbox.find(&cx("find"), &InboxQuery::default(), 2).await.works()?;
    ensure!(two.len() == 2, "two were asked for, and {} are found", two.len());
    Ok(())
}

async fn a_lane_is_claimed_in_order_and_by_one(world: InboxWorld) -> Outcome {
    let inbox = (world.open)().await;
    admit_new(&*inbox, &[("k1", "a"), ("k2", "a"), ("k3", "a")]).await?;
    for expected in ["k1", "k2", "k3"] {
        let claims = claim(&*inbox, 2_000).await?;
        let [claim] = &claims[..] else { return Err(format!("one lane has something, and {claims:?} are claimed")) };
        let key = claim.delivery.delivery.key.as_str();
        ensure!(key == expected, "`{expected}` comes next, and `{key}` is claimed");
        let beside = claimed(&*inbox, 2_000).await?;
        ensure!(beside.is_empty(), "the lane is held, and {beside:?} are claimed beside");
        settle(&*inbox, claim, Settlement::Handled).await?;
    }
    let left = claimed(&*inbox, 9_000).await?;
    ensure!(left.is_empty(), "all are handled, and {left:?} are claimed");
    Ok(())
}

async fn lanes_are_claimed_beside_each_other(world: InboxWorld) -> Outcome {
    let inbox = (world.open)().await;
    admit_new(&*inbox, &[("k1", "a"), ("k2", "b"), ("k3", "c"), ("k4", "c")]).await?;
    let two = inbox.claim(&cx("claim"), UnixMillis(2_000), TTL, 2).await.works()?;
    ensure!(two.len() == 2, "two were asked for, and {} are claimed", two.len());
    let rest = claimed(&*inbox, 2_000).await?;
    ensure!(rest.len() == 1, "one lane is left, and {rest:?} are claimed");
    let early = claimed(&*inbox, 2_500).await?;
    ensure!(early.is_empty(), "all lanes are held, and {early:?} are claimed");
    Ok(())
}

async fn those_that_wait_longest_are_claimed_first(world: InboxWorld) -> Outcome {
    let inbox = (world.open)().await;
    for (key, at) in [("k1", 3_000), ("k2", 1_000), ("k3", 2_000)] {
        admit(&*inbox, &[NewDelivery { received_at: UnixMillis(at), ..delivery("one", key, key)? }]).await?;
    }
    for expected in ["k2", "k3", "k1"] {
        let claims = inbox.claim(&cx("claim"), UnixMillis(9_000), TTL, 1).await.works()?;
        let key = claims.first().map(|claim| claim.delivery.delivery.key.to_string());
        ensure!(key.as_deref() == Some(expected), "`{expected}` has waited longest, and {key:?} is claimed");
    }
    Ok(())
}
