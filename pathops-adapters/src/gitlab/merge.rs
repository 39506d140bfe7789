//! Merging, for branches that policy lets PathOps merge.
//!
//! GitLab holds a merge to the rules of the project, but it takes whoever opened the merge request for its author, and an
//! approval for one of any head. So this adapter counts the approvals itself too. Where the project has a merge train, it merges
//! at once, beside the train.

use gitlab::api::projects::merge_requests::MergeMergeRequest;
use pathops_core::adapter::{BranchProtection, MergeableBranch, PullRequest, PullRequestState};
use pathops_core::{CommitId, Effect, Error, ErrorKind, PullRequestNumber, Result, Retry};

use super::client::Call;
use super::errors::{short, words};
use super::pull_requests::Found;
use super::{checks, protection, pull_requests, reviews};
use crate::rest::Answer;
use crate::rest::rules::missing;

pub(super) async fn merge(
    call: &Call<'_>,
    number: PullRequestNumber,
    head: &CommitId,
    branch: &MergeableBranch,
) -> Result<CommitId> {
    let found = pull_requests::found(call, number).await?;
    if found.is_locked() {
        return Err(under_way(call));
    }
    let pull = pull_requests::view(call, found).await?;
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
    let mut described = MergeMergeRequest::builder();
    described.project(call.project()).merge_request(number.0).sha(head.as_str()).should_remove_source_branch(false);
    let answer = call.sent(call.ask(described.build())?).await?;
    match answer.status.as_u16() {
        200 => merged(call, call.parse(&answer, Effect::Unknown)?, branch).await,
        400 | 405 | 406 | 409 | 422 => refused(call, number, head, branch, &answer).await,
        _ => Err(call.attempt.refused(&answer, Effect::Unknown)),
    }
}

/// What it was merged as. Its target may have been changed since it was read, and GitLab asks for no target.
async fn merged(call: &Call<'_>, found: Found, branch: &MergeableBranch) -> Result<CommitId> {
    if found.target_branch != branch.name().as_str() {
        let reason = format!("its target was changed: GitLab merges it into `{}`, not `{}`", found.target_branch, branch.name());
        let error = call.error(ErrorKind::Conflict, reason).with_effect(Effect::Unknown);
        return Err(error.advise("look at that branch, and let this account merge into no branch of production"));
    }
    let pull = pull_requests::view(call, found).await.map_err(|error| error.with_effect(Effect::Unknown))?;
    match pull.state {
        PullRequestState::Merged { commit, .. } => Ok(commit),
        _ => Err(call.attempt.strange("it is not merged").with_effect(Effect::Unknown)),
    }
}

fn under_way(call: &Call<'_>) -> Error {
    let error = call.error(ErrorKind::Unavailable, "a merge of it is under way").with_retry(Retry::Backoff);
    error.with_effect(Effect::Unknown)
}

/// Why GitLab does not merge: its answer says no more than that it does not. An earlier call may have merged it.
async fn refused(
    call: &Call<'_>,
    number: PullRequestNumber,
    head: &CommitId,
    branch: &MergeableBranch,
    answer: &Answer,
) -> Result<CommitId> {
    let found = pull_requests::found(call, number).await.map_err(|error| error.with_effect(Effect::Unknown))?;
    if found.is_merged() && found.sha.as_ref() == Some(head) {
        return merged(call, found, branch).await;
    }
    if found.is_locked() {
        return Err(under_way(call));
    }
    if !matches!(answer.status.as_u16(), 405 | 422) {
        return Err(call.attempt.refused(answer, Effect::Unknown));
    }
    let said = words(answer);
    Err(match found.detailed_merge_status.as_deref() {
        Some("conflict" | "broken_status" | "need_rebase") => {
            call.error(ErrorKind::Conflict, "it conflicts with its base branch")
        }
        Some("checking" | "unchecked" | "preparing" | "approvals_syncing") => {
            call.error(ErrorKind::Unavailable, "GitLab has not looked yet whether it can be merged").with_retry(Retry::Backoff)
        }
        Some(status) => call.error(ErrorKind::Denied, format_args!("{said}: {status}")),
        None => call.error(ErrorKind::Denied, said),
    })
}

/// Whether what the branch asks for is there, for this head.
async fn meets(call: &Call<'_>, pull: &PullRequest, rules: &BranchProtection) -> Result<()> {
    let reviews = if rules.required_approvals > 0 { reviews::reviews(call, pull.number).await? } else { Vec::new() };
    let checks = if rules.required_checks.is_empty() { Vec::new() } else { checks::checks(call, &pull.head).await? };
    match missing(pull, rules, &reviews, &checks) {
        Some(reason) => Err(call.error(ErrorKind::Denied, reason)),
        None => Ok(()),
    }
}
