//! The first decision, and the signed statement of any decision.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use pathops_core::evidence::{
    InputAttestation, PolicyReference, Reference, ReferenceAnnotations, Subject, VerificationResult, VerificationSummary,
    Verifier,
};
use pathops_core::lifecycle::{Granted, Proven};
use pathops_core::policy::{Ask, Decision, DecisionRecord, Known, Policy, RequirementResult, Verdict, evaluate};
use pathops_core::{Digest, Error, ErrorKind, OpContext, Result};
use pathops_evidence::{EvidenceRecord, VERIFIER_ID};

use crate::activity::Services;
use crate::activity::expect::decision_of;
use crate::activity::notify;
use crate::change_set::{Combination, Command, Decided, Outcome, Passed, Payload, Scope};
use crate::waits::GIT_HOST;

fn reference(payload: &Payload) -> Reference {
    Reference {
        name: payload.name.clone(),
        download_location: payload.location.clone(),
        digest: BTreeMap::from([("sha256".to_owned(), payload.digest.hex())]),
        media_type: payload.media_type.clone(),
        annotations: Some(payload.stored().annotate(ReferenceAnnotations {
            for_ever: Some("a past decision is read from it, and replayed".to_owned()),
            ..ReferenceAnnotations::default()
        })),
    }
}

/// Whether people have to have the policy checked first. There is no pull request yet that would show it.
fn awaits_check(policy: &Policy, facts: &Known, decision: &Decision) -> bool {
    let rule = |it: &RequirementResult| policy.requirements(&facts.facts().readings.unit).find(|(_, rule)| rule.id == it.id);
    decision.blocking().filter_map(rule).any(|(_, rule)| matches!(rule.asks, Ask::Policy(_)))
}

impl Services {
    /// Decides about everything but the production pull request; with `wait`, once more than time and people is in the way
    /// or nothing is.
    pub(super) async fn decide(&self, cx: &OpContext, command: &Command) -> Result<Outcome> {
        let Command::Decide { scope, combination, preflight, settle_millis, wait, until, artifact } = command else {
            return Err(Error::new(ErrorKind::Unexpected, "decide about a promotion"));
        };
        let is_told = &AtomicBool::new(false);
        let settled = self.poll_until(self.tries(cx, GIT_HOST), *until, || {
            Box::pin(async move {
                let (policy, facts) = self.facts(cx, scope, combination, None).await?;
                let decision = evaluate(&policy, &facts, self.clock.now());
                let outlook = self.outlook(&policy, &facts, &decision);
                let waits = *wait && outlook.can_wait && !outlook.needs_newer_evidence;
                let settled = outlook.is_proposable || !waits;
                if !settled && awaits_check(&policy, &facts, &decision) && !is_told.swap(true, Ordering::Relaxed) {
                    self.tell(&cx.part("waits"), Some(notify::awaits_check(scope, &decision))).await;
                }
                Ok(settled.then(|| (DecisionRecord::new(&policy, &facts, decision), outlook)))
            })
        });
        let Some((record, outlook)) = settled.await? else { return Ok(Outcome::Overdue) };
        if *wait && outlook.needs_newer_evidence {
            let settle = Duration::from_millis(*settle_millis);
            return self.look_again(cx, scope, preflight, combination, settle).await;
        }
        let granted = record.decision.is_proposable() || (*wait && outlook.is_proposable);
        let decided = self.state_decision(cx, scope, combination, record, None).await?;
        if !granted {
            return Ok(Outcome::Refused(Box::new(decided)));
        }
        // What has failed is decided about so that the refusal is explained; it goes nowhere.
        let artifact =
            if *wait { self.decided(cx, artifact, &combination.evidence, &decided).await? } else { artifact.as_ref().clone() };
        Ok(Outcome::Granted(Box::new(Passed { decided, artifact })))
    }

