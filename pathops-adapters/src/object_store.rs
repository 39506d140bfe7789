//! Blobs, and objects with names, in an object store: a folder of this machine, or memory.
//!
//! A blob lies at `blobs/sha256/<first two digits>/<digest>`. In a folder it is written beside its place, flushed to the
//! disk, and only then linked there, and the folder's entry is flushed too: a reader sees all of it or nothing, and what
//! [`put`](BlobStore::put) has answered survives a crash of the machine, as far as the disk keeps what it has flushed.
//! A crash within `put` may leave an unfinished file whose name ends in `#` and a number; it is never read.

use std::path::PathBuf;
use std::sync::Arc;

use ::object_store::local::LocalFileSystem;
use ::object_store::memory::InMemory;
use ::object_store::path::Path;
use ::object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutPayload};
use async_trait::async_trait;
use pathops_core::adapter::{BlobCapabilities, BlobStore};
use pathops_core::{Digest, Error, ErrorKind, OpContext, Result};

mod bucket;
mod error;
mod uri;

pub use bucket::ObjectStoreBucket;

/// Blobs in an object store.
#[derive(Clone, Debug)]
pub struct ObjectStoreBlobs {
    store: Arc<dyn ObjectStore>,
    /// The URI of the store's root, without a slash at its end.
    root: String,
}

impl ObjectStoreBlobs {
    /// Blobs in a folder, which is made where there is none. Several processes may use one folder at the same time.
    ///
    /// # Errors
    /// `Denied`, `StorageFull` or `Unavailable` where the folder cannot be made or opened.
    pub fn folder(path: impl Into<PathBuf>) -> Result<Self> {
        let (store, root) = folder("open the folder of blobs", path.into())?;
        Ok(Self { store, root })
    }

    /// Blobs in memory, for as long as this value or a clone of it lives.
    #[must_use]
    pub fn memory() -> Self {
        Self { store: Arc::new(InMemory::new()), root: "memory://".to_owned() }
    }

    async fn write(&self, digest: &Digest, bytes: Vec<u8>, mode: PutMode) -> Result<(), ::object_store::Error> {
        self.store.put_opts(&key(digest), PutPayload::from(bytes), mode.into()).await.map(drop)
    }

    /// The stored bytes, unchecked.
    async fn read(&self, operation: &'static str, digest: &Digest) -> Result<Option<Vec<u8>>> {
        let failed = |source| error::from_store(operation, source).on(self.location(digest));
        match self.store.get(&key(digest)).await {
            Ok(found) => Ok(Some(found.bytes().await.map_err(failed)?.into())),
            Err(::object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(failed(source)),
        }
    }
}

#[async_trait]
impl BlobStore for ObjectStoreBlobs {
    fn name(&self) -> &'static str {
        "object-store"
    }

    fn capabilities(&self) -> BlobCapabilities {
        BlobCapabilities::default()
    }

    /// Where the bytes under this digest are damaged, they are replaced by the good ones.
    async fn put(&self, _: &OpContext, bytes: Vec<u8>) -> Result<Digest> {
        const PUT: &str = "store a blob";
        let digest = Digest::of(&bytes);
        let failed = |source| error::from_store(PUT, source).on(self.location(&digest));
        match self.write(&digest, bytes.clone(), PutMode::Create).await {
            Ok(()) => Ok(digest),
            Err(::object_store::Error::AlreadyExists { .. }) => {
                if self.read(PUT, &digest).await?.as_deref() != Some(bytes.as_slice()) {
                    tracing::warn!(blob = %self.location(&digest), "the stored bytes are damaged; they are replaced");
                    self.write(&digest, bytes, PutMode::Overwrite).await.map_err(failed)?;
                }
                Ok(digest)
            }
            Err(source) => Err(failed(source)),
        }
    }

    async fn get(&self, _: &OpContext, digest: &Digest) -> Result<Option<Vec<u8>>> {
        const GET: &str = "read a blob";
        let Some(bytes) = self.read(GET, digest).await? else { return Ok(None) };
        let actual = Digest::of(&bytes);
        if actual == *digest {
            return Ok(Some(bytes));
        }
        let reason = format!("the stored bytes have the digest {actual}");
        let advice = "the file was changed or the disk is damaged: restore it from a backup, or store the bytes again";
        Err(Error::new(ErrorKind::Corrupt, GET).on(self.location(digest)).because(reason).advise(advice))
    }

    fn location(&self, digest: &Digest) -> String {
        format!("{}/{}", self.root, key(digest))
    }
}

/// A folder, made where there is none, as a store whose writes are on the disk when they are answered; and its URI.
fn folder(operation: &'static str, path: PathBuf) -> Result<(Arc<dyn ObjectStore>, String)> {
    let failed = |source| error::from_io(operation, source).on(path.display());
    std::fs::create_dir_all(&path).map_err(failed)?;
    let path = path.canonicalize().map_err(failed)?;
    let store =
        LocalFileSystem::new_with_prefix(&path).map_err(|source| error::from_store(operation, source).on(path.display()))?;
    Ok((Arc::new(store.with_fsync(true)), uri::of_folder(&path)))
}

fn key(digest: &Digest) -> Path {
    let hex = digest.hex();
    let first = hex.get(..2).unwrap_or_default().to_owned();
    Path::from_iter(["blobs".to_owned(), "sha256".to_owned(), first, hex])
}

#[cfg(test)]
mod tests;
