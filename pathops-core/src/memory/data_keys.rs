use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;

use crate::adapter::{DataKey, DataKeys};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::op::OpContext;

/// Keys that follow from a seed, for tests: whoever knows the seed has them all. What is kept is the number of the key. Clones
/// count together.
#[derive(Clone, Debug)]
pub struct MemoryKeys {
    seed: u64,
    next: Arc<AtomicU64>,
}

impl MemoryKeys {
    /// The keys of `seed`, from the first.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        Self { seed, next: Arc::default() }
    }

    fn key(&self, number: u64) -> DataKey {
        let bytes = [b"pathops memory keys ".as_slice(), &self.seed.to_be_bytes(), &number.to_be_bytes()].concat();
        DataKey::new(*Digest::of(&bytes).as_bytes())
    }
}

#[async_trait]
impl DataKeys for MemoryKeys {
    async fn generate(&self, _cx: &OpContext) -> Result<(DataKey, Vec<u8>)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Ok((self.key(number), number.to_be_bytes().to_vec()))
    }

    async fn open(&self, _cx: &OpContext, kept: &[u8]) -> Result<DataKey> {
        let number = kept.try_into().ok().map(u64::from_be_bytes).filter(|number| *number < self.next.load(Ordering::Relaxed));
        let unknown = || Error::new(ErrorKind::Corrupt, "open a key").because("it was not given here");
        number.map(|number| self.key(number)).ok_or_else(unknown)
    }
}
