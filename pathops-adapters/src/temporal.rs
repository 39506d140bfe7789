//! Runs on a Temporal server, which keeps them and hands out what is to be done. For hosts that have one. It is tested on Temporal's server
//! for development, 1.32.
//!
//! A run is a workflow execution of the type `pathops.run` whose id is the id of the run, and all of them share one task queue. The
//! workflow follows the machine of the run; each operation that the machine asks for is an activity, performed again and again under
//! its key until it has ended. What a run is told is a signal. What the machine made is in the memo of the execution and in its history,
//! so that runs are read without any worker, after their end, too, for as long as the server keeps them: the retention of the namespace
//! is how long runs are kept, and how long an id is taken. It has to be longer than any run takes: of one that goes on in a new execution,
//! those before are kept as long only.
//!
//! The server bounds what it keeps of one moment, by default to 2 MiB: the state of a run, its open operations, what it
//! is told while nobody drives it, and the outcome of an operation. A run that comes to more stands still.
//!
//! A run with a long history goes on in a new execution, and is one run all the same. Runs are found by search attributes
//! (`PathOpsMachine`, `PathOpsState`, `PathOpsProject`, `PathOpsApps`), which are added to the namespace where they are missing.
//!
//! The connection is not encrypted: between machines, put it behind something that does that.
//!
//! A worker runs as long as [`Engine::run`] or [`Engine::drive`] does. Several hosts may, with the same machines: then each operation is
//! performed by one of them. A host that ends lets go of what it did at once, and one that dies within some
//! 20 seconds ([eight beats](TemporalConfig::beat), and the next try). A host that is cut off from the server, and not dead, goes on meanwhile
//! with what it had begun: as after a crash, an operation looks before it acts.

mod activities;
mod attributes;
mod connection;
mod error;
mod host;
mod operations;
mod read;
mod replay;
mod start;
mod turn;
mod wire;
mod worker;
mod workflow;

pub use replay::replay;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{Clock, Created, Entry, Lease, OpId, Run, RunFilter, Seq, Signal, SignalNumber};
use pathops_core::flow::{Engine, Hosted, Machines};
use pathops_core::{Error, ErrorKind, IdempotencyKey, Result, RunId, UnixMillis};
use serde_json::Value;
use temporalio_client::Client;
use tokio::sync::watch;

use crate::temporal::error::{tried, with_retry};
use crate::temporal::worker::Working;

/// How often it is looked whether what was asked for is so.
const LOOK: Duration = Duration::from_millis(100);

/// Which server, and what of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TemporalConfig {
    /// Where the server is, for example `http://127.0.0.1:7233`.
    pub address: String,
    /// Its namespace that runs are in.
    pub namespace: String,
    /// The task queue of the runs: all hosts of a project have the same one, and nobody else, since whoever has it performs what is to be
    /// done. Engines with another one see other runs; the ids are the namespace's.
    pub queue: String,
    /// What the server calls this host.
    pub identity: String,
    /// How often the server hears that an operation goes on. That is also how long it may take until it is known that one is to stop;
    /// and after eight of them, and 5 seconds at least, a host that says nothing is taken for dead.
    pub beat: Duration,
    /// After how many transitions a run goes on in a new execution, where the server does not ask for that before.
    pub roll_after: Option<u64>,
}

impl TemporalConfig {
    /// The namespace `default` of the server at `address`, and a task queue that no other project has, such as `pathops-shop`.
    #[must_use]
    pub fn new(address: impl Into<String>, queue: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            namespace: "default".to_owned(),
            queue: queue.into(),
            identity: "pathops".to_owned(),
            beat: Duration::from_secs(2),
            roll_after: None,
        }
    }
}

/// Keeps runs on a Temporal server, and drives them by workers in this process.
pub struct Temporal {
    config: TemporalConfig,
    clock: Arc<dyn Clock>,
    client: Client,
    drains: watch::Sender<bool>,
    workers: Mutex<Vec<watch::Receiver<bool>>>,
}

impl fmt::Debug for Temporal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TemporalConfig { address, namespace, queue, .. } = &self.config;
        write!(f, "Temporal({address}, namespace {namespace}, task queue {queue})")
    }
}

impl Temporal {
    /// An engine of the server that `config` names. What it needs of the namespace is added where it is missing.
    ///
    /// # Errors
    /// `Unavailable` where the server cannot be reached, after some ten seconds; `Denied` where the search attributes are missing and may not be added;
    /// `Invalid` where the address is none; what the server answers.
    pub async fn connect(config: TemporalConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        // A server that is being started takes a few seconds; one that is not there is to be told soon.
        let client = tried(&*clock, 8, || connection::connect(&config)).await?;
        with_retry(&*clock, || attributes::prepare(&client, &config.namespace)).await?;
        while !with_retry(&*clock, || attributes::are_known(&client)).await? {
            clock.sleep(LOOK).await;
        }
        Ok(Self { config, clock, client, drains: watch::Sender::new(false), workers: Mutex::default() })
    }

    /// The history of the latest execution of a run, as [`replay`] reads it.
    ///
    /// # Errors
    /// `NotFound` for an unknown run; what the server answers.
    pub async fn history(&self, run: &RunId) -> Result<Vec<u8>> {
        with_retry(&*self.clock, || self.raw_history(run)).await
    }

