//! The machine's clock, fresh identifiers and random keys. The only module of the libraries that reads any of them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use pathops_core::adapter::{Clock, DataKey, DataKeys, IdSource};
use pathops_core::{Error, ErrorKind, OpContext, Result, UnixMillis};

/// The clock of this machine: the wall clock for [`Clock::now`], the monotonic one for [`Clock::sleep`].
///
/// Sleeping needs a Tokio runtime with time enabled.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is where the time comes in")]
    fn now(&self) -> UnixMillis {
        let millis = |since: Duration| i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => UnixMillis(millis(after)),
            Err(before) => UnixMillis(-millis(before.duration())),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is where waiting comes in")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Fresh identifiers: version 7 UUIDs, 48 bits of time and 74 bits from the operating system's generator.
///
/// Identifiers of one machine sort by the millisecond in which they were made, as long as its clock does not go back.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemIds;

impl IdSource for SystemIds {
    #[expect(clippy::disallowed_methods, reason = "this is where randomness comes in")]
    fn fresh(&self) -> u128 {
        uuid::Uuid::now_v7().as_u128()
    }
}

/// Keys for payloads from the operating system's generator. Nothing wraps them: what is kept is the key itself, so whoever reads
/// the bucket that it is kept in can read the payload.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemKeys;

#[async_trait]
impl DataKeys for SystemKeys {
    async fn generate(&self, _: &OpContext) -> Result<(DataKey, Vec<u8>)> {
        let mut key = [0; 32];
        let failed = |source: getrandom::Error| {
            Error::new(ErrorKind::Unavailable, "make a key").because("the system gives no random bytes").with_source(source)
        };
        getrandom::fill(&mut key).map_err(failed)?;
        Ok((DataKey::new(key), key.to_vec()))
    }

    async fn open(&self, _: &OpContext, kept: &[u8]) -> Result<DataKey> {
        let wrong = |_| Error::new(ErrorKind::Corrupt, "open a key").because("what was kept has not the length of a key");
        kept.try_into().map(DataKey::new).map_err(wrong)
    }
}
