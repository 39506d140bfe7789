use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use ::object_store::local::LocalFileSystem;
use ::object_store::memory::InMemory;
use ::object_store::path::Path;
use ::object_store::{ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutPayload, UpdateVersion};
use async_trait::async_trait;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use pathops_core::adapter::{Bucket, ObjectVersion};
use pathops_core::{Digest, Effect, Error, ErrorKind, ObjectKey, OpContext, Result};
use tokio::runtime::Handle;

use super::error::{from_io, from_store, is_absent};
use super::{file, folder, walk};

const CREATE: &str = "create an object";
const REPLACE: &str = "replace an object";
const READ: &str = "read an object";
const DELETE: &str = "delete an object";
const LIST: &str = "list objects";

/// How many objects are created, or looked at, at once across a network.
pub(super) const AT_ONCE: usize = 64;

/// The largest object, in bytes: a reader holds it in memory.
const MAX_BYTES: u64 = 1 << 30;

/// Objects with names in an object store.
///
/// An object has 1 GiB at most: a larger one is not written, and not read where somebody else has.
///
/// In a folder, an object is a regular file; a pipe or a device in its place is `Corrupt`, and nothing waits for it. Listing a page
/// reads all names of the folders that its names lie in, since a file system has them in no order: many objects belong into many
/// folders, as blobs and tiles lie.
#[derive(Clone)]
pub struct ObjectStoreBucket {
    store: Arc<dyn ObjectStore>,
    /// The same, without waiting for the disk.
    quick: Arc<dyn ObjectStore>,
    /// The URI of the store's root, without a slash at its end.
    root: String,
    /// The root, where it is a folder of this machine.
    folder: Option<PathBuf>,
    /// Across a network: an answer may be lost, and names come in order.
    remote: bool,
}

