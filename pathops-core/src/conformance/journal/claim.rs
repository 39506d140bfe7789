//! What nobody drives, and who finds it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::super::case::Answer as _;
use super::super::scm::world::cx;
use super::super::{Case, Outcome, ensure};
use super::{Bench, JournalWorld, SUITE, TTL, run, take, transition};
use crate::adapter::{Journal, Lease, Transition};
use crate::error::ErrorKind;
use crate::time::UnixMillis;

pub(super) fn cases() -> Vec<Case<JournalWorld>> {
    vec![
        Case::new(SUITE, "open_runs_that_nobody_holds_are_claimed", open_runs_that_nobody_holds_are_claimed),
        Case::new(SUITE, "a_claim_gives_the_right_to_write", a_claim_gives_the_right_to_write),
        Case::new(SUITE, "a_claim_takes_over_what_has_expired", a_claim_takes_over_what_has_expired),
        Case::new(SUITE, "a_claim_has_a_limit", a_claim_has_a_limit),
        Case::new(SUITE, "what_is_surrendered_is_claimed_by_others", what_is_surrendered_is_claimed_by_others),
    ]
}

pub(super) fn shared() -> Case<JournalWorld> {
    Case::new(SUITE, "each_run_is_claimed_by_one", each_run_is_claimed_by_one)
}

pub(super) fn wakes(shared: bool) -> Case<JournalWorld> {
    Case::new(SUITE, "who_waits_is_woken", move |world| who_waits_is_woken(world, shared))
}

async fn claim(journal: &dyn Journal, owner: &str, at: i64, limit: usize) -> Result<Vec<Lease>, String> {
    journal.claim(&cx("claim"), "machine", owner, UnixMillis(at), TTL, limit).await.works()
}

fn names(leases: &[Lease]) -> BTreeSet<&str> {
    leases.iter().map(|lease| lease.name.as_str()).collect()
}

/// A journal with runs of these names, made under a lease that is none of theirs.
async fn with_runs(world: &JournalWorld, runs: &[&str]) -> Result<Bench, String> {
    let mut bench = world.bench().await?;
    for name in runs {
        bench.run = run(name);
        bench.create(&transition(1, None, &[1])).await?;
    }
    Ok(bench)
}

async fn held(bench: &Bench, name: &str, owner: &str) -> Result<Lease, String> {
    take(&*bench.journal, name, owner, 1_000).await?.ok_or_else(|| format!("`{owner}` did not get the free lease `{name}`"))
}

async fn open_runs_that_nobody_holds_are_claimed(world: JournalWorld) -> Outcome {
    let mut bench = with_runs(&world, &["held", "given-back", "ended", "b", "a"]).await?;
    held(&bench, "held", "other").await?;
    let given_back = held(&bench, "given-back", "other").await?;
    bench.journal.release(&cx("release"), &given_back).await.works()?;
    bench.run = run("ended");
    bench.append(1, &Transition { ends: true, ..transition(2, Some(1), &[]) }).await.works()?;
    bench.run = run("born-dead");
    bench.create(&Transition { ends: true, ..transition(1, None, &[]) }).await?;
    let of_another = bench.journal.create(&cx("other"), &bench.lease, &run("x"), "another", &transition(1, None, &[])).await;
    of_another.works()?;
    let claimed = claim(&*bench.journal, "one", 1_000, 10).await?;
    ensure!(names(&claimed) == ["a", "b", "given-back"].into(), "free are a, b and given-back, not {claimed:?}");
    let as_asked = |lease: &Lease| lease.owner == "one" && lease.expires_at == UnixMillis(1_000) + TTL;
    ensure!(claimed.iter().all(as_asked), "a lease is not what was asked for: {claimed:?}");
    for owner in ["one", "two"] {
        let again = claim(&*bench.journal, owner, 1_001, 10).await?;
        ensure!(again.is_empty(), "what is held was claimed again: {again:?}");
    }
    Ok(())
}

async fn a_claim_gives_the_right_to_write(world: JournalWorld) -> Outcome {
    let bench = with_runs(&world, &["run-1"]).await?;
    let [lease] = &claim(&*bench.journal, "one", 1_000, 10).await?[..] else { return Err("the run was not claimed".into()) };
    let bench = Bench { lease: lease.clone(), ..bench };
    ensure!(take(&*bench.journal, "run-1", "two", 1_001).await?.is_none(), "what was claimed was given to somebody else");
    bench.append(1, &transition(2, Some(1), &[2])).await.works()?;
    // Whoever ends it and gives it back leaves nothing to be claimed.
    bench.append(2, &Transition { ends: true, ..transition(3, Some(2), &[]) }).await.works()?;
    bench.journal.release(&cx("release"), &bench.lease).await.works()?;
    let ended = claim(&*bench.journal, "two", 1_002, 10).await?;
    ensure!(ended.is_empty(), "a run that has ended was claimed: {ended:?}");
    Ok(())
}

async fn a_claim_takes_over_what_has_expired(world: JournalWorld) -> Outcome {
    let bench = with_runs(&world, &["run-1"]).await?;
    let old = held(&bench, "run-1", "one").await?;
    let early = claim(&*bench.journal, "two", old.expires_at.0 - 1, 10).await?;
    ensure!(early.is_empty(), "a lease that is held was claimed: {early:?}");
    let [new] = &claim(&*bench.journal, "two", old.expires_at.0, 10).await?[..] else {
        return Err("a run whose lease has expired was not claimed".into());
    };
    ensure!(new.fence > old.fence, "the new fence {} is not above {}", new.fence, old.fence);
    let late = Bench { lease: old, ..bench };
    late.append(1, &transition(2, Some(1), &[])).await.fails(ErrorKind::Conflict, "somebody else has claimed the run")?;
    Bench { lease: new.clone(), ..late }.append(1, &transition(2, Some(1), &[])).await.works().map(drop)
}