    /// Signs a decision, a refusal too, as a SLSA Verification Summary that names every input, and what it grants.
    pub(super) async fn state_decision(
        &self,
        cx: &OpContext,
        scope: &Scope,
        combination: &Combination,
        record: DecisionRecord,
        granted: Option<&Proven<Granted>>,
    ) -> Result<Decided> {
        let unwritten = |error| Error::new(ErrorKind::Unexpected, "write a decision down").on(&scope.unit.id).with_source(error);
        let payload = self.store_json(cx, "decision record", serde_json::to_value(&record).map_err(unwritten)?).await?;
        let DecisionRecord { facts, decision, .. } = record;
        let sha256 = |hex: String| BTreeMap::from([("sha256".to_owned(), hex)]);
        let locations = self.locations(cx, &scope.meta_repo, &decision.policy, combination, &facts.evidence).await?;
        let inputs = facts.evidence.iter().flat_map(|fact| {
            let uris = locations.get(&fact.id).cloned().unwrap_or_else(|| vec![String::new()]);
            uris.into_iter().map(|uri| InputAttestation { uri, digest: sha256(fact.id.0.hex()) })
        });
        let summary = VerificationSummary {
            verifier: Verifier {
                id: VERIFIER_ID.to_owned(),
                version: BTreeMap::from([("pathops".to_owned(), env!("CARGO_PKG_VERSION").to_owned())]),
            },
            time_verified: decision.at,
            resource_uri: format!("pathops:{}/{}@{}", scope.project, decision.unit, decision.environment),
            policy: PolicyReference { uri: format!("pathops:{}/policy", scope.meta_repo), digest: sha256(decision.policy.hex()) },
            input_attestations: inputs.collect(),
            verification_result: if decision.verdict == Verdict::Pass {
                VerificationResult::Passed
            } else {
                VerificationResult::Failed
            },
            verified_levels: Vec::new(),
            decision: serde_json::to_value(&decision).map_err(unwritten)?,
            record: Some(reference(&payload)),
            grant: granted.map(|granted| serde_json::to_value(granted.get())).transpose().map_err(unwritten)?,
        };
        let mut subject =
            Subject::named(scope.unit.id.to_string()).with_tree(&combination.tested.tree).with_commit(&combination.tested.commit);
        if let Some(artifact) = &combination.artifact {
            subject = subject.with_sha256(artifact);
        }
        let name = decision_of(&decision.unit, &decision.environment);
        let record = self.sealer.seal(cx, name, vec![subject], &summary).await?;
        Ok(Decided { decision, record })
    }

    /// A decision with what it was made of, from the signed statement of it: what that says and what it leads to are the same.
    ///
    /// # Errors
    /// `Corrupt` where it is not as it was signed and stored; what the blob store answers.
    pub(crate) async fn decision_record(&self, cx: &OpContext, record: &EvidenceRecord) -> Result<DecisionRecord> {
        let corrupt =
            |why: &dyn std::fmt::Display| Error::new(ErrorKind::Corrupt, "read a decision back").on(record.id).because(why);
        let envelope = self.sealer.envelope(cx, record).await?;
        let verified = self.trust.verify(&envelope).map_err(|error| corrupt(&error).with_source(error))?;
        let predicate = verified.statement().predicate.clone();
        let summary = serde_json::from_value::<VerificationSummary>(predicate).map_err(|error| corrupt(&error))?;
        let reference = summary.record.ok_or_else(|| corrupt(&"the statement of it names no record"))?;
        let digest = reference.digest.get("sha256").and_then(|hex| Digest::from_hex(hex).ok());
        let digest = digest.ok_or_else(|| corrupt(&"the statement of it names its record by no digest"))?;
        let gone = || Error::new(ErrorKind::NotFound, "read a decision back").on(record.id).because("its record is gone");
        let bytes = self.blobs.get(cx, &digest).await?.ok_or_else(gone)?;
        let held: DecisionRecord = serde_json::from_slice(&bytes).map_err(|error| corrupt(&error).with_source(error))?;
        let stated = serde_json::from_value::<Decision>(summary.decision).map_err(|error| corrupt(&error))?;
        if held.decision != stated {
            return Err(corrupt(&"its record holds another decision than was signed"));
        }
        Ok(held)
    }
}
