//! What a unit printed: bounded, in memory, in the order of arrival. What is forgotten is counted.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pathops_core::UnixMillis;
use pathops_core::adapter::{LogEnds, LogExcerpt};

const KEPT_BYTES: usize = 1024 * 1024;
/// What keeping a chunk costs besides its bytes, so that many small ones do not take more memory than few large ones.
const CHUNK_COST: usize = 64;
/// So many seconds in which something was forgotten are told apart.
const SECONDS: usize = 4096;

/// Output of the processes of one unit, newest last.
#[derive(Default)]
pub(super) struct Log {
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    chunks: VecDeque<(UnixMillis, Vec<u8>)>,
    cost: usize,
    /// How many bytes were forgotten, by the second in which they arrived.
    forgotten: VecDeque<(i64, u64)>,
    /// The last second of which not even that is known any more.
    uncounted: Option<i64>,
}

impl Log {
    /// Adds what arrived, and forgets the oldest where it becomes too much.
    pub(super) fn add(&self, at: UnixMillis, bytes: &[u8]) {
        let mut kept = self.kept();
        kept.cost += bytes.len() + CHUNK_COST;
        kept.chunks.push_back((at, bytes.to_vec()));
        while kept.cost > KEPT_BYTES {
            let Some((at, oldest)) = kept.chunks.pop_front() else { break };
            kept.cost -= oldest.len() + CHUNK_COST;
            kept.forget(at, oldest.len() as u64);
        }
    }

    /// Both ends of what arrived since then; `None` where nothing did. Where its beginning is forgotten, only its end.
    pub(super) fn excerpt(&self, since: UnixMillis, head_bytes: usize, tail_bytes: usize) -> Option<LogExcerpt> {
        let kept = self.kept();
        let (forgotten, more) = kept.forgotten_since(since);
        let has_beginning = forgotten == 0 && !more;
        let mut ends = LogEnds::new(if has_beginning { head_bytes } else { 0 }, tail_bytes);
        kept.chunks.iter().filter(|(at, _)| *at >= since).for_each(|(_, bytes)| ends.push(bytes));
        let mut log = ends.excerpt();
        if !has_beginning {
            (log.cut_at, log.more) = (Some(0), more);
            log.total_bytes = log.total_bytes.saturating_add(forgotten);
        }
        (log.total_bytes > 0 || more).then_some(log)
    }

    /// The last lines of what arrived since then, for a message.
    pub(super) fn last_lines(&self, since: UnixMillis, count: usize) -> String {
        const MESSAGE_BYTES: usize = 2048;
        let tail = self.excerpt(since, 0, MESSAGE_BYTES).map(|log| log.bytes).unwrap_or_default();
        let tail = String::from_utf8_lossy(&tail);
        let lines: Vec<&str> = tail.lines().collect();
        lines.iter().skip(lines.len().saturating_sub(count)).copied().collect::<Vec<_>>().join("\n")
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget(&mut self, at: UnixMillis, bytes: u64) {
        let second = at.0.div_euclid(1_000);
        match self.forgotten.back_mut() {
            Some((last, count)) if *last == second => *count = count.saturating_add(bytes),
            _ => self.forgotten.push_back((second, bytes)),
        }
        if self.forgotten.len() > SECONDS {
            self.uncounted = self.uncounted.max(self.forgotten.pop_front().map(|(second, _)| second));
        }
    }

    /// How many bytes of what arrived since then are forgotten, and whether there may be more than these: those of a second that only
    /// partly is since then, and those that nobody counts any more.
    fn forgotten_since(&self, since: UnixMillis) -> (u64, bool) {
        let is_since = |second: i64| second.saturating_mul(1_000) >= since.0;
        let may_be_since = |second: i64| second.saturating_mul(1_000).saturating_add(999) >= since.0;
        let counted = self.forgotten.iter().filter(|(second, _)| is_since(*second)).map(|(_, bytes)| bytes).sum();
        let partly = |(second, _): &(i64, u64)| !is_since(*second) && may_be_since(*second);
        (counted, self.forgotten.iter().any(partly) || self.uncounted.is_some_and(may_be_since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tail(log: &Log, since: i64, limit: usize) -> LogExcerpt {
        log.excerpt(UnixMillis(since), 0, limit).unwrap()
    }

    #[test]
    fn only_the_end_is_kept_and_the_rest_is_counted() {
        let log = Log::default();
        let half = KEPT_BYTES / 2 - CHUNK_COST;
        for n in 0..3 {
            log.add(UnixMillis(n * 1_000), &vec![b'0' + u8::try_from(n).unwrap(); half]);
        }
        let all = log.excerpt(UnixMillis(0), 10, usize::MAX).unwrap();
        assert_eq!((all.bytes.len(), all.bytes[0], *all.bytes.last().unwrap()), (2 * half, b'1', b'2'));
        assert_eq!((all.cut_at, all.total_bytes, all.more), (Some(0), 3 * half as u64, false));
        // Of a second that is only partly asked for, it is not known.
        let all = log.excerpt(UnixMillis(1), 10, usize::MAX).unwrap();
        assert_eq!((all.cut_at, all.total_bytes, all.more), (Some(0), 2 * half as u64, true));
        // What was forgotten came before.
        let all = log.excerpt(UnixMillis(1_000), 10, 10).unwrap();
        assert_eq!((all.bytes, all.cut_at), ([[b'1'; 10], [b'2'; 10]].concat(), Some(10)));
        assert_eq!((all.total_bytes, all.more), (2 * half as u64, false));
    }

    #[test]
    fn the_count_is_bounded_too() {
        let log = Log::default();
        let seconds = SECONDS as i64 + 100;
        (0..seconds).for_each(|second| log.kept().forget(UnixMillis(second * 1_000), 7));
        assert_eq!(log.kept().forgotten.len(), SECONDS);
        let counted = |since: i64| (tail(&log, since * 1_000, 1).total_bytes, tail(&log, since * 1_000, 1).more);
        assert_eq!(counted(0), (SECONDS as u64 * 7, true));
        assert_eq!(counted(99), (SECONDS as u64 * 7, true));
        assert_eq!((counted(100), counted(seconds - 10)), ((SECONDS as u64 * 7, false), (70, false)));
    }

    #[test]
    fn asks_for_a_time_and_a_size() {
        let log = Log::default();
        log.add(UnixMillis(1), b"one\ntwo\n");
        log.add(UnixMillis(2), b"three\n");
        assert_eq!(tail(&log, 2, 100), LogExcerpt::whole(b"three\n".to_vec()));
        let cut = log.excerpt(UnixMillis(0), 2, 4).unwrap();
        assert_eq!((cut.bytes.as_slice(), cut.cut_at, cut.total_bytes), (b"onree\n".as_slice(), Some(2), 14));
        assert_eq!(log.excerpt(UnixMillis(3), 2, 4), None);
        assert_eq!(log.last_lines(UnixMillis(0), 2), "two\nthree");
    }
}
