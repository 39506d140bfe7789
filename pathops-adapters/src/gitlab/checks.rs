//! Statuses of a commit, which are jobs of pipelines and what others post.
//!
//! GitLab keeps no idempotency keys, so a status carries its own, and the grant that stands behind it, in the part of its link
//! that no server sees. A job that a push of this account set off is its account's too, but has no such link: only what this
//! credential posted is `System`'s.

use std::collections::BTreeMap;

use gitlab::api::projects::repository::commits::{CommitStatusState, CommitStatuses, CreateCommitStatus, MergeRequests};
use http::Method;
use pathops_core::adapter::{Check, CheckSource, CheckState};
use pathops_core::policy::CommitStatus;
use pathops_core::{CommitId, Digest, ErrorKind, IdempotencyKey, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::Call;
use super::people::{Account, People};
use super::{protection, pull_requests};

/// The longest description of a status and the longest link, in characters.
const LONGEST: usize = 255;
/// How many digits of a key's digest a link carries.
const KEY_DIGITS: usize = 32;
const KEY: &str = "pathops-key=";

#[derive(Deserialize)]
struct Status {
    id: u64,
    name: String,
    status: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    target_url: Option<String>,
    #[serde(default)]
    author: Option<Account>,
}

impl Status {
    /// What its link carries.
    fn marks(&self) -> Vec<&str> {
        let link = self.target_url.as_deref().and_then(|link| link.split_once('#'));
        link.map(|(_, marks)| marks.split('&').collect()).unwrap_or_default()
    }

    /// Whether this credential posted it.
    fn is_mine(&self, people: &People) -> bool {
        people.is_me(self.author.as_ref()) && self.marks().iter().any(|mark| mark.starts_with(KEY))
    }

    /// GitLab changes one that has not ended, where it would add another.
    fn is_active(&self) -> bool {
        matches!(self.status.as_str(), "created" | "pending" | "running")
    }
}

pub(super) async fn checks(call: &Call<'_>, commit: &CommitId) -> Result<Vec<Check>> {
    let (statuses, people) = (statuses(call, commit).await?, call.people().await?);
    let mut checks = Vec::new();
    for status in newest(statuses).into_values() {
        let by = match people.is_me(status.author.as_ref()) && !status.is_mine(people) {
            true => people.set_off(),
            false => people.who(call, status.author.as_ref()).await?,
        };
        let state = state(&status.status);
        let description = status.description.unwrap_or_default();
        checks.push(Check { name: status.name, source: CheckSource::Status, state, description, by });
    }
    Ok(checks)
}

async fn statuses(call: &Call<'_>, commit: &CommitId) -> Result<Vec<Status>> {
    let described = CommitStatuses::builder().project(call.project()).commit(commit.as_str()).all(true).build();
    call.pages(call.ask(described)?).await
}

/// The newest of each name; numbers ascend.
fn newest(all: Vec<Status>) -> BTreeMap<String, Status> {
    let mut newest: BTreeMap<String, Status> = BTreeMap::new();
    for one in all {
        if newest.get(&one.name).is_none_or(|other| other.id < one.id) {
            newest.insert(one.name.clone(), one);
        }
    }
    newest
}

/// Only a success is one: what was skipped or waits for a person says nothing.
fn state(status: &str) -> CheckState {
    match status {
        "success" => CheckState::Success,
        "failed" => CheckState::Failure,
        "canceled" | "skipped" | "manual" => CheckState::Error,
        _ => CheckState::Pending,
    }
}

fn mark(key: &IdempotencyKey) -> String {
    let digest = Digest::of(key.as_str().as_bytes()).hex();
    format!("{KEY}{}", digest.get(..KEY_DIGITS).unwrap_or(&digest))
}

pub(super) async fn post_status(call: &Call<'_>, key: &IdempotencyKey, status: &CommitStatus) -> Result<()> {
    let people = call.people().await?;
    let (mark, name) = (mark(key), status.context().as_str());
    let grant = status.grant().map(|grant| format!("grant={grant}"));
    let found = statuses(call, status.commit()).await?;
    let posted = |found: &&Status| found.is_mine(people) && found.name == name && found.marks().contains(&mark.as_str());
    if let Some(posted) = found.iter().find(posted) {
        // It must not outdo what was posted since.
        let is_newest = !found.iter().any(|other| other.name == name && other.id > posted.id);
        return if is_newest && state(&posted.status) == status.state() { tell(call, status).await } else { Ok(()) };
    }
    let used = |found: &Status| grant.as_ref().is_some_and(|grant| found.marks().contains(&grant.as_str()));
    if found.iter().any(|found| found.is_mine(people) && used(found)) {
        let error = call.error(ErrorKind::Denied, "the promotion grant was used before under another key");
        return Err(error.advise("decide again"));
    }
    let mine = found.iter().filter(|found| found.is_mine(people) && found.name == name && found.is_active());
    let active = mine.max_by_key(|found| found.id);
    let before: Vec<&str> = active.map(Status::marks).unwrap_or_default();
    let marks: Vec<&str> = [Some(mark.as_str()), grant.as_deref()].into_iter().flatten().chain(before.iter().copied()).collect();
    match (status.state(), active.map(|active| active.status.as_str())) {
        // From one to itself it takes no status.
        (CheckState::Pending, Some("running")) => {
            post(call, status, CommitStatusState::Canceled, &before).await?;
            post(call, status, CommitStatusState::Pending, &marks).await?;
        }
        (CheckState::Pending, Some(_)) => post(call, status, CommitStatusState::Running, &marks).await?,
        (CheckState::Pending, None) => post(call, status, CommitStatusState::Pending, &marks).await?,
        (CheckState::Success, _) => post(call, status, CommitStatusState::Success, &marks).await?,
        (CheckState::Failure, _) => post(call, status, CommitStatusState::Failed, &marks).await?,
        (CheckState::Error, _) => post(call, status, CommitStatusState::Canceled, &marks).await?,
    }
    tell(call, status).await.map_err(|error| error.with_effect(pathops_core::Effect::Unknown))
}

async fn post(call: &Call<'_>, status: &CommitStatus, state: CommitStatusState, marks: &[&str]) -> Result<()> {
    let mut described = CreateCommitStatus::builder();
    described.project(call.project()).commit(status.commit().as_str()).state(state).name(status.context().as_str());
    described.description(cut(status.description())).target_url(link(call, status.commit(), marks));
    call.send::<Value>(call.ask(described.build())?).await.map(drop)
}

/// The page of the commit with the marks, newest first: as many as there is room for.
fn link(call: &Call<'_>, commit: &CommitId, marks: &[&str]) -> String {
    let page = format!("{}/{}/-/commit/{commit}", call.client.web, call.repo);
    let links = (1..=marks.len()).rev().map(|most| marks.iter().copied().take(most).collect::<Vec<_>>().join("&"));
    let places = |marks: String| [format!("{page}#{marks}"), format!("{}#{marks}", call.client.web)];
    let mut links = links.flat_map(places);
    links.find(|link| link.chars().count() <= LONGEST).unwrap_or(page)
}

/// Tells the external status checks of that name, on the open merge requests with that head.
async fn tell(call: &Call<'_>, status: &CommitStatus) -> Result<()> {
    let externals = protection::externals(call).await?;
    let externals: Vec<_> = externals.into_iter().filter(|external| external.name == status.context().as_str()).collect();
    if externals.is_empty() {
        return Ok(());
    }
    let said = match status.state() {
        CheckState::Success => "passed",
        CheckState::Pending => "pending",
        CheckState::Failure | CheckState::Error => "failed",
    };
    let described = MergeRequests::builder().project(call.project()).sha(status.commit().as_str()).build();
    let found: Vec<pull_requests::Found> = call.pages(call.ask(described)?).await?;
    for pull in found.iter().filter(|pull| pull.is_open() && pull.sha.as_ref() == Some(status.commit())) {
        for external in externals.iter().filter(|external| external.is_about(&pull.target_branch)) {
            let path = format!("/merge_requests/{}/status_check_responses", pull.iid.0);
            let wish = json!({ "sha": status.commit(), "external_status_check_id": external.id, "status": said });
            call.send::<Value>(call.write(Method::POST, &path, &wish)?).await?;
        }
    }
    Ok(())
}

/// At most so many characters; where some are left out, the last one says so.
fn cut(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST.saturating_sub(1)).chain(['…']).collect()
}