impl fmt::Debug for ObjectStoreBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStoreBucket").field("root", &self.root).finish_non_exhaustive()
    }
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
        // The folder is meant that it is now, wherever this process goes.
        let path = path.canonicalize().map_err(|source| from_io(OPEN, source).on(path.display()))?;
        Ok(Self { store, quick: Arc::new(quick), root, folder: Some(path), remote: false })
    }

    /// Objects in memory, for as long as this value or a clone of it lives.
    #[must_use]
    pub fn memory() -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        Self { quick: store.clone(), store, root: "memory://".to_owned(), folder: None, remote: false }
    }

    /// Objects in any other store that [`object_store`](::object_store) has an implementation for, across a network; `root` is the URI
    /// of its root, without a slash at its end. [`Bucket`] says what it has to promise: that a write is durable when it is answered, and
    /// conditions of writes are honoured.
    #[must_use]
    pub fn within(store: Arc<dyn ObjectStore>, root: impl Into<String>) -> Self {
        Self { quick: store.clone(), store, root: root.into(), folder: None, remote: true }
    }

    /// Objects in an S3 bucket. Nothing is asked of the server yet.
    ///
    /// The server has to honour `If-None-Match` and `If-Match` on `PutObject`, as AWS does: one that ignores them lets a name be
    /// taken twice, or what somebody else has written be replaced, and [`Bucket::create`] and [`Bucket::replace`] do not keep
    /// their promises there. A ledger, and streams of snapshots, try them first; payloads that can be erased rely on them.
    ///
    /// # Errors
    /// `Invalid` where the configuration names no bucket or server.
    #[cfg(feature = "s3")]
    pub fn s3(config: &super::S3Config) -> Result<Self> {
        Ok(Self::within(config.open()?, config.uri()))
    }

    async fn put(&self, operation: &'static str, key: &ObjectKey, bytes: Vec<u8>, mode: PutMode) -> Result<()> {
        let store = if mode == PutMode::Create { &self.store } else { &self.quick };
        if bytes.len() as u64 > MAX_BYTES {
            return Err(self.too_large(operation, ErrorKind::Invalid, key, (bytes.len() as u64, MAX_BYTES)));
        }
        match store.put_opts(&path(key), PutPayload::from(bytes), mode.into()).await {
            Ok(_) => Ok(()),
            Err(::object_store::Error::AlreadyExists { .. }) => Err(self.taken(operation, key)),
            Err(source @ ::object_store::Error::Precondition { .. }) => Err(self.replaced(key).with_source(source)),
            Err(source) if operation == REPLACE && is_absent(&source) => Err(self.replaced(key).with_source(source)),
            Err(source) => Err(self.unsure(from_store(operation, source).on(self.location(key)))),
        }
    }

    fn taken(&self, operation: &'static str, key: &ObjectKey) -> Error {
        Error::new(ErrorKind::AlreadyExists, operation).on(self.location(key)).because("the name is taken")
    }

    fn replaced(&self, key: &ObjectKey) -> Error {
        Error::new(ErrorKind::Conflict, REPLACE).on(self.location(key)).because("another version is there, or none")
    }

    fn too_large(&self, operation: &'static str, kind: ErrorKind, key: &ObjectKey, (bytes, most): (u64, u64)) -> Error {
        Error::new(kind, operation).on(self.location(key)).because(format!("it has {bytes} bytes, and may have {most}"))
    }

    /// The bytes of an object that is not in a folder, `most` of them, and its entity tag. Its size is told before they come.
    async fn get(&self, key: &ObjectKey, most: u64) -> Result<Option<(Vec<u8>, Option<String>)>> {
        let failed = |source| from_store(READ, source).on(self.location(key));
        match self.store.get(&path(key)).await {
            Ok(found) if found.meta.size > most => Err(self.too_large(READ, ErrorKind::Corrupt, key, (found.meta.size, most))),
            Ok(found) => {
                let e_tag = found.meta.e_tag.clone();
                Ok(Some((found.bytes().await.map_err(failed)?.into(), e_tag)))
            }
            Err(source) if is_absent(&source) => Ok(None),
            Err(source) => Err(failed(source)),
        }
    }

    /// Flushes to the disk that an object is away.
    async fn flush(&self, key: &ObjectKey) -> Result<()> {
        let file = self.folder.as_ref().map(|folder| folder.join(path(key).as_ref()));
        let Some(folder) = file.as_deref().and_then(std::path::Path::parent).map(PathBuf::from) else { return Ok(()) };
        let flush = move || std::fs::File::open(folder)?.sync_all();
        match blocking(flush).await {
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Err(from_io(DELETE, error).on(self.location(key)).with_effect(Effect::Unknown))
            }
            _ => Ok(()),
        }
    }

    /// The error of a write: where the network has failed, it may be done.
    fn unsure(&self, error: Error) -> Error {
        let lost = self.remote && matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout);
        if lost { error.with_effect(Effect::Unknown) } else { error }
    }

    /// The names below a folder, in the order in which the store has them.
    fn names(&self, within: &ObjectKey, after: Option<&ObjectKey>) -> impl Stream<Item = Result<ObjectKey>> + Send {
        let found = match after {
            Some(after) => self.store.list_with_offset(Some(&path(within)), &path(after)),
            None => self.store.list(Some(&path(within))),
        };
        let (within, after, location) = (within.clone(), after.cloned(), self.location(within));
        let named = move |object: ObjectMeta| {
            let key = ObjectKey::parse(object.location.to_string()).ok();
            let key = key.filter(|key| key.is_below(&within) && after.as_ref().is_none_or(|after| key > after));
            std::future::ready(Ok(key))
        };
        found.try_filter_map(named).map_err(move |source| from_store(LIST, source).on(&location))
    }
}

