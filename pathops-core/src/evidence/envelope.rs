use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::evidence::verified::Verified;
use crate::evidence::{CertificateAuthority, KeyId, PublicKey, Signature, SignerIdentity, Statement, StatementError};
use crate::id::ProducerName;

/// The payload type of an envelope that holds an in-toto statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The name of a piece of evidence: SHA-256 of what was signed (the DSSE pre-authentication encoding). Two signatures
/// of one statement are one piece of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EvidenceId(pub Digest);

impl std::fmt::Display for EvidenceId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A DSSE v1 envelope with one signature.
///
/// Field order and names are those of the DSSE specification, so that other tools read it. Of its two alphabets of base64, one of which
/// is for URLs, both are read, and the standard one is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    payload_type: String,
    #[serde(deserialize_with = "in_either_alphabet")]
    payload: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct EnvelopeSignature {
    /// The name of the key. DSSE leaves it open whether there is one.
    #[serde(default)]
    keyid: String,
    sig: Signature,
}

/// What is written in the alphabet for URLs, in the standard one; anything else as it is.
pub(super) fn standard_alphabet(base64: String) -> String {
    if base64.contains(['+', '/']) { base64 } else { base64.replace('-', "+").replace('_', "/") }
}

fn in_either_alphabet<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(standard_alphabet)
}

/// DSSE's pre-authentication encoding: the bytes that are signed.
#[must_use]
pub fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

/// Why an envelope proves nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// Not a DSSE envelope in JSON.
    #[error("not a DSSE envelope")]
    Json(#[from] serde_json::Error),
    /// Another payload type.
    #[error("the envelope holds `{0}`, not `{PAYLOAD_TYPE}`")]
    PayloadType(String),
    /// The payload is not base64.
    #[error("the payload is not base64")]
    Payload,
    /// Exactly one signature is expected.
    #[error("the envelope has {0} signatures instead of one")]
    Signatures(usize),
    /// The signature does not say by which key.
    #[error("the signature names no key: its `keyid` must be the hexadecimal SHA-256 of the key in DER")]
    NoKeyId,
    /// Signed by nobody who is trusted here.
    #[error("the key `{0}` is not in the trust root")]
    UntrustedKey(String),
    /// The signature is not that key's over this payload.
    #[error("the signature of key `{0}` does not match the payload")]
    BadSignature(String),
    /// Signed, and no statement.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// Signed, and not in canonical form: its id would not be stable.
    #[error("the payload is not canonical JSON (RFC 8785)")]
    NotCanonical,
}

impl Envelope {
    /// Puts a payload and its signature together. Nothing is checked; see [`TrustRoot::verify`].
    #[must_use]
    pub fn new(payload: &[u8], key: &PublicKey, signature: Signature) -> Self {
        Self {
            payload_type: PAYLOAD_TYPE.to_owned(),
            payload: BASE64.encode(payload),
            signatures: vec![EnvelopeSignature { keyid: key.id().0.hex(), sig: signature }],
        }
    }

    /// Reads an envelope.
    ///
    /// # Errors
    /// [`EnvelopeError::Json`].
    pub fn from_slice(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// The statement's bytes, unchecked.
    ///
    /// # Errors
    /// [`EnvelopeError::Payload`] where they are not base64.
    pub fn payload(&self) -> Result<Vec<u8>, EnvelopeError> {
        BASE64.decode(&self.payload).map_err(|_| EnvelopeError::Payload)
    }

    /// The bytes that the signature is over, for tools that check it without this library.
    ///
    /// # Errors
    /// [`EnvelopeError::Payload`] where the payload is not base64.
    pub fn signed_bytes(&self) -> Result<Vec<u8>, EnvelopeError> {
        Ok(pre_authentication_encoding(&self.payload_type, &self.payload()?))
    }

    /// The first signature, in DER; an envelope of ours has one.
    #[must_use]
    pub fn signature(&self) -> Option<&Signature> {
        self.signatures.first().map(|signature| &signature.sig)
    }

    /// Its JSON.
    ///
    /// # Errors
    /// None in practice: all fields are text.
    pub fn to_vec(&self) -> Result<Vec<u8>, EnvelopeError> {
        Ok(serde_json::to_vec(self)?)
    }
}

/// Evidence whose signature was checked against a trust root. Only [`TrustRoot::verify`] makes one.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedEvidence {
    id: EvidenceId,
    signer: KeyId,
    statement: Statement,
}

impl VerifiedEvidence {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> EvidenceId {
        self.id
    }

    /// The key that signed it.
    #[must_use]
    pub fn signer(&self) -> KeyId {
        self.signer
    }

