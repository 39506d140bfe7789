//! The evidence command takes logs in by what is in them, whatever their size, and holds none of them in memory.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::evidence_command::{OWN, Store, program};
use crate::program::peak_memory;

/// More than a report may have.
const LOG_BYTES: u64 = 100_000_000;
/// The pieces of a blob store, and the program, unoptimised.
const PEAK_BYTES: u64 = 64_000_000;
const SECRET: &str = "authorization: bearer 7hQ2mZ9pXc4VtR8sLw3N";

/// A log with a secret in its last line.
fn log(file: &Path, bytes: u64) {
    let mut out = BufWriter::new(File::create(file).unwrap());
    let (mut written, mut line) = (0, 0);
    while written < bytes {
        let text = format!("2026-11-25T12:{:02}:{:02}Z INFO orders GET /checkout/{line} 200\n", line / 60 % 60, line % 60);
        out.write_all(text.as_bytes()).unwrap();
        (written, line) = (written + u64::try_from(text.len()).unwrap(), line + 1);
    }
    writeln!(out, "2026-11-25T13:00:00Z WARN {SECRET}").unwrap();
    out.flush().unwrap();
}

/// Runs the command to its end. Tells what it said, and the most memory that was seen.
fn watched(arguments: &[&str]) -> (String, Option<u64>) {
    let mut child = Command::new(program()).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut peak = None;
    while child.try_wait().unwrap().is_none() {
        peak = peak.max(peak_memory(child.id()));
        sleep(Duration::from_millis(2));
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    (String::from_utf8(output.stdout).unwrap(), peak)
}

#[test]
fn a_log_that_is_larger_than_a_report_may_be_passes_through_bounded_memory() {
    let store = Store(tempfile::tempdir().unwrap(), String::new());
    let (file, path) = (store.0.path().join("orders.log"), store.path());
    log(&file, LOG_BYTES);
    let (file, path) = (file.to_str().unwrap(), path.to_str().unwrap());
    let (told, taken) = watched(&["ingest", file, "--store", path, "--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    let removed = told["redaction"]["removed"].as_object().unwrap();
    assert!(removed.values().filter_map(Value::as_u64).sum::<u64>() == 1, "{told}");
    // It is about itself, and all of it is there.
    let about = store.run("query", &["--subject", told["payload"].as_str().unwrap()]);
    assert!(about.works().contains("reference"), "{about:?}");
    let (verified, read) = watched(&["verify", path]);
    assert!(verified.starts_with(OWN), "{verified}");
    let (taken, read) = (taken.unwrap(), read.unwrap());
    assert!(taken < PEAK_BYTES && read < PEAK_BYTES, "{taken} and {read} bytes of memory");
}

/// What the file is named, what is in it, and what it is taken for.
fn taken_for(folder: &TempDir, text: &str, more: &[&str]) -> Result<String, String> {
    let (file, store) = (folder.path().join("report"), folder.path().join("store"));
    fs::write(&file, text).unwrap();
    let place = ["ingest", file.to_str().unwrap(), "--store", store.to_str().unwrap(), "--json"];
    let run = crate::evidence_command::run(&[place.as_slice(), more].concat());
    match run.0 {
        Some(0) => Ok(serde_json::from_str::<Value>(&run.1).unwrap()["format"].as_str().unwrap().to_owned()),
        _ => Err(run.2),
    }
}

#[test]
fn a_log_is_known_by_its_lines_and_nothing_else_is_taken_for_one() {
    let folder = tempfile::tempdir().unwrap();
    for log in [
        "[pod/orders-1/app] listening on 8080\n[pod/orders-2/app] ready\n",
        "I1125 12:00:00.123456       1 main.go:7] started\n",
        "10.0.0.7 - - [25/Nov/2026:12:00:00 +0000] \"GET / HTTP/1.1\" 200 612\n",
        "Nov 25 12:00:00 node kubelet[7]: started\n",
        "2026-11-25 12:00:00 ERROR failed\njava.lang.Error\n2026-11-25 12:00:01 INFO stopped\n",
        "{\"time\":\"2026-11-25T12:00:00Z\",\"level\":\"info\",\"msg\":\"ready\"}\n{\"time\":\"2026-11-25T12:00:01Z\",\"msg\":\"up\"}\n",
    ] {
        assert_eq!(taken_for(&folder, log, &[]).as_deref(), Ok("pod-log"), "{log}");
    }
    assert_eq!(taken_for(&folder, "TAP version 14\n1..1\nok 1 - at 12:00:00\n", &[]).as_deref(), Ok("tap"));
    for (text, why) in [
        ("all is well\n", "it is in none of the formats"),
        ("{\"time\":\"2026-11-25T12:00:00Z\",\"action\":\"run\"}\n{\"time\":1}\n", "it is in none of the formats"),
        ("[1,\n", "EOF while parsing a value"),
        ("\0\0\0\0", "it is in none of the formats"),
    ] {
        assert!(taken_for(&folder, text, &[]).is_err_and(|told| told.contains(why)), "{text}: {why}");
    }
    // A large document is no log, and is refused with what to do about it.
    let large = format!("{{\"lines\": [\n{}\"2026-11-25T12:00:00Z\"]}}", "\"2026-11-25T12:00:00Z ready\",\n".repeat(2_300_000));
    let told = taken_for(&folder, &large, &[]).unwrap_err();
    assert!(told.contains("67108864 are the limit") && told.contains("a log of any size is taken in as it comes"), "{told}");
}
