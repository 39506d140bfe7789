//! Objects of Git, contents, histories and comparisons.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use git2::{Commit, ObjectType, Oid, Signature, Time, TreeWalkMode, TreeWalkResult};
use pathops_core::UnixMillis;
use serde_json::{Value, json};

use super::hosted::{At, Hosted};
use super::shapes::{account, shaped};
use super::{Answered, Reply};
use crate::git;

/// How many files a comparison lists.
const LISTED: usize = 300;
/// How large a file may be for its content to come along; less than GitHub's, so that a test need not be large.
const INLINE: usize = 100_000;

pub(super) fn answer(at: &mut At<'_>, method: &str, rest: &[&str]) -> Answered {
    match (method, rest) {
        ("GET", ["git", "commits", sha]) => Ok(Reply::One(200, plain(&at.hosted.find(sha)?))),
        ("POST", ["git", "commits"]) => commit(at),
        ("GET", ["git", "trees", sha]) => listing(at, sha),
        ("POST", ["git", "trees"]) => tree(at),
        ("GET", ["git", "blobs", sha]) => blob(at, sha),
        ("POST", ["git", "blobs"]) => {
            assert_eq!(at.asked.body["encoding"], "base64");
            let bytes = STANDARD.decode(at.asked.body["content"].as_str().unwrap()).unwrap();
            Ok(Reply::One(
                201,
                json!({ "url": "https://github.invalid", "sha": at.hosted.git.blob(&bytes).unwrap().to_string() }),
            ))
        }
        ("GET", ["contents", path @ ..]) => contents(at, &path.join("/")),
        ("GET", ["commits"]) => {
            let head = at.hosted.find(&at.asked.query["sha"])?.id();
            Ok(Reply::List(git::history(&at.hosted.git, head, None).into_iter().map(|oid| whole(at.hosted, oid)).collect()))
        }
        ("GET", ["compare", between]) => compare(at, between),
        _ => Err(Reply::not_found()),
    }
}

fn signature(by: &Signature<'_>) -> Value {
    let at = UnixMillis(by.when().seconds() * 1000).to_string();
    json!({ "name": by.name().unwrap(), "email": by.email().unwrap(), "date": at })
}

/// As an object of Git.
fn plain(commit: &Commit<'_>) -> Value {
    let parents: Vec<Value> = commit
        .parent_ids()
        .map(|oid| json!({ "sha": oid.to_string(), "url": "https://github.invalid", "html_url": "https://github.invalid" }))
        .collect();
    shaped(
        "git-commit",
        json!({
            "sha": commit.id().to_string(), "message": commit.message().unwrap(), "parents": parents,
            "tree": { "sha": commit.tree_id().to_string() }, "author": signature(&commit.author()), "committer": signature(&commit.committer()),
        }),
    )
}

/// With what GitHub knows about it.
fn whole(hosted: &Hosted, oid: Oid) -> Value {
    let commit = hosted.git.find_commit(oid).unwrap();
    let parents: Vec<Value> =
        commit.parent_ids().map(|oid| json!({ "sha": oid.to_string(), "url": "https://github.invalid" })).collect();
    let author = commit.author();
    // Whoever has an address of this host is known by it.
    let login = author.email().unwrap().strip_suffix("@users.noreply.127.0.0.1");
    shaped(
        "commit",
        json!({
            "sha": oid.to_string(), "parents": parents, "author": login.map(account), "committer": null,
            "commit": {
                "message": commit.message().unwrap(), "tree": { "sha": commit.tree_id().to_string() },
                "author": signature(&author), "committer": signature(&commit.committer()),
            },
        }),
    )
}

