//! Pull requests.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use pathops_core::adapter::{NewPullRequest, PullRequest, PullRequestState, PullRequestUpdate};
use pathops_core::{BranchName, CommitId, Effect, ErrorKind, IdempotencyKey, PersonId, Principal, PullRequestNumber, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Call, Write, escaped};
use super::errors::Words;
use super::people::{Account, login, person};
use crate::rest::mark::Mark;

/// The longest title.
pub(super) const TITLE_MAX_CHARS: usize = 256;

/// A pull request, as GitHub gives it; in a list some fields are missing.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Found {
    number: PullRequestNumber,
    title: String,
    #[serde(default)]
    body: Option<String>,
    state: String,
    #[serde(default)]
    user: Option<Account>,
    head: Side,
    base: Side,
    html_url: String,
    #[serde(default)]
    requested_reviewers: Vec<Reviewer>,
    #[serde(default)]
    merged_at: Option<String>,
    #[serde(default)]
    merged_by: Option<Account>,
    #[serde(default)]
    merge_commit_sha: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
struct Side {
    #[serde(rename = "ref")]
    branch: String,
    sha: CommitId,
    /// Nobody where the fork was deleted.
    #[serde(default)]
    repo: Option<Repository>,
}

#[derive(Clone, Debug, Deserialize)]
struct Repository {
    id: u64,
}

#[derive(Clone, Debug, Deserialize)]
struct Reviewer {
    login: String,
}

impl Found {
    fn is_open(&self) -> bool {
        self.state == "open"
    }

    /// Whether its branch is in this repository, and not in a fork.
    fn is_from_here(&self) -> bool {
        let id = |side: &Side| side.repo.as_ref().map(|repository| repository.id);
        id(&self.head).is_some() && id(&self.head) == id(&self.base)
    }

    fn reviewers(&self) -> Vec<PersonId> {
        self.requested_reviewers.iter().filter_map(|reviewer| person(&reviewer.login)).collect()
    }
}

async fn found(call: &Call<'_>, number: PullRequestNumber) -> Result<Found> {
    call.get(&call.path(&format!("/pulls/{}", number.0))).await
}

/// Everything from a branch of this repository, oldest first.
async fn found_from(call: &Call<'_>, head: &BranchName) -> Result<Vec<Found>> {
    let owner = call.repo.as_str().split_once('/').map_or("", |(owner, _)| owner);
    let head = escaped(head.as_str());
    let path = call.path(&format!("/pulls?head={owner}:{head}&state=all&sort=created&direction=asc"));
    let mut all: Vec<Found> = call.pages(&path).await?;
    all.retain(Found::is_from_here);
    Ok(all)
}

pub(super) async fn read(call: &Call<'_>, number: PullRequestNumber) -> Result<PullRequest> {
    view(call, found(call, number).await?).await
}

pub(super) async fn from(call: &Call<'_>, head: &BranchName) -> Result<Vec<PullRequest>> {
    let mut all = Vec::new();
    for listed in found_from(call, head).await? {
        let whole = if listed.merged_at.is_some() { found(call, listed.number).await? } else { listed };
        all.push(view(call, whole).await?);
    }
    Ok(all)
}

async fn view(call: &Call<'_>, found: Found) -> Result<PullRequest> {
    let people = call.people().await?;
    let state = match (&found.merged_at, &found.merge_commit_sha) {
        (Some(at), Some(commit)) => PullRequestState::Merged {
            by: people.who(found.merged_by.as_ref()),
            commit: commit.parse().map_err(|e| call.attempt.strange(e))?,
            at: at.parse().map_err(|e| call.attempt.strange(e))?,
        },
        (Some(_), None) => return Err(call.attempt.strange("a merge without a commit")),
        (None, _) if found.is_open() => PullRequestState::Open,
        (None, _) => PullRequestState::Closed { by: closed_by(call, found.number).await? },
    };
    let (reviewers, body) = (found.reviewers(), found.body.unwrap_or_default());
    let (words, mark) = match people.is_me(found.user.as_ref()) {
        true => Mark::split(&body),
        false => (body.as_str(), None),
    };
    Ok(PullRequest {
        number: found.number,
        title: found.title,
        body: words.to_owned(),
        author: mark.map_or_else(|| people.who(found.user.as_ref()), |mark| mark.by),
        head_branch: found.head.branch.parse().map_err(|e| call.attempt.strange(e))?,
        head: found.head.sha,
        base: found.base.branch.parse().map_err(|e| call.attempt.strange(e))?,
        reviewers,
        state,
        url: found.html_url,
    })
}

/// Only as an issue a pull request says who closed it.
async fn closed_by(call: &Call<'_>, number: PullRequestNumber) -> Result<Principal> {
    #[derive(Deserialize)]
    struct Issue {
        #[serde(default)]
        closed_by: Option<Account>,
    }
    let issue: Issue = call.get(&call.path(&format!("/issues/{}", number.0))).await?;
    Ok(call.people().await?.who(issue.closed_by.as_ref()))
}

fn check_title(call: &Call<'_>, title: &str) -> Result<()> {
    let chars = title.chars().count();
    if chars == 0 || chars > TITLE_MAX_CHARS || title.chars().any(char::is_control) {
        let rule = format!("a title has 1 to {TITLE_MAX_CHARS} characters on one line; this one has {chars}");
        return Err(call.error(ErrorKind::Invalid, rule));
    }
    Ok(())
}

