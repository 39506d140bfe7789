use std::path::PathBuf;
use std::sync::Arc;

use ::object_store::local::LocalFileSystem;
use ::object_store::memory::InMemory;
use ::object_store::path::Path;
use ::object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutPayload};
use async_trait::async_trait;
use futures_util::TryStreamExt as _;
use pathops_core::adapter::Bucket;
use pathops_core::{Error, ErrorKind, ObjectKey, OpContext, Result};

use super::error::{from_store, is_absent};
use super::folder;

/// Objects with names in an object store.
///
/// In a folder, an object is a file. Listing reads all names below a folder, since a file system has them in no order.
#[derive(Clone, Debug)]
pub struct ObjectStoreBucket {
    store: Arc<dyn ObjectStore>,
    /// The same, without waiting for the disk.
    quick: Arc<dyn ObjectStore>,
    /// The URI of the store's root, without a slash at its end.
    root: String,
}

impl ObjectStoreBucket {
    /// Objects in a folder, which is made where there is none. Several processes may use one folder at the same time.
    ///
    /// # Errors
    /// `Denied`, `StorageFull` or `Unavailable` where the folder cannot be made or opened.
    pub fn folder(path: impl Into<PathBuf>) -> Result<Self> {
        const OPEN: &str = "open the folder of objects";
        let path = path.into();
        let (store, root) = folder(OPEN, path.clone())?;
        let quick = LocalFileSystem::new_with_prefix(&path).map_err(|source| from_store(OPEN, source).on(path.display()))?;
        Ok(Self { store, quick: Arc::new(quick), root })
    }

    /// Objects in memory, for as long as this value or a clone of it lives.
    #[must_use]
    pub fn memory() -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        Self { quick: store.clone(), store, root: "memory://".to_owned() }
    }

    async fn put(&self, operation: &'static str, key: &ObjectKey, bytes: Vec<u8>, mode: PutMode) -> Result<()> {
        let store = if mode == PutMode::Create { &self.store } else { &self.quick };
        match store.put_opts(&path(key), PutPayload::from(bytes), mode.into()).await {
            Ok(_) => Ok(()),
            Err(::object_store::Error::AlreadyExists { .. }) => {
                Err(Error::new(ErrorKind::AlreadyExists, operation).on(self.location(key)).because("the name is taken"))
            }
            Err(source) => Err(from_store(operation, source).on(self.location(key))),
        }
    }
}

#[async_trait]
impl Bucket for ObjectStoreBucket {
    fn name(&self) -> &'static str {
        "object-store"
    }

    async fn create(&self, _: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.put("create an object", key, bytes, PutMode::Create).await
    }

    async fn write(&self, _: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.put("write an object", key, bytes, PutMode::Overwrite).await
    }

    async fn read(&self, _: &OpContext, key: &ObjectKey) -> Result<Option<Vec<u8>>> {
        let failed = |source| from_store("read an object", source).on(self.location(key));
        match self.store.get(&path(key)).await {
            Ok(found) => Ok(Some(found.bytes().await.map_err(failed)?.into())),
            Err(source) if is_absent(&source) => Ok(None),
            Err(source) => Err(failed(source)),
        }
    }

    async fn list<'a>(
        &self,
        _: &OpContext,
        within: &ObjectKey,
        after: Option<&'a ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>> {
        let failed = |source| from_store("list objects", source).on(self.location(within));
        let found: Vec<_> = self.store.list(Some(&path(within))).try_collect().await.map_err(failed)?;
        let names = found.into_iter().filter_map(|object| ObjectKey::parse(object.location.to_string()).ok());
        let mut names: Vec<_> = names.filter(|key| key.is_below(within) && after.is_none_or(|after| key > after)).collect();
        names.sort();
        names.truncate(limit);
        Ok(names)
    }

    async fn delete(&self, _: &OpContext, key: &ObjectKey) -> Result<()> {
        match self.store.delete(&path(key)).await {
            Ok(()) => Ok(()),
            Err(source) if is_absent(&source) => Ok(()),
            Err(source) => Err(from_store("delete an object", source).on(self.location(key))),
        }
    }

    fn location(&self, key: &ObjectKey) -> String {
        format!("{}/{key}", self.root)
    }
}

fn path(key: &ObjectKey) -> Path {
    Path::from_iter(key.as_str().split('/'))
}
