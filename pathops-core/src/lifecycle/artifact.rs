use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{ChangeSetId, CommitId, EnvironmentId, UnitId};
use crate::lifecycle::transition::{same, same_if_any, sealed};
use crate::lifecycle::{
    Failure, Granted, Ground, HumanDecision, Mismatch, Needs, Preflight, Promotion, Proven, Record, Step, Subject,
    TransitionError,
};
use crate::policy::PromotionGrant;
use crate::time::UnixMillis;

/// What a build of a change set made: what its lifecycle is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// The change set that it was built for. The same bytes in another change set have a lifecycle of their own.
    pub change_set: ChangeSetId,
    /// The app.
    pub unit: UnitId,
    /// SHA-256 of its bytes.
    pub digest: Digest,
    /// The source that it was built from.
    pub source: CommitId,
    /// Where it is tried.
    pub preflight: EnvironmentId,
    /// Where it is to go.
    pub production: EnvironmentId,
}

/// Where an artifact is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArtifactState {
    /// Built, and nothing is known of it. It is not promotable.
    Built,
    /// It was ready and healthy in preflight.
    Verified,
    /// A promotion of it is granted.
    Promotable,
    /// It was ready in production.
    Promoted,
    /// Something speaks against it. It stays so: what is mended is another artifact.
    NotPromotable,
    /// Nobody uses it any more.
    Retired,
}

impl fmt::Display for ArtifactState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ArtifactState::Built => "built",
            ArtifactState::Verified => "verified",
            ArtifactState::Promotable => "promotable",
            ArtifactState::Promoted => "promoted",
            ArtifactState::NotPromotable => "not-promotable",
            ArtifactState::Retired => "retired",
        })
    }
}

/// The lifecycle of an artifact.
pub type ArtifactLifecycle = Record<Artifact>;

type Next = Result<ArtifactLifecycle, TransitionError<ArtifactState>>;

impl Subject for Artifact {
    type State = ArtifactState;
    const FIRST: ArtifactState = ArtifactState::Built;
    const STEPS: &'static [Step<ArtifactState>] = {
        use ArtifactState as S;
        &[
            Step { from: &[S::Built], to: S::Verified, needs: &[Needs::Preflight] },
            // A grant lives for a minute, so a promotion that waits for its merge is granted again and again.
            Step { from: &[S::Verified, S::Promotable], to: S::Promotable, needs: &[Needs::Grant] },
            Step { from: &[S::Promotable], to: S::Verified, needs: &[Needs::TakingBack] },
            Step { from: &[S::Promotable], to: S::Promoted, needs: &[Needs::Promotion] },
            Step {
                from: &[S::Built, S::Verified, S::Promotable, S::Promoted],
                to: S::NotPromotable,
                needs: &[Needs::Failure, Needs::Person, Needs::Reason],
            },
            Step {
                from: &[S::Built, S::Verified, S::Promotable, S::Promoted, S::NotPromotable],
                to: S::Retired,
                needs: &[Needs::Person],
            },
        ]
    };
}

impl Record<Artifact> {
    /// An artifact as it comes from its build.
    #[must_use]
    pub fn built(artifact: Artifact) -> Self {
        Self::begin(artifact)
    }

    /// It was ready and healthy in preflight.
    ///
    /// # Errors
    /// [`TransitionError`] where it is not just built, and for a proof about anything else.
    pub fn verified(&self, proof: &Proven<Preflight>, at: UnixMillis) -> Next {
        self.step(ArtifactState::Verified, Ground::Preflight(proof.get().clone()), at)
    }

    /// A promotion of it is granted, or granted anew.
    ///
    /// # Errors
    /// [`TransitionError`] where it was not verified, and for a grant of anything else or one that was recorded before.
    pub fn promotable(&self, grant: &PromotionGrant, at: UnixMillis) -> Next {
        self.step(ArtifactState::Promotable, Ground::Granted(Granted::prove(grant).get().clone()), at)
    }

    /// The grant was taken back, because what it rested on is gone: an incident, a withdrawn review, a new commit.
    ///
    /// # Errors
    /// [`TransitionError`] where nothing is granted, and without a reason.
    pub fn taken_back(&self, reason: impl Into<String>, at: UnixMillis) -> Next {
        self.take_back(ArtifactState::Verified, &self.subject().unit, reason.into(), at)
    }