    /// What it says.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        &self.statement
    }
}

/// The keys whose word counts, and the identities whose certified keys do. What the host passes in is the whole of it: no key and no
/// authority is trusted by default.
#[derive(Clone, Debug, Default)]
pub struct TrustRoot {
    keys: BTreeMap<KeyId, PublicKey>,
    producers: BTreeMap<KeyId, BTreeSet<ProducerName>>,
    pub(super) logged: BTreeSet<EvidenceId>,
    pub(super) authorities: Vec<CertificateAuthority>,
    /// Each as a producer's, or as PathOps' own.
    pub(super) identities: BTreeMap<SignerIdentity, Option<ProducerName>>,
    verified: Verified,
}

impl TrustRoot {
    /// Trusts these keys.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = PublicKey>) -> Self {
        Self { keys: keys.into_iter().map(|key| (key.id(), key)).collect(), ..Self::default() }
    }

    /// And this key, as that of a producer. A key may be that of several, and a producer may have several keys.
    #[must_use]
    pub fn with_producer(mut self, name: ProducerName, key: PublicKey) -> Self {
        let id = key.id();
        self.keys.insert(id, key);
        self.producers.entry(id).or_default().insert(name);
        self
    }

    /// The names of all keys that are trusted, in their order.
    pub fn keys(&self) -> impl Iterator<Item = KeyId> {
        self.keys.keys().copied()
    }

    /// A key that is trusted, by its name.
    #[must_use]
    pub fn key(&self, id: KeyId) -> Option<&PublicKey> {
        self.keys.get(&id)
    }

    /// Whose key that is.
    #[must_use]
    pub fn producers(&self, key: KeyId) -> BTreeSet<ProducerName> {
        self.producers.get(&key).cloned().unwrap_or_default()
    }

    /// Everybody whose keys it knows by name.
    #[must_use]
    pub fn all_producers(&self) -> BTreeSet<ProducerName> {
        self.producers.values().flatten().cloned().collect()
    }

    /// Checks an envelope: one signature, by a trusted key, over a canonical statement.
    ///
    /// # Errors
    /// [`EnvelopeError`] with the first thing that is wrong. Nothing is ever half verified.
    pub fn verify(&self, envelope: &Envelope) -> Result<VerifiedEvidence, EnvelopeError> {
        let claim = self.claim(envelope)?;
        let (signer, id) = (claim.signer, claim.id());
        let verify = || claim.key.verifies(&claim.signed, claim.signature);
        if !self.verified.or_verify(signer, id, claim.signature, verify) {
            return Err(EnvelopeError::BadSignature(signer.0.hex()));
        }
        Ok(VerifiedEvidence { id, signer, statement: claim.statement()? })
    }

    /// What an envelope claims to be, in the name of a trusted key. The signature is not checked.
    pub(crate) fn claim<'a>(&'a self, envelope: &'a Envelope) -> Result<Claim<'a>, EnvelopeError> {
        if envelope.payload_type != PAYLOAD_TYPE {
            return Err(EnvelopeError::PayloadType(envelope.payload_type.clone()));
        }
        let [EnvelopeSignature { keyid, sig }] = envelope.signatures.as_slice() else {
            return Err(EnvelopeError::Signatures(envelope.signatures.len()));
        };
        if keyid.is_empty() {
            return Err(EnvelopeError::NoKeyId);
        }
        let payload = envelope.payload()?;
        let untrusted = || EnvelopeError::UntrustedKey(keyid.clone());
        let signer = KeyId(Digest::from_hex(keyid).map_err(|_| untrusted())?);
        let key = self.keys.get(&signer).ok_or_else(untrusted)?;
        let signed = pre_authentication_encoding(PAYLOAD_TYPE, &payload);
        Ok(Claim { signer, key, signature: sig, signed, payload })
    }
}

/// An envelope in the name of a trusted key, taken apart.
pub(crate) struct Claim<'a> {
    pub(crate) signer: KeyId,
    key: &'a PublicKey,
    signature: &'a Signature,
    signed: Vec<u8>,
    payload: Vec<u8>,
}

impl Claim<'_> {
    pub(crate) fn id(&self) -> EvidenceId {
        EvidenceId(Digest::of(&self.signed))
    }

    /// The statement, which has to be canonical: its id would not be stable otherwise.
    pub(crate) fn statement(&self) -> Result<Statement, EnvelopeError> {
        let statement = Statement::from_slice(&self.payload)?;
        if statement.to_canonical()? != self.payload {
            return Err(EnvelopeError::NotCanonical);
        }
        Ok(statement)
    }
}
