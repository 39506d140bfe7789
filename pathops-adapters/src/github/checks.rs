//! Statuses, check runs and check suites of a commit.
//!
//! GitHub keeps no idempotency keys, so a status carries its own, and the grant that stands behind it, in the part of its link
//! that no server sees; a check run has a field for that. Only what this credential wrote is believed.

use std::collections::BTreeMap;

use http::Method;
use pathops_core::adapter::{Check, CheckSource, CheckState, NewCheck};
use pathops_core::policy::CommitStatus;
use pathops_core::{CommitId, Digest, ErrorKind, IdempotencyKey, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Call, Write, escaped};
use super::people::Account;

/// The longest description of a status, in characters.
const DESCRIPTION: usize = 140;
/// The longest summary of a check run, in bytes.
const SUMMARY: usize = 65_000;

#[derive(Deserialize)]
struct Status {
    id: u64,
    context: String,
    state: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    target_url: Option<String>,
    #[serde(default)]
    creator: Option<Account>,
}

#[derive(Deserialize)]
struct Runs {
    check_runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    id: u64,
    name: String,
    status: String,
    #[serde(default)]
    conclusion: Option<String>,
    #[serde(default)]
    external_id: Option<String>,
    #[serde(default)]
    output: Output,
    #[serde(default)]
    app: Option<App>,
}

#[derive(Default, Deserialize)]
struct Output {
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    summary: Option<String>,
}

#[derive(Deserialize)]
struct App {
    #[serde(default)]
    slug: String,
}

#[derive(Deserialize)]
struct Suites {
    check_suites: Vec<Suite>,
}

#[derive(Deserialize)]
struct Suite {
    #[serde(default)]
    conclusion: Option<String>,
    #[serde(default)]
    latest_check_runs_count: u64,
    #[serde(default)]
    app: Option<App>,
}

/// All of the three. A suite is one of them where it ended without any run, as one does that could not start.
pub(super) async fn checks(call: &Call<'_>, commit: &CommitId) -> Result<Vec<Check>> {
    let statuses = statuses(call, commit).await?;
    let runs = call.path(&format!("/commits/{commit}/check-runs?filter=latest"));
    let runs = call.pages_of(&runs, |page: Runs| page.check_runs, usize::MAX).await?;
    let suites = call.path(&format!("/commits/{commit}/check-suites"));
    let suites = call.pages_of(&suites, |page: Suites| page.check_suites, usize::MAX).await?;
    let people = call.people().await?;
    let by = |app: &Option<App>| app.as_ref().map_or(people.app(""), |app| people.app(&app.slug));
    let mut checks = Vec::new();
    for Status { context, state, description, creator, .. } in newest(statuses, |s| (s.context.clone(), s.id)) {
        let by = if creator.is_some() { people.who(creator.as_ref()) } else { people.app("") };
        let state = status_state(&state);
        checks.push(Check {
            name: context,
            source: CheckSource::Status,
            state,
            description: description.unwrap_or_default(),
            by,
        });
    }
    for run in newest(runs, |run| (run.name.clone(), run.id)) {
        let (state, by) = (run_state(&run.status, run.conclusion.as_deref()), by(&run.app));
        let description = run.output.summary.or(run.output.title).unwrap_or_default();
        checks.push(Check { name: run.name, source: CheckSource::CheckRun, state, description, by });
    }
    for Suite { conclusion, app, .. } in suites.into_iter().filter(|suite| suite.latest_check_runs_count == 0) {
        let Some(conclusion) = conclusion.filter(|conclusion| run_state("completed", Some(conclusion)) != CheckState::Success)
        else {
            continue;
        };
        let name = app.as_ref().map(|app| app.slug.clone()).unwrap_or_default();
        let state = run_state("completed", Some(&conclusion));
        checks.push(Check { name, source: CheckSource::CheckRun, state, description: conclusion, by: by(&app) });
    }
    Ok(checks)
}

async fn statuses(call: &Call<'_>, commit: &CommitId) -> Result<Vec<Status>> {
    call.pages(&call.path(&format!("/commits/{commit}/statuses"))).await
}

