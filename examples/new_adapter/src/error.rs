//! The one place where an error of the operating system becomes one of PathOps.

use std::io;
use std::path::Path;

use pathops_core::{Effect, Error, ErrorKind};

/// A read that failed: it surely changed nothing.
pub(crate) fn unreadable(path: &Path, error: io::Error) -> Error {
    told(path, error, "read earlier notices").with_effect(Effect::None)
}

/// A write that failed. A part of it may be in the file, so its effect is unknown.
pub(crate) fn unwritten(path: &Path, error: io::Error) -> Error {
    told(path, error, "append a notice").with_effect(Effect::Unknown)
}

/// A line that no notifier wrote.
pub(crate) fn damaged(path: &Path, line: usize) -> Error {
    Error::new(ErrorKind::Corrupt, "read earlier notices")
        .on(path.display())
        .because(format!("line {line} is not a notice"))
        .advise("move the file away or restore it")
}

/// The thread that did the work is gone.
pub(crate) fn interrupted(path: &Path) -> Error {
    let error = Error::new(ErrorKind::Unexpected, "append a notice").on(path.display());
    error.because("the work was interrupted").with_effect(Effect::Unknown)
}

fn told(path: &Path, error: io::Error, operation: &'static str) -> Error {
    let (kind, advice) = match error.kind() {
        io::ErrorKind::PermissionDenied => (ErrorKind::Denied, "let this process write there"),
        io::ErrorKind::NotFound => (ErrorKind::NotFound, "make the folder"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (ErrorKind::StorageFull, "make room"),
        _ => (ErrorKind::Unavailable, "look at the disk"),
    };
    Error::new(kind, operation).on(path.display()).because(&error).advise(advice).with_source(error)
}
