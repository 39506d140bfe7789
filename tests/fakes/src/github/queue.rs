//! The merge queue of a branch.

use pathops_core::UnixMillis;

use super::hosted::{Hosted, Merging};

/// Who merges what comes out of it.
const QUEUE: &str = "github-merge-queue[bot]";
const ADDED: &str = "added_to_merge_queue";
const REMOVED: &str = "removed_from_merge_queue";

impl Hosted {
    /// Somebody puts a pull request into the queue, where it still is at `head`.
    ///
    /// # Errors
    /// Why that cannot be.
    pub fn enqueue(&mut self, who: &str, number: u64, head: &str) -> Result<(), &'static str> {
        self.follow();
        let (queues, pull) = (self.queues.clone(), self.pulls.get_mut(&number).unwrap());
        if !pull.is_open() || pull.draft || !queues.contains(&pull.base) {
            return Err("Pull request is not in a state where it can be queued");
        }
        if pull.head != head {
            return Err("Head branch was modified. Review and try again.");
        }
        if pull.queue.last().is_some_and(|(event, _)| event == ADDED) {
            return Err("Pull request is already in the queue");
        }
        pull.queue.push((ADDED.to_owned(), who.to_owned()));
        Ok(())
    }

    /// The queue takes a pull request out again: its merge group failed.
    pub fn dequeue(&mut self, number: u64) {
        self.pulls.get_mut(&number).unwrap().queue.push((REMOVED.to_owned(), QUEUE.to_owned()));
    }

    /// The queue merges what waits in it, one after the other; returns what its branch points to after each.
    pub fn run_queue(&mut self, at: UnixMillis) -> Vec<String> {
        let waits = |queue: &[(String, String)]| queue.last().is_some_and(|(event, _)| event == ADDED);
        let waiting: Vec<u64> = self.pulls.values().filter(|it| it.is_open() && waits(&it.queue)).map(|it| it.number).collect();
        let merged = waiting.iter().map(|number| self.merge(QUEUE, *number, Merging::Commit, at)).collect();
        // Once merged, it is in the queue no more.
        waiting.into_iter().for_each(|number| self.dequeue(number));
        merged
    }
}
