//! Statuses, check runs and check suites.

use serde_json::{Value, json};

use super::hosted::{At, Hosted};
use super::shapes::{self, account, shaped};
use super::{Answered, Reply};

impl Hosted {
    /// A suite of some App that ended without a run.
    pub fn suite(&mut self, commit: &str, slug: &str, conclusion: &str) {
        let shape = shaped(
            "check-suite",
            json!({
                "id": 5, "head_sha": commit, "status": "completed", "conclusion": conclusion, "app": shapes::app(slug),
                "latest_check_runs_count": 0, "pull_requests": [],
            }),
        );
        self.suites.push((commit.to_owned(), shape));
    }

    /// A run of some App.
    pub fn run(&mut self, commit: &str, slug: &str, name: &str, conclusion: &str, id: u64) {
        self.runs.push((commit.to_owned(), run(id, commit, slug, name, "completed", Some(conclusion))));
    }

    /// Whether there is a status or a run of that name, and the newest of each is a success.
    pub(super) fn passed(&self, commit: &str, name: &str) -> bool {
        let status = of(&self.statuses, commit).into_iter().find(|status| status["context"] == name);
        let run = of(&self.runs, commit).into_iter().find(|run| run["name"] == name);
        let mut found = status.map(|it| it["state"] == "success").into_iter().chain(run.map(|it| it["conclusion"] == "success"));
        found.next() == Some(true) && found.all(|success| success)
    }

    /// The link of the status that was posted last.
    pub fn link_of_last_status(&self) -> String {
        self.statuses.last().unwrap().1["target_url"].as_str().unwrap().to_owned()
    }

    /// As if no status had been posted.
    pub fn forget_statuses(&mut self) {
        self.statuses.clear();
    }

    /// A status by somebody.
    pub fn status(&mut self, commit: &str, who: &str, context: &str, state: &str, link: &str, id: u64) {
        let shape = shaped(
            "status",
            json!({
                "id": id, "state": state, "context": context, "description": null, "target_url": link, "creator": account(who),
            }),
        );
        self.statuses.push((commit.to_owned(), shape));
    }
}

fn run(id: u64, commit: &str, slug: &str, name: &str, status: &str, conclusion: Option<&str>) -> Value {
    shaped(
        "check-run",
        json!({
            "id": id, "head_sha": commit, "name": name, "status": status, "conclusion": conclusion, "app": shapes::app(slug),
            "output": { "title": null, "summary": null, "text": null, "annotations_count": 0, "annotations_url": "https://github.invalid" },
            "pull_requests": [],
        }),
    )
}

fn of(all: &[(String, Value)], commit: &str) -> Vec<Value> {
    all.iter().filter(|(of, _)| of == commit).map(|(_, value)| value.clone()).rev().collect()
}

pub(super) fn answer(at: &mut At<'_>, method: &str, rest: &[&str]) -> Answered {
    match (method, rest) {
        ("POST", ["statuses", commit]) => post(at, commit),
        ("POST", ["check-runs"]) => report(at),
        ("GET", ["commits", commit, what]) => {
            at.hosted.find(commit).map_err(|_| Reply::refused(422, format!("No commit found for SHA: {commit}")))?;
            match *what {
                "statuses" => Ok(Reply::List(of(&at.hosted.statuses, commit))),
                "check-runs" => Ok(part(runs(at, commit), "check_runs")),
                "check-suites" => Ok(part(of(&at.hosted.suites, commit), "check_suites")),
                _ => Err(Reply::not_found()),
            }
        }
        _ => Err(Reply::not_found()),
    }
}

fn part(all: Vec<Value>, name: &'static str) -> Reply {
    let mut whole = json!({ "total_count": all.len() });
    whole[name] = all.into();
    Reply::Part(whole, name)
}

/// Unless all are wanted, the newest of each name and App.
fn runs(at: &At<'_>, commit: &str) -> Vec<Value> {
    let mut found = of(&at.hosted.runs, commit);
    found.retain(|run| at.asked.query.get("check_name").is_none_or(|name| run["name"] == *name));
    if at.asked.query.get("filter").is_none_or(|filter| filter != "all") {
        let mut seen = Vec::new();
        found.retain(|run| {
            let key = (run["name"].clone(), run["app"]["slug"].clone());
            let new = !seen.contains(&key);
            seen.push(key);
            new
        });
    }
    found
}

fn post(at: &mut At<'_>, commit: &str) -> Answered {
    at.hosted.find(commit).map_err(|_| Reply::refused(422, format!("No commit found for SHA: {commit}")))?;
    let body = &at.asked.body;
    let words = body["description"].as_str().unwrap_or_default();
    if words.chars().count() > 140 {
        return Err(Reply::refused(422, "description is too long (maximum is 140 characters)"));
    }
    let shape = shaped(
        "status",
        json!({
            "id": at.number, "state": body["state"], "context": body["context"], "description": words, "target_url": body["target_url"],
            "creator": account(&at.who.login),
        }),
    );
    at.hosted.statuses.push((commit.to_owned(), shape.clone()));
    Ok(Reply::One(201, shape))
}

fn report(at: &mut At<'_>) -> Answered {
    if !at.who.is_app {
        return Err(Reply::refused(403, "You must authenticate via a GitHub App."));
    }
    let body = &at.asked.body;
    let commit = body["head_sha"].as_str().unwrap();
    at.hosted.find(commit).map_err(|_| Reply::refused(422, format!("No commit found for SHA: {commit}")))?;
    let text = |field: &str| body[field].as_str();
    let slug = at.who.login.strip_suffix("[bot]").unwrap();
    let mut shape = run(at.number, commit, slug, text("name").unwrap(), text("status").unwrap(), text("conclusion"));
    shape["external_id"] = body["external_id"].clone();
    shape["output"]["title"] = body["output"]["title"].clone();
    shape["output"]["summary"] = body["output"]["summary"].clone();
    at.hosted.runs.push((commit.to_owned(), shape.clone()));
    Ok(Reply::One(201, shape))
}
