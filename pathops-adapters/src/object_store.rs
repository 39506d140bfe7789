//! Blobs, and objects with names, in an object store: a folder of this machine, memory, or (feature `s3`) an S3 bucket.
//!
//! A blob lies at `blobs/sha256/<first two digits>/<digest>`, and the end of that name tells in which form:
//!
//! | name | what it holds |
//! |---|---|
//! | `<digest>` | its bytes |
//! | `<digest>.zst` | its bytes, compressed (feature `zstd`); the digest is that of what comes out of it |
//! | `<digest>.parts` | for a blob of more than 8 MiB: the list of the blobs that it is put together from, as JSON |
//!
//! So a blob of any size is written and read with a few pieces of 8 MiB in memory; each object is created whole and by its
//! digest, and the list comes last. What a crash within a write leaves are pieces that no list names: blobs like any other
//! that nothing refers to, which a collection finds. Without this library a large blob is had by `zstdcat`, or `cat`, of its
//! parts in the order of the list. All parts but the last are of one length, and there are 8,192 at most: a blob has 64 GiB at most, and
//! a list that says otherwise is `Corrupt` before anything that it names is read.
//!
//! Many small blobs that are stored at once wait for the disk once, all of them together.
//!
//! In a folder an object is written beside its place, flushed to the disk, and only then linked there, and the folder's entry
//! is flushed too; of many at once, all are flushed when all are linked: a reader sees all of it or nothing, and what was
//! answered survives a crash of the machine, as far as the disk keeps what it has flushed. A crash may leave an unfinished file
//! whose name ends in `#` and a number; it is never read.
//!
//! A blob that was [retired](pathops_core::adapter::BlobCollector) lies below `retired` in the place of `blobs`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ::object_store::ObjectStore;
use ::object_store::local::LocalFileSystem;
use async_trait::async_trait;
use futures_util::{StreamExt as _, stream};
use pathops_core::adapter::{BlobCapabilities, BlobStore, Bucket, ByteStream, Checked};
use pathops_core::{Digest, Error, ErrorKind, Hashing, ObjectKey, OpContext, Result};

mod bucket;
mod collect;
mod error;
mod file;
mod form;
mod parts;
#[cfg(feature = "s3")]
mod s3;
mod uri;
mod walk;

use bucket::AT_ONCE;
pub use bucket::ObjectStoreBucket;
use form::{Form, PIECE_BYTES, Place};
use parts::{Cutter, Part, Parts};
#[cfg(feature = "s3")]
pub use s3::S3Config;

/// Blobs in an object store.
#[derive(Clone, Debug)]
pub struct ObjectStoreBlobs {
    bucket: Arc<dyn Bucket>,
    compress: bool,
}

impl ObjectStoreBlobs {
    /// Blobs in a folder, which is made where there is none. Several processes may use one folder at the same time.
    ///
    /// # Errors
    /// `Denied`, `StorageFull` or `Unavailable` where the folder cannot be made or opened.
    pub fn folder(path: impl Into<PathBuf>) -> Result<Self> {
        Ok(Self::within(Arc::new(ObjectStoreBucket::folder(path)?)))
    }

    /// Blobs in memory, for as long as this value or a clone of it lives.
    #[must_use]
    pub fn memory() -> Self {
        Self::within(Arc::new(ObjectStoreBucket::memory()))
    }

    /// Blobs in an S3 bucket; see [`ObjectStoreBucket::s3`]. Blobs need no conditional writes, for a blob that is written again is
    /// the same.
    ///
    /// # Errors
    /// As there.
    #[cfg(feature = "s3")]
    pub fn s3(config: &S3Config) -> Result<Self> {
        Ok(Self::within(Arc::new(ObjectStoreBucket::s3(config)?)))
    }

    /// Blobs in this bucket, which may hold other things too. They are as safe as it is.
    #[must_use]
    pub fn within(bucket: Arc<dyn Bucket>) -> Self {
        Self { bucket, compress: false }
    }

    /// Compresses what it stores from now on, by zstd, where that makes it smaller. What is stored already is read in either
    /// form, and digests are of what was given, never of what is stored.
    #[cfg(feature = "zstd")]
    #[must_use]
    pub fn compressed(self) -> Self {
        Self { compress: true, ..self }
    }

