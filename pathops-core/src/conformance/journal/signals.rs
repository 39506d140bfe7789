//! What runs are told from outside.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::case::Answer as _;
use super::super::scm::world::cx;
use super::super::{Case, Outcome, ensure};
use super::claim::{MOMENT, PATIENCE, ends_within};
use super::{Bench, JournalWorld, SUITE, run, transition};
use crate::adapter::{Journal, Seq, Signal, SignalNumber, Transition};
use crate::error::ErrorKind;
use crate::time::UnixMillis;

pub(super) fn cases() -> Vec<Case<JournalWorld>> {
    vec![
        Case::new(SUITE, "signals_are_heard_one_after_the_other", signals_are_heard_one_after_the_other),
        Case::new(SUITE, "telling_again_changes_nothing", telling_again_changes_nothing),
        Case::new(SUITE, "a_run_is_told_before_it_begins", a_run_is_told_before_it_begins),
        Case::new(SUITE, "only_the_next_signal_is_heard", only_the_next_signal_is_heard),
        Case::new(SUITE, "a_run_that_has_ended_is_told_nothing", a_run_that_has_ended_is_told_nothing),
    ]
}

pub(super) fn durable() -> Case<JournalWorld> {
    Case::new(SUITE, "what_was_told_is_there_after_a_restart", what_was_told_is_there_after_a_restart)
}

pub(super) fn shared(wakes: bool) -> Vec<Case<JournalWorld>> {
    let mut cases = vec![Case::new(SUITE, "of_many_who_tell_each_has_a_number", of_many_who_tell_each_has_a_number)];
    if wakes {
        cases.push(Case::new(SUITE, "who_waits_hears_which_run_was_told", who_waits_hears_which_run_was_told));
    }
    cases
}

impl Bench {
    async fn tell(&self, key: &str, told: &Value) -> crate::Result<SignalNumber> {
        self.journal.tell(&cx(key), &self.run, UnixMillis(2_000), told).await
    }

    async fn told(&self, after: u64, limit: usize) -> Result<Vec<Signal>, String> {
        self.journal.told(&cx("told"), &self.run, SignalNumber(after), limit).await.works()
    }
}

fn said(n: u64) -> Value {
    json!({"told": n, "text": "\u{e9} \"quoted\" \n", "list": [1, null, {"deep": -1.5}]})
}

fn signal(n: u64) -> Signal {
    Signal { number: SignalNumber(n), at: UnixMillis(2_000), told: said(n) }
}

fn hearing(n: u64, signal: u64) -> Transition {
    Transition { hears: Some(SignalNumber(signal)), ..transition(n, None, &[]) }
}

async fn signals_are_heard_one_after_the_other(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    bench.create(&transition(1, None, &[1])).await?;
    ensure!(bench.told(0, 10).await?.is_empty(), "nobody has told it anything");
    for n in 1..=3 {
        let number = bench.tell(&n.to_string(), &said(n)).await.works()?;
        ensure!(number == SignalNumber(n), "signal {n} has the number {}", number.0);
    }
    ensure!(bench.told(0, 10).await? == [signal(1), signal(2), signal(3)], "what it was told was not read back in order");
    ensure!(bench.told(1, 1).await? == [signal(2)], "one signal after the first was asked for");
    ensure!(bench.load().await?.heard == SignalNumber(0), "it has heard nothing yet");
    bench.append(1, &hearing(2, 1)).await.works()?;
    bench.append(2, &transition(3, Some(1), &[])).await.works()?;
    bench.append(3, &hearing(4, 2)).await.works()?;
    let heard = bench.load().await?.heard;
    ensure!(heard == SignalNumber(2), "it has heard two signals, and not {}", heard.0);
    ensure!(bench.told(0, 10).await?.len() == 3, "what was heard is still there");
    let other = Bench { run: run("another"), ..bench };
    ensure!(other.told(0, 10).await?.is_empty(), "another run was told nothing");
    Ok(())
}

async fn telling_again_changes_nothing(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    bench.create(&transition(1, None, &[])).await?;
    for _ in 0..2 {
        let number = bench.tell("first", &said(1)).await.works()?;
        ensure!(number == SignalNumber(1), "the same again has the number {}", number.0);
    }
    bench.tell("first", &said(9)).await.fails(ErrorKind::AlreadyExists, "something else was told under that key")?;
    let same = bench.tell("second", &said(1)).await.works()?;
    ensure!(same == SignalNumber(2), "the same under another key is another signal");
    ensure!(bench.told(0, 10).await?.len() == 2, "it was told two things");
    Ok(())
}

