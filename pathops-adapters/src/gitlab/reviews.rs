//! What people say on a merge request: reviews, and notes on the whole of it.
//!
//! GitLab keeps no commit with an approval. It does keep, in notes that nobody can write by hand, who approved and when, and of
//! each state of the merge request when it was worked out. An approval is for the state that was the newest then, once that was there
//! for as long as pages take to show it; before that nobody can tell what was shown, and it is for none. And it is one only as long
//! as GitLab counts it.

use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use gitlab::api::common::SortOrder;
use gitlab::api::projects::merge_requests::approvals::MergeRequestApprovals;
use gitlab::api::projects::merge_requests::notes::{CreateMergeRequestNote, EditMergeRequestNote, MergeRequestNotes};
use pathops_core::adapter::{Comment, Review, ReviewState};
use pathops_core::{CommitId, Error, ErrorKind, PullRequestNumber, Result, UnixMillis};
use serde::Deserialize;

use super::client::Call;
use super::people::Account;
use super::words;
use crate::rest::Freshness;
use crate::rest::comment::{self, Place};

/// What stands for a commit that nobody can tell: it is no commit's id, so no approval counts by it.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

#[derive(Deserialize)]
struct Note {
    id: u64,
    #[serde(default)]
    body: String,
    author: Option<Account>,
    created_at: String,
    /// Whether GitLab wrote it.
    #[serde(default)]
    system: bool,
}

/// A state of a merge request.
#[derive(Deserialize)]
struct Version {
    head_commit_sha: Option<CommitId>,
    created_at: String,
}

#[derive(Deserialize)]
struct Approvals {
    #[serde(default)]
    approved_by: Vec<Approver>,
}

#[derive(Deserialize)]
struct Approver {
    user: Account,
}

/// What a note of GitLab's own says about a review.
fn said(note: &Note) -> Option<ReviewState> {
    match note.body.trim() {
        "approved this merge request" => Some(ReviewState::Approved),
        "unapproved this merge request" => Some(ReviewState::Dismissed),
        body if body.ends_with("requested changes") => Some(ReviewState::ChangesRequested),
        body if body.ends_with("left review comments without approving") => Some(ReviewState::Commented),
        _ => None,
    }
}

async fn notes(call: &Call<'_>, number: PullRequestNumber) -> Result<Vec<Note>> {
    let mut described = MergeRequestNotes::builder();
    described.project(call.project()).merge_request(number.0).sort(SortOrder::Ascending);
    let mut notes: Vec<Note> = call.pages(call.ask(described.build())?).await?;
    notes.sort_by_key(|note| note.id);
    Ok(notes)
}

pub(super) async fn reviews(call: &Call<'_>, number: PullRequestNumber) -> Result<Vec<Review>> {
    let described = MergeRequestApprovals::builder().project(call.project()).merge_request(number.0).build();
    let approvals: Approvals = call.get(call.ask(described)?, Freshness::Ask).await?;
    let mut counted: BTreeSet<u64> = approvals.approved_by.iter().map(|approver| approver.user.id).collect();
    // In this order whatever counted then has its note here, and whatever a note is for has its state.
    let notes = notes(call, number).await?;
    let versions = versions(call, number).await?;
    let people = call.people().await?;
    let no_commit = || NO_COMMIT.parse().map_err(|e| call.attempt.strange(e));
    let mut reviews = Vec::new();
    // From the newest back: of the approvals of one account the last one is what GitLab counts.
    for note in notes.into_iter().rev().filter(|note| note.system) {
        let Some(said) = said(&note) else { continue };
        let at: UnixMillis = note.created_at.parse().map_err(|e| call.attempt.strange(e))?;
        let state = match (said, &note.author) {
            (ReviewState::Approved, Some(author)) if !counted.remove(&author.id) => ReviewState::Dismissed,
            _ => said,
        };
        let author = people.who(call, note.author.as_ref()).await?;
        let commit = shown(&versions, at, call.client.settled).map_or_else(no_commit, |commit| Ok(commit.clone()))?;
        reviews.push(Review { author, state, commit, at, body: String::new() });
    }
    reviews.reverse();
    // Those that GitLab counts and says nothing about.
    for approver in approvals.approved_by.iter().filter(|approver| counted.contains(&approver.user.id)) {
        let (author, at) = (people.who(call, Some(&approver.user)).await?, UnixMillis::default());
        reviews.insert(0, Review { author, state: ReviewState::Approved, commit: no_commit()?, at, body: String::new() });
    }
    Ok(reviews)
}

