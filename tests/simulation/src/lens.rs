//! Where everything passes: each call of an adapter is counted, traced, and may be the last one of the process. Each step
//! that is really made goes to every invariant.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{Display, Write as _};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pathops_coordinator::change_set::State;
use pathops_core::adapter::Clock as _;
use pathops_core::{ChangeSetId, OpContext, Result, RunId};

use crate::bug::Bug;
use crate::chaos::Chaos;
use crate::dice::Dice;
use crate::invariants::{AT_THE_END, Found, Invariant, all};
use crate::step::Step;
use crate::truth::{START, Truth, is_incident};

/// More calls than any moment takes: whoever makes more goes round in circles.
const MOST_AT_ONCE: u64 = 10_000;

/// What an invariant found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which one.
    pub invariant: &'static str,
    /// What is wrong.
    pub what: String,
}

/// Everything passes here.
pub(crate) struct Lens {
    pub(crate) truth: Truth,
    pub(crate) bug: Option<Bug>,
    chaos: Chaos,
    seen: Mutex<Seen>,
}

struct Seen {
    trace: String,
    invariants: Vec<Box<dyn Invariant>>,
    violation: Option<Violation>,
    dice: Dice,
    /// How many of a thousand writes are the last one of the process.
    deadly: u64,
    /// So many crashes are left.
    crashes: u32,
    dead: bool,
    calls: u64,
    /// How many of them without any time passing.
    at_once: u64,
    /// Which requests were answered.
    answered: BTreeSet<String>,
    /// The change set of each.
    asked: BTreeMap<String, ChangeSetId>,
    /// Which wishes were answered.
    told: BTreeSet<usize>,
    /// Which alarms were heard.
    heard: BTreeSet<String>,
    /// Which runs there are.
    runs: BTreeSet<RunId>,
}

impl std::fmt::Debug for Lens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lens").field("bug", &self.bug).finish_non_exhaustive()
    }
}

impl Lens {
    pub(crate) fn new(truth: Truth, bug: Option<Bug>, dice: &Dice, chaos: &Chaos) -> Arc<Self> {
        let dice = dice.of("crashes");
        let seen = Seen {
            trace: String::new(),
            invariants: all(),
            violation: None,
            deadly: chaos.deadly,
            crashes: 4,
            dice,
            dead: false,
            calls: 0,
            at_once: 0,
            answered: BTreeSet::new(),
            asked: BTreeMap::new(),
            told: BTreeSet::new(),
            heard: BTreeSet::new(),
            runs: BTreeSet::new(),
        };
        Arc::new(Self { truth, bug, chaos: chaos.clone(), seen: Mutex::new(seen) })
    }

    /// Makes a call that changes nothing.
    pub(crate) async fn read<R>(
        &self,
        operation: &str,
        on: impl Display + Send + Sync,
        call: impl Future<Output = Result<R>> + Send,
    ) -> Result<R> {
        self.alive().await;
        let answer = call.await;
        self.note_call(operation, &on, answer.as_ref().err());
        answer
    }

    /// Makes a call that is made every few seconds: it is not worth a line.
    pub(crate) async fn silently<R>(&self, call: impl Future<Output = Result<R>> + Send) -> Result<R> {
        self.alive().await;
        call.await
    }

    /// Makes a call that changes something: the process may die before it or after it.
    pub(crate) async fn write<R>(
        &self,
        cx: &OpContext,
        operation: &'static str,
        on: impl Display + Send + Sync,
        call: impl Future<Output = Result<R>> + Send,
    ) -> Result<R> {
        self.alive().await;
        self.step(&Step::Writes { key: cx.key(), operation });
        self.may_die(operation, "before").await;
        let answer = call.await;
        self.note_call(operation, &on, answer.as_ref().err());
        answer
    }

    /// Once the effect of a write was seen: its answer may never arrive.
    pub(crate) async fn done(&self, operation: &str) {
        self.may_die(operation, "after").await;
    }

    /// Time passes.
    pub(crate) fn turn(&self) {
        self.seen.lock().unwrap().at_once = 0;
    }

    /// Whoever calls after the end of the process gets no further; nor does whoever calls and calls without ever waiting.
    async fn alive(&self) {
        let spins = {
            let mut seen = self.seen.lock().unwrap();
            seen.at_once += 1;
            let spins = seen.at_once > MOST_AT_ONCE;
            seen.dead |= spins;
            spins
        };
        if spins {
            let what = format!("it makes more than {MOST_AT_ONCE} calls without waiting");
            self.violated(Violation { invariant: AT_THE_END, what });
        }
        if self.is_dead() {
            std::future::pending().await
        }
    }

    async fn may_die(&self, operation: &str, when: &str) {
        {
            let mut seen = self.seen.lock().unwrap();
            let dies = !seen.dead && seen.crashes > 0 && seen.deadly > 0 && seen.dice.chance(seen.deadly);
            if dies {
                seen.dead = true;
                seen.crashes -= 1;
                drop(seen);
                self.note(format_args!("the process dies {when} it could {operation}"));
            }
        }
        self.alive().await;
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.seen.lock().unwrap().dead
    }

