//! Making an index of evidence anew, from the ledger alone.

use std::iter::Peekable;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::try_join;
use pathops_core::adapter::{Bucket, EvidenceSink, IndexedEvidence};
use pathops_core::evidence::{Checkpoint, EnvelopeError, TrustRoot};
use pathops_core::{Digest, Error, ErrorKind, OpContext, Result};

use crate::ledger::audit::{Audit, Found};
use crate::ledger::{LogIdentity, LogReader, Stored};
use crate::verify::MAX_FAILURES;
use crate::verify::holders::Holders;

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

/// By whose word an index is made anew.
#[derive(Clone, Copy, Debug)]
pub struct Rebuild<'r> {
    /// Who the log is.
    pub log: &'r LogIdentity,
    /// Whose evidence is indexed: by their keys, or by certificates that a trusted authority has issued.
    pub trust: &'r TrustRoot,
    /// Checkpoints that are known from elsewhere, as signed notes. The log has to go on from each; and what a witness has seen of
    /// it says when the key of a certificate was used.
    pub known: &'r [String],
    /// What else is checked of each envelope.
    pub recheck: Recheck,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebuilt {
    /// How many leaves the log has.
    pub leaves: u64,
    /// How many entries were added, or were there already.
    pub added: u64,
    /// How many leaves were not, and the first [`MAX_FAILURES`] of them with the reason: nobody trusted has signed them, or the index
    /// refuses them as [none that it takes](IndexedEvidence::check). None of these keeps out another.
    pub refused: (u64, Vec<(u64, String)>),
}

impl Rebuilt {
    fn refuse(&mut self, leaf: u64, why: String) {
        self.refused.0 += 1;
        if self.refused.1.len() < MAX_FAILURES {
            self.refused.1.push((leaf, why));
        }
    }
}

/// Adds everything that is in the ledger to an index, with its place there. What is in the index stays; what is added again
/// changes nothing. What others have signed and nobody has appended to the ledger is not in it, and does not come back.
///
/// Every tile, every batch and the root of the checkpoint are computed anew on the way, as [`verify_ledger`] does, and
/// [`Rebuild::recheck`] says what else is. So once this has answered `Ok`, what was added is what the log has signed for; it is still an
/// index, and whoever decides verifies the envelope.
///
/// `index` may be one in the making, which takes the place of another at its end, as those of the SQLite and the PostgreSQL adapter
/// do: none is seen before all are there, and in SQLite a million entries take a fraction of the time.
///
/// What a keyless signer has signed is added where its certificate holds, as [`verify_ledger`] finds it to, and otherwise refused.
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
/// `NotFound` where the log has no checkpoint; `Corrupt` where a part of it is not what follows from the others, or a known checkpoint
/// is of no state that it had; `Invalid` where such a checkpoint is none that this log has signed; what bucket and index answer. The
/// entries of whole batches before that may be added, and the rest is not: `next` is the first leaf of which that is not known. None of them counts before this has answered `Ok`, since the root is compared at the end; after `Corrupt`,
/// throw the index away.
///
/// # Cancel safety
/// Dropped half way, what was added stays, and `next` is right.
pub async fn rebuild_index(
    cx: &OpContext,
    bucket: std::sync::Arc<dyn Bucket>,
    from: Rebuild<'_>,
    index: &(impl EvidenceSink + ?Sized),
    next: &mut u64,
) -> Result<Rebuilt> {
    let note = LogReader::new(bucket.clone(), from.log.clone()).note(cx).await?;
    let missing = || Error::new(ErrorKind::NotFound, REBUILD).on(from.log.origin()).because("the log has no checkpoint");
    let (checkpoint, note) = note.ok_or_else(missing)?;
    let mut rebuilt = Rebuilt { leaves: checkpoint.size, ..Rebuilt::default() };
    let known = from.known(&checkpoint)?.into_iter().peekable();
    let holders = Holders::of(from.trust, from.log, from.known, &note);
    let mut source = Source { audit: Audit::new(&*bucket, checkpoint), by: from, known, holders, from: *next };
    let mut ready = source.batch(cx, &mut rebuilt).await?;
    while let Some(batch) = ready {
        let key = cx.part(&format!("leaves before {}", batch.until));
        // The next is read while this is written.
        let (refused, following) = try_join(add_each(&key, index, &batch.entries), source.batch(cx, &mut rebuilt)).await?;
        rebuilt.added += u64::try_from(batch.entries.len() - refused.len()).unwrap_or(u64::MAX);
        for (entry, error) in refused {
            rebuilt.refuse(entry.leaf().unwrap_or_default(), error.to_string());
        }
        *next = batch.until;
        ready = following;
    }
    Ok(rebuilt)
}

