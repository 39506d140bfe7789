//! URIs of folders.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The `file://` URI of an absolute path (RFC 8089), without a slash at its end.
pub(super) fn of_folder(path: &Path) -> String {
    let mut uri = String::from("file://");
    for &byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _infallible = write!(uri, "%{byte:02X}");
        }
    }
    uri.trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_that_is_not_plain_is_escaped() {
        assert_eq!(of_folder(Path::new("/srv/my blobs/ä%")), "file:///srv/my%20blobs/%C3%A4%25");
    }
}
