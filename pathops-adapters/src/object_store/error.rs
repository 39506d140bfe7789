//! What the store's errors mean to a caller.

use std::error::Error as StdError;
use std::io;

use pathops_core::{Error, ErrorKind};

/// The error of a call of the store.
pub(super) fn from_store(operation: &'static str, source: ::object_store::Error) -> Error {
    use ::object_store::Error::{PermissionDenied, Unauthenticated};
    if matches!(source, PermissionDenied { .. } | Unauthenticated { .. }) {
        // What such a store answers repeats parts of the credential, so it is not told.
        let refused = Error::new(ErrorKind::Denied, operation).because("the store refuses the credential, or what it asks for");
        return refused.advise("check the key, the clock of this machine, and what the key may do in the bucket");
    }
    let kind = chain(&source).find_map(|e| e.downcast_ref::<io::Error>()).map_or(ErrorKind::Unavailable, kind_of);
    explain(kind, operation, &source).with_source(source)
}

/// Whether there is no such object: in a folder, what would be its folder may be a file.
pub(super) fn is_absent(source: &::object_store::Error) -> bool {
    let no_folder = |e: &io::Error| e.kind() == io::ErrorKind::NotADirectory;
    matches!(source, ::object_store::Error::NotFound { .. })
        || chain(source).find_map(|e| e.downcast_ref::<io::Error>()).is_some_and(no_folder)
}

/// The error of a call of the file system.
pub(super) fn from_io(operation: &'static str, source: io::Error) -> Error {
    explain(kind_of(&source), operation, &source).with_source(source)
}

fn explain(kind: ErrorKind, operation: &'static str, source: &(dyn StdError + 'static)) -> Error {
    let root = chain(source).last().map_or_else(String::new, ToString::to_string);
    let error = Error::new(kind, operation).because(root);
    match kind {
        ErrorKind::StorageFull => error.advise("free space on the disk (or raise its quota) and try again"),
        ErrorKind::Denied => error.advise("let the user that runs this process read and write the folder"),
        ErrorKind::Corrupt => error.advise("somebody else has put it there: restore what was, from a backup"),
        _ => error,
    }
}

fn kind_of(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
        io::ErrorKind::InvalidData => ErrorKind::Corrupt,
        _ => ErrorKind::Unavailable,
    }
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&e| e.source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart_from_other_failures() {
        const ENOSPC: i32 = 28;
        let full = |code| ::object_store::Error::Generic { store: "x", source: Box::new(io::Error::from_raw_os_error(code)) };
        let error = from_store("store a blob", full(ENOSPC));
        assert_eq!(error.kind(), ErrorKind::StorageFull);
        assert!(error.to_string().contains("free space"), "{error}");
        const EIO: i32 = 5;
        assert_eq!(from_store("store a blob", full(EIO)).kind(), ErrorKind::Unavailable);
    }
}
