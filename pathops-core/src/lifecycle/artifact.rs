use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{ChangeSetId, CommitId, EnvironmentId, UnitId};
use crate::lifecycle::transition::{same, same_if_any, sealed};
use crate::lifecycle::{
    Decided, Failure, Granted, Ground, HumanDecision, Mismatch, Needs, Preflight, Promotion, Proven, Record, Recorded, Step,
    Subject, TransitionError,
};
use crate::policy::PromotionGrant;
use crate::time::UnixMillis;

/// What a change set brings for a unit: what a build made of an app, or the desired state of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Artifact {
    /// The change set that it was built for. The same bytes in another change set have a lifecycle of their own.
    pub change_set: ChangeSetId,
    /// The app or component.
    pub unit: UnitId,
    /// SHA-256 of its bytes; a component has none.
    pub digest: Option<Digest>,
    /// The source that it was built from; a component has none.
    pub source: Option<CommitId>,
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
            Step { from: &[S::Verified], to: S::Verified, needs: &[Needs::Decisions] },
            // A grant lives for a minute, so a promotion that waits for its merge is granted again and again.
            Step { from: &[S::Verified, S::Promotable], to: S::Promotable, needs: &[Needs::Grant] },
            Step { from: &[S::Promotable], to: S::Verified, needs: &[Needs::TakingBack] },
            Step { from: &[S::Promotable], to: S::Promoted, needs: &[Needs::Promotion] },
            Step {
                from: &[S::Built, S::Verified, S::Promotable, S::Promoted],
                to: S::NotPromotable,
                needs: &[Needs::Failure, Needs::Person, Needs::Reason],
            },
            // The evidence of what a reason stopped at once.
            Step { from: &[S::NotPromotable], to: S::NotPromotable, needs: &[Needs::Failure] },
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

    /// A decision that rests on what was tried passed: it may be proposed.
    ///
    /// # Errors
    /// [`TransitionError`] where it was not verified, and for a decision about anything else.
    pub fn decided(&self, proof: &Proven<Decided>, at: UnixMillis) -> Next {
        let decided = proof.get().clone();
        self.step(ArtifactState::Verified, Ground::Decided(BTreeMap::from([(decided.preflight.unit.clone(), decided)])), at)
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
    /// [`TransitionError`] where it is retired already, and for evidence about anything else.
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

    /// How it was tried in preflight.
    #[must_use]
    pub fn preflight(&self) -> Option<Recorded<Preflight>> {
        self.last(|ground| if let Ground::Preflight(it) = ground { Some(it) } else { None })
    }

    /// The last decision by which it may be proposed.
    #[must_use]
    pub fn decision(&self) -> Option<Recorded<Decided>> {
        self.last(|ground| if let Ground::Decided(it) = ground { it.get(&self.subject().unit) } else { None })
    }

    /// How it got into production.
    #[must_use]
    pub fn promotion(&self) -> Option<Recorded<Promotion>> {
        self.last(|ground| if let Ground::Promotion(it) = ground { Some(it) } else { None })
    }

    fn last<'r, T: Clone + 'r>(&'r self, of: impl Fn(&'r Ground) -> Option<&'r T>) -> Option<Recorded<T>> {
        self.grounds().rev().find_map(of).cloned().map(Recorded::of)
    }

    /// The grant that stands: the last one, if it was not taken back.
    #[must_use]
    pub fn grant(&self) -> Option<Recorded<Granted>> {
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
            Ground::Preflight(tried) => it.tried(tried),
            Ground::Decided(decisions) => {
                decisions.values().try_for_each(|decided| it.tried(&decided.preflight))?;
                let one = decisions.contains_key(&it.unit).then_some(());
                one.ok_or_else(|| Mismatch::Missing(format!("`{}`", it.unit)))
            }
            Ground::Granted(granted) => {
                same("change set", &it.change_set, &granted.change_set)?;
                same("app or component", &it.unit, &granted.unit)?;
                same("environment", &it.production, &granted.environment)?;
                same_if_any("artifact", it.digest.as_ref(), granted.artifact.as_ref())
            }
            Ground::TakenBack { unit, grant, .. } => {
                same("app or component", &it.unit, unit)?;
                same_if_any("grant", record.grant().map(|standing| standing.get().grant).as_ref(), Some(grant))
            }
            Ground::Promotion(promotion) => standing(record.grant(), &promotion.granted),
            Ground::Failure(failure) => {
                same("app or component", &it.unit, failure.unit.as_ref().unwrap_or(&it.unit))?;
                match &it.digest {
                    Some(digest) if failure.artifacts.contains(digest) => Ok(()),
                    digest => same_if_any("artifact", digest.as_ref(), failure.artifacts.first()),
                }
            }
            _ => Ok(()),
        }
    }
}

impl Artifact {
    /// Whether it is this that was tried.
    fn tried(&self, it: &Preflight) -> Result<(), Mismatch> {
        same("change set", &self.change_set, &it.change_set)?;
        same("app or component", &self.unit, &it.unit)?;
        same("environment", &self.preflight, &it.environment)?;
        same_if_any("artifact", self.digest.as_ref(), it.artifact.as_ref())
    }
}

/// Whether a promotion is by the grant that stands, and by all of what that is bound to.
pub(super) fn standing(grant: Option<Recorded<Granted>>, used: &Granted) -> Result<(), Mismatch> {
    let grant = grant.ok_or_else(|| Mismatch::Missing(format!("a grant for `{}`", used.unit)))?;
    same("grant", &grant.get().grant, &used.grant)?;
    if grant.get() == used { Ok(()) } else { Err(Mismatch::Missing("what the grant is bound to".to_owned())) }
}
