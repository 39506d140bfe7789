//! The kit under test: an engine with one planted defect fails exactly the cases that are about it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use libtest_mimic::{Failed, Trial};
use pathops_core::adapter::{Clock, Created, Entry, Lease, OpId, Run, RunFilter, Seq, Signal, SignalNumber, Transition};
use pathops_core::conformance::engine::{EngineFixture, EngineTraits, EngineWorld, cases, worlds};
use pathops_core::conformance::failures;
use pathops_core::flow::{AnyEvent, AnyShell, Course, Engine, Hosted, Machines};
use pathops_core::memory::MemoryJournal;
use pathops_core::{Error, IdempotencyKey, OpContext, Result, RunId, UnixMillis};
use serde_json::Value;

use crate::embedded::{ALONE, clock, engine};

/// What is wrong with an engine, and which cases are about that.
const DEFECTS: &[(Defect, &[&str])] = &[
    (Defect::None, &[]),
    (Defect::CallsEveryRunNew, &["starting_again_changes_nothing", "what_has_ended_goes_to_the_archive"]),
    (Defect::StartsAnything, &["what_is_no_start_is_refused"]),
    (Defect::ForgetsWhatIsToldEarly, &["what_is_told_early_is_heard"]),
    (
        Defect::TellsTheSameTwice,
        &[
            "a_run_that_has_ended_hears_nothing",
            "another_under_a_key_is_refused",
            "under_a_key_the_first_counts",
            "what_is_told_early_is_heard",
            "what_is_told_is_heard_once_in_order",
        ],
    ),
    (Defect::TellsWhatHasEnded, &["a_run_that_has_ended_hears_nothing", "what_has_ended_goes_to_the_archive"]),
    (Defect::OverlooksTheLimitOfEntries, &["a_long_run_is_read_in_pages"]),
    (Defect::ListsInNoOrder, &["runs_are_listed_in_order"]),
    (Defect::ListsEveryMachine, &["runs_are_listed_in_order"]),
    (Defect::GivesEverybodyTheTurn, &["hosts_take_turns", "one_has_the_turn"]),
    (Defect::ArchivesNothing, &["what_has_ended_goes_to_the_archive"]),
    (Defect::NeverDrains, &["drained_it_lets_go_and_another_goes_on"]),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    None,
    CallsEveryRunNew,
    StartsAnything,
    ForgetsWhatIsToldEarly,
    TellsTheSameTwice,
    TellsWhatHasEnded,
    OverlooksTheLimitOfEntries,
    ListsInNoOrder,
    ListsEveryMachine,
    GivesEverybodyTheTurn,
    ArchivesNothing,
    NeverDrains,
    PerformsUnderAnotherKey,
    PerformsTwice,
    HoldsNothing,
    TellsNobodyWhatBegins,
    GoesOnWhilePaused,
    WaitsForWhatIsGivenUp,
    StoresAnotherOutcome,
}

/// What is wrong with how its machines are driven, and which cases are about that.
const OF_MACHINES: &[(Defect, &[&str])] = &[
    (
        Defect::PerformsUnderAnotherKey,
        &[
            "a_paused_run_holds_what_it_does",
            "after_a_crash_it_goes_on_with_the_same_keys",
            "operations_have_keys_of_their_own",
            "what_fails_is_performed_again",
        ],
    ),
    (
        Defect::PerformsTwice,
        &[
            "a_cancelled_run_gives_up_waiting_and_undoes",
            "a_paused_run_holds_what_it_does",
            "after_a_crash_it_goes_on_with_the_same_keys",
            "drained_it_lets_go_and_another_goes_on",
            "operations_have_keys_of_their_own",
            "starting_again_changes_nothing",
            "what_fails_is_performed_again",
            "what_is_refused_is_undone",
            "what_was_begun_is_brought_to_its_end",
        ],
    ),
    (
        Defect::HoldsNothing,
        &[
            "a_cancelled_run_gives_up_waiting_and_undoes",
            "a_paused_run_holds_what_it_does",
            "a_run_that_is_paused_stays_so",
            "cancelled_while_paused_it_ends",
        ],
    ),
    (Defect::TellsNobodyWhatBegins, &["who_watches_is_told_again_after_a_crash"]),
    (
        Defect::GoesOnWhilePaused,
        &["a_paused_run_holds_what_it_does", "a_run_that_is_paused_stays_so", "cancelled_while_paused_it_ends"],
    ),
    (Defect::WaitsForWhatIsGivenUp, &["a_cancelled_run_gives_up_waiting_and_undoes", "cancelled_while_paused_it_ends"]),
    (
        Defect::StoresAnotherOutcome,
        &[
            "a_cancelled_run_gives_up_waiting_and_undoes",
            "a_clock_that_jumps_changes_nothing",
            "a_crash_at_each_step_changes_no_end",
            "a_crash_while_it_undoes_changes_no_end",
            "a_long_run_is_read_in_pages",
            "a_paused_run_holds_what_it_does",
            "a_run_goes_to_its_end",
            "after_a_crash_it_goes_on_with_the_same_keys",
            "another_host_goes_on",
            "drained_it_lets_go_and_another_goes_on",
            "of_several_hosts_one_drives_a_run",
            "operations_are_performed_at_once",
            "what_fails_is_performed_again",
            "what_is_refused_is_undone",
            "what_is_told_is_heard_once_in_order",
        ],
    ),
];

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |(defect, expected): &'static (Defect, &[&str])| {
        Trial::test(format!("kit::{defect:?}"), move || {
            let traits = EngineTraits { shared: true, ..ALONE };
            let mut failed = failures(&cases("kit", traits), &worlds(Arc::new(Planted(*defect))));
            failed.iter_mut().for_each(|name| *name = name.trim_start_matches("kit::").to_owned());
            failed.sort();
            if failed == *expected { Ok(()) } else { Err(Failed::from(format!("{failed:?} failed, and not {expected:?}"))) }
        })
    };
    DEFECTS.iter().chain(OF_MACHINES).map(trial).collect()
}

