//! Commits: making them without a clone, reading, listing and comparing them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, StatusCode};
use pathops_core::adapter::{Commit, Comparison, FileChange, NewCommit};
use pathops_core::{CommitId, Effect, ErrorKind, RepoPath, Result, Retry, TreeId, UnixMillis};
use serde::Deserialize;
use serde_json::{Value, json};

use super::branches;
use super::client::{Call, JSON, Write};
use super::contents::{self, EXECUTABLE, FILE};
use super::errors::Words;
use super::people::{Account, People};
use crate::rest::Freshness;
use crate::rest::changes::{Changes, checked};
use crate::rest::order::sorted;

/// How many bytes of text go into a tree at once; what does not fit there is sent by itself.
const INLINE_BYTES: usize = 4 * 1024 * 1024;
/// A comparison lists so many files and no more.
const LISTED_FILES: usize = 300;
/// How many commits are counted where two histories have nothing in common.
const COUNTED: usize = 100_000;

/// A commit, as GitHub gives it.
#[derive(Deserialize)]
struct Found {
    sha: CommitId,
    commit: Content,
    parents: Vec<Named<CommitId>>,
    author: Option<Value>,
}

#[derive(Deserialize)]
struct Content {
    message: String,
    tree: Named<TreeId>,
    author: Option<Signature>,
}

#[derive(Deserialize)]
struct Signature {
    #[serde(default)]
    name: String,
    #[serde(default)]
    email: String,
    date: String,
}

#[derive(Deserialize)]
struct Named<T> {
    sha: T,
}

#[derive(Deserialize)]
struct Compared {
    merge_base_commit: Named<CommitId>,
    ahead_by: u64,
    behind_by: u64,
    #[serde(default)]
    files: Vec<Changed>,
}

#[derive(Deserialize)]
struct Changed {
    filename: String,
    status: String,
    previous_filename: Option<String>,
}

/// Makes what a request asks for, and moves the branch there. Until the branch moves, nothing leads to what was made.
///
/// Where this adapter has left the branch a moment ago is not looked at again: whoever has moved it on since makes the last call fail. Who
/// puts it back is overruled, as between any look and that call: the branch gets what the caller expects there, and the new commit.
pub(super) async fn commit(call: &Call<'_>, new: &NewCommit) -> Result<CommitId> {
    let mut early = None;
    if branches::left_at(call, &new.branch).as_ref() == Some(&new.expected_head) {
        let made = tried(call, new).await?;
        if let Ok(made) = &made {
            match branches::advance(call, &new.branch, &new.expected_head, made).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {} // It was made before, or somebody else was faster.
                moved => return moved.map(|()| made.clone()),
            }
        }
        early = Some(made);
    }
    let Some(head) = branches::head(call, &new.branch).await? else {
        return Err(call.error(ErrorKind::NotFound, "there is no such branch"));
    };
    let made = match early {
        Some(made) => made,
        None => tried(call, new).await?,
    };
    if head != new.expected_head {
        return match made {
            Ok(made) if contains(call, &head, &made).await? => Ok(made), // The same request was made before.
            _ => Err(branches::moved(call, &head, &new.expected_head)),
        };
    }
    let made = made?;
    branches::advance(call, &new.branch, &head, &made).await?;
    Ok(made)
}

/// The commit, or why it can never be made, which counts only where the head is the one that it is for.
async fn tried(call: &Call<'_>, new: &NewCommit) -> Result<Result<CommitId>> {
    match make(call, new).await {
        Err(error) if error.retry() != Retry::Never => Err(error),
        made => Ok(made),
    }
}

