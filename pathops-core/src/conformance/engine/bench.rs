//! A case's engine, what performs its runs, and what is asked of both.

use std::sync::Arc;

use serde_json::Value;

use super::super::case::Answer as _;
use super::super::{Outcome, ensure};
use super::EngineWorld;
use super::errands::{Errands, Plan, Standing, Told};
use super::hands::Hands;
use crate::adapter::{Clock, Created, Entry, Run, RunFilter, Seq};
use crate::error::Result as Answered;
use crate::flow::{Engine, Event, Host, Machine as _, Machines, Replay, digest};
use crate::id::RunId;
use crate::op::IdempotencyKey;
use crate::time::UnixMillis;

pub(super) struct Bench {
    pub(super) world: EngineWorld,
    pub(super) engine: Arc<dyn Engine>,
    pub(super) machines: Machines,
    pub(super) hands: Hands,
}

/// An engine that drives all runs, until it is dropped: that is a crash.
pub(super) struct Worker(tokio::task::JoinHandle<Answered<()>>);

impl Worker {
    pub(super) fn new(engine: &Arc<dyn Engine>, machines: &Machines) -> Self {
        let (engine, machines) = (engine.clone(), machines.clone());
        Self(tokio::spawn(async move { engine.run(&machines).await }))
    }

    /// Waits until it has let go of everything.
    pub(super) async fn crash(mut self) {
        self.0.abort();
        let _aborted = (&mut self.0).await;
    }

