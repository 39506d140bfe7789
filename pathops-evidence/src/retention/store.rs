//! Where payloads go, by whether they are to be erasable.

use std::collections::BTreeSet;

use pathops_core::adapter::BlobStore;
use pathops_core::evidence::PayloadKind;
use pathops_core::{Digest, Error, ErrorKind, OpContext, Result};

use super::SealedBlobs;

/// Stores payloads: as they are, or encrypted, each with a key of its own, where what they are is to be erasable.
#[derive(Clone, Debug)]
pub struct PayloadStore<'s> {
    blobs: &'s dyn BlobStore,
    sealed: Option<&'s SealedBlobs>,
    erasable: BTreeSet<PayloadKind>,
}

impl<'s> PayloadStore<'s> {
    /// Stores everything as it is.
    #[must_use]
    pub fn plain(blobs: &'s dyn BlobStore) -> Self {
        Self { blobs, sealed: None, erasable: BTreeSet::new() }
    }

    /// Stores payloads of these kinds so that they can be erased ([`Disposal::erase`](super::Disposal::erase)). Without a place for
    /// keys none of them is stored.
    #[must_use]
    pub fn erasable(self, kinds: BTreeSet<PayloadKind>, sealed: Option<&'s SealedBlobs>) -> Self {
        Self { sealed, erasable: kinds, ..self }
    }

    /// Stores a payload. Gives the digest to refer to, and where a person or tool finds it. What is stored encrypted has another
    /// digest each time that it is stored.
    ///
    /// # Errors
    /// `Invalid` where it is to be erasable and there is no place for keys: then nothing is stored. What the blob store and the keys
    /// answer.
    pub async fn put(&self, cx: &OpContext, kind: Option<PayloadKind>, bytes: Vec<u8>) -> Result<(Digest, String)> {
        let digest = match kind.filter(|kind| self.erasable.contains(kind)) {
            None => self.blobs.put(cx, bytes).await?,
            Some(kind) => {
                let no_keys = || {
                    let why = "its class of retention is erasable, and this host has no keys to encrypt it with";
                    let error = Error::new(ErrorKind::Invalid, "store a payload").on(kind).because(why);
                    error.advise("give the host a store of sealed payloads, or take `erasable` out of the class")
                };
                self.sealed.ok_or_else(no_keys)?.put_stream(cx, bytes.into()).await?
            }
        };
        Ok((digest, self.blobs.location(&digest)))
    }
}
