//! What a writer knows besides what lies in the bucket.

use std::sync::Arc;

use async_trait::async_trait;
use pathops_core::evidence::{Checkpoint, TrustRoot};
use pathops_core::{Error, ErrorKind, OpContext, Result};

use super::{Item, LogKey, named, tile};
use crate::admit::admitted;

/// Keeps the last checkpoint that was signed, in a place where nobody writes who can only write into the bucket: beside the log's key.
#[async_trait]
pub trait CheckpointKeeper: std::fmt::Debug + Send + Sync {
    /// The one that was kept last, as a signed note; `None` where none was, or a crash of the machine has left nothing of it.
    ///
    /// # Errors
    /// Where it cannot be read: the log is not opened then.
    async fn kept(&self, cx: &OpContext) -> Result<Option<String>>;

    /// Keeps one in the place of the last, whole or not at all. Of several writers the slower may keep an earlier one, and a crash of the
    /// machine may leave one: that does no harm, since the log goes on from each.
    ///
    /// # Errors
    /// Where it cannot be written. What was appended is appended all the same.
    async fn keep(&self, cx: &OpContext, note: &str) -> Result<()>;
}

/// What who writes a log knows besides what lies in its bucket, where others may write, too.
#[derive(Clone, Debug, Default)]
pub struct Known {
    trust: Option<Arc<TrustRoot>>,
    checkpoints: Vec<String>,
    keeper: Option<Arc<dyn CheckpointKeeper>>,
}

impl Known {
    /// Whose evidence is taken up where others have appended it. Without it, whatever lies where the next batch belongs is taken up, and
    /// signed into the log: give it wherever somebody without a key may be able to write into the bucket.
    ///
    /// Of what has a certificate, either its key is among these, or an authority of these has issued it to an identity of these. Where
    /// signers are keyless and no authority is named, nobody can tell them from strangers: give none then, and keep others out of the
    /// bucket.
    #[must_use]
    pub fn trusting(self, trust: TrustRoot) -> Self {
        Self { trust: Some(Arc::new(trust)), ..self }
    }

    /// Checkpoints that this log has signed, as signed notes: for example the one in the meta repository. The log has to go on from each:
    /// who has put an older state of it back, or taken it away, does not have it signed a second history.
    #[must_use]
    pub fn extending(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.checkpoints.extend(notes);
        self
    }

    /// The same with the one that was kept last; and keeps each that is signed from now on.
    #[must_use]
    pub fn keeping(self, keeper: Arc<dyn CheckpointKeeper>) -> Self {
        Self { keeper: Some(keeper), ..self }
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

    /// The states that the log is known to have had, the smallest first.
    ///
    /// # Errors
    /// `Invalid` where one is none that this log has signed; what the keeper answers.
    pub(super) async fn states(&self, cx: &OpContext, key: &LogKey) -> Result<Vec<Checkpoint>> {
        let kept = match &self.keeper {
            Some(keeper) => keeper.kept(cx).await?,
            None => None,
        };
        let log = key.identity();
        let read = |note: &String| {
            log.signed(note).map_err(|error| {
                let invalid = Error::new(ErrorKind::Invalid, "open a ledger").on(log.origin());
                let why = format!("a checkpoint that is known of it is none that it has signed: {error}");
                invalid.because(why).advise("give those of this log, by the key that signs it")
            })
        };
        let mut states = self.checkpoints.iter().chain(&kept).map(read).collect::<Result<Vec<_>>>()?;
        states.retain(|state| state.size > 0);
        states.sort_by_key(|state| state.size);
        Ok(states)
    }

    /// Keeps a checkpoint that was published, where somebody keeps them. Where that fails the one before it stays, of which it goes on.
    pub(super) async fn keep(&self, cx: &OpContext, key: &LogKey, checkpoint: &Checkpoint) {
        let Some(keeper) = &self.keeper else { return };
        if let Err(error) = keeper.keep(cx, &key.sign(checkpoint)).await {
            tracing::warn!(%error, size = checkpoint.size, "the checkpoint is not kept; an earlier one is");
        }
    }
}
