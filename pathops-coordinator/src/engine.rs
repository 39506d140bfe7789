//! The embedded engine: keeps runs in a journal, and drives them in the process of the host.
//!
//! Intent before the call: an operation is in the journal before it is performed. Outcome after: its outcome, the new
//! state and the operations that follow are one transaction. After a crash the open operations are performed again with
//! the same keys, so each of them looks before it acts.
//!
//! What a run is told from outside is stored before it is acknowledged, and is heard once, in its turn, before anything new is begun.

mod active;
mod claimed;
mod drive;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{Clock, Created, Entry, Journal, Lease, Run, RunFilter, Seq, Signal, SignalNumber};
use pathops_core::flow::{Engine, Event, Hosted, Machines};
use pathops_core::{Error, ErrorKind, IdempotencyKey, OpContext, Result, RunId, UnixMillis};
use serde_json::Value;

use crate::bells::Bells;
use crate::retry::with_retry;

/// How long a lease lasts without being renewed.
const LEASE: Duration = Duration::from_secs(30);

/// How often it is looked whether a turn is free.
const TURN: Duration = Duration::from_millis(100);

/// Keeps runs in a journal and drives them in this process. It needs nothing else, and no server.
///
/// Several processes may do so over one journal that is `shared`, each under a name of its own. A run is driven by one of them. Those of
/// a process that has ended are taken over by another one at once, and those of a process that has died once its leases have expired,
/// which takes half a minute. One that begins again goes on with its own at once.
pub struct Embedded {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    owner: String,
    pause: Duration,
    bells: Bells<RunId>,
    attempts: AtomicU64,
    drains: AtomicBool,
}

impl std::fmt::Debug for Embedded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Embedded({:?}, as {})", self.journal, self.owner)
    }
}

impl Embedded {
    /// An engine that keeps its runs in `journal` and takes leases as `owner`, a name that no other process has. It looks for what it was
    /// not told of, and tries again what stood still, every `pause`.
    #[must_use]
    pub fn new(journal: Arc<dyn Journal>, clock: Arc<dyn Clock>, owner: impl Into<String>, pause: Duration) -> Self {
        let (owner, bells, attempts, drains) = (owner.into(), Bells::default(), AtomicU64::new(0), AtomicBool::new(false));
        Self { journal, clock, owner, pause, bells, attempts, drains }
    }

    /// Takes the lease `name`; held by another engine, it is `None`. Taking it again renews it.
    async fn acquire(&self, name: &str) -> Result<Option<Lease>> {
        let cx = context(name, "lease");
        with_retry(&*self.clock, || self.journal.acquire(&cx, name, &self.owner, self.clock.now(), LEASE)).await
    }

    fn drains(&self) -> bool {
        self.drains.load(Ordering::Acquire)
    }
}

#[async_trait]
impl Engine for Embedded {
    fn name(&self) -> &'static str {
        "embedded"
    }

    async fn turn(&self, name: &str) -> Result<Lease> {
        loop {
            if let Some(lease) = self.acquire(name).await? {
                return Ok(lease);
            }
            self.clock.sleep(TURN).await;
        }
    }

    async fn release(&self, turn: &Lease) -> Result<()> {
        let cx = context(&turn.name, "release");
        with_retry(&*self.clock, || self.journal.release(&cx, turn)).await
    }

    async fn start(&self, turn: &Lease, machine: &dyn Hosted, run: &RunId, start: &Value) -> Result<Created> {
        let first = machine.shell(run).make(self.clock.now(), &Event::Started(start.clone()))?;
        let cx = context(run.as_str(), "create");
        let create = || self.journal.create(&cx, turn, run, machine.machine(), &first);
        let created = with_retry(&*self.clock, create).await?;
        tracing::info!(run = %run, ?created, "run created");
        Ok(created)
    }

    async fn tell(&self, key: &IdempotencyKey, run: &RunId, told: &Value) -> Result<()> {
        let (cx, at) = (OpContext::new(key.clone()), self.clock.now());
        with_retry(&*self.clock, || self.journal.tell(&cx, run, at, told)).await?;
        self.bells.ring(run);
        Ok(())
    }

    async fn load(&self, run: &RunId) -> Result<Option<Run>> {
        let cx = context(run.as_str(), "load");
        with_retry(&*self.clock, || self.journal.load(&cx, run)).await
    }

    async fn told(&self, run: &RunId, after: SignalNumber, limit: usize) -> Result<Vec<Signal>> {
        let cx = context(run.as_str(), "told");
        with_retry(&*self.clock, || self.journal.told(&cx, run, after, limit)).await
    }

    async fn entries(&self, run: &RunId, after: Seq, limit: usize) -> Result<Vec<Entry>> {
        let cx = context(run.as_str(), "entries");
        with_retry(&*self.clock, || self.journal.entries(&cx, run, after, limit)).await
    }

    async fn runs<'a>(&self, filter: &RunFilter, after: Option<&'a RunId>, limit: usize) -> Result<Vec<RunId>> {
        let (cx, after) = (context("runs", "list"), after.cloned());
        with_retry(&*self.clock, || self.journal.runs(&cx, filter, after.as_ref(), limit)).await
    }

    async fn archive(&self, ended_before: UnixMillis, limit: usize) -> Result<Vec<RunId>> {
        let cx = context("runs", "archive");
        with_retry(&*self.clock, || self.journal.archive(&cx, ended_before, limit)).await
    }

    async fn drive(&self, machines: &Machines, run: &RunId) -> Result<Run> {
        let begun = async {
            let lease = self.lease(run).await?;
            let stored = self.load(run).await?.ok_or_else(|| Error::new(ErrorKind::NotFound, "load a run").on(run))?;
            Ok((lease, machines.get(&stored.machine)?))
        };
        match begun.await {
            Ok((lease, machine)) => self.drive_under(machine, run, lease).await,
            Err(error) => {
                machines.iter().for_each(|machine| machine.stopped(run, &error));
                Err(error)
            }
        }
    }

    async fn run(&self, machines: &Machines) -> Result<()> {
        self.drive_all(machines).await
    }

    async fn end(&self, machines: &Machines) -> Result<()> {
        for machine in machines.iter() {
            let (name, cx) = (machine.machine(), context(machine.machine(), "surrender"));
            self.journal.surrender(&cx, name, &self.owner).await?;
        }
        Ok(())
    }

    fn drain(&self) {
        self.drains.store(true, Ordering::Release);
        self.bells.ring_all();
    }
}

fn context(name: &str, what: &str) -> OpContext {
    OpContext::new(IdempotencyKey::new(format!("{name}/{what}")))
}
