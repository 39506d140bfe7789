//! A log's past checkpoints, for example those that a meta repository has at each of its commits: are they of one log?

use std::collections::BTreeMap;

use pathops_core::{ErrorKind, OpContext, Result};

use crate::Verification;
use crate::ledger::LogReader;

/// Verifies that checkpoints which were written down one after the other are states of one log that only grew, and that the log
/// as it is now goes on from the last: of two forks, each shown to somebody else, one contradicts a checkpoint here. It reads a
/// few tiles a checkpoint, not the whole log; [`verify_ledger`](crate::verify_ledger) does that.
///
/// Where the log is to have witnesses, too few of them on the newest checkpoint are missing, and keep nothing from being compared.
///
/// `notes` are the checkpoints as signed notes, the oldest first. In a meta repository they are `log/checkpoint` at each of
/// the commits that `git log --reverse --first-parent --format=%H -- log/checkpoint` names.
///
/// # Errors
/// What the bucket answers where it cannot be read.
pub async fn verify_history(cx: &OpContext, log: &LogReader, notes: &[String]) -> Result<Verification> {
    let mut verification = Verification::default();
    let newest = match log.by_its_log(cx).await {
        Ok(Some((newest, note))) => {
            // They come after the log has signed it, and may be on their way.
            verification.missing.extend(log.identity().verify(&note).err().map(|few| format!("cosignatures: {few}")));
            verification.missing.extend(log.identity().untimely(&note));
            newest
        }
        Ok(None) => {
            verification.missing.push("the log has no checkpoint".to_owned());
            return Ok(verification);
        }
        Err(error) if error.kind() == ErrorKind::Corrupt => {
            verification.fails("log/checkpoint", error);
            return Ok(verification);
        }
        Err(error) => return Err(error),
    };
    let (mut roots, mut before) = (BTreeMap::new(), 0);
    for (number, note) in (1..).zip(notes) {
        let part = |size| format!("checkpoint {number} of {}, of {size} leaves", notes.len());
        let checkpoint = match log.identity().signed(note) {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                verification.fails(format!("checkpoint {number} of {}", notes.len()), error);
                continue;
            }
        };
        let size = checkpoint.size;
        if size < before {
            verification.fails(part(size), format!("the log had {before} leaves before: it was cut back"));
        }
        before = size;
        if *roots.entry(size).or_insert(checkpoint.root) != checkpoint.root {
            verification.fails(part(size), "the log has signed two roots of this size: it shows two views");
        } else if size > newest.size {
            verification.fails(part(size), format!("the log has {} leaves now: it was cut back", newest.size));
        } else if let Err(error) = log.consistency(cx, &checkpoint, &newest).await {
            if error.kind() != ErrorKind::Corrupt {
                return Err(error);
            }
            verification.fails(part(size), error);
        }
    }
    if notes.is_empty() {
        verification.missing.push("earlier checkpoints: there are none".to_owned());
    } else if verification.failures.is_empty() {
        verification.checked.push(format!(
            "{} earlier checkpoints, on which that of {} leaves follows",
            notes.len(),
            newest.size
        ));
    }
    Ok(verification)
}
