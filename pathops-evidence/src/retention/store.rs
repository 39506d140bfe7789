//! Where payloads go, by whether they are to be erasable.

use std::collections::BTreeSet;

use pathops_core::adapter::BlobStore;
use pathops_core::evidence::{PayloadKind, ReferenceAnnotations};
use pathops_core::{Digest, Error, ErrorKind, OpContext, Result};

use super::SealedBlobs;

/// A payload that is stored: what there is to say of it where it is referred to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPayload {
    /// The digest to refer to: of the ciphertext, where it is encrypted.
    pub digest: Digest,
    /// Where a person or tool finds it.
    pub location: String,
    /// Whether it is [sealed](SealedBlobs). `None` where that was not noted, as by earlier versions.
    pub sealed: Option<bool>,
}

impl StoredPayload {
    /// What a reference to it says besides: what is given, and how it is stored. Every reference to a payload takes it from here:
    /// verification believes that, and not what the payload begins with, which anybody may have written.
    #[must_use]
    pub fn annotate(&self, annotations: ReferenceAnnotations) -> ReferenceAnnotations {
        ReferenceAnnotations { sealed: self.sealed, ..annotations }
    }
}

/// Stores payloads: as they are, or encrypted, each with a key of its own, where what they are is to be erasable.
#[derive(Clone, Debug)]
pub struct PayloadStore<'s> {
    blobs: &'s dyn BlobStore,
    sealed: Option<&'s SealedBlobs>,
    erasable: BTreeSet<PayloadKind>,
    /// Why nobody can tell what is to be erasable.
    untold: Option<String>,
}

impl<'s> PayloadStore<'s> {
    /// Stores everything as it is.
    #[must_use]
    pub fn plain(blobs: &'s dyn BlobStore) -> Self {
        Self { blobs, sealed: None, erasable: BTreeSet::new(), untold: None }
    }

    /// Stores payloads of these kinds so that they can be erased ([`Disposal::erase`](super::Disposal::erase)). Without a place for
    /// keys none of them is stored.
    #[must_use]
    pub fn erasable(self, kinds: BTreeSet<PayloadKind>, sealed: Option<&'s SealedBlobs>) -> Self {
        Self { sealed, erasable: kinds, ..self }
    }

    /// Stores payloads of all kinds so, because nobody can tell which are to be erasable, for this reason.
    #[must_use]
    pub fn untold(self, why: impl Into<String>, sealed: Option<&'s SealedBlobs>) -> Self {
        Self { untold: Some(why.into()), ..self.erasable(PayloadKind::ALL.into(), sealed) }
    }

    /// Stores a payload. What is stored encrypted has another digest in another operation; the same one where the operation, by the key
    /// of `cx`, stores the same again.
    ///
    /// # Errors
    /// `Invalid` where it is, or may be, to be erasable and there is no place for keys: then nothing is stored. What the blob store and the keys
    /// answer.
    pub async fn put(&self, cx: &OpContext, kind: Option<PayloadKind>, bytes: Vec<u8>) -> Result<StoredPayload> {
        let erasable = kind.filter(|kind| self.erasable.contains(kind));
        let digest = match erasable {
            None => self.blobs.put(cx, bytes).await?,
            Some(kind) => {
                let no_keys = || {
                    let no_keys = "and this host has no keys to encrypt it with";
                    let refused = Error::new(ErrorKind::Invalid, "store a payload").on(kind);
                    match &self.untold {
                        Some(why) => refused
                            .because(format!("nobody can tell whether it is to be erasable: {why}; {no_keys}"))
                            .advise("give the host a store of sealed payloads"),
                        None => refused
                            .because(format!("its class of retention is erasable, {no_keys}"))
                            .advise("give the host a store of sealed payloads, or take `erasable` out of the class"),
                    }
                };
                self.sealed.ok_or_else(no_keys)?.put(&cx.part(&kind.to_string()), bytes).await?
            }
        };
        Ok(StoredPayload { digest, location: self.blobs.location(&digest), sealed: Some(erasable.is_some()) })
    }
}