    /// Stores what fits into one object.
    async fn put_piece(&self, cx: &OpContext, bytes: Vec<u8>) -> Result<Digest> {
        let digest = Digest::of(&bytes);
        let (form, bytes) = form::encode(bytes, self.compress);
        self.put_object(cx, form, &digest, bytes).await?;
        Ok(digest)
    }

    /// Where the object is there and damaged, it is replaced by the good one.
    async fn put_object(&self, cx: &OpContext, form: Form, digest: &Digest, bytes: Vec<u8>) -> Result<()> {
        let key = form.key(Place::Kept, digest)?;
        match self.bucket.create(&cx.part(key.as_str()), &key, bytes.clone()).await {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => self.mend(cx, &key, form, digest, bytes).await,
            answer => answer,
        }
    }

    /// Replaces the object that is there where it is damaged.
    async fn mend(&self, cx: &OpContext, key: &ObjectKey, form: Form, digest: &Digest, bytes: Vec<u8>) -> Result<()> {
        let intact = match form {
            // There is one list for a blob, whatever its parts look like where they lie.
            Form::Parts => self.bucket.read(cx, key).await?.is_some_and(|there| there == bytes),
            Form::Plain | Form::Zstd => match self.object(cx, form, Place::Kept, digest).await {
                Ok(there) => there.is_some(),
                Err(error) if error.kind() == ErrorKind::Corrupt => false,
                // What cannot be read now may be intact.
                Err(error) => return Err(error),
            },
        };
        if intact {
            return Ok(());
        }
        tracing::warn!(blob = %self.bucket.location(key), "the stored bytes are damaged; they are replaced");
        self.bucket.delete(&cx.part("replace"), key).await?;
        match self.bucket.create(&cx.part("replace"), key, bytes).await {
            // Another one has replaced it too.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            answer => answer,
        }
    }

    /// The bytes in one object, whose digest was checked.
    async fn object(&self, cx: &OpContext, form: Form, place: Place, digest: &Digest) -> Result<Option<Vec<u8>>> {
        let key = form.key(place, digest)?;
        let Some(bytes) = self.bucket.read(cx, &key).await? else { return Ok(None) };
        let bytes = if form == Form::Zstd { self.decoded(&bytes, digest, place)? } else { bytes };
        let actual = Digest::of(&bytes);
        if actual == *digest {
            return Ok(Some(bytes));
        }
        Err(self.corrupt(form, place, digest, &format!("the stored bytes have the digest {actual}")))
    }

    #[cfg(feature = "zstd")]
    fn decoded(&self, bytes: &[u8], digest: &Digest, place: Place) -> Result<Vec<u8>> {
        form::zstd_decoded(bytes).map_err(|why| self.corrupt(Form::Zstd, place, digest, &why))
    }

    #[cfg(not(feature = "zstd"))]
    fn decoded(&self, _: &[u8], digest: &Digest, _: Place) -> Result<Vec<u8>> {
        let error = Error::new(ErrorKind::Unsupported, READ).on(self.location(digest)).because("it is compressed");
        Err(error.advise("build with the feature `zstd`"))
    }

    /// The bytes of a blob that lies in one object, wherever and in whichever form that is intact.
    async fn piece(&self, cx: &OpContext, digest: &Digest) -> Result<Option<Vec<u8>>> {
        match self.piece_in(cx, digest, &BOTH).await? {
            None => self.piece_in(cx, digest, &MOVED).await,
            found => Ok(found),
        }
    }

    /// The same, in these places.
    async fn piece_in(&self, cx: &OpContext, digest: &Digest, places: &[Place]) -> Result<Option<Vec<u8>>> {
        let forms = if self.compress { [Form::Zstd, Form::Plain] } else { [Form::Plain, Form::Zstd] };
        let mut damaged = None;
        for place in places {
            for form in forms {
                match self.object(cx, form, *place, digest).await {
                    Ok(None) => {}
                    Err(error) if error.kind() == ErrorKind::Corrupt => damaged = damaged.or(Some(error)),
                    answer => return answer,
                }
            }
        }
        damaged.map_or(Ok(None), Err)
    }

    /// The list of a blob that is put together from others.
    async fn list_of(&self, cx: &OpContext, digest: &Digest, place: Place) -> Result<Option<Vec<Part>>> {
        let Some(list) = self.bucket.read(cx, &Form::Parts.key(place, digest)?).await? else { return Ok(None) };
        parts::decode(&list).map(Some).map_err(|why| self.corrupt(Form::Parts, place, digest, &why))
    }