    /// Waits until it ends by itself.
    pub(super) async fn ended(mut self, world: &EngineWorld) -> Outcome {
        let ended = world.in_time("an engine that drains comes to its end", &mut self.0).await?;
        ended.map_err(|error| format!("it did not end by itself: {error}"))?.works()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(super) fn run_id(name: &str) -> Result<RunId, String> {
    RunId::parse(name).map_err(|error| error.to_string())
}

pub(super) fn plan(waves: &[&[&str]]) -> Plan {
    Plan { waves: waves.iter().map(|wave| wave.iter().map(|errand| (*errand).to_owned()).collect()).collect() }
}

fn json(value: &impl serde::Serialize) -> Result<Value, String> {
    serde_json::to_value(value).map_err(|error| error.to_string())
}

pub(super) fn state(run: &Run) -> Result<Standing, String> {
    serde_json::from_value(run.state.clone()).map_err(|error| format!("the state is none of the machine: {error}"))
}

impl Bench {
    pub(super) async fn new(world: EngineWorld) -> Self {
        let engine = (world.open)("one".to_owned(), world.clock.clone()).await;
        let hands = Hands::new(world.clock.clone());
        let machines = Self::machines(&hands);
        Self { world, engine, machines, hands }
    }

    fn machines(hands: &Hands) -> Machines {
        let host: Host<Errands> = Host::new(Arc::new(hands.clone()), hands.observer());
        Machines::default().with(Arc::new(host))
    }

    pub(super) fn clock(&self) -> &dyn Clock {
        &*self.world.clock
    }

    pub(super) fn worker(&self) -> Worker {
        Worker::new(&self.engine, &self.machines)
    }

    /// Makes the engine anew, as after the end of the process: what an earlier one of its name drove nobody drives any more.
    pub(super) async fn again(self) -> Result<Self, String> {
        let Self { world, engine, machines, hands } = self;
        drop(engine);
        let engine = (world.open)("one".to_owned(), world.clock.clone()).await;
        engine.end(&machines).await.works()?;
        Ok(Self { world, engine, machines, hands })
    }

    pub(super) async fn try_start(&self, run: &RunId, start: &Value) -> Answered<Created> {
        let turn = self.engine.turn("starting").await?;
        let started = match self.machines.get(Errands::NAME) {
            Ok(machine) => self.engine.start(&turn, &**machine, run, start).await,
            Err(error) => Err(error),
        };
        self.engine.release(&turn).await?;
        started
    }

    pub(super) async fn start(&self, run: &RunId, plan: &Plan) -> Outcome {
        let created = self.world.in_time("a run is started", self.try_start(run, &json(plan)?)).await?.works()?;
        ensure!(created == Created::New, "a new run is {created:?}");
        Ok(())
    }

    pub(super) async fn try_tell(&self, key: &str, run: &RunId, told: &Told) -> Answered<()> {
        let told = serde_json::to_value(told).unwrap_or_default();
        self.engine.tell(&IdempotencyKey::new(key), run, &told).await
    }

    pub(super) async fn tell(&self, key: &str, run: &RunId, told: &Told) -> Outcome {
        self.world.in_time("a run is told something", self.try_tell(key, run, told)).await?.works()
    }

    pub(super) async fn load(&self, run: &RunId) -> Result<Run, String> {
        let loaded = self.world.in_time("a run is loaded", self.engine.load(run)).await?.works()?;
        loaded.ok_or_else(|| format!("the run {run} is not there"))
    }

    pub(super) async fn entries(&self, run: &RunId) -> Result<Vec<Entry>, String> {
        self.world.in_time("entries are read", self.engine.entries(run, Seq(0), usize::MAX)).await?.works()
    }

    pub(super) async fn list(&self, filter: &RunFilter) -> Result<Vec<String>, String> {
        let runs = self.world.in_time("runs are listed", self.engine.runs(filter, None, usize::MAX)).await?.works()?;
        Ok(runs.iter().map(ToString::to_string).collect())
    }

    /// Waits until a run has ended.
    pub(super) async fn ended(&self, run: &RunId) -> Result<Standing, String> {
        loop_until(self, run, |it| it.has_ended, "it ends").await
    }

    /// Waits until a run has come so far.
    pub(super) async fn comes_to(&self, run: &RunId, what: &str, so_far: impl Fn(&Standing) -> bool) -> Result<Standing, String> {
        loop_until(self, run, so_far, what).await
    }

    pub(super) async fn begins(&self, errand: &str, times: usize) -> Outcome {
        let what = format!("`{errand}` is begun {times} times");
        self.world.until(&what, || self.hands.begun(errand) >= times).await
    }

    /// What happened is what the machine makes of it, transition by transition, and the run is stored as it leaves it.
    pub(super) async fn replays(&self, run: &RunId) -> Outcome {
        let (stored, entries) = (self.load(run).await?, self.entries(run).await?);
        let mut replay = Replay::<Errands>::new();
        for entry in &entries {
            replay.follow(entry).map_err(|divergence| divergence.to_string())?;
        }
        replay.finish(&stored).map_err(|divergence| divergence.to_string()).map(drop)
    }

    /// What happened has the digest of these events, whichever engine drove the run.
    pub(super) async fn happened(&self, run: &RunId, events: Vec<Event<Plan, super::errands::Answer, Told>>) -> Outcome {
        let (mut shell, mut made) = (crate::flow::Shell::<Errands>::new(), Vec::new());
        for event in events {
            let at = UnixMillis(0);
            let step = shell.step(at, &event).map_err(|difference| difference.to_string())?;
            let transition = step.stored(at, &event).works()?;
            shell.take(step);
            let (format, closes, opens) = (transition.format, transition.closes, transition.opens);
            made.push(Entry { seq: shell.seq(), format, at, event: transition.event, closes, opens });
        }
        let entries = self.entries(run).await?;
        ensure!(
            digest(&entries) == digest(&made),
            "what happened is not what was done, one after the other: {entries:#?} and not {made:#?}"
        );
        Ok(())
    }
}

async fn loop_until(bench: &Bench, run: &RunId, so_far: impl Fn(&Standing) -> bool, what: &str) -> Result<Standing, String> {
    let come = async {
        loop {
            let state = state(&bench.load(run).await?)?;
            if so_far(&state) {
                return Ok(state);
            }
            bench.clock().sleep(super::LOOK).await;
        }
    };
    bench.world.in_time(&format!("{what} (`{run}`)"), come).await?
}
