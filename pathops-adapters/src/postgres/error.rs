//! What PostgreSQL's error codes mean to a caller.

use pathops_core::{Effect, Error, ErrorKind};

/// What is being done and on what, for the message of any error on the way.
#[derive(Clone, Debug)]
pub(super) struct Call {
    operation: &'static str,
    subject: String,
    /// Server and database, without a password.
    place: String,
}

impl Call {
    pub(super) fn new(operation: &'static str, subject: impl std::fmt::Display, place: &str) -> Self {
        Self { operation, subject: subject.to_string(), place: place.to_owned() }
    }

    /// A refusal by the adapter's own rules: nothing has changed.
    pub(super) fn refused(&self, kind: ErrorKind, reason: &str) -> Error {
        Error::new(kind, self.operation).on(&self.subject).because(reason)
    }

    /// Something stored that this adapter did not write.
    pub(super) fn corrupt(&self, what: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        self.refused(ErrorKind::Corrupt, &format!("{what} in {} is not what was written", self.place))
            .advise("restore the evidence index from a backup, or make it anew from the ledger")
            .with_source(source)
    }

    /// A failure with no effect: what was begun is rolled back.
    pub(super) fn failed(&self, error: sqlx::Error) -> Error {
        let (kind, reason, advice) = classify(&error);
        Error::new(kind, self.operation)
            .on(&self.subject)
            .because(format_args!("{reason} ({})", self.place))
            .advise(advice)
            .with_source(error)
            .with_effect(Effect::None)
    }

    /// No answer in the time that the caller gives.
    pub(super) fn late(&self) -> Error {
        self.refused(ErrorKind::Timeout, &format!("no answer in time ({})", self.place))
    }
}

/// What it is, why, and what helps. The classes are those of the manual, appendix A.
fn classify(error: &sqlx::Error) -> (ErrorKind, &'static str, &'static str) {
    use ErrorKind::{Corrupt, Denied, Invalid, NotFound, StorageFull, Unavailable, Unexpected};
    const SEE: &str = "see the source of this error";
    let Some(database) = error.as_database_error() else {
        return match error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => (Corrupt, "a stored value has the wrong type", SEE),
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                (Unavailable, "the server cannot be reached", "see whether it runs, and takes connections from here")
            }
            sqlx::Error::Tls(_) => (Unavailable, "the connection could not be encrypted", "see `sslmode` and `sslrootcert`"),
            sqlx::Error::Configuration(_) => (Invalid, "the URL cannot be used", "write postgres://user@host/database"),
            _ => (Unexpected, "the driver of PostgreSQL failed", SEE),
        };
    };
    let code = database.code().unwrap_or_default();
    match (code.as_ref(), code.get(..2).unwrap_or_default()) {
        ("53100", _) => (StorageFull, "its disk is full", "make room on it"),
        ("42501", _) | (_, "28") => (Denied, "the user may not do this", "see its password and its rights"),
        ("3D000" | "3F000", _) => (NotFound, "there is no such database or schema", "make it, or name another one"),
        (_, "40" | "53" | "55" | "57" | "58" | "08") => (Unavailable, "the server could not do it now", SEE),
        (_, "XX") => (Corrupt, "the database is damaged", "restore it from a backup"),
        (_, "22" | "54") => (Invalid, "it holds what PostgreSQL does not store", SEE),
        _ => (Unexpected, "PostgreSQL refused a statement", SEE),
    }
}
