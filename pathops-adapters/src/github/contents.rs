//! Files and folders of a commit. What is named by its digest is read once and kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use http::StatusCode;
use pathops_core::adapter::{SourceFile, SourceTree};
use pathops_core::{CommitId, Effect, ErrorKind, RepoPath, Result, TreeId};
use serde::Deserialize;

use super::client::{Call, OBJECT, RAW, escaped};
use super::objects::Listing;
use crate::rest::Freshness;
use crate::rest::objects::object_id;

/// How much [`read_tree`] reads at most.
const READ_LIMIT_BYTES: u64 = 64 * 1024 * 1024;
/// How many files are read at once.
const AT_ONCE: usize = 8;

pub(super) const FILE: &str = "100644";
pub(super) const EXECUTABLE: &str = "100755";
const FOLDER: &str = "040000";

/// A file or folder in a tree.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Entry {
    path: String,
    pub(super) mode: String,
    #[serde(rename = "type")]
    kind: String,
    pub(super) sha: String,
    #[serde(default)]
    size: u64,
}

impl Entry {
    /// A file that is made in a tree of this kind of id.
    pub(super) fn file(path: &str, file: &SourceFile, like: &TreeId) -> Self {
        let (mode, size) = (if file.executable { EXECUTABLE } else { FILE }, u64::try_from(file.bytes.len()).unwrap_or(u64::MAX));
        let sha = object_id("blob", &file.bytes, like.as_str());
        Self { path: path.to_owned(), mode: mode.to_owned(), kind: "blob".to_owned(), sha, size }
    }

    pub(super) fn folder(path: &str, sha: String) -> Self {
        Self { path: path.to_owned(), mode: FOLDER.to_owned(), kind: "tree".to_owned(), sha, size: 0 }
    }

    pub(super) fn is_folder(&self) -> bool {
        self.kind == "tree"
    }

    /// Symbolic links and submodules are none.
    fn is_file(&self) -> bool {
        self.kind == "blob" && (self.mode == FILE || self.mode == EXECUTABLE)
    }
}

#[derive(Deserialize)]
struct Listed {
    tree: Vec<Entry>,
    #[serde(default)]
    truncated: bool,
}

/// The tree of a commit.
pub(super) async fn root(call: &Call<'_>, commit: &CommitId) -> Result<TreeId> {
    #[derive(Deserialize)]
    struct Found {
        tree: Named,
    }
    #[derive(Deserialize)]
    struct Named {
        sha: TreeId,
    }
    if let Some(root) = call.known_root(commit) {
        return Ok(root);
    }
    let found: Found = call.get_fixed(&call.path(&format!("/git/commits/{commit}"))).await?;
    call.keep_root(commit, &found.tree.sha);
    Ok(found.tree.sha)
}

/// Everything in a tree, by path.
pub(super) async fn listing(call: &Call<'_>, tree: &str) -> Result<Listing> {
    if let Some(listing) = call.known_listing(tree) {
        return Ok(listing);
    }
    let listing = Arc::new(listed(call, tree).await?);
    call.keep_listing(tree, &listing);
    Ok(listing)
}

/// GitHub lists a large tree only in part; then it is read folder by folder.
async fn listed(call: &Call<'_>, tree: &str) -> Result<BTreeMap<String, Entry>> {
    let whole: Listed = call.get_fixed(&call.path(&format!("/git/trees/{tree}?recursive=1"))).await?;
    let by_path = |entries: Vec<Entry>| entries.into_iter().map(|entry| (entry.path.clone(), entry)).collect();
    if !whole.truncated {
        return Ok(by_path(whole.tree));
    }
    let (mut all, mut folders) = (Vec::new(), vec![(String::new(), tree.to_owned())]);
    while let Some((above, tree)) = folders.pop() {
        let folder: Listed = call.get_fixed(&call.path(&format!("/git/trees/{tree}"))).await?;
        if folder.truncated {
            return Err(
                call.error(ErrorKind::Invalid, format_args!("the folder `{above}` has too many entries for GitHub's API"))
            );
        }
        for entry in folder.tree {
            let path = format!("{above}{}", entry.path);
            if entry.is_folder() {
                folders.push((format!("{path}/"), entry.sha.clone()));
            }
            all.push(Entry { path, ..entry });
        }
    }
    Ok(by_path(all))
}

