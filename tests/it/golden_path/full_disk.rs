//! The disk for blobs runs full: it is said, no change is refused for it, and with room again the run goes on to its end.

use std::path::PathBuf;
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
    /// `None` where disks cannot be mounted here.
    fn mount(folder: PathBuf, kilobytes: u32) -> Option<Self> {
        let options = format!("size={kilobytes}k,mode=777");
        let mounts = |privileged: &[&str]| {
            let mut mount = called("mount", privileged);
            let mounted = mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&folder).output();
            mounted.is_ok_and(|output| output.status.success())
        };
        let ways: [&[&str]; 2] = [&[], &["sudo", "--non-interactive"]];
        let privileged = ways.into_iter().find(|way| mounts(way))?;
        Some(Self { folder, privileged })
    }

    fn grow(&self, kilobytes: u32) {
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

/// No room at all, none for the artifact of about 400 kB, and none for evidence after it.
const SIZES: [u32; 4] = [4, 100, 420, 432];

#[test]
fn with_room_again_it_goes_on() {
    let project = SmallProject::new("feature");
    let mut example = Example::of(project.path(), &[]);
    let mut running = example.start();
    assert!(running.until("CI runs ci/run"));
    running.kill();
    let blobs = example.state.join("store/blobs");
    let Some(disk) = Disk::mount(blobs, SIZES[0]) else { return skip_outside_ci("no disk can be mounted here") };
    let mut refused = 0;
    for size in SIZES {
        disk.grow(size);
        let run = example.run();
        example.assert_none_left();
        if run.code != Some(0) {
            refused += 1;
            run.assert_refused(&["No space left on device", "free space"]);
        }
    }
    assert!(refused >= 2, "there was room all the time");
    disk.grow(8_000);
    let run = example.run();
    run.assert_held();
    assert!(run.account.contains("Make it change: in production"), "{}", run.account);
}
