//! What errors of the client and of the server mean to a caller.

use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use pathops_core::{Effect, Error, ErrorKind};

/// The server refused it, or could not be asked.
pub(super) fn failed(operation: &'static str, source: lapin::Error) -> Error {
    let (kind, reason, advice) = meaning(source.kind());
    Error::new(kind, operation).because(reason).advise(advice).with_source(source)
}

/// It was asked, and its answer did not come: nobody knows, unless it refused.
pub(super) fn unconfirmed(operation: &'static str, source: lapin::Error) -> Error {
    let error = failed(operation, source);
    if error.kind() == ErrorKind::Unavailable { error.with_effect(Effect::Unknown) } else { error }
}

fn meaning(kind: &lapin::ErrorKind) -> (ErrorKind, &'static str, &'static str) {
    const RUNS: &str = "see whether it runs, and takes connections from here";
    let lapin::ErrorKind::ProtocolError(told) = kind else {
        return match kind {
            lapin::ErrorKind::ChannelsLimitReached => {
                (ErrorKind::RateLimited, "the connection has as many channels as it may", "raise `channel_max` of the server")
            }
            _ => (ErrorKind::Unavailable, "the server of RabbitMQ cannot be reached", RUNS),
        };
    };
    match told.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => {
            (ErrorKind::Denied, "the server does not let this user do it", "see the password, and the rights in the virtual host")
        }
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND) => {
            (ErrorKind::NotFound, "the server has no such exchange or queue", "see whether somebody deleted it")
        }
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => {
            let reason = "the exchange or the queue is there in another form";
            (ErrorKind::Invalid, reason, "delete it on the server, or take another name for the exchange")
        }
        AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => {
            (ErrorKind::NotFound, "the server has no such virtual host, or none for this user", "see the end of the address")
        }
        _ => (ErrorKind::Unavailable, "the server of RabbitMQ did not do it", RUNS),
    }
}
