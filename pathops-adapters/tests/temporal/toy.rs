//! A small machine: jobs that are done side by side, each followed by others, and words that hold, drop and add some.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::flow::{Host, Machine, Machines, Performer, Progress};
use pathops_core::{Error, ErrorKind, OpContext, Result, RunId, UnixMillis};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) name: String,
    pub(crate) waits: bool,
    pub(crate) then: Vec<Job>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) project: String,
    pub(crate) apps: BTreeMap<String, u8>,
    pub(crate) jobs: Vec<Job>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum Word {
    Hold,
    GoOn,
    Drop(String),
    Say(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    pub(crate) open: BTreeSet<String>,
    pub(crate) said: Vec<String>,
    is_held: bool,
    unwanted: BTreeSet<String>,
}

/// `CHANGED` is one that asks for something else after its first step.
pub(crate) struct ToyOf<const CHANGED: bool>;

pub(crate) type Toy = ToyOf<false>;

impl State {
    fn opened(mut self, jobs: Vec<Job>) -> (Self, Vec<Job>) {
        self.open.extend(jobs.iter().map(|job| job.name.clone()));
        (self, jobs)
    }
}

impl<const CHANGED: bool> Machine for ToyOf<CHANGED> {
    const NAME: &'static str = "toy";
    const FORMAT: u32 = 1;
    const OLDEST: u32 = 1;
    type Start = Plan;
    type Outcome = String;
    type Signal = Word;
    type Command = Job;
    type State = State;

    fn start(plan: &Plan) -> (State, Vec<Job>) {
        let state = State { open: BTreeSet::new(), said: Vec::new(), is_held: false, unwanted: BTreeSet::new() };
        state.opened(plan.jobs.clone())
    }

    fn step(mut state: State, job: &Job, outcome: &String, _: UnixMillis) -> (State, Vec<Job>) {
        state.open.remove(&job.name);
        state.said.push(outcome.clone());
        let mut then = if outcome == "dropped" { Vec::new() } else { job.then.clone() };
        if CHANGED {
            then.iter_mut().for_each(|job| job.waits = !job.waits);
        }
        state.opened(then)
    }

    fn hear(mut state: State, word: &Word, _: UnixMillis) -> (State, Vec<Job>) {
        match word {
            Word::Hold => state.is_held = true,
            Word::GoOn => state.is_held = false,
            Word::Drop(name) => state.unwanted.extend([name.clone()]),
            Word::Say(text) => state.said.push(text.clone()),
        }
        (state, Vec::new())
    }

    fn goes_on(state: &State, job: &Job) -> bool {
        !(state.is_held && job.waits)
    }

    fn wants(state: &State, job: &Job) -> bool {
        !state.unwanted.contains(&job.name)
    }

    fn waits(job: &Job) -> bool {
        job.waits
    }

    fn dropped() -> String {
        "dropped".to_owned()
    }

    fn has_ended(state: &State) -> bool {
        state.open.is_empty()
    }
}

pub(crate) fn job(name: &str) -> Job {
    Job { name: name.to_owned(), waits: false, then: Vec::new() }
}

/// One that waits until it is let through.
pub(crate) fn wait(name: &str) -> Job {
    Job { waits: true, ..job(name) }
}

impl Job {
    pub(crate) fn then(self, then: impl IntoIterator<Item = Job>) -> Self {
        Self { then: then.into_iter().collect(), ..self }
    }
}

pub(crate) fn plan(jobs: impl IntoIterator<Item = Job>) -> serde_json::Value {
    let apps = BTreeMap::from([("orders".to_owned(), 1), ("store".to_owned(), 2)]);
    serde_json::to_value(Plan { project: "shop".to_owned(), apps, jobs: jobs.into_iter().collect() }).unwrap()
}

/// Several jobs, one after the other.
pub(crate) fn chain(length: usize) -> Job {
    let last = job(&format!("step-{length}"));
    (1..length).rev().fold(last, |then, step| job(&format!("step-{step}")).then([then]))
}

/// What performs jobs, and what came of that.
#[derive(Debug, Default)]
pub(crate) struct Yard {
    pub(crate) log: Mutex<Vec<String>>,
    pub(crate) progress: Mutex<Vec<String>>,
    pub(crate) failures: Mutex<BTreeMap<String, u32>>,
    through: watch::Sender<BTreeSet<String>>,
    working: watch::Sender<BTreeSet<String>>,
}

struct Working<'y>(&'y Yard, String);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        self.0.working.send_if_modified(|working| working.remove(&self.1));
    }
}

impl Yard {
    pub(crate) fn machines(self: &Arc<Self>) -> Machines {
        let yard = Arc::clone(self);
        let observer = Arc::new(move |_: &RunId, progress: &Progress<'_, Toy>| {
            let text = match progress {
                Progress::Began { op, .. } => format!("began {}", op.0),
                Progress::Ended { op, .. } => format!("ended {}", op.0),
                Progress::Heard { .. } => "heard".to_owned(),
                Progress::Stopped { error } => format!("stopped {:?}", error.kind()),
                _ => return,
            };
            yard.progress.lock().unwrap().push(text);
        });
        Machines::default().with(Arc::new(Host::<Toy>::new(Arc::new(Doer(Arc::clone(self))), observer)))
    }

    /// Lets a job through that waits.
    pub(crate) fn let_through(&self, name: &str) {
        self.through.send_if_modified(|through| through.insert(name.to_owned()));
    }

    /// Until a job is being done.
    pub(crate) async fn is_at(&self, name: &str) {
        self.working.subscribe().wait_for(|working| working.contains(name)).await.unwrap();
    }

    /// Until a job is not being done.
    pub(crate) async fn is_off(&self, name: &str) {
        self.working.subscribe().wait_for(|working| !working.contains(name)).await.unwrap();
    }

    pub(crate) fn logged(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, line: &str) -> usize {
        self.logged().iter().filter(|logged| *logged == line).count()
    }
}

struct Doer(Arc<Yard>);

#[async_trait]
impl<const CHANGED: bool> Performer<ToyOf<CHANGED>> for Doer {
    async fn perform(&self, cx: &OpContext, job: &Job) -> Result<String> {
        let yard = &*self.0;
        yard.log.lock().unwrap().push(format!("perform {} {}", job.name, cx.key()));
        yard.working.send_if_modified(|working| working.insert(job.name.clone()));
        let _working = Working(yard, job.name.clone());
        if let Some(left) = yard.failures.lock().unwrap().get_mut(&job.name).filter(|left| **left > 0) {
            *left -= 1;
            return Err(Error::new(ErrorKind::Unavailable, "do a job").on(&job.name));
        }
        if job.waits {
            yard.through.subscribe().wait_for(|through| through.contains(&job.name)).await.unwrap();
        } else {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(format!("did {}", job.name))
    }

    async fn hold(&self, cx: &OpContext, job: &Job) -> Result<()> {
        let log = format!("hold {} {}", job.name, cx.key());
        assert!(!self.0.working.borrow().contains(&job.name), "{log}: it is still being done");
        self.0.log.lock().unwrap().push(log);
        Ok(())
    }
}

/// A host with the machine that has changed.
pub(crate) fn changed() -> Machines {
    let doer = Arc::new(Doer(Arc::default()));
    Machines::default().with(Arc::new(Host::<ToyOf<true>>::new(doer, Arc::new(|_, _| {}))))
}
