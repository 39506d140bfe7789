use std::fmt::Debug;

use async_trait::async_trait;

use crate::error::Result;
use crate::id::{BranchName, CommitId, PullRequestNumber, RepoId};
use crate::op::OpContext;
use crate::project::{EnvironmentKind, EnvironmentTarget};

/// A branch that PathOps may merge into: the desired state of a preflight environment.
///
/// There is no way to make one for production: people merge there (I2).
///
/// ```
/// use pathops_core::adapter::MergeableBranch;
/// use pathops_core::project::{EnvironmentKind, EnvironmentTarget};
/// let mut target = EnvironmentTarget::local("production".parse().unwrap(), EnvironmentKind::Production);
/// assert!(MergeableBranch::of(&target).is_none());
/// target = EnvironmentTarget::local("preflight".parse().unwrap(), EnvironmentKind::Preflight);
/// assert_eq!(MergeableBranch::of(&target).unwrap().name().as_str(), "preflight");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeableBranch(BranchName);

impl MergeableBranch {
    /// The branch of `target`, or `None` where the environment is not a preflight one.
    #[must_use]
    pub fn of(target: &EnvironmentTarget) -> Option<Self> {
        (target.kind == EnvironmentKind::Preflight).then(|| Self(target.branch.clone()))
    }

    /// The branch.
    #[must_use]
    pub fn name(&self) -> &BranchName {
        &self.0
    }
}

/// Merging, apart from [`Scm`](crate::adapter::Scm): for branches that policy lets PathOps merge.
#[cfg_attr(feature = "mockall", mockall::automock)]
#[async_trait]
pub trait Merge: Debug + Send + Sync + 'static {
    /// Merges a pull request into `branch`, if its head is still `head` and the host's own rules allow it.
    /// Returns the commit that the branch then points to. Merging what is merged already, at that head, returns
    /// the same commit again. Where the host merges into the branch through a queue alone, the pull request is put there, and
    /// the answer is `Unavailable` until that has merged it; what the queue took out again is `Denied`.
    ///
    /// # Errors
    /// `Conflict` where the head moved, the merge has conflicts or the pull request was closed; `Denied` where the base is another branch or a
    /// required status or approval is missing, or it is a draft; `NotFound`, `Unavailable`, `Timeout`.
    async fn merge(
        &self,
        cx: &OpContext,
        repo: &RepoId,
        number: PullRequestNumber,
        head: &CommitId,
        branch: &MergeableBranch,
    ) -> Result<CommitId>;
}
