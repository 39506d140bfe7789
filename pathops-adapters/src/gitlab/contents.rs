//! Files and folders of a commit, which never change and are read once.
//!
//! GitLab's API names no tree of a commit and none of a file's bytes by itself. A tree's id is the digest of what it lists, as
//! Git defines it, so it is computed from the list.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use gitlab::api::projects::repository::Tree;
use gitlab::api::projects::repository::files::FileRaw;
use http::StatusCode;
use pathops_core::adapter::{SourceFile, SourceTree};
use pathops_core::{CommitId, Effect, ErrorKind, RepoPath, Result, TreeId};
use serde::Deserialize;

use super::client::Call;
use super::commits;
use crate::rest::Freshness;
use crate::rest::objects::{self, Listed};

/// How much [`read_tree`] reads at most.
const READ_LIMIT_BYTES: usize = 64 * 1024 * 1024;
/// How many files are read at once.
pub(super) const AT_ONCE: usize = 8;

pub(super) const FILE: &str = "100644";
pub(super) const EXECUTABLE: &str = "100755";

/// A file or folder in a tree.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Entry {
    pub(super) id: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    path: String,
    pub(super) mode: String,
}

impl Entry {
    pub(super) fn is_folder(&self) -> bool {
        self.kind == "tree"
    }

    /// Symbolic links and submodules are none.
    fn is_file(&self) -> bool {
        self.kind == "blob" && (self.mode == FILE || self.mode == EXECUTABLE)
    }
}

/// What a folder of a commit lists, or `None` where there is no such folder.
async fn list(call: &Call<'_>, commit: &CommitId, folder: &RepoPath, recursive: bool) -> Result<Option<Vec<Entry>>> {
    let mut described = Tree::builder();
    described.project(call.project()).ref_(commit.as_str()).recursive(recursive);
    if folder != &RepoPath::root() {
        described.path(folder.as_str());
    }
    let asked = call.ask(described.build())?.by_key();
    let found: Option<Vec<Entry>> = call.listed(asked, Freshness::Never, usize::MAX).await?;
    match found {
        Some(found) if !found.is_empty() => Ok(Some(found)),
        // Which of the two is missing GitLab does not say, and older ones list nothing in a folder that is not there.
        found => {
            commits::known(call, commit).await?;
            Ok(found.filter(|_| folder == &RepoPath::root()))
        }
    }
}

/// Everything in a commit, by path.
pub(super) async fn listing(call: &Call<'_>, commit: &CommitId) -> Result<BTreeMap<String, Entry>> {
    let all = list(call, commit, &RepoPath::root(), true).await?.unwrap_or_default();
    Ok(all.into_iter().map(|entry| (entry.path.clone(), entry)).collect())
}

/// The tree of a commit.
pub(super) async fn root(call: &Call<'_>, commit: &CommitId) -> Result<TreeId> {
    let entries = list(call, commit, &RepoPath::root(), false).await?.unwrap_or_default();
    tree_id(&entries, commit)
        .ok_or_else(|| call.error(ErrorKind::Invalid, "it holds a name that is no UTF-8, and so has no known tree"))
}

/// The id of the tree with these entries, by the digest that the commit has.
fn tree_id(entries: &[Entry], commit: &CommitId) -> Option<TreeId> {
    if entries.iter().any(|entry| entry.name.contains(char::REPLACEMENT_CHARACTER)) {
        return None;
    }
    let listed = entries.iter().map(|Entry { mode, name, id, .. }| Listed { mode, name, id });
    objects::tree_id(listed.collect(), commit.as_str())?.parse().ok()
}

/// A symbolic link is read as the path it leads to.
pub(super) async fn read_file(call: &Call<'_>, commit: &CommitId, path: &RepoPath) -> Result<Option<Vec<u8>>> {
    if path == &RepoPath::root() {
        return commits::known(call, commit).await.map(|()| None);
    }
    let described = FileRaw::builder().project(call.project()).file_path(path.as_str()).ref_(commit.as_str()).build();
    let answer = call.fetch(call.ask(described)?, Freshness::Never).await?;
    if answer.status == StatusCode::NOT_FOUND {
        return commits::known(call, commit).await.map(|()| None);
    }
    Ok(Some(call.good(answer, Effect::None)?.body.clone()))
}

pub(super) async fn tree_at(call: &Call<'_>, commit: &CommitId, path: &RepoPath) -> Result<Option<TreeId>> {
    let (above, name) = match path.as_str().rsplit_once('/') {
        Some((above, name)) => (above.parse().map_err(|e| call.error(ErrorKind::Invalid, e))?, name),
        None => (RepoPath::root(), path.as_str()),
    };
    if name.is_empty() {
        return root(call, commit).await.map(Some);
    }
    let beside = list(call, commit, &above, false).await?.unwrap_or_default();
    let folder = beside.into_iter().find(|entry| entry.is_folder() && entry.name == name);
    folder.map(|entry| entry.id.parse().map_err(|e| call.attempt.strange(e))).transpose()
}

