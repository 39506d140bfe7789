//! The work folder: one host at a time, one fresh folder a run, nothing left over.

use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use pathops_core::{Error, ErrorKind, Result};
use tempfile::TempDir;

use super::processes::Marker;

const OPEN: &str = "open the work folder of local CI";
const RUN_PREFIX: &str = "run-";

/// A work folder that no other host uses, as long as this value lives.
#[derive(Debug)]
pub(super) struct Work {
    /// Where runs get their folders.
    pub(super) path: WorkPath,
    lock: File,
}

/// The place of a work folder. It does not keep other hosts away.
#[derive(Clone, Debug)]
pub(super) struct WorkPath(PathBuf);

impl Work {
    /// Takes the folder, ends what an earlier host left running in it and removes what it left there.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let failed =
            |source: io::Error| Error::new(ErrorKind::Unavailable, OPEN).on(path.display()).because(&source).with_source(source);
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        let path = path.canonicalize().map_err(failed)?;
        let lock = File::create(path.join("lock")).map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let advice = "stop the other host, or give each host a work folder of its own";
                return Err(Error::new(ErrorKind::Conflict, OPEN)
                    .on(path.display())
                    .because("another host uses it")
                    .advise(advice));
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        for entry in path.read_dir().map_err(failed)? {
            let old = entry.map_err(failed)?;
            if old.file_name().as_encoded_bytes().starts_with(RUN_PREFIX.as_bytes()) {
                Marker::of(&out(&old.path())).kill_all();
                remove(&old.path()).map_err(failed)?;
            }
        }
        Ok(Self { path: WorkPath(path), lock })
    }
}

impl Drop for Work {
    /// Closing the file is not enough: a process that another thread is just starting has it open, too, for a moment.
    fn drop(&mut self) {
        let _closing_unlocks_as_well = self.lock.unlock();
    }
}

impl WorkPath {
    /// The folder of a new run.
    pub(super) fn fresh(&self) -> io::Result<RunFolder> {
        let folder = RunFolder { root: tempfile::Builder::new().prefix(RUN_PREFIX).tempdir_in(&self.0)? };
        for part in [folder.checkout(), folder.out(), folder.home(), folder.temporary()] {
            std::fs::create_dir(part)?;
        }
        Ok(folder)
    }
}

/// What one run may use. Dropping it removes it.
#[derive(Debug)]
pub(super) struct RunFolder {
    root: TempDir,
}

impl RunFolder {
    /// The files of the commit.
    pub(super) fn checkout(&self) -> PathBuf {
        self.root.path().join("checkout")
    }

    /// `PATHOPS_OUT`.
    pub(super) fn out(&self) -> PathBuf {
        out(self.root.path())
    }

    /// `HOME`.
    pub(super) fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// `TMPDIR`.
    pub(super) fn temporary(&self) -> PathBuf {
        self.root.path().join("tmp")
    }

    /// Removes it, and says why it could not.
    pub(super) fn remove(self) -> io::Result<()> {
        remove(self.root.path())
    }
}

fn out(run: &Path) -> PathBuf {
    run.join("out")
}

/// Removes a folder, also where a tool has made folders in it read-only (as module caches are).
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(source) if source.kind() == io::ErrorKind::PermissionDenied => {
            make_writable(path)?;
            std::fs::remove_dir_all(path)
        }
        other => other,
    }
}

fn make_writable(folder: &Path) -> io::Result<()> {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
    for entry in folder.read_dir()? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            make_writable(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hosts_cannot_share_it_and_the_next_one_finds_it_empty() {
        let folder = tempfile::tempdir().unwrap();
        let work = Work::open(folder.path()).unwrap();
        let run = work.path.fresh().unwrap();
        std::fs::set_permissions(run.home(), std::fs::Permissions::from_mode(0o500)).unwrap();
        let left = run.root.keep();
        assert_eq!(Work::open(folder.path()).unwrap_err().kind(), ErrorKind::Conflict);
        drop(work);
        Work::open(folder.path()).unwrap();
        assert!(!left.exists());
    }
}
