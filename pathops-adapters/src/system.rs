//! The machine's clock and fresh identifiers. The only module of the libraries that reads either.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use pathops_core::UnixMillis;
use pathops_core::adapter::{Clock, IdSource};

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
