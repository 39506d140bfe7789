//! Merging, for branches that policy lets PathOps merge.
//!
//! GitHub holds a merge to the rules of the branch, but it takes whoever opened the pull request for its author. In whose name it
//! was opened only this adapter knows, so it counts the approvals itself too.
//!
//! Where a branch is merged into by its merge queue alone, the pull request is put there, and the merge is unavailable until the
//! queue has made it.

use http::Method;
use pathops_core::adapter::{BranchProtection, MergeableBranch, PullRequest, PullRequestState};
use pathops_core::{CommitId, Effect, ErrorKind, PullRequestNumber, Result};
use serde::Deserialize;
use serde_json::json;

use super::client::{Call, Write};
use super::errors::{Words, short};
use super::{checks, protection, pull_requests, queue, reviews};
use crate::rest::rules::missing;

pub(super) async fn merge(
    call: &Call<'_>,
    number: PullRequestNumber,
    head: &CommitId,
    branch: &MergeableBranch,
) -> Result<CommitId> {
    #[derive(Deserialize)]
    struct Merged {
        sha: CommitId,
    }
    let found = pull_requests::found(call, number).await?;
    let (node, pull) = (found.node_id.clone(), pull_requests::view(call, found).await?);
    if &pull.base != branch.name() {
        let reason = format!("it is for `{}`, and only `{}` may be merged into", pull.base, branch.name());
        return Err(call.error(ErrorKind::Denied, reason));
    }
    if &pull.head != head {
        return Err(call.error(ErrorKind::Conflict, format_args!("its head is {}, not {}", short(&pull.head), short(head))));
    }
    match &pull.state {
        PullRequestState::Merged { commit, .. } => return Ok(commit.clone()),
        PullRequestState::Closed { .. } => return Err(call.error(ErrorKind::Conflict, "it is closed")),
        PullRequestState::Open => {}
    }
    meets(call, &pull, &protection::protection(call, &pull.base).await?).await?;
    let wish = json!({ "sha": head, "merge_method": "merge" });
    let answer = call.sent(Write::Seen, Method::PUT, &call.path(&format!("/pulls/{}/merge", number.0)), &wish).await?;
    match answer.status.as_u16() {
        200 => call.parse(&answer, Effect::Unknown).map(|merged: Merged| merged.sha),
        // GitHub says so of conflicts, and nothing more; every other reason is a rule.
        405 if Words::of(&answer).has("not mergeable") => {
            Err(call.error(ErrorKind::Conflict, "it conflicts with its base branch"))
        }
        405 if Words::of(&answer).has("merge queue") => queue::wait(call, number, &node, head).await,
        405 => Err(call.error(ErrorKind::Denied, Words::of(&answer).all())),
        _ => Err(call.attempt.refused(&answer, Effect::Unknown)),
    }
}

/// Whether what the branch asks for is there, for this head.
async fn meets(call: &Call<'_>, pull: &PullRequest, rules: &BranchProtection) -> Result<()> {
    let reviews = if rules.required_approvals > 0 { reviews::of_members(call, pull.number).await? } else { Vec::new() };
    let checks = if rules.required_checks.is_empty() { Vec::new() } else { checks::checks(call, &pull.head).await? };
    match missing(pull, rules, &reviews, &checks) {
        Some(reason) => Err(call.error(ErrorKind::Denied, reason)),
        None => Ok(()),
    }
}
