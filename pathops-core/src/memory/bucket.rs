use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::adapter::{Bucket, ObjectVersion};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::id::ObjectKey;
use crate::op::OpContext;

/// Objects in memory. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryBucket(Arc<Mutex<BTreeMap<ObjectKey, Vec<u8>>>>);

impl MemoryBucket {
    /// An empty bucket.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything in it, to look at or to spoil, as somebody would who has the disk.
    pub fn objects(&self) -> MutexGuard<'_, BTreeMap<ObjectKey, Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Bucket for MemoryBucket {
    fn name(&self) -> &'static str {
        "memory-bucket"
    }

    async fn create(&self, _cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        let mut objects = self.objects();
        if objects.contains_key(key) {
            return Err(Error::new(ErrorKind::AlreadyExists, "create an object").on(key).because("the name is taken"));
        }
        objects.insert(key.clone(), bytes);
        Ok(())
    }

    async fn write(&self, _cx: &OpContext, key: &ObjectKey, bytes: Vec<u8>) -> Result<()> {
        self.objects().insert(key.clone(), bytes);
        Ok(())
    }

    async fn replace(&self, _cx: &OpContext, key: &ObjectKey, version: &ObjectVersion, bytes: Vec<u8>) -> Result<()> {
        match self.objects().get_mut(key).filter(|there| version_of(there) == *version) {
            Some(there) => *there = bytes,
            None => {
                let why = "another version is there, or none";
                return Err(Error::new(ErrorKind::Conflict, "replace an object").on(key).because(why));
            }
        }
        Ok(())
    }

    async fn read_version(&self, _cx: &OpContext, key: &ObjectKey) -> Result<Option<(Vec<u8>, ObjectVersion)>> {
        Ok(self.objects().get(key).map(|bytes| (bytes.clone(), version_of(bytes))))
    }

    async fn read(&self, _cx: &OpContext, key: &ObjectKey) -> Result<Option<Vec<u8>>> {
        Ok(self.objects().get(key).cloned())
    }

    async fn list<'a>(
        &self,
        _cx: &OpContext,
        within: &ObjectKey,
        after: Option<&'a ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>> {
        let objects = self.objects();
        let from = after.filter(|after| *after > within).unwrap_or(within);
        let behind = objects.range((Bound::Excluded(from), Bound::Unbounded)).map(|(key, _)| key);
        // Names that go on otherwise than with a slash may stand before those below it.
        let below = behind.take_while(|key| key.as_str().starts_with(within.as_str())).filter(|key| key.is_below(within));
        Ok(below.take(limit).cloned().collect())
    }

    async fn delete(&self, _cx: &OpContext, key: &ObjectKey) -> Result<()> {
        self.objects().remove(key);
        Ok(())
    }

    fn location(&self, key: &ObjectKey) -> String {
        format!("memory:{key}")
    }
}

fn version_of(bytes: &[u8]) -> ObjectVersion {
    ObjectVersion::new(Digest::of(bytes).hex())
}
