//! What a worker's workflows and activities know of their host.

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use pathops_core::flow::Machines;
use pathops_core::{Error, RunId};
use tokio::sync::watch;

/// How many beats may be missed.
const BEATS: u32 = 8;

/// So many operations are kept in mind of which the host was told.
const MOST_TOLD: usize = 100_000;

/// A machine that is busy may be late.
const SHORTEST: Duration = Duration::from_secs(5);

/// Whether the host goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goes {
    On,
    /// It begins nothing any more, lets go of what waits, and brings the rest to its end.
    Drains,
    /// It lets go of everything.
    Away,
}

/// The host of a worker.
pub(super) struct Host {
    pub(super) machines: Machines,
    /// How long an activity is silent before the server takes its host for dead.
    pub(super) silence: Duration,
    goes: watch::Sender<Goes>,
    busy: watch::Sender<usize>,
    is_shown: AtomicBool,
    /// The operations of which the host was told that they are being performed, by their keys: once, however often one is tried.
    told: Mutex<HashSet<String>>,
}

/// Something that is being done, for as long as it is.
pub(super) struct Busy(Arc<Host>);

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Host({:?})", self.machines)
    }
}

impl Host {
    /// A host that lets the server hear of each operation after every `beat`.
    pub(super) fn new(machines: Machines, beat: Duration) -> Arc<Self> {
        let (goes, busy) = (watch::Sender::new(Goes::On), watch::Sender::new(0));
        let silence = (beat * BEATS).max(SHORTEST);
        Arc::new(Self { machines, silence, goes, busy, is_shown: AtomicBool::new(true), told: Mutex::default() })
    }

    pub(super) fn goes(&self) -> watch::Receiver<Goes> {
        self.goes.subscribe()
    }

    pub(super) fn set(&self, goes: Goes) {
        self.goes.send_replace(goes);
        if goes == Goes::Away {
            self.is_shown.store(false, Ordering::Release);
        }
    }

    /// Whether anybody sees what happens.
    pub(super) fn is_shown(&self) -> bool {
        self.is_shown.load(Ordering::Acquire)
    }

    /// Whether the host is to be told that this operation is being performed: it was not yet, or not since it was over here. What is over
    /// elsewhere is not heard of, so that all is forgotten once it is much: to be told again does no harm.
    pub(super) fn tells(&self, key: &str) -> bool {
        let mut told = self.told();
        if told.len() >= MOST_TOLD {
            told.clear();
        }
        told.insert(key.to_owned())
    }

    /// The operation has ended, or is held.
    pub(super) fn is_over(&self, key: &str) {
        self.told().remove(key);
    }

    fn told(&self) -> MutexGuard<'_, HashSet<String>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.busy.send_modify(|busy| *busy += 1);
        Busy(Arc::clone(self))
    }

    /// Until nothing is being done.
    pub(super) async fn is_idle(&self) {
        self.busy.subscribe().wait_for(|busy| *busy == 0).await.ok();
    }

    /// Tells all machines that a run stands still, where it is not known which one it is of.
    pub(super) fn all_stopped(&self, run: &RunId, error: &Error) {
        self.machines.iter().for_each(|machine| machine.stopped(run, error));
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.send_modify(|busy| *busy -= 1);
    }
}
