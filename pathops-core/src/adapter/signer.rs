use std::fmt::Debug;

use async_trait::async_trait;

use crate::error::Result;
use crate::evidence::{CertificateChain, PublicKey, Signature};
use crate::op::OpContext;

/// Signs with one ECDSA P-256 key that never leaves the adapter.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait Signer: Debug + Send + Sync + 'static {
    /// The adapter's name, for example `local-signer`.
    fn name(&self) -> &'static str;

    /// The public half of the key that signs. It does not change in the life of the value.
    fn public_key(&self) -> PublicKey;

    /// The certificates of that key, where it is one that nobody knows by itself: of a keyless signer, which has a key for some
    /// minutes and a certificate of who held it. The first is of [`Signer::public_key`]; they do not change in the life of the
    /// value either, so that a host makes another one when they run out. `None` where the key is known by itself.
    fn certificates(&self) -> Option<CertificateChain> {
        None
    }

    /// An ECDSA signature over SHA-256 of `message`, ASN.1 DER encoded (what `openssl dgst -sha256 -verify` reads).
    /// Signing has no other effect; two signatures of one message may differ in bytes.
    ///
    /// # Errors
    /// `Denied` where the key may not be used, `Unavailable`, `Timeout`. No error text holds key material.
    async fn sign(&self, cx: &OpContext, message: &[u8]) -> Result<Signature>;
}
