//! Branches, and what protects them.

use git2::Oid;
use serde_json::{Value, json};

use super::hosted::At;
use super::shapes::shaped;
use super::{Answered, Reply};

fn shape(branch: &str, at: Oid) -> Value {
    shaped("git-ref", json!({ "ref": format!("refs/heads/{branch}"), "object": { "sha": at.to_string(), "type": "commit" } }))
}

fn unprocessable(message: &str) -> Reply {
    Reply::refused(422, message)
}

pub(super) fn answer(at: &mut At<'_>, method: &str, rest: &[&str]) -> Answered {
    match (method, rest) {
        ("GET", ["git", "ref", "heads", name @ ..]) => {
            let name = name.join("/");
            let found = at.hosted.branch(&name).ok_or_else(Reply::not_found)?;
            Ok(Reply::One(200, shape(&name, found)))
        }
        ("POST", ["git", "refs"]) => create(at),
        ("PATCH", ["git", "refs", "heads", name @ ..]) => advance(at, &name.join("/")),
        ("DELETE", ["git", "refs", "heads", name @ ..]) => delete(at, &name.join("/")),
        ("GET", ["rules", "branches", name @ ..]) => Ok(Reply::List(rules(at, &name.join("/")))),
        ("GET", ["branches", name @ .., "protection"]) => protection(at, &name.join("/")),
        _ => Err(Reply::not_found()),
    }
}

fn create(at: &mut At<'_>) -> Answered {
    let name = at.asked.body["ref"].as_str().unwrap().strip_prefix("refs/heads/").unwrap();
    let commit = at.hosted.find(at.asked.body["sha"].as_str().unwrap()).map_err(|_| unprocessable("Object does not exist"))?;
    if at.hosted.branch(name).is_some() {
        return Err(unprocessable("Reference already exists"));
    }
    at.hosted.point(name, commit.id());
    Ok(Reply::One(201, shape(name, commit.id())))
}

fn advance(at: &mut At<'_>, name: &str) -> Answered {
    let now = at.hosted.branch(name).ok_or_else(|| unprocessable("Reference does not exist"))?;
    let to = at.hosted.find(at.asked.body["sha"].as_str().unwrap()).map_err(|_| unprocessable("Object does not exist"))?.id();
    assert_eq!(at.asked.body["force"], false, "nothing is forced");
    if at.hosted.protections.contains_key(name) {
        return Err(unprocessable(&format!("Protected branch update failed for refs/heads/{name}.")));
    }
    if now != to && !at.hosted.git.graph_descendant_of(to, now).unwrap() {
        return Err(unprocessable("Update is not a fast forward"));
    }
    at.hosted.point(name, to);
    Ok(Reply::One(200, shape(name, to)))
}

fn delete(at: &mut At<'_>, name: &str) -> Answered {
    if at.hosted.branch(name).is_none() {
        return Err(unprocessable("Reference does not exist"));
    }
    if at.hosted.protections.contains_key(name) {
        return Err(unprocessable("Cannot delete this protected branch"));
    }
    at.hosted.follow();
    at.hosted.unpoint(name);
    let (id, login) = (at.hosted.id, at.who.login.clone());
    let from = |pull: &&mut super::hosted::Pull| pull.is_open() && pull.head_branch == name && pull.head_repo == Some(id);
    at.hosted.pulls.values_mut().filter(from).for_each(|pull| pull.closed_by = Some(login.clone()));
    Ok(Reply::Nothing)
}

/// Checks are asked for by a rule, approvals by the older protection: both have to be read.
fn rules(at: &At<'_>, name: &str) -> Vec<Value> {
    let source = json!({ "ruleset_source_type": "Repository", "ruleset_source": at.hosted.name, "ruleset_id": 1 });
    let queue = at.hosted.queues.contains(name).then(|| {
        let mut rule =
            json!({ "type": "merge_queue", "parameters": { "merge_method": "MERGE", "grouping_strategy": "ALLGREEN" } });
        rule.as_object_mut().unwrap().extend(source.as_object().unwrap().clone());
        rule
    });
    let Some(rules) = at.hosted.protections.get(name).filter(|rules| !rules.required_checks.is_empty()) else {
        return queue.into_iter().collect();
    };
    let checks: Vec<Value> = rules.required_checks.iter().map(|check| json!({ "context": check })).collect();
    let parameters = json!({ "required_status_checks": checks, "strict_required_status_checks_policy": false });
    let mut rule = json!({ "type": "required_status_checks", "parameters": parameters });
    rule.as_object_mut().unwrap().extend(source.as_object().unwrap().clone());
    [json!({ "type": "deletion" }), rule].into_iter().chain(queue).collect()
}

fn protection(at: &At<'_>, name: &str) -> Answered {
    let Some(rules) = at.hosted.protections.get(name) else { return Err(Reply::refused(404, "Branch not protected")) };
    let mut shape =
        json!({ "url": "https://github.invalid", "enforce_admins": { "url": "https://github.invalid", "enabled": true } });
    if rules.required_approvals > 0 {
        shape["required_pull_request_reviews"] = json!({
            "url": "https://github.invalid", "dismiss_stale_reviews": true, "require_code_owner_reviews": false,
            "required_approving_review_count": rules.required_approvals,
        });
    }
    Ok(Reply::One(200, shape))
}
