//! Checking evidence with `openssl` alone.
//!
//! ```text
//! openssl dgst -sha256 -verify public-key.pem -signature signature.der signed-bytes
//! ```
//!
//! The signed bytes are DSSE's pre-authentication encoding: `DSSEv1`, the length and name of the payload type, the
//! length of the statement, and the statement itself, readable JSON.

use pathops_core::evidence::{Envelope, EnvelopeError};

/// The two files beside the public key that `openssl dgst -verify` takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpensslFiles {
    /// What the signature is over.
    pub signed_bytes: Vec<u8>,
    /// The signature in DER.
    pub signature_der: Vec<u8>,
}

/// The files for one envelope.
///
/// # Errors
/// [`EnvelopeError`] where the envelope has no signature or its payload is not base64.
pub fn files(envelope: &Envelope) -> Result<OpensslFiles, EnvelopeError> {
    let signature = envelope.signature().ok_or(EnvelopeError::Signatures(0))?;
    Ok(OpensslFiles { signed_bytes: envelope.signed_bytes()?, signature_der: signature.as_der().to_vec() })
}

/// The command line that checks them.
#[must_use]
pub fn command(public_key: &str, signature: &str, signed_bytes: &str) -> String {
    format!("openssl dgst -sha256 -verify {public_key} -signature {signature} {signed_bytes}")
}
