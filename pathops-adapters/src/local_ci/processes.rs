//! Finds what a run has started, and ends it.
//!
//! A process belongs to a run where it is in the script's process group, or where it was started with the run's own
//! `PATHOPS_OUT` in its environment: that survives `nohup`, `setsid` and the death of its parents. On other systems than
//! Linux the process group is all there is to go by.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process_group};

/// The variable that each process of one run inherits, and no other process has.
#[derive(Clone, Debug)]
pub(super) struct Marker(Vec<u8>);

/// Everything that one script has started.
#[derive(Clone, Debug)]
pub(super) struct Processes {
    /// The script's process group.
    pub(super) group: Pid,
    /// The variable of its run.
    pub(super) marker: Marker,
}

impl Marker {
    /// The marker of the run with this `PATHOPS_OUT`.
    pub(super) fn of(out: &Path) -> Self {
        Self([b"PATHOPS_OUT=", out.as_os_str().as_bytes()].concat())
    }

    /// Kills every process that carries the marker.
    pub(super) fn kill_all(&self) {
        system::find(|pid| self.is_on(pid)).into_iter().for_each(|pid| system::kill(pid, || self.is_on(pid)));
    }

    fn is_on(&self, pid: Pid) -> bool {
        system::environment(pid).split(|byte| *byte == 0).any(|variable| variable == self.0)
    }
}

impl Processes {
    /// The names of those that live.
    pub(super) fn names(&self) -> Vec<String> {
        self.find().into_iter().map(system::name).collect()
    }

    /// The names of those that live, without processes whose command line holds `text`.
    pub(super) fn names_without(&self, text: &str) -> Vec<String> {
        self.find().into_iter().filter(|pid| !system::command_line(*pid).contains(text)).map(system::name).collect()
    }

    fn find(&self) -> Vec<Pid> {
        system::find(|pid| system::group(pid) == Some(self.group) || self.marker.is_on(pid))
    }

    /// Kills them. They need a moment to be gone, and may have started others meanwhile.
    ///
    /// The group's leader must not have been waited for: until then, its id means this group and no other.
    pub(super) fn kill(&self) {
        let _gone_already = kill_process_group(self.group, Signal::KILL);
        self.marker.kill_all();
    }
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

    fn read(pid: Pid, file: &str) -> Vec<u8> {
        std::fs::read(format!("/proc/{}/{file}", pid.as_raw_nonzero())).unwrap_or_default()
    }

    /// The processes for which `wanted` holds.
    pub(super) fn find(wanted: impl Fn(Pid) -> bool) -> Vec<Pid> {
        let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok().and_then(Pid::from_raw));
        pids.filter(|pid| *pid != rustix::process::getpid() && wanted(*pid)).collect()
    }

    /// Kills the process if `still` holds; never another one that has got its id meanwhile.
    pub(super) fn kill(pid: Pid, still: impl Fn() -> bool) {
        if let Ok(process) = pidfd_open(pid, PidfdFlags::empty())
            && still()
        {
            let _gone_already = pidfd_send_signal(process, Signal::KILL);
        }
    }

    /// The variables that it was started with, each ended by a zero byte; nothing for a zombie.
    pub(super) fn environment(pid: Pid) -> Vec<u8> {
        read(pid, "environ")
    }

    /// Its process group; `None` for a zombie. See proc_pid_stat(5): `pid (name) state parent group …`.
    pub(super) fn group(pid: Pid) -> Option<Pid> {
        let stat = String::from_utf8_lossy(&read(pid, "stat")).into_owned();
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        let alive = !matches!(fields.next()?, "Z" | "X");
        fields.nth(1)?.parse().ok().and_then(Pid::from_raw).filter(|_| alive)
    }

    pub(super) fn command_line(pid: Pid) -> String {
        String::from_utf8_lossy(&read(pid, "cmdline")).into_owned()
    }

    pub(super) fn name(pid: Pid) -> String {
        String::from_utf8_lossy(&read(pid, "comm")).trim_end().to_owned()
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use rustix::process::Pid;

    pub(super) fn find(_: impl Fn(Pid) -> bool) -> Vec<Pid> {
        Vec::new()
    }

    pub(super) fn kill(_: Pid, _: impl Fn() -> bool) {}

    pub(super) fn environment(_: Pid) -> Vec<u8> {
        Vec::new()
    }

    pub(super) fn group(_: Pid) -> Option<Pid> {
        None
    }

    pub(super) fn command_line(_: Pid) -> String {
        String::new()
    }

    pub(super) fn name(_: Pid) -> String {
        String::new()
    }
}