    /// It was ready in production, by the grant that stands.
    ///
    /// # Errors
    /// [`TransitionError`] where it is not promotable, and for a promotion by another grant.
    pub fn promoted(&self, promotion: &Proven<Promotion>, at: UnixMillis) -> Next {
        self.step(ArtifactState::Promoted, Ground::Promotion(promotion.get().clone()), at)
    }

    /// Something failed, and there is evidence of it.
    ///
    /// # Errors
    /// [`TransitionError`] where it is not promotable or retired already, and for evidence about anything else.
    pub fn failed(&self, failure: &Proven<Failure>, at: UnixMillis) -> Next {
        self.step(ArtifactState::NotPromotable, Ground::Failure(failure.get().clone()), at)
    }

    /// A person rules it out.
    ///
    /// # Errors
    /// [`TransitionError`] where it is not promotable or retired already.
    pub fn ruled_out(&self, by: &Proven<HumanDecision>, at: UnixMillis) -> Next {
        self.step(ArtifactState::NotPromotable, Ground::Person(by.get().clone()), at)
    }

    /// It is not promoted, for a reason of which there is no evidence: its change set has stopped. What stops a promotion
    /// must never wait for evidence.
    ///
    /// # Errors
    /// [`TransitionError`] where it is not promotable or retired already, and without a reason.
    pub fn not_promotable(&self, reason: impl Into<String>, at: UnixMillis) -> Next {
        self.step(ArtifactState::NotPromotable, Ground::Reason(reason.into()), at)
    }

    /// A person retires it.
    ///
    /// # Errors
    /// [`TransitionError`] where it is retired already.
    pub fn retired(&self, by: &Proven<HumanDecision>, at: UnixMillis) -> Next {
        self.step(ArtifactState::Retired, Ground::Person(by.get().clone()), at)
    }

    /// The grant that stands: the last one, if it was not taken back.
    #[must_use]
    pub fn grant(&self) -> Option<Proven<Granted>> {
        self.standing_grant(&self.subject().unit)
    }

    /// Why it is not promotable, in words; `None` where nothing speaks against it.
    #[must_use]
    pub fn speaks_against(&self) -> Option<&str> {
        let last = self.transitions().iter().rfind(|transition| transition.to == ArtifactState::NotPromotable);
        last.and_then(|transition| transition.ground.reason())
    }
}

impl sealed::Rules for Artifact {
    fn fits(record: &Record<Self>, _to: ArtifactState, ground: &Ground) -> Result<(), Mismatch> {
        let it = record.subject();
        match ground {
            Ground::Preflight(tried) => {
                same("change set", &it.change_set, &tried.change_set)?;
                same("app or component", &it.unit, &tried.unit)?;
                same("environment", &it.preflight, &tried.environment)?;
                same_if_any("artifact", Some(&it.digest), tried.artifact.as_ref())
            }
            Ground::Granted(granted) => {
                same("change set", &it.change_set, &granted.change_set)?;
                same("app or component", &it.unit, &granted.unit)?;
                same("environment", &it.production, &granted.environment)?;
                same_if_any("artifact", Some(&it.digest), granted.artifact.as_ref())
            }
            Ground::TakenBack { unit, grant, .. } => {
                same("app or component", &it.unit, unit)?;
                same_if_any("grant", record.grant().map(|standing| standing.get().grant).as_ref(), Some(grant))
            }
            Ground::Promotion(promotion) => standing(record.grant(), &promotion.granted),
            Ground::Failure(failure) => {
                same("app or component", &it.unit, failure.unit.as_ref().unwrap_or(&it.unit))?;
                let about = failure.artifacts.contains(&it.digest);
                same_if_any("artifact", Some(&it.digest), about.then_some(&it.digest).or(failure.artifacts.first()))
            }
            _ => Ok(()),
        }
    }
}

/// Whether a promotion is by the grant that stands, and by all of what that is bound to.
pub(super) fn standing(grant: Option<Proven<Granted>>, used: &Granted) -> Result<(), Mismatch> {
    let grant = grant.ok_or_else(|| Mismatch::Missing(format!("a grant for `{}`", used.unit)))?;
    same("grant", &grant.get().grant, &used.grant)?;
    if grant.get() == used { Ok(()) } else { Err(Mismatch::Missing("what the grant is bound to".to_owned())) }
}
