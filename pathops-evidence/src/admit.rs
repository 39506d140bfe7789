//! Who may have signed what lies in a bucket and no log has yet: whoever can write there can put anything there.

use std::borrow::Cow;

use pathops_core::evidence::TrustRoot;

use crate::authority::issued_to_trusted;
use crate::ledger::Stored;
use crate::verify::spoken_for_pathops;

/// That somebody who is trusted has signed this, and may state it; otherwise why not.
///
/// What has a certificate, and a key that is not trusted by itself, is of whom a trusted authority has issued it to. When it was used,
/// no witness has seen yet: whoever verifies the log asks for that.
pub(crate) fn admitted(trust: &TrustRoot, stored: &Stored) -> Result<(), String> {
    let key = stored.by.key().id();
    let by_itself = trust.key(key).is_some() || trust.authorities().is_empty();
    let trust = match stored.by.certificates().filter(|_| !by_itself) {
        Some(chain) => Cow::Owned(issued_to_trusted(trust, chain)?),
        None => Cow::Borrowed(trust),
    };
    let evidence = trust.verify(&stored.envelope).map_err(|error| error.to_string())?;
    if evidence.signer() != key {
        return Err(format!("its key is {}, and its envelope is signed by {}", key.0, evidence.signer().0));
    }
    spoken_for_pathops(&evidence, &trust).map_or(Ok(()), Err)
}
