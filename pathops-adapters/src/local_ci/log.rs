//! What a script prints, bounded: the beginning and the end are kept.

use std::collections::VecDeque;

use pathops_core::adapter::LogExcerpt;

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
        self.total.saturating_sub((self.first.len() + self.last.len()) as u64)
    }

    /// What was kept: never more than the limit.
    pub(super) fn excerpt(&self) -> LogExcerpt {
        let bytes = self.first.iter().chain(&self.last).copied().collect();
        LogExcerpt { bytes, cut_at: (self.left_out() > 0).then_some(self.first.len()), total_bytes: self.total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(limit: usize, parts: &[&str]) -> (String, Option<usize>) {
        let mut log = Log::new(limit);
        parts.iter().for_each(|part| log.push(part.as_bytes()));
        let LogExcerpt { bytes, cut_at, total_bytes } = log.excerpt();
        assert_eq!(total_bytes, parts.concat().len() as u64);
        assert_eq!(log.left_out() + bytes.len() as u64, total_bytes);
        (String::from_utf8(bytes).unwrap(), cut_at)
    }

    #[test]
    fn all_is_kept_up_to_the_limit() {
        assert_eq!(kept(10, &["01234", "56789"]), ("0123456789".to_owned(), None));
        assert_eq!(kept(10, &["0", "123456789"]), ("0123456789".to_owned(), None));
    }

    #[test]
    fn the_middle_is_left_out_past_the_limit() {
        let want = ("01234cdefg".to_owned(), Some(5));
        assert_eq!(kept(10, &["0123456789abcdefg"]), want);
        assert_eq!(kept(10, &["01", "23456", "7", "89abcdef", "g"]), want);
        assert_eq!(kept(10, &["0123456789a"]), ("012346789a".to_owned(), Some(5)));
    }
}
