//! Only a trust root makes verified evidence.
use pathops_core::evidence::{EvidenceId, KeyId, Statement, VerifiedEvidence};

fn made(id: EvidenceId, signer: KeyId, statement: Statement) -> VerifiedEvidence {
    VerifiedEvidence { id, signer, statement }
}

fn main() {
    let _ = made;
}
