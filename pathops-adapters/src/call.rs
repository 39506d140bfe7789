//! A call of a database: what is being done and on what, for the message of any error on the way.

use std::fmt;
#[cfg(feature = "sqlite")]
use std::sync::Arc;

use pathops_core::{Effect, Error, ErrorKind};

/// What a failure is, why, and what helps; `None` where restoring does.
pub(crate) type Cause = (ErrorKind, &'static str, Option<&'static str>);

/// What is kept in a database.
#[derive(Debug)]
pub(crate) struct Store {
    /// What helps where it is damaged.
    pub(crate) restore: &'static str,
    /// What an error of its database means.
    pub(crate) classify: fn(&sqlx::Error) -> Cause,
}

#[derive(Clone, Debug)]
pub(crate) struct Call {
    operation: &'static str,
    subject: String,
    /// The file, or server and database without a password.
    place: String,
    store: &'static Store,
}

impl Call {
    pub(crate) fn new(
        store: &'static Store,
        operation: &'static str,
        subject: impl fmt::Display,
        place: impl fmt::Display,
    ) -> Self {
        Self { operation, subject: subject.to_string(), place: place.to_string(), store }
    }

    /// A refusal by the adapter's own rules: nothing has changed.
    pub(crate) fn refused(&self, kind: ErrorKind, reason: impl fmt::Display) -> Error {
        Error::new(kind, self.operation).on(&self.subject).because(reason)
    }

    /// Something stored that this adapter did not write.
    pub(crate) fn corrupt(&self, what: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        self.refused(ErrorKind::Corrupt, format_args!("{what} in {} is not what was written", self.place))
            .advise(self.store.restore)
            .with_source(source)
    }

    /// A failure of the database, with no effect: what was begun is rolled back.
    pub(crate) fn failed(&self, error: sqlx::Error) -> Error {
        self.classified(&error).with_source(error).with_effect(Effect::None)
    }

    /// A failure of what several calls did together. It may have reached the disk although the answer did not come back.
    #[cfg(feature = "sqlite")]
    pub(crate) fn failed_together(&self, error: Arc<sqlx::Error>) -> Error {
        self.classified(&error).with_source(error).with_effect(Effect::Unknown)
    }

    fn classified(&self, error: &sqlx::Error) -> Error {
        let (kind, reason, advice) = (self.store.classify)(error);
        let error = Error::new(kind, self.operation).on(&self.subject).because(format_args!("{reason} ({})", self.place));
        error.advise(advice.unwrap_or(self.store.restore))
    }
}
