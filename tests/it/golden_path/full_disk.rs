//! The disk for blobs runs full: it is said, no change is refused for it, and with room again the run goes on to its end.

use std::path::PathBuf;
use std::process::Command;

use super::example::{Example, command, skip};
use super::project::SmallProject;

/// A disk of its own for a folder.
struct Disk(PathBuf);

impl Disk {
    /// `None` where disks cannot be mounted here.
    fn mount(folder: PathBuf, kilobytes: u32) -> Option<Self> {
        let mut mount = Command::new("mount");
        let options = format!("size={kilobytes}k,mode=755");
        let mounted = mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(&folder).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }

    fn grow(&self, kilobytes: u32) {
        command(Command::new("mount").args(["-o", &format!("remount,size={kilobytes}k")]).arg(&self.0));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _cannot_be_helped = Command::new("umount").arg(&self.0).status();
    }
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
    let blobs = example.state.join("blobs");
    let Some(disk) = Disk::mount(blobs, SIZES[0]) else { return skip("no disk can be mounted here") };
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
