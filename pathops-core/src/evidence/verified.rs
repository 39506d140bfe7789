//! Signatures that were verified before.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::digest::Digest;
use crate::evidence::{EvidenceId, KeyId, Signature};

/// How many are remembered. Then it begins anew.
const MOST: usize = 65_536;

/// Which signatures were found to be right. Whoever waits for a decision looks at the same evidence again and again, and verifying takes
/// longer than all else. What is remembered is a digest over the key, what was signed and the signature, so nothing else passes for
/// it; that one is wrong is not. Copies share it.
#[derive(Clone, Default)]
pub(super) struct Verified(Arc<Mutex<BTreeSet<Digest>>>);

impl Verified {
    /// Whether the signature is right: what `verify` says, or has said.
    pub(super) fn or_verify(&self, signer: KeyId, id: EvidenceId, signature: &Signature, verify: impl FnOnce() -> bool) -> bool {
        let parts = [signer.0, id.0, Digest::of(signature.as_der())].map(|part| part.hex());
        let claim = Digest::of(parts.concat().as_bytes());
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&claim) {
            return true;
        }
        let right = verify();
        if right {
            let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.len() >= MOST {
                seen.clear();
            }
            seen.insert(claim);
        }
        right
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verified")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_same_is_not_verified_again() {
        let verified = Verified::default();
        let (key, other) = (KeyId(Digest::of(b"key")), KeyId(Digest::of(b"other")));
        let (id, signature) = (EvidenceId(Digest::of(b"signed")), Signature::from_der(b"signature".to_vec()));
        let ask = |key, id, signature: &Signature, says| {
            let mut asked = false;
            let right = verified.clone().or_verify(key, id, signature, || {
                asked = true;
                says
            });
            (right, asked)
        };
        assert_eq!(ask(key, id, &signature, false), (false, true));
        assert_eq!(ask(key, id, &signature, true), (true, true), "that it was wrong is not remembered");
        assert_eq!(ask(key, id, &signature, false), (true, false));
        assert_eq!(ask(other, id, &signature, false), (false, true));
        assert_eq!(ask(key, EvidenceId(Digest::of(b"more")), &signature, false), (false, true));
        assert_eq!(ask(key, id, &Signature::from_der(b"another".to_vec()), false), (false, true));
    }

    #[test]
    fn no_more_are_remembered_than_the_limit() {
        let verified = Verified::default();
        let (key, signature) = (KeyId(Digest::of(b"key")), Signature::from_der(b"signature".to_vec()));
        for n in 0..=MOST {
            assert!(verified.or_verify(key, EvidenceId(Digest::of(&n.to_be_bytes())), &signature, || true));
        }
        assert_eq!(verified.0.lock().unwrap().len(), 1);
    }
}
