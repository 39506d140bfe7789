//! Pull requests.

use pathops_core::UnixMillis;
use serde_json::{Value, json};

use super::hosted::{At, Hosted, Merging, Pull};
use super::shapes::{account, label, shaped, team};
use super::{Answered, Reply};

impl Hosted {
    /// Merges a pull request if it still is at `head` and its base branch lets it be; says what that points to then.
    pub(super) fn merge_by_the_rules(&mut self, who: &str, number: u64, head: &str, at: UnixMillis) -> Answered<String> {
        self.follow();
        let pull = self.pulls.get(&number).ok_or_else(Reply::not_found)?;
        if !pull.is_open() {
            return Err(Reply::refused(405, "Pull Request is not mergeable"));
        }
        if pull.draft {
            return Err(Reply::refused(405, "Pull Request is still a draft"));
        }
        if self.queues.contains(&pull.base) {
            let words = "Repository rule violations found\n\nChanges must be made through the merge queue\n\n";
            return Err(Reply::refused(405, words));
        }
        if head != pull.head {
            return Err(Reply::refused(409, "Head branch was modified. Review and try the merge again."));
        }
        if let Some(rules) = self.protections.get(&pull.base) {
            let approvals =
                pull.reviews.iter().filter(|review| review["state"] == "APPROVED" && review["commit_id"] == pull.head).count();
            if approvals < rules.required_approvals as usize {
                return Err(Reply::refused(405, "At least 1 approving review is required by reviewers with write access."));
            }
            let missing = rules.required_checks.iter().find(|check| !self.passed(&pull.head, check.as_str()));
            if let Some(check) = missing {
                return Err(Reply::refused(405, format!("Required status check \"{check}\" is expected.")));
            }
        }
        if self.conflicts(pull) {
            return Err(Reply::refused(405, "Pull Request is not mergeable"));
        }
        Ok(self.merge(who, number, Merging::Commit, at))
    }

    /// A pull request; in a list GitHub says less.
    fn pull_shape(&self, pull: &Pull, listed: bool) -> Value {
        let repo = self.shape();
        let head_repo = pull.head_repo.map(|id| {
            let mut repo = repo.clone();
            repo["id"] = id.into();
            repo
        });
        let owner = account(self.name.split_once('/').unwrap().0);
        let side = |branch: &str, sha: &str, repo: Option<Value>| json!({ "label": format!("x:{branch}"), "ref": branch, "sha": sha, "user": owner, "repo": repo });
        let base = self.branch(&pull.base).unwrap().to_string();
        let (merger, commit, at) = match &pull.merged {
            Some((who, commit, at)) => (Some(account(who)), Some(commit.clone()), Some(at.to_string())),
            None => (None, None, None),
        };
        let mut shape = shaped(
            "pull-request",
            json!({
                "number": pull.number, "title": pull.title, "body": pull.body, "state": if pull.is_open() { "open" } else { "closed" },
                "user": account(&pull.by), "merged_at": at, "merge_commit_sha": commit, "merged": pull.merged.is_some(), "merged_by": merger,
                "requested_reviewers": pull.asked.iter().map(|login| account(login)).collect::<Vec<_>>(), "requested_teams": pull.asked_teams.iter().map(|slug| team(slug)).collect::<Vec<_>>(),
                "labels": pull.labels.iter().map(|name| label(name)).collect::<Vec<_>>(), "draft": pull.draft,
                "assignees": pull.assigned.iter().map(|login| account(login)).collect::<Vec<_>>(),
                "node_id": format!("PR_{}_{}", self.id, pull.number),
                "html_url": format!("https://github.invalid/{}/pull/{}", self.name, pull.number),
                "author_association": "MEMBER", "auto_merge": null, "comments": pull.comments.len(),
            }),
        );
        shape["base"] = side(&pull.base, &base, Some(repo));
        shape["head"] = side(&pull.head_branch, &pull.head, head_repo);
        if listed {
            for whole_only in
                ["merged", "merged_by", "mergeable", "mergeable_state", "comments", "review_comments", "commits", "additions"]
            {
                shape.as_object_mut().unwrap().remove(whole_only);
            }
        }
        shape
    }
}

pub(super) fn answer(at: &mut At<'_>, method: &str, rest: &[&str]) -> Answered {
    match (method, rest) {
        ("GET", ["pulls"]) => list(at),
        ("POST", ["pulls"]) => open(at),
        ("GET", ["pulls", number]) => shape(at, number, false),
        ("PATCH", ["pulls", number]) => update(at, number),
        ("PUT", ["pulls", number, "merge"]) => merge(at, number),
        ("POST" | "DELETE", ["pulls", number, "requested_reviewers"]) => ask(at, method, number),
        _ => Err(Reply::not_found()),
    }
}

fn shape(at: &mut At<'_>, number: &str, listed: bool) -> Answered {
    let number = at.hosted.pull(number)?.number;
    Ok(Reply::One(200, at.hosted.pull_shape(&at.hosted.pulls[&number], listed)))
}

