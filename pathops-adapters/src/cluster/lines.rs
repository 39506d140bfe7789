//! Answers that come bit by bit.

use std::pin::Pin;

use futures_util::{Stream, StreamExt as _};
use http_body_util::BodyExt as _;
use pathops_core::{ErrorKind, Result};

use super::http::{Ask, Http, lost};

/// One line of a stream.
const LINE: usize = 16 << 20;

impl Http {
    /// The answer line by line, as it comes.
    pub(crate) async fn lines(&self, ask: &Ask) -> Result<Lines> {
        let answer = self.in_time(ask, self.send(ask)).await?;
        let pieces = answer.into_body().into_data_stream().map(|piece| piece.map(|piece| piece.to_vec()));
        Ok(Lines { ask: ask.clone(), pieces: Box::pin(pieces), rest: Vec::new(), searched: 0 })
    }
}

/// An answer that goes on, line by line.
pub(crate) struct Lines {
    ask: Ask,
    pieces: Pin<Box<dyn Stream<Item = Result<Vec<u8>, kube::Error>> + Send>>,
    rest: Vec<u8>,
    searched: usize,
}

impl Lines {
    /// The next line, or `None` where the server has ended it. Half a line at the end is an error.
    ///
    /// # Cancel safety
    /// What has come is kept for the next call.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            let unsearched = self.rest.get(self.searched..).unwrap_or_default();
            if let Some(end) = unsearched.iter().position(|byte| *byte == b'\n') {
                let rest = self.rest.split_off(self.searched + end + 1);
                self.searched = 0;
                return Ok(Some(std::mem::replace(&mut self.rest, rest)));
            }
            self.searched = self.rest.len();
            if self.searched > LINE {
                return Err(self.ask.error(ErrorKind::Unexpected).because(format!("a line is longer than {LINE} bytes")));
            }
            match self.pieces.next().await {
                Some(piece) => self.rest.extend_from_slice(&piece.map_err(|error| lost(&self.ask, error))?),
                None if self.rest.is_empty() => return Ok(None),
                None => return Err(self.ask.error(ErrorKind::Unavailable).because("it broke off in the middle of a line")),
            }
        }
    }
}
