//! Which statement says that a policy was checked.

use pathops_core::{Digest, Error, ErrorKind, OpContext, PullRequestNumber, RepoId, RepoPath, Result, Retry};
use pathops_evidence::EvidenceRecord;
use serde::{Deserialize, Serialize};

use crate::activity::Services;
use crate::change_set::RECORD_FORMAT;

/// The newest check of a policy, as the meta repository has it: one file for each policy, so that a decision reads that of its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PolicyChecked {
    pub(crate) format: u32,
    /// The pull request that brings it; `None` where it was looked at as it stands.
    pub(crate) pull_request: Option<PullRequestNumber>,
    /// The signed statement.
    pub(crate) evidence: EvidenceRecord,
}

impl PolicyChecked {
    /// Where it lies, for a policy.
    pub(super) fn path(policy: &Digest) -> String {
        format!("change-sets/policies/{}.json", policy.hex())
    }
}

impl Services {
    /// The newest check of a policy; `None` where nobody has checked it. What cannot be read is no absence: it is waited until
    /// somebody has mended it.
    pub(crate) async fn policy_checked(
        &self,
        cx: &OpContext,
        meta_repo: &RepoId,
        policy: &Digest,
    ) -> Result<Option<PolicyChecked>> {
        let path = PolicyChecked::path(policy);
        let error = |kind| Error::new(kind, "read the check of the policy").on(format!("{meta_repo}:{path}"));
        let file = RepoPath::parse(&path).map_err(|why| error(ErrorKind::Invalid).because(why))?;
        let main = self.main(cx, meta_repo).await?;
        let Some(bytes) = self.scm.read_file(cx, meta_repo, &main, &file).await? else { return Ok(None) };
        let mend = |why: &dyn std::fmt::Display| {
            error(ErrorKind::Corrupt).because(why).advise("check the policy once more").with_retry(Retry::Backoff)
        };
        let checked: PolicyChecked = serde_json::from_slice(&bytes).map_err(|why| mend(&why).with_source(why))?;
        match checked.format {
            RECORD_FORMAT => Ok(Some(checked)),
            other => Err(mend(&format!("it has the format {other}, and {RECORD_FORMAT} is the one that is known"))),
        }
    }
}
