//! What errors of the client mean to a caller.

use lapin::{Error as AmqpError, ErrorKind as AmqpErrorKind};
use pathops_core::{Effect, Error, ErrorKind};

/// The codes of AMQP 0-9-1 for what another try does not help with.
const ACCESS_REFUSED: u16 = 403;
const PRECONDITION_FAILED: u16 = 406;
const NOT_ALLOWED: u16 = 530;

/// A failure without an effect.
pub(super) fn failed(operation: &'static str, source: AmqpError) -> Error {
    let code = match source.kind() {
        AmqpErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    };
    let (kind, reason, advice) = match code {
        Some(ACCESS_REFUSED | NOT_ALLOWED) => {
            (ErrorKind::Denied, "the user may not do this", "see its password, its rights, and the name of the virtual host")
        }
        Some(PRECONDITION_FAILED) => (
            ErrorKind::Conflict,
            "an exchange or a queue of this name is there, and was not made by PathOps",
            "choose another name of the exchange",
        ),
        _ => (
            ErrorKind::Unavailable,
            "the server cannot be reached, or did not do it",
            "see whether it runs, and takes connections",
        ),
    };
    Error::new(kind, operation).because(reason).advise(advice).with_source(source)
}

/// A failure of something that was perhaps sent.
pub(super) fn unsettled(operation: &'static str, source: AmqpError) -> Error {
    let unsent = matches!(source.kind(), AmqpErrorKind::InvalidChannelState(..) | AmqpErrorKind::InvalidConnectionState(_));
    failed(operation, source).with_effect(if unsent { Effect::None } else { Effect::Unknown })
}
