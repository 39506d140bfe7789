//! What every [`Journal`] must do.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use libtest_mimic::Trial;
use serde_json::json;

use super::case::Answer as _;
use super::scm::world::cx;
use super::step::{Pinned, declares};
use super::{Case, Fresh, Outcome, into_trials};
use crate::adapter::{Entry, Journal, JournalCapabilities, Lease, OpId, OpenOp, Run, Seq, Transition};
use crate::id::RunId;
use crate::time::UnixMillis;

mod archive;
mod claim;
mod lease;
mod order;
mod signals;
mod store;
mod transition;

/// Gives each case a journal of its own.
#[async_trait]
pub trait JournalFixture: Send + Sync + 'static {
    /// An empty journal.
    async fn fresh(&self) -> JournalWorld;
}

type Open = Arc<dyn Fn() -> Pinned<Arc<dyn Journal>> + Send + Sync>;

/// A way to open one store, as often as a case likes.
pub struct JournalWorld {
    open: Open,
    _guard: Box<dyn Any + Send + Sync>,
}

impl JournalWorld {
    /// `open` opens the store of this world, which is empty at first. Where the journal is declared `durable`, it is
    /// opened again after the first one was dropped, and where it is declared `shared`, beside the first one; otherwise
    /// `open` is called once. `guard` is dropped at the end of the case.
    pub fn new<F>(open: impl Fn() -> F + Send + Sync + 'static, guard: impl Any + Send + Sync) -> Self
    where
        F: Future<Output = Arc<dyn Journal>> + Send + 'static,
    {
        Self { open: Arc::new(move || Box::pin(open())), _guard: Box::new(guard) }
    }

    async fn bench(&self) -> Result<Bench, String> {
        let journal = (self.open)().await;
        let lease = take(&*journal, "engine", "one", 1_000).await?.ok_or("a free lease was not given")?;
        Ok(Bench { journal, lease, run: run("run-1") })
    }
}

impl fmt::Debug for JournalWorld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalWorld").finish_non_exhaustive()
    }
}

/// The cases as trials. `capabilities` is what the adapter is meant to declare, written down by its author.
#[must_use]
pub fn trials(fixture: Arc<dyn JournalFixture>, capabilities: JournalCapabilities) -> Vec<Trial> {
    into_trials(cases(capabilities), &worlds(fixture))
}

/// The worlds of a fixture, for [`Case::check`] and [`failures`](super::failures).
#[must_use]
pub fn worlds(fixture: Arc<dyn JournalFixture>) -> Fresh<JournalWorld> {
    Arc::new(move || {
        let fixture = fixture.clone();
        Box::pin(async move { fixture.fresh().await })
    })
}

/// One case for each behaviour.
#[must_use]
pub fn cases(capabilities: JournalCapabilities) -> Vec<Case<JournalWorld>> {
    let mut cases = vec![Case::new(SUITE, "declares_what_it_is_tested_for", move |world| {
        declares_what_it_is_tested_for(world, capabilities)
    })];
    cases.extend(transition::cases());
    cases.extend(order::cases());
    cases.extend(lease::cases());
    cases.extend(claim::cases());
    cases.extend(signals::cases());
    cases.extend(archive::cases());
    if capabilities.durable {
        cases.extend([store::durable(), signals::durable(), archive::durable()]);
    }
    if capabilities.shared {
        cases.extend([store::shared(), claim::shared()]);
        cases.extend(signals::shared(capabilities.wakes));
    }
    if capabilities.wakes {
        cases.push(claim::wakes(capabilities.shared));
    }
    cases
}

async fn declares_what_it_is_tested_for(world: JournalWorld, capabilities: JournalCapabilities) -> Outcome {
    declares(&(world.open)().await.capabilities(), &capabilities)
}

const SUITE: &str = "journal";
const TTL: Duration = Duration::from_secs(10);

/// An open journal, a lease that is held, and the name of a run.
struct Bench {
    journal: Arc<dyn Journal>,
    lease: Lease,
    run: RunId,
}

impl Bench {
    async fn create(&self, first: &Transition) -> Outcome {
        self.journal.create(&cx("create"), &self.lease, &self.run, "machine", first).await.works().map(drop)
    }

    async fn append(&self, after: u64, transition: &Transition) -> crate::Result<Seq> {
        self.journal.append(&cx("append"), &self.lease, &self.run, Seq(after), transition).await
    }

    async fn load(&self) -> Result<Run, String> {
        let run = self.journal.load(&cx("load"), &self.run).await.works()?;
        run.ok_or_else(|| format!("the run {} is not there", self.run))
    }

    async fn entries(&self) -> Result<Vec<Entry>, String> {
        self.journal.entries(&cx("entries"), &self.run, Seq(0), usize::MAX).await.works()
    }

    /// The run and its entries: all that a reader can see of it.
    async fn seen(&self) -> Result<(Run, Vec<Entry>), String> {
        Ok((self.load().await?, self.entries().await?))
    }
}

async fn take(journal: &dyn Journal, name: &str, owner: &str, at: i64) -> Result<Option<Lease>, String> {
    journal.acquire(&cx("acquire"), name, owner, UnixMillis(at), TTL).await.works()
}

#[expect(clippy::expect_used, reason = "the cases name their runs by literals, which the first run of the kit checks")]
fn run(name: &str) -> RunId {
    RunId::parse(name).expect("a literal is a run id")
}

/// A transition whose contents tell it from every other one with another `n`.
fn transition(n: u64, closes: Option<u64>, opens: &[u64]) -> Transition {
    Transition {
        format: 1,
        at: UnixMillis(1_000),
        event: json!({"event": n, "text": "é \"quoted\" \\ \n"}),
        state: json!({"state": n, "list": [1, null, true, {"deep": -1.5}]}),
        closes: closes.map(OpId),
        hears: None,
        opens: opens.iter().map(|op| OpenOp { op: OpId(*op), command: json!({"command": op}) }).collect(),
        ends: false,
    }
}