/// The states of a merge request with the time since when each was there, oldest first.
async fn versions(call: &Call<'_>, number: PullRequestNumber) -> Result<Vec<(UnixMillis, Option<CommitId>)>> {
    let found: Vec<Version> = call.pages(call.look(&format!("/merge_requests/{}/versions", number.0))?).await?;
    let timed = found.into_iter().map(|version| {
        let at = version.created_at.parse().map_err(|e| call.attempt.strange(e))?;
        Ok((at, version.head_commit_sha))
    });
    // GitLab lists the newest first, also where two have one time.
    let mut versions = timed.rev().collect::<Result<Vec<_>>>()?;
    versions.sort_by_key(|(at, _)| *at);
    Ok(versions)
}

/// What somebody saw then, where that can be told: what was there for so long. Before the second state there was only the first.
fn shown(versions: &[(UnixMillis, Option<CommitId>)], then: UnixMillis, settled: Duration) -> Option<&CommitId> {
    let (first, later) = versions.split_first()?;
    match later.iter().rev().find(|(at, _)| *at <= then) {
        None => first.1.as_ref(),
        Some((at, commit)) => commit.as_ref().filter(|_| *at + settled <= then),
    }
}

pub(super) async fn comments(call: &Call<'_>, number: PullRequestNumber) -> Result<Vec<Comment>> {
    let (found, people) = (notes(call, number).await?, call.people().await?);
    let mut comments = Vec::new();
    for note in found.into_iter().filter(|note| !note.system) {
        let author = people.who(call, note.author.as_ref()).await?;
        comments.push(Comment { id: note.id, author, body: words::read(&note.body) });
    }
    Ok(comments)
}

pub(super) async fn put_comment(call: &Call<'_>, number: PullRequestNumber, marker: &str, text: &str) -> Result<u64> {
    comment::put(&call.client.comments, &On { call, number }, &format!("{} {number}", call.repo), marker, text).await
}

/// The notes on one merge request.
struct On<'a, 'c> {
    call: &'a Call<'c>,
    number: PullRequestNumber,
}

#[async_trait]
impl Place for On<'_, '_> {
    fn invalid(&self, why: &'static str) -> Error {
        self.call.error(ErrorKind::Invalid, why)
    }

    /// Without what GitLab cuts off at its end.
    fn written(&self, text: String) -> String {
        words::written(&text).trim_end().to_owned()
    }

    async fn mine(&self) -> Result<Vec<(u64, String)>> {
        let (found, people) = (notes(self.call, self.number).await?, self.call.people().await?);
        let mine = found.into_iter().filter(|note| !note.system && people.is_me(note.author.as_ref()));
        Ok(mine.map(|note| (note.id, note.body)).collect())
    }

    async fn create(&self, text: &str) -> Result<u64> {
        let mut described = CreateMergeRequestNote::builder();
        described.project(self.call.project()).merge_request(self.number.0).body(text);
        let made: Note = self.call.send(self.call.ask(described.build())?).await?;
        Ok(made.id)
    }

    async fn edit(&self, id: u64, text: &str) -> Result<u64> {
        let mut described = EditMergeRequestNote::builder();
        described.project(self.call.project()).merge_request(self.number.0).note(id).body(text);
        let edited: Note = self.call.send(self.call.ask(described.build())?).await?;
        Ok(edited.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gitlab::PAGES_SETTLE;

    #[test]
    fn an_approval_is_for_the_state_that_was_shown() {
        let commit = |digit: &str| -> CommitId { digit.repeat(40).parse().unwrap() };
        let versions = [(UnixMillis(1_000_000), Some(commit("1"))), (UnixMillis(2_000_000), Some(commit("2")))];
        for (then, seen) in [(0, "1"), (1_000_000, "1"), (1_999_999, "1"), (2_030_000, "2"), (9_000_000, "2")] {
            assert_eq!(shown(&versions, UnixMillis(then), PAGES_SETTLE), Some(&commit(seen)), "{then}");
        }
        for then in [2_000_000, 2_029_999] {
            assert_eq!(shown(&versions, UnixMillis(then), PAGES_SETTLE), None, "{then}");
        }
        let at_once = shown(&versions, UnixMillis(2_000_000), Duration::ZERO);
        assert_eq!(at_once, Some(&commit("2")), "where pages show a push at once");
        assert_eq!(shown(&[], UnixMillis(1), PAGES_SETTLE), None);
        assert_eq!(shown(&[(UnixMillis(0), None)], UnixMillis(1), PAGES_SETTLE), None);
    }
}
