//! One form of rules and options, so that the same ones have the same digest.

/// Appends a named value with its length, so that no two lists of fields have the same bytes.
pub(super) fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(format!("{name} {}:", value.len()).as_bytes());
    out.extend_from_slice(value);
    out.push(b'\n');
}
