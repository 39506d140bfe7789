//! Adding transitions. All that wait for the connection at once are one statement, which SQLite does whole or not at all and commits by
//! itself: however many they are, they take one way to the driver's thread and back, and wait for the disk once.
//!
//! Whoever has its turn first adds them for all, and the others find that done when theirs comes. Where all cannot be added at once, each
//! tries alone when its turn comes, and so it learns of its own fault. The same happens where the first is dropped on the way: whether it
//! was added by then, a transition that comes again tells.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use pathops_core::adapter::{Lease, Seq, Transition};
use pathops_core::{Effect, Result, RunId};

use super::database::Database;
use super::write::{add, is_stored, refusal};
use crate::journal_rows::{Record, Refusal};

/// How many share a statement at most. To SQLite each number of rows is a statement of its own, and the driver keeps a hundred of them.
const TOGETHER: usize = 32;

/// The transitions that wait for the connection. One that is not waited for any more is gone.
#[derive(Debug, Default)]
pub(super) struct Appends(Mutex<VecDeque<Weak<Append>>>);

/// A transition to add.
pub(super) struct Append {
    pub(super) lease: Lease,
    pub(super) run: RunId,
    pub(super) expected: Seq,
    pub(super) record: Record,
    /// By another one, with its own.
    is_added: AtomicBool,
}

impl Append {
    pub(super) fn new(lease: &Lease, run: &RunId, expected: Seq, record: Record) -> Self {
        Self { lease: lease.clone(), run: run.clone(), expected, record, is_added: AtomicBool::new(false) }
    }
}

impl Appends {
    pub(super) async fn append(
        &self,
        database: &Database,
        lease: &Lease,
        run: &RunId,
        expected: Seq,
        transition: &Transition,
    ) -> Result<Seq> {
        const OPERATION: &str = "append to a run";
        let record = Record::new(&database.call(OPERATION, run), transition)?;
        let (own, next) = (Arc::new(Append::new(lease, run, expected, record)), Seq(expected.0.saturating_add(1)));
        self.waiting().push_back(Arc::downgrade(&own));
        let is_added = || own.is_added.load(Ordering::Acquire);
        let Some(mut reader) = database.reader_unless(is_added, OPERATION, run).await else { return Ok(next) };
        let all = self.take(&own);
        if all.len() > 1 && add(&mut reader, &all).await.is_ok() {
            all.iter().for_each(|one| one.is_added.store(true, Ordering::Release));
            return Ok(next);
        }
        let Err(error) = add(&mut reader, std::slice::from_ref(&own)).await else { return Ok(next) };
        match refusal(&mut reader, &own, &error).await? {
            // It may have reached the disk although the answer did not come back.
            None => Err(reader.call.failed(error).with_effect(Effect::Unknown)),
            Some(Refusal::Moved(_)) if is_stored(&mut reader, run, next, &own.record).await? => Ok(next),
            Some(why) => Err(why.error(&reader.call, lease, expected)),
        }
    }

    /// One that has its turn, and those that wait.
    fn take(&self, own: &Arc<Append>) -> Vec<Arc<Append>> {
        let (mut all, mut waiting) = (vec![own.clone()], self.waiting());
        while all.len() < TOGETHER
            && let Some(next) = waiting.pop_front()
        {
            all.extend(next.upgrade().filter(|next| !Arc::ptr_eq(next, own)));
        }
        all
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Weak<Append>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
