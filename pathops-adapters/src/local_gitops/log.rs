//! The end of what a unit printed: bounded, in memory, in the order of arrival.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pathops_core::UnixMillis;

const KEPT_BYTES: usize = 1024 * 1024;
/// What keeping a chunk costs besides its bytes, so that many small ones do not take more memory than few large ones.
const CHUNK_COST: usize = 64;

/// Output of the processes of one unit, newest last.
#[derive(Default)]
pub(super) struct Log {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    chunks: VecDeque<(UnixMillis, Vec<u8>)>,
    cost: usize,
}

impl Log {
    /// Adds what arrived, and forgets the oldest where it becomes too much.
    pub(super) fn add(&self, at: UnixMillis, bytes: &[u8]) {
        let mut kept = self.kept();
        kept.cost += bytes.len() + CHUNK_COST;
        kept.chunks.push_back((at, bytes.to_vec()));
        while kept.cost > KEPT_BYTES {
            let Some((_, oldest)) = kept.chunks.pop_front() else { break };
            kept.cost -= oldest.len() + CHUNK_COST;
        }
    }

    /// At most the last `limit` bytes of what arrived since then.
    pub(super) fn tail(&self, since: UnixMillis, limit: usize) -> Vec<u8> {
        let kept = self.kept();
        let mut tail: Vec<u8> = kept.chunks.iter().filter(|(at, _)| *at >= since).flat_map(|(_, bytes)| bytes).copied().collect();
        tail.split_off(tail.len().saturating_sub(limit))
    }

    /// The last lines of what arrived since then, for a message.
    pub(super) fn last_lines(&self, since: UnixMillis, count: usize) -> String {
        const MESSAGE_BYTES: usize = 2048;
        let tail = String::from_utf8_lossy(&self.tail(since, MESSAGE_BYTES)).into_owned();
        let lines: Vec<&str> = tail.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(count)).copied().collect::<Vec<_>>().join("\n")
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_kept() {
        let log = Log::default();
        for n in 0..3 {
            log.add(UnixMillis(n), &vec![b'0' + u8::try_from(n).unwrap(); KEPT_BYTES / 2 - CHUNK_COST]);
        }
        let all = log.tail(UnixMillis(0), usize::MAX);
        assert_eq!((all.len(), all[0], *all.last().unwrap()), (KEPT_BYTES - 2 * CHUNK_COST, b'1', b'2'));
    }

    #[test]
    fn asks_for_a_time_and_a_size() {
        let log = Log::default();
        log.add(UnixMillis(1), b"one\ntwo\n");
        log.add(UnixMillis(2), b"three\n");
        assert_eq!(log.tail(UnixMillis(2), 100), b"three\n");
        assert_eq!(log.tail(UnixMillis(0), 4), b"ree\n");
        assert_eq!(log.last_lines(UnixMillis(0), 2), "two\nthree");
    }
}
