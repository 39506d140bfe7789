//! The archive of what has ended.

use super::super::case::Answer as _;
use super::super::scm::world::cx;
use super::super::{Case, Outcome, ensure};
use super::{Bench, JournalWorld, SUITE, TTL, run, transition};
use crate::adapter::{Created, Entry, Run, RunFilter, Seq, Signal, SignalNumber, Transition};
use crate::error::ErrorKind;
use crate::id::RunId;
use crate::time::UnixMillis;

pub(super) fn cases() -> Vec<Case<JournalWorld>> {
    vec![
        Case::new(SUITE, "what_ended_before_is_archived", what_ended_before_is_archived),
        Case::new(SUITE, "what_is_archived_is_read_as_before", what_is_archived_is_read_as_before),
        Case::new(SUITE, "nothing_follows_in_the_archive", nothing_follows_in_the_archive),
    ]
}

pub(super) fn durable() -> Case<JournalWorld> {
    Case::new(SUITE, "what_was_archived_is_there_after_a_restart", what_was_archived_is_there_after_a_restart)
}

/// After everything that a case does.
const LATER: i64 = 1_000_000;

/// All that a reader can see of a run: it, its entries, and what it was told.
type Seen = (Run, Vec<Entry>, Vec<Signal>);

impl Bench {
    /// Makes a run of `machine` that has an operation and a signal, and ends it at an instant.
    async fn over(&mut self, name: &str, machine: &str, at: i64) -> Outcome {
        self.run = run(name);
        self.journal.tell(&cx("key"), &self.run, UnixMillis(500), &"told".into()).await.works()?;
        let first = transition(1, None, &[1, 2]);
        self.journal.create(&cx("create"), &self.lease, &self.run, machine, &first).await.works()?;
        self.append(1, &Transition { hears: Some(SignalNumber(1)), ..transition(2, Some(1), &[3]) }).await.works()?;
        self.append(2, &end(at)).await.works().map(drop)
    }

    async fn archive(&self, ended_before: i64, limit: usize) -> Result<Vec<String>, String> {
        let moved = self.journal.archive(&cx("archive"), UnixMillis(ended_before), limit).await.works()?;
        Ok(moved.iter().map(ToString::to_string).collect())
    }

    async fn all(&self) -> Result<Seen, String> {
        let (run, entries) = self.seen().await?;
        let told = self.journal.told(&cx("told"), &self.run, SignalNumber(0), 10).await.works()?;
        Ok((run, entries, told))
    }
}

/// The last transition: one operation stays open.
fn end(at: i64) -> Transition {
    Transition { ends: true, at: UnixMillis(at), ..transition(3, Some(3), &[]) }
}

async fn what_ended_before_is_archived(world: JournalWorld) -> Outcome {
    let mut bench = world.bench().await?;
    for (name, machine, at) in [("b", "one", 1_000), ("a", "two", 2_000), ("c", "one", 3_000), ("d", "one", 9_000)] {
        bench.over(name, machine, at).await?;
    }
    bench.run = run("open");
    bench.create(&transition(1, None, &[1])).await?;
    ensure!(bench.archive(1_000, 10).await?.is_empty(), "what ended at an instant did not end before it");
    let (first, second) = (bench.archive(9_000, 2).await?, bench.archive(9_000, 2).await?);
    ensure!(first.len() == 2 && second.len() == 1, "two at most were asked for, of three: {first:?}, {second:?}");
    ensure!(bench.archive(9_000, 2).await?.is_empty(), "what is in the archive is archived again");
    let mut moved = [first, second].concat();
    moved.sort();
    ensure!(moved == ["a", "b", "c"], "those that ended before are archived, and not {moved:?}");

    let (any, archived) = (RunFilter::default, || RunFilter { archived: true, ..RunFilter::default() });
    let over = |filter: RunFilter| RunFilter { ended: Some(true), ..filter };
    let asked: [(RunFilter, &[&str]); 6] = [
        (any(), &["d", "open"]),
        (over(any()), &["d"]),
        (archived(), &["a", "b", "c"]),
        (over(archived()), &["a", "b", "c"]),
        (archived().open(), &[]),
        (RunFilter { archived: true, ..RunFilter::of("one") }, &["b", "c"]),
    ];
    for (filter, expected) in asked {
        let listed = bench.journal.runs(&cx("list"), &filter, None, 100).await.works()?;
        let listed: Vec<&str> = listed.iter().map(RunId::as_str).collect();
        ensure!(listed == expected, "{filter:?} lists {expected:?}, not {listed:?}");
    }
    let page = bench.journal.runs(&cx("list"), &archived(), Some(&run("a")), 1).await.works()?;
    ensure!(page == [run("b")], "one of the archive after the first was asked for, and not {page:?}");
    Ok(())
}

