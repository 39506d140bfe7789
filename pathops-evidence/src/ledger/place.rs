//! Proofs for what an index finds.

use pathops_core::adapter::IndexedEvidence;
use pathops_core::evidence::{Checkpoint, Logged};
use pathops_core::{Error, ErrorKind, OpContext, Result};

use super::LogReader;

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
    /// It shows that the evidence is there that the entry names. What else the entry says of it is shown by its
    /// [`item`](LogReader::item), of which the same entry can be made.
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
}
