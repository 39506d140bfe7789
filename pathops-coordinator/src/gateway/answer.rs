use std::time::Duration;

use pathops_core::Error;
use pathops_core::adapter::{Admitted, Busy, Rejection};

/// What a request is answered with.
#[derive(Debug)]
#[non_exhaustive]
pub enum Answer {
    /// It is stored, now or before: [`Admitted::New`] or [`Admitted::Known`].
    Stored(Admitted),
    /// It does not come from its sender, or is too large.
    Rejected(Rejection),
    /// There is no source of that name.
    NoSource,
    /// It comes from its sender and cannot be stored now.
    Busy(Busy, Error),
}

impl Answer {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Stored(_) => 202,
            Self::Rejected(Rejection::TooLarge(_)) => 413,
            Self::Rejected(Rejection::Unauthentic | Rejection::Stale) => 401,
            Self::Rejected(_) => 400,
            Self::NoSource => 404,
            Self::Busy(busy, _) => busy.status,
        }
    }

    /// When to send again, where that is told.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy(busy, _) => busy.retry_after,
            _ => None,
        }
    }

    /// What the sender is told, in words. It holds nothing of the request and nothing of what is behind the gateway.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Stored(Admitted::New) => "stored\n".to_owned(),
            Self::Stored(_) => "stored before\n".to_owned(),
            Self::Rejected(rejection) => format!("{rejection}\n"),
            Self::NoSource => "there is no such source\n".to_owned(),
            Self::Busy(..) => "it cannot be stored now; send it again later\n".to_owned(),
        }
    }
}
