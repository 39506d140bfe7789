//! Workers that are killed: by a signal that nothing catches, at each kind of point that there is, on stores that last.
//!
//! The worker starts one run, drives it to its end and archives it. In the run there is what a run can have: errands with effects
//! outside, a wait for time, signals, a pause in which an errand is held, a cancellation by which another one is given up, and what is
//! undone after that. Whoever is started after the killed one does the same again. Every run ends as one that nobody has disturbed:
//! transition by transition, with every effect once, under the same key.

mod account;
mod fate;
mod store;
mod worker;

use std::os::unix::process::ExitStatusExt as _;
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _};
use libtest_mimic::{Failed, Trial};
use pathops_adapters::system::SystemClock;
use pathops_core::adapter::{Clock as _, Run, RunFilter, Seq, SignalNumber};
use pathops_core::conformance::engine::{Errands, Standing};
use pathops_core::flow::{Machine as _, Replay, digest};
use pathops_core::{Digest, RunId};
use rustix::process::{Pid, Signal, kill_process};
use tokio::runtime::Builder;

use self::fate::Blow;
use self::store::{Store, Stores};
pub(crate) use self::worker::{WORKER, process};
use crate::embedded::{clock, engine};

/// The run of all workers, and its errands, one after the other.
const RUN: &str = "run-1";
const WAVES: [&str; 6] = ["a", "sleep", "note", "pause", "b", "await end"];

/// What is done outside, each with its key: everything but what is given up, and the undoing of that.
const EFFECTS: [&str; 10] = [
    "run-1/op-1 a",
    "run-1/op-2 sleep",
    "run-1/op-3 note",
    "run-1/op-4 pause",
    "run-1/op-5 b",
    "run-1/op-7 undo b",
    "run-1/op-8 undo pause",
    "run-1/op-9 undo note",
    "run-1/op-10 undo sleep",
    "run-1/op-11 undo a",
];

/// Its transitions: its start, the ends of eleven operations, and four signals that it hears.
const TRANSITIONS: u64 = 16;
const SIGNALS: u64 = 4;

/// A worker is killed at most so often at one kind of point. It claims as long as it runs.
const MOST: u32 = 20;

const LOOK: Duration = Duration::from_millis(10);

/// What a worker writes to its journal, by the journal's names.
const WRITES: [&str; 8] = ["acquire", "create", "release", "tell", "claim", "append", "archive", "surrender"];

type Tried = fn(Stores) -> BoxFuture<'static, ()>;

pub(crate) fn trials() -> Vec<Trial> {
    let mut all = of_a_store("sqlite", &Stores::Sqlite);
    all.push(trial("sqlite", "inside_each_transaction", &Stores::Sqlite, |it| inside_each_transaction(it, false).boxed()));
    let postgres = Stores::postgres();
    let missing = postgres.is_none();
    let postgres = postgres.unwrap_or(Stores::Sqlite);
    let of_postgres: [(&str, Tried); 4] = [
        ("inside_each_transaction_that_then_ends", |it| inside_each_transaction(it, true).boxed()),
        ("inside_each_transaction_that_is_rolled_back", |it| inside_each_transaction(it, false).boxed()),
        ("and_taken_over_by_another_process", |it| taken_over(it).boxed()),
        ("late_and_frozen_while_another_process_takes_over", |it| frozen(it).boxed()),
    ];
    let mut those = of_a_store("postgres", &postgres);
    those.extend(of_postgres.map(|(what, tried)| trial("postgres", what, &postgres, tried)));
    all.extend(those.into_iter().map(|trial| trial.with_ignored_flag(missing)));
    all
}

fn of_a_store(name: &str, stores: &Stores) -> Vec<Trial> {
    let mut all = Vec::new();
    for point in WRITES.iter().flat_map(|write| [format!("before {write}"), format!("after {write}")]) {
        let stores = stores.clone();
        let what = format!("{name}::killed_{}", point.replace(' ', "_each_"));
        all.push(Trial::test(what, move || run(at_each(&stores, &point))));
    }
    all.push(trial(name, "in_each_errand", stores, |it| in_each_errand(it).boxed()));
    all.push(trial(name, "after_each_transition_of_one_run", stores, |it| again_and_again(it).boxed()));
    all
}

