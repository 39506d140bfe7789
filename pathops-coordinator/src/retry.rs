//! The one place that retries.

mod budget;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use budget::RetryBudgets;
use futures_util::future::BoxFuture;
use pathops_core::adapter::Clock;
use pathops_core::{Effect, Error, ErrorKind, IdempotencyKey, Result, Retry};

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long a fault that passes is waited out. What is waited for a budget comes on top.
const PATIENCE: Duration = Duration::from_secs(900);

/// The tries of one operation, which are paid for by the budgets of the remotes at which it fails.
pub(crate) struct Tries<'c> {
    budgets: &'c RetryBudgets,
    key: &'c IdempotencyKey,
    /// The remote of an error that names none.
    system: &'static str,
    /// Where the last one failed.
    failed: Option<String>,
}

impl<'c> Tries<'c> {
    pub(crate) fn new(budgets: &'c RetryBudgets, key: &'c IdempotencyKey, system: &'static str) -> Self {
        Self { budgets, key, system, failed: None }
    }

    /// Until what failed with this may be tried again. What is not for the remote to mend costs nothing.
    pub(crate) async fn again(&mut self, clock: &dyn Clock, error: &Error) {
        if !matches!(error.kind(), ErrorKind::RateLimited | ErrorKind::Unavailable | ErrorKind::Timeout) {
            return;
        }
        let remote = error.remote().unwrap_or(self.system);
        self.budgets.turn(clock, remote, self.key).await;
        self.failed = Some(remote.to_owned());
    }

    /// There is an answer.
    pub(crate) fn answered(&mut self) {
        if let Some(remote) = self.failed.take() {
            self.budgets.succeeded(&remote);
        }
    }
}

/// Calls until it succeeds, fails for good, or patience ends; waits between tries, twice as long each time, or as long as
/// the other side says.
///
/// `call` reads before it writes: a write whose effect is unknown is found by its own first step, and so is never
/// repeated blindly.
pub(crate) async fn with_retry<'c, T>(clock: &dyn Clock, call: impl FnMut() -> BoxFuture<'c, Result<T>>) -> Result<T> {
    retry(clock, None, call).await
}

/// The same, with tries that cost something.
pub(crate) async fn with_budget<'c, T>(
    clock: &dyn Clock,
    tries: Tries<'_>,
    call: impl FnMut() -> BoxFuture<'c, Result<T>>,
) -> Result<T> {
    retry(clock, Some(tries), call).await
}

async fn retry<'c, T>(
    clock: &dyn Clock,
    mut tries: Option<Tries<'_>>,
    mut call: impl FnMut() -> BoxFuture<'c, Result<T>>,
) -> Result<T> {
    let (mut wait, mut waited) = (FIRST_WAIT, Duration::ZERO);
    let mut settled = false;
    loop {
        let error = match call().await {
            Err(error) if (error.retry(), error.effect()) != (Retry::Never, Effect::None) => error,
            // That it is refused is an answer, too.
            answer => {
                if let Some(tries) = &mut tries {
                    tries.answered();
                }
                return answer;
            }
        };
        let pause = match (error.retry(), error.effect()) {
            (Retry::After(pause), _) => pause,
            (Retry::Backoff, _) => wait,
            // One more try settles whether it happened; that it fails again says that it does not help to go on.
            (Retry::Never, _) if !settled => {
                settled = true;
                wait
            }
            (Retry::Never, _) => return Err(error),
        };
        let is_over = waited >= PATIENCE;
        if !is_over {
            tracing::info!(error = %error, pause_millis = pause.as_millis(), "trying again");
            clock.sleep(pause).await;
        }
        // Who gives up for now begins anew after a while: that is a try like any other.
        if let Some(tries) = &mut tries {
            tries.again(clock, &error).await;
        }
        if is_over {
            return Err(error);
        }
        waited += pause;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}
