//! Notes, approvals, and what was pushed to a merge request.

use serde_json::{Value, json};

use super::hosted::{At, Note, Pull};
use super::{Answered, Reply};

fn shape(at: &At<'_>, note: &Note) -> Value {
    json!({
        "id": note.id, "type": null, "body": note.body, "author": at.accounts[&note.by], "created_at": note.at.to_string(),
        "updated_at": note.at.to_string(), "system": note.system, "project_id": at.hosted.id, "resolvable": false, "internal": false, "confidential": false,
    })
}

pub(super) fn answer(at: &mut At<'_>, method: &str, rest: &[&str]) -> Answered {
    let number: u64 = rest[1].parse().map_err(|_| Reply::not_found("Merge Request"))?;
    if !at.hosted.pulls.contains_key(&number) {
        return Err(Reply::not_found("Merge Request"));
    }
    let pull = &at.hosted.pulls[&number];
    match (method, &rest[2..]) {
        ("GET", ["notes"]) => {
            let mut all: Vec<Value> = pull.notes.iter().map(|note| shape(at, note)).collect();
            if at.asked.text("sort") != Some("asc") {
                all.reverse();
            }
            Ok(Reply::List(all))
        }
        ("GET", ["approvals"]) => Ok(Reply::One(200, approvals(at, pull))),
        ("GET", ["versions"]) => {
            let versions = (1..).zip(&pull.versions).map(|(id, (head, since))| {
                json!({
                    "id": id, "head_commit_sha": head, "base_commit_sha": head, "start_commit_sha": head, "created_at": since.to_string(),
                    "merge_request_id": 1000 + number, "state": "collected", "real_size": "1",
                })
            });
            let mut all: Vec<Value> = versions.collect();
            all.reverse();
            Ok(Reply::List(all))
        }
        ("POST", ["notes"]) => {
            let (id, body, who) = (at.number, at.hosted.kept(at.asked.body["body"].as_str().unwrap()), at.who);
            let pull = at.hosted.pulls.get_mut(&number).unwrap();
            pull.comment(id, who, &body, at.asked.at);
            let note = at.hosted.pulls[&number].notes.last().unwrap();
            Ok(Reply::One(201, shape(at, note)))
        }
        ("PUT", ["notes", id]) => {
            let (body, who) = (at.hosted.kept(at.asked.body["body"].as_str().unwrap()), at.who);
            let notes = &mut at.hosted.pulls.get_mut(&number).unwrap().notes;
            let place = notes.iter().position(|note| note.id.to_string() == *id).ok_or_else(|| Reply::not_found("Note"))?;
            assert!(notes[place].by == who && !notes[place].system, "somebody else's note is edited");
            notes[place].body = body;
            Ok(Reply::One(200, shape(at, &at.hosted.pulls[&number].notes[place])))
        }
        _ => Err(Reply::not_found("Route")),
    }
}

fn approvals(at: &At<'_>, pull: &Pull) -> Value {
    let required = at.hosted.protections.get(&pull.base).map_or(0, |rules| rules.required_approvals);
    json!({
        "id": 1000 + pull.number, "iid": pull.number, "project_id": at.hosted.id, "approvals_required": required,
        "approved_by": pull.approved.iter().map(|name| json!({ "user": at.accounts[name] })).collect::<Vec<_>>(),
    })
}