pub(super) async fn read_tree(call: &Call<'_>, commit: &CommitId, path: &RepoPath) -> Result<SourceTree> {
    let all = list(call, commit, path, true).await?.unwrap_or_default();
    let mut files = Vec::new();
    for entry in all.into_iter().filter(Entry::is_file) {
        let at: RepoPath = entry.path.parse().map_err(|e| call.error(ErrorKind::Invalid, e))?;
        files.push((at, entry));
    }
    let read = async |(at, entry): (RepoPath, Entry)| {
        let bytes = blob(call, &entry.id).await?;
        Ok::<_, pathops_core::Error>((at, SourceFile { bytes, executable: entry.mode == EXECUTABLE }))
    };
    // GitLab lists no sizes.
    let (mut tree, mut size) = (SourceTree::new(), 0_usize);
    let mut reads = stream::iter(files).map(read).buffer_unordered(AT_ONCE);
    while let Some((at, file)) = reads.try_next().await? {
        size = size.saturating_add(file.bytes.len());
        if size > READ_LIMIT_BYTES {
            let limit = READ_LIMIT_BYTES / (1024 * 1024);
            let error = call.error(ErrorKind::Invalid, format_args!("the files are larger than {limit} MiB together"));
            return Err(error.advise("read a smaller folder"));
        }
        tree.insert(at, file);
    }
    Ok(tree)
}

async fn blob(call: &Call<'_>, id: &str) -> Result<Vec<u8>> {
    let answer = call.fetch(call.look(&format!("/repository/blobs/{id}/raw"))?, Freshness::Never).await?;
    Ok(call.good(answer, Effect::None)?.body.clone())
}

/// The files that differ between two commits; without an old one, all of the new one. GitLab's own comparison leaves out files
/// past a size, and does not say so.
pub(super) async fn differences(call: &Call<'_>, old: Option<&CommitId>, new: &CommitId) -> Result<Vec<RepoPath>> {
    let old = match old {
        Some(commit) => listing(call, commit).await?,
        None => BTreeMap::new(),
    };
    let new = listing(call, new).await?;
    let files = |all: &BTreeMap<String, Entry>| -> Vec<(String, Entry)> {
        all.iter().filter(|(_, entry)| !entry.is_folder()).map(|(path, entry)| (path.clone(), entry.clone())).collect()
    };
    let mut paths: Vec<String> =
        files(&new).into_iter().filter(|(path, entry)| old.get(path) != Some(entry)).map(|(path, _)| path).collect();
    paths.extend(files(&old).into_iter().filter(|(path, _)| new.get(path).is_none_or(Entry::is_folder)).map(|(path, _)| path));
    let mut paths: Vec<RepoPath> =
        paths.iter().map(|path| path.parse().map_err(|e| call.attempt.strange(e))).collect::<Result<_>>()?;
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::objects::object_id;

    fn entry(mode: &str, name: &str, id: &str) -> Entry {
        let kind = if mode == "040000" { "tree" } else { "blob" };
        Entry { id: id.to_owned(), name: name.to_owned(), kind: kind.to_owned(), path: name.to_owned(), mode: mode.to_owned() }
    }

    /// As `git hash-object` and `git mktree` say.
    #[test]
    fn objects_have_the_ids_that_git_gives_them() {
        let commit: CommitId = "0123456789".repeat(4).parse().unwrap();
        assert_eq!(object_id("blob", b"a\n", commit.as_str()), "78981922613b2afb6025042ff6bd878ac1994e85");
        let empty = tree_id(&[], &commit).unwrap();
        assert_eq!(empty.as_str(), "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
        let wide: CommitId = "0123456789abcdef".repeat(4).parse().unwrap();
        assert_eq!(tree_id(&[], &wide).unwrap().as_str(), "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321");
        let file = "78981922613b2afb6025042ff6bd878ac1994e85";
        let all = [entry("040000", "a", empty.as_str()), entry("100644", "a.b", file), entry("100755", "a-b", file)];
        assert_eq!(tree_id(&all, &commit).unwrap().as_str(), EXPECTED);
        assert_eq!(tree_id(&[entry("100644", "n\u{fffd}me", file)], &commit), None);
    }

    const EXPECTED: &str = "a9a2ba5eb4bfd01487775d4eea063108b828158d";
}
