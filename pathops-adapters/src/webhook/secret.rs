//! Shared secrets, and what is made with them.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};

/// The secret that a sender and we share; while it is being changed, two.
#[derive(Clone)]
pub struct Secrets {
    one: Vec<u8>,
    other: Option<Vec<u8>>,
}

/// Why a text is no secret for webhooks. It never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// It can be guessed.
    #[error("the secret has {0} bytes; take at least {min} random ones", min = Secrets::MIN_BYTES)]
    Short(usize),
    /// It is no `whsec_…` key.
    #[error("the key is not `whsec_` and Base64; copy it whole from where it was shown")]
    NoKey,
    /// There are two already.
    #[error("there are two secrets already; take the older one away first")]
    Third,
}

impl Secrets {
    /// The fewest bytes that a secret may have.
    pub const MIN_BYTES: usize = 16;

    /// A secret as it is given to the sender.
    ///
    /// # Errors
    /// [`SecretError::Short`].
    pub fn new(secret: impl Into<Vec<u8>>) -> Result<Self, SecretError> {
        Ok(Self { one: long(secret.into())?, other: None })
    }

    /// A key as Standard Webhooks and GitLab write it: `whsec_` and the Base64 of its bytes.
    ///
    /// # Errors
    /// [`SecretError::NoKey`], [`SecretError::Short`].
    pub fn whsec(key: &str) -> Result<Self, SecretError> {
        let encoded = key.strip_prefix("whsec_").ok_or(SecretError::NoKey)?;
        Self::new(STANDARD.decode(encoded).map_err(|_| SecretError::NoKey)?)
    }

    /// Both are good: the old one and the new one, until the sender has the new one.
    ///
    /// # Errors
    /// [`SecretError::Third`].
    pub fn and(self, other: Self) -> Result<Self, SecretError> {
        match (self.other, other.other) {
            (None, None) => Ok(Self { one: self.one, other: Some(other.one) }),
            _ => Err(SecretError::Third),
        }
    }

    /// Whether `hex` is the HMAC-SHA256 of these parts one after another, in lower-case hexadecimal digits.
    pub(super) fn signed_hex(&self, parts: &[&[u8]], hex: &str) -> bool {
        self.either(|secret| mac(secret, parts).map_or(Choice::from(0), |mac| to_hex(mac).ct_eq(hex.as_bytes())))
    }

    /// Whether `base64` is the HMAC-SHA256 of these parts one after another, in Base64 with padding.
    pub(super) fn signed_base64(&self, parts: &[&[u8]], base64: &str) -> bool {
        self.either(|secret| {
            mac(secret, parts).map_or(Choice::from(0), |mac| STANDARD.encode(mac).as_bytes().ct_eq(base64.as_bytes()))
        })
    }

    /// Whether it is one of them. Digests are compared, which are all of one length.
    pub(super) fn are(&self, given: &[u8]) -> bool {
        let given = Sha256::digest(given);
        self.either(|secret| Sha256::digest(secret).ct_eq(&given))
    }

    /// Both are tried, whether or not the first is right.
    fn either(&self, is_right: impl Fn(&[u8]) -> Choice) -> bool {
        let one = is_right(&self.one);
        let other = self.other.as_deref().map_or(Choice::from(0), &is_right);
        (one | other).into()
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({} not shown)", if self.other.is_some() { "two, " } else { "one, " })
    }
}

fn long(secret: Vec<u8>) -> Result<Vec<u8>, SecretError> {
    if secret.len() < Secrets::MIN_BYTES { Err(SecretError::Short(secret.len())) } else { Ok(secret) }
}

fn mac(secret: &[u8], parts: &[&[u8]]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).ok()?;
    parts.iter().for_each(|part| mac.update(part));
    Some(mac.finalize().into_bytes().into())
}

fn to_hex(bytes: [u8; 32]) -> Vec<u8> {
    let digit = |half: u8| if half < 10 { b'0' + half } else { b'a' + half - 10 };
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}
