//! Merging, for branches that policy lets PathOps merge.
//!
//! GitHub holds a merge to the rules of the branch, but it takes whoever opened the pull request for its author. In whose name it
//! was opened only this adapter knows, so it counts the approvals itself too.

use std::collections::BTreeMap;

use http::Method;
use pathops_core::adapter::{BranchProtection, CheckState, MergeableBranch, PullRequest, PullRequestState, Review, ReviewState};
use pathops_core::{CommitId, Effect, ErrorKind, PersonId, Principal, PullRequestNumber, Result};
use serde::Deserialize;
use serde_json::json;

use super::client::{Call, Write};
use super::errors::{Words, short};
use super::{checks, protection, pull_requests, reviews};

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
    let pull = pull_requests::read(call, number).await?;
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
        405 => Err(call.error(ErrorKind::Denied, Words::of(&answer).all())),
        _ => Err(call.attempt.refused(&answer, Effect::Unknown)),
    }
}

/// Whether what the branch asks for is there, for this head.
async fn meets(call: &Call<'_>, pull: &PullRequest, rules: &BranchProtection) -> Result<()> {
    if rules.required_approvals > 0 {
        let count = approvals(pull, &reviews::of_members(call, pull.number).await?);
        if count < rules.required_approvals {
            let reason = format!("{count} of {} approvals of its head are there", rules.required_approvals);
            return Err(call.error(ErrorKind::Denied, reason));
        }
    }
    if rules.required_checks.is_empty() {
        return Ok(());
    }
    let checks = checks::checks(call, &pull.head).await?;
    for required in &rules.required_checks {
        let mut found = checks.iter().filter(|check| check.name == required.as_str()).peekable();
        if found.peek().is_none() || found.any(|check| check.state != CheckState::Success) {
            return Err(call.error(ErrorKind::Denied, format_args!("the required check `{required}` is no success")));
        }
    }
    Ok(())
}

/// How many people approve the head by the last thing they said, besides who answers for the change.
fn approvals(pull: &PullRequest, reviews: &[Review]) -> u32 {
    let mut last: BTreeMap<&PersonId, bool> = BTreeMap::new();
    for review in reviews.iter().filter(|review| review.state != ReviewState::Commented) {
        if let Principal::Human(person) = &review.author {
            last.insert(person, review.state == ReviewState::Approved && review.commit == pull.head);
        }
    }
    let count = last.into_iter().filter(|(person, approves)| *approves && pull.author.person() != Some(person)).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}
