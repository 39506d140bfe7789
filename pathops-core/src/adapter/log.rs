use std::collections::VecDeque;
use std::fmt::{self, Debug};

/// What was printed, as it was printed: redact it before it is stored or shown. At the cut half a line, and half a secret, may stand
/// on either side.
#[derive(Clone, PartialEq, Eq)]
pub struct LogExcerpt {
    /// The kept bytes, and nothing else: the beginning and the end where there was too much.
    pub bytes: Vec<u8>,
    /// Where in them something is left out; 0 where only the end was kept, `None` where all of it was.
    pub cut_at: Option<usize>,
    /// How many bytes were printed in all.
    pub total_bytes: u64,
    /// Whether there were more than `total_bytes`, which nobody could count: they are left out at the cut, too.
    pub more: bool,
}

impl LogExcerpt {
    /// All that was printed.
    #[must_use]
    pub fn whole(bytes: Vec<u8>) -> Self {
        Self { total_bytes: bytes.len() as u64, cut_at: None, bytes, more: false }
    }

    /// How many bytes are left out at the cut, as far as they were counted.
    #[must_use]
    pub fn left_out(&self) -> u64 {
        self.total_bytes.saturating_sub(self.bytes.len() as u64)
    }
}

impl Debug for LogExcerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = if self.more { "more than " } else { "" };
        write!(f, "LogExcerpt({} of {more}{} bytes)", self.bytes.len(), self.total_bytes)
    }
}

/// Takes any amount of output in bounded memory: its beginning and its end stay, and all of it is counted.
///
/// ```
/// use pathops_core::adapter::LogEnds;
///
/// let mut ends = LogEnds::new(2, 3);
/// ends.push(b"begin");
/// ends.push(b", and the end");
/// let log = ends.excerpt();
/// assert_eq!((log.bytes, log.cut_at, log.total_bytes), (b"beend".to_vec(), Some(2), 18));
/// ```
pub struct LogEnds {
    head_bytes: usize,
    tail_bytes: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    total: u64,
}

impl LogEnds {
    /// Keeps so many bytes of the beginning and so many of the end, and all where there are no more than both together.
    #[must_use]
    pub fn new(head_bytes: usize, tail_bytes: usize) -> Self {
        Self { head_bytes, tail_bytes, head: Vec::new(), tail: VecDeque::new(), total: 0 }
    }

    /// Takes what was printed next.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total = self.total.saturating_add(bytes.len() as u64);
        let room = self.head_bytes.saturating_sub(self.head.len());
        let (head, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.head.extend_from_slice(head);
        let rest = rest.get(rest.len().saturating_sub(self.tail_bytes)..).unwrap_or_default();
        let over = self.tail.len().saturating_add(rest.len()).saturating_sub(self.tail_bytes);
        self.tail.drain(..over);
        self.tail.extend(rest);
    }

    /// How many bytes it was given.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// What was kept: never more than the limits.
    #[must_use]
    pub fn excerpt(self) -> LogExcerpt {
        let (cut_at, mut bytes) = (self.head.len(), self.head);
        bytes.extend(self.tail);
        let is_cut = self.total > bytes.len() as u64;
        LogExcerpt { bytes, cut_at: is_cut.then_some(cut_at), total_bytes: self.total, more: false }
    }
}

impl Debug for LogEnds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogEnds({} of {} bytes)", self.head.len().saturating_add(self.tail.len()), self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept((head, tail): (usize, usize), parts: &[&str]) -> (String, Option<usize>) {
        let mut ends = LogEnds::new(head, tail);
        for part in parts {
            ends.push(part.as_bytes());
            assert!(ends.head.len() <= head && ends.tail.len() <= tail, "{ends:?}");
        }
        let log = ends.excerpt();
        assert_eq!((log.total_bytes, log.more), (parts.concat().len() as u64, false));
        assert_eq!(log.left_out() + log.bytes.len() as u64, log.total_bytes);
        (String::from_utf8(log.bytes).unwrap(), log.cut_at)
    }

    #[test]
    fn all_is_kept_up_to_the_limits() {
        assert_eq!(kept((5, 5), &["01234", "56789"]), ("0123456789".to_owned(), None));
        assert_eq!(kept((2, 8), &["0", "123456789"]), ("0123456789".to_owned(), None));
        assert_eq!(kept((0, usize::MAX), &["0123456789"]), ("0123456789".to_owned(), None));
        assert_eq!(kept((usize::MAX, 0), &["", "0123456789"]), ("0123456789".to_owned(), None));
    }

    #[test]
    fn the_middle_is_left_out_past_the_limits() {
        let want = ("01234cdefg".to_owned(), Some(5));
        assert_eq!(kept((5, 5), &["0123456789abcdefg"]), want);
        assert_eq!(kept((5, 5), &["01", "23456", "7", "89abcdef", "g"]), want);
        assert_eq!(kept((5, 5), &["0123456789a"]), ("012346789a".to_owned(), Some(5)));
        assert_eq!(kept((0, 3), &["01", "234"]), ("234".to_owned(), Some(0)));
        assert_eq!(kept((3, 0), &["01", "234"]), ("012".to_owned(), Some(3)));
        assert_eq!(kept((0, 0), &["01"]), (String::new(), Some(0)));
    }
}
