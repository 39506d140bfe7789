//! What verifies: nothing that was not signed by a key that is known may be accepted, and nothing here knows a key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pathops_core::evidence::{CertificateChain, Envelope, Inclusion, Statement, TrustRoot};
use pathops_evidence::ledger::{AddCheckpoint, LogKey, Witness, WitnessAnswer};
use pathops_evidence::{Verdict, log_of, verify_bundle};

fuzz_target!(|bytes: &[u8]| {
    let log = LogKey::new("shop.example/evidence", &[7; 32]).expect("a name").identity();
    assert_ne!(verify_bundle(bytes, &log, &TrustRoot::new([])).verdict(), Verdict::Verified);
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
