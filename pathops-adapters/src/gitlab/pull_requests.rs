//! Pull requests, which GitLab calls merge requests.

use std::collections::BTreeSet;

use gitlab::api::common::SortOrder;
use gitlab::api::projects::merge_requests::{
    CreateMergeRequest, EditMergeRequest, MergeRequest, MergeRequestOrderBy, MergeRequestScope, MergeRequestStateEvent,
    MergeRequests,
};
use http::StatusCode;
use pathops_core::adapter::{NewPullRequest, PullRequest, PullRequestMeta, PullRequestState, PullRequestUpdate};
use pathops_core::{BranchName, CommitId, Effect, ErrorKind, IdempotencyKey, Label, PersonId, PullRequestNumber, Result};
use serde::Deserialize;
use serde_json::Value;

use super::client::Call;
use super::people::{Account, numbers, person};
use super::scm::capabilities;
use super::{branches, draft, words};
use crate::rest::Freshness;
use crate::rest::mark::Mark;

/// The longest title.
pub(super) const TITLE_MAX_CHARS: usize = 255;

/// A merge request, as GitLab gives it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Found {
    pub(super) iid: PullRequestNumber,
    title: String,
    #[serde(default)]
    description: Option<String>,
    state: String,
    #[serde(default)]
    author: Option<Account>,
    source_branch: String,
    pub(super) target_branch: String,
    /// None where the fork was deleted.
    #[serde(default)]
    source_project_id: Option<u64>,
    target_project_id: u64,
    #[serde(default)]
    pub(super) sha: Option<CommitId>,
    web_url: String,
    #[serde(default)]
    reviewers: Vec<Account>,
    #[serde(default)]
    draft: bool,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    assignees: Vec<Account>,
    #[serde(default)]
    merged_at: Option<String>,
    #[serde(default)]
    merge_user: Option<Account>,
    /// What older ones say in place of it.
    #[serde(default)]
    merged_by: Option<Account>,
    #[serde(default)]
    merge_commit_sha: Option<CommitId>,
    #[serde(default)]
    squash_commit_sha: Option<CommitId>,
    #[serde(default)]
    closed_by: Option<Account>,
    #[serde(default)]
    pub(super) detailed_merge_status: Option<String>,
}

impl Found {
    /// While it is being merged it is locked.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state.as_str(), "opened" | "locked")
    }

    pub(super) fn is_merged(&self) -> bool {
        self.state == "merged"
    }

    /// Whether a merge is under way.
    pub(super) fn is_locked(&self) -> bool {
        self.state == "locked"
    }

    /// Whether its branch is in this project, and not in a fork.
    fn is_from_here(&self) -> bool {
        self.source_project_id == Some(self.target_project_id)
    }

    fn mark(&self) -> Option<Mark> {
        Mark::split(self.description.as_deref().unwrap_or_default()).1
    }

    fn meta(&self) -> PullRequestMeta {
        PullRequestMeta {
            draft: self.draft,
            labels: self.labels.iter().filter_map(|label| label.parse().ok()).collect(),
            assignees: self.assignees.iter().filter_map(|assignee| person(&assignee.username)).collect(),
            teams: BTreeSet::new(),
        }
    }
}

pub(super) async fn found(call: &Call<'_>, number: PullRequestNumber) -> Result<Found> {
    let described = MergeRequest::builder().project(call.project()).merge_request(number.0).build();
    call.get(call.ask(described)?, Freshness::Ask).await
}

/// Everything from a branch of this project, oldest first.
async fn found_from(call: &Call<'_>, head: &BranchName) -> Result<Vec<Found>> {
    let mut described = MergeRequests::builder();
    described.project(call.project()).source_branch(head.as_str()).scope(MergeRequestScope::All);
    described.order_by(MergeRequestOrderBy::CreatedAt).sort(SortOrder::Ascending);
    let mut all: Vec<Found> = call.pages(call.ask(described.build())?).await?;
    all.retain(Found::is_from_here);
    all.sort_by_key(|found| found.iid);
    Ok(all)
}

pub(super) async fn read(call: &Call<'_>, number: PullRequestNumber) -> Result<PullRequest> {
    view(call, found(call, number).await?).await
}

pub(super) async fn from(call: &Call<'_>, head: &BranchName) -> Result<Vec<PullRequest>> {
    let mut all = Vec::new();
    for found in found_from(call, head).await? {
        all.push(view(call, found).await?);
    }
    Ok(all)
}

