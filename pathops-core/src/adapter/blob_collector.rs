use std::fmt::Debug;

use async_trait::async_trait;

use crate::digest::Digest;
use crate::error::Result;
use crate::op::OpContext;

/// A blob that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBlob {
    /// Its digest.
    pub digest: Digest,
    /// Other blobs that it is put together from: it cannot be read without them.
    pub needs: Vec<Digest>,
}

/// Takes blobs away that nothing refers to any longer. It is a trait of its own, so that who stores and reads blobs can take
/// none away.
///
/// A blob goes in two steps. A *retired* one can still be read, but a write of the same bytes does not find it and stores them
/// anew. So a writer that was told that its bytes are there, just before they were retired, has until the purge to refer to
/// them; they are then brought back. Each step may be repeated, and may be dropped half way: the blob can be read all along,
/// and the next call goes on.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait BlobCollector: Debug + Send + Sync + 'static {
    /// Up to `limit` blobs that are not retired, in the order of their digests, those after `after` only. Fewer than `limit`
    /// are the last ones.
    ///
    /// # Errors
    /// `Corrupt` where it cannot be read what a blob is put together from; `Unavailable`, `Timeout`.
    async fn list<'a>(&self, cx: &OpContext, after: Option<&'a Digest>, limit: usize) -> Result<Vec<StoredBlob>>;

    /// Retires a blob. One that is not there, or is retired, is no error.
    ///
    /// # Errors
    /// `StorageFull`, `Denied`, `Unavailable`, `Timeout`.
    async fn retire(&self, cx: &OpContext, digest: &Digest) -> Result<()>;

    /// Brings a retired blob back. One that is not retired is no error.
    ///
    /// # Errors
    /// `StorageFull`, `Denied`, `Unavailable`, `Timeout`.
    async fn restore(&self, cx: &OpContext, digest: &Digest) -> Result<()>;

    /// Deletes what is retired of a blob. What was stored anew since stays, and one that is not retired is no error.
    ///
    /// # Errors
    /// `Denied` where the store keeps it; `Unavailable`, `Timeout`.
    async fn purge(&self, cx: &OpContext, digest: &Digest) -> Result<()>;
}
