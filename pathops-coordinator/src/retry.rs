//! The one place that retries.

use std::time::Duration;

use futures_util::future::BoxFuture;
use pathops_core::adapter::Clock;
use pathops_core::{Effect, Result, Retry};

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long a fault that passes is waited out.
const PATIENCE: Duration = Duration::from_secs(900);

/// Calls until it succeeds, fails for good, or patience ends; waits between tries, twice as long each time, or as long as
/// the other side says.
///
/// `call` reads before it writes: a write whose effect is unknown is found by its own first step, and so is never
/// repeated blindly.
pub(crate) async fn with_retry<'c, T>(clock: &dyn Clock, mut call: impl FnMut() -> BoxFuture<'c, Result<T>>) -> Result<T> {
    let (mut wait, mut waited) = (FIRST_WAIT, Duration::ZERO);
    let mut settled = false;
    loop {
        let error = match call().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let pause = match (error.retry(), error.effect()) {
            (Retry::Never, Effect::None) => return Err(error),
            (Retry::After(pause), _) => pause,
            (Retry::Backoff, _) => wait,
            // One more try settles whether it happened; that it fails again says that it does not help to go on.
            (Retry::Never, Effect::Unknown) if !settled => {
                settled = true;
                wait
            }
            (Retry::Never, Effect::Unknown) => return Err(error),
        };
        if waited >= PATIENCE {
            return Err(error);
        }
        tracing::info!(error = %error, pause_millis = pause.as_millis(), "trying again");
        clock.sleep(pause).await;
        waited += pause;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}
