//! The evidence command is killed in the middle of taking reports in, by a signal that it cannot catch; what is left verifies, and goes on.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::evidence_command::{OWN, Store, artifact, program};
use crate::program::ROOT;

/// How many are killed, at moments from the beginning of a run to its end.
const KILLS: u32 = 20;

/// An ingestion of reports of this minute.
fn ingestion(store: &Path, minute: u32) -> Command {
    let mut command = Command::new(program());
    command.args(["ingest", "tap/good-14.tap", "trivy/bad.json", "cyclonedx-json/good.json", "lcov/good.info"]);
    command.arg("--store").arg(store).args(["--subject", &artifact(), "--at", &format!("2026-11-23T12:{minute:02}:00Z")]);
    command.current_dir(Path::new(ROOT).join("pathops-evidence/tests/fixtures/report"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn empty() -> Store {
    Store(TempDir::new().unwrap(), String::new())
}

/// Takes reports in, and kills whoever does after this time; whether it was still at it.
fn killed(store: &Store, minute: u32, after: Duration) -> bool {
    let mut child = ingestion(&store.path(), minute).spawn().unwrap();
    sleep(after);
    child.kill().unwrap();
    !child.wait().unwrap().success()
}

#[track_caller]
fn goes_on(store: &Store, minute: u32, at: &str) {
    let told = ingestion(&store.path(), minute).stderr(Stdio::piped()).output().unwrap();
    assert!(told.status.success(), "{at}: {told:?}");
    let verified = store.verify(&[]);
    assert!(verified.0 == Some(0) && verified.1.starts_with(OWN), "{at}, and another: {verified:?}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a real program is killed in real time")]
fn whoever_is_killed_leaves_a_store_that_verifies_and_goes_on() {
    goes_on(&empty(), 0, "nobody is killed");
    // Of a program that is in memory: the last ones are killed when they are done, or nearly.
    let begun = Instant::now();
    assert!(ingestion(&empty().path(), 0).status().unwrap().success());
    let whole = begun.elapsed();
    let (mut in_the_middle, mut grown) = (0, empty());
    for kill in 0..KILLS {
        let (at, after) = (format!("kill {kill}"), whole * kill / KILLS);
        // One that is made anew, and one in which there is something.
        let anew = empty();
        in_the_middle += u32::from(killed(&anew, 1, after));
        let left = anew.verify(&[]);
        let has_checkpoint = anew.file("log/checkpoint").is_file();
        assert!(left.0 == Some(if has_checkpoint { 0 } else { 2 }), "{at}: {left:?}");
        goes_on(&anew, 2, &at);
        in_the_middle += u32::from(killed(&anew, 3, after));
        let left = anew.verify(&[]);
        assert!(left.0 == Some(0) && left.1.starts_with(OWN), "{at}: {left:?}");
        goes_on(&anew, 4, &at);
        grown = anew;
    }
    assert!(in_the_middle > 0, "none was killed before it was done");
    // Nothing that was answered is gone: two whole runs, at least.
    let found = grown.run("query", &["--json"]);
    assert!(found.works().lines().count() >= 2 * 7, "{found:?}");
}
