//! The disk runs full in the middle: it is said, nothing is lost, and with room again the run goes on to its end.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::example::{Example, skip};
use super::project::SmallProject;

/// A small disk.
struct Disk(PathBuf);

impl Disk {
    /// `None` where disks cannot be mounted here.
    fn mount(folder: PathBuf, kilobytes: u32) -> Option<Self> {
        fs::create_dir_all(&folder).unwrap();
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", &format!("size={kilobytes}k,mode=755"), "tmpfs"]).arg(&folder).output();
        mount.is_ok_and(|output| output.status.success()).then_some(Self(folder))
    }

    fn grow(&self, kilobytes: u32) {
        let options = format!("remount,size={kilobytes}k");
        super::example::command(Command::new("mount").args(["-o", &options]).arg(&self.0));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _cannot_be_helped = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn with_room_for_blobs_again_it_goes_on() {
    let project = SmallProject::new("feature");
    let mut example = Example::of(project.path(), &[]);
    let mut running = example.start();
    assert!(running.until("alice asks"));
    running.kill();
    let mut kilobytes = 4;
    let blobs = example.state.join("blobs");
    let _ = fs::remove_dir_all(&blobs);
    let Some(disk) = Disk::mount(blobs, kilobytes) else { return skip("no disk can be mounted here") };
    loop {
        let run = example.run();
        example.assert_none_left();
        println!("{kilobytes}: {:?} {}", run.code, run.account.lines().filter(|l| l.contains("rror") || l.contains("!") || l.contains("because")).collect::<Vec<_>>().join("\n     "));
        if run.code == Some(0) {
            println!("{}", run.account);
            break;
        }
        kilobytes += if kilobytes < 500 { 100 } else { 4 };
        disk.grow(kilobytes);
    }
}
