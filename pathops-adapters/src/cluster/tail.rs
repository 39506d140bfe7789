//! The end of an answer, however long it is.

use std::collections::VecDeque;

use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use pathops_core::Result;

use super::http::{Ask, Http, lost};

impl Http {
    /// The last bytes of the answer: no more than `keep` of them stay in memory, however long it is.
    pub(crate) async fn tail(&self, ask: &Ask, keep: usize) -> Result<Tail> {
        let answer = async {
            let mut body = self.send(ask).await?.into_body().into_data_stream();
            let mut tail = Tail::default();
            while let Some(piece) = body.next().await {
                tail.take(&piece.map_err(|error| lost(ask, error))?, keep);
            }
            Ok(tail)
        };
        self.in_time(ask, answer).await
    }
}

/// The end of an answer.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    pub(crate) bytes: VecDeque<u8>,
    /// How long the whole answer was.
    pub(crate) total: u64,
    /// How many lines it had.
    pub(crate) lines: u64,
}

impl Tail {
    fn take(&mut self, piece: &[u8], keep: usize) {
        self.total = self.total.saturating_add(piece.len() as u64);
        self.lines = self.lines.saturating_add(piece.iter().filter(|byte| **byte == b'\n').count() as u64);
        let piece = piece.get(piece.len().saturating_sub(keep)..).unwrap_or_default();
        let excess = self.bytes.len().saturating_add(piece.len()).saturating_sub(keep);
        self.bytes.drain(..excess);
        self.bytes.extend(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_kept_than_was_asked_for() {
        let mut tail = Tail::default();
        for piece in ["one\n", "", "two\nfour\n", "5"] {
            tail.take(piece.as_bytes(), 6);
            assert!(tail.bytes.len() <= 6);
        }
        assert_eq!((Vec::from(tail.bytes), tail.total, tail.lines), (b"four\n5".to_vec(), 14, 3));
    }
}