/// Adds entries to an index, and gives those that it refuses as `Invalid`, each with its error: one that is none for an index keeps out
/// no other. They are added all at once; where that is refused, each half by itself, and so on to the one.
///
/// # Errors
/// What the index answers otherwise. Some of the entries may be added then; adding them again settles it.
///
/// # Cancel safety
/// Dropped half way, some of the entries are added, each whole; adding them again settles it.
pub async fn add_each<'e>(
    cx: &OpContext,
    index: &(impl EvidenceSink + ?Sized),
    entries: &'e [IndexedEvidence],
) -> Result<Vec<(&'e IndexedEvidence, Error)>> {
    let (mut refused, mut left) = (Vec::new(), vec![(0, entries)]);
    while let Some((at, some)) = left.pop() {
        match (index.take(&cx.part(&format!("{} from {at}", some.len())), some).await, some) {
            (Err(error), [one]) if error.kind() == ErrorKind::Invalid => refused.push((one, error)),
            (Err(error), [_, _, ..]) if error.kind() == ErrorKind::Invalid => {
                let middle = some.len() / 2;
                let (first, second) = some.split_at(middle);
                left.extend([(at + middle, second), (at, first)]);
            }
            (taken, _) => taken?,
        }
    }
    Ok(refused)
}

const REBUILD: &str = "rebuild an index";

impl Rebuild<'_> {
    /// The states that the log is known to have had, the smallest first.
    fn known(&self, newest: &Checkpoint) -> Result<Vec<Checkpoint>> {
        let checkpoint = |note: &String| match self.log.signed(note) {
            Err(error) => {
                let invalid = Error::new(ErrorKind::Invalid, REBUILD).on(self.log.origin());
                Err(invalid.because(format!("a known checkpoint: {error}")).advise("give checkpoints that this log has signed"))
            }
            Ok(Checkpoint { size, .. }) if size > newest.size => {
                let why = format!("it has {} leaves now and had {size}: it was cut back", newest.size);
                Err(self.corrupt("log/checkpoint", &why))
            }
            Ok(checkpoint) => Ok(checkpoint),
        };
        let mut known = self.known.iter().map(checkpoint).collect::<Result<Vec<_>>>()?;
        known.sort_by_key(|checkpoint| checkpoint.size);
        Ok(known)
    }

    fn corrupt(&self, part: &str, why: &dyn std::fmt::Display) -> Error {
        let error = Error::new(ErrorKind::Corrupt, REBUILD).on(self.log.origin()).because(format!("{part}: {why}"));
        error.advise("verify the ledger, and restore it from a backup")
    }
}

/// Entries of neighbouring leaves.
struct Batch {
    entries: Vec<IndexedEvidence>,
    /// The first leaf behind them.
    until: u64,
}

struct Source<'r> {
    audit: Audit<'r>,
    by: Rebuild<'r>,
    known: Peekable<std::vec::IntoIter<Checkpoint>>,
    holders: Holders<'r>,
    from: u64,
}

impl Source<'_> {
    /// `None` at the end of the log, once its root is what it should be.
    async fn batch(&mut self, cx: &OpContext, rebuilt: &mut Rebuilt) -> Result<Option<Batch>> {
        let mut entries = Vec::new();
        loop {
            self.compare()?;
            match self.audit.next(cx).await? {
                Found::End if entries.is_empty() => return Ok(None),
                Found::End => return Ok(Some(Batch { entries, until: self.audit.size() })),
                Found::Spoilt { part, why } => return Err(self.by.corrupt(&part, &why)),
                Found::Item { index, .. } if index < self.from => {}
                Found::Item { index, item } => match self.entry(index, &item) {
                    Ok(entry) => entries.push(entry),
                    Err(why) => rebuilt.refuse(index, why),
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

    /// That the log has had the states that are known, as far as it was read.
    fn compare(&mut self) -> Result<()> {
        while let Some(known) = self.known.next_if(|known| known.size == self.audit.size()) {
            if known.root != self.audit.root() {
                let part = format!("known checkpoint of {} leaves", known.size);
                return Err(self.by.corrupt(&part, &"it is of another history"));
            }
        }
        Ok(())
    }

    fn entry(&mut self, leaf: u64, item: &Stored) -> Result<IndexedEvidence, String> {
        let (envelope, trust) = (&item.envelope, self.holders.trusted(leaf, &item.by)?);
        let entry = match self.by.recheck {
            Recheck::Signatures => trust.verify(envelope).and_then(|verified| {
                let blob = Digest::of(&envelope.to_vec()?);
                Ok(IndexedEvidence::new(&verified, blob).with_leaf(leaf))
            }),
            Recheck::Log => IndexedEvidence::of_leaf(&trust, envelope, leaf),
        };
        let (entry, key) = (entry.map_err(|error| error.to_string())?, item.by.key().id().0);
        // The log is over the key beside the envelope; the envelope has to name that one.
        match entry.facets().filter(|facets| facets.signer.0 == key) {
            Some(_) => Ok(entry),
            None => Err(EnvelopeError::BadSignature(key.hex()).to_string()),
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
