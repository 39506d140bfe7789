//! Certificates that stand beside a signature, for signers whose key nobody knows by itself.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::evidence::{KeyError, PublicKey, SignerIdentity};

const WRONG: KeyError = KeyError("an X.509 certificate of a P-256 key in DER");

/// The certificate of a key (X.509, in DER), and those that lead from it to an authority.
///
/// A keyless signer, as Sigstore calls it, has a key for minutes, and an authority certifies who it was that held it. That the first
/// is of the key that it names is all that is known of a chain: who has issued it, to whom, and until when, is not looked at here.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct CertificateChain {
    key: PublicKey,
    leaf: Vec<u8>,
    above: Vec<Vec<u8>>,
}

impl CertificateChain {
    /// A certificate, and those above it, each of the issuer of the one before.
    ///
    /// # Errors
    /// [`KeyError`] where the first is no certificate of an ECDSA P-256 key. The others are taken as they are.
    pub fn new(leaf: Vec<u8>, above: Vec<Vec<u8>>) -> Result<Self, KeyError> {
        let key = PublicKey::from_der(subject_public_key(&leaf).ok_or(WRONG)?).map_err(|_| WRONG)?;
        Ok(Self { key, leaf, above })
    }

    /// The key that the first certificate is of.
    #[must_use]
    pub fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// The first certificate.
    #[must_use]
    pub fn leaf(&self) -> &[u8] {
        &self.leaf
    }

    /// Those above it.
    #[must_use]
    pub fn above(&self) -> &[Vec<u8>] {
        &self.above
    }

    /// Who the first certificate says that held its key: the one URI or e-mail address that it is for, and who has told the authority
    /// so. `None` where it says neither, or several. Whether the certificate holds is not looked at here.
    #[must_use]
    pub fn identity(&self) -> Option<SignerIdentity> {
        let names = whole(extension(&self.leaf, SUBJECT_ALT_NAME)?, SEQUENCE)?;
        let subject = whole(names, URI).or_else(|| whole(names, EMAIL))?;
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty()).map(str::to_owned);
        Some(SignerIdentity { subject: text(subject)?, issuer: text(whole(extension(&self.leaf, ISSUER)?, UTF8)?)? })
    }

    /// The name of the first certificate: SHA-256 of it.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.leaf)
    }
}

impl fmt::Debug for CertificateChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateChain({})", self.fingerprint().short())
    }
}

impl From<CertificateChain> for Vec<String> {
    fn from(CertificateChain { leaf, above, .. }: CertificateChain) -> Self {
        std::iter::once(leaf).chain(above).map(|certificate| BASE64.encode(certificate)).collect()
    }
}

impl TryFrom<Vec<String>> for CertificateChain {
    type Error = KeyError;
    fn try_from(text: Vec<String>) -> Result<Self, KeyError> {
        let decoded = text.iter().map(|it| BASE64.decode(it).map_err(|_| WRONG)).collect::<Result<Vec<_>, _>>()?;
        let mut certificates = decoded.into_iter();
        Self::new(certificates.next().ok_or(WRONG)?, certificates.collect())
    }
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
/// The version, `[0]`, which the first version of certificates has not.
const VERSION: u8 = 0xa0;
const BOOLEAN: u8 = 0x01;
const OCTETS: u8 = 0x04;
const OBJECT: u8 = 0x06;
const UTF8: u8 = 0x0c;
const EXTENSIONS: u8 = 0xa3;
/// What the second version had for who issued it and for whom, `[1]` and `[2]`.
const UNIQUE: [u8; 2] = [0x81, 0x82];
/// Forms of a name.
const EMAIL: u8 = 0x81;
const URI: u8 = 0x86;

/// `2.5.29.17`.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];
/// Fulcio's `1.3.6.1.4.1.57264.1.8`.
const ISSUER: &[u8] = &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01, 0x08];

/// The `SubjectPublicKeyInfo` of a certificate, as it stands there.
fn subject_public_key(certificate: &[u8]) -> Option<&[u8]> {
    Some(from_key(certificate)?.0.whole)
}

/// What a certificate says in an extension; `None` where it has none by that name, or several.
fn extension<'c>(certificate: &'c [u8], name: &[u8]) -> Option<&'c [u8]> {
    let (_, mut rest) = from_key(certificate)?;
    for unique in UNIQUE {
        rest = element(rest, unique).map_or(rest, |(_, behind)| behind);
    }
    let (mut all, mut found) = (whole(whole(rest, EXTENSIONS)?, SEQUENCE)?, None);
    while !all.is_empty() {
        let (one, behind) = element(all, SEQUENCE)?;
        let (id, value) = element(one.content, OBJECT)?;
        let value = whole(element(value, BOOLEAN).map_or(value, |(_, behind)| behind), OCTETS)?;
        if id.content == name && found.replace(value).is_some() {
            return None;
        }
        all = behind;
    }
    found
}

