use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::adapter::{BlobCapabilities, BlobStore};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::op::OpContext;

/// Blobs in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryBlobs {
    max_bytes: Option<u64>,
    room: Option<u64>,
    blobs: Arc<Mutex<BTreeMap<Digest, Vec<u8>>>>,
}

impl MemoryBlobs {
    /// An empty store without limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares and enforces a size limit for each blob.
    #[must_use]
    pub fn with_max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = Some(max_bytes);
        self
    }

    /// Has room for so many bytes in all, like a disk.
    #[must_use]
    pub fn with_room(mut self, bytes: u64) -> Self {
        self.room = Some(bytes);
        self
    }

    /// Changes the stored bytes of a blob, as a failing disk would. `false` where there is none.
    pub fn corrupt(&self, digest: &Digest) -> bool {
        self.blobs().get_mut(digest).map(|bytes| bytes.push(0)).is_some()
    }

    /// Loses a blob, as a failing disk would. `false` where there is none.
    pub fn lose(&self, digest: &Digest) -> bool {
        self.blobs().remove(digest).is_some()
    }

    fn blobs(&self) -> MutexGuard<'_, BTreeMap<Digest, Vec<u8>>> {
        self.blobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl BlobStore for MemoryBlobs {
    fn name(&self) -> &'static str {
        "memory-blobs"
    }

    fn capabilities(&self) -> BlobCapabilities {
        BlobCapabilities { max_bytes: self.max_bytes }
    }

    async fn put(&self, _cx: &OpContext, bytes: Vec<u8>) -> Result<Digest> {
        let digest = Digest::of(&bytes);
        let failed = |kind, reason: String| Error::new(kind, "store a blob").on(digest).because(reason);
        if let Some(max) = self.max_bytes.filter(|max| size(&bytes) > *max) {
            let reason = format!("it has {} bytes and {max} are allowed", bytes.len());
            return Err(failed(ErrorKind::Invalid, reason).advise("store something smaller"));
        }
        let mut blobs = self.blobs();
        if blobs.contains_key(&digest) {
            return Ok(digest);
        }
        let used: u64 = blobs.values().map(|bytes| size(bytes)).sum();
        if self.room.is_some_and(|room| used.saturating_add(size(&bytes)) > room) {
            let reason = format!("{used} bytes are in use and there is no room for {} more", bytes.len());
            return Err(failed(ErrorKind::StorageFull, reason).advise("make room"));
        }
        blobs.insert(digest, bytes);
        Ok(digest)
    }

    async fn get(&self, _cx: &OpContext, digest: &Digest) -> Result<Option<Vec<u8>>> {
        let Some(bytes) = self.blobs().get(digest).cloned() else { return Ok(None) };
        let stored = Digest::of(&bytes);
        if stored == *digest {
            return Ok(Some(bytes));
        }
        let reason = format!("the stored bytes have the digest {stored}");
        Err(Error::new(ErrorKind::Corrupt, "read a blob").on(digest).because(reason).advise("restore it from a backup"))
    }

    fn location(&self, digest: &Digest) -> String {
        format!("memory:blobs/{}", digest.hex())
    }
}

fn size(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::op::IdempotencyKey;

    #[tokio::test]
    async fn a_full_store_keeps_what_it_has() {
        let (blobs, cx) = (MemoryBlobs::new().with_room(4), OpContext::new(IdempotencyKey::new("test")));
        let kept = blobs.put(&cx, b"1234".to_vec()).await.unwrap();
        let refused = blobs.put(&cx, b"5".to_vec()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::StorageFull);
        assert_eq!(blobs.get(&cx, &Digest::of(b"5")).await.unwrap(), None);
        assert_eq!(blobs.put(&cx, b"1234".to_vec()).await.unwrap(), kept);
        assert_eq!(blobs.get(&cx, &kept).await.unwrap(), Some(b"1234".to_vec()));
    }
}
