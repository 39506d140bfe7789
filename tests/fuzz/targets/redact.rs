//! Redaction: text is redacted the same in one piece and in several, and again to itself.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pathops_evidence::redact::Redactor;

static REDACTOR: LazyLock<Redactor> = LazyLock::new(|| Redactor::new(["a-known-value".to_owned()]).expect("rules"));

fuzz_target!(|bytes: &[u8]| {
    let whole = REDACTOR.redact(bytes).bytes;
    let (mut stream, mut pieces) = (REDACTOR.stream(), Vec::new());
    for piece in bytes.chunks(7) {
        stream.push(piece, &mut pieces);
    }
    let _ = stream.finish(&mut pieces);
    assert_eq!(whole, pieces);
    assert_eq!(REDACTOR.redact(&whole).bytes, whole);
});
