//! Git's own lock files, left by a process that ended while it moved a ref.
//!
//! Git never removes one by itself: nobody can tell it from that of a running `git push`. Here one can: the intent file
//! names the refs that the interrupted write was about, and no push holds a ref for long.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use pathops_core::Result;

use super::repo::Writer;
use super::store;

/// How long a lock file must have been there. A running Git program holds one for milliseconds.
const STALE_AFTER: Duration = Duration::from_secs(2);

/// How long it takes from one look at a lock file, which may yet be a running program's, to the next.
const PAUSE: Duration = Duration::from_millis(50);

/// So often at most: for twice the time in which one file grows old.
const LOOKS: u32 = 80;

impl Writer<'_> {
    /// Removes the lock files of `refs` that a crash left. A younger one is waited for until it is gone or old, so that a
    /// process that is started again at once is not refused for what it left itself.
    pub(super) fn clear_stale_locks(&self, refs: &[String]) -> Result<()> {
        for name in refs.iter().map(String::as_str).chain(["packed-refs"]) {
            let lock = self.git.path().join(format!("{name}.lock"));
            self.outlive(&lock).map_err(|e| self.attempt.io(&lock, e))?;
        }
        Ok(())
    }

    /// Programs that take the lock one after the other can hold this up for so long and not longer; the write that follows
    /// then finds the lock and is refused.
    fn outlive(&self, lock: &Path) -> io::Result<()> {
        for _ in 0..LOOKS {
            if self.removed(lock)? {
                break;
            }
            sleep(PAUSE);
        }
        Ok(())
    }

    /// Whether it is gone, now at the latest.
    fn removed(&self, lock: &Path) -> io::Result<bool> {
        let made = match fs::metadata(lock) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(true),
            metadata => metadata?.modified()?,
        };
        let now = file_system_now(&self.file("now"))?;
        let stale = now.duration_since(made).is_ok_and(|age| age > STALE_AFTER);
        if stale {
            store::remove(lock)?;
        }
        Ok(stale)
    }
}

/// The time on the clock that stamps files, which need not be this machine's.
fn file_system_now(probe: &Path) -> io::Result<std::time::SystemTime> {
    let now = File::create(probe)?.metadata()?.modified()?;
    fs::remove_file(probe)?;
    Ok(now)
}
