//! Certificates that are in the form of one and that nobody has issued: their key is all that is read of them.

use pathops_core::evidence::{CertificateChain, PublicKey};

/// A certificate of this key, and two that stand above it.
pub(crate) fn certificates(key: &PublicKey) -> CertificateChain {
    let sequence = |content: &[u8]| [&[0x30, 0x81, u8::try_from(content.len()).unwrap()], content].concat();
    let empty = [0x30, 0];
    let fields = [&[2, 1, 1], &empty[..], &empty, &empty, &empty, &key.to_der()].concat();
    CertificateChain::new(sequence(&sequence(&fields)), vec![b"of an issuer".to_vec(), b"of an authority".to_vec()]).unwrap()
}