struct Planted(Defect);

#[async_trait]
impl EngineFixture for Planted {
    async fn fresh(&self) -> EngineWorld {
        let (journal, defect) = (MemoryJournal::new(), self.0);
        let open = move |name, clock: Arc<dyn Clock>| {
            let right = engine(Arc::new(journal.clone()), clock, name);
            async move { Arc::new(Defective { right, defect, calls: AtomicU64::new(0) }) as Arc<dyn Engine> }
        };
        EngineWorld::new(open, clock(), ()).with_patience(Duration::from_secs(3))
    }
}

#[derive(Debug)]
struct Defective {
    right: Arc<dyn Engine>,
    defect: Defect,
    calls: AtomicU64,
}

impl Defective {
    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn wrong(&self, machines: &Machines) -> Machines {
        machines.iter().fold(Machines::default(), |wrong, machine| {
            wrong.with(Arc::new(WrongMachine { right: machine.clone(), defect: self.defect, tries: AtomicU64::new(0) }))
        })
    }
}

#[async_trait]
impl Engine for Defective {
    fn name(&self) -> &'static str {
        "defective"
    }

    async fn turn(&self, name: &str) -> Result<Lease> {
        match self.is(Defect::GivesEverybodyTheTurn) {
            true => self.right.turn(&format!("{name} {:p} {}", self, self.calls.fetch_add(1, Ordering::SeqCst))).await,
            false => self.right.turn(name).await,
        }
    }

    async fn release(&self, turn: &Lease) -> Result<()> {
        if self.is(Defect::GivesEverybodyTheTurn) { Ok(()) } else { self.right.release(turn).await }
    }

    async fn start(&self, turn: &Lease, machine: &dyn Hosted, run: &RunId, start: &Value) -> Result<Created> {
        let started = self.right.start(turn, machine, run, start).await;
        match started {
            Ok(_) if self.is(Defect::CallsEveryRunNew) => Ok(Created::New),
            Err(_) if self.is(Defect::StartsAnything) && start["waves"].is_string() => Ok(Created::New),
            started => started,
        }
    }

    async fn tell(&self, key: &IdempotencyKey, run: &RunId, told: &Value) -> Result<()> {
        if self.is(Defect::ForgetsWhatIsToldEarly) && self.right.load(run).await?.is_none() {
            return Ok(());
        }
        if self.is(Defect::TellsWhatHasEnded) && self.right.load(run).await?.is_some_and(|run| run.ended) {
            return Ok(());
        }
        match self.is(Defect::TellsTheSameTwice) {
            true => {
                let key = IdempotencyKey::new(format!("{}/{}", key.as_str(), self.calls.fetch_add(1, Ordering::SeqCst)));
                self.right.tell(&key, run, told).await
            }
            false => self.right.tell(key, run, told).await,
        }
    }

    async fn load(&self, run: &RunId) -> Result<Option<Run>> {
        self.right.load(run).await
    }

    async fn told(&self, run: &RunId, after: SignalNumber, limit: usize) -> Result<Vec<Signal>> {
        self.right.told(run, after, limit).await
    }

    async fn entries(&self, run: &RunId, after: Seq, limit: usize) -> Result<Vec<Entry>> {
        let limit = if self.is(Defect::OverlooksTheLimitOfEntries) { usize::MAX } else { limit };
        self.right.entries(run, after, limit).await
    }

    async fn runs<'a>(&self, filter: &RunFilter, after: Option<&'a RunId>, limit: usize) -> Result<Vec<RunId>> {
        let mut filter = filter.clone();
        if self.is(Defect::ListsEveryMachine) {
            filter.machine = None;
        }
        let mut runs = self.right.runs(&filter, after, limit).await?;
        if self.is(Defect::ListsInNoOrder) {
            runs.reverse();
        }
        Ok(runs)
    }

    async fn archive(&self, ended_before: UnixMillis, limit: usize) -> Result<Vec<RunId>> {
        if self.is(Defect::ArchivesNothing) { Ok(Vec::new()) } else { self.right.archive(ended_before, limit).await }
    }

    async fn drive(&self, machines: &Machines, run: &RunId) -> Result<Run> {
        self.right.drive(&self.wrong(machines), run).await
    }

    async fn run(&self, machines: &Machines) -> Result<()> {
        self.right.run(&self.wrong(machines)).await
    }

    async fn end(&self, machines: &Machines) -> Result<()> {
        self.right.end(machines).await
    }

    fn drain(&self) {
        if !self.is(Defect::NeverDrains) {
            self.right.drain();
        }
    }
}

