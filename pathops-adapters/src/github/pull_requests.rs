//! Pull requests.

use std::collections::BTreeSet;

use http::{Method, StatusCode};
use pathops_core::adapter::{NewPullRequest, PullRequest, PullRequestMeta, PullRequestState, PullRequestUpdate};
use pathops_core::{BranchName, CommitId, Effect, ErrorKind, IdempotencyKey, Principal, PullRequestNumber, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Call, Write, escaped};
use super::errors::Words;
use super::meta::{Borne, Request, set_draft, slugs};
use super::people::Account;
use super::queue;
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
    /// The name that GitHub's GraphQL API has for it.
    #[serde(default)]
    pub(super) node_id: String,
    #[serde(flatten)]
    borne: Borne,
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

impl Found {
    fn is_open(&self) -> bool {
        self.state == "open"
    }

    /// Whether its branch is in this repository, and not in a fork.
    fn is_from_here(&self) -> bool {
        let id = |side: &Side| side.repo.as_ref().map(|repository| repository.id);
        id(&self.head).is_some() && id(&self.head) == id(&self.base)
    }
}

pub(super) async fn found(call: &Call<'_>, number: PullRequestNumber) -> Result<Found> {
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

pub(super) async fn view(call: &Call<'_>, found: Found) -> Result<PullRequest> {
    let people = call.people().await?;
    let state = match (&found.merged_at, &found.merge_commit_sha) {
        (Some(at), Some(commit)) => PullRequestState::Merged {
            by: queue::merged_by(call, found.number, found.merged_by.as_ref()).await?,
            commit: commit.parse().map_err(|e| call.attempt.strange(e))?,
            at: at.parse().map_err(|e| call.attempt.strange(e))?,
        },
        (Some(_), None) => return Err(call.attempt.strange("a merge without a commit")),
        (None, _) if found.is_open() => PullRequestState::Open,
        (None, _) => PullRequestState::Closed { by: closed_by(call, found.number).await? },
    };
    let (reviewers, meta) = (found.borne.reviewers().into_iter().collect(), found.borne.meta());
    let body = found.body.unwrap_or_default();
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
        meta,
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
    let wish = json!({ "title": new.title, "body": body, "head": new.head, "base": new.base, "draft": new.meta.draft });
    let answer = call.sent(Write::Seen, Method::POST, &call.path("/pulls"), &wish).await?;
    if answer.status == StatusCode::UNPROCESSABLE_ENTITY && Words::of(&answer).has("already exists") {
        let earlier = opened(call, key, new).await?;
        let earlier = earlier.ok_or_else(|| call.error(ErrorKind::AlreadyExists, "one is open from that branch"))?;
        return settled(call, earlier, new).await;
    }
    if new.meta.draft && answer.status == StatusCode::UNPROCESSABLE_ENTITY && Words::of(&answer).has("draft") {
        let error = call.error(ErrorKind::Unsupported, Words::of(&answer).all());
        return Err(error.advise("open no drafts in this repository: GitHub has none for it"));
    }
    if !answer.status.is_success() {
        return Err(call.attempt.refused(&answer, Effect::Unknown));
    }
    let mut made: Found = call.parse(&answer, Effect::Unknown)?;
    // It is open by now.
    let borne = async {
        bear(call, &mut made, new, true).await?;
        view(call, made).await
    };
    borne.await.map_err(|error| error.with_effect(Effect::Unknown))
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
async fn settled(call: &Call<'_>, mut earlier: Found, new: &NewPullRequest) -> Result<PullRequest> {
    let number = earlier.number;
    if earlier.is_open() {
        let asks = !new.reviewers.is_empty() || !new.meta.teams.is_empty();
        let unasked = asks && earlier.borne.asks_nobody();
        let unheard = unasked && call.pages::<Value>(&call.path(&format!("/pulls/{}/reviews", number.0))).await?.is_empty();
        bear(call, &mut earlier, new, unheard).await?;
    }
    read(call, number).await
}

/// Sets what a pull request that is open does not bear yet.
async fn bear(call: &Call<'_>, found: &mut Found, new: &NewPullRequest, ask: bool) -> Result<()> {
    let PullRequestMeta { labels, assignees, teams, .. } = &new.meta;
    let request = Request { method: Method::POST, people: new.reviewers.clone(), teams: slugs(teams).into_iter().collect() };
    if ask && !request.is_empty() {
        found.borne.ask(call, found.number, &request).await?;
    }
    found.borne.label(call, found.number, labels).await?;
    if !assignees.is_empty() && found.borne.meta().assignees.is_empty() {
        found.borne.assign(call, found.number, assignees).await?;
    }
    Ok(())
}

/// Each part in a call of its own: once one is made, what follows leaves it unknown how far it came.
pub(super) async fn update(call: &Call<'_>, number: PullRequestNumber, update: &PullRequestUpdate) -> Result<()> {
    if let Some(title) = &update.title {
        check_title(call, title)?;
    }
    let mut found = found(call, number).await?;
    let wish = words(call, &found, update).await?;
    let mut begun = false;
    let done = async {
        if !wish.is_empty() {
            let path = call.path(&format!("/pulls/{}", number.0));
            call.send::<Value>(Write::Seen, Method::PATCH, &path, &wish).await?;
            begun = true;
        }
        for request in requests(&found.borne, update) {
            found.borne.ask(call, number, &request).await?;
            begun = true;
        }
        begun |= found.borne.label(call, number, &update.labels).await?;
        if let Some(people) = update.assignees.as_ref().filter(|people| **people != found.borne.meta().assignees) {
            found.borne.assign(call, number, people).await?;
            begun = true;
        }
        match update.draft.filter(|draft| *draft != found.borne.draft) {
            Some(draft) => set_draft(call, &found.node_id, draft).await,
            None => Ok(()),
        }
    };
    done.await.map_err(|error| if begun { error.with_effect(Effect::Unknown) } else { error })
}

/// The words that change.
async fn words(call: &Call<'_>, found: &Found, update: &PullRequestUpdate) -> Result<serde_json::Map<String, Value>> {
    let mut wish = serde_json::Map::new();
    wish.extend(update.title.clone().map(|title| ("title".to_owned(), title.into())));
    if let Some(body) = &update.body {
        let mine = call.people().await?.is_me(found.user.as_ref());
        let mark = Mark::split(found.body.as_deref().unwrap_or_default()).1.filter(|_| mine);
        wish.insert("body".to_owned(), mark.map_or_else(|| body.clone(), |mark| mark.on(body)).into());
    }
    Ok(wish)
}

/// Who is asked for a review from now on and is not yet, and who is and is no more.
fn requests(now: &Borne, update: &PullRequestUpdate) -> Vec<Request> {
    fn differ<T: Ord + Clone>(now: BTreeSet<T>, wanted: Option<BTreeSet<T>>) -> [Vec<T>; 2] {
        let Some(wanted) = wanted else { return [Vec::new(), Vec::new()] };
        [wanted.difference(&now).cloned().collect(), now.difference(&wanted).cloned().collect()]
    }
    let [more_people, fewer_people] = differ(now.reviewers(), update.reviewers.clone().map(|all| all.into_iter().collect()));
    let [more_teams, fewer_teams] = differ(now.meta().teams, update.teams.as_ref().map(slugs));
    let more = Request { method: Method::POST, people: more_people, teams: more_teams };
    let fewer = Request { method: Method::DELETE, people: fewer_people, teams: fewer_teams };
    [more, fewer].into_iter().filter(|request| !request.is_empty()).collect()
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
