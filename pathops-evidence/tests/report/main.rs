//! What tools report: each format by its fixtures, recognition, damage, and what real tools wrote.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "test code: a failure is a failed test, a skip is told"
)]

mod coverage_and_checks;
mod damage;
mod deployments;
mod fixtures;
mod junit;
mod others;
mod predicates;
mod recognition;
mod recorded;
mod redacted;
mod runtime;
mod sboms;
mod scans;
mod structured;
mod test_runs;
mod verifications;

use pathops_evidence::report::{Content, Fault, Format, parse_as};

/// What a report in this format says.
fn read(format: Format, text: &str) -> Content {
    parse_as(format, text.as_bytes()).unwrap_or_else(|error| panic!("{error}")).content
}

/// What is wrong with a report in this format.
fn fault(format: Format, text: &str) -> (Fault, String) {
    let error = parse_as(format, text.as_bytes()).expect_err("it was read");
    assert_eq!(error.format, Some(format));
    (error.fault, error.to_string())
}

/// Fails unless a report in this format is faulty in this way, and the message says this.
#[track_caller]
fn refuse(format: Format, text: &str, expected: Fault, says: &str) {
    let (fault, message) = fault(format, text);
    assert!(fault == expected && message.contains(says), "{fault:?}: {message}");
    assert!(message.ends_with(fault.remedy()), "{message}");
}
