//! Reviews and comments, and a pull request as an issue.

use serde_json::{Value, json};

use super::hosted::At;
use super::shapes::{account, shaped};
use super::{Answered, Reply};

fn shape((id, who, body): &(u64, String, String)) -> Value {
    shaped("issue-comment", json!({ "id": id, "user": account(who), "body": body, "author_association": "MEMBER" }))
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
        ("GET", ["issues", pull]) => {
            let pull = at.hosted.pull(pull)?;
            let state = if pull.is_open() { "open" } else { "closed" };
            let by = pull.closed_by.as_ref().map(|login| account(login));
            Ok(Reply::One(
                200,
                shaped(
                    "issue",
                    json!({
                        "number": pull.number, "title": pull.title, "state": state, "user": account(&pull.by), "closed_by": by,
                        "author_association": "MEMBER",
                    }),
                ),
            ))
        }
        _ => Err(Reply::not_found()),
    }
}