async fn a_run_is_told_before_it_begins(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    bench.tell("early", &said(1)).await.works()?;
    ensure!(bench.journal.load(&cx("load"), &bench.run).await.works()?.is_none(), "to tell a run something makes it");
    bench.create(&transition(1, None, &[])).await?;
    ensure!(bench.told(0, 10).await? == [signal(1)], "what it was told before it began is lost");
    bench.append(1, &hearing(2, 1)).await.works().map(drop)
}

async fn only_the_next_signal_is_heard(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    for n in 1..=2 {
        bench.tell(&n.to_string(), &said(n)).await.works()?;
    }
    let created = bench.journal.create(&cx("create"), &bench.lease, &bench.run, "machine", &hearing(1, 1)).await;
    created.fails(ErrorKind::Invalid, "a run hears nothing by beginning")?;
    bench.create(&transition(1, None, &[])).await?;
    bench.append(1, &hearing(2, 2)).await.fails(ErrorKind::Invalid, "the first signal was passed over")?;
    bench.append(1, &hearing(2, 1)).await.works()?;
    bench.append(2, &hearing(3, 1)).await.fails(ErrorKind::Invalid, "the first signal was heard twice")?;
    let before = bench.seen().await?;
    bench.append(2, &hearing(3, 3)).await.fails(ErrorKind::Invalid, "a signal was heard that nobody has told")?;
    ensure!(bench.seen().await? == before, "what was refused has changed something");
    bench.append(2, &hearing(3, 2)).await.works().map(drop)
}

async fn a_run_that_has_ended_is_told_nothing(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    bench.tell("before", &said(1)).await.works()?;
    bench.create(&Transition { ends: true, ..transition(1, None, &[]) }).await?;
    bench.tell("after", &said(2)).await.fails(ErrorKind::Invalid, "the run has ended")?;
    let again = bench.tell("before", &said(1)).await.works()?;
    ensure!(again == SignalNumber(1), "what it was told before has the number {}", again.0);
    Ok(())
}

async fn what_was_told_is_there_after_a_restart(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    bench.create(&transition(1, None, &[])).await?;
    for n in 1..=2 {
        bench.tell(&n.to_string(), &said(n)).await.works()?;
    }
    bench.append(1, &hearing(2, 1)).await.works()?;
    let Bench { journal, lease, run } = bench;
    drop(journal);
    let again = Bench { journal: (world.open)().await, lease, run };
    ensure!(again.told(0, 10).await? == [signal(1), signal(2)], "what it was told is lost");
    ensure!(again.load().await?.heard == SignalNumber(1), "what it has heard is lost");
    again.append(2, &hearing(3, 2)).await.works().map(drop)
}

async fn of_many_who_tell_each_has_a_number(world: JournalWorld) -> Outcome {
    let bench = world.bench().await?;
    let mut telling = Vec::new();
    for who in ["one", "two"] {
        let journal = (world.open)().await;
        let run = bench.run.clone();
        telling.push(tokio::spawn(async move {
            for n in 0..20_u64 {
                journal.tell(&cx(&format!("{who} {n}")), &run, UnixMillis(2_000), &said(n)).await.works()?;
            }
            Ok::<_, String>(())
        }));
    }
    for told in telling {
        told.await.map_err(|e| format!("a teller did not end: {e}"))??;
    }
    let numbers: Vec<u64> = bench.told(0, 100).await?.into_iter().map(|signal| signal.number.0).collect();
    ensure!(numbers == (1..=40).collect::<Vec<_>>(), "40 signals have the numbers 1 to 40, and not {numbers:?}");
    Ok(())
}

/// It may miss what happens while it begins to wait, so it happens more than once.
async fn who_waits_hears_which_run_was_told(world: JournalWorld) -> Outcome {
    let (bench, waiter): (_, Arc<dyn Journal>) = (world.bench().await?, (world.open)().await);
    bench.create(&transition(1, None, &[])).await?;
    let hears = async {
        while waiter.woken().await.as_ref() != Some(&bench.run) {
            tokio::task::yield_now().await;
        }
    };
    let tells = async {
        for n in 0..40_u64 {
            ends_within(std::future::pending::<()>(), if n == 0 { MOMENT } else { PATIENCE / 40 }).await;
            bench.tell(&n.to_string(), &said(n)).await.works()?;
        }
        Ok::<_, String>(())
    };
    let heard = tokio::select! {
        () = hears => true,
        told = tells => { told?; false }
    };
    ensure!(heard, "a run was told something by another process, and who waits did not hear of it");
    let seq = bench.load().await?.seq;
    ensure!(seq == Seq(1), "to be told something is no transition");
    Ok(())
}