/// The newest of each name; numbers ascend.
fn newest<T>(all: Vec<T>, key: impl Fn(&T) -> (String, u64)) -> impl Iterator<Item = T> {
    let mut newest: BTreeMap<String, (u64, T)> = BTreeMap::new();
    for one in all {
        let (name, number) = key(&one);
        if newest.get(&name).is_none_or(|(other, _)| *other < number) {
            newest.insert(name, (number, one));
        }
    }
    newest.into_values().map(|(_, one)| one)
}

fn status_state(state: &str) -> CheckState {
    match state {
        "pending" => CheckState::Pending,
        "success" => CheckState::Success,
        "failure" => CheckState::Failure,
        _ => CheckState::Error,
    }
}

/// Only a success is one: what was skipped, is stale or is neither good nor bad says nothing.
fn run_state(status: &str, conclusion: Option<&str>) -> CheckState {
    match (status, conclusion) {
        ("completed", Some("success")) => CheckState::Success,
        ("completed", Some("failure")) => CheckState::Failure,
        ("completed", _) => CheckState::Error,
        _ => CheckState::Pending,
    }
}

fn mark(key: &IdempotencyKey) -> String {
    format!("pathops-key={}", Digest::of(key.as_str().as_bytes()).hex())
}

pub(super) async fn post_status(call: &Call<'_>, key: &IdempotencyKey, status: &CommitStatus) -> Result<()> {
    let people = call.people().await?;
    let mark = mark(key);
    let grant = status.grant().map(|grant| format!("grant={grant}"));
    let marks = |status: &Status| -> Vec<String> {
        let link = status.target_url.as_deref().and_then(|link| link.split_once('#'));
        link.map(|(_, marks)| marks.split('&').map(str::to_owned).collect()).unwrap_or_default()
    };
    let found = statuses(call, status.commit()).await?;
    for mine in found.iter().filter(|status| people.is_me(status.creator.as_ref())) {
        let marks = marks(mine);
        if marks.contains(&mark) && mine.context == status.context().as_str() {
            return Ok(()); // It must not outdo what was posted since.
        }
        if grant.as_ref().is_some_and(|grant| marks.contains(grant)) {
            let error = call.error(ErrorKind::Denied, "the promotion grant was used before under another key");
            return Err(error.advise("decide again"));
        }
    }
    let link = format!("{}/{}/commit/{}#{mark}", call.client.web, call.repo, status.commit());
    let wish = json!({
        "state": status.state(),
        "context": status.context(),
        "description": cut(status.description(), DESCRIPTION),
        "target_url": grant.map_or(link.clone(), |grant| format!("{link}&{grant}")),
    });
    let path = call.path(&format!("/statuses/{}", status.commit()));
    call.send::<Value>(Write::Seen, Method::POST, &path, &wish).await.map(drop)
}

pub(super) async fn report(call: &Call<'_>, key: &IdempotencyKey, check: &NewCheck) -> Result<()> {
    let people = call.people().await?;
    let mark = mark(key);
    let name = escaped(check.name()).replace('/', "%2F");
    let path = call.path(&format!("/commits/{}/check-runs?check_name={name}&filter=all", check.commit()));
    let found = call.pages_of(&path, |page: Runs| page.check_runs, usize::MAX).await?;
    let mine = |run: &Run| run.app.as_ref().is_some_and(|app| people.is_my_app(&app.slug));
    if found.iter().any(|run| mine(run) && run.external_id.as_deref() == Some(&mark)) {
        return Ok(()); // It must not outdo what was reported since.
    }
    // A newer run of one name takes the place of the older ones.
    let mut wish = json!({
        "name": check.name(),
        "head_sha": check.commit(),
        "external_id": mark,
        "output": { "title": cut(check.name(), DESCRIPTION), "summary": cut(check.summary(), SUMMARY / 4) },
    });
    let (status, conclusion) = match check.state() {
        CheckState::Pending => ("in_progress", None),
        CheckState::Success => ("completed", Some("success")),
        CheckState::Failure => ("completed", Some("failure")),
        CheckState::Error => ("completed", Some("cancelled")),
    };
    if let Some(wish) = wish.as_object_mut() {
        wish.insert("status".to_owned(), status.into());
        wish.extend(conclusion.map(|conclusion| ("conclusion".to_owned(), conclusion.into())));
    }
    call.send::<Value>(Write::Seen, Method::POST, &call.path("/check-runs"), &wish).await.map(drop)
}

/// At most so many characters; where some are left out, the last one says so.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}
