//! Statuses of commits, and what external status checks say.

use serde_json::{Value, json};

use super::hosted::{At, Hosted};
use super::{Answered, Reply};

pub(super) fn answer(at: &mut At<'_>, method: &str, rest: &[&str]) -> Answered {
    match (method, rest) {
        ("GET", ["repository", "commits", sha, "statuses"]) => {
            at.hosted.find(sha)?;
            assert_eq!(at.asked.text("all"), Some("true"), "or what was posted before would be left out");
            Ok(Reply::List(at.hosted.statuses.iter().filter(|status| status["sha"] == *sha).cloned().collect()))
        }
        ("POST", ["statuses", sha]) => post(at, sha),
        ("POST", ["merge_requests", number, "status_check_responses"]) => respond(at, number),
        _ => Err(Reply::not_found("Route")),
    }
}

impl Hosted {
    /// A job of somebody's pipeline.
    pub fn job(&mut self, commit: &str, account: &Value, name: &str, status: &str, id: u64) {
        let link = format!("https://gitlab.invalid/{}/-/jobs/{id}", self.name);
        self.statuses.push(shape(id, commit, account, name, status, None, Some(&link)));
    }

    /// A status that somebody posted.
    pub fn status(&mut self, commit: &str, account: &Value, name: &str, status: &str, link: &str, id: u64) {
        self.statuses.push(shape(id, commit, account, name, status, None, Some(link)));
    }
}

fn shape(id: u64, commit: &str, by: &Value, name: &str, status: &str, words: Option<&str>, link: Option<&str>) -> Value {
    json!({
        "id": id, "sha": commit, "ref": "main", "name": name, "status": status, "description": words, "target_url": link, "author": by,
        "allow_failure": false, "coverage": null, "pipeline_id": 1, "created_at": "2026-01-01T00:00:00.000Z", "started_at": null, "finished_at": null,
    })
}

fn post(at: &mut At<'_>, sha: &str) -> Answered {
    at.hosted.find(sha)?;
    let (body, author) = (&at.asked.body, &at.accounts[at.who]);
    let text = |name: &str| body[name].as_str();
    let (name, state) = (text("name").unwrap(), text("state").unwrap());
    for (field, most) in [("target_url", 255), ("description", 255), ("name", 255)] {
        if text(field).is_some_and(|text| text.chars().count() > most) {
            let message = format!("{field} is too long (maximum is {most} characters)");
            return Err(Reply::refused(400, &message));
        }
    }
    let is_active = |status: &Value| ["pending", "running"].iter().any(|active| status["status"] == *active);
    let active = at
        .hosted
        .statuses
        .iter_mut()
        .rev()
        .find(|status| status["sha"] == sha && status["name"] == name && status["author"] == *author && is_active(status));
    if let Some(active) = active {
        // One that has not ended is changed, and never to where it is.
        let from = active["status"].as_str().unwrap();
        if state == from || (state == "pending" && from == "running") {
            return Err(Reply::refused(400, &format!("Cannot transition status via :enqueue from :{from}")));
        }
        let id = active["id"].as_u64().unwrap();
        *active = shape(id, sha, author, name, state, text("description"), text("target_url"));
        return Ok(Reply::One(201, active.clone()));
    }
    let made = shape(at.number, sha, author, name, state, text("description"), text("target_url"));
    at.hosted.statuses.push(made.clone());
    Ok(Reply::One(201, made))
}

fn respond(at: &mut At<'_>, number: &str) -> Answered {
    let pull = number.parse().ok().and_then(|number: u64| at.hosted.pulls.get(&number));
    let pull = pull.ok_or_else(|| Reply::not_found("Merge Request"))?;
    let (body, number) = (&at.asked.body, pull.number);
    if body["sha"] != pull.head() {
        return Err(Reply::refused(409, "External status check 'sha' is not the HEAD of the merge request"));
    }
    let check = body["external_status_check_id"].as_u64().unwrap();
    if !at.hosted.externals().iter().any(|(id, _, _)| *id == check) {
        return Err(Reply::not_found("External Status Check"));
    }
    let said = body["status"].as_str().unwrap().to_owned();
    at.hosted.said.insert((number, body["sha"].as_str().unwrap().to_owned(), check), said.clone());
    Ok(Reply::One(
        201,
        json!({ "id": at.number, "merge_request": { "iid": number }, "external_status_check": { "id": check }, "status": said }),
    ))
}
