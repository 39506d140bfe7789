//! Commits, files and folders.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use git2::{ObjectType, Oid, TreeWalkMode, TreeWalkResult};
use pathops_core::UnixMillis;
use serde_json::{Value, json};

use super::hosted::At;
use super::{Answered, Reply};
use crate::git::{self, Entries};

const EXECUTABLE: u32 = 0o100_755;
const FILE: u32 = 0o100_644;

pub(super) fn answer(at: &mut At<'_>, method: &str, rest: &[&str]) -> Answered {
    match (method, rest) {
        ("GET", [_, "commits", sha]) => {
            let oid = at.hosted.find(sha)?.id();
            Ok(Reply::One(200, at.commit(oid)))
        }
        ("GET", [_, "commits"]) => log(at),
        ("POST", [_, "commits"]) => make(at),
        ("GET", [_, "tree"]) => listing(at),
        ("GET", [_, "files", path, "raw"]) => {
            let tree = at.hosted.find(at.asked.text("ref").unwrap())?.tree().unwrap();
            let entry = tree.get_path(Path::new(path)).map_err(|_| Reply::not_found("File"))?;
            let blob = at.hosted.git.find_blob(entry.id()).map_err(|_| Reply::not_found("File"))?;
            Ok(Reply::Raw(blob.content().to_vec()))
        }
        ("GET", [_, "blobs", sha, "raw"]) => {
            let oid = Oid::from_str(sha).map_err(|_| Reply::not_found("Blob"))?;
            let blob = at.hosted.git.find_blob(oid).map_err(|_| Reply::not_found("Blob"))?;
            Ok(Reply::Raw(blob.content().to_vec()))
        }
        ("GET", [_, "merge_base"]) => {
            let refs = &at.asked.query["refs[]"];
            let found = |name: &String| at.hosted.find(name).map(|commit| commit.id());
            let [Ok(one), Ok(other)] = [found(&refs[0]), found(&refs[1])] else {
                return Err(Reply::refused(400, &format!("Could not find ref: {}", refs.join(", "))));
            };
            let parted = at.hosted.git.merge_base(one, other).map_err(|_| Reply::not_found("Merge Base"))?;
            Ok(Reply::One(200, at.commit(parted)))
        }
        _ => Err(Reply::not_found("Route")),
    }
}

impl At<'_> {
    pub(super) fn commit(&self, oid: Oid) -> Value {
        let commit = self.hosted.git.find_commit(oid).unwrap();
        let (message, author, committer) = (commit.message().unwrap(), commit.author(), commit.committer());
        let date = UnixMillis(author.when().seconds() * 1000).to_string();
        json!({
            "id": oid.to_string(), "short_id": oid.to_string()[..8], "title": message.lines().next().unwrap_or_default(), "message": message,
            "parent_ids": commit.parent_ids().map(|oid| oid.to_string()).collect::<Vec<_>>(),
            "author_name": author.name().unwrap(), "author_email": author.email().unwrap(), "authored_date": date,
            "committer_name": committer.name().unwrap(), "committer_email": committer.email().unwrap(), "committed_date": date,
            "created_at": date, "trailers": {}, "extended_trailers": {},
            "web_url": format!("https://gitlab.invalid/{}/-/commit/{oid}", self.hosted.name),
        })
    }
}

fn log(at: &At<'_>) -> Answered {
    let range = at.asked.text("ref_name").unwrap_or("main");
    let (base, head) = range.split_once("..").map_or((None, range), |(base, head)| (Some(base), head));
    let base = base.map(|base| at.hosted.find(base).map(|commit| commit.id())).transpose()?;
    let head = at.hosted.find(head)?.id();
    Ok(Reply::List(git::history(&at.hosted.git, head, base).into_iter().map(|oid| at.commit(oid)).collect()))
}

fn listing(at: &At<'_>) -> Answered {
    let missing = || Reply::not_found("Tree");
    let root = at.hosted.find(at.asked.text("ref").unwrap()).map_err(|_| missing())?.tree().unwrap();
    let above = at.asked.text("path").map(|path| format!("{path}/")).unwrap_or_default();
    let tree = match at.asked.text("path") {
        Some(path) => {
            let entry = root.get_path(Path::new(path)).map_err(|_| missing())?;
            at.hosted.git.find_tree(entry.id()).map_err(|_| missing())?
        }
        None => root,
    };
    let recursive = at.asked.text("recursive") == Some("true");
    let mut entries = Vec::new();
    tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
        let (name, kind) = (entry.name().unwrap(), entry.kind().unwrap());
        entries.push(json!({
            "id": entry.id().to_string(), "name": name, "type": kind.str(), "path": format!("{above}{folder}{name}"),
            "mode": format!("{:06o}", entry.filemode()),
        }));
        if recursive { TreeWalkResult::Ok } else { TreeWalkResult::Skip }
    })
    .unwrap();
    // Folders first, as GitLab lists them.
    entries.sort_by_key(|entry| entry["type"] != "tree");
    Ok(Reply::List(entries))
}

fn make(at: &mut At<'_>) -> Answered {
    let body = &at.asked.body;
    let text = |name: &str| body[name].as_str().unwrap();
    let branch = text("branch");
    assert!(body.get("force").is_none() && body.get("start_branch").is_none(), "nothing is overwritten");
    let head = at
        .hosted
        .branch(branch)
        .ok_or_else(|| Reply::refused(400, "You can only create or edit files when you are on a branch"))?;
    if at.hosted.protections.contains_key(branch) {
        return Err(Reply::refused(403, "You are not allowed to push into this branch"));
    }
    let actions = body["actions"].as_array().filter(|actions| !actions.is_empty());
    let actions = actions.ok_or_else(|| Reply::refused(400, "actions is empty"))?;
    let mut tree = at.hosted.git.find_commit(head).unwrap().tree_id();
    for action in actions {
        tree = act(at, tree, action)?;
    }
    let by = (text("author_name"), text("author_email"));
    // GitLab dates it itself.
    let made = at.hosted.make(tree, &[head], text("commit_message"), by, at.asked.at);
    at.hosted.point(branch, made);
    at.hosted.follow(at.asked.at);
    Ok(Reply::One(201, at.commit(made)))
}

/// The tree after an action.
fn act(at: &At<'_>, tree: Oid, action: &Value) -> Answered<Oid> {
    let path = action["file_path"].as_str().unwrap();
    let root = at.hosted.git.find_tree(tree).unwrap();
    let there = root.get_path(Path::new(path)).ok();
    let is_file = there.as_ref().is_some_and(|entry| entry.kind() == Some(ObjectType::Blob));
    let refused = |why: &str| Reply::refused(400, why);
    let mode = there.as_ref().map_or(FILE, |entry| u32::try_from(entry.filemode()).unwrap());
    let content = || {
        assert_eq!(action["encoding"], "base64");
        at.hosted.git.blob(&STANDARD.decode(action["content"].as_str().unwrap()).unwrap()).unwrap()
    };
    let entry = match action["action"].as_str().unwrap() {
        "create" if there.is_some() => return Err(refused("A file with this name already exists")),
        "create" => Some((content(), FILE)),
        _ if !is_file => return Err(refused("A file with this name doesn't exist")),
        "update" => Some((content(), mode)),
        "delete" => None,
        "chmod" => {
            let executable = action["execute_filemode"].as_bool().unwrap();
            Some((there.unwrap().id(), if executable { EXECUTABLE } else { FILE }))
        }
        other => panic!("the action {other}"),
    };
    Ok(git::edited(&at.hosted.git, Some(tree), &Entries::from([(path.to_owned(), entry)])).unwrap())
}
