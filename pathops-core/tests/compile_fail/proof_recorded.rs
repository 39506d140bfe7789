//! What was recorded proves nothing anew: an artifact, and what leads on from a proof, do not take it.
use pathops_core::UnixMillis;
use pathops_core::evidence::VerifiedEvidence;
use pathops_core::lifecycle::{ArtifactLifecycle, Decided, Promotion, Proven, Recorded};

fn verified(artifact: &ArtifactLifecycle) {
    let _ = artifact.verified(&artifact.preflight().unwrap(), UnixMillis(0));
}

fn decided(artifact: &ArtifactLifecycle, decision: &VerifiedEvidence) {
    let _ = Decided::prove(&artifact.preflight().unwrap(), decision);
}

fn promotion(artifact: &ArtifactLifecycle, deployment: &VerifiedEvidence) {
    let _ = Promotion::prove(&artifact.grant().unwrap(), deployment);
}

fn promotable(artifact: &ArtifactLifecycle) {
    let _ = artifact.promotable(&artifact.grant().unwrap(), UnixMillis(0));
}

fn promoted(artifact: &ArtifactLifecycle) {
    let _ = artifact.promoted(&artifact.promotion().unwrap(), UnixMillis(0));
}

fn proved(it: Recorded<Promotion>) -> Proven<Promotion> {
    it.into()
}

fn main() {
    let _ = (verified, decided, promotion, promotable, promoted, proved);
}
