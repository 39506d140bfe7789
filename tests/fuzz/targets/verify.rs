//! What verifies: nothing may be accepted that was not signed by a key that is known, nor anything but the very bytes that were.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use pathops_core::adapter::WitnessAnswer;
use pathops_core::evidence::{CertificateChain, Envelope, Inclusion, Statement, TrustRoot};
use pathops_evidence::ledger::{AddCheckpoint, Witness};
use pathops_evidence::{Verdict, log_of, verify_bundle};
use pathops_fuzz::{Good, changed};

static GOOD: LazyLock<Good> = LazyLock::new(Good::new);

fuzz_target!(|bytes: &[u8]| {
    let Good { log, trust, bundle, .. } = &*GOOD;
    assert_ne!(verify_bundle(bytes, log, &TrustRoot::new([])).verdict(), Verdict::Verified);
    // As it comes, and as a list of changes of what verifies, so that what is behind the signature is reached.
    for it in [bytes.to_vec(), changed(bundle, bytes)] {
        assert!(it == *bundle || verify_bundle(&it, log, trust).verdict() != Verdict::Verified);
    }
    if let Ok(envelope) = Envelope::from_slice(bytes) {
        assert!(TrustRoot::new([]).verify(&envelope).is_err());
    }
    if let Ok(note) = std::str::from_utf8(bytes) {
        let _ = (log.verify(note), log.cosignatures(note), Witness::from_verifier_key(note), AddCheckpoint::parse(note));
        let _ = [200, 409].map(|status| WitnessAnswer { status, body: note.to_owned() }.said());
    }
    let _ = CertificateChain::new(bytes.to_vec(), Vec::new());
    let _ = (log_of(bytes), Statement::from_slice(bytes), serde_json::from_slice::<Inclusion>(bytes));
});
