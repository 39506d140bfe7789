//! Turns: only so many calls are on their way at once, and those who wait are served by turns, not by the length of their queue.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot::{Sender, channel};

/// Hands out turns. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Turns(Arc<Mutex<Queue>>);

#[derive(Debug)]
struct Queue {
    free: usize,
    /// Who waits, by lane; the first lane is next.
    waiting: VecDeque<(String, VecDeque<Sender<Turn>>)>,
}

/// The right to make a call; dropping it hands it on.
#[derive(Debug)]
pub(super) struct Turn(Option<Turns>);

impl Turns {
    pub(super) fn new(at_once: usize) -> Self {
        Self(Arc::new(Mutex::new(Queue { free: at_once, waiting: VecDeque::new() })))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Queue) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits for a turn.
    pub(super) async fn take(&self, lane: &str) -> Turn {
        let wait = self.with(|queue| {
            if let Some(free) = queue.free.checked_sub(1) {
                queue.free = free;
                return None;
            }
            let (sender, receiver) = channel();
            match queue.waiting.iter_mut().find(|(waiting, _)| waiting == lane) {
                Some((_, senders)) => senders.push_back(sender),
                None => queue.waiting.push_back((lane.to_owned(), VecDeque::from([sender]))),
            }
            Some(receiver)
        });
        let own = || Turn(Some(self.clone()));
        match wait {
            // A sender is only dropped with the queue, which `self` keeps.
            Some(receiver) => receiver.await.unwrap_or(Turn(None)),
            None => own(),
        }
    }
}

impl Queue {
    /// Who is next; where nobody waits the turn is free.
    fn next(&mut self) -> Option<Sender<Turn>> {
        while let Some((lane, mut senders)) = self.waiting.pop_front() {
            let sender = senders.pop_front();
            if !senders.is_empty() {
                self.waiting.push_back((lane, senders));
            }
            if sender.is_some() {
                return sender;
            }
        }
        self.free = self.free.saturating_add(1);
        None
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turns) = self.0.take() else { return };
        while let Some(sender) = turns.with(Queue::next) {
            match sender.send(Turn(Some(turns.clone()))) {
                Ok(()) => return,
                Err(mut unwanted) => unwanted.0 = None, // That one does not wait any more.
            }
        }
    }
}
