//! What people say on a pull request: reviews, and comments on the whole of it.

use http::Method;
use pathops_core::adapter::{Comment, Review, ReviewState};
use pathops_core::{CommitId, Digest, ErrorKind, PullRequestNumber, Result};
use serde::Deserialize;
use serde_json::json;

use super::client::{Call, Write};
use super::people::Account;

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
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_/:.".contains(c);
    if marker.is_empty() || !marker.chars().all(allowed) {
        return Err(call.error(ErrorKind::Invalid, "a marker has letters, digits, `-`, `_`, `/`, `:` and `.`"));
    }
    let first = format!("<!-- pathops:{marker} -->");
    let body = format!("{first}\n{text}");
    let place = call.named(format_args!("{number} {marker}"));
    let says = Digest::of(body.as_bytes());
    // What it said last is read back: somebody may have changed it since.
    if let Some((id, _)) = call.client.comments.get(&place).filter(|(_, said)| *said != says) {
        match edit(call, id, &body).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {} // Somebody deleted it.
            Err(error) => return Err(error),
            Ok(id) => {
                call.client.comments.put(place, 1, (id, says));
                return Ok(id);
            }
        }
    }
    let (found, people) = (found(call, number).await?, call.people().await?);
    // Whoever edits a comment on the web pages turns the ends of its lines into `\r\n`, which is an end for `lines` too.
    let begins = |comment: &FoundComment| comment.body.as_ref().and_then(|body| body.lines().next()) == Some(first.as_str());
    let mine = found.into_iter().find(|comment| people.is_me(comment.user.as_ref()) && begins(comment));
    let id = match mine {
        Some(comment) if comment.body.as_deref() == Some(&body) => comment.id,
        Some(comment) => edit(call, comment.id, &body).await?,
        None => {
            let path = call.path(&format!("/issues/{}/comments", number.0));
            call.send::<FoundComment>(Write::Seen, Method::POST, &path, &json!({ "body": body })).await?.id
        }
    };
    call.client.comments.put(place, 1, (id, says));
    Ok(id)
}

async fn edit(call: &Call<'_>, id: u64, body: &str) -> Result<u64> {
    let path = call.path(&format!("/issues/comments/{id}"));
    let edited: FoundComment = call.send(Write::Seen, Method::PATCH, &path, &json!({ "body": body })).await?;
    Ok(edited.id)
}
