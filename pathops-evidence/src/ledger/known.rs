//! What a writer knows besides what lies in the bucket.

use std::sync::Arc;

use pathops_core::evidence::TrustRoot;
use pathops_core::{Error, ErrorKind, Result};

use super::{Item, named, tile};
use crate::admit::admitted;

/// What who writes a log knows besides what lies in its bucket, where others may write, too.
#[derive(Clone, Debug, Default)]
pub struct Known {
    trust: Option<Arc<TrustRoot>>,
}

impl Known {
    /// Whose evidence is taken up where others have appended it. Without it, whatever lies where the next batch belongs is taken up, and
    /// signed into the log: give it wherever somebody without a key may be able to write into the bucket.
    ///
    /// Of what has a certificate, either its key is among these, or an authority of these has issued it to an identity of these. Where
    /// signers are keyless and no authority is named, nobody can tell them from strangers: give none then, and keep others out of the bucket.
    #[must_use]
    pub fn trusting(self, trust: TrustRoot) -> Self {
        Self { trust: Some(Arc::new(trust)), ..self }
    }

    pub(crate) fn trust(&self) -> Option<&TrustRoot> {
        self.trust.as_deref()
    }

    /// That each item of a batch which others have appended is signed by who may.
    ///
    /// # Errors
    /// `Corrupt`, which names the batch and the first of its leaves that is not.
    pub(super) fn admit(&self, start: u64, items: &[Item]) -> Result<()> {
        let Some(trust) = self.trust() else { return Ok(()) };
        for (leaf, item) in (start..).zip(items) {
            if let Err(why) = admitted(trust, &item.stored) {
                let why = format!("nobody who is trusted has signed what would be leaf {leaf}: {why}");
                let error =
                    Error::new(ErrorKind::Corrupt, "take up what others have appended").on(named(tile::batch_key(start))?);
                let advice = "whoever can write into the bucket may have put it there. Where its signer is to be trusted, name them \
                              in the trust root; otherwise keep others out, and move that object away, which no checkpoint covers";
                return Err(error.because(why).advise(advice));
            }
        }
        Ok(())
    }
}
