//! What was granted, and what came of it.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::evidence::{EvidenceId, VerificationResult, VerificationSummary, VerifiedEvidence};
use crate::id::{ChangeSetId, CommitId, EnvironmentId, TreeId, UnitId};
use crate::lifecycle::proof::{names, read, ready, same};
use crate::lifecycle::{ProofError, Proven, Recorded};
use crate::policy::{Decision, GrantId, PromotionGrant, Verdict};
use crate::time::UnixMillis;

/// That a promotion was granted. It says so, and gives no right: that is the [`PromotionGrant`], which is used once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Granted {
    /// The name of the grant.
    pub grant: GrantId,
    /// The change set.
    pub change_set: ChangeSetId,
    /// The app or component.
    pub unit: UnitId,
    /// Where it may go.
    pub environment: EnvironmentId,
    /// What may go there; a component has no artifact.
    pub artifact: Option<Digest>,
    /// The desired state that asks for it.
    pub tree: TreeId,
    /// The head of the pull request that it was granted for; records from before it was noted have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<CommitId>,
}

impl Granted {
    /// From the grant itself.
    #[must_use]
    pub fn prove(grant: &PromotionGrant) -> Proven<Self> {
        let it = grant.binding();
        Proven::checked(Self {
            grant: grant.id(),
            change_set: it.change_set.clone(),
            unit: it.unit.clone(),
            environment: it.environment.clone(),
            artifact: it.artifact,
            tree: it.tree.clone(),
            head: Some(it.head.clone()),
        })
    }

    /// From what a record says was granted, and evidence of the decision that granted it: the grant itself is used up by then.
    /// A statement from before grants were named in it is held to what it names.
    ///
    /// # Errors
    /// [`ProofError`] where the evidence is no decision, did not grant anything, or granted something else.
    pub fn prove_again(recorded: &Recorded<Self>, decision: &VerifiedEvidence) -> Result<Proven<Self>, ProofError> {
        let it = recorded.get();
        let kind = || ProofError::Kind { evidence: decision.id(), wanted: "decision" };
        let summary: VerificationSummary = read(decision, "decision")?;
        let ruling: Decision = serde_json::from_value(summary.decision).map_err(|_| kind())?;
        let passed = (summary.verification_result == VerificationResult::Passed) == (ruling.verdict == Verdict::Pass);
        if !passed || !ruling.is_granted() {
            return Err(ProofError::Negative { evidence: decision.id(), says: "it granted nothing".to_owned() });
        }
        same("change set", &it.change_set, &ruling.change_set)?;
        same("app or component", &it.unit, &ruling.unit)?;
        same("environment", &it.environment, &ruling.environment)?;
        if it.artifact.is_some_and(|artifact| !names(decision, "sha256", &artifact.hex())) {
            return Err(ProofError::Subject(decision.id()));
        }
        if let Some(named) = summary.grant {
            it.is(&serde_json::from_value(named).map_err(|_| kind())?)?;
        }
        Ok(Proven::checked(it.clone()))
    }

    fn is(&self, named: &Self) -> Result<(), ProofError> {
        same("grant", &self.grant, &named.grant)?;
        same("change set", &self.change_set, &named.change_set)?;
        same("app or component", &self.unit, &named.unit)?;
        same("environment", &self.environment, &named.environment)?;
        same("artifact", &or_none(self.artifact), &or_none(named.artifact))?;
        same("desired state", &self.tree, &named.tree)?;
        same("head commit", &or_none(self.head.as_ref()), &or_none(named.head.as_ref()))
    }
}

fn or_none<T: ToString>(it: Option<T>) -> String {
    it.map_or_else(|| "none".to_owned(), |it| it.to_string())
}

/// A promotion that is done: it was granted, and exactly that was then ready where it was to go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Promotion {
    /// What was granted.
    pub granted: Granted,
    /// Evidence that it was ready there.
    pub deployment: EvidenceId,
    /// When that was observed.
    #[serde(with = "crate::time::rfc3339")]
    pub observed_on: UnixMillis,
}

impl Promotion {
    /// From what was granted, and evidence of a ready deployment of exactly that: change set, unit, environment, artifact
    /// and desired state.
    ///
    /// # Errors
    /// [`ProofError`] where the evidence is something else, says no, or is about something else.
    pub fn prove(granted: &Proven<Granted>, deployment: &VerifiedEvidence) -> Result<Proven<Self>, ProofError> {
        let granted = granted.get();
        let it = ready(deployment)?;
        same("change set", &granted.change_set, &it.change_set)?;
        same("app or component", &granted.unit, &it.unit)?;
        same("environment", &granted.environment, &it.environment)?;
        same("artifact", &or_none(granted.artifact), &or_none(it.artifact))?;
        same("desired state", &granted.tree.to_string(), &or_none(it.tree))?;
        Ok(Proven::checked(Self { granted: granted.clone(), deployment: deployment.id(), observed_on: it.observed_on }))
    }
}
