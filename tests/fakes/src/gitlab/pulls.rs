//! Merge requests.

use pathops_core::UnixMillis;
use serde_json::{Value, json};

use super::hosted::{At, Hosted, Merging, Pull};
use super::{Answered, Reply};

impl Hosted {
    /// Merges a merge request if this still is its head and its branch lets it be; says what that points to then.
    pub(super) fn merge_by_the_rules(&mut self, who: &str, number: u64, sha: &str, at: UnixMillis) -> Answered<String> {
        self.follow(at);
        self.pull_at(number, sha)?;
        match self.mergeable(&self.pulls[&number]) {
            "mergeable" => Ok(self.merge(who, number, Merging::Commit, at)),
            "conflict" => Err(Reply::refused(422, "Branch cannot be merged")),
            _ => Err(Reply::refused(405, "405 Method Not Allowed")),
        }
    }
}

impl At<'_> {
    fn pull(&self, number: &str) -> Answered<&Pull> {
        number
            .parse()
            .ok()
            .and_then(|number: u64| self.hosted.pulls.get(&number))
            .ok_or_else(|| Reply::not_found("Merge Request"))
    }

    fn shape(&self, pull: &Pull) -> Value {
        let account = |name: &String| self.accounts[name].clone();
        let state = match (&pull.merged, &pull.closed_by) {
            (Some(_), _) => "merged",
            (None, Some(_)) => "closed",
            (None, None) if pull.locked => "locked",
            (None, None) => "opened",
        };
        let merged = pull.merged.as_ref();
        let commit = |how| merged.filter(|merged| merged.how == how).map(|merged| merged.commit.clone());
        let status = self.hosted.mergeable(pull);
        let assignees: Vec<Value> = pull.assigned.iter().map(account).collect();
        // Who has set that it be merged is there before it is.
        let merger = merged.map(|merged| &merged.by).or(pull.train.as_ref());
        json!({
            "id": 1000 + pull.number, "iid": pull.number, "project_id": self.hosted.id, "title": pull.title, "description": pull.body,
            "state": state, "created_at": pull.created.to_string(), "updated_at": pull.created.to_string(),
            "merged_by": merged.map(|merged| account(&merged.by)), "merge_user": merger.map(account),
            "merge_when_pipeline_succeeds": pull.is_open() && pull.train.is_some(),
            "merged_at": merged.map(|merged| merged.at.to_string()), "closed_by": pull.closed_by.as_ref().map(account), "closed_at": null,
            "source_branch": pull.head_branch, "target_branch": pull.base, "source_project_id": pull.head_project,
            "target_project_id": self.hosted.id, "author": account(&pull.by), "assignee": assignees.first(), "assignees": assignees,
            "reviewers": pull.asked.iter().map(account).collect::<Vec<_>>(), "labels": pull.labels,
            "work_in_progress": pull.is_draft(), "draft": pull.is_draft(),
            "milestone": null, "sha": pull.head(), "merge_commit_sha": commit(Merging::Commit), "squash": false,
            "squash_commit_sha": commit(Merging::Squash), "detailed_merge_status": status,
            "web_url": format!("https://gitlab.invalid/{}/-/merge_requests/{}", self.hosted.name, pull.number),
            "user_notes_count": pull.notes.len(), "upvotes": 0, "downvotes": 0, "discussion_locked": null,
        })
    }
}

pub(super) fn answer(at: &mut At<'_>, method: &str, rest: &[&str]) -> Answered {
    match (method, rest) {
        ("GET", [_]) => list(at),
        ("POST", [_]) => open(at),
        ("GET", [_, number]) => Ok(Reply::One(200, at.shape(at.pull(number)?))),
        ("PUT", [_, number]) => update(at, number),
        ("PUT", [_, number, "merge"]) => merge(at, number),
        _ => Err(Reply::not_found("Route")),
    }
}

/// Those that a commit is in.
pub(super) fn of_commit(at: &At<'_>, sha: &str) -> Answered {
    at.hosted.find(sha)?;
    let holds = |pull: &&Pull| at.hosted.contains(pull.head(), sha);
    Ok(Reply::List(at.hosted.pulls.values().filter(holds).map(|pull| at.shape(pull)).collect()))
}

fn list(at: &At<'_>) -> Answered {
    let asked = |name: &str, is: &str| at.asked.text(name).is_none_or(|wanted| wanted == is);
    let wanted = |pull: &&Pull| asked("source_branch", &pull.head_branch) && asked("target_branch", &pull.base);
    let mut all: Vec<Value> = at.hosted.pulls.values().filter(wanted).map(|pull| at.shape(pull)).collect();
    if at.asked.text("sort") != Some("asc") {
        all.reverse();
    }
    Ok(Reply::List(all))
}

