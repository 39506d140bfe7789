use std::fmt;

use async_trait::async_trait;
use p256::ecdsa::SigningKey;
use p256::ecdsa::signature::Signer as _;

use crate::adapter::Signer;
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::evidence::{CertificateChain, PublicKey, Signature};
use crate::op::OpContext;

/// A key that is made from a seed, for tests: whoever knows the seed can sign.
#[derive(Clone)]
pub struct MemorySigner {
    key: SigningKey,
    public: PublicKey,
    certificates: Option<CertificateChain>,
}

impl MemorySigner {
    /// The key of `seed`. The same seed gives the same key and, as RFC 6979 has it, the same signatures.
    ///
    /// # Errors
    /// `Unexpected` where the seed gives no key, which has a probability of 2⁻³²; take another one.
    pub fn from_seed(seed: u64) -> Result<Self> {
        let failed = |_| Error::new(ErrorKind::Unexpected, "make a key from a seed").on(seed).because("it gives no P-256 key");
        let secret = Digest::of(&[b"pathops memory signer ".as_slice(), &seed.to_be_bytes()].concat());
        let key = SigningKey::from_slice(secret.as_bytes()).map_err(failed)?;
        let point = key.verifying_key().to_sec1_point(false);
        let public = PublicKey::from_sec1(point.as_bytes())
            .map_err(|e| Error::new(ErrorKind::Unexpected, "read back a public key").with_source(e))?;
        Ok(Self { key, public, certificates: None })
    }

    /// And has these certificates, as a keyless signer has.
    ///
    /// # Errors
    /// `Invalid` where the first is not of its key.
    pub fn with_certificates(self, certificates: CertificateChain) -> Result<Self> {
        if *certificates.public_key() != self.public {
            return Err(Error::new(ErrorKind::Invalid, "certify a key").because("the certificate is of another key"));
        }
        Ok(Self { certificates: Some(certificates), ..self })
    }
}

impl fmt::Debug for MemorySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySigner").field("public", &self.public).finish_non_exhaustive()
    }
}

#[async_trait]
impl Signer for MemorySigner {
    fn name(&self) -> &'static str {
        "memory-signer"
    }

    fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    fn certificates(&self) -> Option<CertificateChain> {
        self.certificates.clone()
    }

    async fn sign(&self, _cx: &OpContext, message: &[u8]) -> Result<Signature> {
        let signature: p256::ecdsa::DerSignature = self.key.sign(message);
        Ok(Signature::from_der(signature.as_bytes().to_vec()))
    }
}
