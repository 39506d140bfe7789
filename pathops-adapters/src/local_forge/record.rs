//! What is stored beside a repository, one file an object.

use std::collections::BTreeMap;

use pathops_core::adapter::{BranchProtection, Check, Comment, PullRequestMeta, PullRequestState, Review};
use pathops_core::policy::GrantId;
use pathops_core::{BranchName, CommitId, Digest, IdempotencyKey, PersonId, Principal, PullRequestNumber, RepoId, UnixMillis};
use serde::{Deserialize, Serialize};

/// `pulls/<n>.json`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PullRecord {
    pub(super) number: PullRequestNumber,
    /// What it was opened with.
    pub(super) key: IdempotencyKey,
    pub(super) title: String,
    pub(super) body: String,
    pub(super) author: Principal,
    pub(super) head_branch: BranchName,
    /// While it is open, the last known head: the branch has the true one.
    pub(super) head: CommitId,
    pub(super) base: BranchName,
    pub(super) reviewers: Vec<PersonId>,
    /// Earlier versions had nothing of it.
    #[serde(default, skip_serializing_if = "PullRequestMeta::is_empty")]
    pub(super) meta: PullRequestMeta,
    pub(super) state: PullRequestState,
    pub(super) reviews: Vec<Review>,
    pub(super) comments: Vec<Comment>,
}

/// `numbers.json`
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Numbers {
    pub(super) last: u64,
}

/// `heads/<digest of the branch>.json`: the pull requests from a branch, oldest first.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FromBranch {
    pub(super) branch: BranchName,
    pub(super) numbers: Vec<PullRequestNumber>,
}

/// `statuses/<commit>.json`: everything that was reported about a commit, oldest first.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Reports {
    pub(super) reports: Vec<Report>,
}

/// One status or check run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) key: IdempotencyKey,
    pub(super) at: UnixMillis,
    pub(super) grant: Option<GrantId>,
    pub(super) check: Check,
}

/// `protection.json`
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Protections {
    pub(super) branches: BTreeMap<BranchName, BranchProtection>,
}

/// `<root>/.forge/grants/<grant>.json`: what a grant was used for.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct UsedGrant {
    pub(super) grant: GrantId,
    pub(super) key: IdempotencyKey,
    pub(super) repo: RepoId,
    pub(super) commit: CommitId,
}

pub(super) const NUMBERS: &str = "numbers.json";
pub(super) const PROTECTION: &str = "protection.json";

pub(super) fn pull_file(number: PullRequestNumber) -> String {
    format!("pulls/{}.json", number.0)
}

/// Named by digest: a branch's own name may be too long for a file, or differ from another only in case.
pub(super) fn head_file(branch: &BranchName) -> String {
    format!("heads/{}.json", Digest::of(branch.as_str().as_bytes()).hex())
}

pub(super) fn status_file(commit: &CommitId) -> String {
    format!("statuses/{commit}.json")
}
