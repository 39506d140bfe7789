//! One P-256 key in a file of this machine.
//!
//! The file is PEM, as `openssl` writes and reads it: PKCS #8 where this adapter made it, PKCS #8 or SEC 1 where you bring
//! your own (`openssl ecparam -name prime256v1 -genkey -noout`), never encrypted. Only its owner may read it; a file that
//! others may read is refused. A new key comes from the operating system's random generator: it is the one secret that no
//! [`IdSource`](pathops_core::adapter::IdSource) may make, because a seeded source would make it guessable.
//!
//! It is a key for one machine: who can read the file or the memory of this process can sign. Keep it out of backups that
//! others read, and use a key service where that is not good enough.

use std::fmt;
use std::path::Path;

use async_trait::async_trait;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::zeroize::Zeroizing;
use pathops_core::adapter::Signer;
use pathops_core::evidence::{PublicKey, Signature};
use pathops_core::{Error, ErrorKind, OpContext, Result};

mod file;

/// Signs with a P-256 key that was read from a file.
pub struct LocalSigner {
    key: SigningKey,
    public: PublicKey,
}

impl LocalSigner {
    /// Reads the key at `path`; where there is no file, makes a key and stores it there, readable by its owner only.
    ///
    /// Two processes that do this at the same time get the same key, and a crash leaves a whole key or none. The folder
    /// must exist.
    ///
    /// # Errors
    /// `Denied` where others may read the file, or this process may not; `Invalid` where it holds no P-256 key;
    /// `StorageFull`; `Unavailable`. No message holds key material.
    pub fn open_or_create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let secret = match file::read(path)? {
            Some(secret) => secret,
            None => file::create(path)?,
        };
        let public = PublicKey::from_sec1(&secret.public_key().to_sec1_bytes()).map_err(|source| {
            Error::new(ErrorKind::Unexpected, "take the public half of a key").on(path.display()).with_source(source)
        })?;
        Ok(Self { key: SigningKey::from(secret), public })
    }
}

/// 32 random bytes that are kept in a file, for keys of other kinds, such as that of a ledger. The file has them in
/// hexadecimal, and everything said of the file of a [`LocalSigner`] holds for it too.
///
/// # Errors
/// As [`LocalSigner::open_or_create`]; `Invalid` where it holds anything else.
pub fn local_seed(path: impl AsRef<Path>) -> Result<Zeroizing<[u8; 32]>> {
    file::seed(path.as_ref())
}

impl fmt::Debug for LocalSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSigner").field("public", &self.public).finish_non_exhaustive()
    }
}

#[async_trait]
impl Signer for LocalSigner {
    fn name(&self) -> &'static str {
        "local-signer"
    }

    fn public_key(&self) -> PublicKey {
        self.public.clone()
    }

    async fn sign(&self, _: &OpContext, message: &[u8]) -> Result<Signature> {
        let failed = |_| Error::new(ErrorKind::Unexpected, "sign with the local key").because("the key gives no signature");
        let signature: DerSignature = self.key.try_sign(message).map_err(failed)?;
        Ok(Signature::from_der(signature.as_bytes().to_vec()))
    }
}

#[cfg(test)]
mod tests;
