use std::time::Duration;

use serde::Serialize;

use crate::adapter::CheckState;
use crate::digest::Digest;
use crate::id::{ChangeSetId, CommitId, EnvironmentId, RepoId, StatusContext, TreeId, UnitId};
use crate::policy::facts::canonical_digest;
use crate::policy::{CommitStatus, Decision, GrantId, PROMOTION_CONTEXT, Policy, VerifiedFacts, evaluate, grant_binding};
use crate::time::UnixMillis;

/// How long a grant can be redeemed: long enough for one call, too short to be kept.
pub const GRANT_LIFETIME: Duration = Duration::from_secs(60);

/// Everything a grant is bound to. If any of it is different when the status is posted, the grant is void.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantBinding {
    /// The change set.
    pub change_set: ChangeSetId,
    /// The app or component.
    pub unit: UnitId,
    /// Where it may go.
    pub environment: EnvironmentId,
    /// The desired-state repository.
    pub repo: RepoId,
    /// The head of the production pull request.
    pub head: CommitId,
    /// The artifact; a component has none.
    pub artifact: Option<Digest>,
    /// The desired state that the head asks for.
    pub tree: TreeId,
    /// The policy.
    pub policy: Digest,
    /// All evidence that went into the decision.
    pub evidence_root: Digest,
}

/// The right to post one success of the required status, and nothing else (I1).
///
/// Only [`decide`](super::decide) mints one. It is no data: it cannot be cloned, stored or read back, and redeeming
/// consumes it. What it is held against then is no word of whoever holds it, but facts that were verified anew:
///
/// ```compile_fail
/// # fn f(grant: pathops_core::policy::PromotionGrant, at: pathops_core::UnixMillis) {
/// let now = grant.binding().clone();
/// grant.redeem(&now, at); // it is always what it was
/// # }
/// ```
/// ```compile_fail
/// # fn f(grant: pathops_core::policy::PromotionGrant) {
/// let copy = grant.clone(); // a grant is used once
/// # }
/// ```
/// ```compile_fail
/// // nobody else makes one
/// let grant: pathops_core::policy::PromotionGrant = serde_json::from_str("{}").unwrap();
/// ```
#[derive(Debug)]
#[must_use = "a grant that is dropped promotes nothing"]
pub struct PromotionGrant {
    binding: GrantBinding,
    id: GrantId,
    minted_at: UnixMillis,
}

/// Why a grant could not be redeemed. Decide again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GrantError {
    /// It is too old, or the clock went back behind its making.
    #[error("the promotion grant of {minted_at} cannot be used at {at}: it lives for {} s", GRANT_LIFETIME.as_secs())]
    Expired {
        /// When it was made.
        minted_at: UnixMillis,
        /// When it was to be used.
        at: UnixMillis,
    },
    /// The facts it is held against were there before it was.
    #[error("the promotion grant of {minted_at} is held against facts that are read afterwards, not against those of {read_at}")]
    Remembered {
        /// When it was made.
        minted_at: UnixMillis,
        /// When reading the facts began; the beginning of time where nobody said it.
        read_at: UnixMillis,
    },
    /// Something it is bound to has changed.
    #[error("the promotion grant is for another {0}")]
    Moved(&'static str),
    /// What it was minted for is not granted any more.
    #[error("the promotion grant is void: {0}")]
    Refused(String),
}

impl PromotionGrant {
    /// `nonce` tells two grants of one decision apart.
    pub(super) fn mint(binding: GrantBinding, at: UnixMillis, nonce: u128) -> Self {
        let id = GrantId(canonical_digest(&(&binding, at, format!("{nonce:032x}"))));
        Self { binding, id, minted_at: at }
    }

    /// What it is bound to.
    #[must_use]
    pub fn binding(&self) -> &GrantBinding {
        &self.binding
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> GrantId {
        self.id
    }

    /// Decides again, `at` this instant over what is true then, and turns the grant into the status it is for, with that
    /// decision. `facts` must have been read back for this: reading began when the grant had been minted
    /// ([`ReadAt::at`](super::ReadAt)).
    ///
    /// # Errors
    /// [`GrantError`] with the first thing that is different, or with what is in the way now. The grant is gone either way.
    pub fn redeem(self, policy: &Policy, facts: &VerifiedFacts, at: UnixMillis) -> Result<(Decision, CommitStatus), GrantError> {
        let age = at.since(self.minted_at);
        if at < self.minted_at || age > GRANT_LIFETIME {
            return Err(GrantError::Expired { minted_at: self.minted_at, at });
        }
        let read_at = facts.facts().readings.read.as_ref().map_or(UnixMillis(i64::MIN), |read| read.at);
        if read_at < self.minted_at {
            return Err(GrantError::Remembered { minted_at: self.minted_at, read_at });
        }
        self.binding.is_still(&grant_binding(policy, facts).ok_or(GrantError::Moved("pull request"))?)?;
        // It is bound to no person, review, incident, stop or clock: only the decision looks at those.
        let decision = evaluate(policy, facts, at);
        if !decision.is_granted() {
            return Err(GrantError::Refused(decision.summary()));
        }
        let context = StatusContext::parse(PROMOTION_CONTEXT).map_err(|_| GrantError::Moved("status context"))?;
        let GrantBinding { head: commit, unit, environment, .. } = self.binding;
        let description = format!("promotion of {unit} to {environment} granted");
        let status = CommitStatus { commit, context, state: CheckState::Success, description, grant: Some(self.id) };
        Ok((decision, status))
    }
}

impl GrantBinding {
    fn is_still(&self, now: &Self) -> Result<(), GrantError> {
        let Self { change_set, unit, environment, repo, head, artifact, tree, policy, evidence_root } = self;
        let moved = [
            (*change_set == now.change_set, "change set"),
            (*unit == now.unit, "app or component"),
            (*environment == now.environment, "environment"),
            (*repo == now.repo, "repository"),
            (*head == now.head, "head commit"),
            (*artifact == now.artifact, "artifact"),
            (*tree == now.tree, "desired state"),
            (*policy == now.policy, "policy"),
            (*evidence_root == now.evidence_root, "set of evidence"),
        ];
        moved.into_iter().find(|(same, _)| !same).map_or(Ok(()), |(_, what)| Err(GrantError::Moved(what)))
    }
}