fn names(at: &At<'_>, ids: &Value) -> Vec<String> {
    let ids = ids.as_array().cloned().unwrap_or_default();
    let named = |id: &Value| {
        at.accounts
            .iter()
            .find(|(_, account)| account["id"].as_u64() == id.as_str().unwrap().parse().ok())
            .map(|(name, _)| name.clone())
    };
    ids.iter().filter_map(named).collect()
}

/// Everybody whose numbers are there; `None` where nothing is said of them, and nobody for a single nothing.
fn people(at: &At<'_>, field: &str) -> Option<Vec<String>> {
    let body = &at.asked.body;
    match (&body[format!("{field}[]")], &body[field]) {
        (ids @ Value::Array(_), _) => Some(names(at, ids)),
        (_, Value::String(none)) if ["", "0"].contains(&none.as_str()) => Some(Vec::new()),
        _ => None,
    }
}

/// GitLab Free keeps the first.
fn assignees(at: &At<'_>) -> Option<Vec<String>> {
    let mut people = people(at, "assignee_ids")?;
    people.truncate(if at.enterprise { usize::MAX } else { 1 });
    Some(people)
}

fn labels(at: &At<'_>, field: &str) -> Vec<String> {
    let words = at.asked.body[field].as_str().unwrap_or_default();
    words.split(',').filter(|label| !label.is_empty()).map(str::to_owned).collect()
}

fn open(at: &mut At<'_>) -> Answered {
    let text = |field: &str| at.asked.body[field].as_str().unwrap_or_default().to_owned();
    let (title, head, base) = (text("title"), text("source_branch"), text("target_branch"));
    if title.chars().count() > 255 {
        return Err(Reply::Refused(400, json!({ "message": { "title": ["is too long (maximum is 255 characters)"] } })));
    }
    let same =
        |pull: &&Pull| pull.is_open() && pull.head_branch == head && pull.base == base && pull.head_project == Some(at.hosted.id);
    if let Some(other) = at.hosted.pulls.values().find(same) {
        let message = format!("Another open merge request already exists for this source branch: !{}", other.number);
        return Err(Reply::Refused(409, json!({ "message": [message] })));
    }
    let number = at.hosted.pulls.keys().last().map_or(1, |last| last + 1);
    let oid = at.hosted.branch(&head).map(|oid| oid.to_string());
    let words = text("description");
    let body = at.hosted.kept(&words);
    let pull = Pull {
        number,
        title,
        body,
        by: at.who.to_owned(),
        head_branch: head,
        head_project: Some(at.hosted.id),
        base,
        created: at.asked.at,
        closed_by: None,
        merged: None,
        locked: false,
        asked: people(at, "reviewer_ids").unwrap_or_default(),
        labels: labels(at, "labels"),
        assigned: assignees(at).unwrap_or_default(),
        train: None,
        // GitLab would open one of a branch that is not there.
        versions: vec![(oid.unwrap(), at.asked.at)],
        approved: Default::default(),
        notes: Vec::new(),
    };
    at.hosted.pulls.insert(number, pull);
    Ok(Reply::One(201, at.shape(&at.hosted.pulls[&number])))
}

fn update(at: &mut At<'_>, number: &str) -> Answered {
    let number = at.pull(number)?.number;
    let body = &at.asked.body;
    if body.as_object().is_none_or(serde_json::Map::is_empty) {
        return Err(Reply::Refused(
            400,
            json!({ "error": "title, description, labels are missing, at least one must be provided" }),
        ));
    }
    let (reviewers, assignees, more) = (people(at, "reviewer_ids"), assignees(at), labels(at, "add_labels"));
    if body["title"].as_str().is_some_and(|title| title.chars().count() > 255) {
        return Err(Reply::Refused(400, json!({ "message": { "title": ["is too long (maximum is 255 characters)"] } })));
    }
    let words = body["description"].as_str().map(|words| at.hosted.kept(words));
    let pull = at.hosted.pulls.get_mut(&number).unwrap();
    if let Some(title) = body["title"].as_str() {
        pull.title = title.to_owned();
    }
    pull.body = words.unwrap_or(std::mem::take(&mut pull.body));
    pull.asked = reviewers.unwrap_or(std::mem::take(&mut pull.asked));
    pull.assigned = assignees.unwrap_or(std::mem::take(&mut pull.assigned));
    for label in more {
        if !pull.labels.contains(&label) {
            pull.labels.push(label);
        }
    }
    if body["state_event"] == "close" && pull.is_open() {
        pull.closed_by = Some(at.who.to_owned());
    }
    Ok(Reply::One(200, at.shape(&at.hosted.pulls[&number])))
}

fn merge(at: &mut At<'_>, number: &str) -> Answered {
    let number = at.pull(number)?.number;
    let sha = at.asked.body["sha"].as_str().unwrap_or_default();
    at.hosted.merge_by_the_rules(at.who, number, sha, at.asked.at)?;
    Ok(Reply::One(200, at.shape(&at.hosted.pulls[&number])))
}
