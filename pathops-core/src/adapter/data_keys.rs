use std::fmt::{self, Debug};

use async_trait::async_trait;

use crate::error::Result;
use crate::op::OpContext;

/// A key of 256 bits that encrypts one payload. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct DataKey([u8; 32]);

impl DataKey {
    /// A key of these bytes, which nobody can guess.
    #[must_use]
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(..)")
    }
}

/// Makes keys for single payloads, as the key services of clouds and vaults do ("generate data key", "decrypt").
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait DataKeys: Debug + Send + Sync + 'static {
    /// A new key that was never given before, and what is to be kept to have it again: the key under one that stays with the
    /// adapter, or, where the adapter has none, the key itself. Whoever deletes all copies of that has destroyed the key.
    ///
    /// # Errors
    /// `Denied`, `Unavailable`, `Timeout`. No error text holds key material.
    async fn generate(&self, cx: &OpContext) -> Result<(DataKey, Vec<u8>)>;

    /// The key that was given with these bytes.
    ///
    /// # Errors
    /// `Corrupt` for what this adapter has not given, as far as it can tell; `Denied`, `Unavailable`, `Timeout`.
    async fn open(&self, cx: &OpContext, kept: &[u8]) -> Result<DataKey>;
}