    fn corrupt(&self, form: Form, place: Place, digest: &Digest, why: &str) -> Error {
        let advice = "it was changed or the disk is damaged: restore it from a backup, or store the bytes again";
        let location = form.key(place, digest).map_or_else(|_| digest.to_string(), |key| self.bucket.location(&key));
        Error::new(ErrorKind::Corrupt, READ).on(location).because(why).advise(advice)
    }
}

const READ: &str = "read a blob";

/// Where a blob is looked for.
const BOTH: [Place; 2] = [Place::Kept, Place::Retired];
/// And then once more: one that is restored meanwhile is in its new place before it leaves the old one, and whoever has looked into the
/// new one before and into the old one after has seen neither.
const MOVED: [Place; 1] = [Place::Kept];

#[async_trait]
impl BlobStore for ObjectStoreBlobs {
    fn name(&self) -> &'static str {
        "object-store"
    }

    fn capabilities(&self) -> BlobCapabilities {
        let mut capabilities = BlobCapabilities::default();
        capabilities.max_bytes = Some(parts::MAX_BYTES);
        capabilities
    }

    /// Where the bytes under this digest are damaged, they are replaced by the good ones.
    async fn put_stream(&self, cx: &OpContext, bytes: Box<dyn ByteStream>) -> Result<Digest> {
        let (mut cutter, mut hashing, mut parts) = (Cutter::new(bytes), Hashing::default(), Vec::new());
        loop {
            let piece = cutter.next().await?;
            let last = piece.len() < PIECE_BYTES;
            if parts.is_empty() || !piece.is_empty() {
                hashing.update(&piece);
                let bytes = piece.len();
                parts::add(&mut parts, Part { digest: self.put_piece(cx, piece).await?, bytes })?;
            }
            if last {
                break;
            }
        }
        let digest = hashing.digest();
        if parts.len() > 1 {
            self.put_object(cx, Form::Parts, &digest, parts::encode(parts)?).await?;
        }
        Ok(digest)
    }

    async fn put_all(&self, cx: &OpContext, blobs: Vec<Vec<u8>>) -> Vec<Result<Digest>> {
        let (mut answers, mut objects) = (BTreeMap::new(), Vec::with_capacity(blobs.len()));
        for (place, bytes) in blobs.into_iter().enumerate() {
            if bytes.len() >= PIECE_BYTES {
                answers.insert(place, self.put(cx, bytes).await);
                continue;
            }
            let digest = Digest::of(&bytes);
            let (form, bytes) = form::encode(bytes, self.compress);
            match form.key(Place::Kept, &digest) {
                Ok(key) => objects.push((place, key, form, digest, bytes)),
                Err(error) => drop(answers.insert(place, Err(error))),
            }
        }
        let named = objects.iter().map(|(_, key, _, _, bytes)| (key.clone(), bytes.clone())).collect();
        let created = self.bucket.create_all(cx, named).await;
        let stored = objects.into_iter().zip(created).map(|((place, key, form, digest, bytes), created)| async move {
            let stored = match created {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => self.mend(cx, &key, form, &digest, bytes).await,
                created => created,
            };
            (place, stored.map(|()| digest))
        });
        answers.extend(stream::iter(stored).buffered(AT_ONCE).collect::<Vec<_>>().await);
        answers.into_values().collect()
    }

    async fn get_stream(&self, cx: &OpContext, digest: &Digest) -> Result<Option<Box<dyn ByteStream>>> {
        for places in [BOTH.as_slice(), &MOVED] {
            let damaged = match self.piece_in(cx, digest, places).await {
                Ok(Some(bytes)) => return Ok(Some(bytes.into())),
                Ok(None) => None,
                Err(error) => Some(error),
            };
            for place in places {
                if let Some(parts) = self.list_of(cx, digest, *place).await? {
                    let parts = Parts { cx: cx.clone(), blobs: self.clone(), left: parts.into() };
                    return Ok(Some(Box::new(Checked::new(Box::new(parts), *digest, self.location(digest)))));
                }
            }
            if let Some(damaged) = damaged {
                return Err(damaged);
            }
        }
        Ok(None)
    }

    /// The URI of the object with the blob's bytes. `.zst` or `.parts` stands behind it where it lies in that form.
    fn location(&self, digest: &Digest) -> String {
        Form::Plain.key(Place::Kept, digest).map_or_else(|_| digest.to_string(), |key| self.bucket.location(&key))
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

#[cfg(test)]
mod tests;
