//! What SQLite's result codes mean to a caller.

use pathops_core::ErrorKind;

use crate::call::Cause;

/// What it is, why, and what helps; `None` where a backup does.
pub(super) fn classify(error: &sqlx::Error) -> Cause {
    use ErrorKind::{Corrupt, Denied, Invalid, StorageFull, Unavailable, Unexpected};
    const SEE: Option<&str> = Some("see the source of this error");
    match code(error) {
        None if matches!(error, sqlx::Error::ColumnDecode { .. }) => (Corrupt, "a stored value has the wrong type", None),
        None => (Unexpected, "the SQLite driver failed", SEE),
        Some(code) => match (code, code & 0xff) {
            (codes::IOERR_SHMSIZE, _) | (_, codes::FULL) => (StorageFull, "its disk is full", Some("make room on it")),
            (_, codes::NOTADB) => {
                (Corrupt, "the file is no SQLite database", Some("check the path, or restore it from a backup"))
            }
            (_, codes::CORRUPT) => (Corrupt, "the file is damaged", None),
            (_, codes::BUSY | codes::LOCKED) => (Unavailable, "another process keeps it locked", Some("let go of it there")),
            (_, codes::NOMEM | codes::IOERR) => (Unavailable, "the system could not read or write it", SEE),
            (_, codes::PERM | codes::READONLY | codes::CANTOPEN) => {
                (Denied, "it cannot be opened or written", Some("see its permissions"))
            }
            (_, codes::TOOBIG) => (Invalid, "a value is larger than SQLite stores", Some("keep large values in a blob store")),
            _ => (Unexpected, "SQLite refused a statement", SEE),
        },
    }
}

/// SQLite's extended result code; its low byte is the primary one.
fn code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// From <https://sqlite.org/rescode.html>.
mod codes {
    pub(super) const PERM: i32 = 3;
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const NOMEM: i32 = 7;
    pub(super) const READONLY: i32 = 8;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const TOOBIG: i32 = 18;
    pub(super) const NOTADB: i32 = 26;
    pub(super) const IOERR_SHMSIZE: i32 = 4874;
}
