//! How a piece of evidence is written: in a batch, and where a snapshot has its number.

use std::borrow::Cow;
use std::collections::BTreeMap;

use pathops_core::Digest;
use pathops_core::evidence::{CertificateChain, Envelope, KeyError, PublicKey};
use serde::{Deserialize, Serialize};

use super::leaf::{SignedBy, Stored};

/// The envelope, and the key that it names or the certificates of that key: one of the two.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Written<'w> {
    envelope: Cow<'w, Envelope>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    public_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    certificates: Option<Certificates>,
}

/// The certificates of a key, in DER, each in base64.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Certificates {
    chain: Vec<String>,
    /// SHA-256 over all of them, one behind the other. The leaf has the first only: without this nobody would see that one above it
    /// is damaged. It does not keep others from being put in their place. Who verifies by an authority takes only those by which it has
    /// issued the first; where the key is trusted by itself, nobody looks at them.
    digest: Digest,
}

/// Why something that is written is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unreadable {
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("it has a key and certificates, or neither")]
    Both,
    #[error("it is not in the form in which it is written")]
    Form,
    #[error("its certificates are not those that their digest is of")]
    Digest,
}

impl Written<'_> {
    /// Whether it has certificates, which the first form of a batch has not.
    pub(super) fn is_certified(&self) -> bool {
        self.certificates.is_some()
    }

    /// What is written there. Most is by a few signers, and reading a key takes longer than all the rest: `known` are those that were
    /// read.
    pub(super) fn read(self, known: &mut Known) -> Result<Stored, Unreadable> {
        let by = match (self.public_key, self.certificates) {
            (Some(pem), None) => once(&mut known.keys, pem, |pem| {
                let key = PublicKey::from_pem(pem)?;
                (key.to_pem() == *pem).then_some(SignedBy::Key(key)).ok_or(Unreadable::Form)
            })?,
            (None, Some(certificates)) => once(&mut known.chains, certificates, |written| {
                let chain = CertificateChain::try_from(written.chain.clone())?;
                let again = Certificates::of(&chain);
                let form = if again.chain == written.chain { Unreadable::Digest } else { Unreadable::Form };
                (again == *written).then_some(SignedBy::Certified(chain)).ok_or(form)
            })?,
            _ => return Err(Unreadable::Both),
        };
        Ok(Stored { envelope: self.envelope.into_owned(), by })
    }
}

/// Keys and certificates that were read before.
#[derive(Default)]
pub(super) struct Known {
    keys: BTreeMap<String, SignedBy>,
    chains: BTreeMap<Certificates, SignedBy>,
}

fn once<W: Ord>(
    known: &mut BTreeMap<W, SignedBy>,
    written: W,
    read: impl FnOnce(&W) -> Result<SignedBy, Unreadable>,
) -> Result<SignedBy, Unreadable> {
    if let Some(by) = known.get(&written) {
        return Ok(by.clone());
    }
    let by = read(&written)?;
    Ok(known.entry(written).or_insert(by).clone())
}

impl Certificates {
    fn of(chain: &CertificateChain) -> Self {
        let all = std::iter::once(chain.leaf()).chain(chain.above().iter().map(Vec::as_slice));
        Self { digest: Digest::of(&all.collect::<Vec<_>>().concat()), chain: chain.clone().into() }
    }
}

impl<'w> From<&'w Stored> for Written<'w> {
    fn from(stored: &'w Stored) -> Self {
        let (public_key, certificates) = match &stored.by {
            SignedBy::Key(key) => (Some(key.to_pem()), None),
            SignedBy::Certified(chain) => (None, Some(Certificates::of(chain))),
        };
        Self { envelope: Cow::Borrowed(&stored.envelope), public_key, certificates }
    }
}

impl Serialize for Stored {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written::from(self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Stored {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Written::deserialize(deserializer)?.read(&mut Known::default()).map_err(serde::de::Error::custom)
    }
}