/// The commit, with nothing that leads to it. The same request makes the same one.
async fn make(call: &Call<'_>, new: &NewCommit) -> Result<CommitId> {
    if new.at.0 < 0 || new.message.contains('\0') {
        return Err(call.error(ErrorKind::Invalid, "Git holds no date before 1970 and no NUL character in a message"));
    }
    let base = contents::root(call, &new.expected_head).await?;
    let tree = if new.changes.is_empty() { base } else { tree(call, &base, &new.changes).await? };
    let (name, email) = call.people().await?.written(&new.author);
    let by = json!({ "name": name, "email": email, "date": whole_second(new.at).to_string() });
    let wish = json!({
        "message": new.message, "tree": tree, "parents": [new.expected_head], "author": by, "committer": by,
    });
    let made: Named<CommitId> = call.send(Write::Unseen, Method::POST, &call.path("/git/commits"), &wish).await?;
    call.keep_root(&made.sha, &tree);
    Ok(made.sha)
}

fn whole_second(at: UnixMillis) -> UnixMillis {
    UnixMillis(at.0.div_euclid(1000).saturating_mul(1000))
}

/// The tree with the changes done to it. Where a file makes room for a folder, or a folder for a file, it goes first.
async fn tree(call: &Call<'_>, base: &TreeId, changes: &[FileChange]) -> Result<TreeId> {
    let there = contents::listing(call, base.as_str()).await?;
    let files = there.iter().filter(|(_, entry)| !entry.is_folder()).map(|(path, _)| path.as_str()).collect();
    let changes = checked(files, changes).map_err(|why| call.error(ErrorKind::Invalid, why))?;
    let (gone, new): (Changes<'_>, Changes<'_>) = changes.clone().into_iter().partition(|(_, file)| file.is_none());
    let swaps = new.keys().any(|new| gone.keys().any(|gone| new.is_within(gone) || gone.is_within(new)));
    let made = if swaps {
        let base = changed(call, base, gone).await?;
        changed(call, &base, new).await?
    } else {
        changed(call, base, gone.into_iter().chain(new).collect()).await?
    };
    call.keep_made(&there, &changes, &made);
    Ok(made)
}

async fn changed(call: &Call<'_>, base: &TreeId, changes: Changes<'_>) -> Result<TreeId> {
    let (mut entries, mut room) = (Vec::new(), INLINE_BYTES);
    for (path, file) in changes {
        let Some(file) = file else {
            entries.push(json!({ "path": path, "mode": FILE, "type": "blob", "sha": null }));
            continue;
        };
        let mode = if file.executable { EXECUTABLE } else { FILE };
        let text = std::str::from_utf8(&file.bytes).ok().filter(|text| !text.contains('\0') && text.len() <= room);
        entries.push(match text {
            Some(text) => {
                room = room.saturating_sub(text.len());
                json!({ "path": path, "mode": mode, "type": "blob", "content": text })
            }
            None => json!({ "path": path, "mode": mode, "type": "blob", "sha": blob(call, &file.bytes).await? }),
        });
    }
    let wish = json!({ "base_tree": base, "tree": entries });
    let made: Named<TreeId> = call.send(Write::Unseen, Method::POST, &call.path("/git/trees"), &wish).await?;
    Ok(made.sha)
}

async fn blob(call: &Call<'_>, bytes: &[u8]) -> Result<String> {
    let wish = json!({ "content": STANDARD.encode(bytes), "encoding": "base64" });
    let made: Named<String> = call.send(Write::Unseen, Method::POST, &call.path("/git/blobs"), &wish).await?;
    Ok(made.sha)
}

/// Whether `commit` is `head` or one of those it was made on.
async fn contains(call: &Call<'_>, head: &CommitId, commit: &CommitId) -> Result<bool> {
    Ok(compared(call, commit, head).await?.is_some_and(|compared| compared.behind_by == 0))
}

/// `None` where the two have nothing in common. How two commits differ never changes; whom GitHub knows by the addresses in those
/// between them does, so a list of them, which begins with the same page, asks again.
async fn compared(call: &Call<'_>, base: &CommitId, head: &CommitId) -> Result<Option<Compared>> {
    let path = call.path(&format!("/compare/{base}...{head}?per_page=100"));
    let answer = call.fetch(&path, JSON, Freshness::Never).await?;
    if answer.status == StatusCode::NOT_FOUND && Words::of(&answer).has("No common ancestor") {
        return Ok(None);
    }
    call.parse(&*call.good(answer, Effect::None)?, Effect::None).map(Some)
}