pub(super) async fn view(call: &Call<'_>, found: Found) -> Result<PullRequest> {
    let people = call.people().await?;
    let head_branch: BranchName = found.source_branch.parse().map_err(|e| call.attempt.strange(e))?;
    let head = match &found.sha {
        Some(sha) => sha.clone(),
        // What is in it is not worked out yet.
        None if found.is_from_here() => {
            let head = branches::head(call, &head_branch).await?;
            head.ok_or_else(|| call.attempt.strange("a merge request without a head"))?
        }
        None => return Err(call.attempt.strange("a merge request without a head")),
    };
    let state = if found.is_merged() {
        let at = found.merged_at.as_ref().ok_or_else(|| call.attempt.strange("a merge without a time"))?;
        PullRequestState::Merged {
            by: people.who(call, found.merge_user.as_ref().or(found.merged_by.as_ref())).await?,
            commit: merged_as(call, &found, &head).await?,
            at: at.parse().map_err(|e| call.attempt.strange(e))?,
        }
    } else if found.is_open() {
        PullRequestState::Open
    } else {
        PullRequestState::Closed { by: people.who(call, found.closed_by.as_ref()).await? }
    };
    let mark = found.mark().filter(|_| people.is_me(found.author.as_ref()));
    let body = found.description.clone().unwrap_or_default();
    let body = words::read(if mark.is_some() { Mark::split(&body).0 } else { &body });
    Ok(PullRequest {
        number: found.iid,
        author: match mark {
            Some(mark) => mark.by,
            None => people.who(call, found.author.as_ref()).await?,
        },
        body,
        head_branch,
        head,
        base: found.target_branch.parse().map_err(|e| call.attempt.strange(e))?,
        reviewers: found.reviewers.iter().filter_map(|reviewer| person(&reviewer.username)).collect(),
        meta: found.meta(),
        state,
        title: draft::read(&found.title, found.draft).to_owned(),
        url: found.web_url,
    })
}

/// What the target branch pointed to then. Where it was only moved forward, GitLab names no commit: it is the head, if that is
/// what the branch holds.
async fn merged_as(call: &Call<'_>, found: &Found, head: &CommitId) -> Result<CommitId> {
    if let Some(commit) = found.merge_commit_sha.as_ref().or(found.squash_commit_sha.as_ref()) {
        return Ok(commit.clone());
    }
    #[derive(Deserialize)]
    struct Named {
        id: CommitId,
    }
    let branch = super::client::escaped(&found.target_branch);
    let both = call.look(&format!("/repository/merge_base?refs[]={branch}&refs[]={head}"))?;
    match call.find::<Named>(both, Freshness::Ask).await? {
        Some(parted) if parted.id == *head => Ok(parted.id),
        _ => Err(call.attempt.strange("a merge without a commit")),
    }
}

/// A title as it is written, where it can be one: of a draft it has a mark, and of nothing else.
fn titled(call: &Call<'_>, title: &str, draft: bool) -> Result<String> {
    let (chars, most) = (title.chars().count(), if draft { TITLE_MAX_CHARS - draft::MARK_CHARS } else { TITLE_MAX_CHARS });
    if chars == 0 || chars > most || title.chars().any(char::is_control) {
        let rule = format!("a title has 1 to {most} characters on one line; this one has {chars}");
        return Err(call.error(ErrorKind::Invalid, rule));
    }
    if draft::is_of_draft(title) {
        let error = call.error(ErrorKind::Invalid, "GitLab takes what is called so for a draft");
        return Err(error.advise("let the title begin in another way"));
    }
    Ok(draft::written(title, draft))
}

/// Refuses what GitLab does not have: it asks no teams for a review.
fn offer(call: &Call<'_>, lack: Option<&'static str>) -> Result<()> {
    lack.map_or(Ok(()), |lack| Err(call.error(ErrorKind::Unsupported, lack)))
}

/// Once a key: it is looked for before, and again where GitLab says that there is one.
pub(super) async fn open(call: &Call<'_>, key: &IdempotencyKey, new: &NewPullRequest) -> Result<PullRequest> {
    offer(call, new.lacks(capabilities()))?;
    let title = titled(call, &new.title, new.meta.draft)?;
    if let Some(earlier) = opened(call, key, new).await? {
        return view(call, earlier).await;
    }
    // GitLab opens one from or for a branch that is not there.
    for branch in [&new.head, &new.base] {
        if branches::head(call, branch).await?.is_none() {
            return Err(call.error(ErrorKind::Invalid, format_args!("there is no branch `{branch}`")));
        }
    }
    let mut described = CreateMergeRequest::builder();
    described
        .project(call.project())
        .title(title.as_str())
        .description(Mark::new(key, &new.author).on(&words::written(&new.body)));
    described.source_branch(new.head.as_str()).target_branch(new.base.as_str()).remove_source_branch(false).squash(false);
    if !new.reviewers.is_empty() {
        described.reviewers(numbers(call, &new.reviewers).await?.into_iter());
    }
    let PullRequestMeta { labels, assignees, .. } = &new.meta;
    if !labels.is_empty() {
        described.labels(labels.iter().map(Label::as_str));
    }
    if !assignees.is_empty() {
        let assignees: Vec<PersonId> = assignees.iter().cloned().collect();
        described.assignees(numbers(call, &assignees).await?.into_iter());
    }
    let answer = call.sent(call.ask(described.build())?).await?;
    if answer.status == StatusCode::CONFLICT {
        let earlier = opened(call, key, new).await?;
        let earlier = earlier.ok_or_else(|| call.error(ErrorKind::AlreadyExists, "one is open from that branch"))?;
        return view(call, earlier).await;
    }
    if !answer.status.is_success() {
        return Err(call.attempt.refused(&answer, Effect::Unknown));
    }
    let made = call.parse(&answer, Effect::Unknown)?;
    view(call, made).await.map_err(|error| error.with_effect(Effect::Unknown))
}

