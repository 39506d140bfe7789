//! The order of what is read.

use super::super::case::Answer as _;
use super::super::scm::world::cx;
use super::super::{Case, Outcome, ensure};
use super::{Bench, JournalWorld, SUITE, run, transition};
use crate::adapter::{OpId, RunFilter, Seq, Transition};
use crate::id::RunId;

pub(super) fn cases() -> Vec<Case<JournalWorld>> {
    vec![
        Case::new(SUITE, "open_operations_come_by_number", open_operations_come_by_number),
        Case::new(SUITE, "entries_come_page_by_page", entries_come_page_by_page),
        Case::new(SUITE, "runs_are_listed_by_what_they_are", runs_are_listed_by_what_they_are),
        Case::new(SUITE, "runs_come_page_by_page", runs_come_page_by_page),
        Case::new(SUITE, "runs_do_not_meet", runs_do_not_meet),
    ]
}

async fn open_operations_come_by_number(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    bench.create(&transition(1, None, &[10, 2])).await?;
    bench.append(1, &transition(2, None, &[9, 100])).await.works()?;
    let open: Vec<u64> = bench.load().await?.open.iter().map(|op| op.op.0).collect();
    ensure!(open == [2, 9, 10, 100], "open operations come in the order of their numbers, not {open:?}");
    Ok(())
}

async fn entries_come_page_by_page(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    bench.create(&transition(1, None, &[])).await?;
    for n in 2..=12 {
        bench.append(n - 1, &transition(n, None, &[])).await.works()?;
    }
    for (after, limit, expected) in [(0, 5, 1..=5), (5, 5, 6..=10), (10, 5, 11..=12), (9, 1, 10..=10)] {
        let page = bench.journal.entries(&cx("page"), &bench.run, Seq(after), limit).await.works()?;
        let numbers: Vec<u64> = page.iter().map(|entry| entry.seq.0).collect();
        let expected: Vec<u64> = expected.collect();
        ensure!(numbers == expected, "{limit} entries after {after} are {expected:?}, not {numbers:?}");
    }
    for (after, limit) in [(12, 5), (99, 5), (0, 0)] {
        let page = bench.journal.entries(&cx("page"), &bench.run, Seq(after), limit).await.works()?;
        ensure!(page.is_empty(), "{limit} entries after {after} are none, not {}", page.len());
    }
    Ok(())
}

async fn runs_are_listed_by_what_they_are(world: JournalWorld) -> Outcome {
    let mut bench = world.bench().await?;
    for (name, machine) in [("b", "one"), ("c", "one"), ("a-1", "two"), ("a", "one"), ("a1", "two")] {
        bench.run = run(name);
        bench.journal.create(&cx("create"), &bench.lease, &bench.run, machine, &transition(1, None, &[1])).await.works()?;
    }
    bench.run = run("c");
    bench.append(1, &Transition { ends: true, ..transition(2, Some(1), &[]) }).await.works()?;
    bench.run = run("d");
    let ended = Transition { ends: true, ..transition(1, None, &[]) };
    bench.journal.create(&cx("create"), &bench.lease, &bench.run, "two", &ended).await.works()?;
    let (one, two) = (|| RunFilter::of("one"), || RunFilter::of("two"));
    let over = |filter: RunFilter| RunFilter { ended: Some(true), ..filter };
    let asked: [(RunFilter, &[&str]); 8] = [
        (RunFilter::default(), &["a", "a-1", "a1", "b", "c", "d"]),
        (RunFilter::default().open(), &["a", "a-1", "a1", "b"]),
        (over(RunFilter::default()), &["c", "d"]),
        (one(), &["a", "b", "c"]),
        (one().open(), &["a", "b"]),
        (two().open(), &["a-1", "a1"]),
        (over(two()), &["d"]),
        (RunFilter::of("three"), &[]),
    ];
    for (filter, expected) in asked {
        let listed = bench.journal.runs(&cx("list"), &filter, None, 100).await.works()?;
        let listed: Vec<&str> = listed.iter().map(RunId::as_str).collect();
        ensure!(listed == expected, "{filter:?} lists {expected:?} in this order, not {listed:?}");
    }
    Ok(())
}

async fn runs_come_page_by_page(world: JournalWorld) -> Outcome {
    let mut bench = world.bench().await?;
    for name in ["a", "b", "c", "d", "e"] {
        bench.run = run(name);
        bench.create(&transition(1, None, &[1])).await?;
    }
    for filter in [RunFilter::default(), RunFilter::of("machine"), RunFilter::of("machine").open()] {
        for (after, limit, expected) in [
            (None, 2, &["a", "b"][..]),
            (Some("b"), 2, &["c", "d"]),
            (Some("bb"), 9, &["c", "d", "e"]),
            (Some("d"), 2, &["e"]),
            (Some("e"), 2, &[]),
            (None, 0, &[]),
        ] {
            let after = after.map(run);
            let page = bench.journal.runs(&cx("page"), &filter, after.as_ref(), limit).await.works()?;
            let page: Vec<&str> = page.iter().map(RunId::as_str).collect();
            ensure!(page == expected, "{limit} runs after {after:?} are {expected:?}, not {page:?}");
        }
    }
    Ok(())
}

async fn runs_do_not_meet(world: JournalWorld) -> Outcome {
    let mut one = world.bench().await?;
    one.create(&transition(1, None, &[1])).await?;
    let before = one.seen().await?;
    let two = Bench { journal: one.journal.clone(), lease: one.lease.clone(), run: run("run-2") };
    two.create(&transition(5, None, &[1])).await?;
    two.append(1, &transition(6, Some(1), &[2])).await.works()?;
    ensure!(one.seen().await? == before, "writing to one run changed another");
    one.run = run("run-2");
    let open: Vec<OpId> = one.load().await?.open.iter().map(|op| op.op).collect();
    ensure!(open == [OpId(2)], "the other run has operation 2 open, not {open:?}");
    Ok(())
}