/// The content of an element on which nothing follows.
fn whole(bytes: &[u8], tag: u8) -> Option<&[u8]> {
    element(bytes, tag).filter(|(_, behind)| behind.is_empty()).map(|(element, _)| element.content)
}

/// A certificate from its key on (RFC 5280, section 4.1).
fn from_key(certificate: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (whole, behind) = element(certificate, SEQUENCE)?;
    let (mut fields, _) =
        element(whole.content, SEQUENCE).filter(|_| behind.is_empty()).map(|(tbs, rest)| (tbs.content, rest))?;
    if let Some((_, rest)) = element(fields, VERSION) {
        fields = rest;
    }
    // Serial number, algorithm, issuer, validity, subject.
    for tag in [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE] {
        fields = element(fields, tag)?.1;
    }
    element(fields, SEQUENCE)
}

/// An element of DER.
struct Element<'b> {
    whole: &'b [u8],
    content: &'b [u8],
}

/// The element that bytes begin with, where it has this tag, and what follows on it.
fn element(bytes: &[u8], tag: u8) -> Option<(Element<'_>, &[u8])> {
    let [first, length, rest @ ..] = bytes else { return None };
    if *first != tag {
        return None;
    }
    let (length, header) = match length {
        0..=0x7f => (usize::from(*length), 2),
        // A certificate is shorter than 16 MiB.
        0x81..=0x83 => {
            let count = usize::from(length - 0x80);
            let digits = rest.get(..count)?;
            (digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit)), 2 + count)
        }
        _ => return None,
    };
    let end = header.checked_add(length)?;
    let (whole, behind) = bytes.split_at_checked(end)?;
    Some((Element { whole, content: whole.get(header..)? }, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256`.
    const LEAF: &str = include_str!("certificate/leaf.pem");
    const KEY: &str = include_str!("certificate/key.pem");

    fn leaf() -> Vec<u8> {
        let body: String = LEAF.lines().filter(|line| !line.starts_with("-----")).collect();
        BASE64.decode(body).unwrap()
    }

    #[test]
    fn the_key_of_a_certificate_is_read_as_openssl_reads_it() {
        let chain = CertificateChain::new(leaf(), vec![b"of an issuer".to_vec()]).unwrap();
        assert_eq!(chain.public_key().to_pem(), KEY);
        assert_eq!((chain.leaf(), chain.above().len(), chain.fingerprint()), (leaf().as_slice(), 1, Digest::of(&leaf())));
        let stored = serde_json::to_string(&chain).unwrap();
        assert_eq!(serde_json::from_str::<CertificateChain>(&stored).unwrap(), chain);
    }

    /// As Fulcio's are, made by `openssl`, and one with two names.
    const SIGNER: &str = include_str!("certificate/signer.pem");
    const TWO: &str = include_str!("certificate/two.pem");

    fn of(pem: &str) -> CertificateChain {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        CertificateChain::new(BASE64.decode(body).unwrap(), Vec::new()).unwrap()
    }

    #[test]
    fn who_held_the_key_is_read_where_it_is_one() {
        let (subject, issuer) = ("https://ci.example/orders".to_owned(), "https://issuer.example".to_owned());
        assert_eq!(of(SIGNER).identity(), Some(SignerIdentity { subject, issuer }));
        assert_eq!(of(TWO).identity(), None);
        assert_eq!(of(LEAF).identity(), None);
    }

    #[test]
    fn what_is_no_certificate_of_such_a_key_is_refused_and_never_a_panic() {
        let whole = of(SIGNER).leaf;
        for end in 0..whole.len() {
            assert!(CertificateChain::new(whole[..end].to_vec(), Vec::new()).is_err(), "{end} bytes of it");
        }
        for place in 0..whole.len() {
            for byte in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut changed = whole.clone();
                changed[place] = byte;
                // Its signature is not looked at, so that some of them name a key.
                drop(CertificateChain::new(changed, Vec::new()).map(|chain| chain.identity()));
            }
        }
        assert!(CertificateChain::new([whole, vec![0]].concat(), Vec::new()).is_err(), "something follows on it");
        for text in ["[]", "[\"%\"]", "[\"AAAA\"]"] {
            assert!(serde_json::from_str::<CertificateChain>(text).is_err(), "{text}");
        }
    }
}
