//! Commits: making them without a clone, reading, listing and comparing them.
//!
//! GitLab makes a commit in one call, on whatever the branch points to by then, and dates it itself. So the last line of the
//! message says which request it is of, and for when; it is taken off again where a commit is read.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use gitlab::api::projects::repository::commits::{Commit as OneCommit, Commits};
use http::{Method, StatusCode};
use pathops_core::adapter::{Commit, Comparison, NewCommit, SourceFile};
use pathops_core::{CommitId, Digest, Effect, ErrorKind, Result, UnixMillis};
use serde::Deserialize;
use serde_json::{Value, json};

use super::branches;
use super::client::Call;
use super::contents::{self, AT_ONCE, EXECUTABLE, Entry, FILE};
use super::errors::{short, words};
use super::people::People;
use crate::rest::Freshness;
use crate::rest::changes::{Changes, checked};
use crate::rest::objects::object_id;
use crate::rest::order::sorted;

/// How many commits are counted and looked through.
const COUNTED: usize = 100_000;
/// The trailer that a commit of ours ends with.
const REQUEST: &str = "PathOps-Request: ";

/// A commit, as GitLab gives it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Found {
    id: CommitId,
    #[serde(default)]
    message: String,
    #[serde(default)]
    parent_ids: Vec<CommitId>,
    #[serde(default)]
    author_name: String,
    #[serde(default)]
    author_email: String,
    authored_date: String,
}

/// Makes what a request asks for. GitLab takes all of it or nothing.
pub(super) async fn commit(call: &Call<'_>, new: &NewCommit) -> Result<CommitId> {
    if new.at.0 < 0 || new.message.contains('\0') {
        return Err(call.error(ErrorKind::Invalid, "Git holds no date before 1970 and no NUL character in a message"));
    }
    let Some(head) = branches::head(call, &new.branch).await? else {
        return Err(call.error(ErrorKind::NotFound, "there is no such branch"));
    };
    let request = request(new);
    if head != new.expected_head {
        let made = made_before(call, new, &request, &head).await?;
        return made.ok_or_else(|| branches::moved(call, &head, &new.expected_head));
    }
    let there = contents::listing(call, &head).await?;
    let files = there.iter().filter(|(_, entry)| !entry.is_folder()).map(|(path, _)| path.as_str()).collect();
    let changes = checked(files, &new.changes).map_err(|why| call.error(ErrorKind::Invalid, why))?;
    let (name, email) = call.people().await?.written(&new.author);
    let wish = json!({
        "branch": new.branch, "commit_message": marked(&new.message, &request, new.at), "author_name": name, "author_email": email,
        "actions": actions(call, &there, &changes)?, "stats": false,
    });
    let answer = call.sent(call.write(Method::POST, "/repository/commits", &wish)?).await?;
    match answer.status {
        status if status.is_success() => {}
        // Everything was looked at before, so this is about what came since.
        StatusCode::BAD_REQUEST => match branches::head(call, &new.branch).await? {
            Some(now) if now != head => return Err(branches::moved(call, &now, &head)),
            _ => return Err(call.error(ErrorKind::Invalid, words(&answer))),
        },
        _ => return Err(call.attempt.refused(&answer, Effect::Unknown)),
    }
    let made: Found = call.parse(&answer, Effect::Unknown)?;
    if made.parent_ids != [new.expected_head.clone()] {
        let reason = format!("it moved in the instant before: {} was made on another commit", short(&made.id));
        let error = call.error(ErrorKind::Conflict, reason).with_effect(Effect::Unknown);
        return Err(error.advise("read the branch again: it has both"));
    }
    Ok(made.id)
}

