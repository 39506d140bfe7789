//! Branches.

use std::time::Duration;

use http::{Method, StatusCode};
use pathops_core::{BranchName, CommitId, Effect, ErrorKind, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Call, Write, escaped};
use super::errors::{Words, short};

/// For how long a branch is believed to be where this adapter has left it. A change is committed right after its branch was made.
const BELIEVED: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Ref {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    sha: CommitId,
}

/// Where a branch is. A repository without any commit has none.
pub(super) async fn head(call: &Call<'_>, branch: &BranchName) -> Result<Option<CommitId>> {
    let path = call.path(&format!("/git/ref/heads/{}", escaped(branch.as_str())));
    let answer = call.fetch(&path, super::client::JSON, crate::rest::Freshness::Ask).await?;
    match answer.status {
        StatusCode::NOT_FOUND => call.get::<Value>(&call.path("")).await.map(|_| None),
        StatusCode::CONFLICT => Ok(None),
        _ => call.parse(&*call.good(answer, Effect::None)?, Effect::None).map(|found: Ref| Some(found.object.sha)),
    }
}

/// Where this adapter has left a branch a moment ago. Others may have moved it since.
pub(super) fn left_at(call: &Call<'_>, branch: &BranchName) -> Option<CommitId> {
    let (head, when) = call.client.heads.get(&call.named(branch)).flatten()?;
    (call.client.clock.now().since(when) < BELIEVED).then_some(head)
}

fn leave(call: &Call<'_>, branch: &BranchName, at: Option<&CommitId>) {
    let left = at.map(|head| (head.clone(), call.client.clock.now()));
    call.client.heads.put(call.named(branch), 1, left);
}

pub(super) async fn create(call: &Call<'_>, branch: &BranchName, at: &CommitId) -> Result<()> {
    let wish = json!({ "ref": format!("refs/heads/{branch}"), "sha": at });
    let answer = call.sent(Write::Seen, Method::POST, &call.path("/git/refs"), &wish).await?;
    if answer.status.is_success() {
        leave(call, branch, Some(at));
        return Ok(());
    }
    if !Words::of(&answer).has("already exists") {
        return Err(call.attempt.refused(&answer, Effect::Unknown));
    }
    match head(call, branch).await? {
        Some(head) if head == *at => Ok(()),
        Some(head) => Err(call.error(ErrorKind::AlreadyExists, format_args!("it is there and points to {}", short(&head)))),
        None => Err(call.error(ErrorKind::Conflict, "it was there, and is gone again")),
    }
}

/// Between looking and deleting the branch may move; GitHub has no way to delete it only where it is.
pub(super) async fn delete(call: &Call<'_>, branch: &BranchName, expected: &CommitId) -> Result<()> {
    let Some(head) = head(call, branch).await? else { return Ok(()) };
    if head != *expected {
        return Err(moved(call, &head, expected));
    }
    leave(call, branch, None);
    let path = call.path(&format!("/git/refs/heads/{}", escaped(branch.as_str())));
    let answer = call.sent(Write::Seen, Method::DELETE, &path, &Value::Null).await?;
    let gone = answer.status.is_success() || Words::of(&answer).has("does not exist");
    if gone { Ok(()) } else { Err(call.attempt.refused(&answer, Effect::Unknown)) }
}

/// Moves a branch forward to a commit that was made on `from`.
pub(super) async fn advance(call: &Call<'_>, branch: &BranchName, from: &CommitId, to: &CommitId) -> Result<()> {
    let path = call.path(&format!("/git/refs/heads/{}", escaped(branch.as_str())));
    let wish = json!({ "sha": to, "force": false });
    let answer = call.sent(Write::Seen, Method::PATCH, &path, &wish).await?;
    if answer.status.is_success() {
        leave(call, branch, Some(to));
        return Ok(());
    }
    leave(call, branch, None);
    let words = Words::of(&answer);
    if words.has("not a fast forward") || words.has("Reference does not exist") {
        let reason = format!("it moved away from {} in the meantime", short(from));
        return Err(call.error(ErrorKind::Conflict, reason).advise("read the branch again"));
    }
    Err(call.attempt.refused(&answer, Effect::Unknown))
}

pub(super) fn moved(call: &Call<'_>, head: &CommitId, expected: &CommitId) -> pathops_core::Error {
    let reason = format!("its head is {}, not {}", short(head), short(expected));
    call.error(ErrorKind::Conflict, reason).advise("read the branch again")
}
