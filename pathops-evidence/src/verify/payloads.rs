//! Whether what evidence refers to is there, or a tombstone says why it is not.

use std::collections::BTreeMap;

use pathops_core::adapter::BlobStore;
use pathops_core::evidence::{Predicate as _, Retention, Snapshot, Tombstone, TombstoneReason, VerifiedEvidence};
use pathops_core::{Digest, ErrorKind, OpContext, Result};

use super::{MAX_GONE, Verification};
use crate::referred::{Referred, payloads, referring};
use crate::retention::Tombstones;

/// What is missing where there are payloads and no blob store.
pub(super) const NO_BLOBS: &str = "payloads: evidence refers to some, and there is no blob store";

/// How a payload was found.
#[derive(Clone)]
enum State {
    Whole,
    Gone,
    Spoilt(String),
}

/// The payloads that were looked at.
#[derive(Default)]
pub(super) struct Payloads {
    /// A log refers to many of them again and again.
    read: BTreeMap<Digest, State>,
    gone: Vec<Gone>,
    /// How many there was no blob store for.
    unseen: u64,
    /// How many are not here that producers refer to.
    elsewhere: u64,
}

/// A payload that is not there, and what refers to it.
struct Gone {
    part: String,
    digest: Digest,
    leaf: u64,
    retention: Option<Retention>,
}

impl Payloads {
    /// What evidence refers to has to be there, and to be that. Without a blob store it is only known that there is something.
    pub(super) async fn take(
        &mut self,
        cx: &OpContext,
        blobs: Option<&dyn BlobStore>,
        leaf: u64,
        evidence: &VerifiedEvidence,
        is_pathops: bool,
        verification: &mut Verification,
    ) -> Result<()> {
        let statement = evidence.statement();
        // What others have beside their own results and builds lies with them.
        let Some(what) = referring(statement).filter(|_| is_pathops || statement.predicate_type == Snapshot::TYPE) else {
            return Ok(());
        };
        let Some(payloads) = payloads(statement) else {
            verification.fails(format!("leaf {leaf}"), "it refers to nothing in the form of its type");
            return Ok(());
        };
        for Referred { name, digest, retention } in payloads {
            let part = format!("`{name}` of the {what} at leaf {leaf}");
            let Some(digest) = digest else {
                verification.fails(part, "it is referred to without a SHA-256");
                continue;
            };
            let Some(blobs) = blobs else {
                self.unseen += 1;
                continue;
            };
            match self.state(cx, blobs, &digest).await? {
                State::Whole => {}
                // Who hands in evidence may keep what it refers to.
                State::Gone if !is_pathops => self.elsewhere += 1,
                State::Gone => self.gone.push(Gone { part, digest, leaf, retention }),
                State::Spoilt(why) => verification.fails(part, why),
            }
        }
        Ok(())
    }

    /// Reads a payload, the first time that something refers to it.
    async fn state(&mut self, cx: &OpContext, blobs: &dyn BlobStore, digest: &Digest) -> Result<State> {
        if let Some(state) = self.read.get(digest) {
            return Ok(state.clone());
        }
        let state = match is_whole(cx, blobs, digest).await {
            Ok(true) => State::Whole,
            Ok(false) => State::Gone,
            Err(error) if error.kind() == ErrorKind::Corrupt => State::Spoilt(error.to_string()),
            Err(error) => return Err(error),
        };
        self.read.insert(*digest, state.clone());
        Ok(state)
    }

    /// What is gone has to be gone for a reason that the log tells.
    pub(super) fn settle(self, tombstones: &Tombstones, verification: &mut Verification) {
        if self.unseen > 0 {
            verification.missing.push(NO_BLOBS.to_owned());
        }
        if self.elsewhere > 0 {
            let count = self.elsewhere;
            verification.left_out.push(format!("{count} payloads that producers refer to, and keep elsewhere if anywhere"));
        }
        let mut told = 0_usize;
        for Gone { part, digest, leaf, retention } in self.gone {
            let Some((id, tombstone)) = tombstones.over(&digest, leaf, retention.as_ref()) else {
                verification.fails(part, format!("the blob {digest} is gone, and no tombstone says why"));
                continue;
            };
            told += 1;
            if told > MAX_GONE {
                continue;
            }
            let Tombstone { authority, policy, gone_on, .. } = tombstone;
            verification.checked.push(match tombstone.reason {
                TombstoneReason::Erased => format!("{part}: erased by tombstone {id} on {gone_on} ({authority})"),
                TombstoneReason::Expired => format!("{part}: expired, by policy {policy}, on {gone_on} (tombstone {id})"),
            });
        }
        if let Some(more @ 1..) = told.checked_sub(MAX_GONE) {
            verification.checked.push(format!("{more} more payloads that are erased or expired, each by a tombstone"));
        }
    }
}

/// Whether a blob is there; what is there has its digest.
async fn is_whole(cx: &OpContext, blobs: &dyn BlobStore, digest: &Digest) -> Result<bool> {
    let Some(mut bytes) = blobs.get_stream(cx, digest).await? else { return Ok(false) };
    while bytes.next().await?.is_some() {}
    Ok(true)
}
