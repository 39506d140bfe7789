//! Asking a witness of a log for its cosignature.

use async_trait::async_trait;

use crate::error::Result;
use crate::op::OpContext;

/// How long an answer may be, in bytes; more is no answer.
pub const MAX_WITNESS_ANSWER: usize = 64 << 10;

/// Carries a request to one witness and brings its answer back (C2SP `tlog-witness`).
///
/// The request is the body of `POST <submission prefix>/add-checkpoint`. It holds nothing that is secret, and needs no credential.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait WitnessClient: std::fmt::Debug + Send + Sync + 'static {
    /// Posts a request, once, and gives status and body of the answer, whatever the status is. Posting the same again gives
    /// another cosignature of the same checkpoint, or says how far the witness is.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`: the witness could not be asked, or its answer did not arrive, with an unknown effect.
    ///
    /// # Cancel safety
    /// Dropped half way, the witness may have cosigned; asking again settles it.
    async fn add_checkpoint(&self, cx: &OpContext, body: &str) -> Result<WitnessAnswer>;
}

/// What came back from a witness: the status of HTTP, and the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessAnswer {
    /// For example 200.
    pub status: u16,
    /// The body. Of one that is longer than [`MAX_WITNESS_ANSWER`], its beginning, which is longer than that.
    pub body: String,
}

/// What a witness has said.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WitnessSaid {
    /// These lines go below the checkpoint. Nobody has checked them yet.
    Cosigned(String),
    /// It has cosigned a checkpoint of this size last, and asks for what has come since.
    HasSeen(u64),
    /// It does not cosign; why, in words.
    Refused(String),
}

impl WitnessAnswer {
    /// What it means, by the standard. What is no answer of a witness is a refusal.
    #[must_use]
    pub fn said(&self) -> WitnessSaid {
        let refused = |why: &str| WitnessSaid::Refused(why.to_owned());
        if self.body.len() > MAX_WITNESS_ANSWER {
            return refused("its answer is longer than any cosignature");
        }
        match self.status {
            200 if self.body.starts_with('\u{2014}') && self.body.ends_with('\n') => WitnessSaid::Cosigned(self.body.clone()),
            200 => refused("its answer has no signature"),
            409 => match self.body.strip_suffix('\n').and_then(size) {
                Some(size) => WitnessSaid::HasSeen(size),
                None => refused("it has cosigned another log of that size, or does not say what it has seen"),
            },
            400 => refused("it could not read the request"),
            403 => refused("it does not know the key that has signed the checkpoint"),
            404 => refused("it does not know the log"),
            422 => refused("by its record the log has not grown like this: it shows a fork, or the record is damaged"),
            status => WitnessSaid::Refused(format!("it answered with the status {status}")),
        }
    }
}

/// A size as it is written: digits without zeros before them.
fn size(text: &str) -> Option<u64> {
    text.parse().ok().filter(|size: &u64| size.to_string() == text)
}
