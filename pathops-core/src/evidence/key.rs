use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use p256::ecdsa::signature::Verifier as _;
use serde::{Deserialize, Serialize};

use super::envelope::standard_alphabet;
use crate::digest::Digest;

/// What stands before the 65 bytes of an uncompressed P-256 point in a DER `SubjectPublicKeyInfo` (RFC 5480).
const SPKI_PREFIX: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07, 0x03, 0x42, 0x00,
];

/// The public half of an ECDSA P-256 key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(p256::ecdsa::VerifyingKey);

/// An ECDSA P-256 signature in ASN.1 DER.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Signature(Vec<u8>);

/// Bytes that are no key or signature of the wanted form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not {0}")]
pub struct KeyError(pub(super) &'static str);

impl PublicKey {
    /// Reads an uncompressed point as in SEC 1: `04`, x, y.
    ///
    /// # Errors
    /// [`KeyError`] where it is no point of the curve.
    pub fn from_sec1(bytes: &[u8]) -> Result<Self, KeyError> {
        p256::ecdsa::VerifyingKey::from_sec1_bytes(bytes).map(Self).map_err(|_| KeyError("a P-256 public key"))
    }

    /// Reads what `openssl ec -pubout` writes: PEM with a `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// [`KeyError`] for anything else.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        const WRONG: KeyError = KeyError("a P-256 public key in PEM");
        let body: String = pem.lines().map(str::trim).filter(|line| !line.starts_with("-----")).collect();
        Self::from_der(&BASE64.decode(body).map_err(|_| WRONG)?).map_err(|_| WRONG)
    }

    /// Reads a DER `SubjectPublicKeyInfo`.
    ///
    /// # Errors
    /// [`KeyError`] for anything else.
    pub fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        const WRONG: KeyError = KeyError("a P-256 public key in DER");
        der.strip_prefix(SPKI_PREFIX.as_slice()).ok_or(WRONG).and_then(|point| Self::from_sec1(point).map_err(|_| WRONG))
    }

    /// The DER `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn to_der(&self) -> Vec<u8> {
        [SPKI_PREFIX.as_slice(), self.0.to_sec1_point(false).as_bytes()].concat()
    }

    /// PEM, as `openssl dgst -verify` reads it.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let body = BASE64.encode(self.to_der());
        let (first, rest) = body.split_at(body.len().min(64));
        format!("-----BEGIN PUBLIC KEY-----\n{first}\n{rest}\n-----END PUBLIC KEY-----\n")
    }

    /// The key's name in envelopes: SHA-256 of the DER.
    #[must_use]
    pub fn id(&self) -> KeyId {
        KeyId(Digest::of(&self.to_der()))
    }

    /// Whether `signature` is this key's over `message`.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &Signature) -> bool {
        p256::ecdsa::DerSignature::from_bytes(&signature.0).is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id().0.short())
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> String {
        key.to_pem()
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyError;
    fn try_from(pem: String) -> Result<Self, KeyError> {
        Self::from_pem(&pem)
    }
}

/// The name of a key: SHA-256 of its DER `SubjectPublicKeyInfo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyId(pub Digest);

impl Signature {
    /// Takes ASN.1 DER bytes.
    #[must_use]
    pub fn from_der(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The ASN.1 DER bytes.
    #[must_use]
    pub fn as_der(&self) -> &[u8] {
        &self.0
    }
}

impl From<Signature> for String {
    fn from(signature: Signature) -> String {
        BASE64.encode(signature.0)
    }
}

impl TryFrom<String> for Signature {
    type Error = KeyError;
    fn try_from(text: String) -> Result<Self, KeyError> {
        BASE64.decode(standard_alphabet(text)).map(Self).map_err(|_| KeyError("a signature in base64"))
    }
}