/// GitHub reads a symbolic link to a file of the repository as that file.
pub(super) async fn read_file(call: &Call<'_>, commit: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>> {
    #[derive(Deserialize)]
    struct Found {
        #[serde(rename = "type")]
        kind: String,
        sha: Option<String>,
        size: u64,
        content: Option<String>,
    }
    if path == &RepoPath::root() {
        return root(call, commit).await.map(|_| None);
    }
    if let Some(all) = call.known_files(commit) {
        match all.get(path.as_str()) {
            Some(entry) if entry.is_file() => return blob(call, &entry.sha).await.map(Some),
            Some(entry) if !entry.is_folder() => {} // Where a symbolic link leads, GitHub says.
            _ => return Ok(None),
        }
    }
    let address = call.path(&format!("/contents/{}?ref={commit}", escaped(path.as_str())));
    let answer = call.fetch(&address, OBJECT, Freshness::Never).await?;
    if answer.status == StatusCode::NOT_FOUND {
        return root(call, commit).await.map(|_| None);
    }
    let found: Found = call.parse(&*call.good(answer, Effect::None)?, Effect::None)?;
    if found.kind != "file" {
        return Ok(None);
    }
    let text: String = found.content.unwrap_or_default().split_whitespace().collect();
    match (text.is_empty() && found.size > 0, found.sha) {
        // Past a size GitHub leaves the content out.
        (true, Some(sha)) => blob(call, &sha).await.map(Some),
        _ => STANDARD.decode(text).map(Some).map_err(|e| call.attempt.strange(e)),
    }
}

pub(super) async fn tree_at(call: &Call<'_>, commit: &CommitId, path: &RepoPath) -> Result<Option<TreeId>> {
    let root = root(call, commit).await?;
    if path == &RepoPath::root() {
        return Ok(Some(root));
    }
    let all = listing(call, root.as_str()).await?;
    let folder = all.get(path.as_str()).filter(|entry| entry.is_folder());
    folder.map(|entry| entry.sha.parse().map_err(|e| call.attempt.strange(e))).transpose()
}

pub(super) async fn read_tree(call: &Call<'_>, commit: &CommitId, path: &RepoPath) -> Result<SourceTree> {
    let all = listing(call, root(call, commit).await?.as_str()).await?;
    let mut files = Vec::new();
    for entry in all.values().filter(|entry| entry.is_file()) {
        let at: RepoPath = entry.path.parse().map_err(|e| call.error(ErrorKind::Invalid, e))?;
        if at.is_within(path) && at != *path {
            files.push((at, entry.clone()));
        }
    }
    let size = files.iter().fold(0_u64, |sum, (_, entry)| sum.saturating_add(entry.size));
    if size > READ_LIMIT_BYTES {
        let limit = READ_LIMIT_BYTES / (1024 * 1024);
        let error = call.error(ErrorKind::Invalid, format_args!("the files are larger than {limit} MiB together"));
        return Err(error.advise("read a smaller folder"));
    }
    let read = async |(at, entry): (RepoPath, Entry)| {
        let bytes = blob(call, &entry.sha).await?;
        Ok((at, SourceFile { bytes, executable: entry.mode == EXECUTABLE }))
    };
    stream::iter(files).map(read).buffer_unordered(AT_ONCE).try_collect().await
}

async fn blob(call: &Call<'_>, sha: &str) -> Result<Vec<u8>> {
    if let Some(made) = call.known_file(sha) {
        return Ok(made.to_vec());
    }
    let answer = call.fetch(&call.path(&format!("/git/blobs/{sha}")), RAW, Freshness::Never).await?;
    Ok(call.good(answer, Effect::None)?.body.clone())
}

/// The files that differ between two trees; without an old one, all of the new one.
pub(super) async fn differences(call: &Call<'_>, old: Option<&CommitId>, new: &CommitId) -> Result<Vec<RepoPath>> {
    let old = match old {
        Some(commit) => listing(call, root(call, commit).await?.as_str()).await?,
        None => Listing::default(),
    };
    let new = listing(call, root(call, new).await?.as_str()).await?;
    let what = |entry: &Entry| (entry.mode.clone(), entry.sha.clone());
    let mut paths: Vec<&String> = Vec::new();
    paths.extend(new.iter().filter(|(path, entry)| old.get(*path).map(what) != Some(what(entry))).map(|(path, _)| path));
    paths.extend(old.keys().filter(|path| !new.contains_key(*path)));
    let folder = |path: &String| {
        old.get(path).or(new.get(path)).is_some_and(Entry::is_folder) && new.get(path).is_none_or(Entry::is_folder)
    };
    let files = paths.into_iter().filter(|path| !folder(path));
    let mut files: Vec<RepoPath> = files.map(|path| path.parse().map_err(|e| call.attempt.strange(e))).collect::<Result<_>>()?;
    files.sort();
    Ok(files)
}
