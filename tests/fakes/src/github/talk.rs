//! Reviews and comments, and a pull request as an issue.

use serde_json::{Value, json};

use super::hosted::{At, Pull};
use super::shapes::{account, label, shaped};
use super::{Answered, Reply};

fn shape((id, who, body): &(u64, String, String)) -> Value {
    shaped("issue-comment", json!({ "id": id, "user": account(who), "body": body, "author_association": "MEMBER" }))
}

/// A pull request as an issue.
fn issue(pull: &Pull) -> Value {
    let state = if pull.is_open() { "open" } else { "closed" };
    let by = pull.closed_by.as_ref().map(|login| account(login));
    shaped(
        "issue",
        json!({
            "number": pull.number, "title": pull.title, "state": state, "user": account(&pull.by), "closed_by": by,
            "author_association": "MEMBER", "assignees": pull.assigned.iter().map(|login| account(login)).collect::<Vec<_>>(),
        }),
    )
}

pub(super) fn answer(at: &mut At<'_>, method: &str, rest: &[&str]) -> Answered {
    let (number, login) = (at.number, at.who.login.clone());
    let body = at.asked.body["body"].as_str().unwrap_or_default().to_owned();
    match (method, rest) {
        ("GET", ["pulls", pull, "reviews"]) => Ok(Reply::List(at.hosted.pull(pull)?.reviews.clone())),
        ("GET", ["issues", pull, "comments"]) => Ok(Reply::List(at.hosted.pull(pull)?.comments.iter().map(shape).collect())),
        ("POST", ["issues", pull, "comments"]) => {
            let comments = &mut at.hosted.pull(pull)?.comments;
            comments.push((number, login, body));
            Ok(Reply::One(201, shape(comments.last().unwrap())))
        }
        ("PATCH", ["issues", "comments", id]) => {
            let mut all = at.hosted.pulls.values_mut().flat_map(|pull| &mut pull.comments);
            let comment = all.find(|(number, _, _)| number.to_string() == *id).ok_or_else(Reply::not_found)?;
            assert_eq!(comment.1, login, "it edits only what it wrote");
            comment.2 = body;
            Ok(Reply::One(200, shape(comment)))
        }
        ("POST", ["issues", pull, "labels"]) => {
            let more: Vec<String> = serde_json::from_value(at.asked.body["labels"].clone()).unwrap();
            let labels = &mut at.hosted.pull(pull)?.labels;
            // A label is the same in any letter case.
            let known = |labels: &[String], name: &str| labels.iter().any(|label| label.eq_ignore_ascii_case(name));
            for name in more {
                if !known(labels, &name) {
                    labels.push(name);
                }
            }
            Ok(Reply::One(200, labels.iter().map(|name| label(name)).collect()))
        }
        ("GET", ["issues", pull, "timeline"]) => {
            let lags = at.hosted.timelines_lag;
            let pull = at.hosted.pull(pull)?;
            // Commits, among others, are told of without an actor.
            let events =
                pull.queue.iter().filter(|_| !lags).map(|(event, who)| json!({ "id": 1, "event": event, "actor": account(who) }));
            Ok(Reply::List([json!({ "event": "committed", "sha": pull.head })].into_iter().chain(events).collect()))
        }
        ("PATCH", ["issues", pull]) => {
            let mut people: Vec<String> = serde_json::from_value(at.asked.body["assignees"].clone()).unwrap();
            people.retain(|login| !at.hosted.unassignable.contains(login));
            let pull = at.hosted.pull(pull)?;
            pull.assigned = people;
            Ok(Reply::One(200, issue(pull)))
        }
        ("GET", ["issues", pull]) => Ok(Reply::One(200, issue(at.hosted.pull(pull)?))),
        _ => Err(Reply::not_found()),
    }
}
