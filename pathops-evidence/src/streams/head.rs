//! How far a stream is published: a note, to begin reading there. Whoever can write into the bucket can write it, so what it says counts
//! only where the numbered objects and the ledger say so, too.

use pathops_core::adapter::Bucket;
use pathops_core::evidence::{EvidenceId, StreamId};
use pathops_core::{Error, ErrorKind, ObjectKey, OpContext, Result};
use serde::{Deserialize, Serialize};

use super::{FORMAT, Streams, corrupt, named, number};
use crate::ledger::{Item, Ledger};

/// How many bytes it has at most.
const MAX_BYTES: u64 = 1 << 10;

/// How far a stream is published.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    pub(super) format: u32,
    /// The last number.
    pub(crate) sequence: u64,
    /// Which leaf that snapshot is.
    pub(crate) leaf: Option<u64>,
}

impl Streams {
    pub(super) async fn head(&self, cx: &OpContext, stream: &StreamId) -> Result<Option<Head>> {
        match read_head(cx, &*self.bucket, stream).await {
            // It can be made again.
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(None),
            head => head,
        }
    }

    /// Whether a snapshot is the leaf that the head of its stream says; where there is no ledger, it is none.
    pub(super) async fn is_published(&self, cx: &OpContext, head: Head, id: EvidenceId) -> Result<bool> {
        match (self.sealer.ledger(), head.leaf) {
            (None, _) => Ok(true),
            (Some(ledger), Some(leaf)) => ledger.reader().has(cx, leaf, id).await,
            (Some(_), None) => Ok(false),
        }
    }

    /// Where the ledger has the snapshot with this number: where the head says, if that is so, and else from the first leaf on that it
    /// can have. What it does not have is appended.
    pub(super) async fn logged(
        &self,
        cx: &OpContext,
        ledger: &Ledger,
        (stream, sequence): (&StreamId, u64),
        item: Item,
        head: Option<Head>,
    ) -> Result<u64> {
        let Some((head, leaf)) = head.filter(|head| head.sequence <= sequence).and_then(|head| Some((head, head.leaf?))) else {
            return ledger.append_once(cx, item, 0).await;
        };
        let of = if head.sequence == sequence {
            Some(item.id())
        } else {
            let before = self.numbered(cx, stream, head.sequence).await?;
            before.map(|before| Item::unchecked(before.signed)).transpose()?.map(|before| before.id())
        };
        let is_so = match of {
            Some(id) => self.is_published(cx, head, id).await?,
            None => false,
        };
        match is_so {
            true if head.sequence == sequence => Ok(leaf),
            // A snapshot is appended once the one before it is, which it names.
            true => ledger.append_once(cx, item, leaf + 1).await,
            false => ledger.append_once(cx, item, 0).await,
        }
    }

    /// What survives a crash is gone, and what does not is there; or somebody has written there.
    pub(super) fn beyond(stream: &StreamId, head: Head) -> Result<Error> {
        let why = "it is missing, and the `head` beside it says that it is published";
        let advice = "restore it from a backup. Where the ledger has no snapshot of this number, it is `head` that is wrong: take that \
                      away, and it is made again";
        Ok(corrupt(&number(stream, head.sequence)?, &why).advise(advice))
    }
}

/// How far a stream is published, by its note. A crash of the machine may have left anything or nothing of it.
///
/// # Errors
/// `Corrupt` where it has more bytes than any; what the bucket answers.
pub(crate) async fn read_head(cx: &OpContext, bucket: &dyn Bucket, stream: &StreamId) -> Result<Option<Head>> {
    let bytes = bucket.read_within(cx, &head_of(stream)?, MAX_BYTES).await?;
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).filter(|head: &Head| head.format == FORMAT))
}

/// The name of the note.
pub(crate) fn head_of(stream: &StreamId) -> Result<ObjectKey> {
    named(stream, "head")
}
