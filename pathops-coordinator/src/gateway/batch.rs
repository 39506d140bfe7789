//! What comes while one batch is on its way goes into the next one, all of it together: a disk that takes its time makes batches
//! larger and not the line longer.
//!
//! A batch is its bodies, for which the disk is waited for once, and then one transaction of the inbox with those whose bodies are
//! stored: what is in the inbox has a body, wherever it ends.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use futures_util::future::{Either, select};
use futures_util::lock::Mutex as Turn;
use pathops_core::adapter::{Admitted, BlobStore, Delivery, Inbox, NewDelivery};
use pathops_core::{Error, ErrorKind, Result, UnixMillis};

use super::cx;

/// How many deliveries one batch has at most.
const AT_ONCE: usize = 256;

/// How many bytes of bodies one batch has at most, unless it is a single one: for so long they are in memory more than once.
const BYTES_AT_ONCE: usize = 8 << 20;

#[derive(Debug, Default)]
pub(super) struct Batch {
    waiting: Mutex<Waiting>,
    turn: Turn<()>,
}

/// A delivery as it has come, of which nothing is stored yet.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) delivery: Delivery,
    pub(super) body: Vec<u8>,
    pub(super) received_at: UnixMillis,
}

#[derive(Debug, Default)]
struct Waiting {
    next: u64,
    all: BTreeMap<u64, Waits>,
}

#[derive(Debug)]
struct Waits {
    arrival: Arrival,
    /// `None`: it is still to be stored.
    answer: Option<Result<Admitted>>,
    waker: Option<Waker>,
}

/// A delivery that waits. Whoever stops waiting takes it away.
struct Place<'b> {
    batch: &'b Batch,
    number: u64,
}

impl Batch {
    /// Stores it in `blobs` and `inbox`, which are the same each time, and gives it back with what became of it.
    pub(super) async fn store(&self, blobs: &dyn BlobStore, inbox: &dyn Inbox, arrival: Arrival) -> Result<(Admitted, Arrival)> {
        let place = self.wait(arrival);
        let _turn = match select(poll_fn(|cx| place.poll(cx)), self.turn.lock()).await {
            Either::Left((answer, _)) => return answer,
            Either::Right((turn, _)) => turn,
        };
        // Whose turn it was before may have stored this one too.
        if let Some(answer) = place.answer() {
            return answer;
        }
        self.tell(store_all(blobs, inbox, self.first(place.number)).await);
        place.answer().unwrap_or_else(|| Err(unanswered(inbox.name())))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, arrival: Arrival) -> Place<'_> {
        let mut waiting = self.waiting();
        waiting.next += 1;
        let number = waiting.next;
        waiting.all.insert(number, Waits { arrival, answer: None, waker: None });
        Place { batch: self, number }
    }

    /// This one and, as far as there is room beside it, those that have waited longest. One that is too large for that keeps out nobody
    /// behind it.
    fn first(&self, own: u64) -> Vec<(u64, Arrival)> {
        let waiting = self.waiting();
        let unanswered = waiting.all.iter().filter(|(_, it)| it.answer.is_none());
        let (own, others): (Vec<_>, Vec<_>) = unanswered.partition(|(number, _)| **number == own);
        let bytes_of = |it: &Waits| it.arrival.body.len();
        let mut bytes: usize = own.iter().map(|(_, it)| bytes_of(it)).sum();
        let fit = others.into_iter().filter(|(_, it)| {
            let together = bytes.saturating_add(bytes_of(it));
            let fits = together <= BYTES_AT_ONCE;
            if fits {
                bytes = together;
            }
            fits
        });
        let mut batch: Vec<_> = fit.take(AT_ONCE - 1).chain(own).map(|(number, it)| (*number, it.arrival.clone())).collect();
        batch.sort_by_key(|(number, _)| *number);
        batch
    }

    /// Tells those who still wait.
    fn tell(&self, answers: BTreeMap<u64, Result<Admitted>>) {
        let mut wakers = Vec::new();
        let mut waiting = self.waiting();
        for (number, answer) in answers {
            if let Some(it) = waiting.all.get_mut(&number) {
                it.answer = Some(answer);
                wakers.extend(it.waker.take());
            }
        }
        drop(waiting);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl Place<'_> {
    fn answer(&self) -> Option<Result<(Admitted, Arrival)>> {
        let mut waiting = self.batch.waiting();
        let answer = waiting.all.get_mut(&self.number)?.answer.take()?;
        let it = waiting.all.remove(&self.number)?;
        Some(answer.map(|admitted| (admitted, it.arrival)))
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Result<(Admitted, Arrival)>> {
        if let Some(answer) = self.answer() {
            return Poll::Ready(answer);
        }
        if let Some(it) = self.batch.waiting().all.get_mut(&self.number) {
            it.waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.batch.waiting().all.remove(&self.number);
    }
}

/// What becomes of each of them.
async fn store_all(blobs: &dyn BlobStore, inbox: &dyn Inbox, batch: Vec<(u64, Arrival)>) -> BTreeMap<u64, Result<Admitted>> {
    let (mut bodies, mut arrived) = (Vec::with_capacity(batch.len()), Vec::with_capacity(batch.len()));
    for (number, Arrival { delivery, body, received_at }) in batch {
        bodies.push(body);
        arrived.push((number, delivery, received_at));
    }
    let mut stored = blobs.put_all(&cx("bodies"), bodies).await.into_iter();
    let (mut answers, mut numbers, mut deliveries) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (number, delivery, received_at) in arrived {
        match stored.next().unwrap_or_else(|| Err(unanswered(blobs.name()))) {
            Ok(body) => {
                numbers.push(number);
                deliveries.push(NewDelivery { delivery, body, received_at });
            }
            Err(error) => drop(answers.insert(number, Err(error))),
        }
    }
    if !deliveries.is_empty() {
        answers.extend(numbers.into_iter().zip(admit(inbox, &deliveries).await));
    }
    answers
}

async fn admit(inbox: &dyn Inbox, deliveries: &[NewDelivery]) -> Vec<Result<Admitted>> {
    let one = |all: &[Admitted], place| all.get(place).copied().ok_or_else(|| unanswered(inbox.name()));
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

fn unanswered(store: &str) -> Error {
    Error::new(ErrorKind::Unexpected, "store a delivery").on(store).because("it said nothing of it")
}

/// An error for each of those who wait: what went wrong is the same for all of them.
fn copy(error: &Error) -> Error {
    let copy = Error::new(error.kind(), error.operation()).because(error);
    copy.with_retry(error.retry()).with_effect(error.effect())
}
