//! Who may write.

use super::super::case::Answer as _;
use super::super::scm::world::cx;
use super::super::{Case, Outcome, ensure};
use super::{Bench, JournalWorld, SUITE, TTL, run, take, transition};
use crate::adapter::{Lease, RunFilter};
use crate::error::ErrorKind;
use crate::time::UnixMillis;

pub(super) fn cases() -> Vec<Case<JournalWorld>> {
    vec![
        Case::new(SUITE, "a_held_lease_is_not_given_to_others", a_held_lease_is_not_given_to_others),
        Case::new(SUITE, "an_expired_lease_is_taken_over", an_expired_lease_is_taken_over),
        Case::new(SUITE, "the_same_owner_gets_a_higher_fence", the_same_owner_gets_a_higher_fence),
        Case::new(SUITE, "a_lease_given_back_is_free", a_lease_given_back_is_free),
        Case::new(SUITE, "giving_back_an_old_lease_changes_nothing", giving_back_an_old_lease_changes_nothing),
        Case::new(SUITE, "leases_of_other_names_do_not_meet", leases_of_other_names_do_not_meet),
        Case::new(SUITE, "an_old_fence_writes_nothing", an_old_fence_writes_nothing),
        Case::new(SUITE, "a_lost_answer_is_settled_under_a_new_lease", a_lost_answer_is_settled_under_a_new_lease),
    ]
}

/// When the lease of the bench, which was taken at 1000, runs out.
const EXPIRY: i64 = 11_000;

async fn given(bench: &Bench, owner: &str, at: i64) -> Result<Lease, String> {
    let lease = take(&*bench.journal, "engine", owner, at).await?;
    lease.ok_or_else(|| format!("`{owner}` did not get the lease at {at}"))
}

async fn a_held_lease_is_not_given_to_others(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    let (lease, expires_at) = (&bench.lease, UnixMillis(1_000) + TTL);
    let as_asked = lease.name == "engine" && lease.owner == "one" && lease.expires_at == expires_at;
    ensure!(as_asked, "the lease is not what was asked for: {lease:?}");
    for at in [1_000, EXPIRY - 1] {
        let stolen = take(&*bench.journal, "engine", "two", at).await?;
        ensure!(stolen.is_none(), "a lease that is held was given to somebody else: {stolen:?}");
    }
    bench.create(&transition(1, None, &[])).await
}

async fn an_expired_lease_is_taken_over(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    let lease = given(&bench, "two", EXPIRY).await?;
    ensure!(lease.fence > bench.lease.fence, "the new fence {} is not above {}", lease.fence, bench.lease.fence);
    let back = take(&*bench.journal, "engine", "one", EXPIRY + 1).await?;
    ensure!(back.is_none(), "the old holder took back a lease that is held");
    Bench { lease, ..bench }.create(&transition(1, None, &[])).await
}

async fn the_same_owner_gets_a_higher_fence(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    let renewed = given(&bench, "one", 2_000).await?;
    ensure!(renewed.fence > bench.lease.fence, "the new fence {} is not above {}", renewed.fence, bench.lease.fence);
    ensure!(renewed.expires_at == UnixMillis(2_000) + TTL, "it was not renewed from now: {renewed:?}");
    let stolen = take(&*bench.journal, "engine", "two", EXPIRY).await?;
    ensure!(stolen.is_none(), "a renewed lease was given to somebody else");
    Ok(())
}

async fn a_lease_given_back_is_free(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    bench.journal.release(&cx("release"), &bench.lease).await.works()?;
    bench.journal.release(&cx("again"), &bench.lease).await.works()?;
    let next = given(&bench, "two", 1_001).await?;
    ensure!(next.fence > bench.lease.fence, "the new fence {} is not above {}", next.fence, bench.lease.fence);
    Ok(())
}

async fn giving_back_an_old_lease_changes_nothing(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    let lease = given(&bench, "two", EXPIRY).await?;
    bench.journal.release(&cx("release"), &bench.lease).await.works()?;
    let stolen = take(&*bench.journal, "engine", "three", EXPIRY + 1).await?;
    ensure!(stolen.is_none(), "giving back an old lease freed the new one");
    Bench { lease, ..bench }.create(&transition(1, None, &[])).await
}

async fn leases_of_other_names_do_not_meet(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    let other = take(&*bench.journal, "another", "two", 1_000).await?;
    ensure!(other.is_some(), "a free lease was not given because one of another name is held");
    bench.create(&transition(1, None, &[])).await
}

async fn an_old_fence_writes_nothing(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    bench.create(&transition(1, None, &[1])).await?;
    let before = bench.seen().await?;
    let lease = given(&bench, "two", EXPIRY).await?;
    bench.append(1, &transition(2, Some(1), &[])).await.fails(ErrorKind::Conflict, "the fence is old")?;
    let created = bench.journal.create(&cx("old"), &bench.lease, &run("new"), "machine", &transition(1, None, &[])).await;
    created.fails(ErrorKind::Conflict, "the fence is old")?;
    ensure!(bench.seen().await? == before, "an old fence changed the run");
    let open = bench.journal.runs(&cx("open"), &RunFilter::default().open(), None, 100).await.works()?;
    ensure!(open == [bench.run.clone()], "an old fence made a run: {open:?}");
    Bench { lease, ..bench }.append(1, &transition(2, Some(1), &[])).await.works().map(drop)
}

async fn a_lost_answer_is_settled_under_a_new_lease(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    bench.create(&transition(1, None, &[1])).await?;
    let next = transition(2, Some(1), &[2]);
    bench.append(1, &next).await.works()?;
    let restarted = Bench { lease: given(&bench, "one", 2_000).await?, ..bench };
    let before = restarted.seen().await?;
    restarted.append(1, &next).await.works()?;
    ensure!(restarted.seen().await? == before, "asking again changed the run");
    Ok(())
}
