//! What outlives the process, and what is shared between processes.

use super::super::case::Answer as _;
use super::super::scm::world::cx;
use super::super::{Case, Outcome, ensure};
use super::{Bench, JournalWorld, SUITE, take, transition};
use crate::adapter::RunFilter;
use crate::error::ErrorKind;

pub(super) fn durable() -> Case<JournalWorld> {
    Case::new(SUITE, "what_was_acknowledged_is_there_after_a_restart", what_was_acknowledged_is_there_after_a_restart)
}

pub(super) fn shared() -> Case<JournalWorld> {
    Case::new(SUITE, "of_two_writers_one_wins", of_two_writers_one_wins)
}

async fn what_was_acknowledged_is_there_after_a_restart(world: JournalWorld) -> Outcome {
    let first = world.bench().await?;
    first.create(&transition(1, None, &[1])).await?;
    first.append(1, &transition(2, Some(1), &[2, 3])).await.works()?;
    let before = first.seen().await?;
    let Bench { journal, lease, run } = first;
    drop(journal);

    let journal = (world.open)().await;
    let stolen = take(&*journal, "engine", "two", 1_001).await?;
    ensure!(stolen.is_none(), "a lease that was held before the restart was given to somebody else");
    let again = Bench { journal, lease, run };
    ensure!(again.seen().await? == before, "the run is not what it was before the restart");
    let open = again.journal.runs(&cx("open"), &RunFilter::default().open(), None, 100).await.works()?;
    ensure!(open == [again.run.clone()], "the open run was not found after the restart: {open:?}");
    again.append(2, &transition(3, Some(2), &[])).await.works().map(drop)
}

async fn of_two_writers_one_wins(world: JournalWorld) -> Outcome {
    let one = world.bench().await?;
    one.create(&transition(1, None, &[])).await?;
    let two = Bench { journal: (world.open)().await, lease: one.lease.clone(), run: one.run.clone() };
    for n in 1..20 {
        let (left, right) = (transition(1_000 + n, None, &[]), transition(2_000 + n, None, &[]));
        let (journal, lease, run) = (two.journal.clone(), two.lease.clone(), two.run.clone());
        let rival = tokio::spawn(async move { Bench { journal, lease, run }.append(n, &right).await });
        let mine = one.append(n, &left).await;
        let rival = rival.await.map_err(|e| format!("a writer did not end: {e}"))?;
        ensure!(mine.is_ok() != rival.is_ok(), "of two transitions after {n} exactly one is taken: {mine:?}, {rival:?}");
        let lost = [mine, rival].into_iter().find_map(Result::err).map(|error| error.kind());
        ensure!(lost == Some(ErrorKind::Conflict), "the other one is a conflict, not {lost:?}");
    }
    ensure!(one.seen().await? == two.seen().await?, "two processes see two histories");
    Ok(())
}
