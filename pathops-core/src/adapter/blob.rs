use std::fmt::Debug;

use async_trait::async_trait;

use crate::digest::Digest;
use crate::error::Result;
use crate::op::OpContext;

/// What a blob store can do beyond the core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlobCapabilities {
    /// Largest blob, in bytes. `None`: no limit is known.
    pub max_bytes: Option<u64>,
}

/// Payloads by the SHA-256 of their bytes, written once and never changed.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait BlobStore: Debug + Send + Sync + 'static {
    /// The adapter's name, for example `object-store`.
    fn name(&self) -> &'static str;

    /// What this store offers.
    fn capabilities(&self) -> BlobCapabilities;

    /// Stores `bytes` under their digest, which it returns. Storing them again is no error and changes nothing.
    /// After `Ok` they survive a crash. No reader ever sees a part of them.
    ///
    /// # Errors
    /// `StorageFull` where there is no room: nothing is stored and earlier blobs are untouched; `Invalid` past
    /// `max_bytes`; `Unavailable`, `Timeout`.
    async fn put(&self, cx: &OpContext, bytes: Vec<u8>) -> Result<Digest>;

    /// The bytes with that digest, or `None`. The digest of what is returned has been checked.
    ///
    /// # Errors
    /// `Corrupt` where the stored bytes have another digest; `Unavailable`, `Timeout`.
    async fn get(&self, cx: &OpContext, digest: &Digest) -> Result<Option<Vec<u8>>>;

    /// Where a person or tool finds the blob: a URI. It need not exist yet.
    fn location(&self, digest: &Digest) -> String;
}
