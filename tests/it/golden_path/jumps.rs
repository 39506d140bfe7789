//! The machine's clock jumps by days while the example runs. `faketime` makes the program believe it; what waits goes by the
//! monotonic clock, which stays as it is. Each moment of a change set is walked through in virtual time in `jumps.rs` beside
//! this folder: here the adapters are real.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::example::{Example, Run, command, installed, path};
use super::project::SmallProject;

/// The machine's clock, as the example reads it.
struct Clock {
    folder: TempDir,
}

impl Clock {
    /// One that goes right; `None` where there is none that could go wrong.
    fn new() -> Option<Self> {
        installed("faketime").then(|| {
            let clock = Self { folder: tempfile::tempdir().unwrap() };
            clock.jump("+0");
            // The compiler, which the example asks for its folder, does not start with such a clock.
            let path = path();
            let rustc = clock.folder.path().join("rustc");
            fs::write(&rustc, format!("#!/bin/sh\nunset LD_PRELOAD\nPATH='{path}' exec rustc \"$@\"\n")).unwrap();
            fs::set_permissions(&rustc, fs::Permissions::from_mode(0o755)).unwrap();
            clock
        })
    }

    fn offset(&self) -> PathBuf {
        self.folder.path().join("offset")
    }

    /// Sets how far it is off.
    fn jump(&self, offset: &str) {
        let new = self.folder.path().join("new");
        fs::write(&new, offset).unwrap();
        fs::rename(new, self.offset()).unwrap();
    }

    /// What makes a program go by it.
    fn environment(&self) -> Vec<(String, String)> {
        let library = command(Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]));
        let text = |path: PathBuf| path.to_str().unwrap().to_owned();
        let path = format!("{}:{}", text(self.folder.path().to_owned()), path());
        let variables = [
            ("LD_PRELOAD", library.trim().to_owned()),
            ("FAKETIME_TIMESTAMP_FILE", text(self.offset())),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("PATH", path),
        ];
        variables.map(|(name, value)| (name.to_owned(), value)).to_vec()
    }
}

/// An app whose build and whose start each take long enough for a clock to jump meanwhile.
fn project() -> SmallProject {
    let project = SmallProject::new("feature").starting_after(1_000);
    project.ci("sleep 1\n");
    project
}

/// Runs the example with a clock that jumps forwards by three days once `moment` is told.
fn forwards(moment: &str) -> Option<(Example, Run)> {
    let (clock, project) = (Clock::new()?, project());
    let mut example = Example::of(project.path(), &[]).with_environment(clock.environment());
    let mut running = example.start();
    assert!(running.until(moment));
    clock.jump("+3d");
    let run = running.end();
    assert!(run.account.contains("2592"), "the clock never jumped: {}", run.account);
    run.assert_held();
    example.assert_none_left();
    Some((example, run))
}

#[test]
fn forwards_during_ci_nothing_is_too_old() {
    let Some((_, run)) = forwards("CI runs ci/run") else { return };
    assert!(run.account.contains("Make it change: in production"), "{}", run.account);
}

/// An hour is the limit for the result of its tests.
#[test]
fn forwards_in_preflight_it_is_refused_for_tests_that_are_too_old() {
    let Some((example, run)) = forwards("waits until exactly this is live and healthy in preflight") else { return };
    assert!(run.account.contains("app may not go to production yet: unit-tests\n"), "{}", run.account);
    assert!(run.account.contains("Make it change: refused, and everything is back to what it was"), "{}", run.account);
    assert_eq!(example.git("app-gitops", &["rev-list", "--count", "production"]).trim(), "1");
}

#[test]
fn forwards_in_production_it_stays_what_it_is() {
    let Some((_, run)) = forwards("waits until exactly this is live and healthy in production") else { return };
    assert!(run.account.contains("Make it change: in production"), "{}", run.account);
}

/// All that is decided about is dated after the jump, but what CI printed before it. An approval counts whatever its date: it is
/// of a pull request that has shown this policy from its beginning.
#[test]
fn backwards_during_ci_it_goes_to_production() {
    let Some(clock) = Clock::new() else { return };
    let project = project();
    let mut example = Example::of(project.path(), &[]).with_environment(clock.environment());
    let mut running = example.start();
    assert!(running.until("CI runs ci/run"));
    clock.jump("-1d");
    let run = running.end();
    run.assert_held();
    assert!(run.account.contains("Make it change: in production"), "{}", run.account);
    example.assert_none_left();
}
