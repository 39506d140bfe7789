use serde::{Deserialize, Serialize};

use crate::adapter::CheckState;
use crate::digest::Digest;
use crate::id::{CommitId, StatusContext};

/// The required status that stands between a production pull request and its merge.
pub const PROMOTION_CONTEXT: &str = "pathops/promotion";

/// The name of a grant that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct GrantId(pub(super) Digest);

impl std::fmt::Display for GrantId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A commit status to be posted.
///
/// Success of [`PROMOTION_CONTEXT`] has one source: a [`PromotionGrant`](super::PromotionGrant) that was redeemed.
/// A status is not `Clone`, and posting consumes it, so a grant serves for one post.
#[derive(Debug, PartialEq, Eq)]
pub struct CommitStatus {
    pub(super) commit: CommitId,
    pub(super) context: StatusContext,
    pub(super) state: CheckState,
    pub(super) description: String,
    pub(super) grant: Option<GrantId>,
}

/// A success of the promotion status was asked for without a grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{PROMOTION_CONTEXT}` succeeds only by a promotion grant, which the policy evaluator mints from verified facts")]
pub struct GrantRequired;

impl CommitStatus {
    /// A status of `commit`.
    ///
    /// # Errors
    /// [`GrantRequired`] for a success of [`PROMOTION_CONTEXT`].
    pub fn new(
        commit: CommitId,
        context: StatusContext,
        state: CheckState,
        description: impl Into<String>,
    ) -> Result<Self, GrantRequired> {
        if is_promotion(&context) && state == CheckState::Success {
            return Err(GrantRequired);
        }
        Ok(Self { commit, context, state, description: description.into(), grant: None })
    }

    /// The commit it is about.
    #[must_use]
    pub fn commit(&self) -> &CommitId {
        &self.commit
    }

    /// What it is called.
    #[must_use]
    pub fn context(&self) -> &StatusContext {
        &self.context
    }

    /// What it says.
    #[must_use]
    pub fn state(&self) -> CheckState {
        self.state
    }

    /// For people.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The grant that stands behind it. A host refuses one that it has seen under another key.
    #[must_use]
    pub fn grant(&self) -> Option<GrantId> {
        self.grant
    }

    /// The same status once more, for the fault wrapper that makes every call twice.
    #[cfg(feature = "memory")]
    pub(crate) fn again(&self) -> Self {
        Self {
            commit: self.commit.clone(),
            context: self.context.clone(),
            state: self.state,
            description: self.description.clone(),
            grant: self.grant,
        }
    }
}

/// Whether `context` is [`PROMOTION_CONTEXT`]. Hosts compare contexts without regard to case, so this does too.
fn is_promotion(context: &StatusContext) -> bool {
    context.as_str().eq_ignore_ascii_case(PROMOTION_CONTEXT)
}
