//! Parts of URLs.

use std::fmt::Write as _;

/// The query of these parameters, with its question mark.
#[cfg(any(feature = "argocd", feature = "kubernetes"))]
pub(crate) fn query<'a>(parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut query = String::new();
    for (name, value) in parameters {
        query.push(if query.is_empty() { '?' } else { '&' });
        query.push_str(name);
        query.push('=');
        query.push_str(&encoded(value));
    }
    query
}

/// A text as a part of a path or query (RFC 3986: all but the unreserved characters is encoded).
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _infallible = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
