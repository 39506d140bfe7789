//! Every parser of reports: an answer or a refusal, the same each time, about the bytes that were given.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pathops_evidence::report::{Format, parse, parse_as, recognise};

fuzz_target!(|bytes: &[u8]| {
    let _ = recognise(bytes);
    assert_eq!(parse(bytes).is_ok(), parse(bytes).is_ok());
    for format in Format::ALL {
        if let Ok(report) = parse_as(*format, bytes) {
            assert_eq!(report.digest, pathops_core::Digest::of(bytes));
        }
    }
});
