//! What stands in the log for a piece of evidence.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use pathops_core::Digest;
use pathops_core::evidence::{CertificateChain, Envelope, EvidenceId, PublicKey, Signature};
use pathops_core::{Error, ErrorKind, Result};
use sha2::{Digest as _, Sha256};

/// The longest leaf, in bytes: its length is written in two.
pub const MAX_LEAF_BYTES: usize = 65_535;

/// A piece of evidence as it is kept: the envelope, and what its signature is verified by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) envelope: Envelope,
    pub(crate) by: SignedBy,
}

/// By what a signature is verified, in the log and in a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SignedBy {
    /// A key that is known by itself.
    Key(PublicKey),
    /// One of a keyless signer: of the first of these certificates.
    Certified(CertificateChain),
}

impl SignedBy {
    pub(crate) fn key(&self) -> &PublicKey {
        match self {
            Self::Key(key) => key,
            Self::Certified(chain) => chain.public_key(),
        }
    }

    pub(crate) fn certificates(&self) -> Option<&CertificateChain> {
        match self {
            Self::Key(_) => None,
            Self::Certified(chain) => Some(chain),
        }
    }
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
        Self::checked(Stored { envelope, by: SignedBy::Key(public_key) })
    }

    /// As [`Item::new`], for what a keyless signer has signed: the first certificate is in the leaf, in the place of the key, and
    /// all of them are kept with the envelope. That the signature is of that certificate's key is all that is checked of them.
    ///
    /// # Errors
    /// As there; and where the certificate makes the leaf longer than [`MAX_LEAF_BYTES`].
    pub fn certified(envelope: Envelope, certificates: CertificateChain) -> Result<Self> {
        Self::checked(Stored { envelope, by: SignedBy::Certified(certificates) })
    }

    /// Evidence whose signature is checked here.
    pub(crate) fn checked(stored: Stored) -> Result<Self> {
        let signed = stored.envelope.signed_bytes().map_err(|error| unfit(&error))?;
        if !stored.envelope.signature().is_some_and(|signature| stored.by.key().verifies(&signed, signature)) {
            return Err(unfit(&"its signature is not that of the key beside it"));
        }
        Self::unchecked(stored)
    }

    /// Evidence that its own key has just signed: the signature is not checked, which takes longer than making it. Whoever
    /// verifies the log notices one that is none.
    ///
    /// # Errors
    /// `Invalid` where the envelope holds no payload or signature.
    pub fn signed(envelope: Envelope, public_key: PublicKey) -> Result<Self> {
        Self::unchecked(Stored { envelope, by: SignedBy::Key(public_key) })
    }

    /// Evidence whose signature was made, or was checked, by whoever hands it in.
    pub(crate) fn unchecked(stored: Stored) -> Result<Self> {
        let signed = stored.envelope.signed_bytes().map_err(|error| unfit(&error))?;
        let signature = stored.envelope.signature().ok_or_else(|| unfit(&"it has no signature"))?;
        let id = EvidenceId(Digest::of(&signed));
        let leaf = leaf(id, signature, &stored.by);
        if leaf.len() > MAX_LEAF_BYTES {
            let why = format!("its signature and its certificate make a leaf of {} bytes, above {MAX_LEAF_BYTES}", leaf.len());
            return Err(unfit(&why));
        }
        Ok(Self { stored, id, leaf })
    }

    /// Its envelope.
    #[must_use]
    pub fn envelope(&self) -> &Envelope {
        &self.stored.envelope
    }

    /// The key that its leaf is over, or whose certificate it is over.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        self.stored.by.key()
    }

    /// The certificates of the key that signed it, where it is of a keyless signer.
    #[must_use]
    pub fn certificates(&self) -> Option<&CertificateChain> {
        self.stored.by.certificates()
    }

    /// The name of the evidence.
    #[must_use]
    pub fn id(&self) -> EvidenceId {
        self.id
    }

    /// Its leaf: a `hashedrekord` 0.0.2 of Rekor v2 in canonical JSON. It has digests, a signature and a key or the certificate of
    /// one, and nothing of what the evidence says, so there is never anything to take out of a log. Such a certificate names who
    /// signed, for ever: that is what it is for.
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

fn leaf(id: EvidenceId, signature: &Signature, by: &SignedBy) -> Vec<u8> {
    let (kind, bytes) = match by {
        SignedBy::Key(key) => ("publicKey", BASE64.encode(key.to_der())),
        SignedBy::Certified(chain) => ("x509Certificate", BASE64.encode(chain.leaf())),
    };
    let content = BASE64.encode(signature.as_der());
    // The fields of each object are in the order of RFC 8785, and base64 needs no escapes.
    let leaf = format!(
        concat!(
            r#"{}"signature":{{"content":"{}","verifier":{{"keyDetails":"PKIX_ECDSA_P256_SHA_256","#,
            r#""{}":{{"rawBytes":"{}"}}}}}}}}}}}}"#
        ),
        beginning(id),
        content,
        kind,
        bytes
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