/// Once a key: it is looked for before, and again where GitHub says that there is one.
pub(super) async fn open(call: &Call<'_>, key: &IdempotencyKey, new: &NewPullRequest) -> Result<PullRequest> {
    check_title(call, &new.title)?;
    if let Some(earlier) = opened(call, key, new).await? {
        return settled(call, earlier, new).await;
    }
    let body = Mark::new(key, &new.author).on(&new.body);
    let wish = json!({ "title": new.title, "body": body, "head": new.head, "base": new.base });
    let answer = call.sent(Write::Seen, Method::POST, &call.path("/pulls"), &wish).await?;
    if answer.status == StatusCode::UNPROCESSABLE_ENTITY && Words::of(&answer).has("already exists") {
        let earlier = opened(call, key, new).await?;
        let earlier = earlier.ok_or_else(|| call.error(ErrorKind::AlreadyExists, "one is open from that branch"))?;
        return settled(call, earlier, new).await;
    }
    if !answer.status.is_success() {
        return Err(call.attempt.refused(&answer, Effect::Unknown));
    }
    let made = call.parse(&answer, Effect::Unknown)?;
    // It is open by now.
    let asked = async { view(call, ask(call, made, &new.reviewers).await?).await };
    asked.await.map_err(|error| error.with_effect(Effect::Unknown))
}

/// What was opened with this key; an error where one is open that was opened with another.
async fn opened(call: &Call<'_>, key: &IdempotencyKey, new: &NewPullRequest) -> Result<Option<Found>> {
    let people = call.people().await?;
    let mut open = None;
    for found in found_from(call, &new.head).await?.into_iter().filter(|found| found.base.branch == new.base.as_str()) {
        let mark = Mark::split(found.body.as_deref().unwrap_or_default()).1;
        if people.is_me(found.user.as_ref()) && mark.is_some_and(|mark| mark.is_of(key)) {
            return Ok(Some(found));
        }
        open = open.or(found.is_open().then_some(found.number));
    }
    match open {
        Some(number) => Err(call.error(ErrorKind::AlreadyExists, format_args!("{number} is open from that branch"))),
        None => Ok(None),
    }
}

/// What was opened before, with what was left undone then: nobody was asked for a review, and nobody gave one.
async fn settled(call: &Call<'_>, earlier: Found, new: &NewPullRequest) -> Result<PullRequest> {
    let number = earlier.number;
    if earlier.is_open() && !new.reviewers.is_empty() && earlier.requested_reviewers.is_empty() {
        let reviews: Vec<Value> = call.pages(&call.path(&format!("/pulls/{}/reviews", number.0))).await?;
        if reviews.is_empty() {
            ask(call, earlier, &new.reviewers).await?;
        }
    }
    read(call, number).await
}

async fn ask(call: &Call<'_>, found: Found, reviewers: &[PersonId]) -> Result<Found> {
    if reviewers.is_empty() {
        return Ok(found);
    }
    request(call, Method::POST, found.number, reviewers).await
}

async fn request(call: &Call<'_>, method: Method, number: PullRequestNumber, people: &[PersonId]) -> Result<Found> {
    let wish = json!({ "reviewers": people.iter().map(login).collect::<Vec<_>>() });
    let path = call.path(&format!("/pulls/{}/requested_reviewers", number.0));
    call.send(Write::Seen, method, &path, &wish).await
}

pub(super) async fn update(call: &Call<'_>, number: PullRequestNumber, update: &PullRequestUpdate) -> Result<()> {
    if let Some(title) = &update.title {
        check_title(call, title)?;
    }
    let found = found(call, number).await?;
    let mut wish = serde_json::Map::new();
    wish.extend(update.title.clone().map(|title| ("title".to_owned(), title.into())));
    if let Some(body) = &update.body {
        let mine = call.people().await?.is_me(found.user.as_ref());
        let mark = Mark::split(found.body.as_deref().unwrap_or_default()).1.filter(|_| mine);
        wish.insert("body".to_owned(), mark.map_or_else(|| body.clone(), |mark| mark.on(body)).into());
    }
    if !wish.is_empty() {
        let path = call.path(&format!("/pulls/{}", number.0));
        call.send::<Value>(Write::Seen, Method::PATCH, &path, &wish).await?;
    }
    let Some(wanted) = &update.reviewers else { return Ok(()) };
    let asked = replace_reviewers(call, &found, wanted).await;
    asked.map_err(|error| if wish.is_empty() { error } else { error.with_effect(Effect::Unknown) })
}

async fn replace_reviewers(call: &Call<'_>, found: &Found, wanted: &[PersonId]) -> Result<()> {
    let (asked, wanted): (BTreeSet<_>, BTreeSet<_>) = (found.reviewers().into_iter().collect(), wanted.iter().cloned().collect());
    let more: Vec<_> = wanted.difference(&asked).cloned().collect();
    let fewer: Vec<_> = asked.difference(&wanted).cloned().collect();
    if !more.is_empty() {
        request(call, Method::POST, found.number, &more).await?;
    }
    if !fewer.is_empty() {
        let done = request(call, Method::DELETE, found.number, &fewer).await;
        done.map_err(|error| if more.is_empty() { error } else { error.with_effect(Effect::Unknown) })?;
    }
    Ok(())
}

pub(super) async fn close(call: &Call<'_>, number: PullRequestNumber) -> Result<()> {
    let found = found(call, number).await?;
    if found.merged_at.is_some() {
        return Err(call.error(ErrorKind::Conflict, "it is merged"));
    }
    if !found.is_open() {
        return Ok(());
    }
    let path = call.path(&format!("/pulls/{}", number.0));
    call.send::<Value>(Write::Seen, Method::PATCH, &path, &json!({ "state": "closed" })).await.map(drop)
}
