//! Git's own lock files, left by a process that ended while it moved a ref.
//!
//! Git never removes one by itself: nobody can tell it from that of a running `git push`. Here one can: the intent file
//! names the refs that the interrupted write was about, and no push holds a ref for long.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use pathops_core::Result;

use super::repo::Writer;

/// How long a lock file must have been there. A running Git program holds one for milliseconds.
const STALE_AFTER: Duration = Duration::from_secs(2);

impl Writer<'_> {
    /// Removes the lock files of `refs` that a crash left. A younger one stays, and the caller is refused as long.
    pub(super) fn clear_stale_locks(&self, refs: &[String]) -> Result<()> {
        for name in refs.iter().map(String::as_str).chain(["packed-refs"]) {
            let lock = self.git.path().join(format!("{name}.lock"));
            self.remove_if_stale(&lock).map_err(|e| self.attempt.io(&lock, e))?;
        }
        Ok(())
    }

    fn remove_if_stale(&self, lock: &Path) -> io::Result<()> {
        let made = match fs::metadata(lock) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            metadata => metadata?.modified()?,
        };
        let now = file_system_now(&self.file("now"))?;
        if now.duration_since(made).is_ok_and(|age| age > STALE_AFTER) { fs::remove_file(lock) } else { Ok(()) }
    }
}

/// The time on the clock that stamps files, which need not be this machine's.
fn file_system_now(probe: &Path) -> io::Result<std::time::SystemTime> {
    let now = File::create(probe)?.metadata()?.modified()?;
    fs::remove_file(probe)?;
    Ok(now)
}