async fn what_is_archived_is_read_as_before(world: JournalWorld) -> Outcome {
    let mut bench = world.bench().await?;
    bench.over("run-1", "machine", 1_000).await?;
    let before = bench.all().await?;
    ensure!(before.0.open.len() == 1 && before.0.ended && before.2.len() == 1, "the run is none that has ended");
    ensure!(bench.archive(LATER, 10).await? == ["run-1"], "it has ended and is not archived");
    ensure!(bench.all().await? == before, "it is not what it was before it was archived");
    let page = bench.journal.entries(&cx("page"), &bench.run, Seq(1), 1).await.works()?;
    ensure!(page.iter().map(|entry| entry.seq).eq([Seq(2)]), "one entry after the first was asked for: {page:?}");
    ensure!(bench.journal.entries(&cx("page"), &bench.run, Seq(3), 9).await.works()?.is_empty(), "nothing comes after the last");
    Ok(())
}

async fn nothing_follows_in_the_archive(world: JournalWorld) -> Outcome {
    let mut bench = world.bench().await?;
    bench.over("run-1", "machine", 1_000).await?;
    let before = bench.all().await?;
    bench.archive(LATER, 10).await?;
    let create =
        async |machine, first: Transition| bench.journal.create(&cx("x"), &bench.lease, &bench.run, machine, &first).await;
    let again = create("machine", transition(1, None, &[1, 2])).await.works()?;
    ensure!(again == Created::Existing, "a run of the archive was made once more");
    create("machine", transition(9, None, &[])).await.fails(ErrorKind::AlreadyExists, "another run has its name")?;
    create("another", transition(1, None, &[1, 2]))
        .await
        .fails(ErrorKind::AlreadyExists, "a run of another machine has its name")?;
    bench.append(3, &transition(4, None, &[])).await.fails(ErrorKind::Invalid, "the run has ended")?;
    bench.append(1, &transition(9, None, &[])).await.fails(ErrorKind::Conflict, "the run has moved on")?;
    ensure!(bench.append(2, &end(1_000)).await.works()? == Seq(3), "a lost answer of its end is settled by asking again");
    let tell = async |key, told: &str| bench.journal.tell(&cx(key), &bench.run, UnixMillis(2_000), &told.into()).await;
    tell("other", "late").await.fails(ErrorKind::Invalid, "the run has ended")?;
    ensure!(tell("key", "told").await.works()? == SignalNumber(1), "what it was told before has its number");
    tell("key", "else").await.fails(ErrorKind::AlreadyExists, "something else was told under that key")?;
    let claimed = bench.journal.claim(&cx("claim"), "machine", "two", UnixMillis(LATER), TTL, 10).await.works()?;
    ensure!(claimed.is_empty(), "nobody drives what is in the archive: {claimed:?}");
    ensure!(bench.all().await? == before, "something in the archive has changed");
    Ok(())
}

async fn what_was_archived_is_there_after_a_restart(world: JournalWorld) -> Outcome {
    let mut bench = world.bench().await?;
    bench.over("run-1", "machine", 1_000).await?;
    let before = bench.all().await?;
    bench.archive(LATER, 10).await?;
    let Bench { journal, lease, run } = bench;
    drop(journal);
    let again = Bench { journal: (world.open)().await, lease, run };
    ensure!(again.all().await? == before, "what was archived is not what it was before the restart");
    ensure!(again.archive(LATER, 10).await?.is_empty(), "it is archived again");
    Ok(())
}
