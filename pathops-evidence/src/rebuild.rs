//! Making an index of evidence anew, from the ledger alone.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::try_join;
use pathops_core::adapter::{Bucket, EvidenceSink, IndexedEvidence};
use pathops_core::evidence::{EnvelopeError, TrustRoot};
use pathops_core::{Digest, Error, ErrorKind, OpContext, Result};

use crate::ledger::audit::{Audit, Found};
use crate::ledger::{LogIdentity, LogReader};
use crate::verify::MAX_FAILURES;

/// How many entries are added at once: as many are in memory, twice. More at once are hardly faster: their digests lie all over an
/// index that has many.
const AT_ONCE: usize = 2_000;

/// What is checked of each envelope, beside that the log has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recheck {
    /// Its signature, too: as [`TrustRoot::verify`] does, for a log that others append to, or where time does not matter.
    Signatures,
    /// Not its signature, which was made or checked when it was appended: that the log's root is over the envelope and over the
    /// key that it names, and that this key is trusted. It takes a tenth of the time. A signature that is none would be found
    /// by whoever decides, since decisions verify every envelope again; until then a query may show its entry. Entries are added
    /// on the way to the root: before `Ok`, nothing has shown that the log has them.
    Log,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// How many leaves the log has.
    pub leaves: u64,
    /// How many entries were added, or were there already.
    pub added: u64,
    /// How many leaves were not, and the first [`MAX_FAILURES`] of them with the reason: nobody trusted has signed them.
    pub refused: (u64, Vec<(u64, String)>),
}

/// Adds everything that is in the ledger to an index, with its place there. What is in the index stays; what is added again
/// changes nothing. What others have signed and nobody has appended to the ledger is not in it, and does not come back.
///
/// Every tile, every batch and the root of the checkpoint are computed anew on the way, as [`verify_ledger`] does, and
/// `recheck` says what else is. So once this has answered `Ok`, what was added is what the log has signed for; it is still an
/// index, and whoever decides verifies the envelope.
///
/// `index` may be one in the making, which takes the place of another at its end, as those of the SQLite and the PostgreSQL adapter
/// do: none is seen before all are there, and in SQLite a million entries take a fraction of the time.
///
/// It goes by keys that are trusted by themselves: what a certificate alone would show is refused. [`verify_ledger`] verifies that.
///
/// A control plane leaves PathOps' own evidence out where it decides by an index, and warns of it: give an index that is made
/// anew a place of its own where it is for looking.
///
/// `next` is the first leaf that is not added yet: 0 to begin with, and kept up to date, so that what was interrupted goes on
/// where it was. Memory does not grow with the log.
///
/// [`verify_ledger`]: crate::verify_ledger
///
/// # Errors
/// `NotFound` where the log has no checkpoint; `Corrupt` where a part of it is not what follows from the others; what bucket and
/// index answer. The entries of whole batches before that may be added, and the rest is not: `next` is the first leaf of which
/// that is not known. None of them counts before this has answered `Ok`, since the root is compared at the end; after `Corrupt`,
/// throw the index away.
///
/// # Cancel safety
/// Dropped half way, what was added stays, and `next` is right.
pub async fn rebuild_index(
    cx: &OpContext,
    bucket: std::sync::Arc<dyn Bucket>,
    log: &LogIdentity,
    trust: &TrustRoot,
    index: &(impl EvidenceSink + ?Sized),
    recheck: Recheck,
    next: &mut u64,
) -> Result<Rebuilt> {
    let checkpoint = LogReader::new(bucket.clone(), log.clone()).checkpoint(cx).await?;
    let missing = || Error::new(ErrorKind::NotFound, "rebuild an index").on(log.origin()).because("the log has no checkpoint");
    let checkpoint = checkpoint.ok_or_else(missing)?;
    let mut rebuilt = Rebuilt { leaves: checkpoint.size, ..Rebuilt::default() };
    let mut source = Source { audit: Audit::new(&*bucket, checkpoint), log, trust, recheck, from: *next };
    let mut ready = source.batch(cx, &mut rebuilt).await?;
    while let Some(batch) = ready {
        let key = cx.part(&format!("leaves before {}", batch.until));
        let added = u64::try_from(batch.entries.len()).unwrap_or(u64::MAX);
        // The next is read while this is written.
        let (until, written) = (batch.until, async { index.take(&key, &batch.entries).await });
        ((), ready) = try_join(written, source.batch(cx, &mut rebuilt)).await?;
        rebuilt.added += added;
        *next = until;
    }
    Ok(rebuilt)
}

/// Entries of neighbouring leaves.
struct Batch {
    entries: Vec<IndexedEvidence>,
    /// The first leaf behind them.
    until: u64,
}

struct Source<'r> {
    audit: Audit<'r>,
    log: &'r LogIdentity,
    trust: &'r TrustRoot,
    recheck: Recheck,
    from: u64,
}

impl Source<'_> {
    /// `None` at the end of the log, once its root is what it should be.
    async fn batch(&mut self, cx: &OpContext, rebuilt: &mut Rebuilt) -> Result<Option<Batch>> {
        let mut entries = Vec::new();
        loop {
            match self.audit.next(cx).await? {
                Found::End if entries.is_empty() => return Ok(None),
                Found::End => return Ok(Some(Batch { entries, until: self.audit.size() })),
                Found::Spoilt { part, why } => {
                    let error = Error::new(ErrorKind::Corrupt, "rebuild an index").on(self.log.origin());
                    return Err(error
                        .because(format!("{part}: {why}"))
                        .advise("verify the ledger, and restore it from a backup"));
                }
                Found::Item { index, .. } if index < self.from => {}
                Found::Item { index, item } => match self.entry(index, &item.envelope, item.by.key().id().0) {
                    Ok(entry) => entries.push(entry),
                    Err(why) => {
                        rebuilt.refused.0 += 1;
                        if rebuilt.refused.1.len() < MAX_FAILURES {
                            rebuilt.refused.1.push((index, why.to_string()));
                        }
                    }
                },
            }
            if entries.len() >= AT_ONCE {
                return Ok(Some(Batch { entries, until: self.audit.size() }));
            }
            // What is written goes on meanwhile.
            if self.audit.size().is_multiple_of(256) {
                Pause(false).await;
            }
        }
    }

    fn entry(
        &self,
        leaf: u64,
        envelope: &pathops_core::evidence::Envelope,
        key: Digest,
    ) -> Result<IndexedEvidence, EnvelopeError> {
        let entry = match self.recheck {
            Recheck::Signatures => {
                let verified = self.trust.verify(envelope)?;
                IndexedEvidence::new(&verified, Digest::of(&envelope.to_vec()?)).with_leaf(leaf)
            }
            Recheck::Log => IndexedEvidence::of_leaf(self.trust, envelope, leaf)?,
        };
        // The log is over the key beside the envelope; the envelope has to name that one.
        match entry.facets().filter(|facets| facets.signer.0 == key) {
            Some(_) => Ok(entry),
            None => Err(EnvelopeError::BadSignature(key.hex())),
        }
    }
}

/// Lets others go on once.
struct Pause(bool);

impl Future for Pause {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
