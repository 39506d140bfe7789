//! A blob that is put together from others: the list of them, and reading them one after the other.

use std::collections::VecDeque;

use async_trait::async_trait;
use pathops_core::adapter::ByteStream;
use pathops_core::{Digest, Error, ErrorKind, OpContext, Result};
use serde::{Deserialize, Serialize};

use super::ObjectStoreBlobs;
use super::form::PIECE_BYTES;

/// The version of a list's form.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct List {
    format: u32,
    parts: Vec<Part>,
}

/// One blob of several that another is put together from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Part {
    pub(super) digest: Digest,
    /// How many bytes it has.
    pub(super) bytes: usize,
}

pub(super) fn encode(parts: Vec<Part>) -> Result<Vec<u8>> {
    serde_json::to_vec(&List { format: FORMAT, parts })
        .map_err(|error| Error::new(ErrorKind::Unexpected, "write the list of a blob's parts").with_source(error))
}

/// # Errors
/// Why it is no list.
pub(super) fn decode(bytes: &[u8]) -> std::result::Result<Vec<Part>, String> {
    let list: List = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if list.format != FORMAT {
        return Err(format!("the list has format {}, and this version reads {FORMAT}", list.format));
    }
    match list.parts.iter().find(|part| part.bytes > PIECE_BYTES) {
        Some(part) => Err(format!("a part has {} bytes, and {PIECE_BYTES} are the most", part.bytes)),
        None => Ok(list.parts),
    }
}

/// The parts one after the other; one is in memory at a time, and each was checked by itself.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) cx: OpContext,
    pub(super) blobs: ObjectStoreBlobs,
    pub(super) left: VecDeque<Part>,
}

#[async_trait]
impl ByteStream for Parts {
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let Some(part) = self.left.front() else { return Ok(None) };
        let corrupt = |why: &str| {
            let error = Error::new(ErrorKind::Corrupt, "read a part of a blob").on(part.digest).because(why);
            error.advise("restore it from a backup, or store the whole blob again")
        };
        let bytes = self.blobs.piece(&self.cx, &part.digest).await?.ok_or_else(|| corrupt("it is gone"))?;
        if bytes.len() != part.bytes {
            return Err(corrupt("it has another length than the list says"));
        }
        self.left.pop_front();
        Ok(Some(bytes))
    }
}

/// Cuts a stream into pieces of equal size; the last one is shorter.
pub(super) struct Cutter {
    stream: Box<dyn ByteStream>,
    chunk: Vec<u8>,
    /// How much of the chunk is used up.
    used: usize,
}

impl Cutter {
    pub(super) fn new(stream: Box<dyn ByteStream>) -> Self {
        Self { stream, chunk: Vec::new(), used: 0 }
    }

    /// The piece that follows. One that is not full is the last.
    pub(super) async fn next(&mut self) -> Result<Vec<u8>> {
        let mut piece = Vec::new();
        loop {
            let rest = self.chunk.get(self.used..).unwrap_or_default();
            let fits = rest.len().min(PIECE_BYTES - piece.len());
            if piece.is_empty() && self.used == 0 && fits == self.chunk.len() {
                piece = std::mem::take(&mut self.chunk);
            } else {
                piece.extend_from_slice(rest.get(..fits).unwrap_or_default());
                self.used += fits;
            }
            if piece.len() == PIECE_BYTES {
                return Ok(piece);
            }
            match self.stream.next().await? {
                Some(chunk) => (self.chunk, self.used) = (chunk, 0),
                None => {
                    (self.chunk, self.used) = (Vec::new(), 0);
                    return Ok(piece);
                }
            }
        }
    }
}
