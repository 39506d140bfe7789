//! Branches.

use gitlab::api::projects::repository::branches::{Branch, CreateBranch, DeleteBranch};
use http::StatusCode;
use pathops_core::{BranchName, CommitId, Effect, ErrorKind, Result};
use serde::Deserialize;

use super::client::Call;
use super::errors::{says, short};
use super::{commits, protection};
use crate::rest::Freshness;

#[derive(Deserialize)]
pub(super) struct Found {
    commit: Named,
    #[serde(default)]
    pub(super) protected: bool,
}

#[derive(Deserialize)]
struct Named {
    id: CommitId,
}

pub(super) async fn found(call: &Call<'_>, branch: &BranchName) -> Result<Option<Found>> {
    let asked = call.ask(Branch::builder().project(call.project()).branch(branch.as_str()).build())?;
    match call.find(asked, Freshness::Ask).await? {
        Some(found) => Ok(Some(found)),
        None => protection::project(call).await.map(|_| None),
    }
}

/// Where a branch is. A repository without any commit has none.
pub(super) async fn head(call: &Call<'_>, branch: &BranchName) -> Result<Option<CommitId>> {
    Ok(found(call, branch).await?.map(|found| found.commit.id))
}

pub(super) async fn create(call: &Call<'_>, branch: &BranchName, at: &CommitId) -> Result<()> {
    commits::known(call, at).await?; // GitLab would take it for a branch of that name too.
    let described = CreateBranch::builder().project(call.project()).branch(branch.as_str()).ref_(at.as_str()).build();
    let answer = call.sent(call.ask(described)?).await?;
    if answer.status.is_success() {
        return Ok(());
    }
    if !says(&answer, "already exists") {
        return Err(call.attempt.refused(&answer, Effect::Unknown));
    }
    match head(call, branch).await? {
        Some(head) if head == *at => Ok(()),
        Some(head) => Err(call.error(ErrorKind::AlreadyExists, format_args!("it is there and points to {}", short(&head)))),
        None => Err(call.error(ErrorKind::Conflict, "it was there, and is gone again")),
    }
}

/// Between looking and deleting the branch may move; GitLab has no way to delete it only where it is.
pub(super) async fn delete(call: &Call<'_>, branch: &BranchName, expected: &CommitId) -> Result<()> {
    let Some(head) = head(call, branch).await? else { return Ok(()) };
    if head != *expected {
        return Err(moved(call, &head, expected));
    }
    let described = DeleteBranch::builder().project(call.project()).branch(branch.as_str()).build();
    let answer = call.sent(call.ask(described)?).await?;
    let gone = answer.status.is_success() || answer.status == StatusCode::NOT_FOUND;
    if gone { Ok(()) } else { Err(call.attempt.refused(&answer, Effect::Unknown)) }
}

pub(super) fn moved(call: &Call<'_>, head: &CommitId, expected: &CommitId) -> pathops_core::Error {
    let reason = format!("its head is {}, not {}", short(head), short(expected));
    call.error(ErrorKind::Conflict, reason).advise("read the branch again")
}