pub(super) async fn read(call: &Call<'_>, commit: &CommitId) -> Result<Commit> {
    // A list of one: it has whom GitHub knows by the author's address, and not what was changed.
    let found: Vec<Found> = call.get(&call.path(&format!("/commits?sha={commit}&per_page=1"))).await?;
    let people = call.people().await?;
    match found.into_iter().next() {
        Some(found) if found.sha == *commit => view(call, people, found),
        _ => Err(call.error(ErrorKind::NotFound, "there is no such commit")),
    }
}

fn view(call: &Call<'_>, people: &People, found: Found) -> Result<Commit> {
    let Content { message, tree, author } = found.commit;
    let (author, at) = match author {
        Some(Signature { name, email, date }) => {
            (format!("{name} <{email}>"), date.parse().map_err(|e| call.attempt.strange(e))?)
        }
        None => (String::new(), UnixMillis::default()),
    };
    // Where GitHub knows nobody it sends null, or an object without anything in it.
    let account: Option<Account> = found.author.and_then(|account| serde_json::from_value(account).ok());
    Ok(Commit {
        id: found.sha,
        tree: tree.sha,
        parents: found.parents.into_iter().map(|parent| parent.sha).collect(),
        authors: people.authors(&author, account.as_ref(), &message),
        message,
        author,
        at,
    })
}

pub(super) async fn log(call: &Call<'_>, base: Option<&CommitId>, head: &CommitId, limit: usize) -> Result<Vec<Commit>> {
    #[derive(Deserialize)]
    struct Page {
        commits: Vec<Found>,
    }
    let beside = match base {
        Some(base) if compared(call, base, head).await?.is_some() => {
            let path = call.path(&format!("/compare/{base}...{head}"));
            Some(call.pages_of(&path, |page: Page| page.commits, limit).await?)
        }
        _ => None, // Without a base, or with nothing in common, it is all of them.
    };
    let found = match beside {
        Some(found) => found,
        None => call.pages_of(&call.path(&format!("/commits?sha={head}")), |page: Vec<Found>| page, limit).await?,
    };
    if found.len() > limit {
        return Err(call.error(ErrorKind::Invalid, format_args!("there are more than {limit} commits")));
    }
    let people = call.people().await?;
    let commits = found.into_iter().map(|found| view(call, people, found)).collect::<Result<Vec<_>>>()?;
    Ok(sorted(commits))
}

pub(super) async fn compare(call: &Call<'_>, base: &CommitId, head: &CommitId) -> Result<Comparison> {
    let Some(compared) = compared(call, base, head).await? else {
        let count = async |of| log(call, None, of, COUNTED).await.map(|log| u64::try_from(log.len()).unwrap_or(u64::MAX));
        let (ahead, behind) = (count(head).await?, count(base).await?);
        let files = contents::differences(call, None, head).await?;
        return Ok(Comparison { merge_base: None, ahead, behind, files });
    };
    let parted = compared.merge_base_commit.sha;
    let files = if compared.files.len() >= LISTED_FILES {
        contents::differences(call, Some(&parted), head).await?
    } else {
        listed(call, compared.files)?
    };
    Ok(Comparison { merge_base: Some(parted), ahead: compared.ahead_by, behind: compared.behind_by, files })
}

/// Both sides of a rename differ.
fn listed(call: &Call<'_>, files: Vec<Changed>) -> Result<Vec<RepoPath>> {
    let names = files.into_iter().flat_map(|file| {
        let before = file.previous_filename.filter(|_| file.status == "renamed");
        [Some(file.filename), before].into_iter().flatten()
    });
    let mut paths: Vec<RepoPath> = names.map(|name| name.parse().map_err(|e| call.attempt.strange(e))).collect::<Result<_>>()?;
    paths.sort();
    paths.dedup();
    Ok(paths)
}
