//! What a transition is: whole, checked, and the same again.

use super::super::case::{Answer as _, abandon};
use super::super::scm::world::cx;
use super::super::{Case, Outcome, ensure};
use super::{JournalWorld, SUITE, run, transition};
use crate::adapter::{Created, Entry, OpId, Seq, Transition};
use crate::error::ErrorKind;

pub(super) fn cases() -> Vec<Case<JournalWorld>> {
    vec![
        Case::new(SUITE, "a_run_begins_with_its_first_transition", a_run_begins_with_its_first_transition),
        Case::new(SUITE, "an_unknown_run_is_none", an_unknown_run_is_none),
        Case::new(SUITE, "creating_again_changes_nothing", creating_again_changes_nothing),
        Case::new(SUITE, "another_run_of_that_name_already_exists", another_run_of_that_name_already_exists),
        Case::new(SUITE, "a_first_transition_closes_nothing", a_first_transition_closes_nothing),
        Case::new(SUITE, "a_transition_is_there_as_a_whole", a_transition_is_there_as_a_whole),
        Case::new(SUITE, "the_same_transition_again_gives_its_number", the_same_transition_again_gives_its_number),
        Case::new(
            SUITE,
            "an_abandoned_transition_is_settled_by_asking_again",
            an_abandoned_transition_is_settled_by_asking_again,
        ),
        Case::new(SUITE, "another_expected_number_is_a_conflict", another_expected_number_is_a_conflict),
        Case::new(SUITE, "only_an_open_operation_is_closed", only_an_open_operation_is_closed),
        Case::new(SUITE, "an_operation_number_is_used_once", an_operation_number_is_used_once),
        Case::new(SUITE, "nothing_follows_the_end", nothing_follows_the_end),
        Case::new(SUITE, "appending_to_an_unknown_run_is_not_found", appending_to_an_unknown_run_is_not_found),
    ]
}

fn entry(seq: u64, transition: &Transition) -> Entry {
    let Transition { format, at, event, closes, opens, .. } = transition.clone();
    Entry { seq: Seq(seq), format, at, event, closes, opens }
}

async fn a_run_begins_with_its_first_transition(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    let first = transition(1, None, &[1, 2]);
    let created = bench.journal.create(&cx("create"), &bench.lease, &bench.run, "machine", &first).await.works()?;
    ensure!(created == Created::New, "a new run was not called new");
    let (run, entries) = bench.seen().await?;
    ensure!(run.id == bench.run && run.machine == "machine" && !run.ended, "the run was not stored as it was made: {run:?}");
    ensure!(run.seq == Seq(1) && run.format == first.format, "the first transition is number 1, not {:?}", run.seq);
    ensure!(run.state == first.state && run.open == first.opens, "state or open operations differ: {run:?}");
    ensure!(entries == [entry(1, &first)], "the entries differ from what was stored: {entries:?}");
    Ok(())
}

async fn an_unknown_run_is_none(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    let loaded = bench.journal.load(&cx("load"), &run("nobody")).await.works()?;
    ensure!(loaded.is_none(), "a run that nobody made was loaded: {loaded:?}");
    let entries = bench.journal.entries(&cx("entries"), &run("nobody"), Seq(0), 10).await;
    entries.fails(ErrorKind::NotFound, "nobody made the run")
}

async fn creating_again_changes_nothing(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    let first = transition(1, None, &[1]);
    bench.create(&first).await?;
    bench.append(1, &transition(2, None, &[])).await.works()?;
    let before = bench.seen().await?;
    let created = bench.journal.create(&cx("again"), &bench.lease, &bench.run, "machine", &first).await;
    ensure!(created.works()? == Created::Existing, "a run that was there was called new");
    ensure!(bench.seen().await? == before, "creating a run again changed it");
    Ok(())
}

async fn another_run_of_that_name_already_exists(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    let first = transition(1, None, &[1]);
    bench.create(&first).await?;
    let before = bench.seen().await?;
    for (machine, first) in [("other", first), ("machine", transition(9, None, &[1]))] {
        let created = bench.journal.create(&cx("other"), &bench.lease, &bench.run, machine, &first).await;
        created.fails(ErrorKind::AlreadyExists, "another run has that name")?;
    }
    ensure!(bench.seen().await? == before, "a refused run changed the one that is there");
    Ok(())
}

async fn a_first_transition_closes_nothing(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    let closes = transition(1, Some(1), &[1]);
    let created = bench.journal.create(&cx("create"), &bench.lease, &bench.run, "machine", &closes).await;
    created.fails(ErrorKind::Invalid, "a first transition closes an operation")?;
    let loaded = bench.journal.load(&cx("load"), &bench.run).await.works()?;
    ensure!(loaded.is_none(), "a refused run is there");
    Ok(())
}

