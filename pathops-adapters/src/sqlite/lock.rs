//! One process at a time: an exclusive lock on a file beside the database, which the system gives up with the process.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use pathops_core::{Error, ErrorKind, Result};

use super::database::Format;
use crate::call::Call;

/// As [`lock`], without anything else having to wait for it.
pub(super) async fn take(path: &Path, format: &'static Format) -> Result<(PathBuf, File)> {
    let (named, call) = (path.to_owned(), Call::new(&format.store, format.open, path.display(), path.display()));
    let locked = tokio::task::spawn_blocking(move || lock(&named, format)).await;
    locked.map_err(|e| call.refused(ErrorKind::Unexpected, "the runtime is ending").with_source(e))?
}

/// Finds where the file really is and locks it. The lock lasts as long as the returned file: where one process at a time may
/// have it, another one is refused at once, and else it waits for its turn.
///
/// The path is absolute and without links, so that two names of one file meet at one lock, and so that SQLite, which knows
/// names like `:memory:` and `file:…`, can only take it for a file's.
fn lock(path: &Path, format: &Format) -> Result<(PathBuf, File)> {
    let refused = |path: &Path, error| refused(format, path, error);
    let path = resolve(path).map_err(|e| refused(path, e))?;
    let mut name = path.clone().into_os_string();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = File::options().create(true).truncate(false).write(true).open(&name).map_err(|e| refused(&name, e))?;
    let locked = if format.exclusive { file.try_lock() } else { file.lock().map_err(TryLockError::Error) };
    match locked {
        Ok(()) => Ok((path, file)),
        Err(TryLockError::WouldBlock) => Err(Error::new(ErrorKind::Unavailable, format.open)
            .on(path.display())
            .because(format!("another process has it open, and only one may write to a {}", format.what))
            .advise(format!("stop that process, or give each its own {}", format.what))),
        Err(TryLockError::Error(e)) => Err(refused(&name, e)),
    }
}

fn resolve(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?;
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Ok(fs::canonicalize(folder)?.join(name))
        }
        resolved => resolved,
    }
}

fn refused(format: &Format, path: &Path, error: io::Error) -> Error {
    let (kind, advice) = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => (ErrorKind::NotFound, "make the folder first"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (ErrorKind::StorageFull, "make room on the disk"),
        io::ErrorKind::InvalidInput => (ErrorKind::Invalid, "name a file"),
        _ => (ErrorKind::Denied, "let the process write to the folder and the file"),
    };
    Error::new(kind, format.open).on(path.display()).because(&error).advise(advice).with_source(error)
}
