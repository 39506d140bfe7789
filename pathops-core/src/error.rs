//! The one error type of adapters. It answers a caller's three questions: what went wrong
//! ([`ErrorKind`]), is it worth another try ([`Retry`]), and did it happen anyway ([`Effect`]).
//!
//! Domain errors (a bad policy, a cycle) are types of their own, beside what they are about.

use std::fmt;
use std::time::Duration;

/// The answer of an adapter.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// What was named does not exist.
    NotFound,
    /// It exists already, and is not what was asked for.
    AlreadyExists,
    /// The state moved since the caller looked: another head, another sequence number, a lost lease.
    Conflict,
    /// The credential may not do this, or a rule of the other side refuses it.
    Denied,
    /// The request can never succeed as it is.
    Invalid,
    /// The adapter does not offer this; its capabilities say so.
    Unsupported,
    /// Too many requests.
    RateLimited,
    /// The other side cannot be reached, or is out of order.
    Unavailable,
    /// No answer in time.
    Timeout,
    /// No room left.
    StorageFull,
    /// Stored data is not what was written.
    Corrupt,
    /// A defect of the adapter, or an answer that its protocol does not allow.
    Unexpected,
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ErrorKind::NotFound => "not found",
            ErrorKind::AlreadyExists => "already exists",
            ErrorKind::Conflict => "conflict",
            ErrorKind::Denied => "denied",
            ErrorKind::Invalid => "invalid request",
            ErrorKind::Unsupported => "not supported",
            ErrorKind::RateLimited => "rate limited",
            ErrorKind::Unavailable => "unavailable",
            ErrorKind::Timeout => "timed out",
            ErrorKind::StorageFull => "storage is full",
            ErrorKind::Corrupt => "corrupt data",
            ErrorKind::Unexpected => "unexpected failure",
        })
    }
}

/// Whether the same call may succeed later. Adapters only say so; the driver alone retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It will fail again.
    Never,
    /// It may succeed; wait as the driver's policy says.
    Backoff,
    /// It may succeed after this time.
    After(Duration),
}

/// Whether the call changed anything on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Surely nothing.
    None,
    /// Perhaps. Read back before doing anything else.
    Unknown,
}

/// Why an adapter could not do what it was asked.
///
/// `Display` tells what failed, on what, why and what to do, without the chain of sources; walk
/// [`std::error::Error::source`] for that. No secret is ever part of it.
///
/// ```
/// use pathops_core::{Effect, Error, ErrorKind, Retry};
/// let error = Error::new(ErrorKind::Conflict, "commit to a branch").on("shop/web-src@main").because("the head moved");
/// assert_eq!(error.to_string(), "failed to commit to a branch on `shop/web-src@main`: the head moved");
/// assert_eq!((error.retry(), error.effect()), (Retry::Never, Effect::None));
/// ```
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    kind: ErrorKind,
    retry: Retry,
    effect: Effect,
    operation: &'static str,
    subject: String,
    reason: String,
    advice: Option<String>,
    remote: Option<String>,
    source: Option<Source>,
}

impl Error {
    /// An error of `kind` while trying to `operation` (a phrase that completes "failed to …").
    ///
    /// Retry follows from the kind: [`ErrorKind::RateLimited`], [`ErrorKind::Unavailable`] and
    /// [`ErrorKind::Timeout`] may succeed later, the others never. Effect is [`Effect::Unknown`] for
    /// [`ErrorKind::Timeout`] and [`Effect::None`] for the others. Say so where an adapter knows better.
    #[must_use]
    pub fn new(kind: ErrorKind, operation: &'static str) -> Self {
        let passing = matches!(kind, ErrorKind::RateLimited | ErrorKind::Unavailable | ErrorKind::Timeout);
        Self {
            inner: Box::new(Inner {
                kind,
                retry: if passing { Retry::Backoff } else { Retry::Never },
                effect: if kind == ErrorKind::Timeout { Effect::Unknown } else { Effect::None },
                operation,
                subject: String::new(),
                reason: kind.to_string(),
                advice: None,
                remote: None,
                source: None,
            }),
        }
    }

    /// The error of a method that an adapter does not offer.
    #[must_use]
    pub fn unsupported(operation: &'static str) -> Self {
        Self::new(ErrorKind::Unsupported, operation).because("this adapter does not offer it (see its capabilities)")
    }

    /// What it was about, in the user's words.
    #[must_use]
    pub fn on(mut self, subject: impl fmt::Display) -> Self {
        self.inner.subject = subject.to_string();
        self
    }

    /// Why it failed.
    #[must_use]
    pub fn because(mut self, reason: impl fmt::Display) -> Self {
        self.inner.reason = reason.to_string();
        self
    }

    /// What the user can do about it.
    #[must_use]
    pub fn advise(mut self, advice: impl fmt::Display) -> Self {
        self.inner.advice = Some(advice.to_string());
        self
    }

    /// Overrides whether another try may succeed.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.inner.retry = retry;
        self
    }

    /// Overrides whether something may have happened.
    #[must_use]
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.inner.effect = effect;
        self
    }

    /// Which other machine or service it failed at: its host, with the port where that is not the usual one, and without a user, as
    /// `git.example.com` or `git.example.com:8443`; where it has no such address, what else tells it apart. What fails there for a while is
    /// tried again out of one budget, whoever asks; an adapter that calls over a network says it.
    #[must_use]
    pub fn with_remote(mut self, remote: impl fmt::Display) -> Self {
        self.inner.remote = Some(remote.to_string());
        self
    }

    /// The error beneath.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Whether another try may succeed.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.inner.retry
    }

    /// Whether something may have happened.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.inner.effect
    }

    /// Which other machine or service it failed at, where the adapter says so.
    #[must_use]
    pub fn remote(&self) -> Option<&str> {
        self.inner.remote.as_deref()
    }

    /// What was tried, as a phrase that completes "failed to …".
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.inner.operation
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { operation, subject, reason, advice, .. } = &*self.inner;
        write!(f, "failed to {operation}")?;
        if !subject.is_empty() {
            write!(f, " on `{subject}`")?;
        }
        write!(f, ": {reason}")?;
        match advice {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.inner.kind)
            .field("retry", &self.inner.retry)
            .field("effect", &self.inner.effect)
            .field("remote", &self.inner.remote)
            .field("message", &self.to_string())
            .field("source", &self.inner.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.source.as_deref().map(|e| e as &(dyn std::error::Error + 'static))
    }
}