fn commit(at: &At<'_>) -> Answered {
    let body = &at.asked.body;
    let oid = |value: &Value| Oid::from_str(value.as_str().unwrap()).unwrap();
    let by = &body["author"];
    assert_eq!(by, &body["committer"], "or the commit would not be the same every time");
    let date: UnixMillis = by["date"].as_str().unwrap().parse().unwrap();
    let by = Signature::new(by["name"].as_str().unwrap(), by["email"].as_str().unwrap(), &Time::new(date.0 / 1000, 0)).unwrap();
    let parents: Vec<Oid> = body["parents"].as_array().unwrap().iter().map(oid).collect();
    let made = at.hosted.make_by(oid(&body["tree"]), &parents, body["message"].as_str().unwrap(), &by);
    let made = made.ok_or_else(|| Reply::refused(422, "Tree SHA does not exist"))?;
    Ok(Reply::One(201, plain(&at.hosted.git.find_commit(made).unwrap())))
}

fn tree_shape(hosted: &Hosted, oid: Oid, recursive: bool) -> Value {
    let tree = hosted.git.find_tree(oid).unwrap();
    let mut entries = Vec::new();
    tree.walk(TreeWalkMode::PreOrder, |above, entry| {
        let kind = entry.kind().unwrap();
        let mut shape = json!({
            "path": format!("{above}{}", entry.name().unwrap()), "mode": format!("{:06o}", entry.filemode()), "type": kind.str(),
            "sha": entry.id().to_string(), "url": "https://github.invalid",
        });
        if kind == ObjectType::Blob {
            shape["size"] = hosted.git.find_blob(entry.id()).unwrap().size().into();
        }
        entries.push(shape);
        if recursive { TreeWalkResult::Ok } else { TreeWalkResult::Skip }
    })
    .unwrap();
    json!({ "sha": oid.to_string(), "url": "https://github.invalid", "tree": entries, "truncated": false })
}

fn listing(at: &At<'_>, sha: &str) -> Answered {
    let oid = Oid::from_str(sha).ok().filter(|oid| at.hosted.git.find_tree(*oid).is_ok()).ok_or_else(Reply::not_found)?;
    let recursive = at.asked.query.contains_key("recursive");
    let mut shape = tree_shape(at.hosted, oid, recursive);
    let entries = shape["tree"].as_array_mut().unwrap();
    // GitHub does so past 100,000 entries.
    if recursive && entries.len() > 1000 {
        entries.truncate(1000);
        shape["truncated"] = true.into();
    }
    Ok(Reply::One(200, shape))
}

fn tree(at: &At<'_>) -> Answered {
    let body = &at.asked.body;
    let base = Oid::from_str(body["base_tree"].as_str().unwrap()).unwrap();
    let mut entries = BTreeMap::new();
    for entry in body["tree"].as_array().unwrap() {
        let mode = u32::from_str_radix(entry["mode"].as_str().unwrap(), 8).unwrap();
        let blob = match (&entry["content"], &entry["sha"]) {
            (Value::String(text), Value::Null) => Some(at.hosted.git.blob(text.as_bytes()).unwrap()),
            (Value::Null, Value::String(sha)) => Some(Oid::from_str(sha).unwrap()),
            (Value::Null, Value::Null) => None,
            _ => panic!("content and digest of one file"),
        };
        entries.insert(entry["path"].as_str().unwrap().to_owned(), blob.map(|oid| (oid, mode)));
    }
    let (gone, there): (BTreeMap<_, _>, BTreeMap<_, _>) = entries.into_iter().partition(|(_, entry)| entry.is_none());
    let without = git::edited(&at.hosted.git, Some(base), &gone).ok_or_else(|| Reply::refused(422, "GitRPC::BadObjectState"))?;
    let made = git::edited(&at.hosted.git, Some(without), &there).unwrap();
    Ok(Reply::One(201, tree_shape(at.hosted, made, false)))
}

fn blob(at: &At<'_>, sha: &str) -> Answered {
    let oid = Oid::from_str(sha).map_err(|_| Reply::not_found())?;
    let blob = at.hosted.git.find_blob(oid).map_err(|_| Reply::not_found())?;
    assert!(at.asked.accept.contains("raw"));
    Ok(Reply::Raw(blob.content().to_vec()))
}

