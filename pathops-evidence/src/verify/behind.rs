//! What lies behind the checkpoint that was verified: appended since then, or put there.

use std::collections::BTreeSet;

use pathops_core::adapter::Bucket;
use pathops_core::evidence::TrustRoot;
use pathops_core::{ErrorKind, OpContext, Result};

use super::Verification;
use crate::admit::admitted;
use crate::ledger::{Item, MAX_NOTE_BYTES, batch_at, batch_key, checkpoint_key};

/// How many batches are looked for that no checkpoint has.
const MAX_BEHIND: usize = 100;

/// The batches that follow on a checkpoint, one behind the other.
struct Behind {
    /// Where they begin.
    starts: BTreeSet<u64>,
    /// The first leaf that is in none of them.
    next: u64,
    /// Whether there are no more.
    ends: bool,
}

/// Tells it, unless there is a newer checkpoint by now: whoever appended it is busy or was interrupted, or somebody has put an old
/// checkpoint back. The next who appends goes on from there: they have to be able to read it, and would sign it into the log.
///
/// `listed` is where batches begin by their names, which were seen before. A batch is created once all before it are there, and none is
/// ever deleted: so one of those that none of the others leads to is none of the log's.
///
/// Gives the first leaf that is in none of those which follow.
pub(super) async fn behind(
    cx: &OpContext,
    bucket: &dyn Bucket,
    (size, note): (u64, &str),
    listed: &[u64],
    trust: &TrustRoot,
    verification: &mut Verification,
) -> Result<u64> {
    let Behind { starts, next, ends } = follow(cx, bucket, size, trust, verification).await?;
    for start in listed.iter().filter(|start| !starts.contains(*start) && (ends || **start < next)) {
        verification.fails(named(*start), "no checkpoint has it, and no batch ends where it begins: it is none of the log's");
    }
    if next == size {
        return Ok(next);
    }
    let newest = match checkpoint_key() {
        Some(key) => bucket.read_within(cx, &key, MAX_NOTE_BYTES).await?,
        None => None,
    };
    verification.left_out.push(if newest.as_deref() == Some(note.as_bytes()) {
        let at_least = if ends { "" } else { "at least " };
        let what = format!("{at_least}{} envelopes behind the checkpoint, which none has yet", next - size);
        format!("{what}: somebody was appending them, unless an old checkpoint was put back")
    } else {
        "what was appended meanwhile".to_owned()
    });
    Ok(next)
}

async fn follow(
    cx: &OpContext,
    bucket: &dyn Bucket,
    size: u64,
    trust: &TrustRoot,
    verification: &mut Verification,
) -> Result<Behind> {
    let mut behind = Behind { starts: BTreeSet::new(), next: size, ends: false };
    while !behind.ends && behind.starts.len() < MAX_BEHIND {
        let start = behind.next;
        match batch_at(cx, bucket, start).await {
            Ok(None) => behind.ends = true,
            Ok(Some(items)) => {
                if let Some(why) = unadmitted(start, &items, trust) {
                    verification.fails(named(start), why);
                }
                behind.starts.insert(start);
                behind.next += items.len() as u64;
            }
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                // Somebody may have died at it: the log does not have it, and nobody appends until that is mended.
                let what = format!("the batch that begins with leaf {start}, which no checkpoint has yet, cannot be read");
                verification.left_out.push(format!("{what}, and nobody can append before that is mended: {error}"));
                behind.starts.insert(start);
                behind.ends = true;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(behind)
}

/// Why a batch is not to be taken up into the log: the first of its items that nobody who is trusted has signed.
fn unadmitted(start: u64, items: &[Item], trust: &TrustRoot) -> Option<String> {
    let refused = |(leaf, item): (u64, &Item)| {
        let why = admitted(trust, &item.stored).err()?;
        Some(format!("no checkpoint has it yet, and nobody who is trusted has signed what would be leaf {leaf}: {why}"))
    };
    (start..).zip(items).find_map(refused)
}

fn named(start: u64) -> String {
    batch_key(start).map_or_else(|| format!("the batch that begins with leaf {start}"), |key| key.to_string())
}