async fn a_transition_is_there_as_a_whole(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    let (first, second) = (transition(1, None, &[1, 2]), Transition { format: 2, ..transition(2, Some(1), &[3]) });
    bench.create(&first).await?;
    let seq = bench.append(1, &second).await.works()?;
    ensure!(seq == Seq(2), "the second transition is number 2, not {seq:?}");
    let (run, entries) = bench.seen().await?;
    ensure!(run.seq == seq && run.state == second.state && run.format == 2, "the state is not the last one: {run:?}");
    let open: Vec<OpId> = run.open.iter().map(|op| op.op).collect();
    ensure!(open == [OpId(2), OpId(3)], "operation 1 was closed and 3 opened, but {open:?} are open");
    ensure!(entries == [entry(1, &first), entry(2, &second)], "the entries differ from what was stored: {entries:?}");
    Ok(())
}

async fn the_same_transition_again_gives_its_number(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    bench.create(&transition(1, None, &[1])).await?;
    let last = Transition { ends: true, ..transition(2, Some(1), &[2]) };
    bench.append(1, &last).await.works()?;
    let before = bench.seen().await?;
    let again = bench.append(1, &last).await.works()?;
    ensure!(again == Seq(2), "the same transition has number 2, not {again:?}");
    ensure!(bench.seen().await? == before, "appending the same transition again changed the run");
    Ok(())
}

async fn an_abandoned_transition_is_settled_by_asking_again(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    bench.create(&transition(1, None, &[1])).await?;
    for (n, polls) in (2..=6).zip(1..) {
        let next = transition(n, Some(n - 1), &[n]);
        abandon(bench.append(n - 1, &next), polls).await;
        let seq = bench.append(n - 1, &next).await.works()?;
        ensure!(seq == Seq(n), "the transition has number {n}, not {seq:?}");
        let (run, entries) = bench.seen().await?;
        let whole = run.seq == seq && run.state == next.state && run.open == next.opens && u64::try_from(entries.len()) == Ok(n);
        ensure!(whole, "a transition that was abandoned and asked for again is there once and whole: {run:?}, {entries:?}");
    }
    Ok(())
}

async fn another_expected_number_is_a_conflict(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    bench.create(&transition(1, None, &[1])).await?;
    bench.append(1, &transition(2, None, &[])).await.works()?;
    let before = bench.seen().await?;
    let other_state = Transition { state: serde_json::Value::Null, ..transition(2, None, &[]) };
    for (expected, next) in
        [(0, transition(3, None, &[])), (1, transition(3, None, &[])), (1, other_state), (3, transition(3, None, &[]))]
    {
        let when = format!("a transition is to follow {expected} and the last is 2");
        bench.append(expected, &next).await.fails(ErrorKind::Conflict, &when)?;
    }
    ensure!(bench.seen().await? == before, "a refused transition changed the run");
    Ok(())
}

async fn only_an_open_operation_is_closed(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    bench.create(&transition(1, None, &[1, 2])).await?;
    bench.append(1, &transition(2, Some(1), &[])).await.works()?;
    let before = bench.seen().await?;
    bench.append(2, &transition(3, Some(1), &[])).await.fails(ErrorKind::Invalid, "an operation is closed twice")?;
    bench.append(2, &transition(3, Some(7), &[])).await.fails(ErrorKind::Invalid, "an operation is closed that nobody opened")?;
    bench.append(2, &transition(3, Some(7), &[7])).await.fails(ErrorKind::Invalid, "a transition closes what it opens")?;
    ensure!(bench.seen().await? == before, "a refused transition changed the run");
    Ok(())
}

async fn an_operation_number_is_used_once(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    bench.create(&transition(1, None, &[1, 2])).await?;
    bench.append(1, &transition(2, Some(1), &[])).await.works()?;
    let before = bench.seen().await?;
    bench.append(2, &transition(3, None, &[2])).await.fails(ErrorKind::Invalid, "an open operation is opened")?;
    bench.append(2, &transition(3, None, &[1])).await.fails(ErrorKind::Invalid, "a closed operation is opened")?;
    bench.append(2, &transition(3, None, &[3, 1])).await.fails(ErrorKind::Invalid, "a new and a used operation are opened")?;
    ensure!(bench.seen().await? == before, "a refused transition left something behind");
    bench.append(2, &transition(3, None, &[3])).await.works().map(drop)
}

async fn nothing_follows_the_end(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    bench.create(&transition(1, None, &[1])).await?;
    bench.append(1, &Transition { ends: true, ..transition(2, None, &[]) }).await.works()?;
    let before = bench.seen().await?;
    ensure!(before.0.ended, "the run has ended and does not say so");
    bench.append(2, &transition(3, None, &[])).await.fails(ErrorKind::Invalid, "the run has ended")?;
    ensure!(bench.seen().await? == before, "a refused transition changed the run");
    Ok(())
}

async fn appending_to_an_unknown_run_is_not_found(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    bench.append(0, &transition(1, None, &[])).await.fails(ErrorKind::NotFound, "nobody made the run")
}