fn trial(name: &str, what: &str, stores: &Stores, tried: Tried) -> Trial {
    let stores = stores.clone();
    Trial::test(format!("{name}::killed_{what}"), move || run(tried(stores)))
}

fn run(trial: impl Future<Output = ()>) -> Result<(), Failed> {
    Builder::new_current_thread().enable_all().build()?.block_on(trial);
    Ok(())
}

/// A worker that is running, and does not outlive its case.
struct Process(Child);

impl Process {
    fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// Waits for its end. Whether it was killed; else it has come to the end of its work.
    #[track_caller]
    fn was_killed(mut self) -> bool {
        let ended = self.0.wait().unwrap();
        let killed = ended.signal() == Some(Signal::KILL.as_raw());
        assert!(killed || ended.success(), "it has failed: {ended}");
        killed
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).unwrap();
    }

    /// Until it stands still.
    async fn is_frozen(&mut self) {
        let stat = format!("/proc/{}/stat", self.0.id());
        loop {
            assert!(!self.has_ended(), "it has ended, and never stood still");
            let stat = std::fs::read_to_string(&stat).unwrap_or_default();
            if stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T')) {
                return;
            }
            SystemClock.sleep(LOOK).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// What a run has come to, inside and outside.
#[derive(Debug, PartialEq)]
struct End {
    run: Run,
    happened: Digest,
    effects: Vec<String>,
    tried: Vec<String>,
    archived: Vec<RunId>,
    listed: Vec<RunId>,
}

impl End {
    async fn of(store: &Store) -> Self {
        let engine = engine(Arc::from(worker::open(&store.place).await), clock(), "reader".to_owned());
        let (all, account) = (RunFilter::of(Errands::NAME), store.account());
        let archived = RunFilter { archived: true, ..all.clone() };
        let id: RunId = RUN.parse().unwrap();
        let run = engine.load(&id).await.unwrap().unwrap();
        let (entries, mut replay) = (engine.entries(&id, Seq(0), usize::MAX).await.unwrap(), Replay::<Errands>::new());
        for entry in &entries {
            replay.follow(entry).unwrap();
        }
        replay.finish(&run).unwrap();
        Self {
            run,
            happened: digest(&entries),
            effects: account.effects(),
            tried: account.all_tried(),
            archived: engine.runs(&archived, None, 9).await.unwrap(),
            listed: engine.runs(&all, None, 9).await.unwrap(),
        }
    }

    /// That of a run which nobody has disturbed.
    async fn undisturbed(stores: &Stores) -> Self {
        let store = stores.fresh().await;
        store.goes_on();
        let end = Self::of(&store).await;
        let standing: Standing = serde_json::from_value(end.run.state.clone()).unwrap();
        assert_eq!((end.run.seq, end.run.heard, end.run.ended), (Seq(TRANSITIONS), SignalNumber(SIGNALS), true));
        assert!(standing.is_cancelled && standing.done.is_empty() && standing.notes == ["kept"], "{standing:?}");
        assert_eq!(end.effects, EFFECTS);
        end
    }

    async fn is_that_of(&self, store: &Store, when: &str) {
        let end = Self::of(store).await;
        assert_eq!(end, *self, "{when}");
    }
}

impl Store {
    fn mortal(&self, point: &str, time: u32) -> Process {
        self.worker("one", 0, (point, time), Blow::Kill)
    }

    /// The work is brought to its end.
    #[track_caller]
    fn goes_on(&self) {
        assert!(!self.mortal("never", 0).was_killed());
    }

    /// The same by another process, of which the first one's leases have expired.
    #[track_caller]
    fn goes_on_elsewhere(&self) {
        assert!(!self.worker("two", 60, ("never", 0), Blow::Kill).was_killed());
    }
}

/// Each time that a worker comes to a point, until it comes there no more.
async fn at_each(stores: &Stores, point: &str) {
    let undisturbed = End::undisturbed(stores).await;
    for time in 1..=MOST {
        let store = stores.fresh().await;
        if !store.mortal(point, time).was_killed() {
            assert!(time > 1, "nobody comes to `{point}`");
            return;
        }
        store.goes_on();
        undisturbed.is_that_of(&store, &format!("killed {point} {time}")).await;
    }
}

/// Before an errand has its effect, and between the effect and its acknowledgement; in a wait; and where an errand is held or given up.
async fn in_each_errand(stores: Stores) {
    let undisturbed = End::undisturbed(&stores).await;
    let effects = EFFECTS.into_iter().filter_map(|it| it.split_once(' ')).map(|(_, errand)| errand);
    let tried = effects.flat_map(|errand| [("begun", errand), ("done", errand)]);
    let tried = tried.chain([("within", "sleep"), ("begun", "await end")]).map(|it| (it, 1));
    let held = [("holding", "pause"), ("held", "pause"), ("holding", "await end"), ("held", "await end")].map(|it| (it, 0));
    let points: Vec<_> = tried.chain(held).collect();
    for ((what, errand), more) in points {
        let (store, point) = (stores.fresh().await, format!("{what} {errand}"));
        assert!(store.mortal(&point, 1).was_killed(), "nobody comes to `{point}`");
        store.goes_on();
        undisturbed.is_that_of(&store, &point).await;
        // What is held is tried again anyway.
        let usual = if errand == "pause" { 2 } else { 1 };
        assert_eq!(store.account().tried(errand), usual + more, "how often it is tried, killed {point}");
    }
}

/// With the row of a transition, a signal or the archive written, and the transaction open.
async fn inside_each_transaction(stores: Stores, ends: bool) {
    let undisturbed = End::undisturbed(&stores).await;
    for (table, rows) in [("entries", TRANSITIONS), ("signals", SIGNALS), ("archived_runs", 1)] {
        for row in 1..=u32::try_from(rows).unwrap() {
            let store = stores.fresh().await;
            let mut gate = store.gate(table, row).await;
            let mut worker = store.mortal("never", 0);
            gate.reached(&mut worker).await;
            worker.send(Signal::KILL);
            assert!(worker.was_killed());
            gate.open(ends).await;
            store.goes_on();
            undisturbed.is_that_of(&store, &format!("killed while it adds row {row} to {table}")).await;
        }
    }
}

/// Every worker of one run is killed once it has made one transition.
async fn again_and_again(stores: Stores) {
    let undisturbed = End::undisturbed(&stores).await;
    let (store, mut killed) = (stores.fresh().await, 0);
    while store.mortal("after append", 1).was_killed() {
        killed += 1;
        assert!(killed < TRANSITIONS, "more transitions are made than there are");
    }
    assert_eq!(killed, TRANSITIONS - 1, "all but the first, with which the run is made");
    undisturbed.is_that_of(&store, "killed after each transition").await;
}

/// Another process goes on once the leases of the killed one have expired.
async fn taken_over(stores: Stores) {
    let undisturbed = End::undisturbed(&stores).await;
    let points =
        [("after acquire", 1), ("before create", 1), ("after create", 1), ("after claim", 1), ("begun b", 1), ("done b", 1)];
    for (point, time) in
        points.into_iter().chain([("before tell", 2), ("held pause", 1), ("after append", 9), ("after append", 15)])
    {
        let store = stores.fresh().await;
        assert!(store.mortal(point, time).was_killed(), "nobody comes to `{point}`");
        store.goes_on_elsewhere();
        undisturbed.is_that_of(&store, &format!("killed {point} {time}, and taken over")).await;
    }
}

/// One that is taken for dead and is not: it goes on when all is over, in the middle of what it did, and nothing comes of that.
async fn frozen(stores: Stores) {
    let undisturbed = End::undisturbed(&stores).await;
    let points = [("begun b", 1), ("done b", 1), ("before tell", 2), ("holding pause", 1)];
    for (point, time) in points.into_iter().chain([1, 8, 15].map(|time| ("before append", time))) {
        let store = stores.fresh().await;
        let mut late = store.worker("one", 0, (point, time), Blow::Freeze);
        late.is_frozen().await;
        store.goes_on_elsewhere();
        late.send(Signal::CONT);
        assert!(!late.was_killed());
        undisturbed.is_that_of(&store, &format!("frozen {point} {time}, and let go on")).await;
    }
}