    fn working(&self, machines: &Machines) -> Result<Working> {
        let working = Working::begin(&self.config, &self.clock, machines)?;
        let mut workers = self.workers.lock().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|ended| !*ended.borrow());
        workers.push(working.ended());
        Ok(working)
    }

    /// Until the engine drains.
    async fn drained(&self) {
        self.drains.subscribe().wait_for(|drains| *drains).await.ok();
    }

    /// Refuses a run that no machine of the host reads.
    fn readable(machines: &Machines, run: &Run) -> Result<()> {
        machines.get(&run.machine)?.resume(run, OpId(u64::MAX)).map(drop)
    }

    async fn drive_stored(&self, machines: &Machines, stored: Run) -> Result<Run> {
        Self::readable(machines, &stored)?;
        let run = stored.id;
        let mut working = self.working(machines)?;
        let drained = async {
            tokio::select! {
                ended = self.ended(&run) => ended.map(|()| false),
                () = self.drained() => Ok(true),
            }
        };
        if working.during(drained).await? {
            working.drained(&*self.clock).await;
            working.during(self.taken_up(&run)).await?;
        }
        let driven = working.during(self.load_known(&run)).await;
        working.leave().await;
        driven
    }

    async fn load_known(&self, run: &RunId) -> Result<Run> {
        self.load(run).await?.ok_or_else(|| Error::new(ErrorKind::NotFound, "load a run").on(run))
    }
}

#[async_trait]
impl Engine for Temporal {
    fn name(&self) -> &'static str {
        "temporal"
    }

    async fn turn(&self, name: &str) -> Result<Lease> {
        loop {
            if let Some(lease) = with_retry(&*self.clock, || self.take_turn(name)).await? {
                return Ok(lease);
            }
            self.clock.sleep(LOOK).await;
        }
    }

    async fn release(&self, turn: &Lease) -> Result<()> {
        with_retry(&*self.clock, || self.give_turn_back(turn)).await
    }

    async fn start(&self, turn: &Lease, machine: &dyn Hosted, run: &RunId, start: &Value) -> Result<Created> {
        let starting = self.starting(machine, run, start)?;
        let created = with_retry(&*self.clock, || self.start_once(turn, &starting)).await?;
        tracing::info!(run = %run, ?created, "run created");
        self.is_listed(run, "").await?;
        Ok(created)
    }

    async fn tell(&self, key: &IdempotencyKey, run: &RunId, told: &Value) -> Result<()> {
        let at = self.clock.now();
        with_retry(&*self.clock, || self.tell_once(key, run, at, told)).await
    }

    async fn load(&self, run: &RunId) -> Result<Option<Run>> {
        let record = with_retry(&*self.clock, || self.record(run)).await?;
        Ok(record.map(|record| record.run))
    }

    async fn told(&self, run: &RunId, after: SignalNumber, limit: usize) -> Result<Vec<Signal>> {
        with_retry(&*self.clock, || self.told_once(run, after, limit)).await
    }

    async fn entries(&self, run: &RunId, after: Seq, limit: usize) -> Result<Vec<Entry>> {
        with_retry(&*self.clock, || self.entries_once(run, after, limit)).await
    }

    async fn runs<'a>(&self, filter: &RunFilter, after: Option<&'a RunId>, limit: usize) -> Result<Vec<RunId>> {
        if filter.archived {
            return Ok(Vec::new());
        }
        let after = after.cloned();
        let mut all = with_retry(&*self.clock, || self.all_runs(filter)).await?;
        all.retain(|run| after.as_ref().is_none_or(|after| run > after));
        Ok(all.into_iter().take(limit).collect())
    }

    async fn archive(&self, _: UnixMillis, _: usize) -> Result<Vec<RunId>> {
        let error = Error::new(ErrorKind::Unsupported, "archive runs").on(&self.config.namespace);
        let error = error.because("Temporal's server lets go of what has ended by itself");
        Err(error.advise("set the retention period of the namespace, and its archival where it is to be kept"))
    }

    async fn drive(&self, machines: &Machines, run: &RunId) -> Result<Run> {
        let driven = async {
            let stored = self.load_known(run).await?;
            if stored.ended { Ok(stored) } else { self.drive_stored(machines, stored).await }
        };
        let driven = driven.await;
        if let Err(error) = &driven {
            machines.iter().for_each(|machine| machine.stopped(run, error));
        }
        driven
    }

    async fn run(&self, machines: &Machines) -> Result<()> {
        if *self.drains.borrow() {
            return Ok(());
        }
        let mut working = self.working(machines)?;
        working.during(self.drained()).await;
        working.drained(&*self.clock).await;
        working.leave().await;
        Ok(())
    }

    async fn end(&self, _: &Machines) -> Result<()> {
        let workers = std::mem::take(&mut *self.workers.lock().unwrap_or_else(PoisonError::into_inner));
        for mut ended in workers {
            // One whose engine has gone has ended, too.
            ended.wait_for(|ended| *ended).await.ok();
        }
        Ok(())
    }

    fn drain(&self) {
        self.drains.send_replace(true);
    }
}
