//! What people say on a pull request: reviews, and comments on the whole of it.

use async_trait::async_trait;
use http::Method;
use pathops_core::adapter::{Comment, Review, ReviewState};
use pathops_core::{CommitId, Error, ErrorKind, PullRequestNumber, Result};
use serde::Deserialize;
use serde_json::json;

use super::client::{Call, Write};
use super::people::Account;
use crate::rest::comment::{self, Place};

/// What stands for the commit of a review that GitHub does not tell: it is no commit's id, so no approval counts by it.
const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// What GitHub calls people who belong to a repository.
const MEMBERS: [&str; 3] = ["OWNER", "MEMBER", "COLLABORATOR"];

#[derive(Deserialize)]
struct FoundReview {
    user: Option<Account>,
    state: String,
    commit_id: Option<CommitId>,
    submitted_at: Option<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    author_association: String,
}

#[derive(Deserialize)]
struct FoundComment {
    id: u64,
    user: Option<Account>,
    #[serde(default)]
    body: Option<String>,
}

pub(super) async fn reviews(call: &Call<'_>, number: PullRequestNumber) -> Result<Vec<Review>> {
    Ok(of_all(call, number).await?.into_iter().map(|(review, _)| review).collect())
}

/// Those of people who belong to the repository, and not of whoever may read it, nor of a deleted account. Where the credential
/// may not see that somebody is a member of the organisation, GitHub does not call them one.
pub(super) async fn of_members(call: &Call<'_>, number: PullRequestNumber) -> Result<Vec<Review>> {
    let of_member = |(review, is_member): (Review, bool)| is_member.then_some(review);
    Ok(of_all(call, number).await?.into_iter().filter_map(of_member).collect())
}

/// All that were said, and whether their author belongs to the repository.
async fn of_all(call: &Call<'_>, number: PullRequestNumber) -> Result<Vec<(Review, bool)>> {
    let found: Vec<FoundReview> = call.pages(&call.path(&format!("/pulls/{}/reviews", number.0))).await?;
    let people = call.people().await?;
    let mut reviews = Vec::with_capacity(found.len());
    for review in found {
        let state = match review.state.as_str() {
            "APPROVED" => ReviewState::Approved,
            "CHANGES_REQUESTED" => ReviewState::ChangesRequested,
            "DISMISSED" => ReviewState::Dismissed,
            "PENDING" => continue, // Not said yet.
            _ => ReviewState::Commented,
        };
        let no_commit = || NO_COMMIT.parse().map_err(|e| call.attempt.strange(e));
        let is_member = review.user.is_some() && MEMBERS.contains(&review.author_association.as_str());
        let review = Review {
            author: people.who(review.user.as_ref()),
            state,
            commit: review.commit_id.map_or_else(no_commit, Ok)?,
            at: review.submitted_at.map_or(Ok(Default::default()), |at| at.parse()).map_err(|e| call.attempt.strange(e))?,
            body: review.body.unwrap_or_default(),
        };
        reviews.push((review, is_member));
    }
    Ok(reviews)
}

async fn found(call: &Call<'_>, number: PullRequestNumber) -> Result<Vec<FoundComment>> {
    call.pages(&call.path(&format!("/issues/{}/comments", number.0))).await
}

pub(super) async fn comments(call: &Call<'_>, number: PullRequestNumber) -> Result<Vec<Comment>> {
    let (found, people) = (found(call, number).await?, call.people().await?);
    let view = |comment: FoundComment| Comment {
        id: comment.id,
        author: people.who(comment.user.as_ref()),
        body: comment.body.unwrap_or_default(),
    };
    Ok(found.into_iter().map(view).collect())
}

pub(super) async fn put_comment(call: &Call<'_>, number: PullRequestNumber, marker: &str, text: &str) -> Result<u64> {
    comment::put(&call.client.comments, &On { call, number }, &call.named(number), marker, text).await
}

/// The comments on one pull request.
struct On<'a, 'c> {
    call: &'a Call<'c>,
    number: PullRequestNumber,
}

#[async_trait]
impl Place for On<'_, '_> {
    fn invalid(&self, why: &'static str) -> Error {
        self.call.error(ErrorKind::Invalid, why)
    }

    async fn mine(&self) -> Result<Vec<(u64, String)>> {
        let (found, people) = (found(self.call, self.number).await?, self.call.people().await?);
        let mine = found.into_iter().filter(|comment| people.is_me(comment.user.as_ref()));
        Ok(mine.map(|comment| (comment.id, comment.body.unwrap_or_default())).collect())
    }

    async fn create(&self, text: &str) -> Result<u64> {
        let path = self.call.path(&format!("/issues/{}/comments", self.number.0));
        let made: FoundComment = self.call.send(Write::Seen, Method::POST, &path, &json!({ "body": text })).await?;
        Ok(made.id)
    }

    async fn edit(&self, id: u64, text: &str) -> Result<u64> {
        let path = self.call.path(&format!("/issues/comments/{id}"));
        let edited: FoundComment = self.call.send(Write::Seen, Method::PATCH, &path, &json!({ "body": text })).await?;
        Ok(edited.id)
    }
}