/// What was opened with this key, whatever it is for by now; an error where one is open that was opened with another.
async fn opened(call: &Call<'_>, key: &IdempotencyKey, new: &NewPullRequest) -> Result<Option<Found>> {
    let people = call.people().await?;
    let mut open = None;
    for found in found_from(call, &new.head).await? {
        if people.is_me(found.author.as_ref()) && found.mark().is_some_and(|mark| mark.is_of(key)) {
            return Ok(Some(found));
        }
        open = open.or((found.is_open() && found.target_branch == new.base.as_str()).then_some(found.iid));
    }
    match open {
        Some(number) => Err(call.error(ErrorKind::AlreadyExists, format_args!("{number} is open from that branch"))),
        None => Ok(None),
    }
}

/// All of it in one call.
pub(super) async fn update(call: &Call<'_>, number: PullRequestNumber, update: &PullRequestUpdate) -> Result<()> {
    offer(call, update.lacks(capabilities()))?;
    let found = found(call, number).await?;
    let update = &PullRequestUpdate { draft: update.draft.filter(|draft| *draft != found.draft), ..update.clone() };
    if update == &PullRequestUpdate::default() {
        return Ok(());
    }
    let mut described = EditMergeRequest::builder();
    described.project(call.project()).merge_request(number.0);
    if update.title.is_some() || update.draft.is_some() {
        let title = update.title.as_deref().unwrap_or_else(|| draft::read(&found.title, found.draft));
        described.title(titled(call, title, update.draft.unwrap_or(found.draft))?);
    }
    for label in &update.labels {
        described.add_label(label.as_str());
    }
    match &update.assignees {
        Some(people) if people.is_empty() => drop(described.unassigned()),
        Some(people) => {
            let people: Vec<PersonId> = people.iter().cloned().collect();
            described.assignees(numbers(call, &people).await?.into_iter());
        }
        None => {}
    }
    if let Some(body) = &update.body {
        let mine = call.people().await?.is_me(found.author.as_ref());
        let mark = found.mark().filter(|_| mine);
        let body = words::written(body);
        described.description(mark.map_or_else(|| body.clone(), |mark| mark.on(&body)));
    }
    match update.reviewers.as_deref() {
        Some([]) => drop(described.without_reviewer()),
        Some(reviewers) => drop(described.reviewers(reviewer_numbers(call, &found, reviewers).await?.into_iter())),
        None => {}
    }
    call.send::<Value>(call.ask(described.build())?).await.map(drop)
}

/// Who is asked already is not looked up again.
async fn reviewer_numbers(call: &Call<'_>, found: &Found, wanted: &[PersonId]) -> Result<Vec<u64>> {
    let asked = |wanted: &PersonId| found.reviewers.iter().find(|asked| person(&asked.username).as_ref() == Some(wanted));
    let (there, new): (Vec<_>, Vec<_>) = wanted.iter().partition(|wanted| asked(wanted).is_some());
    let there = there.into_iter().filter_map(asked).map(|asked| asked.id);
    let new: Vec<PersonId> = new.into_iter().cloned().collect();
    Ok(there.chain(numbers(call, &new).await?).collect())
}

pub(super) async fn close(call: &Call<'_>, number: PullRequestNumber) -> Result<()> {
    let found = found(call, number).await?;
    if found.is_merged() {
        return Err(call.error(ErrorKind::Conflict, "it is merged"));
    }
    if !found.is_open() {
        return Ok(());
    }
    let mut described = EditMergeRequest::builder();
    described.project(call.project()).merge_request(number.0).state_event(MergeRequestStateEvent::Close);
    call.send::<Value>(call.ask(described.build())?).await.map(drop)
}