fn contents(at: &At<'_>, path: &str) -> Answered {
    let tree = at.hosted.find(&at.asked.query["ref"])?.tree().unwrap();
    let entry = tree.get_path(Path::new(path)).map_err(|_| Reply::not_found())?;
    let (sha, name) = (entry.id().to_string(), path.rsplit('/').next().unwrap());
    let links = json!({ "git": null, "html": null, "self": "https://github.invalid" });
    match entry.kind().unwrap() {
        ObjectType::Blob => {
            let blob = at.hosted.git.find_blob(entry.id()).unwrap();
            let (content, encoding) = match blob.size() {
                small if small <= INLINE => (lines(&STANDARD.encode(blob.content())), "base64"),
                _ => (String::new(), "none"),
            };
            Ok(Reply::One(
                200,
                shaped(
                    "content-file",
                    json!({
                        "type": "file", "encoding": encoding, "size": blob.size(), "name": name, "path": path, "sha": sha, "content": content,
                        "git_url": null, "html_url": null, "download_url": null, "_links": links,
                    }),
                ),
            ))
        }
        _ => Ok(Reply::One(
            200,
            shaped(
                "content-tree",
                json!({
                    "type": "dir", "size": 0, "name": name, "path": path, "sha": sha, "entries": [], "git_url": null, "html_url": null,
                    "download_url": null, "_links": links,
                }),
            ),
        )),
    }
}

/// In lines, as GitHub sends it.
fn lines(text: &str) -> String {
    text.as_bytes().chunks(60).map(|line| format!("{}\n", std::str::from_utf8(line).unwrap())).collect()
}

fn compare(at: &At<'_>, between: &str) -> Answered {
    let (base, head) = between.split_once("...").unwrap();
    let (base, head) = (at.hosted.find(base)?.id(), at.hosted.find(head)?.id());
    let git = &at.hosted.git;
    let parted =
        git.merge_base(base, head).map_err(|_| Reply::refused(404, format!("No common ancestor between {base} and {head}.")))?;
    let (ahead, behind) = git.graph_ahead_behind(head, base).unwrap();
    let status = match (ahead, behind) {
        (0, 0) => "identical",
        (_, 0) => "ahead",
        (0, _) => "behind",
        _ => "diverged",
    };
    let [old, new] = [parted, head].map(|oid| git.find_commit(oid).unwrap().tree().unwrap());
    let mut diff = git.diff_tree_to_tree(Some(&old), Some(&new), None).unwrap();
    diff.find_similar(None).unwrap();
    let files: Vec<Value> = diff
        .deltas()
        .take(LISTED)
        .map(|delta| {
            let path = |file: git2::DiffFile<'_>| file.path().map(|path| path.to_str().unwrap().to_owned());
            let (status, before) = match delta.status() {
                git2::Delta::Renamed => ("renamed", path(delta.old_file())),
                git2::Delta::Added => ("added", None),
                git2::Delta::Deleted => ("removed", None),
                _ => ("modified", None),
            };
            let mut shape = shaped(
                "diff-entry",
                json!({ "filename": path(delta.new_file()), "status": status, "sha": delta.new_file().id().to_string() }),
            );
            if let Some(before) = before {
                shape["previous_filename"] = before.into();
            }
            shape
        })
        .collect();
    let mut commits = git::history(&at.hosted.git, head, Some(base));
    commits.reverse();
    let mut shape = shaped(
        "commit-comparison",
        json!({
            "base_commit": whole(at.hosted, base), "merge_base_commit": whole(at.hosted, parted), "status": status, "ahead_by": ahead,
            "behind_by": behind, "total_commits": ahead, "files": files,
        }),
    );
    shape["commits"] = commits.into_iter().map(|oid| whole(at.hosted, oid)).collect();
    Ok(Reply::Part(shape, "commits"))
}
