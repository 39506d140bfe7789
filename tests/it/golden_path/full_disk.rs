//! The disk for blobs runs full: it is said, no change is refused for it, and with room again the run goes on to its end.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::example::{Example, command, skip_outside_ci};
use super::project::SmallProject;

/// A disk of its own for a folder.
struct Disk {
    folder: PathBuf,
    /// What `mount` and `umount` are called by here: root may as it is, others where they may become root unasked.
    privileged: &'static [&'static str],
}

impl Disk {
    /// With what is in the folder already, and room for much more. `None` where disks cannot be mounted here.
    fn mount(folder: PathBuf) -> Option<Self> {
        let options = format!("size={ROOM}k,mode=777");
        let kept = tempfile::tempdir().unwrap();
        let copy = |from: &Path, to: &Path| {
            command(Command::new("cp").arg("-a").arg(from.join(".")).arg(to));
        };
        copy(&folder, kept.path());
        let mounts = |privileged: &[&str]| {
            let mut mount = called("mount", privileged);
            let mounted = mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&folder).output();
            mounted.is_ok_and(|output| output.status.success())
        };
        let ways: [&[&str]; 2] = [&[], &["sudo", "--non-interactive"]];
        let privileged = ways.into_iter().find(|way| mounts(way))?;
        let disk = Self { folder, privileged };
        copy(kept.path(), &disk.folder);
        Some(disk)
    }

    /// What its files take, in whole pages.
    fn taken(&self) -> u32 {
        let mut used = Command::new("df");
        let used = command(used.args(["--output=used", "--block-size=1K"]).arg(&self.folder));
        used.lines().last().unwrap().trim().parse().unwrap()
    }

    fn resize(&self, kilobytes: u32) {
        let size = format!("remount,size={kilobytes}k");
        command(called("mount", self.privileged).args(["-o", &size]).arg(&self.folder));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _cannot_be_helped = called("umount", self.privileged).arg(&self.folder).status();
    }
}

fn called(program: &str, privileged: &[&str]) -> Command {
    let mut words = privileged.iter().chain([&program]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words);
    command
}

/// Room for everything.
const ROOM: u32 = 8_000;

/// No room at all beside what is there, none for the artifact of about 400 kB, and none for evidence after it.
const SIZES: [u32; 4] = [4, 100, 420, 432];

#[test]
fn with_room_again_it_goes_on() {
    let project = SmallProject::new("feature");
    let mut example = Example::of(project.path(), &[]);
    let mut running = example.start();
    assert!(running.until("CI runs ci/run"));
    running.kill();
    let blobs = example.state.join("store/blobs");
    let Some(disk) = Disk::mount(blobs) else { return skip_outside_ci("no disk can be mounted here") };
    let (taken, mut refused) = (disk.taken(), 0);
    for size in SIZES {
        disk.resize(taken + size);
        let run = example.run();
        example.assert_none_left();
        if run.code != Some(0) {
            refused += 1;
            run.assert_refused(&["No space left on device", "free space"]);
        }
    }
    assert!(refused >= 2, "there was room all the time");
    disk.resize(ROOM);
    let run = example.run();
    run.assert_held();
    assert!(run.account.contains("Make it change: in production"), "{}", run.account);
}
