//! What errors of the client mean to a caller.

use async_nats::{ConnectError, ConnectErrorKind};
use pathops_core::{Error, ErrorKind};

/// The server did not do it, or nobody knows: another try may.
pub(super) fn unavailable(
    operation: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>,
) -> Error {
    let error = Error::new(ErrorKind::Unavailable, operation).because("the server of NATS did not do it").with_source(source);
    error.advise("see whether it runs, with JetStream, and takes connections from here")
}

pub(super) fn not_connected(source: ConnectError) -> Error {
    const OPERATION: &str = "connect to NATS";
    let (kind, reason, advice) = match source.kind() {
        ConnectErrorKind::ServerParse => (ErrorKind::Invalid, "the address cannot be read", "write it as tls://host:4222"),
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            (ErrorKind::Denied, "the server does not let this one in", "see the user and the password, or the token")
        }
        ConnectErrorKind::Tls => (ErrorKind::Unavailable, "the connection could not be encrypted", "see the certificates"),
        _ => (ErrorKind::Unavailable, "the server cannot be reached", "see whether it runs, and takes connections from here"),
    };
    Error::new(kind, OPERATION).because(reason).advise(advice).with_source(source)
}
