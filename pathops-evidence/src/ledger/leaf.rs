//! What stands in the log for a piece of evidence.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pathops_core::Digest;
use pathops_core::evidence::{Envelope, EvidenceId, PublicKey, Signature};
use pathops_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The longest leaf, in bytes: its length is written in two.
pub const MAX_LEAF_BYTES: usize = 65_535;

/// A piece of evidence as it is kept: the envelope, and the key that it names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Stored {
    pub(crate) envelope: Envelope,
    pub(crate) public_key: PublicKey,
}

/// A piece of evidence that goes into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub(crate) stored: Stored,
    id: EvidenceId,
    leaf: Vec<u8>,
}

impl Item {
    /// Evidence that came from elsewhere: its signature is checked.
    ///
    /// # Errors
    /// `Invalid` where the envelope holds no payload or signature, or the signature is not that of the key.
    pub fn new(envelope: Envelope, public_key: PublicKey) -> Result<Self> {
        let signed = envelope.signed_bytes().map_err(|error| unfit(&error))?;
        if !envelope.signature().is_some_and(|signature| public_key.verifies(&signed, signature)) {
            return Err(unfit(&"its signature is not that of the key beside it"));
        }
        Self::unchecked(Stored { envelope, public_key })
    }

    /// Evidence that its own key has just signed: the signature is not checked, which takes longer than making it. Whoever
    /// verifies the log notices one that is none.
    ///
    /// # Errors
    /// `Invalid` where the envelope holds no payload or signature.
    pub fn signed(envelope: Envelope, public_key: PublicKey) -> Result<Self> {
        Self::unchecked(Stored { envelope, public_key })
    }

    /// Evidence whose signature was made, or was checked, by whoever hands it in.
    pub(crate) fn unchecked(stored: Stored) -> Result<Self> {
        let signed = stored.envelope.signed_bytes().map_err(|error| unfit(&error))?;
        let signature = stored.envelope.signature().ok_or_else(|| unfit(&"it has no signature"))?;
        let id = EvidenceId(Digest::of(&signed));
        let leaf = leaf(id, signature, &stored.public_key);
        if leaf.len() > MAX_LEAF_BYTES {
            return Err(unfit(&"its signature is too long"));
        }
        Ok(Self { stored, id, leaf })
    }

    /// Its envelope.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.stored.envelope
    }

    /// The name of the evidence.
    #[must_use]
    pub fn id(&self) -> EvidenceId {
        self.id
    }

    /// Its leaf: a `hashedrekord` 0.0.2 of Rekor v2 in canonical JSON. It has digests, a signature and a key, and nothing of
    /// what the evidence says, so there is never anything to take out of a log.
    #[must_use]
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }
}

/// How the leaf of a piece of evidence begins, and no other one.
pub(super) fn beginning(id: EvidenceId) -> String {
    const TO_DIGEST: &str = concat!(
        r#"{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"#,
        r#""data":{"algorithm":"SHA2_256","digest":""#,
    );
    format!("{TO_DIGEST}{}\"}},", BASE64.encode(id.0.as_bytes()))
}

fn leaf(id: EvidenceId, signature: &Signature, key: &PublicKey) -> Vec<u8> {
    let (content, key) = (BASE64.encode(signature.as_der()), BASE64.encode(key.to_der()));
    // The fields of each object are in the order of RFC 8785, and base64 needs no escapes.
    let leaf = format!(
        concat!(
            r#"{}"signature":{{"content":"{}","verifier":{{"keyDetails":"PKIX_ECDSA_P256_SHA_256","#,
            r#""publicKey":{{"rawBytes":"{}"}}}}}}}}}}}}"#
        ),
        beginning(id),
        content,
        key
    );
    leaf.into_bytes()
}

fn unfit(why: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Invalid, "log a piece of evidence").because(why)
}

/// The hash of a leaf (RFC 9162, section 2.1.1).
pub(crate) fn leaf_hash(leaf: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::new().chain_update([0]).chain_update(leaf).finalize().into())
}

/// The hash of an inner node.
pub(crate) fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest::from_bytes(
        Sha256::new().chain_update([1]).chain_update(left.as_bytes()).chain_update(right.as_bytes()).finalize().into(),
    )
}