/// What GitLab is to do with each file. It makes no commit of nothing, so then a file gets the mode that it has.
fn actions(call: &Call<'_>, there: &BTreeMap<String, Entry>, changes: &Changes<'_>) -> Result<Vec<Value>> {
    let mode = |path: &str, executable| json!({ "action": "chmod", "file_path": path, "execute_filemode": executable });
    let mut actions = Vec::new();
    // What goes makes room.
    for (path, _) in changes.iter().filter(|(_, file)| file.is_none()) {
        actions.push(json!({ "action": "delete", "file_path": path }));
    }
    for (path, file) in changes.iter().filter_map(|(path, file)| Some((path, (*file)?))) {
        let before = there.get(path.as_str()).filter(|entry| !entry.is_folder());
        let action = if before.is_some() { "update" } else { "create" };
        actions.push(json!({
            "action": action, "file_path": path, "encoding": "base64", "content": STANDARD.encode(&file.bytes),
        }));
        if before.map_or(FILE, |entry| entry.mode.as_str()) != mode_of(file) {
            actions.push(mode(path.as_str(), file.executable));
        }
    }
    if actions.is_empty() {
        let file = there.iter().find(|(_, entry)| [FILE, EXECUTABLE].contains(&entry.mode.as_str()));
        let (path, entry) = file.ok_or_else(|| call.error(ErrorKind::Invalid, "GitLab makes no commit without any file"))?;
        actions.push(mode(path, entry.mode == EXECUTABLE));
    }
    Ok(actions)
}

fn mode_of(file: &SourceFile) -> &'static str {
    if file.executable { EXECUTABLE } else { FILE }
}

/// What makes a request the same one.
fn request(new: &NewCommit) -> String {
    let changes: BTreeMap<&str, Option<(String, bool)>> = new
        .changes
        .iter()
        .map(|change| (change.path.as_str(), change.file.as_ref().map(|file| (Digest::of(&file.bytes).hex(), file.executable))))
        .collect();
    let whole = json!([new.expected_head, new.message, new.author.to_string(), new.at.0, changes]);
    Digest::of(whole.to_string().as_bytes()).hex()
}

/// A message with the trailer: among those that it has, or after its words.
fn marked(message: &str, request: &str, at: UnixMillis) -> String {
    let is_trailer =
        |line: &str| line.split_once(": ").is_some_and(|(key, _)| !key.is_empty() && !key.contains(char::is_whitespace));
    let words = message.trim_end();
    let ends_in_trailers = words.rsplit_once("\n\n").is_some_and(|(_, last)| last.lines().all(is_trailer));
    let gap = if ends_in_trailers { "\n" } else { "\n\n" };
    format!("{words}{gap}{REQUEST}{request} {at}\n")
}

/// A message without the trailer, and what that says: the request, and when.
fn unmarked(message: &str) -> (&str, Option<(&str, UnixMillis)>) {
    let ended = message.trim_end();
    let found = ended.rsplit_once('\n').and_then(|(words, last)| {
        let (request, at) = last.strip_prefix(REQUEST)?.split_once(' ')?;
        Some((words.trim_end(), Some((request, at.parse().ok()?))))
    });
    found.unwrap_or((message, None))
}

/// The commit that the request made before, where the branch holds it. The trailer could be anybody's, so what is in it is
/// looked at.
async fn made_before(call: &Call<'_>, new: &NewCommit, request: &str, head: &CommitId) -> Result<Option<CommitId>> {
    let since = found_between(call, Some(&new.expected_head), head, COUNTED).await?;
    for found in since.into_iter().filter(|found| found.parent_ids == [new.expected_head.clone()]) {
        let is_of = unmarked(&found.message).1.is_some_and(|(of, _)| of == request);
        if is_of && holds(call, new, &found.id).await? {
            return Ok(Some(found.id));
        }
    }
    Ok(None)
}

/// Whether a commit is what the request asks for, file by file.
async fn holds(call: &Call<'_>, new: &NewCommit, commit: &CommitId) -> Result<bool> {
    let files = |all: BTreeMap<String, Entry>| -> BTreeMap<String, (String, String)> {
        all.into_iter().filter(|(_, entry)| !entry.is_folder()).map(|(path, entry)| (path, (entry.mode, entry.id))).collect()
    };
    let mut expected = files(contents::listing(call, &new.expected_head).await?);
    for change in &new.changes {
        let path = change.path.as_str();
        match &change.file {
            Some(file) => {
                let id = object_id("blob", &file.bytes, commit.as_str());
                expected.insert(path.to_owned(), (mode_of(file).to_owned(), id));
            }
            None => drop(expected.remove(path)),
        }
    }
    Ok(expected == files(contents::listing(call, commit).await?))
}

