//! The order of what is read.

use super::super::case::Answer as _;
use super::super::scm::world::cx;
use super::super::{Case, Outcome, ensure};
use super::{Bench, JournalWorld, SUITE, run, transition};
use crate::adapter::{OpId, Seq, Transition};

pub(super) fn cases() -> Vec<Case<JournalWorld>> {
    vec![
        Case::new(SUITE, "open_operations_come_by_number", open_operations_come_by_number),
        Case::new(SUITE, "entries_come_page_by_page", entries_come_page_by_page),
        Case::new(SUITE, "open_runs_come_by_name", open_runs_come_by_name),
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

async fn open_runs_come_by_name(world: JournalWorld) -> Outcome {
    let mut bench = world.bench().await?;
    for name in ["b", "c", "a-1", "a"] {
        bench.run = run(name);
        bench.create(&transition(1, None, &[1])).await?;
    }
    bench.run = run("c");
    bench.append(1, &Transition { ends: true, ..transition(2, Some(1), &[]) }).await.works()?;
    bench.run = run("d");
    bench.create(&Transition { ends: true, ..transition(1, None, &[]) }).await?;
    let open = bench.journal.open_runs(&cx("open")).await.works()?;
    ensure!(open == ["a", "a-1", "b"].map(run), "open are a, a-1 and b in this order, not {open:?}");
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