#[derive(Debug)]
struct WrongMachine {
    right: Arc<dyn Hosted>,
    defect: Defect,
    tries: AtomicU64,
}

#[async_trait]
impl Hosted for WrongMachine {
    fn machine(&self) -> &'static str {
        self.right.machine()
    }

    fn shell(&self, run: &RunId) -> Box<dyn AnyShell> {
        self.right.shell(run)
    }

    fn resume(&self, run: &Run, last_op: OpId) -> Result<Box<dyn AnyShell>> {
        Ok(Box::new(WrongShell { right: self.right.resume(run, last_op)?, defect: self.defect }))
    }

    async fn perform(&self, cx: &OpContext, command: &Value) -> Result<Value> {
        match self.defect {
            Defect::PerformsUnderAnotherKey => {
                let again = self.tries.fetch_add(1, Ordering::SeqCst).to_string();
                self.right.perform(&cx.part(&again), command).await
            }
            Defect::PerformsTwice => {
                self.right.perform(cx, command).await?;
                self.right.perform(cx, command).await
            }
            _ => self.right.perform(cx, command).await,
        }
    }

    async fn hold(&self, cx: &OpContext, command: &Value) -> Result<()> {
        if self.defect == Defect::HoldsNothing { Ok(()) } else { self.right.hold(cx, command).await }
    }

    async fn late(&self, cx: &OpContext, command: &Value, run: &Run) -> Result<()> {
        self.right.late(cx, command, run).await
    }

    fn began(&self, run: &RunId, op: OpId, command: &Value) {
        if self.defect != Defect::TellsNobodyWhatBegins {
            self.right.began(run, op, command);
        }
    }

    fn stopped(&self, run: &RunId, error: &Error) {
        self.right.stopped(run, error);
    }
}

#[derive(Debug)]
struct WrongShell {
    right: Box<dyn AnyShell>,
    defect: Defect,
}

impl AnyShell for WrongShell {
    fn make(&mut self, at: UnixMillis, event: &AnyEvent) -> Result<Transition> {
        let mut made = self.right.make(at, event)?;
        if self.defect == Defect::StoresAnotherOutcome && made.closes == Some(OpId(2)) {
            made.event["done"]["outcome"] = Value::from("Refused");
        }
        Ok(made)
    }

    fn take(&mut self, shown: bool) {
        self.right.take(shown);
    }

    fn stored(&self) -> Result<Run> {
        self.right.stored()
    }

    fn seq(&self) -> Seq {
        self.right.seq()
    }

    fn last_op(&self) -> OpId {
        self.right.last_op()
    }

    fn heard(&self) -> SignalNumber {
        self.right.heard()
    }

    fn has_ended(&self) -> bool {
        self.right.has_ended()
    }

    fn courses(&self) -> Vec<(OpId, Course)> {
        let wrong = |(op, course)| match (self.defect, course) {
            (Defect::GoesOnWhilePaused, Course::Hold) | (Defect::WaitsForWhatIsGivenUp, Course::Drop) => (op, Course::Perform),
            right => (op, right.1),
        };
        self.right.courses().into_iter().map(wrong).collect()
    }

    fn waits(&self, op: OpId) -> bool {
        self.right.waits(op)
    }

    fn command(&self, op: OpId) -> Result<Value> {
        self.right.command(op)
    }

    fn dropped(&self) -> Result<Value> {
        self.right.dropped()
    }
}