async fn find(call: &Call<'_>, commit: &CommitId) -> Result<Found> {
    let described = OneCommit::builder().project(call.project()).commit(commit.as_str()).stats(false).build();
    let found: Found = call.get(call.ask(described)?, Freshness::Never).await?;
    if found.id == *commit { Ok(found) } else { Err(call.error(ErrorKind::NotFound, "there is no such commit")) }
}

/// Fails where there is no such commit.
pub(super) async fn known(call: &Call<'_>, commit: &CommitId) -> Result<()> {
    find(call, commit).await.map(drop)
}

pub(super) async fn read(call: &Call<'_>, commit: &CommitId) -> Result<Commit> {
    let found = find(call, commit).await?;
    view(call, call.people().await?, found).await
}

async fn view(call: &Call<'_>, people: &People, found: Found) -> Result<Commit> {
    let (message, request) = unmarked(&found.message);
    let author = format!("{} <{}>", found.author_name, found.author_email);
    let at = match request {
        Some((_, at)) => at,
        None => found.authored_date.parse().map_err(|e| call.attempt.strange(e))?,
    };
    Ok(Commit {
        tree: contents::root(call, &found.id).await?,
        id: found.id,
        parents: found.parent_ids,
        authors: people.authors(&author, message),
        message: message.to_owned(),
        author,
        at,
    })
}

/// What is reachable from `head` and not from `base`, as long as that is no more than `enough`.
async fn found_between(call: &Call<'_>, base: Option<&CommitId>, head: &CommitId, enough: usize) -> Result<Vec<Found>> {
    known(call, head).await?;
    let range = match base {
        Some(base) => {
            known(call, base).await?;
            format!("{base}..{head}")
        }
        None => head.to_string(),
    };
    let described = Commits::builder().project(call.project()).ref_name(range).build();
    let found = call.listed(call.ask(described)?, Freshness::Never, enough).await?;
    found.ok_or_else(|| call.error(ErrorKind::NotFound, "there are no such commits"))
}

pub(super) async fn log(call: &Call<'_>, base: Option<&CommitId>, head: &CommitId, limit: usize) -> Result<Vec<Commit>> {
    let found = found_between(call, base, head, limit).await?;
    if found.len() > limit {
        return Err(call.error(ErrorKind::Invalid, format_args!("there are more than {limit} commits")));
    }
    let people = call.people().await?;
    let viewed = stream::iter(found).map(|found| view(call, people, found)).buffer_unordered(AT_ONCE);
    Ok(sorted(viewed.try_collect().await?))
}

pub(super) async fn compare(call: &Call<'_>, base: &CommitId, head: &CommitId) -> Result<Comparison> {
    let count = async |from: &CommitId, to: &CommitId| {
        found_between(call, Some(from), to, COUNTED).await.map(|found| u64::try_from(found.len()).unwrap_or(u64::MAX))
    };
    let (ahead, behind) = (count(base, head).await?, count(head, base).await?);
    let parted = call.look(&format!("/repository/merge_base?refs[]={base}&refs[]={head}"))?;
    let parted: Option<Found> = call.find(parted, Freshness::Never).await?;
    let parted = parted.map(|found| found.id);
    let files = contents::differences(call, parted.as_ref(), head).await?;
    Ok(Comparison { merge_base: parted, ahead, behind, files })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trailer_joins_others_and_comes_off_again() {
        let (request, at) = ("ab".repeat(32), UnixMillis(1_790_000_000_000));
        for (message, lines) in [("Change", 3), ("Change\n\nWords: no trailer here\nbut words", 6), ("Change\n\nKey: value\n", 4)]
        {
            let marked = marked(message, &request, at);
            assert_eq!(marked.lines().count(), lines, "{marked}");
            assert_eq!(unmarked(&marked), (message.trim_end(), Some((request.as_str(), at))));
        }
        for plain in ["", "Change", "Change\n\nPathOps-Request: ab\n", "Change\n\nPathOps-Request: ab soon"] {
            assert_eq!(unmarked(plain), (plain, None));
        }
    }
}
