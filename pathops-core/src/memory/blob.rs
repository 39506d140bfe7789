use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::adapter::{BlobCapabilities, BlobCollector, BlobStore, ByteStream, Checked, StoredBlob};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::op::OpContext;

/// Blobs in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryBlobs {
    max_bytes: Option<u64>,
    room: Option<u64>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    blobs: BTreeMap<Digest, Vec<u8>>,
    retired: BTreeMap<Digest, Vec<u8>>,
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

    /// How many blobs there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.kept().blobs.len()
    }

    /// Changes the stored bytes of a blob, as a failing disk would. `false` where there is none.
    pub fn corrupt(&self, digest: &Digest) -> bool {
        self.kept().blobs.get_mut(digest).map(|bytes| bytes.push(0)).is_some()
    }

    /// Puts other bytes in the place of a blob, as whoever has the disk could. `false` where there is none.
    pub fn exchange(&self, digest: &Digest, bytes: Vec<u8>) -> bool {
        self.kept().blobs.get_mut(digest).map(|stored| *stored = bytes).is_some()
    }

    /// Loses a blob, as a failing disk would. `false` where there is none.
    pub fn lose(&self, digest: &Digest) -> bool {
        self.kept().blobs.remove(digest).is_some()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
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

    async fn put_stream(&self, _cx: &OpContext, mut stream: Box<dyn ByteStream>) -> Result<Digest> {
        let failed = |kind, reason: String| Error::new(kind, "store a blob").because(reason);
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.next().await? {
            bytes.extend(chunk);
            if let Some(max) = self.max_bytes.filter(|max| size(&bytes) > *max) {
                let reason = format!("it has more than the {max} bytes that are allowed");
                return Err(failed(ErrorKind::Invalid, reason).advise("store something smaller"));
            }
        }
        let digest = Digest::of(&bytes);
        let blobs = &mut self.kept().blobs;
        if blobs.contains_key(&digest) {
            return Ok(digest);
        }
        let used: u64 = blobs.values().map(|bytes| size(bytes)).sum();
        if self.room.is_some_and(|room| used.saturating_add(size(&bytes)) > room) {
            let reason = format!("{used} bytes are in use and there is no room for {} more", bytes.len());
            return Err(failed(ErrorKind::StorageFull, reason).on(digest).advise("make room"));
        }
        blobs.insert(digest, bytes);
        Ok(digest)
    }

    async fn get_stream(&self, _cx: &OpContext, digest: &Digest) -> Result<Option<Box<dyn ByteStream>>> {
        let Kept { blobs, retired } = &*self.kept();
        let Some(bytes) = blobs.get(digest).or_else(|| retired.get(digest)).cloned() else { return Ok(None) };
        Ok(Some(Box::new(Checked::new(bytes.into(), *digest, self.location(digest)))))
    }

    fn location(&self, digest: &Digest) -> String {
        format!("memory:blobs/{}", digest.hex())
    }
}

#[async_trait]
impl BlobCollector for MemoryBlobs {
    async fn list<'a>(&self, _cx: &OpContext, after: Option<&'a Digest>, limit: usize) -> Result<Vec<StoredBlob>> {
        let kept = self.kept();
        let digests = kept.blobs.keys().filter(|digest| after.is_none_or(|after| *digest > after));
        Ok(digests.take(limit).map(|digest| StoredBlob { digest: *digest, needs: Vec::new() }).collect())
    }

    async fn retire(&self, _cx: &OpContext, digest: &Digest) -> Result<()> {
        let mut kept = self.kept();
        if let Some(bytes) = kept.blobs.remove(digest) {
            kept.retired.insert(*digest, bytes);
        }
        Ok(())
    }

    async fn restore(&self, _cx: &OpContext, digest: &Digest) -> Result<()> {
        let mut kept = self.kept();
        if let Some(bytes) = kept.retired.remove(digest) {
            kept.blobs.insert(*digest, bytes);
        }
        Ok(())
    }

    async fn purge(&self, _cx: &OpContext, digest: &Digest) -> Result<()> {
        self.kept().retired.remove(digest);
        Ok(())
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