    /// A new process begins.
    pub(crate) fn restart(&self) {
        self.seen.lock().unwrap().dead = false;
    }

    /// No process dies any more.
    pub(crate) fn calm(&self) {
        self.seen.lock().unwrap().deadly = 0;
    }

    /// Whether something that happened at `at` does not show yet.
    pub(crate) fn lags(&self, at: Duration) -> bool {
        let now = self.truth.elapsed();
        now < self.chaos.over && now < at + self.chaos.lag
    }

    /// Whether this bug is the one that is planted.
    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// The same, so many times of a thousand.
    pub(crate) fn has_now(&self, bug: Bug, per_mille: u64) -> bool {
        self.has(bug) && self.seen.lock().unwrap().dice.chance(per_mille)
    }

    /// Shows a step to every invariant.
    pub(crate) fn step(&self, step: &Step<'_>) {
        if self.violation().is_some() {
            return;
        }
        if let Step::Began { run, transition } = step {
            let begun = transition.state["start"]["incident"]["id"].as_str().filter(|_| is_incident(run));
            self.truth.records.lock().unwrap().begun.extend(begun.map(str::to_owned));
            self.seen.lock().unwrap().runs.insert((*run).clone());
        }
        self.hold(|invariant| invariant.see(&self.truth, step));
    }

    /// Shows the end to every invariant.
    pub(crate) fn end(&self, states: &[State]) {
        self.hold(|invariant| invariant.end(&self.truth, states));
    }

    /// Keeps the first invariant that something does not hold for.
    fn hold(&self, mut look: impl FnMut(&mut dyn Invariant) -> Found) {
        let found = self.seen.lock().unwrap().invariants.iter_mut().find_map(|invariant| {
            let what = look(invariant.as_mut()).err()?;
            Some(Violation { invariant: invariant.name(), what })
        });
        if let Some(violation) = found {
            self.violated(violation);
        }
    }

    pub(crate) fn violated(&self, violation: Violation) {
        self.note(format_args!("VIOLATED {}: {}", violation.invariant, violation.what));
        self.seen.lock().unwrap().violation.get_or_insert(violation);
    }

    pub(crate) fn violation(&self) -> Option<Violation> {
        self.seen.lock().unwrap().violation.clone()
    }

    /// The request of that key has its answer.
    pub(crate) fn answer(&self, key: &str) {
        self.seen.lock().unwrap().answered.insert(key.to_owned());
    }

    pub(crate) fn answered(&self) -> usize {
        self.seen.lock().unwrap().answered.len()
    }

    pub(crate) fn named(&self, key: &str, change_set: &ChangeSetId) {
        self.seen.lock().unwrap().asked.insert(key.to_owned(), change_set.clone());
    }

    /// The change set that was asked for under a key, where there is one.
    pub(crate) fn asked(&self, key: &str) -> Option<ChangeSetId> {
        self.seen.lock().unwrap().asked.get(key).cloned()
    }

    pub(crate) fn tell(&self, wish: usize) {
        self.seen.lock().unwrap().told.insert(wish);
    }

    pub(crate) fn was_told(&self, wish: usize) -> bool {
        self.seen.lock().unwrap().told.contains(&wish)
    }

    /// That alarm was heard.
    pub(crate) fn hear(&self, alarm: &str) {
        self.seen.lock().unwrap().heard.insert(alarm.to_owned());
    }

    pub(crate) fn has_heard(&self, alarm: &str) -> bool {
        self.seen.lock().unwrap().heard.contains(alarm)
    }

    /// Every run that has begun.
    pub(crate) fn runs(&self) -> Vec<RunId> {
        self.seen.lock().unwrap().runs.iter().cloned().collect()
    }

    pub(crate) fn calls(&self) -> u64 {
        self.seen.lock().unwrap().calls
    }

    fn note_call(&self, operation: &str, on: &dyn Display, error: Option<&pathops_core::Error>) {
        self.seen.lock().unwrap().calls += 1;
        match error {
            None => self.note(format_args!("  {operation}: {on}")),
            Some(error) => self.note(format_args!("  {operation}: {on}: {:?}", error.kind())),
        }
    }

    /// Puts a line into the trace.
    pub(crate) fn note(&self, line: std::fmt::Arguments<'_>) {
        let (at, now) = (self.truth.elapsed(), self.truth.clock.now());
        let mut seen = self.seen.lock().unwrap();
        let shown = (now.0 - START.0) as f64 / 1_000.0;
        let _ = writeln!(seen.trace, "{:>10.3} {shown:>10.3} {line}", at.as_secs_f64());
    }

    pub(crate) fn take_trace(&self) -> String {
        std::mem::take(&mut self.seen.lock().unwrap().trace)
    }
}
