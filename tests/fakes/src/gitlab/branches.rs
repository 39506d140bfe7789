//! Branches, and what merge requests for them are asked for.

use git2::Oid;
use serde_json::{Value, json};

use super::hosted::At;
use super::{Answered, Reply};

fn shape(at: &At<'_>, branch: &str, oid: Oid) -> Value {
    json!({
        "name": branch, "commit": at.commit(oid), "merged": false, "protected": at.hosted.protections.contains_key(branch),
        "developers_can_push": false, "developers_can_merge": false, "can_push": true, "default": branch == at.hosted.default_branch(),
        "web_url": format!("https://gitlab.invalid/{}/-/tree/{branch}", at.hosted.name),
    })
}

pub(super) fn answer(at: &mut At<'_>, method: &str, rest: &[&str]) -> Answered {
    match (method, rest) {
        ("GET", [_, _, name]) => {
            let found = at.hosted.branch(name).ok_or_else(|| Reply::not_found("Branch"))?;
            Ok(Reply::One(200, shape(at, name, found)))
        }
        ("POST", [_, _]) => create(at),
        ("DELETE", [_, _, name]) => delete(at, name),
        _ => Err(Reply::not_found("Route")),
    }
}

fn create(at: &mut At<'_>) -> Answered {
    let body = &at.asked.body;
    let (name, from) = (body["branch"].as_str().unwrap(), body["ref"].as_str().unwrap());
    let Ok(commit) = at.hosted.find(from).map(|commit| commit.id()) else {
        return Err(Reply::refused(400, &format!("Invalid reference name: {from}")));
    };
    if at.hosted.branch(name).is_some() {
        return Err(Reply::refused(400, "Branch already exists"));
    }
    at.hosted.point(name, commit);
    Ok(Reply::One(201, shape(at, name, commit)))
}

fn delete(at: &mut At<'_>, name: &str) -> Answered {
    if at.hosted.branch(name).is_none() {
        return Err(Reply::not_found("Branch"));
    }
    if at.hosted.protections.contains_key(name) {
        return Err(Reply::refused(403, "You don't have push access to repo"));
    }
    at.hosted.unpoint(name);
    let (id, who) = (at.hosted.id, at.who.to_owned());
    let from = |pull: &&mut super::Pull| pull.is_open() && pull.head_branch == name && pull.head_project == Some(id);
    at.hosted.pulls.values_mut().filter(from).for_each(|pull| pull.closed_by = Some(who.clone()));
    Ok(Reply::Nothing)
}

pub(super) fn rules(at: &At<'_>, rest: &[&str]) -> Answered {
    if !at.enterprise {
        return Err(Reply::not_found("Route"));
    }
    let branch =
        |name: &str| json!([{ "id": 1, "project_id": at.hosted.id, "name": name, "code_owner_approval_required": false }]);
    if rest == ["external_status_checks"] {
        let shape = |(id, target, name): (u64, String, String)| {
            json!({
                "id": id, "name": name, "project_id": at.hosted.id, "external_url": "https://pathops.invalid", "hmac": false,
                "protected_branches": branch(&target),
            })
        };
        return Ok(Reply::List(at.hosted.externals().into_iter().map(shape).collect()));
    }
    let rules = (1..).zip(&at.hosted.protections).map(|(id, (target, rules))| {
        json!({
            "id": id, "name": target, "rule_type": "regular", "approvals_required": rules.required_approvals, "users": [], "groups": [],
            "protected_branches": branch(target), "applies_to_all_protected_branches": false,
        })
    });
    // One that everybody has.
    let any = json!({ "id": 99, "name": "All Members", "rule_type": "any_approver", "approvals_required": 0, "protected_branches": [] });
    Ok(Reply::List(rules.chain([any]).collect()))
}
