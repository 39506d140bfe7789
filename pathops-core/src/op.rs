//! What goes along with each call of an adapter.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Makes a write recognisable: the same key with the same request has its effect once.
///
/// The driver derives it from the run and the operation (`<run>/op-<n>`), never from the attempt, so
/// it stays the same over retries, crashes and restarts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// A key with this text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A key for one part of the operation that this key names.
    #[must_use]
    pub fn part(&self, name: &str) -> Self {
        Self(format!("{}/{name}", self.0))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The context of one call: its idempotency key, the time it may take, and the trace it belongs to.
///
/// Cancelling is dropping the future. It means "stop waiting", never "undo".
#[derive(Clone, Debug)]
pub struct OpContext {
    key: IdempotencyKey,
    timeout: Option<Duration>,
    trace_parent: Option<String>,
}

impl OpContext {
    /// A context with this key, no time limit and no trace.
    #[must_use]
    pub fn new(key: IdempotencyKey) -> Self {
        Self { key, timeout: None, trace_parent: None }
    }

    /// Limits each attempt.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets the W3C `traceparent` to hand on.
    #[must_use]
    pub fn with_trace_parent(mut self, trace_parent: impl Into<String>) -> Self {
        self.trace_parent = Some(trace_parent.into());
        self
    }

    /// This context for one part of the operation, with a key of its own.
    #[must_use]
    pub fn part(&self, name: &str) -> Self {
        Self { key: self.key.part(name), ..self.clone() }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// The time an attempt may take.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// The W3C `traceparent`.
    #[must_use]
    pub fn trace_parent(&self) -> Option<&str> {
        self.trace_parent.as_deref()
    }
}
