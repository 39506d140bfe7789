use std::fmt::Debug;

use async_trait::async_trait;

use crate::error::{Error, ErrorKind, Result};
use crate::id::ObjectKey;
use crate::op::OpContext;

/// What the bytes of an object are known by while they are there. The bucket that gave it can tell by it whether they still are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectVersion(String);

impl ObjectVersion {
    /// The version as a bucket names it: an entity tag, a digest. Other bytes under the same name have another one.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// As the bucket named it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Objects with names, in a folder, an S3 bucket or the like: what a ledger is written into.
///
/// An object is whole or not there: no reader ever sees a part of one. Every read sees what was written before it.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait Bucket: Debug + Send + Sync + 'static {
    /// The adapter's name, for example `object-store`.
    fn name(&self) -> &'static str;

    /// Stores `bytes` under a name that is free. Of several at once, one succeeds and the others are refused: what a ledger
    /// rests on. After `Ok` they survive a crash of the machine.
    ///
    /// A lost answer leaves open who has taken the name: read it back.
    ///
    /// # Errors
    /// `AlreadyExists` where the name is taken, also by these very bytes; `StorageFull`; `Unavailable`, `Timeout`.
    async fn create(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()>;

    /// [`Bucket::create`] of several objects: an answer for each, in their order. A bucket that can waits for the disk once for all of
    /// them, or for the network at once, so that many cost less than one after the other. Until it has answered, a reader may see one
    /// of them that a crash of the machine takes away again.
    async fn create_all(&self, cx: &OpContext, objects: Vec<(ObjectKey, Vec<u8>)>) -> Vec<Result<()>> {
        let mut answers = Vec::with_capacity(objects.len());
        for (key, bytes) in objects {
            answers.push(self.create(&cx.part(key.as_str()), &key, bytes).await);
        }
        answers
    }

    /// Stores `bytes` under a name, in the place of what is there. They survive a crash of this process; after one of the
    /// machine there may be the old ones, the new ones or none, so it is for what can be made again.
    ///
    /// # Errors
    /// `StorageFull`; `Unavailable`, `Timeout`.
    async fn write(&self, cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()>;

    /// Stores `bytes` in the place of those that have this version, and of no others: of several at once that have read the same,
    /// one succeeds and the others are refused. What is stored is as durable as after [`Bucket::write`].
    ///
    /// A lost answer leaves open whether they are stored: read it back.
    ///
    /// # Errors
    /// `Conflict` where something else is there, or nothing; `Unsupported` where the bucket has no versions; `StorageFull`;
    /// `Unavailable`, `Timeout`.
    async fn replace(&self, cx: &OpContext, key: &ObjectKey, version: &ObjectVersion, bytes: Vec<u8>) -> Result<()>;

    /// What is stored under a name, with the version that it has, or `None`.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`; `Unsupported` where the bucket has no versions.
    async fn read_version(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<(Vec<u8>, ObjectVersion)>>;

    /// What is stored under a name, or `None`.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`.
    async fn read(&self, cx: &OpContext, key: &ObjectKey) -> Result<Option<Vec<u8>>>;

    /// [`Bucket::read`] of what may have `most` bytes: of an object that has more, none is handed out. A bucket that knows how large
    /// an object is before its bytes come does not read such a one, so that nobody has to hold in memory what somebody else has put
    /// in the place of a small one.
    ///
    /// # Errors
    /// `Corrupt` where it has more bytes, with how many it has and may have; as [`Bucket::read`].
    async fn read_within(&self, cx: &OpContext, key: &ObjectKey, most: u64) -> Result<Option<Vec<u8>>> {
        let read = self.read(cx, key).await?;
        match read.as_ref().map(|bytes| bytes.len() as u64).filter(|bytes| *bytes > most) {
            Some(bytes) => {
                let why = format!("it has {bytes} bytes, and may have {most}");
                Err(Error::new(ErrorKind::Corrupt, "read an object").on(key).because(why))
            }
            None => Ok(read),
        }
    }

    /// Up to `limit` names below the folder `within`, in the order of their bytes, those after `after` only. Fewer than `limit`
    /// are the last ones.
    ///
    /// # Errors
    /// `Unavailable`, `Timeout`.
    async fn list<'a>(
        &self,
        cx: &OpContext,
        within: &ObjectKey,
        after: Option<&'a ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>>;

    /// Takes an object away. After `Ok` it stays away over a crash of the machine: what was to be destroyed is gone. One that is
    /// not there is no error. After an error it may be away, and may come back with such a crash: delete it again.
    ///
    /// # Errors
    /// `Denied` where the bucket keeps it; `Unavailable`, `Timeout`.
    async fn delete(&self, cx: &OpContext, key: &ObjectKey) -> Result<()>;

    /// Where a person or tool finds the object: a URI. It need not exist yet.
    fn location(&self, key: &ObjectKey) -> String;
}
