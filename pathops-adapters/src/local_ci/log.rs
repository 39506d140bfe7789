//! What a script prints, bounded: the beginning and the end are kept, and a line says what is missing between.

use std::collections::VecDeque;

use pathops_core::adapter::LogExcerpt;

/// The longest line that says what is missing.
const MARKER_ROOM: usize = 49;

/// Takes any amount of output in bounded memory.
#[derive(Debug)]
pub(super) struct Log {
    half: usize,
    first: Vec<u8>,
    last: VecDeque<u8>,
    total: u64,
}

impl Log {
    /// A log that keeps `limit` bytes, half of them from the beginning.
    pub(super) fn new(limit: usize) -> Self {
        Self { half: limit / 2, first: Vec::new(), last: VecDeque::new(), total: 0 }
    }

    /// Takes what was printed next.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        let (first, rest) = bytes.split_at(bytes.len().min(self.half.saturating_sub(self.first.len())));
        self.first.extend_from_slice(first);
        let rest = rest.get(rest.len().saturating_sub(self.half)..).unwrap_or_default();
        let over = (self.last.len() + rest.len()).saturating_sub(self.half);
        self.last.drain(..over);
        self.last.extend(rest);
    }

    /// How many bytes the excerpt leaves out.
    pub(super) fn left_out(&self) -> u64 {
        let kept = (self.first.len() + self.last.len()) as u64;
        if kept == self.total { 0 } else { self.total.saturating_sub(kept) + self.replaced() as u64 }
    }

    /// What was kept: never more than the limit, if that is some hundred bytes.
    pub(super) fn excerpt(&self) -> LogExcerpt {
        let mut bytes = self.first.clone();
        let mut last = self.last.iter();
        if self.left_out() > 0 {
            bytes.extend_from_slice(format!("\n[{} bytes are left out here]\n", self.left_out()).as_bytes());
            last = self.last.range(self.replaced()..);
        }
        bytes.extend(last);
        LogExcerpt { bytes, total_bytes: self.total }
    }

    /// How many bytes make room for the line that says what is missing.
    fn replaced(&self) -> usize {
        self.last.len().min(MARKER_ROOM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(limit: usize, parts: &[&str]) -> String {
        let mut log = Log::new(limit);
        parts.iter().for_each(|part| log.push(part.as_bytes()));
        assert_eq!(log.excerpt().total_bytes, parts.concat().len() as u64);
        String::from_utf8(log.excerpt().bytes).unwrap()
    }

    #[test]
    fn all_is_kept_up_to_the_limit() {
        assert_eq!(kept(10, &["01234", "56789"]), "0123456789");
        assert_eq!(kept(10, &["0", "123456789"]), "0123456789");
    }

    #[test]
    fn the_middle_is_left_out_past_the_limit() {
        let (first, last) = ("a".repeat(100), "z".repeat(51));
        let want = format!("{first}\n[51 bytes are left out here]\n{last}");
        let printed = format!("{first}mm{}{last}", "m".repeat(49));
        assert_eq!(kept(200, &[&printed]), want);
        assert_eq!(kept(200, &[&printed[..10], &printed[10..150], &printed[150..160], &printed[160..]]), want);
    }

    #[test]
    fn no_more_is_kept_than_was_printed() {
        for printed in 190..300 {
            assert!(kept(200, &["x".repeat(printed).as_str()]).len() <= printed.min(200));
        }
    }
}