async fn a_claim_has_a_limit(world: JournalWorld) -> Outcome {
    let bench = with_runs(&world, &["a", "b", "c", "d", "e"]).await?;
    let mut all = BTreeSet::new();
    for (limit, expected) in [(0, 0), (2, 2), (2, 2), (2, 1), (2, 0)] {
        let page = claim(&*bench.journal, "one", 1_000, limit).await?;
        ensure!(page.len() == expected, "of five runs {expected} more are claimed, not {page:?}");
        all.extend(page.into_iter().map(|lease| lease.name));
    }
    ensure!(all.len() == 5, "all five are claimed once, not {all:?}");
    Ok(())
}

async fn what_is_surrendered_is_claimed_by_others(world: JournalWorld) -> Outcome {
    let bench = with_runs(&world, &["a", "b", "c"]).await?;
    let (a, _, _) = (held(&bench, "a", "one").await?, held(&bench, "b", "one").await?, held(&bench, "c", "two").await?);
    bench.journal.surrender(&cx("surrender"), "another", "one").await.works()?;
    let none = claim(&*bench.journal, "three", 1_001, 10).await?;
    ensure!(none.is_empty(), "surrendering the runs of another machine gave these back: {none:?}");
    bench.journal.surrender(&cx("surrender"), "machine", "one").await.works()?;
    let late = Bench { journal: bench.journal.clone(), lease: a, run: run("a") };
    late.append(1, &transition(2, Some(1), &[])).await.fails(ErrorKind::Conflict, "the lease was surrendered")?;
    let claimed = claim(&*bench.journal, "three", 1_001, 10).await?;
    ensure!(names(&claimed) == ["a", "b"].into(), "`one` has surrendered a and b, and claimed were {claimed:?}");
    let engine = take(&*bench.journal, "engine", "two", 1_001).await?;
    ensure!(engine.is_none(), "surrendering runs gave a lease back that is no run's");
    Ok(())
}

async fn each_run_is_claimed_by_one(world: JournalWorld) -> Outcome {
    let runs: Vec<String> = (0..40).map(|n| format!("run-{n}")).collect();
    let bench = with_runs(&world, &runs.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let rival = (world.open)().await;
    let all = |journal: Arc<dyn Journal>, owner: &'static str| async move {
        let mut all = Vec::new();
        for _ in 0..40 {
            match claim(&*journal, owner, 1_000, 3).await? {
                page if page.is_empty() => break,
                page => all.extend(page.into_iter().map(|lease| lease.name)),
            }
        }
        Ok::<_, String>(all)
    };
    let rival = tokio::spawn(all(rival, "two"));
    let mut claimed = all(bench.journal.clone(), "one").await?;
    claimed.extend(rival.await.map_err(|e| format!("a claimer did not end: {e}"))??);
    claimed.sort();
    let (count, once) = (claimed.len(), claimed.into_iter().collect::<BTreeSet<_>>());
    ensure!(count == once.len(), "{count} leases were given for {} runs", once.len());
    ensure!(once == runs.into_iter().collect(), "two who claim together get all runs, not {once:?}");
    Ok(())
}

/// How long is waited for what should not happen, and for what should.
pub(super) const MOMENT: Duration = Duration::from_millis(50);
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

#[expect(clippy::disallowed_methods, reason = "a waiter is woken by a real server, which knows no virtual time")]
pub(super) async fn ends_within<T>(waiting: impl Future<Output = T>, time: Duration) -> bool {
    tokio::time::timeout(time, waiting).await.is_ok()
}

async fn who_waits_is_woken(world: JournalWorld, shared: bool) -> Outcome {
    let bench = with_runs(&world, &["first"]).await?;
    let waiter = if shared { (world.open)().await } else { bench.journal.clone() };
    let mut idle = false;
    for _ in 0..20 {
        idle = idle || !ends_within(waiter.woken(), MOMENT).await;
    }
    ensure!(idle, "who waits is woken all the time although nothing happens");
    let bench = &bench;
    let made = |n: u32| async move {
        let bench = Bench { journal: bench.journal.clone(), lease: bench.lease.clone(), run: run(&format!("run-{n}")) };
        bench.create(&transition(1, None, &[])).await
    };
    let given_back = |_| async {
        let lease = held(bench, "first", "one").await?;
        bench.journal.release(&cx("release"), &lease).await.works()
    };
    let surrendered = |_| async {
        held(bench, "first", "one").await?;
        bench.journal.surrender(&cx("surrender"), "machine", "one").await.works()
    };
    ensure!(is_woken_by(&*waiter, made).await?, "a run that is made wakes nobody");
    ensure!(is_woken_by(&*waiter, given_back).await?, "a lease of a run that is given back wakes nobody");
    ensure!(is_woken_by(&*waiter, surrendered).await?, "a run that is surrendered wakes nobody");
    Ok(())
}

/// It may miss what happens while it begins to wait, so it happens more than once.
async fn is_woken_by<F: Future<Output = Outcome>>(waiter: &dyn Journal, act: impl Fn(u32) -> F) -> Result<bool, String> {
    let mut waiting = waiter.woken();
    for n in 0..20 {
        if n > 0 && ends_within(&mut waiting, PATIENCE / 20).await {
            return Ok(true);
        }
        // Before anything has happened, it is woken for nothing.
        if n == 0 && ends_within(&mut waiting, MOMENT).await {
            waiting = waiter.woken();
        }
        act(n).await?;
    }
    Ok(ends_within(waiting, PATIENCE).await)
}
