//! What the errors of the server mean.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use pathops_core::adapter::Clock;
use pathops_core::{Effect, Error, ErrorKind, Result, Retry};
use temporalio_client::tonic::{Code, Status};

/// What is being done, and on what.
#[derive(Clone, Debug)]
pub(super) struct Call {
    operation: &'static str,
    subject: String,
}

impl Call {
    pub(super) fn new(operation: &'static str, subject: impl fmt::Display) -> Self {
        Self { operation, subject: subject.to_string() }
    }

    /// An error by the adapter's own rules.
    pub(super) fn refused(&self, kind: ErrorKind, reason: impl fmt::Display) -> Error {
        Error::new(kind, self.operation).on(&self.subject).because(reason)
    }

    /// What the server refused, or why there was no answer.
    pub(super) fn failed(&self, error: impl StdError + Send + Sync + 'static) -> Error {
        match status_of(&error) {
            Some(status) => self.refused_by(status).with_source(error),
            None => self.refused(ErrorKind::Unexpected, &error).with_source(error),
        }
    }

    pub(super) fn refused_by(&self, status: &Status) -> Error {
        let kind = kind_of(status.code());
        let error = self.refused(kind, format_args!("Temporal says: {}", status.message()));
        let error = match kind {
            ErrorKind::Unavailable => error.advise("see whether the Temporal server runs and can be reached"),
            _ => error,
        };
        // An answer that got lost leaves open what happened; all that is asked here can be asked again.
        if matches!(kind, ErrorKind::Unavailable | ErrorKind::Timeout) { error.with_effect(Effect::Unknown) } else { error }
    }
}

/// What the server answered, somewhere in an error of the SDK.
pub(super) fn status_of<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Status> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(status) = error.downcast_ref::<Status>() {
            return Some(status);
        }
        next = error.source();
    }
    None
}

fn kind_of(code: Code) -> ErrorKind {
    match code {
        Code::NotFound => ErrorKind::NotFound,
        Code::AlreadyExists => ErrorKind::AlreadyExists,
        Code::PermissionDenied | Code::Unauthenticated => ErrorKind::Denied,
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => ErrorKind::Invalid,
        Code::Unimplemented => ErrorKind::Unsupported,
        Code::ResourceExhausted => ErrorKind::RateLimited,
        Code::DeadlineExceeded => ErrorKind::Timeout,
        Code::DataLoss => ErrorKind::Corrupt,
        // What a connection that breaks shows itself as.
        Code::Unavailable | Code::Unknown | Code::Internal | Code::Aborted | Code::Cancelled | Code::Ok => ErrorKind::Unavailable,
    }
}

/// Asks again, for a few minutes, as long as that may help. Only for what may be asked twice.
pub(super) async fn with_retry<T, F: Future<Output = Result<T>>>(clock: &dyn Clock, ask: impl FnMut() -> F) -> Result<T> {
    tried(clock, 30, ask).await
}

/// Asks so many times.
pub(super) async fn tried<T, F: Future<Output = Result<T>>>(
    clock: &dyn Clock,
    tries: u32,
    mut ask: impl FnMut() -> F,
) -> Result<T> {
    const LONGEST: Duration = Duration::from_secs(5);
    let mut pause = Duration::from_millis(100);
    for _ in 1..tries {
        let error = match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let wait = match error.retry() {
            Retry::Never => return Err(error),
            Retry::Backoff => pause,
            Retry::After(wait) => wait.min(LONGEST),
        };
        tracing::info!(error = %error, pause_millis = wait.as_millis(), "trying again");
        clock.sleep(wait).await;
        pause = (pause * 2).min(LONGEST);
    }
    ask().await
}
