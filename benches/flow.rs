//! What the whole golden path costs: `cargo bench -p pathops-benches --bench flow`.
//!
//! Runs the example as a process of its own and prints the control plane's share of the wall time (without CI scripts,
//! app start-up and the waits that the policy declares) and the greatest resident memory of the example itself. Both
//! change sets of the sample are in it: four units to production, and one refusal with its recovery. It fails where a run takes
//! more than the limits; with `--test` there is one run of an unoptimised build, which may take what it takes.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What the control plane may take, in milliseconds.
const OVERHEAD_LIMIT: u64 = 2_000;
/// What the example may have resident, in KiB.
const MEMORY_LIMIT: u64 = 150 * 1024;

fn main() -> Result<(), Box<dyn Error>> {
    let quick = std::env::args().any(|argument| argument == "--test");
    let runs = if quick { 1 } else { 5 };
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--locked", "-p", "pathops-examples", "--example", "golden_path", "--message-format=json"])
        .args((!quick).then_some("--release"))
        .stderr(Stdio::inherit())
        .output()?;
    let executable = String::from_utf8(built.stdout)?
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter_map(|message| message.get("executable")?.as_str().map(str::to_owned))
        .next_back()
        .ok_or("the example could not be built")?;
    say(&format!("limits: {OVERHEAD_LIMIT} ms for the control plane, {MEMORY_LIMIT} KiB of memory\n"));
    say("run   wall ms   CI ms   start-up ms   control plane ms   memory KiB\n");
    let mut worst = (0, 0);
    for run in 1..=runs {
        let (figures, memory) = measure(&executable)?;
        let figure = |name: &str| figures.get(name).and_then(serde_json::Value::as_u64).unwrap_or(u64::MAX);
        let overhead = figure("controlPlaneMillis");
        say(&format!(
            "{run:>3} {:>9} {:>7} {:>13} {overhead:>18} {memory:>12}\n",
            figure("wallMillis"),
            figure("ciMillis"),
            figure("startUpMillis")
        ));
        worst = (worst.0.max(overhead), worst.1.max(memory));
    }
    say(&format!("worst: {} ms of {OVERHEAD_LIMIT} ms, {} KiB of {MEMORY_LIMIT} KiB\n", worst.0, worst.1));
    if !quick && (worst.0 > OVERHEAD_LIMIT || worst.1 > MEMORY_LIMIT) {
        return Err("it takes more than its limits".into());
    }
    Ok(())
}

/// One run: its figures, and the greatest resident set of the example's own process in KiB.
fn measure(executable: &str) -> Result<(serde_json::Value, u64), Box<dyn Error>> {
    let state = tempfile::tempdir()?;
    let mut child = Command::new(executable)
        .arg("--json")
        .arg("--state")
        .arg(state.path().join("state"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let memory = watch_memory(&mut child)?;
    let mut json = String::new();
    child.stdout.take().ok_or("no output")?.read_to_string(&mut json)?;
    if !child.wait()?.success() {
        return Err("the example did not end well; run it by itself to see why".into());
    }
    let summary: serde_json::Value = serde_json::from_str(&json)?;
    Ok((summary.get("figures").cloned().ok_or("no figures")?, memory))
}

/// The kernel keeps the greatest resident set; it can be read as long as the process lives.
fn watch_memory(child: &mut Child) -> Result<u64, Box<dyn Error>> {
    let mut greatest = 0;
    while child.try_wait()?.is_none() {
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let kib =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        greatest = greatest.max(kib.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(greatest)
}

fn say(text: &str) {
    // A reader that has gone away is no reason to stop measuring.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
