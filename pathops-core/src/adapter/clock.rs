use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;

use crate::time::UnixMillis;

/// Time, as the host passes it in. Nothing else in the libraries reads a clock.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait Clock: Debug + Send + Sync + 'static {
    /// The wall clock. It may jump, forwards and backwards; callers compare instants of different calls with care.
    fn now(&self) -> UnixMillis;

    /// Returns once `duration` has passed on a clock that never jumps (a monotonic one).
    ///
    /// # Cancel safety
    /// Dropping the future stops the waiting and leaves no trace.
    async fn sleep(&self, duration: Duration);
}
