//! Where a worker comes to its end, and a journal that lets it come there.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use pathops_core::adapter::{
    Created, Entry, Journal, JournalCapabilities, Lease, Run, RunFilter, Seq, Signal, SignalNumber, Transition,
};
use pathops_core::{OpContext, Result, RunId, UnixMillis};
use rustix::process::{Signal as Sent, getpid, kill_process};
use serde_json::Value;

/// What a worker is sent where it comes to its point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Blow {
    /// It is gone, and nothing of it is cleaned up.
    Kill,
    /// It stands still with everything that it holds, until it is let go on.
    Freeze,
}

/// The point at which a worker is killed or frozen: when it comes there for the so-many-th time.
#[derive(Clone, Debug)]
pub(super) struct Fate {
    point: String,
    left: Arc<AtomicU32>,
    blow: Blow,
}

impl Fate {
    pub(super) fn new(point: impl Into<String>, times: u32, blow: Blow) -> Self {
        Self { point: point.into(), left: Arc::new(AtomicU32::new(times)), blow }
    }

    /// Ends, or stands still, where that is the point.
    pub(super) fn comes_to(&self, point: &str) {
        if self.point == point && self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let sent = if self.blow == Blow::Kill { Sent::KILL } else { Sent::STOP };
            kill_process(getpid(), sent).unwrap();
        }
    }

    /// What is done between two points, and is neither begun before the first nor known of before the second.
    async fn around<T>(&self, call: &str, done: impl Future<Output = Result<T>> + Send) -> Result<T> {
        self.comes_to(&format!("before {call}"));
        let done = done.await;
        self.comes_to(&format!("after {call}"));
        done
    }
}

/// The right journal. Every write of it is a point at which its worker may come to its end.
#[derive(Debug)]
pub(super) struct Mortal {
    pub(super) right: Box<dyn Journal>,
    pub(super) fate: Fate,
}

#[async_trait]
impl Journal for Mortal {
    fn name(&self) -> &'static str {
        self.right.name()
    }

    fn capabilities(&self) -> JournalCapabilities {
        self.right.capabilities()
    }

    async fn acquire(&self, cx: &OpContext, name: &str, owner: &str, now: UnixMillis, ttl: Duration) -> Result<Option<Lease>> {
        self.fate.around("acquire", self.right.acquire(cx, name, owner, now, ttl)).await
    }

    async fn release(&self, cx: &OpContext, lease: &Lease) -> Result<()> {
        self.fate.around("release", self.right.release(cx, lease)).await
    }

    async fn claim(
        &self,
        cx: &OpContext,
        machine: &str,
        owner: &str,
        now: UnixMillis,
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>> {
        self.fate.around("claim", self.right.claim(cx, machine, owner, now, ttl, limit)).await
    }

    async fn surrender(&self, cx: &OpContext, machine: &str, owner: &str) -> Result<()> {
        self.fate.around("surrender", self.right.surrender(cx, machine, owner)).await
    }

    async fn woken(&self) -> Option<RunId> {
        self.right.woken().await
    }

    async fn tell(&self, cx: &OpContext, run: &RunId, at: UnixMillis, told: &Value) -> Result<SignalNumber> {
        self.fate.around("tell", self.right.tell(cx, run, at, told)).await
    }

    async fn told(&self, cx: &OpContext, run: &RunId, after: SignalNumber, limit: usize) -> Result<Vec<Signal>> {
        self.right.told(cx, run, after, limit).await
    }

    async fn create(&self, cx: &OpContext, lease: &Lease, run: &RunId, machine: &str, first: &Transition) -> Result<Created> {
        self.fate.around("create", self.right.create(cx, lease, run, machine, first)).await
    }

    async fn append(&self, cx: &OpContext, lease: &Lease, run: &RunId, expected: Seq, transition: &Transition) -> Result<Seq> {
        self.fate.around("append", self.right.append(cx, lease, run, expected, transition)).await
    }

    async fn load(&self, cx: &OpContext, run: &RunId) -> Result<Option<Run>> {
        self.right.load(cx, run).await
    }

    async fn runs<'a>(&self, cx: &OpContext, filter: &RunFilter, after: Option<&'a RunId>, limit: usize) -> Result<Vec<RunId>> {
        self.right.runs(cx, filter, after, limit).await
    }

    async fn entries(&self, cx: &OpContext, run: &RunId, after: Seq, limit: usize) -> Result<Vec<Entry>> {
        self.right.entries(cx, run, after, limit).await
    }

    async fn archive(&self, cx: &OpContext, ended_before: UnixMillis, limit: usize) -> Result<Vec<RunId>> {
        self.fate.around("archive", self.right.archive(cx, ended_before, limit)).await
    }
}
