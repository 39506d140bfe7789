//! Moving lifecycles by proofs: what proves something is read back and verified here, right before it does. What a record says
//! was proved before is proved again, by the evidence that it names.

use pathops_core::evidence::{Deployment, EvidenceId, Health, Occasion, Predicate, VerificationSummary, VerifiedEvidence};
use pathops_core::lifecycle::{self, ArtifactLifecycle, Failure, Granted, Preflight, Promotion, Proven};
use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
use pathops_core::{Error, ErrorKind, OpContext, Result, UnitId};
use pathops_evidence::EvidenceRecord;

use crate::activity::Services;
use crate::change_set::Decided;

impl Services {
    /// An artifact after a first decision that lets it be proposed.
    pub(super) async fn decided(
        &self,
        cx: &OpContext,
        artifact: &ArtifactLifecycle,
        evidence: &[EvidenceRecord],
        decided: &Decided,
    ) -> Result<ArtifactLifecycle> {
        let unit = &artifact.subject().unit;
        let decision = self.verified(cx, &decided.record).await?;
        let recorded = artifact.preflight().ok_or_else(|| unproved(unit, &"it was not verified in preflight"))?;
        let deployment = self.named(cx, unit, evidence, recorded.get().deployment).await?;
        let health = self.named(cx, unit, evidence, recorded.get().health).await?;
        let tried = Preflight::prove(&deployment, &health).map_err(|error| unproved(unit, &error))?;
        let proof = lifecycle::Decided::prove(&tried, &decision).map_err(|error| unproved(unit, &error))?;
        artifact.decided(&proof, self.clock.now()).map_err(|error| unproved(unit, &error))
    }

    /// An artifact after it was seen in an environment: `new` is the evidence of that, and `evidence` what was there before.
    pub(super) async fn seen(
        &self,
        cx: &OpContext,
        artifact: &ArtifactLifecycle,
        target: &EnvironmentTarget,
        occasion: Occasion,
        evidence: &[EvidenceRecord],
        new: &[EvidenceRecord],
    ) -> Result<ArtifactLifecycle> {
        let unit = &artifact.subject().unit;
        let now = self.clock.now();
        if occasion == Occasion::Failed {
            return self.failed(cx, artifact, new).await;
        }
        let deployment = self.of_type(cx, unit, new, Deployment::TYPE).await?;
        if target.kind == EnvironmentKind::Production {
            let granted = self.granted_before(cx, artifact, evidence).await?;
            let proof = Promotion::prove(&granted, &deployment).map_err(|error| unproved(unit, &error))?;
            return artifact.promoted(&proof, now).map_err(|error| unproved(unit, &error));
        }
        let health = self.of_type(cx, unit, new, Health::TYPE).await?;
        let proof = Preflight::prove(&deployment, &health).map_err(|error| unproved(unit, &error))?;
        artifact.verified(&proof, now).map_err(|error| unproved(unit, &error))
    }

    /// The grant that stands, by the newest decision that there is evidence of: it was signed when the grant was used.
    async fn granted_before(
        &self,
        cx: &OpContext,
        artifact: &ArtifactLifecycle,
        evidence: &[EvidenceRecord],
    ) -> Result<Proven<Granted>> {
        let unit = &artifact.subject().unit;
        let recorded = artifact.grant().ok_or_else(|| unproved(unit, &"nothing was granted"))?;
        let decision = evidence.iter().rfind(|record| record.predicate_type == VerificationSummary::TYPE);
        let decision = decision.ok_or_else(|| unproved(unit, &"there is no evidence of a decision about it"))?;
        let decision = self.verified(cx, decision).await?;
        Granted::prove_again(&recorded, &decision).map_err(|error| unproved(unit, &error))
    }

    /// An artifact with the evidence of its failure, where there is any. It is ruled out without it already.
    async fn failed(
        &self,
        cx: &OpContext,
        artifact: &ArtifactLifecycle,
        evidence: &[EvidenceRecord],
    ) -> Result<ArtifactLifecycle> {
        for record in evidence {
            let evidence = self.verified(cx, record).await?;
            let Ok(proof) = Failure::prove(&evidence) else { continue };
            match artifact.failed(&proof, self.clock.now()) {
                Ok(failed) => return Ok(failed),
                Err(error) => tracing::warn!(evidence = %record.id, %error, "evidence of a failure is not of what failed"),
            }
        }
        Ok(artifact.clone())
    }

    async fn of_type(&self, cx: &OpContext, unit: &UnitId, all: &[EvidenceRecord], predicate: &str) -> Result<VerifiedEvidence> {
        let record = all.iter().find(|record| record.predicate_type == predicate);
        self.verified(cx, record.ok_or_else(|| unproved(unit, &format!("there is no `{predicate}` of it")))?).await
    }

    async fn named(&self, cx: &OpContext, unit: &UnitId, all: &[EvidenceRecord], id: EvidenceId) -> Result<VerifiedEvidence> {
        let record = all.iter().find(|record| record.id == id);
        self.verified(cx, record.ok_or_else(|| unproved(unit, &format!("the evidence {id} of it is gone")))?).await
    }

    async fn verified(&self, cx: &OpContext, record: &EvidenceRecord) -> Result<VerifiedEvidence> {
        let envelope = self.sealer.envelope(cx, record).await?;
        let denied = |why: &dyn std::fmt::Display| Error::new(ErrorKind::Denied, "verify evidence").on(&record.name).because(why);
        let verified = self.trust.verify(&envelope).map_err(|error| denied(&error).with_source(error))?;
        // The keys of producers are trusted for what they make, and not to speak for PathOps.
        match verified.statement().reserved().filter(|_| !self.trust.producers(verified.signer()).is_empty()) {
            Some(what) => Err(denied(&format!("it is {what}, and a producer has signed it"))),
            None => Ok(verified),
        }
    }
}

/// Evidence does not prove what the next step of a lifecycle takes.
pub(super) fn unproved(unit: &UnitId, why: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Denied, "go on in the lifecycle").on(unit).because(why)
}
