use std::fmt::Debug;

use async_trait::async_trait;

use super::ByteStream;
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
///
/// Who holds a store cannot take a blob away; see [`BlobCollector`](super::BlobCollector) for that.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait BlobStore: Debug + Send + Sync + 'static {
    /// The adapter's name, for example `object-store`.
    fn name(&self) -> &'static str;

    /// What this store offers.
    fn capabilities(&self) -> BlobCapabilities;

    /// Stores what the stream gives up to its end under its digest, which it returns. Storing it again is no error and
    /// changes nothing. After `Ok` it survives a crash. No reader ever sees a part of it under that digest.
    ///
    /// A store that keeps blobs elsewhere than in memory holds a part of bounded size of it at any time.
    ///
    /// # Errors
    /// What the stream answers: nothing is then stored. `StorageFull` where there is no room: earlier blobs are untouched;
    /// `Invalid` past `max_bytes`; `Unavailable`, `Timeout`.
    ///
    /// # Cancel safety
    /// Dropped half way, the blob is whole or not there. What may be left of it is never read as this blob, and is collected
    /// like any blob that nothing refers to.
    async fn put_stream(&self, cx: &OpContext, bytes: Box<dyn ByteStream>) -> Result<Digest>;

    /// The bytes with that digest, chunk by chunk, or `None`. The end of the stream comes only after the digest of all that
    /// it gave was checked; where it is another one, `Corrupt` comes in the place of the end. So whoever must not take
    /// damaged bytes for good ones waits for the end before relying on any.
    ///
    /// # Errors
    /// Here or from the stream: `Corrupt` where the stored bytes have another digest; `Unavailable`, `Timeout`.
    async fn get_stream(&self, cx: &OpContext, digest: &Digest) -> Result<Option<Box<dyn ByteStream>>>;

    /// [`BlobStore::put_stream`] of bytes that are in memory.
    ///
    /// # Errors
    /// As there.
    async fn put(&self, cx: &OpContext, bytes: Vec<u8>) -> Result<Digest> {
        self.put_stream(cx, bytes.into()).await
    }

    /// [`BlobStore::put`] of several: an answer for each, in their order. It is cheaper than one after the other where the store can
    /// wait for the disk, or for the network, once for all of them. One that cannot be stored keeps no other from it.
    async fn put_all(&self, cx: &OpContext, blobs: Vec<Vec<u8>>) -> Vec<Result<Digest>> {
        let mut answers = Vec::with_capacity(blobs.len());
        for bytes in blobs {
            answers.push(self.put(cx, bytes).await);
        }
        answers
    }

    /// The bytes with that digest, or `None`, in memory. The digest of what is returned has been checked.
    ///
    /// # Errors
    /// `Corrupt` where the stored bytes have another digest; `Unavailable`, `Timeout`.
    async fn get(&self, cx: &OpContext, digest: &Digest) -> Result<Option<Vec<u8>>> {
        match self.get_stream(cx, digest).await? {
            Some(bytes) => bytes.collect().await.map(Some),
            None => Ok(None),
        }
    }

    /// Where a person or tool finds the blob: a URI. It need not exist yet.
    fn location(&self, digest: &Digest) -> String;
}
