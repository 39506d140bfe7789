//! What is being tried, and how its failures read.

use std::fmt::Display;
use std::io;
use std::path::Path;

use git2::{ErrorClass, ErrorCode};
use pathops_core::{CommitId, Error, ErrorKind};

/// What systems say where there is no room.
const FULL: [&str; 2] = ["No space left on device", "uota exceeded"];

/// An operation and what it is about. Every error of the forge is made here.
#[derive(Clone, Debug)]
pub(super) struct Attempt {
    operation: &'static str,
    subject: String,
}

impl Attempt {
    /// `operation` completes "failed to …".
    pub(super) fn new(operation: &'static str, subject: impl Display) -> Self {
        Self { operation, subject: subject.to_string() }
    }

    pub(super) fn error(&self, kind: ErrorKind, reason: impl Display) -> Error {
        Error::new(kind, self.operation).on(&self.subject).because(reason)
    }

    /// What Git refused.
    pub(super) fn git(&self, source: git2::Error) -> Error {
        let kind = match (source.code(), source.class()) {
            // Whoever asks for what need not be there handles this; what is left is an object that is gone.
            (ErrorCode::NotFound, _) => ErrorKind::Corrupt,
            // libgit2 hands on the text of the system, and nothing else.
            _ if FULL.iter().any(|text| source.message().contains(text)) => ErrorKind::StorageFull,
            (ErrorCode::Owner, _) => ErrorKind::Denied,
            (ErrorCode::Exists, _) => ErrorKind::AlreadyExists,
            (ErrorCode::Modified, _) => ErrorKind::Conflict,
            (ErrorCode::Locked | ErrorCode::GenericError, ErrorClass::Os) | (ErrorCode::Locked, _) => ErrorKind::Unavailable,
            (ErrorCode::InvalidSpec, _) => ErrorKind::Invalid,
            (_, ErrorClass::Zlib | ErrorClass::Odb | ErrorClass::Object) => ErrorKind::Corrupt,
            _ => ErrorKind::Unexpected,
        };
        let error = self.error(kind, source.message());
        let error = match source.code() {
            _ if kind == ErrorKind::StorageFull => error.advise("make room on the disk"),
            ErrorCode::Locked => error.advise("where no Git program is running, remove the `.lock` file that a crash left"),
            _ => error,
        };
        error.with_source(source)
    }

    /// What the file system refused.
    pub(super) fn io(&self, path: &Path, source: io::Error) -> Error {
        let kind = match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::StorageFull,
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Denied,
            _ => ErrorKind::Unavailable,
        };
        let error = self.error(kind, format_args!("`{}`: {source}", path.display()));
        let error = if kind == ErrorKind::StorageFull { error.advise("make room on the disk") } else { error };
        error.with_source(source)
    }
}

/// The first 12 digits, for people.
pub(super) fn short(commit: &CommitId) -> &str {
    commit.as_str().get(..12).unwrap_or(commit.as_str())
}
