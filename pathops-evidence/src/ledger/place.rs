//! Proofs for what an index finds.

use pathops_core::adapter::IndexedEvidence;
use pathops_core::evidence::{Checkpoint, Logged};
use pathops_core::{Error, ErrorKind, OpContext, Result};

use super::{Item, LogReader};

/// Whether an entry of an index is in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is, and this shows it.
    Proven(Logged),
    /// The index knows no place for it: it was not appended, or the index was not told.
    NotInLedger,
}

impl LogReader {
    /// What shows that an entry is in the log of `checkpoint`. It is computed from tiles, not stored: some ten reads for a log
    /// of a million.
    ///
    /// It shows that the evidence is there that the entry names. What else the entry says of it is shown by what
    /// [`LogReader::holds`] gives.
    ///
    /// # Errors
    /// `Corrupt` where the leaf at its place is that of other evidence; as [`LogReader::inclusion`].
    pub async fn prove(&self, cx: &OpContext, entry: &IndexedEvidence, checkpoint: &Checkpoint) -> Result<Place> {
        let Some(leaf) = entry.leaf() else { return Ok(Place::NotInLedger) };
        let logged = Logged { checkpoint: checkpoint.clone(), inclusion: self.inclusion(cx, leaf, checkpoint).await? };
        let named = logged.evidence().ok();
        if named == Some(entry.id()) {
            return Ok(Place::Proven(logged));
        }
        let error = Error::new(ErrorKind::Corrupt, "prove a piece of evidence").on(entry.id());
        Err(error.because(format!("leaf {leaf} is that of other evidence")).advise("make the index anew from the ledger"))
    }

    /// What the log of the newest checkpoint has at the place of an entry: the same evidence, with its envelope, of which the same
    /// entry can be made. `None` where the entry has no place.
    ///
    /// # Errors
    /// `Corrupt` where the leaf at its place is that of other evidence, or the batch there has another item than the leaf; `NotFound` where
    /// the log is not as long; as [`LogReader::inclusion`].
    pub async fn holds(&self, cx: &OpContext, entry: &IndexedEvidence) -> Result<Option<Item>> {
        let (Some(leaf), Some(checkpoint)) = (entry.leaf(), self.checkpoint(cx).await?) else { return Ok(None) };
        let Place::Proven(Logged { inclusion, .. }) = self.prove(cx, entry, &checkpoint).await? else { return Ok(None) };
        let item = self.items_with(cx, leaf, &inclusion.leaf).await?.into_iter().next();
        item.map(Some).ok_or_else(|| self.corrupt(&format!("leaf {leaf}"), &"no batch has its envelope"))
    }
}