#[async_trait]
impl Bucket for ObjectStoreBucket {
    fn name(&self) -> &'static str {
        "object-store"
    }

    async fn create(&self, _: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.put(CREATE, key, bytes, PutMode::Create).await
    }

    async fn create_all(&self, cx: &OpContext, objects: Vec<(ObjectKey, Vec<u8>)>) -> Vec<Result<()>> {
        let fit = objects.iter().all(|(_, bytes)| bytes.len() as u64 <= MAX_BYTES);
        let Some(folder) = self.folder.clone().filter(|_| fit) else {
            let create = |(key, bytes): (ObjectKey, Vec<u8>)| async move { self.create(cx, &key, bytes).await };
            return stream::iter(objects).map(create).buffered(AT_ONCE).collect().await;
        };
        let keys: Vec<ObjectKey> = objects.iter().map(|(key, _)| key.clone()).collect();
        let files = objects.into_iter().map(|(key, bytes)| (folder.join(path(&key).as_ref()), bytes)).collect::<Vec<_>>();
        let made = blocking(move || Ok(file::create_all(&folder, &files))).await;
        let made = made.unwrap_or_else(|error| {
            let failed = || io::Error::new(error.kind(), error.to_string());
            keys.iter().map(|_| Err(failed())).collect()
        });
        let answer = |(key, made): (&ObjectKey, io::Result<()>)| match made {
            Err(source) if source.kind() == io::ErrorKind::AlreadyExists => Err(self.taken(CREATE, key)),
            made => made.map_err(|source| from_io(CREATE, source).on(self.location(key)).with_effect(Effect::Unknown)),
        };
        keys.iter().zip(made).map(answer).collect()
    }

    async fn write(&self, _: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.put("write an object", key, bytes, PutMode::Overwrite).await
    }

    async fn replace(&self, _: &OpContext, key: &ObjectKey, version: &ObjectVersion, bytes: Vec<u8>) -> Result<()> {
        let Some(folder) = &self.folder else {
            let version = UpdateVersion { e_tag: Some(version.as_str().to_owned()), version: None };
            return self.put(REPLACE, key, bytes, PutMode::Update(version)).await;
        };
        if bytes.len() as u64 > MAX_BYTES {
            return Err(self.too_large(REPLACE, ErrorKind::Invalid, key, (bytes.len() as u64, MAX_BYTES)));
        }
        let (file, version) = (folder.join(path(key).as_ref()), version.clone());
        let replace = move || file::replace(&file, MAX_BYTES, |there| version_of(there) == version, &bytes);
        match blocking(replace).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.replaced(key)),
            Err(source) => Err(from_io(REPLACE, source).on(self.location(key))),
        }
    }

    async fn read_version(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<(Vec<u8>, ObjectVersion)>> {
        if self.folder.is_some() {
            let read = self.read(cx, key).await?;
            return Ok(read.map(|bytes| {
                let version = version_of(&bytes);
                (bytes, version)
            }));
        }
        let Some((bytes, e_tag)) = self.get(key, MAX_BYTES).await? else { return Ok(None) };
        let none = || Error::new(ErrorKind::Unsupported, READ).on(self.location(key)).because("the store gives it no entity tag");
        Ok(Some((bytes, ObjectVersion::new(e_tag.ok_or_else(none)?))))
    }

    async fn read(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<Vec<u8>>> {
        self.read_within(cx, key, MAX_BYTES).await
    }

    async fn read_within(&self, _: &OpContext, key: &ObjectKey, most: u64) -> Result<Option<Vec<u8>>> {
        let most = most.min(MAX_BYTES);
        if let Some(folder) = &self.folder {
            let file = folder.join(path(key).as_ref());
            let read = blocking(move || file::read(&file, most)).await;
            return read.map_err(|source| from_io(READ, source).on(self.location(key)));
        }
        Ok(self.get(key, most).await?.map(|(bytes, _)| bytes))
    }

    async fn list<'a>(
        &self,
        _: &OpContext,
        within: &ObjectKey,
        after: Option<&'a ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>> {
        if let Some(folder) = self.folder.clone() {
            let (within, after, at) = (within.clone(), after.cloned(), self.location(within));
            let names = blocking(move || walk::names(&folder, &within, after.as_ref(), limit)).await;
            return names.map_err(|source| from_io(LIST, source).on(at));
        }
        self.names(within, after).take(limit).try_collect().await
    }

    async fn delete(&self, _: &OpContext, key: &ObjectKey) -> Result<()> {
        match self.store.delete(&path(key)).await {
            Err(source) if !is_absent(&source) => Err(self.unsure(from_store(DELETE, source).on(self.location(key)))),
            // Also where it was away: whoever took it away may have died before this.
            _ => self.flush(key).await,
        }
    }

    fn location(&self, key: &ObjectKey) -> String {
        format!("{}/{key}", self.root)
    }
}

/// What bytes in a folder are known by.
fn version_of(bytes: &[u8]) -> ObjectVersion {
    ObjectVersion::new(Digest::of(bytes).hex())
}

/// Does what waits for the disk where nothing else waits for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    match Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await.unwrap_or_else(|error| Err(error.into())),
        Err(_) => work(),
    }
}

pub(super) fn path(key: &ObjectKey) -> Path {
    Path::from_iter(key.as_str().split('/'))
}
