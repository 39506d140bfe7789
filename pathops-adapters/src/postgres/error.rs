//! What PostgreSQL's error codes mean to a caller.

use pathops_core::{Effect, Error, ErrorKind};

use crate::call::{Call, Cause};

/// A failure of a statement that is a transaction of its own. Where the server says that it failed, nothing has changed; where
/// its answer did not come, or it was stopping, nobody knows.
pub(super) fn unsettled(call: &Call, error: sqlx::Error) -> Error {
    let code = error.as_database_error().and_then(|it| it.code());
    let settled = code.is_some_and(|code| !code.starts_with("57") && !code.starts_with("08"));
    call.failed(error).with_effect(if settled { Effect::None } else { Effect::Unknown })
}

/// What it is, why, and what helps. The classes are those of the manual, appendix A.
pub(super) fn classify(error: &sqlx::Error) -> Cause {
    use ErrorKind::{Corrupt, Denied, Invalid, NotFound, StorageFull, Unavailable, Unexpected};
    const SEE: Option<&str> = Some("see the source of this error");
    let Some(database) = error.as_database_error() else {
        return match error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => (Corrupt, "a stored value has the wrong type", None),
            sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => {
                (Unavailable, "the server cannot be reached", Some("see whether it runs, and takes connections from here"))
            }
            sqlx::Error::Tls(_) => {
                (Unavailable, "the connection could not be encrypted", Some("see `sslmode` and `sslrootcert`"))
            }
            sqlx::Error::Configuration(_) => (Invalid, "the URL cannot be used", Some("write postgres://user@host/database")),
            _ => (Unexpected, "the driver of PostgreSQL failed", SEE),
        };
    };
    let code = database.code().unwrap_or_default();
    match (code.as_ref(), code.get(..2).unwrap_or_default()) {
        ("53100", _) => (StorageFull, "its disk is full", Some("make room on it")),
        ("42501", _) | (_, "28") => (Denied, "the user may not do this", Some("see its password and its rights")),
        ("25006", _) => (Denied, "it takes no writes", Some("name the primary server, and a user who may write")),
        ("3D000" | "3F000", _) => (NotFound, "there is no such database or schema", Some("make it, or name another one")),
        (_, "40" | "53" | "55" | "57" | "58" | "08") => (Unavailable, "the server could not do it now", SEE),
        (_, "XX") => (Corrupt, "the database is damaged", None),
        (_, "22" | "54") => (Invalid, "it holds what PostgreSQL does not store", SEE),
        _ => (Unexpected, "PostgreSQL refused a statement", SEE),
    }
}