fn list(at: &mut At<'_>) -> Answered {
    at.hosted.follow();
    let query = &at.asked.query;
    let owner = at.hosted.name.split_once('/').unwrap().0;
    let wanted = |pull: &&Pull| {
        let head = query.get("head").is_none_or(|head| *head == format!("{owner}:{}", pull.head_branch));
        let state = match query.get("state").map(String::as_str) {
            Some("all") => true,
            Some("closed") => !pull.is_open(),
            _ => pull.is_open(),
        };
        head && state && query.get("base").is_none_or(|base| *base == pull.base)
    };
    let mut all: Vec<Value> = at.hosted.pulls.values().filter(wanted).map(|pull| at.hosted.pull_shape(pull, true)).collect();
    if query.get("direction").is_none_or(|direction| direction == "desc") {
        all.reverse();
    }
    Ok(Reply::List(all))
}

fn open(at: &mut At<'_>) -> Answered {
    let text = |field: &str| at.asked.body[field].as_str().unwrap_or_default().to_owned();
    let (title, head, base) = (text("title"), text("head"), text("base"));
    if title.chars().count() > 256 {
        return Err(Reply::invalid("title", "custom", "title is too long (maximum is 256 characters)"));
    }
    let Some(oid) = at.hosted.branch(&head) else { return Err(Reply::invalid("head", "invalid", "")) };
    let Some(onto) = at.hosted.branch(&base) else { return Err(Reply::invalid("base", "invalid", "")) };
    let same =
        |pull: &&Pull| pull.is_open() && pull.head_branch == head && pull.base == base && pull.head_repo == Some(at.hosted.id);
    if at.hosted.pulls.values().any(|pull| same(&pull)) {
        let owner = at.hosted.name.split_once('/').unwrap().0;
        return Err(Reply::invalid("", "custom", &format!("A pull request already exists for {owner}:{head}.")));
    }
    if onto == oid || at.hosted.git.graph_descendant_of(onto, oid).unwrap() {
        return Err(Reply::invalid("", "custom", &format!("No commits between {base} and {head}")));
    }
    let draft = at.asked.body["draft"] == true;
    if draft && !at.hosted.drafts {
        return Err(Reply::refused(422, "Draft pull requests are not supported in this repository."));
    }
    let number = at.hosted.pulls.keys().last().map_or(1, |last| last + 1);
    let pull = Pull {
        number,
        title,
        body: text("body"),
        by: at.who.login.clone(),
        head_branch: head,
        head_repo: Some(at.hosted.id),
        head: oid.to_string(),
        base,
        closed_by: None,
        merged: None,
        asked: Vec::new(),
        asked_teams: Vec::new(),
        draft,
        labels: Vec::new(),
        assigned: Vec::new(),
        queue: Vec::new(),
        reviews: Vec::new(),
        comments: Vec::new(),
    };
    let shape = at.hosted.pull_shape(&pull, false);
    at.hosted.pulls.insert(number, pull);
    Ok(Reply::One(201, shape))
}

fn update(at: &mut At<'_>, number: &str) -> Answered {
    let (body, login) = (&at.asked.body, at.who.login.clone());
    let pull = at.hosted.pull(number)?;
    if let Some(title) = body["title"].as_str() {
        pull.title = title.to_owned();
    }
    if let Some(words) = body["body"].as_str() {
        pull.body = words.to_owned();
    }
    if body["state"] == "closed" && pull.is_open() {
        pull.closed_by = Some(login);
    }
    shape(at, number, false)
}

fn ask(at: &mut At<'_>, method: &str, number: &str) -> Answered {
    let people: Vec<String> = serde_json::from_value(at.asked.body["reviewers"].clone()).unwrap();
    let mut teams: Vec<String> = serde_json::from_value(at.asked.body["team_reviewers"].clone()).unwrap_or_default();
    // A team is the same in any letter case.
    teams.iter_mut().for_each(|team| team.make_ascii_lowercase());
    let pull = at.hosted.pull(number)?;
    if people.contains(&pull.by) {
        return Err(Reply::refused(422, "Review cannot be requested from pull request author."));
    }
    pull.asked.retain(|asked| !people.contains(asked));
    pull.asked_teams.retain(|asked| !teams.contains(asked));
    if method == "POST" {
        pull.asked.extend(people);
        pull.asked_teams.extend(teams);
    }
    let status = if method == "POST" { 201 } else { 200 };
    let number = pull.number;
    Ok(Reply::One(status, at.hosted.pull_shape(&at.hosted.pulls[&number], true)))
}

fn merge(at: &mut At<'_>, number: &str) -> Answered {
    let number = at.hosted.pull(number)?.number;
    assert_eq!(at.asked.body["merge_method"], "merge");
    let head = at.asked.body["sha"].as_str().unwrap();
    let merged = at.hosted.merge_by_the_rules(&at.who.login, number, head, at.asked.at)?;
    Ok(Reply::One(200, json!({ "sha": merged, "merged": true, "message": "Pull Request successfully merged" })))
}
