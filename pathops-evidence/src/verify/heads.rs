//! Whether what says how far a stream is published says what is so: whoever numbers the next snapshot begins to read there.

use std::collections::BTreeMap;
use std::ops::Range;

use pathops_core::adapter::Bucket;
use pathops_core::evidence::StreamId;
use pathops_core::{ErrorKind, OpContext, Result};

use super::Verification;
use super::streams::Logged;
use crate::ledger::{LogIdentity, MAX_NOTE_BYTES, checkpoint_key};
use crate::streams::{Head, Objects, head_of, is_there, number, read_head};

/// Fails where the head of a stream is further than its snapshots, or names another leaf than the log has the snapshot at. One that is not
/// as far, or not there, may be of before a crash of the machine: the next writer makes it again. With the log come the leaves behind the
/// checkpoint that was verified: it may have grown meanwhile, or a crash has taken a later one.
pub(super) async fn heads(
    cx: &OpContext,
    bucket: &dyn Bucket,
    log: &(&LogIdentity, Range<u64>),
    stored: &BTreeMap<StreamId, Objects>,
    logged: &BTreeMap<StreamId, BTreeMap<u64, Logged>>,
    verification: &mut Verification,
) -> Result<()> {
    for stream in stored.keys() {
        let head = match read_head(cx, bucket, stream).await {
            Ok(None) => continue,
            Ok(Some(head)) => head,
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                verification.fails(head_of(stream)?, error);
                continue;
            }
            Err(error) => return Err(error),
        };
        let snapshot = logged.get(stream).and_then(|numbers| numbers.get(&head.sequence));
        if let Some(why) = wrong(cx, bucket, log, (stream, head), snapshot).await? {
            verification.fails(head_of(stream)?, why);
        }
    }
    Ok(())
}

async fn wrong(
    cx: &OpContext,
    bucket: &dyn Bucket,
    (log, behind): &(&LogIdentity, Range<u64>),
    (stream, Head { sequence, leaf, .. }): (&StreamId, Head),
    snapshot: Option<&Logged>,
) -> Result<Option<String>> {
    if let Some(snapshot) = snapshot {
        let is_elsewhere = snapshot.is_vouched && leaf.is_some_and(|leaf| leaf != snapshot.leaf);
        return Ok(
            is_elsewhere.then(|| format!("it says that number {sequence} is another leaf than {}, which it is", snapshot.leaf))
        );
    }
    // It may have been published meanwhile: it had its number then, and was appended, before this was written.
    let may_be = match leaf {
        Some(leaf) => behind.contains(&leaf) || leaf >= behind.end && leaf < newest(cx, bucket, log).await?,
        None => true,
    };
    let is_so = may_be && is_there(cx, bucket, &number(stream, sequence)?).await?;
    Ok((!is_so).then(|| format!("it says that number {sequence} is published, which is not so")))
}

/// How many leaves the log has by now.
async fn newest(cx: &OpContext, bucket: &dyn Bucket, log: &LogIdentity) -> Result<u64> {
    let note = match checkpoint_key() {
        Some(key) => bucket.read_within(cx, &key, MAX_NOTE_BYTES).await?,
        None => None,
    };
    let note = note.and_then(|note| String::from_utf8(note).ok());
    Ok(note.and_then(|note| log.signed(&note).ok()).map_or(0, |newest| newest.size))
}
