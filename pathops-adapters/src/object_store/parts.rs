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

/// How many parts a blob has at most. It bounds how long reading what a list says can take, which is far longer than the list.
pub(super) const MAX_PARTS: usize = 8_192;

/// The largest blob, in bytes.
pub(super) const MAX_BYTES: u64 = MAX_PARTS as u64 * PIECE_BYTES as u64;

/// No list that is written is longer, in bytes: a part takes some hundred.
const MAX_LIST_BYTES: usize = MAX_PARTS * 128;

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

/// Adds a part to a blob that is being stored.
///
/// # Errors
/// `Invalid` where it would get too large.
pub(super) fn add(parts: &mut Vec<Part>, part: Part) -> Result<()> {
    if parts.len() < MAX_PARTS {
        parts.push(part);
        return Ok(());
    }
    let error = Error::new(ErrorKind::Invalid, "store a blob").because(format!("it has more than {MAX_BYTES} bytes"));
    Err(error.advise("store it as several blobs"))
}

pub(super) fn encode(parts: Vec<Part>) -> Result<Vec<u8>> {
    serde_json::to_vec(&List { format: FORMAT, parts })
        .map_err(|error| Error::new(ErrorKind::Unexpected, "write the list of a blob's parts").with_source(error))
}

/// Reads a list as it is written: of two parts at least, all of a piece's length but the last.
///
/// # Errors
/// Why it is no list.
pub(super) fn decode(bytes: &[u8]) -> std::result::Result<Vec<Part>, String> {
    if bytes.len() > MAX_LIST_BYTES {
        return Err(format!("the list has {} bytes, and {MAX_LIST_BYTES} are the most", bytes.len()));
    }
    let list: List = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if list.format != FORMAT {
        return Err(format!("the list has format {}, and this version reads {FORMAT}", list.format));
    }
    let count = list.parts.len();
    let Some((last, full @ [_, ..])) = list.parts.split_last() else {
        return Err(format!("the list has {count} parts, and a blob of fewer than two has none"));
    };
    if count > MAX_PARTS {
        return Err(format!("the list has {count} parts, and {MAX_PARTS} are the most"));
    }
    if let Some(part) = full.iter().find(|part| part.bytes != PIECE_BYTES) {
        return Err(format!("a part before the last has {} bytes, and each has {PIECE_BYTES}", part.bytes));
    }
    if !(1..=PIECE_BYTES).contains(&last.bytes) {
        return Err(format!("the last part has {} bytes, and it has 1 to {PIECE_BYTES}", last.bytes));
    }
    Ok(list.parts)
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
