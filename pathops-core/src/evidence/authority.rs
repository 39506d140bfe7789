//! Authorities that certify who holds a key, and whose keys count once one has.

use std::fmt;

use crate::evidence::{PublicKey, TrustRoot};
use crate::id::ProducerName;
use crate::time::UnixMillis;

/// An authority that certifies who holds a key. It is data: nothing here looks into its certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateAuthority {
    /// Its certificates (X.509, in DER), each of the issuer of the one before; the last one is trusted as it is.
    pub certificates: Vec<Vec<u8>>,
    /// What is signed before then does not count. `None` where it always has.
    pub from: Option<UnixMillis>,
    /// What is signed after then does not count. `None` where it still does.
    pub until: Option<UnixMillis>,
}

/// Who a certificate says that held its key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SignerIdentity {
    /// The URI or the e-mail address that the certificate is for, for example of a workflow of CI.
    pub subject: String,
    /// Who has told the authority that it was they, as a URL: Fulcio's extension `1.3.6.1.4.1.57264.1.8`.
    pub issuer: String,
}

impl fmt::Display for SignerIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` by `{}`", self.subject, self.issuer)
    }
}

impl TrustRoot {
    /// And trusts this authority to say who held a key. That alone makes nobody's evidence count: see [`TrustRoot::with_identity`].
    #[must_use]
    pub fn with_authority(mut self, authority: CertificateAuthority) -> Self {
        self.authorities.push(authority);
        self
    }

    /// And this identity, as PathOps itself, where a trusted authority has certified its key.
    #[must_use]
    pub fn with_identity(mut self, identity: SignerIdentity) -> Self {
        self.identities.insert(identity, None);
        self
    }

    /// And this identity, as that of a producer. One that is trusted as PathOps stops being that.
    #[must_use]
    pub fn with_producer_identity(mut self, name: ProducerName, identity: SignerIdentity) -> Self {
        self.identities.insert(identity, Some(name));
        self
    }

    /// The authorities that are trusted.
    #[must_use]
    pub fn authorities(&self) -> &[CertificateAuthority] {
        &self.authorities
    }

    /// A trust root of this key alone, as that of whom a certificate says that held it; `None` where nobody trusts them. Whether the
    /// certificate holds is for the caller to have verified.
    #[must_use]
    pub fn of_certified(&self, identity: &SignerIdentity, key: &PublicKey) -> Option<TrustRoot> {
        Some(match self.identities.get(identity)? {
            None => TrustRoot::new([key.clone()]),
            Some(producer) => TrustRoot::new([]).with_producer(producer.clone(), key.clone()),
        })
    }
}
