//! What comes while one transaction is on its way goes into the next one, all of it together: a disk that takes its time makes
//! batches larger and not the line longer.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures_util::lock::Mutex as Turn;
use pathops_core::adapter::{Admitted, Inbox, NewDelivery};
use pathops_core::{Error, ErrorKind, Result};

use super::cx;

/// How many deliveries one transaction stores at most.
const AT_ONCE: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Batch {
    waiting: Mutex<Waiting>,
    turn: Turn<()>,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    /// Those without an answer are still to be stored.
    all: BTreeMap<u64, (NewDelivery, Option<Result<Admitted>>)>,
}

/// A delivery that waits. Whoever stops waiting takes it away.
struct Place<'b> {
    batch: &'b Batch,
    number: u64,
}

impl Batch {
    /// Stores it in `inbox`, which is the same each time.
    pub(super) async fn admit(&self, inbox: &dyn Inbox, new: NewDelivery) -> Result<Admitted> {
        let place = self.wait(new);
        let _turn = self.turn.lock().await;
        // Whose turn it was before may have stored this one too.
        if let Some(answer) = place.answer() {
            return answer;
        }
        let batch = self.first(place.number);
        let deliveries: Vec<NewDelivery> = batch.iter().map(|(_, new)| new.clone()).collect();
        let answers = admit(inbox, &deliveries).await;
        let mut waiting = self.waiting();
        for ((number, _), answer) in batch.iter().zip(answers) {
            if let Some(it) = waiting.all.get_mut(number) {
                it.1 = Some(answer);
            }
        }
        drop(waiting);
        place.answer().unwrap_or_else(|| Err(unanswered(inbox)))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, new: NewDelivery) -> Place<'_> {
        let mut waiting = self.waiting();
        waiting.next += 1;
        let number = waiting.next;
        waiting.all.insert(number, (new, None));
        Place { batch: self, number }
    }

    /// Those that have waited longest, and this one among them.
    fn first(&self, own: u64) -> Vec<(u64, NewDelivery)> {
        let waiting = self.waiting();
        let others = waiting.all.iter().filter(|(number, (_, answer))| answer.is_none() && **number != own);
        let others = others.take(AT_ONCE - 1).map(|(number, (new, _))| (*number, new.clone()));
        let mut batch: Vec<_> = others.chain(waiting.all.get(&own).map(|(new, _)| (own, new.clone()))).collect();
        batch.sort_by_key(|(number, _)| *number);
        batch
    }
}

impl Place<'_> {
    fn answer(&self) -> Option<Result<Admitted>> {
        self.batch.waiting().all.get_mut(&self.number).and_then(|(_, answer)| answer.take())
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.batch.waiting().all.remove(&self.number);
    }
}

/// What becomes of each of them.
async fn admit(inbox: &dyn Inbox, deliveries: &[NewDelivery]) -> Vec<Result<Admitted>> {
    let one = |all: &[Admitted], place| all.get(place).copied().ok_or_else(|| unanswered(inbox));
    match inbox.admit(&cx("admit"), deliveries).await {
        Ok(all) => (0..deliveries.len()).map(|place| one(&all, place)).collect(),
        // One that can never be stored does not keep out the others.
        Err(error) if error.kind() == ErrorKind::Invalid && deliveries.len() > 1 => {
            let mut answers = Vec::new();
            for delivery in deliveries {
                let admitted = inbox.admit(&cx("admit"), std::slice::from_ref(delivery)).await;
                answers.push(admitted.and_then(|all| one(&all, 0)));
            }
            answers
        }
        Err(error) => deliveries.iter().map(|_| Err(copy(&error))).collect(),
    }
}

fn unanswered(inbox: &dyn Inbox) -> Error {
    Error::new(ErrorKind::Unexpected, "store a delivery").on(inbox.name()).because("the inbox said nothing of it")
}

/// An error for each of those who wait: what went wrong is the same for all of them.
fn copy(error: &Error) -> Error {
    let copy = Error::new(error.kind(), error.operation()).because(error);
    copy.with_retry(error.retry()).with_effect(error.effect())
}
